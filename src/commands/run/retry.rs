//! `--retry-failed`: a pass over what an earlier report names as failed, and nothing else.
//!
//! The failures take the place of the source's listing. The report says no sizes and things have changed since, so
//! each object is looked up first: in the source, then in the list file, and where that does not answer at the
//! destination itself. What is missing goes the way of every other object.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::commands::common::destination::DestinationIndex;
use crate::commands::common::settings::RunSettings;
use crate::commands::common::state::PassState;
use crate::commands::run::retry::earlier_report::{FailedObject, OldReport};
use crate::flow::pool::{self, Queue};
use crate::history::Pair;
use crate::object::{ObjectKey, ObjectKind, PerKind};
use crate::report::{Console, Ending, format};
use crate::store::{Listed, ReadStore, SizeMatch, StoreError, found};
use crate::sys::shutdown::Shutdown;
use crate::transfer::Spool;

pub mod earlier_report;

/// How many failures are read back from the disk at once.
const READ: usize = 1024;

/// What an earlier report names as failed, on disk: 44 bytes an object.
#[derive(Debug)]
pub struct Failed {
    report: PathBuf,
    kinds: PerKind<FailedOfKind>,
}

/// The failures of one kind.
#[derive(Debug)]
pub struct FailedOfKind {
    /// How many there are.
    pub count: u64,
    /// Those of which the destination can be asked.
    asked: Spool,
    /// Those that may be there without being durable: they are copied whatever the destination says.
    doubtful: Spool,
}

impl FailedOfKind {
    fn new(dir: &Path) -> io::Result<Self> {
        Ok(Self { count: 0, asked: Spool::new(dir, u64::MAX)?, doubtful: Spool::new(dir, u64::MAX)? })
    }

    fn put(&mut self, object: FailedObject) -> io::Result<()> {
        self.count += 1;
        let spool = if object.is_doubtful { &self.doubtful } else { &self.asked };
        spool.put(&[Listed { key: object.key, size: None }]).map(drop)
    }
}

impl Failed {
    /// Reads the report that the settings name. `None` when they name none.
    ///
    /// # Errors
    /// How the pass ends instead, told already: the report is of no use, or there is nothing to retry.
    pub fn read(settings: &RunSettings, console: &Console) -> Result<Option<Self>, Ending> {
        let Some(path) = &settings.retry_failed else { return Ok(None) };
        let (failed, old) = Self::from_report(path, settings).map_err(|what| {
            let ending = Ending::Refused(what);
            console.problem(format_args!("Result: {ending} (exit code {}).", ending.exit_code()));
            ending
        })?;
        if !["complete", "failures", "retried", "libraries not whole"].iter().any(|whole| old.result.starts_with(whole))
        {
            console.problem(format_args!(
                "Warning: the pass of {} did not come to its end ({}), so more may be missing than what it names; \
                 run again without --retry-failed",
                path.display(),
                old.result
            ));
        }
        if failed.count() == 0 {
            console.line(format_args!("Nothing failed in {}: there is nothing to retry.", path.display()));
            return Err(failed.ending(Ending::Complete));
        }
        Ok(Some(failed))
    }

    fn from_report(path: &Path, settings: &RunSettings) -> Result<(Self, OldReport), String> {
        let dir = &settings.plan.list.temp_dir;
        let disk = |error| format!("a temporary file in {} cannot be used: {error}", dir.display());
        let mut kinds = PerKind::try_from_fn(|_| FailedOfKind::new(dir).map_err(disk))?;
        let old = earlier_report::read(path, &mut |object| kinds[object.kind].put(object).map_err(disk))
            .map_err(|error| error.to_string())?;
        let pair = Pair::new(&settings.plan.from, &settings.plan.to);
        if old.pair != pair {
            return Err(other_pair(path, &old.pair, &pair));
        }
        for kind in kinds.values() {
            kind.asked.close();
            kind.doubtful.close();
        }
        Ok((Self { report: path.to_owned(), kinds }, old))
    }

    /// The report that is retried.
    pub fn report(&self) -> &Path {
        &self.report
    }

    /// The failures of a kind.
    pub const fn kind(&self, kind: ObjectKind) -> &FailedOfKind {
        self.kinds.get(kind)
    }

    /// How many failures there are in all.
    pub fn count(&self) -> u64 {
        self.kinds.values().map(|kind| kind.count).sum()
    }

    /// The same ending in words that do not claim more than a retry can know.
    pub fn ending(&self, ending: Ending) -> Ending {
        let retried = |damaged| Ending::Retried { report: self.report.display().to_string(), damaged };
        match ending {
            Ending::Complete => retried(false),
            Ending::DamagedSource => retried(true),
            other => other,
        }
    }
}

