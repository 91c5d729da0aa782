//! Copies what one kind lacks: list, subtract, spool, queue, copy, confirm, all at once. In a retry, what had failed is
//! looked up instead of listing and subtracting.

use std::io;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crossbeam_channel::{Sender, bounded};

use crate::commands::common::destination::DestinationIndex;
use crate::commands::common::settings::RunSettings;
use crate::commands::common::state::PassState;
use crate::commands::run::retry::{FailedOfKind, LookUp};
use crate::flow::Budget;
use crate::flow::pool::{self, Queue};
use crate::listing::{Stream, WalkError, walk};
use crate::object::{KeyRange, ObjectKind};
use crate::store::{Listed, ReadStore, StoreError, WriteStore};
use crate::sys::shutdown::Shutdown;
use crate::transfer::copy::{Copier, CopyOutcome};
use crate::transfer::diff::missing_from;
use crate::transfer::flush::BatchLimits;

pub mod copy;
pub mod diff;
pub mod flush;
pub mod spool;

pub use spool::Spool;

/// How many objects the plan on disk may hold before the listing waits: 44 bytes each, 700 MB.
const SPOOL_OBJECTS: u64 = 16 << 20;

/// How many objects are read from the spool at once.
const SPOOL_READ: usize = 1024;

/// Where the objects to copy come from.
#[derive(Clone, Copy, Debug)]
pub enum Work<'a> {
    /// Everything that the source has and the destination lacked.
    Missing(&'a DestinationIndex),
    /// What had failed in an earlier pass, and the list file where there is one.
    Failed(&'a FailedOfKind, Option<&'a DestinationIndex>),
}

impl<'a> Work<'a> {
    /// What the destination is known to hold, and where confirmed writes are remembered.
    const fn known(self) -> Option<&'a DestinationIndex> {
        match self {
            Self::Missing(known) => Some(known),
            Self::Failed(_, known) => known,
        }
    }
}

/// One kind to be copied, and all that takes part.
#[derive(Clone, Copy, Debug)]
pub struct Transfer<'a> {
    /// Which kind.
    pub kind: ObjectKind,
    /// Where objects come from.
    pub source: &'a dyn ReadStore,
    /// How many listings of the source run at once.
    pub listers: usize,
    /// Where they go.
    pub destination: &'a dyn WriteStore,
    /// Which objects.
    pub work: Work<'a>,
    /// Numbers and limits.
    pub settings: &'a RunSettings,
    /// The bytes that all workers together may hold.
    pub budget: &'a Budget,
    /// What is counted and found.
    pub state: &'a PassState,
    /// The wish to end early.
    pub stop: &'a Shutdown,
}

