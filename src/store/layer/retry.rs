//! Repeats what failed for a passing reason, and waits for a store that is away.
//!
//! A call is made again after a random part of a time that doubles with each attempt ("full jitter"), so that workers
//! that were throttled together do not come back together. Whether a failure is of the call or of the store shows in what
//! the others get ([`course`]): attempts are counted only while the store answers somebody, and a store that answers
//! nobody any more is waited for with the patience of the policy. Requests that a store refuses because they are too many
//! lower the rate of all ([`AdaptiveRate`](crate::flow::adaptive::AdaptiveRate)).
//!
//! Every call may be repeated, because objects are immutable: writing one twice leaves the same bytes. The exceptions are
//! `sync` and `make_listed_durable`.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use bytes::Bytes;

use self::course::{Course, Next, Wait};
pub use self::health::Teller;
use self::health::{Health, LOOK_EVERY, Waited};
use crate::conf::backend::Location;
use crate::flow::Hold;
use crate::flow::rate::{Clock, RealClock};
use crate::object::{KeyRange, ObjectKey};
use crate::store::{
    ErrorKind, Exclusion, Listed, Page, Part, Piece, Pieced, Pieces, ReadStore, Reading, RemoveStore, SizeForm,
    StoreError, StoreName, WriteStore,
};
use crate::sys::shutdown::Shutdown;

mod course;
mod health;

/// How often and how patiently to repeat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    /// How many times a call is made in all while the store answers others, or never answered well; 1 is no repetition.
    pub attempts: u32,
    /// The longest wait before the second attempt; it doubles with every further one.
    pub base: Duration,
    /// What the wait does not grow beyond.
    pub cap: Duration,
    /// For how long a store that answered well before and does not any more is asked again; of one that refuses, for a
    /// fifth of it. A call to a store that never answered well is not repeated after this either.
    pub patience: Duration,
}

impl RetryPolicy {
    /// For how long a store is asked again where nothing else is said.
    pub const PATIENCE: Duration = Duration::from_secs(600);
}

impl Default for RetryPolicy {
    /// Ten attempts within about half a minute, on average, however long each of them takes; ten minutes for a store.
    fn default() -> Self {
        let (base, cap) = (Duration::from_millis(100), Duration::from_secs(30));
        Self { attempts: 10, base, cap, patience: Self::PATIENCE }
    }
}

impl RetryPolicy {
    /// The longest wait after attempt number `attempt`, which counts from 1.
    fn longest_wait(&self, attempt: u32) -> Duration {
        let doubled = 2u32.saturating_pow(attempt.saturating_sub(1));
        self.base.saturating_mul(doubled).min(self.cap)
    }
}

/// A store whose calls are repeated when they fail for a passing reason.
#[derive(Debug)]
pub struct Retry<S> {
    inner: S,
    policy: RetryPolicy,
    health: Health,
    hold: Hold,
    retries: Arc<AtomicU64>,
    /// What the store is called when it is told of; `None` is called by its place.
    name: Option<StoreName>,
}

impl<S> Retry<S> {
    /// Puts repetition around `inner`. Waiting ends at once when `stop` is raised; a call that is
    /// under way then is allowed to finish.
    pub fn new(inner: S, policy: RetryPolicy, stop: Shutdown) -> Self {
        Self::with_clock(inner, policy, Arc::new(RealClock::new(&stop)))
    }

    /// The same on another clock.
    pub fn with_clock(inner: S, policy: RetryPolicy, clock: Arc<dyn Clock>) -> Self {
        Self { inner, policy, health: Health::new(clock), hold: Hold::default(), retries: Arc::default(), name: None }
    }

    /// How many calls were repetitions so far.
    pub fn retries(&self) -> u64 {
        self.retries.load(Ordering::Relaxed)
    }

    /// The same store, its repetitions added to a counter that others share.
    #[must_use]
    pub fn counting_in(mut self, retries: Arc<AtomicU64>) -> Self {
        self.retries = retries;
        self
    }

    /// The same store; writes and removals do not begin while `hold` is set.
    #[must_use]
    pub fn held_by(mut self, hold: Hold) -> Self {
        self.hold = hold;
        self
    }

    /// The same store, called `name` when it is told of.
    #[must_use]
    pub fn named(mut self, name: StoreName) -> Self {
        self.name = Some(name);
        self
    }