fn other_pair(path: &Path, old: &Pair, now: &Pair) -> String {
    format!(
        "{} is the report of another pair of stores; nothing was done\n  the report: from {}\n              to {}\n  \
         this run:   from {}\n              to {}",
        path.display(),
        old.from,
        old.to,
        now.from,
        now.to
    )
}

/// What is to become of an object that had failed.
enum Decision {
    ToCopy(Listed),
    There(Listed),
    Gone(Listed),
    Failed(StoreError),
}

/// The failures of one kind, being looked up for a transfer.
#[derive(Clone, Copy, Debug)]
pub struct LookUp<'a> {
    /// Which kind.
    pub kind: ObjectKind,
    /// Where objects come from.
    pub source: &'a dyn ReadStore,
    /// Where they go.
    pub destination: &'a dyn ReadStore,
    /// What the list file says, where there is one.
    pub known: Option<&'a DestinationIndex>,
    /// How many are looked up at once.
    pub workers: usize,
    /// Where those go that are to be copied.
    pub spool: &'a Spool,
    /// What is counted and found.
    pub state: &'a PassState,
    /// The wish to end early.
    pub stop: &'a Shutdown,
}

impl LookUp<'_> {
    /// Looks up every failure; what is to be copied goes into the spool. The plan is complete when none was left out.
    pub fn run(&self, failed: &FailedOfKind) {
        let Self { stop, state, kind, workers, .. } = *self;
        let fill = |queue: Queue<(ObjectKey, bool)>| {
            self.feed(&failed.asked, false, &queue).and_then(|()| self.feed(&failed.doubtful, true, &queue))
        };
        match pool::run(workers, workers * 4, fill, |(key, is_doubtful)| self.look_up(key, is_doubtful)) {
            Err(error) => state.local_failure("start a worker thread", &error, stop),
            Ok(Err(error)) => state.local_failure("read the failures from a temporary file", &error, stop),
            // A wish to end that came later changes nothing here, because the pass then ends as interrupted.
            Ok(Ok(())) if stop.requested() => {}
            Ok(Ok(())) => state.counters.kind(kind).source_listed.store(true, Ordering::Relaxed),
        }
    }

    fn feed(&self, from: &Spool, is_doubtful: bool, queue: &Queue<(ObjectKey, bool)>) -> io::Result<()> {
        while let Some(objects) = from.take(READ, Duration::ZERO)? {
            for object in objects {
                if self.stop.requested() || !queue.put((object.key, is_doubtful)) {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    fn look_up(&self, key: ObjectKey, is_doubtful: bool) {
        let Self { kind, state, stop, .. } = *self;
        if stop.requested() {
            return;
        }
        match self.decide(key, is_doubtful) {
            Decision::ToCopy(object) => {
                state.count_listed(kind, &[object], &[object]);
                if let Err(error) = self.spool.put(&[object]) {
                    state.local_failure("write the plan to a temporary file", &error, stop);
                }
            }
            Decision::There(object) => state.count_listed(kind, &[object], &[]),
            Decision::Gone(object) => {
                state.count_listed(kind, &[object], &[object]);
                state.counters.kind(kind).vanished.add(1);
            }
            Decision::Failed(error) => {
                let object = Listed { key, size: None };
                state.count_listed(kind, &[object], &[object]);
                state.failed(kind, key, error, stop);
            }
        }
    }

    fn decide(&self, key: ObjectKey, is_doubtful: bool) -> Decision {
        let object = match found(self.source.size(&key)) {
            Ok(Some(size)) => Listed { key, size: Some(size) },
            Ok(None) => return Decision::Gone(Listed { key, size: None }),
            Err(error) => return Decision::Failed(error),
        };
        if is_doubtful {
            return Decision::ToCopy(object);
        }
        match self.held(&key) {
            // Shorter is what a crash leaves, as in a full pass.
            Ok(held) if held.is_some() && SizeMatch::of(held, object.size) != SizeMatch::Shorter => {
                Decision::There(object)
            }
            Ok(_) => Decision::ToCopy(object),
            Err(error) => Decision::Failed(error),
        }
    }

    /// The size that the destination holds the object with; `None` when it does not hold it.
    fn held(&self, key: &ObjectKey) -> Result<Option<u64>, StoreError> {
        match self.known.map(|known| known.set.find(key)) {
            Some(None) => return Ok(None),
            Some(Some(held)) if held.size.is_some() => return Ok(held.size),
            Some(Some(_)) | None => {}
        }
        found(self.destination.size(key))
    }
}

/// Says how much of a kind had failed.
pub fn announce(kind: ObjectKind, failed: &FailedOfKind, console: &Console) {
    console.log(format_args!("Start to retry [{kind}] object: {} had failed", format::count(failed.count)));
}
