//! The journal of a list: the objects that the destination confirmed since the list was made, in an append-only file.
//!
//! Every record has a checksum over itself and its position, and the number of records since its batch began. A
//! batch is made durable before the next one is written. So a bad record in the last batch is what a crash may
//! leave, and is cut off; a bad record before a later batch is damage.
//!
//! A journal holds the number of the index that it continues. A journal of another index is out of date:
//! its entries went into a newer list, or were discarded on purpose.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::entry::Entry;
use super::error::ListError;
use super::format::{Header, JOURNAL_MAGIC, VERSION};
use super::paths::{ListLock, create_private, open_if_there, publish};
use super::set::Index;
use crate::object::KeyRange;
use crate::store::Listed;
use crate::sys::private_file::Access;

const RECORD: usize = Entry::LEN + 6;
/// The most records of one batch; a record's distance from the first must fit 16 bits.
const BATCH_MAX: usize = 32 * 1024;
/// The number of records that are read at once.
const READ_RECORDS: u64 = 16 * 1024;

/// The journal of a list, open for appending.
#[derive(Debug)]
pub struct Journal {
    journal_file: JournalFile,
    /// The range of keys that the index covers.
    range: KeyRange,
    failed: Option<String>,
    _lock: ListLock,
}

impl Journal {
    /// Opens the journal of `set`, or begins one. Records that a crash left half written are cut off.
    ///
    /// # Errors
    /// [`ListError::Damaged`] when a record that was durable is bad.
    pub fn open(lock: &ListLock, set: &Index) -> Result<Self, ListError> {
        let path = lock.paths().journal();
        let journal_file = match JournalFile::open(&path, set, Access::ReadWrite)? {
            Some(journal_file) => {
                journal_file.cut()?;
                journal_file
            }
            None => JournalFile::create(&path, set.header())?,
        };
        Ok(Self { journal_file, range: set.header().range(), failed: None, _lock: lock.clone() })
    }

    /// The same journal without syncing to disk, for a list that is removed when the process ends.
    #[must_use]
    pub fn not_durable(mut self) -> Self {
        self.journal_file.durable = false;
        self
    }

    /// The number of records. One object may have several.
    pub const fn len(&self) -> u64 {
        self.journal_file.records
    }

    /// Whether the journal has no record.
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Records objects that the destination holds durably. When this returns, the records survive a power loss.
    ///
    /// # Errors
    /// When the records cannot be made durable; the journal then takes no more records. When an object belongs to
    /// another library than the index; then none of the objects is recorded.
    pub fn append(&mut self, objects: &[Listed]) -> Result<(), ListError> {
        if let Some(cause) = &self.failed {
            return Err(ListError::Broken { path: self.journal_file.path.clone(), cause: cause.clone() });
        }
        if let Some(stray) = objects.iter().find(|object| !self.range.contains(&object.key)) {
            return Err(ListError::Stray { path: self.journal_file.path.clone(), key: stray.key });
        }
        let done = objects.chunks(BATCH_MAX).try_for_each(|batch| self.journal_file.append(batch));
        // Kept, because a failed write may have left bad records, and a further batch after them would look like
        // damage.
        self.failed = done.as_ref().err().map(ToString::to_string);
        done
    }

    /// Every record, oldest first.
    ///
    /// # Errors
    /// An item is an error when the file cannot be read; nothing comes after it.
    pub fn records(&self) -> impl Iterator<Item = Result<Listed, ListError>> + '_ {
        self.journal_file.entries().map(|entry| entry.map(|entry| entry.listed()))
    }

    pub(super) const fn journal_file(&self) -> &JournalFile {
        &self.journal_file
    }
}

/// The records of a journal file.
#[derive(Debug)]
pub(super) struct JournalFile {
    path: PathBuf,
    file: File,
    /// The position of the first record in bytes.
    start: u64,
    records: u64,
    durable: bool,
}

impl JournalFile {
    /// Opens the journal of `set`; `None` when there is none, or it belongs to another index.
    pub(super) fn open(path: &Path, set: &Index, access: Access) -> Result<Option<Self>, ListError> {
        let Some(file) = open_if_there(path, access)? else { return Ok(None) };
        let length = file.metadata().map_err(ListError::io("read", path))?.len();
        let (header, start) = read_header(&file, path, length)?;
        if header.set_id != set.header().set_id {
            return Ok(None);
        }
        if (&header.destination, header.kind) != (&set.header().destination, set.header().kind) {
            return Err(ListError::damaged_journal(path, "it belongs to another destination than its list", 0));
        }
        let mut journal_file = Self { path: path.to_owned(), file, start, records: 0, durable: true };
        journal_file.records = journal_file.sound_records((length - start) / RECORD as u64)?;
        Ok(Some(journal_file))
    }

    /// Creates an empty journal, which replaces the file at `path`. It is renamed into place, so that the file
    /// never has half a header.
    fn create(path: &Path, set: &Header) -> Result<Self, ListError> {
        let header = Header { imported: false, ..set.clone() }.encode(JOURNAL_MAGIC);
        let mut new = path.as_os_str().to_owned();
        new.push(".new");
        let new = PathBuf::from(new);
        let file = create_private(&new)?;
        file.write_all_at(&header, 0).map_err(ListError::io("write", &new))?;
        publish(&file, &new, path)?;
        Ok(Self { path: path.to_owned(), file, start: header.len() as u64, records: 0, durable: true })
    }

