//! Cancellation of a pass: a flag that every loop and every wait checks.
//!
//! The first SIGINT or SIGTERM raises the flag, and so does an error that every further object would meet. Loops
//! check [`Shutdown::requested`]; waits use [`Shutdown::sleep`], which returns at once when the
//! flag is raised.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Why the pass ends early.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ShutdownReason {
    /// This signal was received (`SIGINT` is 2, `SIGTERM` is 15).
    Signal(i32),
    /// A store failed with an error that every further object would meet; this is its text.
    Fatal(String),
}

/// A flag shared by every thread of a pass. Clones are the same flag.
#[derive(Clone, Debug, Default)]
pub struct Shutdown(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    requested: std::sync::atomic::AtomicBool,
    reason: Mutex<Option<ShutdownReason>>,
    wake: Condvar,
}

impl Shutdown {
    /// A flag that is not raised.
    pub fn new() -> Self {
        Self::default()
    }

    /// Raises the flag. When it is raised already, the first reason is kept.
    pub fn request(&self, reason: ShutdownReason) {
        let mut held = self.lock();
        held.get_or_insert(reason);
        self.0.requested.store(true, std::sync::atomic::Ordering::Release);
        self.0.wake.notify_all();
    }

    /// Whether the flag is raised.
    pub fn requested(&self) -> bool {
        self.0.requested.load(std::sync::atomic::Ordering::Acquire)
    }

    /// The reason for which the flag was raised; `None` while it is not raised.
    pub fn reason(&self) -> Option<ShutdownReason> {
        self.lock().clone()
    }

    /// Waits for `time`, or until the flag is raised. Returns whether the whole time passed.
    pub fn sleep(&self, time: Duration) -> bool {
        let end = Instant::now() + time;
        let mut held = self.lock();
        while held.is_none() {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return true;
            }
            held = self.0.wake.wait_timeout(held, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        false
    }

    fn lock(&self) -> MutexGuard<'_, Option<ShutdownReason>> {
        // Poison is ignored, because the option is set in one step, so a thread that panicked while it held the lock
        // left a valid value.
        self.0.reason.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
