//! Ends the work when a store is down, and not merely fails on single objects.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counts the objects that failed in a row, over all threads. After [`CircuitBreaker::LIMIT`] of them the store is
/// taken to be down and the caller ends the work: each object fails only after all its retries, and a million of them
/// would take weeks.
#[derive(Debug, Default)]
pub struct CircuitBreaker(AtomicU64);

impl CircuitBreaker {
    /// After how many failures in a row a store is taken to be down.
    pub const LIMIT: u64 = 100;

    /// Notes that an object went through: the next failure counts as the first.
    pub fn success(&self) {
        // Read first, because writing to a shared cache line for every object would be slower than the check.
        if self.0.load(Ordering::Relaxed) != 0 {
            self.0.store(0, Ordering::Relaxed);
        }
    }

    /// Notes that an object failed in spite of all retries. Returns whether the store is taken to be down.
    pub fn failure(&self) -> bool {
        self.0.fetch_add(1, Ordering::Relaxed) + 1 >= Self::LIMIT
    }
}
