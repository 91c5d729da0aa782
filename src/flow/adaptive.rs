//! How many requests a second a store bears, found out from what it answers.
//!
//! There is no limit until the store refuses more than a tenth of the requests of a second because they are too many. From
//! then on the rate goes down to what the store answered well, by a tenth at least and by a half at most in a second like
//! that; and goes up by a fixed step in each second without a refusal, by larger and larger ones when there was none for
//! long. A rate that is far above what is asked for is no limit, and is lifted.

use std::fmt;
use std::num::NonZeroU64;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::flow::rate::{Clock, RateLimiter};

/// How long answers are counted before the rate is changed by them.
const ROUND: Duration = Duration::from_secs(1);

/// The share of refused requests that is borne: some stores refuse a few however slowly they are asked.
const BORNE: f64 = 0.1;

/// The lowest rate, in requests a second: somebody has to find out that the store has recovered.
const LOWEST: f64 = 1.0;

/// Which part of the rate at which the store refused last is added in a round.
const STEP: f64 = 1.0 / 20.0;

/// After how many rounds without a refusal the step doubles with each further one.
const QUIET: u32 = 10;

/// Tokens of the limiter for one request, so that rates can be finer than a request a second.
const REQUEST: u64 = 1000;

/// A rate of requests, shared by all who call a store.
pub struct AdaptiveRate {
    limiter: RateLimiter,
    clock: Arc<dyn Clock>,
    is_limited: AtomicBool,
    round: Mutex<Round>,
}

/// The answers of the last second, and what was learnt before it.
#[derive(Debug)]
struct Round {
    began: Duration,
    good: u64,
    refused: u64,
    /// Requests a second; `None` without a limit.
    rate: Option<f64>,
    /// The rate that the last refusal led to.
    lowered_to: f64,
    /// How many rounds ended without a refusal since.
    quiet: u32,
    /// The rate, when this answer lowered one that the store refused again while it answered others: then it is known to
    /// bear few requests, and not to be away.
    found: Option<f64>,
}

impl AdaptiveRate {
    /// No limit yet, on this clock.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        let began = clock.now();
        Self {
            limiter: RateLimiter::with_clock(None, Box::new(Arc::clone(&clock))),
            clock,
            is_limited: AtomicBool::new(false),
            round: Mutex::new(Round {
                began,
                good: 0,
                refused: 0,
                rate: None,
                lowered_to: LOWEST,
                quiet: 0,
                found: None,
            }),
        }
    }

    /// Waits until one more request may be made. Returns `false` when the wait was cut short.
    pub fn wait(&self) -> bool {
        !self.is_limited.load(Ordering::Acquire) || self.limiter.acquire(REQUEST)
    }

    /// A request was answered well. Returns how many requests a second the store bears, when that has shown in a second
    /// that ends with this answer.
    pub fn answered_well(&self) -> Option<f64> {
        self.count(|round| round.good += 1)
    }

    /// A request was refused because there are too many. Returns the same.
    pub fn refused(&self) -> Option<f64> {
        self.count(|round| round.refused += 1)
    }

    fn count(&self, answer: impl FnOnce(&mut Round)) -> Option<f64> {
        let now = self.clock.now();
        let mut round = self.round();
        let before = round.rate;
        let time = now.saturating_sub(round.began);
        if time >= 2 * ROUND {
            round.end_idle(time.as_secs_f64());
            round.began = now;
        }
        answer(&mut round);
        if (ROUND..2 * ROUND).contains(&time) {
            round.end(time.as_secs_f64());
            round.began = now;
        }
        if round.rate != before {
            let rate =
                round.rate.map(|rate| NonZeroU64::new((rate * REQUEST as f64) as u64).unwrap_or(NonZeroU64::MIN));
            self.limiter.set_rate(rate);
            self.is_limited.store(rate.is_some(), Ordering::Release);
        }
        round.found.take()
    }

    fn round(&self) -> MutexGuard<'_, Round> {
        // Poison is ignored, because nothing panics between two changes of the numbers.
        self.round.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Round {
    /// Ends a round in most of which nobody asked. What was refused in it says nothing of what the store bears in a
    /// second, because what was answered well does not.
    fn end_idle(&mut self, seconds: f64) {
        if self.refused == 0 {
            self.end(seconds);
        }
        (self.good, self.refused) = (0, 0);
    }

    /// Changes the rate by the answers of the `seconds` that are over.
    fn end(&mut self, seconds: f64) {
        let (answered, refused) = (std::mem::take(&mut self.good) as f64, std::mem::take(&mut self.refused) as f64);
        let good = answered / seconds;
        if refused > 0.0 && refused <= BORNE * (answered + refused) {
            self.quiet = 0;
            return;
        }
        if refused > 0.0 {
            let rate = self.rate.map_or(good, |rate| good.clamp(rate / 2.0, rate * 0.9)).max(LOWEST);
            self.found = Some(rate).filter(|_| self.rate.is_some() && good > 0.0);
            (self.rate, self.lowered_to, self.quiet) = (Some(rate), rate, 0);
            return;
        }
        let Some(rate) = self.rate else { return };
        self.quiet = self.quiet.saturating_add(1);
        let beyond = self.quiet.saturating_sub(QUIET);
        let step = (self.lowered_to * STEP).max(1.0) * 2f64.powi(beyond.min(30) as i32);
        self.rate = Some(rate + step).filter(|rate| beyond == 0 || good * 2.0 > *rate);
    }
}

impl fmt::Debug for AdaptiveRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AdaptiveRate").field("round", &*self.round()).finish_non_exhaustive()
    }
}
