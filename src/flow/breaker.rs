//! Tells an outage from single failures.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counts failures in a row: a store that is gone fails every object after long patience each, and
/// a million of those would take weeks to say what one message can.
#[derive(Debug, Default)]
pub struct CircuitBreaker(AtomicU64);

impl CircuitBreaker {
    /// How many failures in a row are taken for an outage.
    pub const LIMIT: u64 = 100;

    /// An object went through.
    pub fn success(&self) {
        // Read first, because a store to a shared line for every object would be slower than the check.
        if self.0.load(Ordering::Relaxed) != 0 {
            self.0.store(0, Ordering::Relaxed);
        }
    }

    /// An object failed although its calls were repeated patiently. Whether that is an outage.
    pub fn failure(&self) -> bool {
        self.0.fetch_add(1, Ordering::Relaxed) + 1 >= Self::LIMIT
    }
}
