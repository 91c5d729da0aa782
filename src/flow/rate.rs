//! How much may be done a second: objects, bytes or requests. The rate can be changed while others wait for it.
//!
//! Time in which nobody takes anything is lost and not saved up: a store that was left alone for a minute does not get
//! a minute's worth of requests at once.

use std::fmt;
use std::num::NonZeroU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::sys::shutdown::Shutdown;

/// The longest wait before the rate is looked at again, and so how late those who wait learn of a change.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// A token in the unit that is counted in: at one token a second, a billionth of a token is paid for in a nanosecond.
const TOKEN: u128 = 1_000_000_000;

/// A clock to wait by. Tests have their own.
pub trait Clock: Send + Sync {
    /// The time since some moment in the past.
    fn now(&self) -> Duration;

    /// Waits. Returns `false` when the wait was cut short, and nothing more is to be done.
    fn sleep(&self, time: Duration) -> bool;
}

impl Clock for Arc<dyn Clock> {
    fn now(&self) -> Duration {
        (**self).now()
    }

    fn sleep(&self, time: Duration) -> bool {
        (**self).sleep(time)
    }
}

/// The machine's clock. A wait ends at once when the shutdown is requested.
#[derive(Clone, Debug)]
pub struct RealClock {
    began: Instant,
    shutdown: Shutdown,
}

impl RealClock {
    /// A clock that begins now, its waits ended by `shutdown`.
    pub fn new(shutdown: &Shutdown) -> Self {
        Self { began: Instant::now(), shutdown: shutdown.clone() }
    }
}

impl Clock for RealClock {
    fn now(&self) -> Duration {
        self.began.elapsed()
    }

    fn sleep(&self, time: Duration) -> bool {
        self.shutdown.sleep(time)
    }
}

/// Hands out tokens at a rate to all who share it. A token stands for an object, a byte or a request, as they agree.
///
/// Takers queue in the order in which they ask. Each token is paid for with the time that the rate says.
pub struct RateLimiter {
    line: Mutex<Line>,
    clock: Box<dyn Clock>,
}

/// What was taken and how much of it is paid for, both in billionths of a token since the beginning.
#[derive(Debug)]
struct Line {
    /// Tokens a second; `None` for no limit.
    rate: Option<NonZeroU64>,
    taken: u128,
    /// Never more than was taken: that is what keeps idle time from being saved up.
    paid: u128,
    /// When `paid` was true.
    at: Duration,
}

impl RateLimiter {
    /// At most `rate` tokens a second on the machine's clock; `None` for no limit. All waits end when `shutdown` is
    /// requested.
    pub fn new(rate: Option<NonZeroU64>, shutdown: &Shutdown) -> Self {
        Self::with_clock(rate, Box::new(RealClock::new(shutdown)))
    }

    /// The same on another clock.
    pub fn with_clock(rate: Option<NonZeroU64>, clock: Box<dyn Clock>) -> Self {
        let line = Line { rate, taken: 0, paid: 0, at: clock.now() };
        Self { line: Mutex::new(line), clock }
    }

    /// The tokens a second that are handed out now; `None` for no limit.
    pub fn rate(&self) -> Option<NonZeroU64> {
        self.line().rate
    }

    /// Hands out `rate` tokens a second from now on; `None` for no limit. It also holds for those who wait already.
    pub fn set_rate(&self, rate: Option<NonZeroU64>) {
        let now = self.clock.now();
        let mut line = self.line();
        // The time that has passed still pays at the old rate.
        line.advance(now);
        line.rate = rate;
    }

    /// Takes `tokens`, and waits until everything taken before them has been paid for: for work whose size is known
    /// before it is done. The first taker does not wait. Returns `false` when the wait was cut short.
    pub fn acquire(&self, tokens: u64) -> bool {
        let place = self.take(tokens).before;
        self.wait_until_paid(place)
    }

    /// Takes `tokens`, and waits until they and everything taken before them have been paid for: for work whose size
    /// shows when it is done. Returns `false` when the wait was cut short.
    pub fn charge(&self, tokens: u64) -> bool {
        let place = self.take(tokens).after;
        self.wait_until_paid(place)
    }

    fn take(&self, tokens: u64) -> Taken {
        let now = self.clock.now();
        let mut line = self.line();
        line.advance(now);
        let before = line.taken;
        line.taken += u128::from(tokens) * TOKEN;
        Taken { before, after: line.taken }
    }

    fn wait_until_paid(&self, place: u128) -> bool {
        loop {
            let now = self.clock.now();
            let left = {
                let mut line = self.line();
                line.advance(now);
                line.time_until_paid(place)
            };
            if left.is_zero() {
                return true;
            }
            if !self.clock.sleep(left.min(LOOK_EVERY)) {
                return false;
            }
        }
    }

    fn line(&self) -> MutexGuard<'_, Line> {
        // Poison is ignored, because nothing panics between two changes of the numbers.
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The places in the queue before and after what was taken.
struct Taken {
    before: u128,
    after: u128,
}

impl Line {
    /// Pays with the time that passed.
    fn advance(&mut self, now: Duration) {
        let passed = now.saturating_sub(self.at).as_nanos();
        self.at = self.at.max(now);
        self.paid = match self.rate {
            Some(rate) => self.taken.min(self.paid + passed * u128::from(rate.get())),
            None => self.taken,
        };
    }

    fn time_until_paid(&self, place: u128) -> Duration {
        let (owed, rate) = (place.saturating_sub(self.paid), self.rate.map_or(u64::MAX, NonZeroU64::get));
        Duration::from_nanos(u64::try_from(owed.div_ceil(u128::from(rate))).unwrap_or(u64::MAX))
    }
}

impl fmt::Debug for RateLimiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RateLimiter").field("line", &*self.line()).finish_non_exhaustive()
    }
}
