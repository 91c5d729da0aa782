//! Distinguishes an outage of a store from failures of single objects.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counts consecutive failures. A store that is down fails every object after all its retries, and a million objects
/// would take weeks to fail one by one.
#[derive(Debug, Default)]
pub struct CircuitBreaker(AtomicU64);

impl CircuitBreaker {
    /// The number of consecutive failures that count as an outage.
    pub const LIMIT: u64 = 100;

    /// Records that an object succeeded.
    pub fn success(&self) {
        // Read first, because a store to a shared line for every object would be slower than the check.
        if self.0.load(Ordering::Relaxed) != 0 {
            self.0.store(0, Ordering::Relaxed);
        }
    }

    /// Records that an object failed after all its retries. Returns whether that is an outage.
    pub fn failure(&self) -> bool {
        self.0.fetch_add(1, Ordering::Relaxed) + 1 >= Self::LIMIT
    }
}
