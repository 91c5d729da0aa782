//! A list file opened for reading: checked as a whole, then mapped.
//!
//! Opening a list reads the whole file once and compares every checksum, on all cores, so that a look-up in
//! an open list cannot fail. (100 million keys are 3.3 GB. Reading them takes seconds; the pass that follows takes
//! minutes and needs the same pages in the cache.)
//!
//! The check reads into a buffer and only look-ups use the map, because mapped pages that were
//! touched count as this process's memory. For the same reason a shard's pages are released to
//! the page cache when enough other shards have been used since.

use std::collections::VecDeque;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use memmap2::{Mmap, UncheckedAdvice};
use rayon::iter::{IntoParallelRefIterator, ParallelIterator};

use super::entry::Entry;
use super::error::ListError;
use super::format::{
    Header, LIST_MAGIC, NoHeader, RECORD_HEADER, Shard, ShardMeta, TRAILER, VERSION, decode_footer, index_offset,
};
use super::shard::ShardView;
use crate::conf::backend::Location;
use crate::object::{LibraryId, ObjectKey};

/// How many bytes of a list may stay mapped in memory: more than a hundred shards.
const RESIDENT_BYTES: u64 = 32 << 20;

/// How many bytes the kernel maps around a page that is touched (`fault_around_bytes` of Linux).
const FAULT_AROUND: usize = 64 << 10;

/// A list file whose header was read.
pub(super) struct Raw {
    pub(super) path: PathBuf,
    pub(super) file: File,
    pub(super) length: u64,
    pub(super) header: Header,
    pub(super) header_bytes: Vec<u8>,
}

/// Whether a file is a list.
pub(super) enum Kind {
    /// It has the header of a list.
    List(Raw),
    /// It does not begin as a list does.
    Other(File),
}

impl Raw {
    /// Reads the header of the file at `path`.
    pub(super) fn read(path: &Path, file: File) -> Result<Kind, ListError> {
        let length = file.metadata().map_err(ListError::io("read", path))?.len();
        let bad = || ListError::damaged(path, "the header is not what was written", 0);
        let start = read_up_to(&file, path, 12, length)?;
        let header_length = match Header::length(&start, LIST_MAGIC) {
            Ok(length) => length,
            Err(NoHeader::Changed) => return Err(bad()),
            Err(NoHeader::Short | NoHeader::Magic) => return Ok(Kind::Other(file)),
        };
        let header_bytes = read_up_to(&file, path, header_length, length)?;
        let (header, _) = Header::decode(&header_bytes, LIST_MAGIC).map_err(|_| bad())?;
        if header.version > VERSION {
            return Err(ListError::NewerVersion { path: path.to_owned(), found: header.version, known: VERSION });
        }
        Ok(Kind::List(Self { path: path.to_owned(), file, length, header, header_bytes }))
    }

    /// Refuses a list of another kind, destination or library than `location` and `library`.
    pub(super) fn bound_to(self, location: &Location, library: Option<LibraryId>) -> Result<Self, ListError> {
        let (path, expected) = (self.path.clone(), location.to_string());
        if self.header.kind != location.kind {
            return Err(ListError::OtherKind { path, found: self.header.kind, expected: location.kind });
        }
        if self.header.destination != expected {
            return Err(ListError::OtherDestination { path, found: self.header.destination, expected });
        }
        if self.header.library != library {
            let [found, expected] = [self.header.library, library].map(scope);
            return Err(ListError::OtherScope { path, found, expected });
        }
        Ok(self)
    }

    fn damaged(&self, what: &'static str, offset: u64) -> ListError {
        ListError::damaged(&self.path, what, offset)
    }

    fn read_at(&self, out: &mut [u8], offset: u64) -> Result<(), ListError> {
        self.file.read_exact_at(out, offset).map_err(ListError::io("read", &self.path))
    }

    /// The index of a complete list.
    fn index(&self) -> Result<Vec<Shard>, ListError> {
        let start = self.header_bytes.len() as u64;
        let no_end = || self.damaged("the end of the list is missing", self.length);
        let trailer_at = self.length.checked_sub(TRAILER as u64).ok_or_else(no_end)?;
        let mut trailer = [0; TRAILER];
        self.read_at(&mut trailer, trailer_at)?;
        let at = index_offset(&trailer, self.length).filter(|&at| at >= start).ok_or_else(no_end)?;
        let mut footer = vec![0; usize::try_from(self.length - at).expect("an index fits memory")];
        self.read_at(&mut footer, at)?;
        decode_footer(&self.header_bytes, &footer, at, self.header.range())
            .ok_or_else(|| self.damaged("the index is not what was written", at))
    }

    /// Reads a shard and compares it with its entry in the index. `buffer` saves an allocation for each shard.
    fn check(&self, shard: &Shard, buffer: &mut Vec<u8>) -> Result<(), ListError> {
        buffer.resize(RECORD_HEADER + shard.meta.body as usize, 0);
        self.read_at(buffer, shard.offset)?;
        let (head, body) = buffer.split_at(RECORD_HEADER);
        let same = head == shard.meta.encode()
            && shard.meta.checksum_over(body) == shard.meta.checksum
            && ShardView::new(&shard.meta, body).is_some();
        if same { Ok(()) } else { Err(self.damaged("a part of the list is not what was written", shard.offset)) }
    }