    /// The same store; that it is waited for, and how many requests a second it bears, is told to `tell`.
    #[must_use]
    pub fn telling(mut self, tell: Teller) -> Self {
        self.health = self.health.telling(tell);
        self
    }
}

impl<S: ReadStore> Retry<S> {
    /// The same for a store whose refusals do not pass, whatever it answered before: the permissions of files, a folder that
    /// is not there any more.
    #[must_use]
    pub fn believing_refusals(mut self) -> Self {
        self.health.refusals_pass = false;
        self
    }

    /// What the store is called when it is told of.
    fn called(&self) -> &dyn fmt::Display {
        self.name.as_ref().map_or(self.inner.location(), |name| name as &dyn fmt::Display)
    }

    fn repeat<T>(&self, call: impl Fn(&S) -> Result<T, StoreError>) -> Result<T, StoreError> {
        self.repeat_until(call, |_| self.answered())
    }

    /// As `repeat`, for a call that succeeds in some stores without asking them: that says nothing of how they answer.
    fn repeat_unproven<T>(&self, call: impl Fn(&S) -> Result<T, StoreError>) -> Result<T, StoreError> {
        self.repeat_until(call, |_| {})
    }

    /// The store answered well.
    fn answered(&self) {
        self.health.answered(true, self.called());
    }