impl Transfer<'_> {
    /// Copies everything that is missing. Failures of objects are counted and found; what ends the
    /// pass is in the state and raises the stop flag.
    pub fn run(&self) {
        let spool = match Spool::new(&self.settings.plan.list.temp_dir, SPOOL_OBJECTS) {
            Ok(spool) => spool,
            Err(error) => return self.state.local_failure("make a temporary file", &error, self.stop),
        };
        let (written, to_confirm) = bounded(2 * BatchLimits::default().objects);
        std::thread::scope(|scope| {
            scope.spawn(|| flush::run(&to_confirm, BatchLimits::default(), |batch| self.confirm(batch)));
            scope.spawn(|| {
                match self.work {
                    Work::Missing(known) => self.list_source(known, &spool),
                    Work::Failed(failed, known) => self.look_up(known, &spool).run(failed),
                }
                spool.close();
            });
            let copier =
                Copier { kind: self.kind, source: self.source, destination: self.destination, budget: self.budget };
            let plan = &self.settings.plan;
            let copied = pool::run(
                plan.store.workers,
                self.settings.queue,
                |queue| self.feed(&spool, &queue),
                |object| self.copy(&copier, &object, &written),
            );
            if let Err(error) = copied {
                self.state.local_failure("start a worker thread", &error, self.stop);
                spool.abandon();
            }
            // Dropped here, so that the channel closes: that ends the confirmer, which then settles its last batch.
            drop(written);
        });
    }

    fn look_up<'s>(&'s self, known: Option<&'s DestinationIndex>, spool: &'s Spool) -> LookUp<'s> {
        LookUp {
            kind: self.kind,
            source: self.source,
            destination: self.destination,
            known,
            workers: self.listers,
            spool,
            state: self.state,
            stop: self.stop,
        }
    }

    fn list_source(&self, known: &DestinationIndex, spool: &Spool) {
        let open = || Subtract { transfer: self, known, spool };
        match walk(self.source, &[KeyRange::ALL], self.listers, self.stop, open) {
            Ok(walked) => {
                let numbers = self.state.counters.kind(self.kind);
                numbers.ignored.add(walked.ignored);
                numbers.source_listed.store(true, Ordering::Relaxed);
            }
            Err(WalkError::Interrupted) => {}
            Err(WalkError::Store(error)) => self.state.fatal(error, self.stop),
            Err(WalkError::Stream(error)) => {
                self.state.local_failure("write the plan to a temporary file", &error, self.stop)
            }
        }
    }

    /// Moves the plan from the disk to the workers' queue.
    fn feed(&self, spool: &Spool, queue: &Queue<Listed>) {
        let missing = self.settings.plan.store.workers.saturating_sub(queue.workers());
        self.state.counters.kind(self.kind).workers_missing.set(missing as u64);
        while !self.stop.requested() {
            match spool.take(SPOOL_READ, Duration::from_millis(200)) {
                Ok(Some(objects)) => {
                    if !objects.into_iter().all(|object| !self.stop.requested() && queue.put(object)) {
                        break;
                    }
                }
                Ok(None) => return,
                Err(error) => self.state.local_failure("read the plan from a temporary file", &error, self.stop),
            }
        }
        spool.abandon();
    }

    fn copy(&self, copier: &Copier<'_>, object: &Listed, written: &Sender<Listed>) {
        // Asked for every object, so that what is queued when the stop comes is left for the next run. What is in
        // flight is finished.
        if self.stop.requested() {
            return;
        }
        match copier.copy(object) {
            CopyOutcome::Copied { size, damage, spent } => {
                self.state.counters.slowest.offer(self.kind, object.key, size, spent);
                self.state.breaker.success();
                if let Some(damage) = damage {
                    self.state.damaged(self.kind, &object.key, &damage);
                }
                let written_object = Listed { key: object.key, size: Some(size) };
                written.send(written_object).expect("the confirmer runs until every worker is done");
            }
            CopyOutcome::Vanished => self.state.counters.kind(self.kind).vanished.add(1),
            CopyOutcome::Failed(error) => self.state.failed(self.kind, object.key, error, self.stop),
        }
    }

    /// Makes a batch durable, remembers it, and only then counts it.
    fn confirm(&self, batch: &[Listed]) {
        if let Err(error) = self.destination.sync() {
            return self.unconfirmed(batch, error);
        }
        if let Some(Err(error)) = self.work.known().map(|known| known.remember(batch)) {
            // They count as copied all the same, because the objects are there; only the memory of it is lost, and the
            // next run will copy them again.
            self.state.local_failure("remember what was copied", &error, self.stop);
        }
        let counters = &self.state.counters;
        let numbers = counters.kind(self.kind);
        numbers.copied.add(batch.len() as u64);
        numbers.copied_bytes.add(batch.iter().filter_map(|object| object.size).sum());
        counters.libraries(
            self.kind,
            batch,
            |object| object.key.library,
            |object, row| {
                row.copied += 1;
                row.copied_bytes += object.size.unwrap_or(0);
            },
        );
    }

    fn unconfirmed(&self, batch: &[Listed], error: StoreError) {
        for object in batch {
            self.state.record_failure(self.kind, object.key, &error);
        }
        self.state.fatal(error, self.stop);
    }
}

/// Takes pages of the source and spools what the destination lacks.
struct Subtract<'a> {
    transfer: &'a Transfer<'a>,
    known: &'a DestinationIndex,
    spool: &'a Spool,
}

impl Stream for Subtract<'_> {
    type Error = io::Error;

    fn page(&mut self, _covered: KeyRange, objects: Vec<Listed>) -> io::Result<()> {
        let Transfer { kind, state, .. } = *self.transfer;
        let missing = missing_from(&self.known.set, &objects);
        state.count_listed(kind, &objects, &missing);
        // The answer is not needed, because when nobody takes objects any more the pass is ending, and the listing is
        // told so by its own stop flag.
        self.spool.put(&missing).map(drop)
    }

    fn end(self) -> io::Result<()> {
        Ok(())
    }
}
