//! Room for the entries of chunks, used again and again.
//!
//! Chunks are filled by the threads that list and emptied by those that encode. An allocator that gets memory back from
//! another thread than it gave it to keeps some of it for a while, more the longer it goes on; and a vector that grows has
//! its content twice at times. With rooms that go round, building takes the same memory however many keys come.

use std::sync::{Mutex, PoisonError};

use super::entry::Entry;
use super::shard::SHARD_KEYS;

/// Empty vectors with room for a whole shard: never more than were once in use at the same time.
#[derive(Debug, Default)]
pub(super) struct Buffers(Mutex<Vec<Vec<Entry>>>);

impl Buffers {
    /// Room for a shard's entries.
    pub(super) fn take(&self) -> Vec<Entry> {
        let spare = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop();
        spare.unwrap_or_else(|| Vec::with_capacity(SHARD_KEYS))
    }

    /// Takes room back, whatever is in it.
    pub(super) fn give_back(&self, mut entries: Vec<Entry>) {
        // One that was made for fewer would have to grow again.
        if entries.capacity() >= SHARD_KEYS {
            entries.clear();
            self.0.lock().unwrap_or_else(PoisonError::into_inner).push(entries);
        }
    }
}
