//! What all calls to a store together know of it: whether it ever answered well, since when it does not, and how many
//! requests a second it bears.
//!
//! An answer is good when the call succeeded, or the store says that an object is not there. Who waits for a store in
//! trouble wakes when somebody got a good answer.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::flow::adaptive::AdaptiveRate;
use crate::flow::rate::Clock;
use crate::store::StoreError;

/// For how long a store gives no good answer before that is told.
pub(super) const TOLD_AFTER: Duration = Duration::from_secs(10);

/// The times between two questions to a store that gives nobody a good answer: the first, and what they do not grow
/// beyond. Those who wait take turns, so that a store in trouble is not asked by all of them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Turns(Duration, Duration);

impl Turns {
    /// Of a store that does not answer.
    pub(super) const IN_TROUBLE: Self = Self(Duration::from_millis(250), Duration::from_secs(5));
    /// Of a store that refuses whom it knew: accounts are locked for too many questions.
    pub(super) const REFUSING: Self = Self(Duration::from_secs(1), Duration::from_secs(15));
}

/// The longest pause before a waiting call is looked at again, and so how late it learns of a good answer.
pub(super) const LOOK_EVERY: Duration = Duration::from_millis(250);

/// Takes a sentence.
type Tell = dyn Fn(&str) + Send + Sync;

/// Takes what is to be told to whoever runs this, a sentence each.
#[derive(Clone, Default)]
pub struct Teller(Option<Arc<Tell>>);

impl Teller {
    /// Hands each sentence to `tell`.
    pub fn new(tell: impl Fn(&str) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(tell)))
    }

    /// Tells it, where somebody listens.
    pub fn tell(&self, sentence: &str) {
        if let Some(tell) = &self.0 {
            tell(sentence);
        }
    }
}

impl fmt::Debug for Teller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Teller")
    }
}

/// How a wait ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Waited {
    /// Its time is over.
    Whole,
    /// The store gave somebody a good answer.
    AnswersAgain,
    /// The store was given up meanwhile.
    StoreGone,
    /// The run is ending.
    Ending,
}

/// The state of a store, shared by all calls.
pub(super) struct Health {
    pub(super) clock: Arc<dyn Clock>,
    pub(super) rate: AdaptiveRate,
    tell: Teller,
    /// Whether it was told how many requests the store bears.
    told_rate: AtomicBool,
    /// The number of good answers.
    good: AtomicU64,
    /// Whether a call succeeded ever.
    proven: AtomicBool,
    /// Whether a refusal by a store that answered well before may pass.
    pub(super) refusals_pass: bool,
    /// Whether a call failed since the last good answer.
    troubled: AtomicBool,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// When the last good answer came before the trouble that is going on, at the earliest.
    since: Option<Duration>,
    /// Whether the trouble was told.
    told: bool,
    /// Whether a call gave the store up, and nobody got a good answer since.
    gone: bool,
    /// When the last of those who wait asks, and how long after that the next one.
    next_turn: Option<(Duration, Duration)>,
}

