//! The wish to end early, seen by everything that loops or waits.
//!
//! A first SIGINT or SIGTERM sets it; so does an error after which going on makes no sense. Loops
//! ask [`Shutdown::requested`]; whoever waits uses [`Shutdown::sleep`], which returns at once when the
//! wish comes.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Why the pass ends early.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ShutdownReason {
    /// The user asked: this signal came (`SIGINT` is 2, `SIGTERM` is 15).
    Signal(i32),
    /// A store said something after which every further object would fail the same way.
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
    /// A flag that nobody has raised.
    pub fn new() -> Self {
        Self::default()
    }

    /// Raises the flag. The first reason stays.
    pub fn request(&self, reason: ShutdownReason) {
        let mut held = self.lock();
        held.get_or_insert(reason);
        self.0.requested.store(true, std::sync::atomic::Ordering::Release);
        self.0.wake.notify_all();
    }

    /// Whether to end early.
    pub fn requested(&self) -> bool {
        self.0.requested.load(std::sync::atomic::Ordering::Acquire)
    }

    /// Why the flag was raised; `None` while it is not.
    pub fn reason(&self) -> Option<ShutdownReason> {
        self.lock().clone()
    }

    /// Waits for `time`, or until the flag is raised. Returns whether the whole time went by.
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
        // Poison is ignored, because the option is set in one step: a thread that panicked with the lock left a whole
        // value.
        self.0.reason.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