    fn repeat_until<T>(
        &self,
        mut call: impl FnMut(&S) -> Result<T, StoreError>,
        succeeded: impl FnOnce(&T),
    ) -> Result<T, StoreError> {
        // The call is made even where this wait is cut short: what a pass does at its end is to be done.
        let _waited = self.health.rate.wait();
        // After the wait, because what others wait for is no failure of this call.
        let mut course = Course::begin(&self.policy, &self.health);
        loop {
            let error = match call(&self.inner) {
                Ok(value) => {
                    succeeded(&value);
                    return Ok(value);
                }
                Err(error) => error,
            };
            if error.kind() == ErrorKind::NotFound {
                self.health.answered(false, self.called());
            }
            let (wait, error) = match course.after(error, self.called()) {
                Next::Fail(error) => return Err(error),
                Next::Repeat(wait, error) => (wait, error),
            };
            match self.wait(wait) {
                Waited::Ending => {
                    let attempts = course.failures;
                    let why = format!("not repeated after {attempts} attempts, because the run is ending");
                    return Err(error.with_kind(ErrorKind::Interrupted).because(why));
                }
                Waited::StoreGone => return Err(course.give_up(error)),
                Waited::Whole | Waited::AnswersAgain => {}
            }
            self.retries.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Waits before a call is made again, and until the rate allows it.
    fn wait(&self, wait: Wait) -> Waited {
        let good = self.health.good_answers();
        if wait.ask_elsewhere {
            self.ask_elsewhere();
        }
        // Not cut short by an answer to others, because the store asked for it.
        if self.health.wait(wait.at_least, None) == Waited::Ending {
            return Waited::Ending;
        }
        let waited = match self.health.wait(wait.at_most, wait.until_good.then_some(good)) {
            // Those who waited together do not come back together.
            Waited::AnswersAgain => self.health.wait(self.policy.longest_wait(4).mul_f64(fastrand::f64()), None),
            waited => waited,
        };
        match waited {
            Waited::Whole | Waited::AnswersAgain if !self.health.rate.wait() => Waited::Ending,
            waited => waited,
        }
    }

    /// As `repeat`, for a call that changes the store: no attempt is made while changes are to wait.
    fn repeat_change<T>(
        &self,
        action: &'static str,
        call: impl Fn(&S) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.repeat(|store| self.unheld(action, store).and_then(|()| call(store)))
    }

    /// Waits while changes are to wait.
    fn unheld(&self, action: &'static str, store: &S) -> Result<(), StoreError> {
        while self.hold.is_set() {
            if !self.health.clock.sleep(LOOK_EVERY) {
                let why = "not begun, because the run is ending before the destination is known to be its own again";
                return Err(StoreError::new(ErrorKind::Interrupted, action, store.location().to_string(), why));
            }
        }
        Ok(())
    }

    /// Asks the store for an object that is hardly there, to learn whether it answers.
    fn ask_elsewhere(&self) {
        match self.inner.size(&ObjectKey::MIN) {
            Ok(_) => self.health.answered(true, self.called()),
            Err(error) if error.kind() == ErrorKind::NotFound => self.health.answered(false, self.called()),
            Err(_) => {}
        }
    }
}

#[deny(clippy::missing_trait_methods)]
impl<S: ReadStore> ReadStore for Retry<S> {
    fn location(&self) -> &Location {
        self.inner.location()
    }

    fn size_form(&self) -> SizeForm {
        self.inner.size_form()
    }

    fn is_ordered(&self) -> bool {
        self.inner.is_ordered()
    }

    fn parts(&self, within: &KeyRange) -> Result<Vec<Part>, StoreError> {
        self.repeat_unproven(|store| store.parts(within))
    }

    fn list(&self, part: &Part) -> Result<Page, StoreError> {
        self.repeat(|store| store.list(part))
    }

    fn read(&self, key: &ObjectKey) -> Result<Bytes, StoreError> {
        self.repeat(|store| store.read(key))
    }

    fn read_again(&self, key: &ObjectKey) -> Result<Bytes, StoreError> {
        self.repeat(|store| store.read_again(key))
    }

    fn read_at_most(&self, key: &ObjectKey, most: u64) -> Result<Option<Bytes>, StoreError> {
        self.repeat(|store| store.read_at_most(key, most))
    }

    fn read_piece(&self, key: &ObjectKey, at: u64, reading: Reading) -> Result<Option<Piece>, StoreError> {
        // That a store gives nothing in pieces may be said without asking it.
        let asked = |piece: &Option<Piece>| {
            if piece.is_some() {
                self.answered()
            }
        };
        self.repeat_until(|store| store.read_piece(key, at, reading), asked)
    }

    fn size(&self, key: &ObjectKey) -> Result<u64, StoreError> {
        self.repeat(|store| store.size(key))
    }

    fn list_one(&self, key: &ObjectKey) -> Result<Option<Listed>, StoreError> {
        self.repeat(|store| store.list_one(key))
    }

    /// Never repeated, for the reason that `sync` is not.
    fn make_listed_durable(&self) -> Result<(), StoreError> {
        self.inner.make_listed_durable()
    }
}

#[deny(clippy::missing_trait_methods)]
impl<S: WriteStore> WriteStore for Retry<S> {
    fn write(&self, key: &ObjectKey, data: Bytes) -> Result<(), StoreError> {
        self.repeat_change("write", |store| store.write(key, data.clone()))
    }

    /// Each attempt begins with the first piece again.
    fn write_pieces(&self, key: &ObjectKey, pieces: &mut Pieces<'_>) -> Result<Pieced, StoreError> {
        pieces.held_by(&self.hold);
        let attempt = |store: &S| self.unheld("write", store).and_then(|()| store.write_pieces(key, pieces));
        // Where the pieces broke off it is the source that speaks, and this store has said nothing.
        let asked = |outcome: &Pieced| {
            if *outcome == Pieced::Written {
                self.answered()
            }
        };
        self.repeat_until(attempt, asked)
    }

    /// Never repeated: a `sync` that failed puts the writes before it in doubt, and a second one
    /// that succeeds does not take that back.
    fn sync(&self) -> Result<(), StoreError> {
        self.inner.sync()
    }

    fn durability_note(&self) -> Option<String> {
        self.inner.durability_note()
    }

    fn exclude_others(&self) -> Result<Exclusion, StoreError> {
        self.inner.exclude_others()
    }
}

#[deny(clippy::missing_trait_methods)]
impl<S: RemoveStore> RemoveStore for Retry<S> {
    fn remove(&self, key: &ObjectKey) -> Result<(), StoreError> {
        self.repeat_change("remove", |store| store.remove(key))
    }

    fn written_at(&self, key: &ObjectKey) -> Result<Option<SystemTime>, StoreError> {
        self.repeat_unproven(|store| store.written_at(key))
    }

    fn remove_empty_folders(&self, within: &KeyRange) -> Result<u64, StoreError> {
        self.repeat_unproven(|store| store.remove_empty_folders(within))
    }

    fn quarantine(&self) -> Vec<PathBuf> {
        self.inner.quarantine()
    }

    fn put_back(&self, key: &ObjectKey) -> Result<bool, StoreError> {
        self.repeat_unproven(|store| store.put_back(key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_cap() {
        let policy = RetryPolicy::default();
        let longest: Vec<u128> = [1, 2, 3, 9, 10, 40].map(|n| policy.longest_wait(n).as_millis()).into();
        assert_eq!(longest, [100, 200, 400, 25_600, 30_000, 30_000]);
    }
}
