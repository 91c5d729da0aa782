//! Reads again what earlier passes found damaged, at the end of a pass: what it names itself is not named twice, and what it
//! copied anew is looked at as it is by then.

use std::io;
use std::sync::{Mutex, OnceLock, PoisonError};

use super::damage::Remembered;
use crate::commands::common::failure::Failure;
use crate::commands::common::sides::Sides;
use crate::content::Damage;
use crate::flow::pool::{self, Queue};
use crate::flow::{Budget, breaker::CircuitBreaker};
use crate::metrics::{Counters, Finding, ObjectFindings};
use crate::object::{ObjectKey, ObjectKind};
use crate::store::checked::{CheckedRead, CheckedReader, found_or_gone};
use crate::store::{ErrorKind, ReadStore, StoreError};
use crate::transfer::TransferError;
use crate::transfer::record::Recorder;

/// What is said of an object that is right in the source and not at the destination.
const WRONG_AT_DESTINATION: &str = "it was damaged in the source when it was copied, and the source has it right now: repair with \
                                    the report of this run writes it anew";

/// What reads again what is remembered.
#[derive(Clone, Copy, Debug)]
pub(super) struct Again<'a> {
    pub(super) sides: &'a Sides,
    /// What is remembered. What is seen to be right, or is named as damaged by this pass, goes; all else stays.
    pub(super) open: &'a Mutex<Remembered>,
    pub(super) workers: usize,
    pub(super) budget: &'a Budget,
    pub(super) counters: &'a Counters,
    pub(super) findings: &'a ObjectFindings,
    pub(super) breaker: &'a CircuitBreaker,
}

/// What a store has of an object.
enum Now {
    Right,
    Damaged(Damage),
    Gone,
}

impl Again<'_> {
    /// Reads each object that this pass has not named itself, and names it when it is damaged in the source, or not right at
    /// the destination, or cannot be read.
    ///
    /// # Errors
    /// When the threads cannot be started, what the pass named cannot be read back, or so many reads fail that the store is
    /// taken for gone.
    pub(super) fn name(&self, is_over: &(dyn Fn() -> bool + Sync)) -> Result<(), Failure> {
        let objects = self.not_named().map_err(|error| Failure::local("read back what failed", &error))?;
        let gone: OnceLock<Failure> = OnceLock::new();
        let fill = |queue: Queue<Finding>| {
            let mut objects = objects.into_iter();
            let _ = objects.all(|object| !is_over() && gone.get().is_none() && queue.put(object));
            Ok::<(), io::Error>(())
        };
        let look = |object: Finding| {
            if let Err(failure) = self.look(&object) {
                // When one came first, that is the one to tell.
                let _ = gone.set(failure);
            }
        };
        let run = pool::run(self.workers, self.workers, fill, look);
        run.and_then(|filled| filled).map_err(|error| Failure::local("start a worker thread", &error))?;
        gone.into_inner().map_or(Ok(()), Err)
    }

    /// What is remembered and not named by this pass. What it found damaged is not open any more, because it is remembered
    /// as what this pass found.
    fn not_named(&self) -> io::Result<Vec<Finding>> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        self.findings.damage.each(|found| drop(open.remove(&(found.kind, found.key()))))?;
        let mut rest = open.clone();
        drop(open);
        self.findings.failures.each(|found| drop(rest.remove(&(found.kind, found.key()))))?;
        Ok(rest.into_values().collect())
    }

    fn look(&self, object: &Finding) -> Result<(), Failure> {
        let (kind, key) = (object.kind, object.key());
        let record = Recorder { kind, counters: self.counters, findings: self.findings, breaker: self.breaker };
        match self.now(&*self.sides.from[kind], object) {
            Ok(Now::Damaged(damage)) => {
                record.damaged(&key, &damage);
                self.settle(kind, &key);
            }
            Ok(Now::Right) => self.require_right(object, &record)?,
            Ok(Now::Gone) => self.look_for_the_last(object)?,
            Err(error) => self.unread(object, "now it cannot be read", error)?,
        }
        Ok(())
    }

    /// The source has it right by now: somebody mended it. The destination has what was copied of it before, unless that was
    /// mended, too.
    fn require_right(&self, object: &Finding, record: &Recorder<'_>) -> Result<(), Failure> {
        let (kind, key) = (object.kind, object.key());
        match self.now(&*self.sides.to[kind], object) {
            Ok(Now::Right) => self.settle(kind, &key),
            Ok(Now::Damaged(_) | Now::Gone) => {
                self.counters.kind(kind).to_copy.add(1);
                record.wrong_at_destination(key, WRONG_AT_DESTINATION);
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => {
                self.counters.kind(kind).to_copy.add(1);
                record.failed(key, error).map_err(|error: TransferError| Failure::from(error))?;
            }
        }
        Ok(())
    }

    /// The source has it no more. Where the destination has what was copied of it, that is all there is of it, and damaged.
    fn look_for_the_last(&self, object: &Finding) -> Result<(), Failure> {
        match self.now(&*self.sides.to[object.kind], object) {
            Ok(Now::Right | Now::Gone) => self.settle(object.kind, &object.key()),
            Ok(Now::Damaged(_)) => {
                self.still(object, "now it is gone from the source, and the destination has it as it was")
            }
            Err(error) => {
                self.unread(object, "now it is gone from the source, and cannot be read at the destination", error)?
            }
        }
        Ok(())
    }

    /// Nothing is known of it but what is remembered, so that is named, and stays remembered.
    fn unread(&self, object: &Finding, now: &str, error: StoreError) -> Result<(), Failure> {
        match error.kind() {
            ErrorKind::Interrupted => Ok(()),
            kind if kind.is_fatal() => Err(error.into()),
            _ => {
                self.still(object, &format!("{now}: {error}"));
                Ok(())
            }
        }
    }

    /// Names it as damaged. What is remembered is how it was found first, so that its cause does not grow with each pass.
    fn still(&self, object: &Finding, now: &str) {
        self.counters.kind(object.kind).damaged.add(1);
        let cause = format!("{}, as an earlier pass found; {now}", object.cause);
        self.findings.damage.add(Finding { cause, ..object.clone() });
    }

    fn settle(&self, kind: ObjectKind, key: &ObjectKey) {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).remove(&(kind, *key));
    }

    /// What a store has of the object. The bytes are gone when this returns.
    fn now(&self, store: &dyn ReadStore, object: &Finding) -> Result<Now, StoreError> {
        let (kind, key) = (object.kind, object.key());
        let Some(size) = found_or_gone(store, &key, store.size(&key))? else { return Ok(Now::Gone) };
        let _share = self.budget.acquire(size);
        Ok(match (CheckedReader { kind, store }).read_at_most(&key, size)? {
            CheckedRead::Good { .. } => Now::Right,
            CheckedRead::Damaged { damage, .. } => Now::Damaged(damage),
            CheckedRead::Gone => Now::Gone,
        })
    }
}
