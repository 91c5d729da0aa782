//! Removes what one kind holds: list, and in batches ask, note, delete.
//!
//! A batch is small, so that little time passes between the destination's answer and the removal. It is asked for as a
//! whole, what may be removed is noted in the journal, and only then deleted.

use std::io;
use std::sync::atomic::Ordering;
use std::sync::{Mutex, PoisonError};
use std::thread::Builder;
use std::time::Duration;

use super::decide::{Asker, Decision};
use super::journal::RemovalJournal;
use crate::commands::common::failure::Failure;
use crate::commands::common::first_failure::FirstFailure;
use crate::commands::remove::report::{Reason, RemovalCounts};
use crate::commands::remove::settings::RemoveSettings;
use crate::flow::RateLimiter;
use crate::flow::pool::{self, Queue};
use crate::listing::{Stream, WalkError, walk};
use crate::metrics::{Counters, Finding, Findings, RemovalCounters};
use crate::object::{KeyRange, ObjectKind};
use crate::report::Console;
use crate::store::{ErrorKind, Listed, RemoveStore, StoreError};
use crate::sys::shutdown::ShutdownReason;
use crate::transfer::Spool;

/// How many objects the listing may be ahead: 44 bytes each on disk.
const SPOOL_OBJECTS: u64 = 16 << 20;

/// How many objects are in a batch at most.
const BATCH: usize = 1000;

/// One kind to be removed, and all that takes part.
#[derive(Clone, Copy, Debug)]
pub struct Removal<'a> {
    /// What is wanted.
    pub settings: &'a RemoveSettings,
    /// Who asks the destination.
    pub asker: Asker<'a>,
    /// How many objects a second may be removed.
    pub limit: &'a RateLimiter,
    /// What the source lists.
    pub counters: &'a Counters,
    /// The objects that are kept, and why.
    pub kept: &'a Findings,
    /// What became of it, counted while it runs.
    pub done: &'a RemovalCounters,
    /// What ends the removal early.
    pub failures: &'a FirstFailure<'a>,
}

