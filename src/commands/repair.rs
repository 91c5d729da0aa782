//! `repair`: looks at what reports name, and writes at the destination what a source has right.
//!
//! Nothing that a report says is believed but the names: each object is read anew at the destination, and where it is not
//! right there, in one source after the other ([`mend`]). What no source has right is left and named.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use crate::commands::check;
use crate::commands::common::failure::Failure;
use crate::commands::common::first_failure::FirstFailure;
use crate::commands::common::list_state;
use crate::commands::common::run_note::RunNoted;
use crate::commands::common::sides::lock;
use crate::commands::common::writing::WritingRight;
use crate::content::FsView;
use crate::flow::Budget;
use crate::history::Pair;
use crate::index::{self, ListLock, ListPaths, UniqueKeys};
use crate::metrics::RepairCounters;
use crate::object::{ObjectKey, ObjectKind, PerKind};
use crate::preflight::Depth;
use crate::report::progress::during;
use crate::report::{Console, Outcome, format};
use crate::store::open::{OpenOptions, open_destination, open_destination_to_read, open_source};
use crate::store::{ReadStore, StoreError, WriteStore};
use crate::sys::lock::DestinationLock;
use crate::sys::shutdown::Shutdown;

mod kind;
pub mod mend;
pub mod named;
pub mod outcome;
mod progress;
pub mod settings;
mod tell;

use kind::{KindRepair, RepairFindings};
use mend::Mender;
use named::NamedObjects;
use outcome::{Numbers, RepairOutcome};
use progress::RepairProgress;
use settings::RepairSettings;
use tell::RepairResult;

/// Repairs what the reports name, and tells the result: log, table, report.
pub fn run(settings: &RepairSettings, console: &Console, shutdown: &Shutdown) -> RepairOutcome {
    let (began, started) = (Instant::now(), jiff::Zoned::now());
    for warning in settings.from.iter().chain([&settings.to]).flat_map(|side| &side.warnings) {
        console.warning(format_args!("{warning}"));
    }
    let reports = settings.reports.iter().map(PathBuf::as_path);
    let named = match NamedObjects::read(reports, &settings.to.id(), &settings.temp_dir) {
        Ok(named) => named,
        Err(error) => {
            let outcome = RepairOutcome::Stopped(Failure::Refused(error.to_string()));
            outcome.print_result(console);
            return outcome;
        }
    };
    let repair = Repair {
        settings,
        options: settings.store.open_options(console, shutdown),
        counters: PerKind::default(),
        findings: RepairFindings::default(),
        console,
        failures: FirstFailure::new(shutdown),
    };
    let outcome = if named.rows == 0 { RepairOutcome::NothingNamed } else { repair.run(named) };
    let Repair { options, counters, findings, .. } = &repair;
    let (took, retries) = (began.elapsed(), options.retries());
    let result = RepairResult { settings, outcome: &outcome, counters, findings, started: &started, took, retries };
    let unwritten = settings.report.as_ref().and_then(|path| {
        let error = result.write(path, console).err()?;
        Some(format!("the report {} could not be written: {error}", path.display()))
    });
    result.print(console);
    let outcome = match unwritten {
        Some(problem) if outcome.exit_code() == 0 => RepairOutcome::FileNotWritten(problem),
        Some(problem) => {
            console.warning(format_args!("{problem}"));
            outcome
        }
        None => outcome,
    };
    outcome.print_result(console);
    outcome
}

/// A repair under way.
struct Repair<'a> {
    settings: &'a RepairSettings,
    options: OpenOptions,
    counters: PerKind<RepairCounters>,
    findings: RepairFindings,
    console: &'a Console,
    /// What ends it early.
    failures: FirstFailure<'a>,
}

/// What is held while the destination is written.
struct Begun<'a> {
    right: WritingRight,
    notes: Vec<RunNoted<'a>>,
    _locks: Vec<DestinationLock>,
}

