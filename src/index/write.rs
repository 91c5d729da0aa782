//! The file of a list while it is written: shards in any order, followed by the index.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::error::ListError;
use super::file::{Kind, Raw, SetFile};
use super::format::{Header, LIST_MAGIC, Shard, ShardMeta, encode_footer};
use super::paths::{create_private, open_if_there, publish};
use crate::conf::backend::Location;
use crate::object::{KeyRange, LibraryId};
use crate::sys::private_file::Access;

/// The file of an unfinished list. Many threads may add shards at once.
#[derive(Debug)]
pub(super) struct Output {
    path: PathBuf,
    file: File,
    header: Header,
    header_bytes: Vec<u8>,
    written: Mutex<Written>,
}

#[derive(Debug)]
struct Written {
    end: u64,
    shards: Vec<Shard>,
    /// The error of the write that failed; the file then takes no more shards.
    failed: Option<String>,
}

impl Output {
    /// Creates a list without shards, which replaces the file at `path`.
    pub(super) fn create(path: PathBuf, header: Header) -> Result<Self, ListError> {
        let file = create_private(&path)?;
        let header_bytes = header.encode(LIST_MAGIC);
        file.write_all_at(&header_bytes, 0).map_err(ListError::io("write", &path))?;
        let written = Written { end: header_bytes.len() as u64, shards: Vec::new(), failed: None };
        Ok(Self { path, file, header, header_bytes, written: Mutex::new(written) })
    }

    /// Opens the unfinished list at `path`, to be continued; `None` when there is none, or none of it can be kept.
    pub(super) fn resume(
        path: &Path,
        location: &Location,
        library: Option<LibraryId>,
    ) -> Result<Option<Self>, ListError> {
        let Some(file) = open_if_there(path, Access::ReadWrite)? else { return Ok(None) };
        let raw = match Raw::read(path, file) {
            Ok(Kind::List(raw)) => raw.bound_to(location, library)?,
            // A crash left the header half written. Nothing is kept, because the shards could belong to any
            // destination.
            Ok(Kind::Other(_)) | Err(ListError::Damaged { .. }) => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut shards = raw.scan()?;
        let end = shards.last().map_or(raw.header_bytes.len() as u64, Shard::end);
        shards.sort_unstable_by_key(|shard| shard.meta.range.first());
        if shards.windows(2).any(|pair| pair[0].meta.range.last() >= pair[1].meta.range.first()) {
            return Ok(None);
        }
        raw.file.set_len(end).map_err(ListError::io("cut", path))?;
        let written = Mutex::new(Written { end, shards, failed: None });
        let Raw { path, file, header, header_bytes, .. } = raw;
        Ok(Some(Self { path, file, header, header_bytes, written }))
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn header(&self) -> &Header {
        &self.header
    }

    /// Adds the record of a shard.
    pub(super) fn append(&self, meta: ShardMeta, record: &[u8]) -> Result<(), ListError> {
        let mut written = self.lock();
        self.usable(&written)?;
        if let Err(source) = self.file.write_all_at(record, written.end) {
            written.failed = Some(source.to_string());
            return Err(ListError::io("write", &self.path)(source));
        }
        let shard = Shard { offset: written.end, meta };
        written.end = shard.end();
        written.shards.push(shard);
        Ok(())
    }

    /// Fails when an earlier write failed.
    pub(super) fn check(&self) -> Result<(), ListError> {
        self.usable(&self.lock())
    }

    fn usable(&self, written: &Written) -> Result<(), ListError> {
        match &written.failed {
            Some(cause) => Err(ListError::Broken { path: self.path.clone(), cause: cause.clone() }),
            None => Ok(()),
        }
    }

    /// The ranges of keys that no shard covers, ascending.
    pub(super) fn uncovered(&self) -> Vec<KeyRange> {
        let mut ranges: Vec<_> = self.lock().shards.iter().map(|shard| shard.meta.range).collect();
        ranges.sort_unstable_by_key(KeyRange::first);
        without(self.header.range(), &ranges)
    }

    /// Whether there are far more shards than its number of keys needs.
    pub(super) fn is_scattered(&self) -> bool {
        let written = self.lock();
        let keys: usize = written.shards.iter().map(|shard| shard.meta.keys as usize).sum();
        written.shards.len() > 64 + 4 * keys / super::shard::SHARD_KEYS
    }

    /// Completes the list and renames it to `target`.
    pub(super) fn finish(self, target: &Path) -> Result<SetFile, ListError> {
        let written = self.complete()?;
        let footer = encode_footer(&self.header_bytes, &written.shards, written.end);
        self.file.write_all_at(&footer, written.end).map_err(ListError::io("write", &self.path))?;
        publish(&self.file, &self.path, target)?;
        self.into_file(target, written.shards, written.end + footer.len() as u64)
    }

    /// Opens the shards for reading without completing the file.
    pub(super) fn reopen(self) -> Result<SetFile, ListError> {
        let written = self.complete()?;
        let path = self.path.clone();
        self.into_file(&path, written.shards, written.end)
    }

    /// The shards in ascending order. Fails unless they cover every key exactly once.
    fn complete(&self) -> Result<Written, ListError> {
        self.check()?;
        let store = self.header.destination.clone();
        if let [first, ..] = self.uncovered()[..] {
            return Err(ListError::Incomplete { store, missing: self.uncovered().len(), first });
        }
        let (end, mut shards) = {
            let mut written = self.lock();
            (written.end, std::mem::take(&mut written.shards))
        };
        shards.sort_unstable_by_key(|shard| shard.meta.range.first());
        match shards.windows(2).find(|pair| !pair[0].meta.range.is_followed_by(&pair[1].meta.range)) {
            Some(pair) => Err(ListError::Order { store, what: format!("{} was listed twice", pair[1].meta.range) }),
            None => Ok(Written { end, shards, failed: None }),
        }
    }

    fn into_file(self, path: &Path, shards: Vec<Shard>, length: u64) -> Result<SetFile, ListError> {
        let Self { file, header, header_bytes, .. } = self;
        SetFile::new(Raw { path: path.to_owned(), file, length, header, header_bytes }, shards)
    }

    fn lock(&self) -> MutexGuard<'_, Written> {
        self.written.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The parts of `range` that are in none of the `covered` ranges, which ascend.
pub(super) fn without(range: KeyRange, covered: &[KeyRange]) -> Vec<KeyRange> {
    let (mut out, mut rest) = (Vec::new(), Some(range));
    for next in covered {
        let Some(open) = rest else { break };
        out.extend(open.before(next.first()));
        rest = open.after(next.last());
    }
    out.extend(rest);
    out
}
