//! What the threads of a pass share: counters, findings, and what ended the pass.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::sync::atomic::Ordering;
use std::sync::{Mutex, OnceLock, PoisonError};

use crate::commands::common::failure::Failure;
use crate::commands::run::verdict::{Broken, Heads, HeadsResult};
use crate::content::Damage;
use crate::flow::breaker::CircuitBreaker;
use crate::metrics::{Counters, Finding, Findings};
use crate::object::{LibraryId, ObjectKey, ObjectKind};
use crate::report::Ending;
use crate::store::{ErrorKind, Listed, StoreError};
use crate::sys::shutdown::{Shutdown, ShutdownReason};

/// Shared by every thread of a pass.
#[derive(Debug, Default)]
pub struct PassState {
    /// The numbers.
    pub counters: Counters,
    /// Objects that are not at the destination.
    pub failures: Findings,
    /// Objects that are damaged in the source.
    pub damage: Findings,
    /// Tells an outage from single failures.
    pub breaker: CircuitBreaker,
    heads: Mutex<Heads>,
    /// What the libraries of the database are called.
    pub names: OnceLock<BTreeMap<LibraryId, String>>,
    ended: Mutex<Option<Ending>>,
}

impl PassState {
    /// Counts a page of the source, of which `missing` is to be copied.
    pub fn count_listed(&self, kind: ObjectKind, objects: &[Listed], missing: &[Listed]) {
        let bytes = |objects: &[Listed]| objects.iter().filter_map(|object| object.size).sum();
        let numbers = self.counters.kind(kind);
        numbers.listed.add(objects.len() as u64);
        numbers.listed_bytes.add(bytes(objects));
        numbers.to_copy.add(missing.len() as u64);
        numbers.to_copy_bytes.add(bytes(missing));
        self.counters.libraries(
            kind,
            objects,
            |object| object.key.library,
            |object, row| {
                row.listed += 1;
                row.listed_bytes += object.size.unwrap_or(0);
            },
        );
        self.counters.libraries(
            kind,
            missing,
            |object| object.key.library,
            |object, row| {
                row.to_copy += 1;
                row.to_copy_bytes += object.size.unwrap_or(0);
            },
        );
    }

    /// An object was copied although it is damaged in the source.
    pub fn damaged(&self, kind: ObjectKind, key: &ObjectKey, damage: &Damage) {
        self.counters.kind(kind).damaged.add(1);
        self.damage.add(Finding::new(kind, key, "check", "damaged in the source", damage));
    }

    /// An object could not be copied. Ends the pass when every further one would fail too.
    pub fn failed(&self, kind: ObjectKind, key: ObjectKey, error: StoreError, stop: &Shutdown) {
        // No failure, because the stop cut the call short: the object is left for the next run.
        if error.kind() == ErrorKind::Interrupted {
            return;
        }
        self.record_failure(kind, key, &error);
        let outage = error.kind().may_be_outage() && self.breaker.failure();
        if outage {
            let many = CircuitBreaker::LIMIT;
            self.fatal(
                error.because(format_args!("{many} objects in a row failed like this, so the store is taken for gone")),
                stop,
            );
        } else if error.kind().is_fatal() {
            self.fatal(error, stop);
        }
    }

    /// Counts and names an object that is not at the destination.
    pub fn record_failure(&self, kind: ObjectKind, key: ObjectKey, error: &StoreError) {
        self.counters.kind(kind).failed.add(1);
        self.counters.libraries(kind, &[key], |key| key.library, |_, row| row.failed += 1);
        self.failures.add(Finding::from_error(kind, &key, error));
    }

    /// Ends the pass because a store makes going on pointless.
    pub fn fatal(&self, error: StoreError, stop: &Shutdown) {
        self.end(
            match error.kind() {
                ErrorKind::NoSpace => Ending::Full(error.to_string()),
                _ => Ending::StoreFailed(error.to_string()),
            },
            stop,
        );
    }

    /// Ends the pass because this machine's disk does not do what the pass needs.
    pub fn local_failure(&self, what: &str, error: &dyn Display, stop: &Shutdown) {
        self.end(Ending::Full(format!("cannot {what}: {error}")), stop);
    }

    /// Ends the pass with `ending`, unless it has ended already.
    pub fn end(&self, ending: Ending, stop: &Shutdown) {
        stop.request(ShutdownReason::Fatal(ending.to_string()));
        self.ended.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(ending);
    }

    /// How the pass ended, now that all its threads are done.
    pub fn ending(&self, strict: bool, stop: &Shutdown) -> Ending {
        if let Some(ending) = self.early_ending(stop) {
            return ending;
        }
        if self.failures.count() > 0 || !self.is_all_accounted_for() {
            return Ending::Failures;
        }
        let heads = self.heads();
        let broken = |pick: fn(&HeadsResult) -> &Broken| heads.result().map_or(0, |result| pick(result).count);
        if broken(|result| &result.not_whole) > 0 {
            Ending::NotWhole
        } else if strict && (self.damage.count() > 0 || broken(|result| &result.damaged_in_source) > 0) {
            Ending::DamagedSource
        } else {
            Ending::Complete
        }
    }

    /// What is known of the heads.
    pub fn heads(&self) -> Heads {
        self.heads.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Says what is known of the heads.
    pub fn set_heads(&self, heads: Heads) {
        *self.heads.lock().unwrap_or_else(PoisonError::into_inner) = heads;
    }

    /// How a listing of both sides ended, nothing copied.
    pub fn listing_ending(&self, stop: &Shutdown) -> Ending {
        self.early_ending(stop).unwrap_or(Ending::Complete)
    }

    fn early_ending(&self, stop: &Shutdown) -> Option<Ending> {
        if let Some(ShutdownReason::Signal(signal)) = stop.reason() {
            return Some(Ending::Interrupted { signal });
        }
        self.ended.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether every object that was to be copied was, or is known to have vanished. Success is
    /// claimed on these numbers and not on the absence of errors, so that no path on which an object
    /// is dropped can end well.
    fn is_all_accounted_for(&self) -> bool {
        ObjectKind::ALL.into_iter().all(|kind| {
            let numbers = self.counters.kind(kind);
            let settled = numbers.copied.get() + numbers.vanished.get() + numbers.failed.get();
            numbers.source_listed.load(Ordering::Relaxed) && settled == numbers.to_copy.get()
        })
    }
}

impl From<Failure> for Ending {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::StoreFull(cause) | Failure::LocalFile(cause) => Self::Full(cause),
            Failure::Store(cause) | Failure::Database(cause) => Self::StoreFailed(cause),
            Failure::Locked(cause) => Self::Locked(cause),
            Failure::Refused(cause) => Self::Refused(cause),
            Failure::Interrupted { signal } => Self::Interrupted { signal },
        }
    }
}
