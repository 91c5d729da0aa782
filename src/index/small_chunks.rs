//! Chunks that are too small for a shard of their own. They wait to be joined with their neighbours.

use std::collections::BTreeMap;

use super::shard::Chunk;
use crate::object::ObjectKey;

/// The most entries that may wait: 1 MB. A larger number would make fewer small shards and take more memory.
const WAITING: usize = 24 * 1024;
/// The memory of a waiting chunk beside its entries, in entries.
const CHUNK_COST: usize = 8;

/// The small chunks that wait for their neighbours.
#[derive(Debug, Default)]
pub(super) struct SmallChunks {
    /// By the first key of their ranges. No two of them are neighbours.
    chunks: BTreeMap<ObjectKey, Chunk>,
    cost: usize,
}

impl SmallChunks {
    /// Joins a chunk with its neighbours. Returns the joined chunk when it is large enough to be written, and every
    /// waiting chunk when too many entries wait; small shards are joined when the list is finished.
    pub(super) fn add(&mut self, mut chunk: Chunk) -> Vec<Chunk> {
        if let Some(left) = self.take_left_of(&chunk) {
            chunk = left.joined(chunk);
        }
        // Only while it is small, otherwise three chunks could make more than a shard.
        if chunk.is_small()
            && let Some(right) = self.take_right_of(&chunk)
        {
            chunk = chunk.joined(right);
        }
        if !chunk.is_small() {
            return vec![chunk];
        }
        // Shrunk, because up to half of the capacity of a vector that grew is unused.
        chunk.entries.shrink_to_fit();
        self.cost += cost(&chunk);
        self.chunks.insert(chunk.range.first(), chunk);
        if self.cost > WAITING { self.drain() } else { Vec::new() }
    }

    /// Removes and returns all waiting chunks, in ascending order.
    pub(super) fn drain(&mut self) -> Vec<Chunk> {
        self.cost = 0;
        std::mem::take(&mut self.chunks).into_values().collect()
    }

    fn take_left_of(&mut self, chunk: &Chunk) -> Option<Chunk> {
        let (first, left) = self.chunks.range(..chunk.range.first()).next_back()?;
        let first = left.range.is_followed_by(&chunk.range).then_some(*first)?;
        self.take(first)
    }

    fn take_right_of(&mut self, chunk: &Chunk) -> Option<Chunk> {
        self.take(chunk.range.last().successor()?)
    }

    fn take(&mut self, first: ObjectKey) -> Option<Chunk> {
        let chunk = self.chunks.remove(&first)?;
        self.cost -= cost(&chunk);
        Some(chunk)
    }
}

fn cost(chunk: &Chunk) -> usize {
    chunk.entries.len() + CHUNK_COST
}