/// The stores of all sides.
struct Stores {
    sources: Vec<PerKind<Arc<dyn ReadStore>>>,
    /// `None` for a kind whose folder does not exist yet.
    destination: PerKind<Option<Arc<dyn ReadStore>>>,
    /// `None` in a dry run.
    writers: Option<PerKind<Arc<dyn WriteStore>>>,
}

impl<'a> Repair<'a> {
    fn run(&self, named: NamedObjects) -> RepairOutcome {
        if named.unnamed > 0 {
            self.console.warning(format_args!(
                "the reports count {} more than they name; make another report after this repair",
                format::plural(named.unnamed, "object")
            ));
        }
        let begun = match self.settings.dry_run {
            true => Ok(None),
            false => self.begin().map(Some),
        };
        let begun = match begun {
            Ok(begun) => begun,
            Err(failure) => {
                return RepairOutcome::Stopped(Failure::interruption(self.failures.shutdown()).unwrap_or(failure));
            }
        };
        if let Err(failure) = self.repair(named) {
            self.failures.end(failure);
        }
        let lost = begun.as_ref().and_then(|begun| begun.right.lost());
        let outcome = self.outcome(lost);
        begun.map_or(outcome.clone(), |begun| self.end(begun, outcome))
    }

    /// Locks the destination, checks that all sides are ready, and notes that it is written.
    fn begin(&self) -> Result<Begun<'a>, Failure> {
        let Self { settings, options, console, failures, .. } = self;
        let (to, shutdown, prefix) = (&settings.to, failures.shutdown(), settings.lists.as_deref());
        let locks = lock(to)?;
        prefix.map_or(Ok(()), |prefix| list_state::require_lists_of(prefix, to))?;
        for from in &settings.from {
            check::require_sides(from, to, options, Depth::Libraries, console, shutdown)?;
        }
        let mut right =
            WritingRight::acquire(to, (&settings.store, options), &settings.lease, prefix, console, shutdown)?;
        let mut notes = Vec::new();
        let noted = settings.from.iter().try_for_each(|from| {
            notes.push(RunNoted::begin(Some(&settings.proofs), Pair::new(from, to), console)?);
            Ok(())
        });
        match noted.and_then(|()| right.begin_writing(shutdown)) {
            Ok(()) => Ok(Begun { right, notes, _locks: locks }),
            Err(failure) => {
                // A generation that was begun in some of the stores is to be ended, too. Why it was is what is told.
                drop(right.end(failure.exit_code(), console));
                Err(failure)
            }
        }
    }

    /// Gives back what is held, and says how the repair ended with that in mind.
    fn end(&self, Begun { right, notes, _locks }: Begun<'a>, outcome: RepairOutcome) -> RepairOutcome {
        let outcome = match (right.end(outcome.exit_code(), self.console), outcome) {
            // What ended it before is what is told.
            (Err(_), stopped @ RepairOutcome::Stopped(_)) => stopped,
            (Err(failure), _) => RepairOutcome::Stopped(failure),
            (Ok(()), outcome) => outcome,
        };
        notes.into_iter().for_each(|note| note.end(&outcome, self.console));
        outcome
    }

    fn outcome(&self, lost: Option<Failure>) -> RepairOutcome {
        if let Some(failure) = self.failures.get().or(lost) {
            return RepairOutcome::Stopped(failure);
        }
        let sum = |number: fn(&RepairCounters) -> u64| self.counters.values().map(number).sum::<u64>();
        let (right, repaired, left) = (sum(|n| n.right.get()), sum(|n| n.repaired.get()), sum(|n| n.left.get()));
        // Success is claimed on numbers and not on the absence of errors.
        if right + repaired + left != sum(|n| n.looked_at.get()) {
            return RepairOutcome::Stopped(Failure::cut_short("looking at every object"));
        }
        let numbers = Numbers { right, repaired, left, is_dry_run: self.settings.dry_run };
        if left > 0 { RepairOutcome::Left(numbers) } else { RepairOutcome::Repaired(numbers) }
    }

    fn open(&self) -> Result<Stores, StoreError> {
        let Self { settings, options, .. } = self;
        let source = |from: &crate::conf::SideConf| PerKind::try_from_fn(|kind| open_source(from.store(kind), options));
        let sources = settings.from.iter().map(source).collect::<Result<_, _>>()?;
        if settings.dry_run {
            let destination = PerKind::try_from_fn(|kind| open_destination_to_read(settings.to.store(kind), options))?;
            return Ok(Stores { sources, destination, writers: None });
        }
        let writers = PerKind::try_from_fn(|kind| open_destination(settings.to.store(kind), options))?;
        let destination = writers.clone().map(|store| Some(store as Arc<dyn ReadStore>));
        Ok(Stores { sources, destination, writers: Some(writers) })
    }

    /// Repairs blocks first, then fs, then commits, so that what is pointed at arrives before what points at it.
    fn repair(&self, named: NamedObjects) -> Result<(), Failure> {
        let stores = self.open()?;
        let budget = Budget::new(self.settings.memory);
        let NamedObjects { mut kinds, files, .. } = named;
        let sources = |kind: ObjectKind| stores.sources.iter().map(|side| &*side[kind]).collect::<Vec<_>>();
        let of_fs = sources(ObjectKind::Fs);
        self.name_blocks(&stores.mender(ObjectKind::Fs, &of_fs, &budget), files, &mut kinds[ObjectKind::Blocks])?;
        for kind in ObjectKind::COPY_ORDER {
            let (sources, counters) = (sources(kind), &self.counters[kind]);
            let keys = std::mem::replace(&mut kinds[kind], UniqueKeys::new(&self.settings.temp_dir)).sorted()?;
            let stays = !self.settings.to.moves(kind);
            let mender = stores.mender(kind, &sources, &budget);
            let repair = KindRepair {
                mender: Mender { writer: mender.writer.filter(|_| !stays), ..mender },
                stays,
                workers: self.settings.store.workers(),
                counters,
                findings: &self.findings,
                failures: &self.failures,
            };
            self.console.log(format_args!("Start to repair [{kind}] object"));
            during(&RepairProgress { kind, counters }, self.console, || repair.run(keys));
            self.console.log(format_args!("[{kind}] task: {} objects repaired.", counters.repaired.get()));
            self.forget_list(kind)?;
        }
        Ok(())
    }

    /// Adds the blocks of files that do not add up to their length.
    fn name_blocks(&self, fs: &Mender<'_>, files: UniqueKeys, blocks: &mut UniqueKeys) -> Result<(), Failure> {
        for file in files.sorted()? {
            let file = file?;
            // One that nobody has right is left as the fs object that it is.
            let Some(data) = fs.right_bytes(&file)? else { continue };
            let mut pushed = Ok(());
            if let Ok(view) = FsView::open(&file.id, &data) {
                view.blocks(|block| {
                    if pushed.is_ok() {
                        pushed = blocks.push(ObjectKey::new(file.library, block));
                    }
                });
            }
            pushed?;
        }
        Ok(())
    }

    /// Forgets the list of a kind of which something was repaired, because it says otherwise.
    fn forget_list(&self, kind: ObjectKind) -> Result<(), Failure> {
        let Some(prefix) = self.settings.lists.as_ref().filter(|_| !self.settings.dry_run) else { return Ok(()) };
        if self.counters[kind].repaired.get() == 0 {
            return Ok(());
        }
        let lock = ListLock::acquire(&ListPaths::new(prefix, kind, None))?;
        Ok(index::forget_all(&lock)?)
    }
}

impl Stores {
    fn mender<'s>(&'s self, kind: ObjectKind, sources: &'s [&'s dyn ReadStore], budget: &'s Budget) -> Mender<'s> {
        let writer = self.writers.as_ref().map(|writers| &*writers[kind]);
        Mender { kind, sources, destination: self.destination[kind].as_deref(), writer, budget }
    }
}
