//! A pool of buffers for the entries of chunks, so that the memory of a build does not depend on the number of keys.
//!
//! Listing threads fill chunks, and encoder threads empty them. An allocator that frees memory on another thread than
//! the one that allocated it keeps some of it, more the longer the build runs. A vector that grows holds its content
//! twice while it is moved. Buffers of a fixed capacity that are used again avoid both.

use std::sync::{Mutex, PoisonError};

use super::entry::Entry;
use super::shard::SHARD_KEYS;

/// Empty vectors with the capacity of a whole shard. There are as many as were in use at the same time, at most.
#[derive(Debug, Default)]
pub(super) struct BufferPool(Mutex<Vec<Vec<Entry>>>);

impl BufferPool {
    /// Returns an empty vector with the capacity of a whole shard.
    pub(super) fn acquire(&self) -> Vec<Entry> {
        let spare = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop();
        spare.unwrap_or_else(|| Vec::with_capacity(SHARD_KEYS))
    }

    /// Empties a vector and returns it to the pool.
    pub(super) fn release(&self, mut entries: Vec<Entry>) {
        // A smaller one is dropped, because it would have to grow.
        if entries.capacity() >= SHARD_KEYS {
            entries.clear();
            self.0.lock().unwrap_or_else(PoisonError::into_inner).push(entries);
        }
    }
}
