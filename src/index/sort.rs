//! Sorts more entries than fit into memory: writes sorted runs to a temporary file and merges them while reading.
//!
//! The file has no name, so that nothing is left behind when the process is killed. It is in the
//! folder of the list, which has to have the space for a list of this size anyway.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rayon::slice::ParallelSliceMut;

use super::entry::Entry;
use super::error::ListError;
use crate::object::ObjectKey;

/// The number of entries that are sorted in memory: 21 MB, and twice that while sorting.
const RUN_ENTRIES: usize = 512 * 1024;
/// The number of entries of each run that are read at once: 16 MB for 100 million keys, which are 200 runs.
const READ_ENTRIES: usize = 2048;

/// Sorts entries. Of two entries with one key, the later one stays.
#[derive(Debug)]
pub(super) struct Sorter {
    folder: PathBuf,
    capacity: usize,
    buffer: Vec<Entry>,
    spilled: Option<BufWriter<File>>,
    runs: Vec<Run>,
}

/// Sorts keys that may come more than once, more of them than fit into memory.
#[derive(Debug)]
pub struct UniqueKeys(Sorter);

impl UniqueKeys {
    /// None yet; a temporary file without a name is created in `folder` when it is needed.
    pub fn new(folder: &Path) -> Self {
        Self(Sorter::new(folder))
    }

    /// Adds a key.
    ///
    /// # Errors
    /// When the temporary file cannot be written.
    pub fn push(&mut self, key: ObjectKey) -> Result<(), ListError> {
        self.0.push(Entry::from_code(key, 0))
    }

    /// The keys in ascending order, each once.
    ///
    /// # Errors
    /// When the temporary file cannot be written or read.
    pub fn sorted(self) -> Result<impl Iterator<Item = Result<ObjectKey, ListError>>, ListError> {
        Ok(self.0.sorted()?.map(|entry| entry.map(|entry| entry.key)))
    }
}

/// The unread rest of a sorted run in the temporary file: its position in bytes and its number of entries.
#[derive(Clone, Copy, Debug)]
struct Run {
    offset: u64,
    entries: usize,
}

impl Sorter {
    /// A sorter whose temporary file is created in `folder` when it is needed.
    pub(super) fn new(folder: &Path) -> Self {
        Self::with_capacity(folder, RUN_ENTRIES)
    }

    fn with_capacity(folder: &Path, capacity: usize) -> Self {
        Self { folder: folder.to_owned(), capacity, buffer: Vec::new(), spilled: None, runs: Vec::new() }
    }

    pub(super) fn push(&mut self, entry: Entry) -> Result<(), ListError> {
        if self.buffer.len() == self.capacity {
            self.spill().map_err(ListError::io("sort in", &self.folder))?;
        }
        self.buffer.push(entry);
        Ok(())
    }

    /// The entries that were pushed, ascending, no key twice.
    pub(super) fn sorted(mut self) -> Result<Sorted, ListError> {
        if self.runs.is_empty() {
            sort_run(&mut self.buffer);
            return Ok(Sorted { folder: self.folder, source: Source::Memory(self.buffer.into_iter()) });
        }
        let folder = self.folder.clone();
        let merge = self.spill().and_then(|()| self.merge());
        Ok(Sorted { source: Source::Runs(merge.map_err(ListError::io("sort in", &folder))?), folder })
    }

    fn spill(&mut self) -> io::Result<()> {
        sort_run(&mut self.buffer);
        let offset = self.runs.last().map_or(0, |run| run.offset + (run.entries * Entry::LEN) as u64);
        let out = match &mut self.spilled {
            Some(out) => out,
            none => none.insert(BufWriter::with_capacity(1 << 20, tempfile::tempfile_in(&self.folder)?)),
        };
        for entry in &self.buffer {
            out.write_all(&entry.to_bytes())?;
        }
        self.runs.push(Run { offset, entries: self.buffer.len() });
        self.buffer.clear();
        Ok(())
    }

    fn merge(self) -> io::Result<Merge> {
        let file = self.spilled.map(BufWriter::into_inner).transpose()?.map(Arc::new);
        let mut merge = Merge { runs: Vec::new(), heads: BinaryHeap::new() };
        for (at, run) in self.runs.into_iter().enumerate() {
            let file = file.clone().ok_or(io::ErrorKind::NotFound)?;
            merge.runs.push(RunReader { file, rest: run, buffer: Vec::new().into_iter() });
            merge.refill(at)?;
        }
        Ok(merge)
    }
}

