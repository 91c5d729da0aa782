//! `--retry-failed`: a pass over what an earlier report names as failed, and nothing else.
//!
//! The failures take the place of the source's listing. The report says no sizes and things have changed since, so
//! each object is looked up first: in the source, then in the list file, and where that does not answer at the
//! destination itself. What is missing goes the way of every other object.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

use crate::commands::common::failure::Failure;
use crate::commands::run::outcome::RunOutcome;
use crate::commands::run::retry::earlier_report::{FailedObject, OldReport};
use crate::commands::run::settings::RunSettings;
use crate::flow::pool::{self, Queue};
use crate::history::Pair;
use crate::index::Index;
use crate::object::{ObjectKey, ObjectKind, PerKind};
use crate::report::{Console, format};
use crate::store::checked::found_or_gone;
use crate::store::{Listed, ReadStore, SizeForms, SizeMatch, StoreError, found};
use crate::transfer::{Produced, Spool, TransferError, WorkSink, WorkSource};

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
    /// How the command ends instead: the report is of no use, or there is nothing to retry.
    pub fn read(settings: &RunSettings, console: &Console) -> Result<Option<Self>, RunOutcome> {
        let Some(path) = &settings.retry_failed else { return Ok(None) };
        let (failed, old) =
            Self::from_report(path, settings).map_err(|what| RunOutcome::Stopped(Failure::Refused(what)))?;
        let came_to_its_end = ["complete", "failures", "retried", "libraries not whole", "source incomplete"];
        if !came_to_its_end.iter().any(|whole| old.result.starts_with(whole)) {
            console.warning(format_args!(
                "the pass of {} did not come to its end ({}), so more may be missing than what it names; \
                 run again without --retry-failed",
                path.display(),
                old.result
            ));
        }
        if failed.count() == 0 {
            return Err(RunOutcome::NothingToRetry { report: path.display().to_string() });
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

    /// The same outcome in words that do not claim more than a retry can know.
    pub fn outcome(&self, outcome: RunOutcome) -> RunOutcome {
        let retried = |damaged| RunOutcome::Retried { report: self.report.display().to_string(), damaged };
        match outcome {
            RunOutcome::Complete => retried(false),
            RunOutcome::DamagedSource => retried(true),
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
    Gone,
    Failed(StoreError),
}

/// The source of work of a retry: the failures of one kind, each looked up.
#[derive(Clone, Copy, Debug)]
pub struct LookUp<'a> {
    /// What had failed.
    pub failed: &'a FailedOfKind,
    /// Where objects come from.
    pub source: &'a dyn ReadStore,
    /// Where they go.
    pub destination: &'a dyn ReadStore,
    /// What the list file says, where there is one.
    pub index: Option<&'a Index>,
    /// How many are looked up at once.
    pub workers: usize,
}

impl WorkSource for LookUp<'_> {
    /// Looks up every failure. All of the work is named when none was left out.
    fn produce(&self, sink: &WorkSink<'_>) -> Result<Produced, TransferError> {
        let run = Running { look_up: self, sink, failure: OnceLock::new() };
        let fill = |queue: Queue<ToLookUp>| {
            run.feed(&self.failed.asked, Trust::Asked, &queue)?;
            run.feed(&self.failed.doubtful, Trust::Doubtful, &queue)
        };
        pool::run(self.workers, self.workers * 4, fill, |object| run.look_up(&object))
            .map_err(TransferError::local("start a worker thread"))?
            .map_err(TransferError::local("read the failures from a temporary file"))?;
        match run.failure.into_inner() {
            Some(error) => Err(error),
            // A shutdown that came later changes nothing here, because the pass then ends as interrupted.
            None if sink.shutdown().requested() => Ok(Produced::Interrupted),
            None => Ok(Produced::All),
        }
    }
}

/// Whether what the destination says of an object counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trust {
    /// It does.
    Asked,
    /// It may show the object without having made it durable.
    Doubtful,
}

/// An object that had failed.
#[derive(Clone, Copy, Debug)]
struct ToLookUp {
    key: ObjectKey,
    trust: Trust,
}

/// A look-up under way, shared by its threads.
struct Running<'a> {
    look_up: &'a LookUp<'a>,
    sink: &'a WorkSink<'a>,
    /// What ended it, the first of several.
    failure: OnceLock<TransferError>,
}

impl Running<'_> {
    fn is_over(&self) -> bool {
        self.sink.shutdown().requested() || self.failure.get().is_some()
    }

    fn feed(&self, from: &Spool, trust: Trust, queue: &Queue<ToLookUp>) -> io::Result<()> {
        while let Some(objects) = from.take(READ, Duration::ZERO)? {
            for object in objects {
                if self.is_over() || !queue.put(ToLookUp { key: object.key, trust }) {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    fn look_up(&self, object: &ToLookUp) {
        if self.is_over() {
            return;
        }
        let done = match self.look_up.decide(object) {
            Decision::ToCopy(object) => self.sink.add(&[object], &[object]),
            Decision::There(object) => self.sink.add(&[object], &[]),
            Decision::Gone => {
                self.sink.add_vanished(object.key);
                Ok(())
            }
            Decision::Failed(error) => self.sink.add_failed(object.key, error),
        };
        if let Err(error) = done {
            // When one came first, that is the one to tell.
            let _ = self.failure.set(error);
        }
    }
}

impl LookUp<'_> {
    fn decide(&self, &ToLookUp { key, trust }: &ToLookUp) -> Decision {
        let object = match found_or_gone(self.source, &key, self.source.size(&key)) {
            Ok(Some(size)) => Listed { key, size: Some(size) },
            Ok(None) => return Decision::Gone,
            Err(error) => return Decision::Failed(error),
        };
        if trust == Trust::Doubtful {
            return Decision::ToCopy(object);
        }
        let sizes = SizeForms { held: self.destination.size_form(), expected: self.source.size_form() };
        match self.held(&key) {
            // Empty or shorter is what a crash leaves, as in a full pass.
            Ok(held) if held.is_some_and(|size| size > 0) && sizes.compare(held, object.size) != SizeMatch::Shorter => {
                Decision::There(object)
            }
            Ok(_) => Decision::ToCopy(object),
            Err(error) => Decision::Failed(error),
        }
    }

    /// The size that the destination holds the object with; `None` when it does not hold it.
    fn held(&self, key: &ObjectKey) -> Result<Option<u64>, StoreError> {
        match self.index.map(|index| index.find(key)) {
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
