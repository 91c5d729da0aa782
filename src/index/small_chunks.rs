//! What listings of small parts have left at their ends, joined until it is enough for a shard.

use std::collections::BTreeMap;

use super::shard::Chunk;
use crate::object::ObjectKey;

/// How much may wait, in entries: 1 MB. More would make fewer small shards, and memory that grows with the listing.
const WAITING: usize = 24 * 1024;
/// What a waiting chunk costs beside its entries, in entries.
const CHUNK_COST: usize = 8;

/// Ends of streams that are too small to be shards of their own.
#[derive(Debug, Default)]
pub(super) struct SmallChunks {
    /// By the first key of the range; never two of which one follows the other.
    chunks: BTreeMap<ObjectKey, Chunk>,
    cost: usize,
}

impl SmallChunks {
    /// Takes a chunk, joins it with its neighbours, and gives back what has become large enough to
    /// be written. When too much waits, all of it is: the list is put in order when it is finished.
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
        // Given back, because up to half of what a growing vector holds is room for more.
        chunk.entries.shrink_to_fit();
        self.cost += cost(&chunk);
        self.chunks.insert(chunk.range.first(), chunk);
        if self.cost > WAITING { self.drain() } else { Vec::new() }
    }

    /// Everything that waits, in ascending order.
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
