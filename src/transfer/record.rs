//! What became of each object: counted, noted, and judged, because some failures mean that every further object fails.

use crate::content::Damage;
use crate::flow::breaker::CircuitBreaker;
use crate::metrics::{Counters, Finding, ObjectFindings};
use crate::object::{ObjectKey, ObjectKind};
use crate::store::{ErrorKind, StoreError};
use crate::transfer::error::TransferError;

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
        self.findings.damage.add(Finding::new(self.kind, key, "check", "damaged in the source", damage));
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

    /// Counts and names an object that is not at the destination.
    pub fn note_failure(&self, key: ObjectKey, error: &StoreError) {
        self.counters.kind(self.kind).failed.add(1);
        self.counters.libraries(self.kind, &[key], |key| key.library, |_, row| row.failed += 1);
        self.findings.failures.add(Finding::from_error(self.kind, &key, error));
    }
}
