//! What became of each object: counted, noted, and judged, because some failures mean that every further object fails.

use crate::content::Damage;
use crate::flow::breaker::CircuitBreaker;
use crate::metrics::{Counters, Finding, ObjectFindings};
use crate::object::{ObjectKey, ObjectKind};
use crate::store::{ErrorKind, StoreError};
use crate::transfer::error::TransferError;

/// The error of a [`Finding`] about an object that is damaged in the source.
const DAMAGED: &str = "damaged in the source";

/// The step of a failure that is no failed call: what is at the destination has not the right bytes.
pub const CHECK: &str = "check";

/// Where it goes what became of the objects of one kind.
#[derive(Clone, Copy, Debug)]
pub struct Recorder<'a> {
    /// Which kind.
    pub kind: ObjectKind,
    /// The numbers.
    pub counters: &'a Counters,
    /// The objects that failed or are damaged.
    pub findings: &'a ObjectFindings,
    /// Tells an outage from single failures.
    pub breaker: &'a CircuitBreaker,
}

impl Recorder<'_> {
    /// An object was copied although it is damaged in the source.
    pub fn damaged(&self, key: &ObjectKey, damage: &Damage) {
        self.counters.kind(self.kind).damaged.add(1);
        self.findings.damage.add(Finding::new(self.kind, key, "check", DAMAGED, damage));
    }

    /// An object was not copied, because it is damaged in the source and right at the destination.
    pub fn kept(&self, key: &ObjectKey, damage: &Damage) {
        let numbers = self.counters.kind(self.kind);
        numbers.damaged.add(1);
        numbers.kept.add(1);
        let cause = format_args!("{damage}; the destination has it right and keeps it");
        self.findings.damage.add(Finding::new(self.kind, key, "check", DAMAGED, cause));
    }

    /// An object is gone from the source since it was listed.
    pub fn vanished(&self, key: &ObjectKey) {
        self.counters.kind(self.kind).vanished.add(1);
        let cause = "it was listed, and now the source neither gives nor lists it";
        self.findings.vanished.add(Finding::new(self.kind, key, "read", "vanished", cause));
    }

    /// An answer of the source about an object was wrong, and another one good: what the wrong one said.
    pub fn wrong_once(&self, key: &ObjectKey, first: &str) {
        self.counters.kind(self.kind).wrong_once.add(1);
        self.findings.wrong_once.add(Finding::new(self.kind, key, "read", "read wrong once", first));
    }

    /// An object could not be copied.
    ///
    /// # Errors
    /// When every further object would fail, too: the error of the store, to end the transfer with.
    pub fn failed(&self, key: ObjectKey, error: StoreError) -> Result<(), TransferError> {
        // No failure, because the shutdown cut the call short: the object is left for the next run.
        if error.kind() == ErrorKind::Interrupted {
            return Ok(());
        }
        self.note_failure(key, &error);
        let outage = error.kind().may_be_outage() && self.breaker.failure();
        if outage {
            let many = CircuitBreaker::LIMIT;
            let cause = format_args!("{many} objects in a row failed like this, so the store is taken for gone");
            Err(TransferError::Store(error.because(cause)))
        } else if error.kind().is_fatal() {
            Err(TransferError::Store(error))
        } else {
            Ok(())
        }
    }

    /// An object that the source has right is wrong at the destination, as `cause` explains, and was not written anew.
    pub fn wrong_at_destination(&self, key: ObjectKey, cause: &str) {
        self.counters.kind(self.kind).failed.add(1);
        self.counters.libraries(self.kind, &[key], |key| key.library, |_, row| row.failed += 1);
        self.findings.failures.add(Finding::new(self.kind, &key, CHECK, "damaged at the destination", cause));
    }

    /// Counts and names an object that is not at the destination.
    pub fn note_failure(&self, key: ObjectKey, error: &StoreError) {
        self.counters.kind(self.kind).failed.add(1);
        self.counters.libraries(self.kind, &[key], |key| key.library, |_, row| row.failed += 1);
        self.findings.failures.add(Finding::from_error(self.kind, &key, error));
    }
}
