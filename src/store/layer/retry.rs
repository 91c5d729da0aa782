//! Repeats what failed for a passing reason.
//!
//! A call whose error [is transient](super::ErrorKind::is_transient) is made again after a random
//! part of a time that doubles with each attempt ("full jitter"), so that workers that were
//! throttled together do not come back together. Every call may be repeated, because objects are
//! immutable: writing one twice leaves the same bytes. The exceptions are `sync` and
//! `make_listed_durable`.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;

use crate::conf::backend::Location;
use crate::object::{KeyRange, ObjectKey};
use crate::store::{ErrorKind, Exclusion, Listed, Page, Part, ReadStore, RemoveStore, StoreError, WriteStore};
use crate::sys::shutdown::Shutdown;

/// The longest wait that a store may ask for; one that asks for more is asked again after this.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(300);

/// How often and how patiently to repeat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    /// How many times a call is made in all; 1 is no repetition.
    pub attempts: u32,
    /// The longest wait before the second attempt; it doubles with every further one.
    pub base: Duration,
    /// What the wait does not grow beyond.
    pub cap: Duration,
    /// A call is not repeated once this long has passed since it was first made.
    pub patience: Duration,
}

impl Default for RetryPolicy {
    /// Ten attempts within about half a minute, on average, however long each of them takes.
    fn default() -> Self {
        let (base, cap) = (Duration::from_millis(100), Duration::from_secs(30));
        Self { attempts: 10, base, cap, patience: Duration::MAX }
    }
}

impl RetryPolicy {
    /// The longest wait after attempt number `attempt`, which counts from 1.
    fn longest_wait(&self, attempt: u32) -> Duration {
        let doubled = 2u32.saturating_pow(attempt.saturating_sub(1));
        self.base.saturating_mul(doubled).min(self.cap)
    }

    /// How long to wait after attempt number `attempt` failed.
    fn wait(&self, attempt: u32, error: &StoreError) -> Duration {
        let jittered = self.longest_wait(attempt).mul_f64(fastrand::f64());
        // The sum of both, because what the store asks for is a minimum; the jitter on top keeps the workers apart.
        error.retry_after().map_or(jittered, |asked| asked.min(LONGEST_RETRY_AFTER) + jittered)
    }
}

/// A store whose calls are repeated when they fail for a passing reason.
#[derive(Debug)]
pub struct Retry<S> {
    inner: S,
    policy: RetryPolicy,
    stop: Shutdown,
    retries: Arc<AtomicU64>,
}

impl<S> Retry<S> {
    /// Puts repetition around `inner`. Waiting ends at once when `stop` is raised; a call that is
    /// under way then is allowed to finish.
    pub fn new(inner: S, policy: RetryPolicy, stop: Shutdown) -> Self {
        Self { inner, policy, stop, retries: Arc::default() }
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

    fn repeat<T>(&self, call: impl Fn(&S) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let (mut attempt, began) = (1, Instant::now());
        loop {
            let error = match call(&self.inner) {
                Err(error) if error.kind().is_transient() => error,
                Err(error) if attempt > 1 => return Err(error.because(format!("that was attempt {attempt}"))),
                settled => return settled,
            };
            if attempt >= self.policy.attempts || began.elapsed() >= self.policy.patience {
                return Err(error.because(format!("gave up after {attempt} attempts")));
            }
            if !self.stop.sleep(self.policy.wait(attempt, &error)) {
                let why = format!("not repeated after {attempt} attempts, because the run is ending");
                return Err(error.with_kind(ErrorKind::Interrupted).because(why));
            }
            self.retries.fetch_add(1, Ordering::Relaxed);
            attempt += 1;
        }
    }
}

#[deny(clippy::missing_trait_methods)]
impl<S: ReadStore> ReadStore for Retry<S> {
    fn location(&self) -> &Location {
        self.inner.location()
    }

    fn is_ordered(&self) -> bool {
        self.inner.is_ordered()
    }

    fn parts(&self, within: &KeyRange) -> Result<Vec<Part>, StoreError> {
        self.repeat(|store| store.parts(within))
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
        self.repeat(|store| store.write(key, data.clone()))
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
        self.repeat(|store| store.remove(key))
    }

    fn written_at(&self, key: &ObjectKey) -> Result<Option<SystemTime>, StoreError> {
        self.repeat(|store| store.written_at(key))
    }

    fn remove_empty_folders(&self, within: &KeyRange) -> Result<u64, StoreError> {
        self.repeat(|store| store.remove_empty_folders(within))
    }

    fn quarantine(&self) -> Option<PathBuf> {
        self.inner.quarantine()
    }

    fn put_back(&self, key: &ObjectKey) -> Result<bool, StoreError> {
        self.repeat(|store| store.put_back(key))
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

    #[test]
    fn a_wait_the_store_asks_for_is_a_minimum_up_to_a_limit() {
        let asked = |seconds| {
            let error = StoreError::new(ErrorKind::Throttled, "read", "x", "slow down");
            RetryPolicy::default().wait(1, &error.with_retry_after(Some(Duration::from_secs(seconds))))
        };
        assert!(asked(7) >= Duration::from_secs(7) && asked(7) <= Duration::from_millis(7100));
        assert!(asked(86_400) <= LONGEST_RETRY_AFTER + Duration::from_millis(100));
    }
}