/// Sorts by key and keeps the last entry of each key, because it is the newest.
fn sort_run(entries: &mut Vec<Entry>) {
    entries.par_sort_by_key(|entry| entry.key);
    entries.dedup_by(|later, kept| {
        let same = later.key == kept.key;
        if same {
            *kept = *later;
        }
        same
    });
}

/// The sorted entries of a [`Sorter`].
pub(super) struct Sorted {
    folder: PathBuf,
    source: Source,
}

enum Source {
    Memory(std::vec::IntoIter<Entry>),
    Runs(Merge),
}

impl Iterator for Sorted {
    type Item = Result<Entry, ListError>;

    fn next(&mut self) -> Option<Self::Item> {
        match &mut self.source {
            Source::Memory(entries) => entries.next().map(Ok),
            Source::Runs(merge) => match merge.next() {
                Ok(entry) => entry.map(Ok),
                Err(error) => {
                    merge.heads.clear();
                    Some(Err(ListError::io("sort in", &self.folder)(error)))
                }
            },
        }
    }
}

/// Merges the runs. The heap holds the next entry of each run: the smallest key first, and of equal keys the one of
/// the latest run.
struct Merge {
    runs: Vec<RunReader>,
    heads: BinaryHeap<Head>,
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Head {
    key: Reverse<ObjectKey>,
    run: usize,
    code: u64,
}

impl Merge {
    fn next(&mut self) -> io::Result<Option<Entry>> {
        let Some(first) = self.pop()? else { return Ok(None) };
        while self.heads.peek().is_some_and(|head| head.key == first.key) {
            self.pop()?;
        }
        Ok(Some(Entry::from_code(first.key.0, first.code)))
    }

    fn pop(&mut self) -> io::Result<Option<Head>> {
        let head = self.heads.pop();
        if let Some(head) = &head {
            self.refill(head.run)?;
        }
        Ok(head)
    }

    fn refill(&mut self, run: usize) -> io::Result<()> {
        if let Some(entry) = self.runs[run].next()? {
            self.heads.push(Head { key: Reverse(entry.key), run, code: entry.code() });
        }
        Ok(())
    }
}

struct RunReader {
    file: Arc<File>,
    rest: Run,
    buffer: std::vec::IntoIter<Entry>,
}

impl RunReader {
    fn next(&mut self) -> io::Result<Option<Entry>> {
        if let Some(entry) = self.buffer.next() {
            return Ok(Some(entry));
        }
        let entries = self.rest.entries.min(READ_ENTRIES);
        let mut bytes = vec![0; entries * Entry::LEN];
        self.file.read_exact_at(&mut bytes, self.rest.offset)?;
        self.rest.offset += bytes.len() as u64;
        self.rest.entries -= entries;
        let (whole, _) = bytes.as_chunks::<{ Entry::LEN }>();
        self.buffer = whole.iter().map(Entry::from_bytes).collect::<Vec<_>>().into_iter();
        Ok(self.buffer.next())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_goes_in_comes_out_sorted(
            input in prop::collection::vec((0u8..60, 0u64..9), 0..400),
            capacity in 1usize..50,
        ) {
            let folder = tempfile::tempdir().expect("a folder");
            let mut sorter = Sorter::with_capacity(folder.path(), capacity);
            let mut model = BTreeMap::new();
            for (name, code) in input {
                let key = ObjectKey::from_bytes(&[name; ObjectKey::LEN]);
                sorter.push(Entry::from_code(key, code)).expect("room");
                model.insert(key, code);
            }
            let out: Vec<_> = sorter.sorted().expect("room").map(|entry| entry.expect("read")).collect();
            prop_assert_eq!(out.iter().map(|entry| (entry.key, entry.code())).collect::<Vec<_>>(),
                            model.into_iter().collect::<Vec<_>>());
            prop_assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 0);
        }
    }

    #[test]
    fn runs_longer_than_what_is_read_at_once_are_read_to_their_end() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut sorter = Sorter::with_capacity(folder.path(), 2 * READ_ENTRIES + 1);
        let key = |number: u32| {
            let mut bytes = [0; ObjectKey::LEN];
            bytes[..4].copy_from_slice(&number.to_be_bytes());
            ObjectKey::from_bytes(&bytes)
        };
        // An odd factor visits every number once, in no order.
        let count = 1 << 14;
        for number in 0..count {
            sorter.push(Entry::from_code(key(number * 7919 % count), number.into())).expect("room");
        }
        assert!(sorter.runs.len() > 2);
        let keys: Vec<_> = sorter.sorted().expect("room").map(|entry| entry.expect("read").key).collect();
        assert!(keys.iter().copied().eq((0..count).map(key)));
    }
}
