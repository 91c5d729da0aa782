//! The objects that took longest, and what of them it was that took long.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::object::{ObjectKey, ObjectKind};

/// How many are kept.
pub const KEPT: usize = 20;

/// How long an object took, repetitions and waits for a store included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timing {
    /// Reading it from the source.
    pub read: Duration,
    /// Writing it to the destination.
    pub write: Duration,
}

/// An object that was copied slowly.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Slow {
    /// Both times together; first, so that it decides the order.
    pub total: Duration,
    /// What took so long.
    pub spent: Timing,
    /// Which kind.
    pub kind: ObjectKind,
    /// Which object.
    pub key: ObjectKey,
    /// Its size in bytes.
    pub size: u64,
}

/// The slowest objects of a pass so far.
#[derive(Debug, Default)]
pub struct Slowest {
    heap: Mutex<BinaryHeap<Reverse<Slow>>>,
    /// What an object must exceed to be among them, in nanoseconds.
    bar: AtomicU64,
}

impl Slowest {
    /// Takes note of an object that was copied.
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

    /// They, the slowest first.
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
