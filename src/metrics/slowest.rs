//! The objects that took longest, and whether it was their reading or their writing.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::object::{ObjectKey, ObjectKind};

/// How many objects are kept.
pub const KEPT: usize = 20;

/// How long an object took, retries and waits for a store included. Written by the transfer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timing {
    /// The time of reading it from the source.
    pub read: Duration,
    /// The time of writing it to the destination.
    pub write: Duration,
}

/// An object that was copied slowly.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Slow {
    /// The sum of both times. It is the first field, because objects are ordered by it.
    pub total: Duration,
    /// The two times.
    pub spent: Timing,
    /// The kind of the object.
    pub kind: ObjectKind,
    /// The name of the object.
    pub key: ObjectKey,
    /// Its size in bytes.
    pub size: u64,
}

/// The [`KEPT`] slowest objects of a transfer so far.
#[derive(Debug, Default)]
pub struct Slowest {
    heap: Mutex<BinaryHeap<Reverse<Slow>>>,
    /// The total time that an object must reach to be kept, in nanoseconds.
    bar: AtomicU64,
}

impl Slowest {
    /// Notes an object that was copied, and forgets it again when enough others were slower. Called by every worker.
    pub fn offer(&self, kind: ObjectKind, key: ObjectKey, size: u64, spent: Timing) {
        let total = spent.read + spent.write;
        // Asked first and without the lock, because it is so for nearly every object.
        if nanos(total) < self.bar.load(Ordering::Relaxed) {
            return;
        }
        let mut heap = self.heap.lock().unwrap_or_else(PoisonError::into_inner);
        heap.push(Reverse(Slow { total, spent, kind, key, size }));
        if heap.len() > KEPT {
            heap.pop();
            let least = heap.peek().map_or(0, |Reverse(slow)| nanos(slow.total));
            self.bar.store(least, Ordering::Relaxed);
        }
    }

    /// Returns the slowest objects in descending order of their total time.
    pub fn list(&self) -> Vec<Slow> {
        let heap = self.heap.lock().unwrap_or_else(PoisonError::into_inner);
        let mut list: Vec<Slow> = heap.iter().map(|Reverse(slow)| *slow).collect();
        list.sort_unstable_by(|a, b| b.cmp(a));
        list
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::{LibraryId, ObjectId};

    fn offer(slowest: &Slowest, ms: u64) {
        let key = ObjectKey::new(LibraryId::from_bytes([1; 16]), ObjectId::from_bytes([ms as u8; 20]));
        let spent = Timing { read: Duration::from_millis(ms / 3), write: Duration::from_millis(ms - ms / 3) };
        slowest.offer(ObjectKind::Blocks, key, ms, spent);
    }

    fn sizes(slowest: &Slowest) -> Vec<u64> {
        slowest.list().iter().map(|slow| slow.size).collect()
    }

    #[test]
    fn the_slowest_are_kept_in_whatever_order_they_come() {
        let mut times: Vec<u64> = (1..=500).collect();
        fastrand::Rng::with_seed(5).shuffle(&mut times);
        let slowest = Slowest::default();
        times.iter().for_each(|ms| offer(&slowest, *ms));
        assert_eq!(sizes(&slowest), (481..=500).rev().collect::<Vec<_>>());
        assert_eq!(slowest.list()[0].total, Duration::from_millis(500));
    }

    #[test]
    fn few_are_all_kept_and_none_is_no_trouble() {
        let slowest = Slowest::default();
        assert!(slowest.list().is_empty());
        [3, 9, 6].iter().for_each(|ms| offer(&slowest, *ms));
        assert_eq!(sizes(&slowest), [9, 6, 3]);
    }
}
