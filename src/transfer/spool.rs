//! The plan on disk, between those who list and those who copy.
//!
//! Listing is much faster than copying. Were it held back by the queue of the workers, nobody
//! could say how much there is to do until nearly all was done. So the plan waits in a ring of
//! fixed records in a temporary file: a listing of many millions finishes early, memory stays as it
//! is, and disk use has a limit.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::object::ObjectKey;
use crate::store::Listed;
use crate::sys::private_file::in_folder;

/// Bytes of a record: the key, and the size plus one (0 is unknown). The largest size there can be loses one by it.
const RECORD: usize = ObjectKey::LEN + 8;

/// A queue of listed objects in an unnamed temporary file.
#[derive(Debug)]
pub struct Spool {
    /// The folder of the file, to name it in errors.
    dir: PathBuf,
    file: File,
    capacity: u64,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// Records ever put and ever taken; record `n` stands at `n % capacity`.
    put: u64,
    taken: u64,
    closed: bool,
    abandoned: bool,
}

impl Spool {
    /// An empty spool in `dir` for at most `capacity` objects at a time, 44 bytes each.
    ///
    /// # Errors
    /// When no temporary file can be made in `dir`.
    pub fn new(dir: &Path, capacity: u64) -> io::Result<Self> {
        let file = tempfile::tempfile_in(dir).map_err(|error| in_folder(dir, &error))?;
        Ok(Self {
            dir: dir.to_owned(),
            file,
            capacity: capacity.max(1),
            state: Mutex::default(),
            changed: Condvar::new(),
        })
    }

    /// Puts objects in, waiting while the spool is full. `false` when nobody will take them.
    ///
    /// # Errors
    /// When the temporary file cannot be written, as on a full disk.
    pub fn put(&self, mut objects: &[Listed]) -> io::Result<bool> {
        while !objects.is_empty() {
            let mut state = self.lock();
            while state.put - state.taken == self.capacity && !state.abandoned {
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
            if state.abandoned {
                return Ok(false);
            }
            let slot = state.put % self.capacity;
            let room = (self.capacity - (state.put - state.taken)).min(self.capacity - slot);
            let (now, later) = objects.split_at(objects.len().min(usize::try_from(room).unwrap_or(usize::MAX)));
            // Written under the lock, because a lister's page is a few tens of kilobytes into the page cache, and
            // taking readers past a hole is not worth the machinery that would save it.
            let written = self.file.write_all_at(&encode(now), slot * RECORD as u64);
            written.map_err(|error| in_folder(&self.dir, &error))?;
            state.put += now.len() as u64;
            self.changed.notify_all();
            objects = later;
        }
        Ok(true)
    }

    /// Takes up to `most` objects in the order they were put, waiting for some at most `patience`.
    /// `None` once the spool is closed and empty; an empty vector when patience ran out.
    ///
    /// # Errors
    /// When the temporary file cannot be read.
    pub fn take(&self, most: usize, patience: Duration) -> io::Result<Option<Vec<Listed>>> {
        let mut state = self.lock();
        if state.put == state.taken && !state.closed {
            state = self.changed.wait_timeout(state, patience).unwrap_or_else(PoisonError::into_inner).0;
        }
        if state.put == state.taken {
            return Ok(if state.closed { None } else { Some(Vec::new()) });
        }
        let slot = state.taken % self.capacity;
        let count = (state.put - state.taken).min(self.capacity - slot).min(most as u64);
        let mut bytes = vec![0; usize::try_from(count).expect("at most `most`, a usize") * RECORD];
        let read = self.file.read_exact_at(&mut bytes, slot * RECORD as u64);
        read.map_err(|error| in_folder(&self.dir, &error))?;
        state.taken += count;
        self.changed.notify_all();
        Ok(Some(bytes.chunks_exact(RECORD).map(decode).collect()))
    }

    /// Nothing more will be put.
    pub fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_all();
    }

    /// Nothing more will be taken: whoever waits for room is let go.
    pub fn abandon(&self) {
        self.lock().abandoned = true;
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Poison is ignored, because a panic between the write and the count only leaves a record that is not counted.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn encode(objects: &[Listed]) -> Vec<u8> {
    let mut out = Vec::with_capacity(objects.len() * RECORD);
    for object in objects {
        out.extend_from_slice(&object.key.to_bytes());
        out.extend_from_slice(&object.size.map_or(0, |size| size.saturating_add(1)).to_le_bytes());
    }
    out
}

fn decode(record: &[u8]) -> Listed {
    let (key, size) = record.split_at(ObjectKey::LEN);
    let size = u64::from_le_bytes(size.try_into().expect("a record ends in eight bytes"));
    Listed {
        key: ObjectKey::from_bytes(key.try_into().expect("a record begins with a key")),
        size: size.checked_sub(1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::{LibraryId, ObjectId};

    fn object(n: u32) -> Listed {
        let mut id = [0; 20];
        id[..4].copy_from_slice(&n.to_be_bytes());
        let key = ObjectKey::new(LibraryId::from_bytes([7; 16]), ObjectId::from_bytes(id));
        Listed { key, size: (!n.is_multiple_of(3)).then_some(u64::from(n)) }
    }

    #[test]
    fn what_is_put_comes_out_in_order_through_a_ring_much_smaller_than_it() {
        let spool = Spool::new(&std::env::temp_dir(), 10).unwrap();
        let objects: Vec<_> = (0..1000).map(object).collect();
        let taken = std::thread::scope(|scope| {
            scope.spawn(|| {
                for page in objects.chunks(7) {
                    assert!(spool.put(page).unwrap());
                }
                spool.close();
            });
            let mut taken = Vec::new();
            while let Some(some) = spool.take(4, Duration::from_secs(5)).unwrap() {
                taken.extend(some);
            }
            taken
        });
        assert_eq!(taken, objects);
    }

    #[test]
    fn an_abandoned_spool_lets_a_waiting_lister_go() {
        let spool = Spool::new(&std::env::temp_dir(), 1).unwrap();
        std::thread::scope(|scope| {
            let lister = scope.spawn(|| spool.put(&[object(1), object(2)]).unwrap());
            spool.abandon();
            assert!(!lister.join().unwrap());
        });
    }

    #[test]
    fn a_folder_that_cannot_be_written_is_named() {
        let error = Spool::new(Path::new("/no/such/folder"), 1).unwrap_err();
        assert!(error.to_string().contains("in the folder /no/such/folder"), "{error}");
    }
}
