//! Removes what one kind holds: list, and in batches ask, note, delete.
//!
//! A batch is small, so that little time passes between the destination's answer and the removal. It is asked for as a
//! whole, what may be removed is noted in the journal, and only then deleted.

use std::io;
use std::sync::atomic::Ordering;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::decide::{Asker, Decision};
use super::journal::RemovalJournal;
use crate::commands::common::state::PassState;
use crate::commands::remove::report::{Reason, RemovalCounts};
use crate::commands::remove::settings::RemoveSettings;
use crate::flow::rate::RealClock;
use crate::flow::{RateLimiter, pool};
use crate::listing::{Stream, WalkError, walk};
use crate::metrics::Finding;
use crate::object::{KeyRange, ObjectKind};
use crate::report::{Console, format};
use crate::store::{ErrorKind, Listed, RemoveStore, StoreError};
use crate::sys::shutdown::{Shutdown, ShutdownReason};
use crate::transfer::Spool;

/// How many objects the listing may be ahead: 44 bytes each on disk.
const SPOOL_OBJECTS: u64 = 16 << 20;

/// How many objects are in a batch at most.
const BATCH: usize = 1000;

/// How often a line of progress comes.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// One kind to be removed, and all that takes part.
#[derive(Clone, Copy, Debug)]
pub struct Removal<'a> {
    /// What is wanted.
    pub settings: &'a RemoveSettings,
    /// Who asks the destination.
    pub asker: Asker<'a>,
    /// How fast.
    pub rate: Option<&'a RateLimiter<RealClock>>,
    /// What is listed, kept, and what ended the removal.
    pub state: &'a PassState,
    /// Where progress is told.
    pub console: &'a Console,
    /// The wish to end early.
    pub stop: &'a Shutdown,
}