    /// The whole shards at the beginning of an unfinished list, in the order of the file. They are followed
    /// by the footer, or by a record that a crash left half written.
    pub(super) fn scan(&self) -> Result<Vec<Shard>, ListError> {
        let (mut shards, mut at, mut buffer) = (Vec::new(), self.header_bytes.len() as u64, Vec::new());
        while self.length - at >= RECORD_HEADER as u64 {
            let mut head = [0; RECORD_HEADER];
            self.read_at(&mut head, at)?;
            let Some(meta) = ShardMeta::decode(&head) else { break };
            let shard = Shard { offset: at, meta };
            if shard.end() > self.length || self.check(&shard, &mut buffer).is_err() {
                break;
            }
            at = shard.end();
            shards.push(shard);
        }
        Ok(shards)
    }

    /// Opens a complete list after checking every byte of it.
    pub(super) fn complete(self) -> Result<SetFile, ListError> {
        let shards = self.index()?;
        shards.par_iter().try_for_each_init(Vec::new, |buffer, shard| self.check(shard, buffer))?;
        SetFile::new(self, shards)
    }
}

fn scope(library: Option<LibraryId>) -> String {
    library.map_or_else(|| "all libraries".to_owned(), |library| format!("the library {library} only"))
}

/// Reads up to `wanted` bytes from the beginning of a file of `length` bytes.
fn read_up_to(file: &File, path: &Path, wanted: usize, length: u64) -> Result<Vec<u8>, ListError> {
    let available = usize::try_from(length).unwrap_or(usize::MAX);
    let mut out = vec![0; wanted.min(available)];
    file.read_exact_at(&mut out, 0).map_err(ListError::io("read", path))?;
    Ok(out)
}

/// A list whose shards were checked, mapped into memory.
pub(super) struct SetFile {
    pub(super) raw: Raw,
    /// In ascending order of their ranges.
    pub(super) shards: Vec<Shard>,
    map: Mmap,
    entered: Vec<AtomicBool>,
    resident: Mutex<Resident>,
}

#[derive(Default)]
struct Resident {
    shards: VecDeque<usize>,
    bytes: u64,
}

impl SetFile {
    /// Maps a file whose `shards`, ascending, have been checked or just written.
    pub(super) fn new(raw: Raw, shards: Vec<Shard>) -> Result<Self, ListError> {
        // SAFETY: a map is sound while nobody changes or truncates its file. Nobody does, because lists are written
        // once, under another name, and replaced by renaming; the lock keeps other runs away.
        let map = unsafe { Mmap::map(&raw.file) }.map_err(ListError::io("map", &raw.path))?;
        let entered = shards.iter().map(|_| AtomicBool::new(false)).collect();
        Ok(Self { raw, shards, map, entered, resident: Mutex::default() })
    }

    /// The position of the shard whose range holds `key`.
    pub(super) fn shard_of(&self, key: &ObjectKey) -> usize {
        self.shards.partition_point(|shard| shard.meta.range.last() < *key).min(self.shards.len().saturating_sub(1))
    }

    /// Opens a shard for look-ups.
    pub(super) fn view(&self, at: usize) -> ShardView<'_> {
        self.enter(at);
        let shard = &self.shards[at];
        ShardView::new(&shard.meta, &self.map[shard.body()]).expect("the shard was opened once when it was checked")
    }

    /// The entries of a shard, ascending.
    pub(super) fn entries(&self, at: usize) -> Result<Vec<Entry>, ListError> {
        self.view(at).entries().ok_or_else(|| self.no_names(at))
    }

    /// An entry of a shard, which holds some, chosen at random; see [`ShardView::random`].
    pub(super) fn random(&self, at: usize, random: &mut fastrand::Rng) -> Result<Entry, ListError> {
        self.view(at).random(random).ok_or_else(|| self.no_names(at))
    }

    fn no_names(&self, at: usize) -> ListError {
        self.raw.damaged("a part of the list holds entries that are not object names", self.shards[at].offset)
    }

    /// The whole record of a shard.
    pub(super) fn record(&self, at: usize) -> &[u8] {
        self.enter(at);
        let body = self.shards[at].body();
        &self.map[body.start - RECORD_HEADER..body.end]
    }

    /// Marks a shard as used, and releases the pages of the shards that were marked longest ago.
    fn enter(&self, at: usize) {
        if self.entered[at].load(Ordering::Relaxed) {
            return;
        }
        let mut resident = self.resident.lock().unwrap_or_else(PoisonError::into_inner);
        if self.entered[at].swap(true, Ordering::Relaxed) {
            return;
        }
        resident.shards.push_back(at);
        resident.bytes += self.shards[at].length();
        while resident.bytes > RESIDENT_BYTES && resident.shards.len() > 1 {
            let Some(oldest) = resident.shards.pop_front() else { break };
            resident.bytes -= self.shards[oldest].length();
            self.entered[oldest].store(false, Ordering::Relaxed);
            self.release(&self.shards[oldest]);
        }
    }

    fn release(&self, shard: &Shard) {
        let body = shard.body();
        // With the pages around it, because otherwise some 20 KB of each shard stay mapped. The neighbours' pages are
        // mapped again when they are touched.
        let (start, end) = (body.start.saturating_sub(FAULT_AROUND), self.map.len().min(body.end + FAULT_AROUND));
        // SAFETY: the map is read-only and backed by the file, so that a page dropped here comes
        // back from the page cache with the same bytes, also for a thread that is reading it now.
        let advised = unsafe { self.map.unchecked_advise_range(UncheckedAdvice::DontNeed, start, end - start) };
        // An error is ignored, because memory that is not released is no reason to fail.
        advised.unwrap_or_default();
    }
}
