//! Copies the objects of one kind that a source of work names: spool, queue, copy, confirm, all at once.
//!
//! It is an engine: it takes stores, limits and places to count and note in, and returns how it ended. Where the objects
//! come from is a [`WorkSource`]; the ordinary one lists the source and subtracts an index ([`diff::MissingObjects`]).

use std::error::Error;
use std::fmt;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::sync::atomic::Ordering;
use std::thread::Builder;
use std::time::Duration;

use crossbeam_channel::{Sender, bounded};

use crate::flow::Budget;
use crate::flow::breaker::CircuitBreaker;
use crate::flow::pool::{self, Queue, Workers};
use crate::metrics::{Counters, ObjectFindings};
use crate::object::ObjectKind;
use crate::store::{Listed, ReadStore, StoreError, WriteStore};
use crate::sys::shutdown::{Shutdown, ShutdownReason};
use crate::transfer::copy::{Copier, CopyOutcome};
use crate::transfer::flush::BatchLimits;
use crate::transfer::record::Recorder;

pub mod copy;
pub mod diff;
mod error;
pub mod flush;
pub mod record;
mod spool;
mod work;

pub use error::{TransferError, TransferOutcome};
pub use spool::Spool;
pub use work::{Produced, WorkSink, WorkSource};

/// How many objects the plan on disk may hold before the source of work waits: 44 bytes each, 700 MB.
const SPOOL_OBJECTS: u64 = 16 << 20;

/// How many objects are read from the spool at once.
const SPOOL_READ: usize = 1024;

/// How long a wait for objects lasts before it is asked whether to go on.
const SPOOL_WAIT: Duration = Duration::from_millis(200);

/// How much a transfer does at once.
#[derive(Clone, Debug)]
pub struct TransferLimits {
    /// Objects copied at once.
    pub workers: Workers,
    /// Objects that wait in memory for a worker at most.
    pub queue: usize,
    /// The folder of the temporary file in which objects wait for the queue.
    pub temp_dir: PathBuf,
    /// How many written objects are made durable at once.
    pub batch: BatchLimits,
}

/// Remembers which objects the destination has made durable, for a later transfer to go by.
pub trait ConfirmedObjects: Sync {
    /// Remembers these, too.
    ///
    /// # Errors
    /// When they are not remembered; it ends the transfer.
    fn remember(&self, objects: &[Listed]) -> Result<(), Box<dyn Error + Send + Sync>>;
}

/// One kind to be copied, and all that takes part.
#[derive(Clone, Copy)]
pub struct Transfer<'a> {
    /// Which kind.
    pub kind: ObjectKind,
    /// Where objects come from.
    pub source: &'a dyn ReadStore,
    /// Where they go.
    pub destination: &'a dyn WriteStore,
    /// Which objects.
    pub work: &'a dyn WorkSource,
    /// How much is done at once.
    pub limits: &'a TransferLimits,
    /// The bytes that all workers together may hold.
    pub budget: &'a Budget,
    /// What is counted.
    pub counters: &'a Counters,
    /// What is noted of single objects.
    pub findings: &'a ObjectFindings,
    /// Where objects are remembered that are durable at the destination; `None` remembers nothing.
    pub confirmed: Option<&'a dyn ConfirmedObjects>,
    /// Tells an outage from single failures, over all transfers of a pass.
    pub breaker: &'a CircuitBreaker,
    /// Cancellation: a signal or a failure asks everybody to end. A failure of the transfer raises it, so that no call
    /// to a store is waited for in vain.
    pub shutdown: &'a Shutdown,
}

impl fmt::Debug for Transfer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, source, destination, limits, .. } = self;
        let mut out = f.debug_struct("Transfer");
        out.field("kind", kind).field("source", source).field("destination", destination).field("limits", limits);
        out.finish_non_exhaustive()
    }
}

impl Transfer<'_> {
    /// Copies every object that the source of work names. Single objects that fail are counted and noted.
    ///
    /// # Errors
    /// What made going on pointless, the first of several. A signal that came before it makes it
    /// [`TransferOutcome::Interrupted`].
    pub fn run(&self) -> Result<TransferOutcome, TransferError> {
        let spool = Spool::new(&self.limits.temp_dir, SPOOL_OBJECTS)
            .map_err(TransferError::local("make a temporary file for the plan"))?;
        let Self { kind, counters, findings, breaker, .. } = *self;
        let recorder = Recorder { kind, counters, findings, breaker };
        let run = Running { transfer: self, recorder, spool: &spool, failure: OnceLock::new() };
        run.run();
        match (self.shutdown.reason(), run.failure.into_inner()) {
            (Some(ShutdownReason::Signal(_)), _) | (Some(ShutdownReason::Fatal(_)), None) => {
                Ok(TransferOutcome::Interrupted)
            }
            (_, Some(error)) => Err(error),
            (None, None) => Ok(TransferOutcome::Finished),
        }
    }
}

/// A transfer under way, shared by its threads.
struct Running<'a> {
    transfer: &'a Transfer<'a>,
    recorder: Recorder<'a>,
    spool: &'a Spool,
    /// What ended it, the first of several.
    failure: OnceLock<TransferError>,
}