impl Removal<'_> {
    /// Works through everything that the source lists. Without a journal nothing is deleted, only counted.
    pub fn run(&self, mut journal: Option<&mut RemovalJournal>, tally: &mut RemovalCounts) {
        let spool = match Spool::new(&self.settings.temp_dir, SPOOL_OBJECTS) {
            Ok(spool) => spool,
            Err(error) => return self.state.local_failure("make a temporary file", &error, self.stop),
        };
        std::thread::scope(|scope| {
            scope.spawn(|| {
                self.list(&spool);
                spool.close();
            });
            let mut told = Instant::now();
            while !self.stop.requested() {
                match spool.take(self.batch_size(), Duration::from_millis(200)) {
                    Ok(Some(batch)) => self.settle(&batch, journal.as_deref_mut(), tally),
                    Ok(None) => return,
                    Err(error) => self.state.local_failure("read the plan from a temporary file", &error, self.stop),
                }
                if told.elapsed() >= LINE_EVERY {
                    told = Instant::now();
                    self.console.log(self.progress(tally));
                }
            }
            spool.abandon();
        });
    }

    /// A quarter of a second's worth where the rate is limited, so that deletions come evenly.
    fn batch_size(&self) -> usize {
        self.settings.rate.map_or(BATCH, |rate| (rate as usize / 4).clamp(1, BATCH))
    }

    fn progress(&self, tally: &RemovalCounts) -> String {
        let (kind, numbers) = (self.asker.kind, tally.kind(self.asker.kind));
        format!(
            "[{kind}] task: {} objects {} the source. ({} kept, {} listed)",
            numbers.removed.objects,
            if self.settings.yes { "removed from" } else { "to remove from" },
            format::count(numbers.kept.objects),
            format::count(self.state.counters.kind(kind).listed.get())
        )
    }

    fn list(&self, spool: &Spool) {
        let Self { settings, state, stop, .. } = *self;
        let kind = self.asker.kind;
        let open = || Listing { kind, state, spool };
        let listers = settings.store.listers_for(settings.from.store(kind));
        match walk(self.asker.source, &ranges(settings), listers, stop, open) {
            Ok(walked) => {
                let numbers = state.counters.kind(kind);
                numbers.ignored.add(walked.ignored);
                numbers.source_listed.store(true, Ordering::Relaxed);
            }
            Err(WalkError::Interrupted) => {}
            Err(WalkError::Store(error)) => state.fatal(error, stop),
            Err(WalkError::Stream(error)) => {
                state.local_failure("write the plan to a temporary file", &error, stop);
            }
        }
    }

    fn settle(&self, batch: &[Listed], journal: Option<&mut RemovalJournal>, tally: &mut RemovalCounts) {
        let asked = self.ask(batch);
        if self.stop.requested() {
            // Nothing of the batch is noted or deleted yet, so all of it is left for the next run.
            return;
        }
        let mut allowed = Vec::with_capacity(asked.len());
        for (object, decide) in asked {
            match decide {
                Decision::Remove(size) => allowed.push(Listed { key: object.key, size: Some(size) }),
                Decision::Gone => tally.count(self.asker.kind, object.key.library, |row| row.gone += 1),
                Decision::Keep(reason, cause) => self.keep(&object, reason, &cause, tally),
                Decision::Unknown(error) => self.failed(&object, error, tally),
            }
        }
        match journal {
            Some(journal) => self.remove(&allowed, journal, tally),
            None => self.count(&allowed, tally),
        }
    }

    /// Asks the destination for each object, many at once.
    fn ask(&self, batch: &[Listed]) -> Vec<(Listed, Decision)> {
        let asked = Mutex::new(Vec::with_capacity(batch.len()));
        let ask = |object: Listed| {
            if !self.stop.requested() {
                let decide = self.asker.ask(&object);
                asked.lock().unwrap_or_else(PoisonError::into_inner).push((object, decide));
            }
        };
        let may_go_on = || !self.stop.requested() && self.rate.is_none_or(RateLimiter::acquire);
        pool::run(
            self.workers(batch),
            batch.len(),
            |queue| batch.iter().all(|object| may_go_on() && queue.put(*object)),
            ask,
        );
        asked.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes the objects, and when the note is safe, deletes them.
    fn remove(&self, objects: &[Listed], journal: &mut RemovalJournal, tally: &mut RemovalCounts) {
        if objects.is_empty() {
            return;
        }
        if let Err(error) = journal.append(self.asker.kind, objects) {
            return self.state.local_failure("note in the journal what is to be removed", &error, self.stop);
        }
        let settled = Mutex::new(Vec::with_capacity(objects.len()));
        let remove = |object: Listed| {
            // What is noted is also removed when the user interrupts, so that the journal says no more than happened;
            // not when a store is gone.
            if matches!(self.stop.reason(), None | Some(ShutdownReason::Signal(_))) {
                let removed = self.asker.source.remove(&object.key);
                settled.lock().unwrap_or_else(PoisonError::into_inner).push((object, removed));
            }
        };
        pool::run(
            self.workers(objects),
            objects.len(),
            |queue| objects.iter().all(|object| queue.put(*object)),
            remove,
        );
        for (object, removed) in settled.into_inner().unwrap_or_else(PoisonError::into_inner) {
            match removed {
                Ok(()) => self.count(&[object], tally),
                Err(error) => self.failed(&object, error, tally),
            }
        }
    }

    fn workers(&self, objects: &[Listed]) -> usize {
        self.settings.store.workers.min(objects.len()).max(1)
    }

    fn count(&self, objects: &[Listed], tally: &mut RemovalCounts) {
        for object in objects {
            self.state.breaker.success();
            tally.removed(self.asker.kind, object.key.library, object.size.unwrap_or(0));
        }
    }

    fn keep(&self, object: &Listed, reason: Reason, cause: &str, tally: &mut RemovalCounts) {
        let kind = self.asker.kind;
        self.state.failures.add(Finding::new(kind, &object.key, "compare", reason.as_str(), cause));
        tally.kept(kind, object.key.library, object.size.unwrap_or(0), reason);
    }

    /// A store failed on this object. Ends the removal when it would fail on every other, too.
    fn failed(&self, object: &Listed, error: StoreError, tally: &mut RemovalCounts) {
        // No failure, because the stop cut the call short: the object is left for the next run.
        if error.kind() != ErrorKind::Interrupted {
            tally.kept(self.asker.kind, object.key.library, object.size.unwrap_or(0), Reason::Failed);
        }
        self.state.failed(self.asker.kind, object.key, error, self.stop);
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
    state: &'a PassState,
    spool: &'a Spool,
}

impl Stream for Listing<'_> {
    type Error = io::Error;

    fn page(&mut self, _covered: KeyRange, objects: Vec<Listed>) -> io::Result<()> {
        self.state.count_listed(self.kind, &objects, &[]);
        // The answer is not needed, because when nobody takes objects any more, the listing is told so by its own stop
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
    tally: &mut RemovalCounts,
) {
    for range in ranges(settings) {
        match source.remove_empty_folders(&range) {
            Ok(removed) => tally.folders += removed,
            // No failure of the removal: a folder without objects is nothing that a server could miss or find.
            Err(error) => console.problem(format_args!("Warning: empty folders were left: {error}")),
        }
    }
}