impl Removal<'_> {
    /// Works through everything that the source lists, and counts what becomes of it. Without a journal nothing is
    /// deleted, only counted.
    ///
    /// # Errors
    /// Why it ended early.
    pub fn run(&self, journal: Option<&mut RemovalJournal>, counts: &mut RemovalCounts) -> Result<(), Failure> {
        let spool = Spool::new(&self.settings.temp_dir, SPOOL_OBJECTS)
            .map_err(|error| Failure::local("make a temporary file", &error))?;
        std::thread::scope(|scope| {
            let lister = Builder::new().name("lister".to_owned());
            let started = lister.spawn_scoped(scope, || {
                self.list(&spool);
                spool.close();
            });
            if let Err(error) = started {
                return self.failures.end(Failure::local("start a thread", &error));
            }
            if let Err(failure) = self.work(&spool, journal, counts) {
                self.failures.end(failure);
            }
            spool.abandon();
        });
        self.failures.get().map_or(Ok(()), Err)
    }

    /// Takes one batch after the other until the listing is at its end, or everybody is to end.
    fn work(
        &self,
        spool: &Spool,
        mut journal: Option<&mut RemovalJournal>,
        counts: &mut RemovalCounts,
    ) -> Result<(), Failure> {
        while !self.failures.is_over() {
            let batch = spool.take(self.batch_size(), Duration::from_millis(200));
            let batch = batch.map_err(|error| Failure::local("read the plan from a temporary file", &error))?;
            let Some(batch) = batch else { return Ok(()) };
            self.settle(&batch, journal.as_deref_mut(), counts)?;
        }
        Ok(())
    }

    /// A quarter of a second's worth where the rate is limited, so that deletions come evenly.
    fn batch_size(&self) -> usize {
        self.settings.rate.map_or(BATCH, |rate| (rate as usize / 4).clamp(1, BATCH))
    }

    fn list(&self, spool: &Spool) {
        let Self { settings, counters, failures, .. } = *self;
        let kind = self.asker.kind;
        let open = || Listing { kind, counters, spool };
        let listers = settings.store.listers_for(settings.from.store(kind));
        match walk(self.asker.source, &ranges(settings), listers, failures.shutdown(), open) {
            Ok(walked) => {
                counters.count_ignored(kind, walked.ignored);
                counters.kind(kind).source_listed.store(true, Ordering::Relaxed);
            }
            Err(WalkError::Interrupted) => {}
            Err(WalkError::Store(error)) => failures.end(error),
            Err(WalkError::Stream(error)) => {
                failures.end(Failure::local("write the plan to a temporary file", &error));
            }
        }
    }

    /// Decides on the objects of a batch, and removes those that may go.
    fn settle(
        &self,
        batch: &[Listed],
        journal: Option<&mut RemovalJournal>,
        counts: &mut RemovalCounts,
    ) -> Result<(), Failure> {
        let asked = self.ask(batch);
        if self.failures.is_over() {
            // Nothing of the batch is noted or deleted yet, so all of it is left for the next run.
            return Ok(());
        }
        let mut allowed = Vec::with_capacity(asked.len());
        for (object, decision) in asked {
            match decision {
                Decision::Remove(size) => allowed.push(Listed { key: object.key, size: Some(size) }),
                Decision::Gone => {
                    self.done.gone.add(1);
                    counts.count(self.asker.kind, object.key.library, |row| row.gone += 1);
                }
                Decision::Keep(reason, cause) => self.keep(&object, reason, &cause, counts),
                Decision::Unknown(error) => self.failed(&object, error, counts),
            }
        }
        match journal {
            // Of what is not noted yet, nothing is begun either.
            _ if self.failures.is_over() => Ok(()),
            Some(journal) => self.remove(&allowed, journal, counts),
            None => {
                self.count(&allowed, counts);
                Ok(())
            }
        }
    }

    /// Asks the destination for each object, many at once.
    fn ask(&self, batch: &[Listed]) -> Vec<(Listed, Decision)> {
        let asked = Mutex::new(Vec::with_capacity(batch.len()));
        let ask = |object: Listed| {
            if !self.failures.is_over() {
                let decision = self.asker.ask(&object);
                asked.lock().unwrap_or_else(PoisonError::into_inner).push((object, decision));
            }
        };
        let may_go_on = || !self.failures.is_over() && self.limit.acquire(1);
        self.each(batch, may_go_on, ask);
        asked.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes the objects, and when the note is safe, deletes them.
    fn remove(
        &self,
        objects: &[Listed],
        journal: &mut RemovalJournal,
        counts: &mut RemovalCounts,
    ) -> Result<(), Failure> {
        if objects.is_empty() {
            return Ok(());
        }
        let noted = journal.append(self.asker.kind, objects);
        noted.map_err(|error| Failure::local("note in the journal what is to be removed", &error))?;
        let settled = Mutex::new(Vec::with_capacity(objects.len()));
        let remove = |object: Listed| {
            // What is noted is also removed when the user interrupts, so that the journal says no more than happened;
            // not when a store is gone.
            if matches!(self.failures.shutdown().reason(), None | Some(ShutdownReason::Signal(_))) {
                let removed = self.asker.source.remove(&object.key);
                settled.lock().unwrap_or_else(PoisonError::into_inner).push((object, removed));
            }
        };
        self.each(objects, || true, remove);
        for (object, removed) in settled.into_inner().unwrap_or_else(PoisonError::into_inner) {
            match removed {
                Ok(()) => self.count(&[object], counts),
                Err(error) => self.failed(&object, error, counts),
            }
        }
        Ok(())
    }

    /// Calls `work` for the objects, many at once, as long as `may_go_on`.
    fn each(&self, objects: &[Listed], may_go_on: impl Fn() -> bool, work: impl Fn(Listed) + Sync) {
        let (workers, room) = (self.settings.store.workers().min(objects.len()).max(1), objects.len());
        let fill = |queue: Queue<Listed>| objects.iter().all(|object| may_go_on() && queue.put(*object));
        if let Err(error) = pool::run(workers, room, fill, work) {
            self.failures.end(Failure::local("start a worker thread", &error));
        }
    }

    fn count(&self, objects: &[Listed], counts: &mut RemovalCounts) {
        for object in objects {
            self.failures.succeeded();
            self.done.removed.add(1);
            self.done.removed_bytes.add(object.size.unwrap_or(0));
            counts.removed(self.asker.kind, object.key.library, object.size.unwrap_or(0));
        }
    }

    fn keep(&self, object: &Listed, reason: Reason, cause: &str, counts: &mut RemovalCounts) {
        let kind = self.asker.kind;
        self.kept.add(Finding::new(kind, &object.key, "compare", reason.as_str(), cause));
        self.done.kept.add(1);
        counts.kept(kind, object.key.library, object.size.unwrap_or(0), reason);
    }

    /// A store failed on this object. Ends the removal when it would fail on every other, too.
    fn failed(&self, object: &Listed, error: StoreError, counts: &mut RemovalCounts) {
        // No failure, because the cancellation cut the call short: the object is left for the next run.
        if error.kind() == ErrorKind::Interrupted {
            return;
        }
        let kind = self.asker.kind;
        self.done.kept.add(1);
        counts.kept(kind, object.key.library, object.size.unwrap_or(0), Reason::Failed);
        self.kept.add(Finding::from_error(kind, &object.key, &error));
        // The object is named already, whatever this one error says of the others.
        drop(self.failures.failed(error));
    }
}

/// What to list: the libraries asked for, or everything.
pub fn ranges(settings: &RemoveSettings) -> Vec<KeyRange> {
    if settings.libraries.is_empty() {
        return vec![KeyRange::ALL];
    }
    settings.libraries.iter().map(|library| KeyRange::library(*library)).collect()
}

/// Takes pages of the source and spools them.
struct Listing<'a> {
    kind: ObjectKind,
    counters: &'a Counters,
    spool: &'a Spool,
}

impl Stream for Listing<'_> {
    type Error = io::Error;

    fn page(&mut self, _covered: KeyRange, objects: Vec<Listed>) -> io::Result<()> {
        self.counters.count_listed(self.kind, &objects, &[]);
        // The answer is not needed, because when nobody takes objects any more, the listing is told so by its own
        // flag.
        self.spool.put(&objects).map(drop)
    }

    fn end(self) -> io::Result<()> {
        Ok(())
    }
}

/// Removes the folders that the objects of `kind` have left empty.
pub fn remove_folders(
    source: &dyn RemoveStore,
    settings: &RemoveSettings,
    console: &Console,
    counts: &mut RemovalCounts,
) {
    for range in ranges(settings) {
        match source.remove_empty_folders(&range) {
            Ok(removed) => counts.folders += removed,
            // No failure of the removal: a folder without objects is nothing that a server could miss or find.
            Err(error) => console.warning(format_args!("empty folders were left: {error}")),
        }
    }
}