    pub(super) const fn records(&self) -> u64 {
        self.records
    }

    /// The number of good records at the beginning of `whole` records.
    fn sound_records(&self, whole: u64) -> Result<u64, ListError> {
        let mut bad: Option<u64> = None;
        for from in (0..whole).step_by(READ_RECORDS as usize) {
            for (at, record) in (from..).zip(self.read(from, whole.min(from + READ_RECORDS))?) {
                match (decode(&record, at), bad) {
                    (None, None) => bad = Some(at),
                    (Some((_, back)), Some(bad)) if at - u64::from(back) > bad => {
                        return Err(ListError::damaged_journal(
                            &self.path,
                            "a record is not what was written",
                            self.offset(bad),
                        ));
                    }
                    _ => {}
                }
            }
        }
        Ok(bad.unwrap_or(whole))
    }

    /// Cuts off the bytes after the last good record.
    fn cut(&self) -> Result<(), ListError> {
        let end = self.offset(self.records);
        let length = self.file.metadata().map_err(ListError::io("read", &self.path))?.len();
        if length == end {
            return Ok(());
        }
        let cut = self.file.set_len(end).and_then(|()| self.file.sync_all());
        cut.map_err(ListError::io("cut", &self.path))
    }

    fn append(&mut self, batch: &[Listed]) -> Result<(), ListError> {
        let mut bytes = Vec::with_capacity(batch.len() * RECORD);
        for (back, object) in (0u16..).zip(batch) {
            bytes.extend(encode(&Entry::new(object), back, self.records + u64::from(back)));
        }
        self.file.write_all_at(&bytes, self.offset(self.records)).map_err(ListError::io("write", &self.path))?;
        if self.durable {
            self.file.sync_data().map_err(ListError::io("sync", &self.path))?;
        }
        self.records += batch.len() as u64;
        Ok(())
    }

    /// Every entry, oldest first.
    pub(super) fn entries(&self) -> impl Iterator<Item = Result<Entry, ListError>> + '_ {
        (0..self.records).step_by(READ_RECORDS as usize).flat_map(|from| {
            let damaged = |at| ListError::damaged_journal(&self.path, "a record has changed", self.offset(at));
            match self.read(from, self.records.min(from + READ_RECORDS)) {
                Ok(records) => (from..)
                    .zip(records)
                    .map(|(at, record)| decode(&record, at).map(|(entry, _)| entry).ok_or_else(|| damaged(at)))
                    .collect(),
                Err(error) => vec![Err(error)],
            }
        })
    }

    fn read(&self, from: u64, to: u64) -> Result<Vec<[u8; RECORD]>, ListError> {
        let count = usize::try_from(to - from).expect("a few thousand records are read at once");
        let mut bytes = vec![0; count * RECORD];
        self.file.read_exact_at(&mut bytes, self.offset(from)).map_err(ListError::io("read", &self.path))?;
        Ok(bytes.as_chunks().0.to_vec())
    }

    fn offset(&self, record: u64) -> u64 {
        self.start + record * RECORD as u64
    }
}

fn read_header(file: &File, path: &Path, length: u64) -> Result<(Header, u64), ListError> {
    let changed = || ListError::damaged_journal(path, "the header is not what was written", 0);
    let mut bytes = vec![0; 12];
    if length < bytes.len() as u64 {
        return Err(changed());
    }
    file.read_exact_at(&mut bytes, 0).map_err(ListError::io("read", path))?;
    let header_length = Header::length(&bytes, JOURNAL_MAGIC).map_err(|_| changed())?;
    if length < header_length as u64 {
        return Err(changed());
    }
    bytes.resize(header_length, 0);
    file.read_exact_at(&mut bytes, 0).map_err(ListError::io("read", path))?;
    let (header, _) = Header::decode(&bytes, JOURNAL_MAGIC).map_err(|_| changed())?;
    if header.version > VERSION {
        return Err(ListError::NewerVersion { path: path.to_owned(), found: header.version, known: VERSION });
    }
    Ok((header, header_length as u64))
}

/// Encodes record number `at` of the file, whose batch began `back` records before it.
fn encode(entry: &Entry, back: u16, at: u64) -> [u8; RECORD] {
    let mut out = [0; RECORD];
    out[..Entry::LEN].copy_from_slice(&entry.to_bytes());
    out[Entry::LEN..RECORD - 4].copy_from_slice(&back.to_le_bytes());
    let sum = checksum(&out, at);
    out[RECORD - 4..].copy_from_slice(&sum.to_le_bytes());
    out
}

fn decode(record: &[u8; RECORD], at: u64) -> Option<(Entry, u16)> {
    let (entry, rest) = record.split_first_chunk()?;
    let (back, sum) = rest.split_first_chunk()?;
    let back = u16::from_le_bytes(*back);
    let sound = checksum(record, at).to_le_bytes() == sum && u64::from(back) <= at;
    sound.then(|| (Entry::from_bytes(entry), back))
}

/// The CRC-32 of the record's position and of its bytes before the checksum.
fn checksum(record: &[u8; RECORD], at: u64) -> u32 {
    let mut hash = crc32fast::Hasher::new();
    hash.update(&at.to_le_bytes());
    hash.update(&record[..RECORD - 4]);
    hash.finalize()
}