impl Running<'_> {
    fn run(&self) {
        let Transfer { kind, source, destination, limits, budget, .. } = *self.transfer;
        let (written, to_confirm) = bounded(2 * limits.batch.objects);
        std::thread::scope(|scope| {
            let confirmer = Builder::new().name("confirmer".to_owned());
            let confirm = || flush::run(&to_confirm, limits.batch, |batch| self.confirm(batch));
            let lister = Builder::new().name("lister".to_owned());
            let started =
                confirmer.spawn_scoped(scope, confirm).and_then(|_| lister.spawn_scoped(scope, || self.produce()));
            if let Err(error) = started {
                return self.end(TransferError::local("start a thread")(error));
            }
            let copier = Copier { kind, source, destination, budget };
            let copied = pool::run(
                limits.workers.clone(),
                limits.queue,
                |queue| self.feed(&queue),
                |object| self.copy(&copier, &object, &written),
            );
            if let Err(error) = copied {
                self.end(TransferError::local("start a worker thread")(error));
                self.spool.abandon();
            }
            // Dropped here, so that the channel closes: the confirmer then confirms its last batch and ends.
            drop(written);
        });
    }

    /// Ends the transfer, unless something has ended it already.
    fn end(&self, error: TransferError) {
        let reason = ShutdownReason::Fatal(error.to_string());
        // When one came first, that is the one to tell.
        let _ = self.failure.set(error);
        self.transfer.shutdown.request(reason);
    }

    fn produce(&self) {
        // Also when the source of work panics, because everybody else would wait for ever.
        let _closed = CloseWhenDropped(self.spool);
        let sink = WorkSink::new(self.recorder, self.spool, self.transfer.shutdown);
        match self.transfer.work.produce(&sink) {
            Ok(Produced::All) => {
                self.recorder.counters.kind(self.recorder.kind).source_listed.store(true, Ordering::Relaxed);
            }
            Ok(Produced::Interrupted) => {}
            Err(error) => self.end(error),
        }
    }

    /// Moves the plan from the disk to the workers' queue.
    fn feed(&self, queue: &Queue<Listed>) {
        let Transfer { kind, counters, limits, shutdown, .. } = *self.transfer;
        while !shutdown.requested() {
            // Each time, because workers are started as they are needed, and the system refuses one only then.
            counters.kind(kind).workers_missing.set(limits.workers.count().saturating_sub(queue.workers()) as u64);
            match self.spool.take(SPOOL_READ, SPOOL_WAIT) {
                Ok(Some(objects)) => {
                    if !objects.into_iter().all(|object| !shutdown.requested() && queue.put(object)) {
                        break;
                    }
                }
                Ok(None) => return,
                Err(error) => self.end(TransferError::local("read the plan from a temporary file")(error)),
            }
        }
        self.spool.abandon();
    }

    fn copy(&self, copier: &Copier<'_>, object: &Listed, written: &Sender<Listed>) {
        // Asked for every object, so that what is queued when the shutdown comes is left for the next run. What is in
        // flight is finished.
        if self.transfer.shutdown.requested() {
            return;
        }
        let Recorder { kind, counters, breaker, .. } = self.recorder;
        match copier.copy(object) {
            CopyOutcome::Copied { size, damage, wrong_once, spent } => {
                counters.slowest.offer(kind, object.key, size, spent);
                breaker.success();
                if let Some(first) = wrong_once {
                    self.recorder.wrong_once(&object.key, &first);
                }
                if let Some(damage) = damage {
                    self.recorder.damaged(&object.key, &damage);
                }
                let written_object = Listed { key: object.key, size: Some(size) };
                written.send(written_object).expect("the confirmer runs until every worker is done");
            }
            CopyOutcome::KeptAtDestination(damage) => self.recorder.kept(&object.key, &damage),
            CopyOutcome::Vanished => self.recorder.vanished(&object.key),
            CopyOutcome::Failed(error) => {
                self.recorder.failed(object.key, error).unwrap_or_else(|error| self.end(error));
            }
        }
    }

    /// Makes a batch durable, remembers it, and only then counts it.
    fn confirm(&self, batch: &[Listed]) {
        if let Err(error) = self.transfer.destination.sync() {
            return self.unconfirmed(batch, error);
        }
        if let Some(Err(error)) = self.transfer.confirmed.map(|confirmed| confirmed.remember(batch)) {
            // They count as copied all the same, because the objects are there; only the memory of it is lost, and the
            // next run will copy them again.
            self.end(TransferError::local("remember what was copied")(error));
        }
        self.recorder.counters.count_copied(self.recorder.kind, batch);
    }

    fn unconfirmed(&self, batch: &[Listed], error: StoreError) {
        for object in batch {
            self.recorder.note_failure(object.key, &error);
        }
        self.end(TransferError::Store(error));
    }
}

/// Closes a spool however its writer ends.
struct CloseWhenDropped<'a>(&'a Spool);

impl Drop for CloseWhenDropped<'_> {
    fn drop(&mut self) {
        self.0.close();
    }
}
