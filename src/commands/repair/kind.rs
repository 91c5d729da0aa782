//! Repairs what is named of one kind, in batches: look at each object and write, make the batch durable, read it back.
//!
//! An object counts as repaired only once it came back from the destination after the batch was made durable, because
//! before that a filesystem could give it from memory.

use std::sync::{Mutex, PoisonError};

use super::mend::{Left, Mended, Mender, Written};
use crate::commands::common::failure::Failure;
use crate::commands::common::first_failure::FirstFailure;
use crate::flow::pool::{self, Queue};
use crate::index::ListError;
use crate::metrics::{Finding, Findings, RepairCounters};
use crate::object::ObjectKey;
use crate::store::{ErrorKind, StoreError};

/// How many objects are in a batch at most.
const BATCH: usize = 1000;

/// The objects that a repair names one by one.
#[derive(Debug, Default)]
pub(super) struct RepairFindings {
    /// Those that were written, or in a dry run would be: what the destination had, and where right bytes were.
    pub(super) repaired: Findings,
    /// Those that are left, and why.
    pub(super) left: Findings,
}

/// One kind to be repaired.
#[derive(Clone, Copy)]
pub(super) struct KindRepair<'a> {
    pub(super) mender: Mender<'a>,
    /// Whether the migration leaves the kind where it is, so that what is not right there is only named.
    pub(super) stays: bool,
    /// How many objects are worked on at once.
    pub(super) workers: usize,
    pub(super) counters: &'a RepairCounters,
    pub(super) findings: &'a RepairFindings,
    pub(super) failures: &'a FirstFailure<'a>,
}

impl KindRepair<'_> {
    /// Looks at every one of `keys`, and repairs.
    pub(super) fn run(&self, mut keys: impl Iterator<Item = Result<ObjectKey, ListError>>) {
        while !self.failures.is_over() {
            match keys.by_ref().take(BATCH).collect::<Result<Vec<_>, _>>() {
                Ok(batch) if batch.is_empty() => return,
                Ok(batch) => self.batch(&batch),
                Err(error) => return self.failures.end(error),
            }
        }
    }

    fn batch(&self, keys: &[ObjectKey]) {
        self.counters.looked_at.add(keys.len() as u64);
        let mut written = Vec::new();
        for (key, mended) in self.each(keys, |key| self.mender.mend(key)) {
            match mended {
                Ok(Mended::Right) => self.counters.right.add(1),
                Ok(Mended::Written(object)) if self.stays => self.left_where_it_stays(&key, &object),
                Ok(Mended::Written(object)) => written.push((key, object)),
                Ok(Mended::Left(left)) => self.leave(&key, left),
                Err(error) => self.failed(&key, error),
            }
        }
        let Some(writer) = self.mender.writer else {
            written.iter().for_each(|(key, object)| self.repaired(key, object));
            return;
        };
        if written.is_empty() {
            return;
        }
        if let Err(error) = writer.sync() {
            written.iter().for_each(|(key, _)| self.left(key, error.kind().as_str(), error.cause()));
            return self.failures.end(error);
        }
        for ((key, object), back) in self.each(&written, |(key, object)| self.mender.comes_back(key, object)) {
            match back {
                Ok(true) => self.repaired(&key, &object),
                Ok(false) => {
                    let cause = "it was written and does not come back; look at the destination";
                    self.left(&key, "not kept by the destination", cause);
                }
                Err(error) => self.failed(&key, error),
            }
        }
    }

    /// What `work` makes of each item, many at once; when the repair is to end, of those that were begun.
    fn each<T: Clone + Send + Sync, R: Send>(&self, items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<(T, R)> {
        let done = Mutex::new(Vec::with_capacity(items.len()));
        let one = |item: T| {
            let result = work(&item);
            done.lock().unwrap_or_else(PoisonError::into_inner).push((item, result));
        };
        let fill = |queue: Queue<T>| items.iter().all(|item| queue.put(item.clone()));
        if let Err(error) = pool::run(self.workers.min(items.len()).max(1), items.len(), fill, one) {
            self.failures.end(Failure::local("start a worker thread", &error));
        }
        done.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    fn repaired(&self, key: &ObjectKey, Written { size, was, source, .. }: &Written) {
        self.failures.succeeded();
        self.counters.repaired.add(1);
        self.counters.repaired_bytes.add(*size);
        let cause = format!("at the destination: {was}; right in {}", self.mender.sources[*source].location());
        self.findings.repaired.add(Finding::new(self.mender.kind, key, "repair", "repaired", cause));
    }

    fn left_where_it_stays(&self, key: &ObjectKey, Written { was, source, .. }: &Written) {
        let cause = format!(
            "there: {was}; right in {}. What stays is never written for a migration: repair that side by itself, named with \
             --to",
            self.mender.sources[*source].location()
        );
        self.left(key, "not right where it stays", &cause);
    }

    fn left(&self, key: &ObjectKey, why: &'static str, cause: &str) {
        self.leave(key, Left { why, cause: cause.to_owned(), archive_class: None });
    }

    fn leave(&self, key: &ObjectKey, Left { why, cause, archive_class }: Left) {
        self.counters.left.add(1);
        let finding = Finding::new(self.mender.kind, key, "repair", why, cause);
        self.findings.left.add(finding.in_archive(archive_class));
    }

    /// A store failed on this object. Ends the repair when it would fail on every other, too.
    fn failed(&self, key: &ObjectKey, error: StoreError) {
        // No failure, because the cancellation cut the call short: the object is left for the next time.
        if error.kind() == ErrorKind::Interrupted {
            return;
        }
        self.counters.left.add(1);
        self.findings.left.add(Finding::from_error(self.mender.kind, key, &error));
        // The object is named already, whatever this one error says of the others.
        drop(self.failures.failed(error));
    }
}