impl Health {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            rate: AdaptiveRate::new(Arc::clone(&clock)),
            clock,
            tell: Teller::default(),
            told_rate: AtomicBool::new(false),
            good: AtomicU64::new(0),
            proven: AtomicBool::new(false),
            refusals_pass: true,
            troubled: AtomicBool::new(false),
            state: Mutex::default(),
        }
    }

    pub(super) fn telling(mut self, tell: Teller) -> Self {
        self.tell = tell;
        self
    }

    /// The number of good answers so far.
    pub(super) fn good_answers(&self) -> u64 {
        self.good.load(Ordering::Acquire)
    }

    /// Whether a call succeeded ever: then credentials and addresses are right, and a refusal may pass.
    pub(super) fn is_proven(&self) -> bool {
        self.proven.load(Ordering::Acquire)
    }

    /// A call succeeded (`success`), or the store said that an object is not there. `store` is its name.
    pub(super) fn answered(&self, success: bool, store: &dyn fmt::Display) {
        if success && !self.proven.load(Ordering::Relaxed) {
            self.proven.store(true, Ordering::Release);
        }
        self.tell_rate(self.rate.answered_well(), store);
        self.good.fetch_add(1, Ordering::AcqRel);
        if self.troubled.swap(false, Ordering::AcqRel) {
            let over = std::mem::take(&mut *self.state());
            if let (true, Some(since)) = (over.told, over.since) {
                let lasted = self.clock.now().saturating_sub(since).as_secs();
                self.tell.tell(&format!("{store} answers again after {lasted} s"));
            }
        }
    }

    /// The store refused a request because there are too many.
    pub(super) fn refused(&self, store: &dyn fmt::Display) {
        self.tell_rate(self.rate.refused(), store);
    }

    /// Says once how many requests a second a store bears.
    fn tell_rate(&self, found: Option<f64>, store: &dyn fmt::Display) {
        if let Some(rate) = found
            && !self.told_rate.swap(true, Ordering::Relaxed)
        {
            self.tell.tell(&format!(
                "{store} bears about {rate:.0} requests a second; they are sent at that rate, at a higher one when it bears more"
            ));
        }
    }

    /// A call that began at `began` failed in a way that may pass. Returns for how long the store gave no good answer
    /// that this call could have had.
    pub(super) fn failed(&self, began: Duration) -> Duration {
        let now = self.clock.now();
        let mut state = self.state();
        self.troubled.store(true, Ordering::Release);
        let since = *state.since.get_or_insert(now);
        now.saturating_sub(since.max(began))
    }

    /// Says once, when there was no good answer for some time, what is going on and how long it is borne.
    pub(super) fn tell_trouble(&self, store: &dyn fmt::Display, error: &StoreError, left: Duration) {
        let lasts = {
            let mut state = self.state();
            let lasts = state.since.map(|since| self.clock.now().saturating_sub(since));
            let Some(lasts) = lasts.filter(|lasts| *lasts >= TOLD_AFTER && !state.told) else { return };
            state.told = true;
            lasts.as_secs()
        };
        let left = left.as_secs();
        self.tell.tell(&format!(
            "{store} has given no good answer for {lasts} s: {error}. It is asked again for {left} s more (--patience)"
        ));
    }

    /// How long to wait before asking again: longer for each who asks this, until somebody gets a good answer.
    pub(super) fn next_turn(&self, turns: Turns) -> Duration {
        let now = self.clock.now();
        let mut state = self.state();
        let (at, pause) = state.next_turn.unwrap_or((now, turns.0));
        let at = at.max(now) + pause;
        state.next_turn = Some((at, (2 * pause).min(turns.1)));
        at - now
    }

    /// The store is given up: every call that fails from now on fails at once, until one gets a good answer.
    pub(super) fn give_up(&self) {
        self.state().gone = true;
    }

    pub(super) fn is_gone(&self) -> bool {
        self.troubled.load(Ordering::Acquire) && self.state().gone
    }

    /// Waits for `time`, no longer than until somebody gets a good answer after the number `good` of them where that is
    /// given.
    pub(super) fn wait(&self, time: Duration, good: Option<u64>) -> Waited {
        let end = self.clock.now().saturating_add(time);
        loop {
            if good.is_some_and(|good| self.good_answers() != good) {
                return Waited::AnswersAgain;
            }
            if good.is_some() && self.is_gone() {
                return Waited::StoreGone;
            }
            let left = end.saturating_sub(self.clock.now());
            if left.is_zero() {
                return Waited::Whole;
            }
            let pause = if good.is_some() { left.min(LOOK_EVERY) } else { left };
            if !self.clock.sleep(pause) {
                return Waited::Ending;
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Poison is ignored, because each change is one step.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Health").field("rate", &self.rate).field("state", &*self.state()).finish_non_exhaustive()
    }
}
