//! How much may be done a second: a bucket that holds one token and is refilled at that rate.
//!
//! With room for one token only, nothing is saved up while nobody asks: a store that was left alone for a minute does
//! not get a minute's worth of requests at once.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::sys::shutdown::Shutdown;

/// A clock to wait by. Tests have their own.
pub trait Clock: Send + Sync {
    /// The time since some moment in the past.
    fn now(&self) -> Duration;

    /// Waits; `false` when the wait was cut short, and nothing more is to be done.
    fn sleep(&self, time: Duration) -> bool;
}

/// The real time; a wait ends early when the wish to end comes.
#[derive(Clone, Debug)]
pub struct RealClock {
    began: Instant,
    stop: Shutdown,
}

impl RealClock {
    /// A clock whose waits `stop` cuts short.
    pub fn new(stop: &Shutdown) -> Self {
        Self { began: Instant::now(), stop: stop.clone() }
    }
}

impl Clock for RealClock {
    fn now(&self) -> Duration {
        self.began.elapsed()
    }

    fn sleep(&self, time: Duration) -> bool {
        self.stop.sleep(time)
    }
}

/// Hands out tokens at a rate.
#[derive(Debug)]
pub struct RateLimiter<C> {
    every: Duration,
    /// When the next token is there.
    next: Mutex<Duration>,
    clock: C,
}

impl<C: Clock> RateLimiter<C> {
    /// At most `per_second` tokens a second; 0 is taken for 1.
    pub fn new(per_second: u32, clock: C) -> Self {
        Self { every: Duration::from_secs(1) / per_second.max(1), next: Mutex::default(), clock }
    }

    /// Waits for a token; `false` when the wait was cut short.
    pub fn acquire(&self) -> bool {
        let now = self.clock.now();
        let due = {
            let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
            let due = (*next).max(now);
            *next = due + self.every;
            due
        };
        due <= now || self.clock.sleep(due - now)
    }
}
