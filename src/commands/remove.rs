//! Deletes from the old side what the new side holds: the one command that changes the old side.
//!
//! Nothing is deleted without a verification to go by ([`preconditions`]), nothing that the destination does not have
//! when it is asked right before ([`decide`]), and nothing that was not noted first ([`journal`]). Commits go first, then
//! fs, then blocks ([`delete`]): whatever an interruption leaves points at nothing that is gone.

use std::num::NonZeroU64;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant, UNIX_EPOCH};

use crate::commands::check;
use crate::commands::common::empty_kinds::{SideToLookAt, lists_anything};
use crate::commands::common::failure::Failure;
use crate::commands::common::first_failure::FirstFailure;
use crate::commands::common::named_libraries;
use crate::commands::common::sides::lock;
use crate::commands::remove::outcome::{Mode, RemoveOutcome, Totals};
use crate::commands::remove::report::{RemovalCounts, ReportHeader};
use crate::commands::remove::settings::RemoveSettings;
use crate::flow::{Budget, RateLimiter};
use crate::history::VerifyNote;
use crate::metrics::{Counters, Findings, RemovalCounters};
use crate::object::{ObjectKind, PerKind};
use crate::preflight::Depth;
use crate::report::progress::during;
use crate::report::{Console, Outcome, Process};
use crate::store::open::{OpenOptions, open_destination_as_it_is, open_source_to_remove};
use crate::store::{ReadStore, RemoveStore, StoreError};
use crate::sys::lock::DestinationLock;
use crate::sys::shutdown::Shutdown;

pub mod decide;
pub mod delete;
pub mod journal;
pub mod outcome;
pub mod preconditions;
mod progress;
pub mod report;
pub mod settings;
mod summary;
mod tables;

use decide::Asker;
use delete::Removal;
use journal::RemovalJournal;
use preconditions::Commits;
use progress::RemovalProgress;
use summary::RemovalSummary;

/// How many bytes all objects that are being compared may take.
const MEMORY: u64 = 256 << 20;

/// A removal under way.
struct Remover<'a> {
    settings: &'a RemoveSettings,
    options: OpenOptions,
    mode: Mode,
    /// What the source lists.
    counters: Counters,
    /// What became of it, counted while it runs.
    done: PerKind<RemovalCounters>,
    /// What became of it, for the report.
    counts: RemovalCounts,
    /// The objects that were kept, and why.
    kept: Findings,
    failures: FirstFailure<'a>,
    verified: Option<VerifyNote>,
    console: &'a Console,
}

/// Removes, or says what would be removed, and tells how it ended: log, summary, and the report if one is wanted.
pub fn run(settings: &RemoveSettings, console: &Console, shutdown: &Shutdown) -> RemoveOutcome {
    let (began, started) = (Instant::now(), jiff::Zoned::now());
    let mode = match settings.yes {
        true => Mode::Delete { journal: settings.journal.clone() },
        false => Mode::DryRun,
    };
    let mut remover = Remover {
        settings,
        options: settings.store.open_options(shutdown),
        mode,
        counters: Counters::default(),
        done: PerKind::default(),
        counts: RemovalCounts::default(),
        kept: Findings::default(),
        failures: FirstFailure::new(shutdown),
        verified: None,
        console,
    };
    for warning in settings.from.warnings.iter().chain(&settings.to.warnings) {
        console.problem(format_args!("Warning: {warning}"));
    }
    let removed = remover.remove();
    // First, because what fails after a signal may fail for it.
    let stopped = Failure::interruption(shutdown).or(removed.err());
    let outcome = remover.written(remover.outcome(stopped), &started, began.elapsed());
    let Remover { mode, counters, counts, kept, .. } = &remover;
    RemovalSummary { mode, counters, counts, kept, took: began.elapsed() }.print(console);
    console.line("");
    outcome.print_result(console);
    outcome
}

impl Remover<'_> {
    /// The removal itself.
    fn remove(&mut self) -> Result<(), Failure> {
        let (settings, console) = (self.settings, self.console);
        let _locks = self.lock()?;
        let verified = preconditions::verification(settings, console)?;
        check::require_sides(
            &settings.from,
            &settings.to,
            &self.options,
            Depth::Shards,
            console,
            self.failures.shutdown(),
        )?;
        let sides = self.open()?;
        self.require_kinds_and_libraries(&sides)?;
        let kind = ObjectKind::Commits;
        let commits = Commits { source: &*sides.from[kind], destination: &*sides.to[kind] };
        preconditions::no_live_server(settings, &verified, commits, console)?;
        let since = UNIX_EPOCH + Duration::try_from(verified.began.as_duration()).unwrap_or_default();
        self.verified = Some(verified);
        let mut journal = self.open_journal()?;
        let objects_per_second = settings.rate.and_then(|rate| NonZeroU64::new(u64::from(rate)));
        let limit = RateLimiter::new(objects_per_second, self.failures.shutdown());
        let budget = Budget::new(MEMORY);
        for kind in ObjectKind::REMOVE_ORDER {
            let (source, destination) = (&*sides.from[kind], &*sides.to[kind]);
            let asker =
                Asker { kind, source, destination, content: settings.content, budget: &budget, verified: since };
            self.remove_kind(asker, &limit, journal.as_mut())?;
        }
        self.warn_of_empty_libraries();
        Ok(())
    }

    fn remove_kind(
        &mut self,
        asker: Asker<'_>,
        limit: &RateLimiter,
        journal: Option<&mut RemovalJournal>,
    ) -> Result<(), Failure> {
        let Self { settings, counters, done, counts, kept, failures, console, .. } = self;
        let kind = asker.kind;
        let what = if settings.yes { "remove" } else { "compare" };
        console.log(format_args!("Start to {what} [{kind}] object"));
        let is_real = journal.is_some();
        let (done, listed) = (&done[kind], counters.kind(kind));
        let removal = Removal { settings, asker, limit, counters, kept, done, failures };
        let progress = RemovalProgress { kind, listed, removal: done, is_dry_run: !is_real };
        let removed = during(&progress, console, || removal.run(journal, counts));
        if is_real {
            delete::remove_folders(asker.source, settings, console, counts);
        }
        let (done, numbers) = (if is_real { "removed from" } else { "to remove from" }, counts.kind(kind));
        console.log(format_args!("[{kind}] task: {} objects {done} the source.", numbers.removed.objects));
        if removed.is_ok() {
            console.log(format_args!("Complete {what} [{kind}] object"));
        }
        removed
    }

    /// Refuses a source of which a kind lists nothing and is needed, unless an earlier removal emptied it, and libraries
    /// that the command line names and neither side has.
    fn require_kinds_and_libraries(&self, sides: &RemovalStores) -> Result<(), Failure> {
        let (settings, shutdown) = (self.settings, self.failures.shutdown());
        let from = sides.from.clone().map(|store| store as Arc<dyn ReadStore>);
        let journal = settings.journal.display();
        let noted = journal::kinds_noted(&settings.journal)
            .map_err(|error| Failure::Refused(format!("the journal {journal} cannot be read: {error}")))?;
        let lists = |kind: ObjectKind| Ok::<_, StoreError>(noted[kind] || lists_anything(&*from[kind], shutdown)?);
        let lists = PerKind::try_from_fn(lists)?;
        let source = SideToLookAt { name: "the source", stores: &from, shutdown };
        if let Some(what) = source.what_is_missing(&lists)? {
            let hint = format!(
                "Nothing was removed. If an earlier removal emptied it, name its journal ({journal} notes none)"
            );
            return Err(Failure::Store(format!("{what}. {hint}")));
        }
        let stores = from.values().chain(sides.to.values()).map(|store| &**store).collect::<Vec<_>>();
        named_libraries::require_in_stores(&settings.libraries, &stores, "neither side")
    }

    /// A library that was named and is not there is probably a slip of the pen.
    fn warn_of_empty_libraries(&self) {
        let seen = self.counters.library_rows();
        for library in self.settings.libraries.iter().filter(|library| !seen.contains_key(library)) {
            self.console.problem(format_args!("Warning: the source holds nothing of library {library}"));
        }
    }

    /// Nobody may write to either side meanwhile.
    fn lock(&self) -> Result<Vec<DestinationLock>, Failure> {
        let mut locks = lock(&self.settings.to)?;
        locks.extend(lock(&self.settings.from)?);
        Ok(locks)
    }

    fn open(&self) -> Result<RemovalStores, StoreError> {
        let from = |kind| open_source_to_remove(self.settings.from.store(kind), &self.options);
        let to = |kind| {
            let store = open_destination_as_it_is(self.settings.to.store(kind), &self.options)?;
            // Before anything is removed on the word of what it holds.
            store.make_listed_durable().map(|()| store)
        };
        Ok(RemovalStores { from: PerKind::try_from_fn(from)?, to: PerKind::try_from_fn(to)? })
    }

    /// The journal; `None` in a dry run, which is one because it has none.
    fn open_journal(&self) -> Result<Option<RemovalJournal>, Failure> {
        let Mode::Delete { journal: path } = &self.mode else { return Ok(None) };
        let RemoveSettings { from, to, .. } = self.settings;
        let about = format!("from {} to {}", from.id(), to.id());
        let journal = RemovalJournal::open(path, &about).map_err(|error| {
            let what = format!("the journal {} cannot be written: {error}", path.display());
            Failure::Refused(format!("nothing may be removed: {what}"))
        })?;
        self.console.log(format_args!("What is removed is noted in {}", path.display()));
        Ok(Some(journal))
    }

    /// How it ended; `stopped` is why it ended early.
    fn outcome(&self, stopped: Option<Failure>) -> RemoveOutcome {
        let totals = Totals {
            mode: self.mode.clone(),
            removed: self.counts.total(|n| n.removed.objects),
            kept: self.counts.reasons().iter().map(|(reason, count)| (*reason, *count)).collect(),
        };
        match stopped {
            Some(failure) => RemoveOutcome::Stopped { failure, totals },
            None if self.kept.count() > 0 || !self.is_all_accounted_for() => RemoveOutcome::KeptSome(totals),
            None => RemoveOutcome::Complete(totals),
        }
    }

    /// Whether all that was listed was removed, kept or gone. Success is claimed on these numbers and not on the
    /// absence of errors.
    fn is_all_accounted_for(&self) -> bool {
        ObjectKind::ALL.into_iter().all(|kind| {
            let (numbers, listed) = (self.counts.kind(kind), self.counters.kind(kind));
            let settled = numbers.removed.objects + numbers.kept.objects + numbers.gone;
            listed.source_listed.load(Ordering::Relaxed) && settled == listed.listed.get()
        })
    }

    /// Writes the report if one is wanted; the outcome with that in mind.
    fn written(&self, outcome: RemoveOutcome, started: &jiff::Zoned, took: Duration) -> RemoveOutcome {
        let Some(path) = &self.settings.report else { return outcome };
        let head = self.head(&outcome, started, took);
        match report::write(path, &head, &self.counters, &self.counts, &self.kept) {
            Ok(()) => {
                self.console.log(format_args!("Report written to {}", path.display()));
                outcome
            }
            Err(error) => {
                let what = format!("the report {} could not be written: {error}", path.display());
                RemoveOutcome::FileNotWritten { reached: Box::new(outcome), what }
            }
        }
    }

    fn head(&self, outcome: &RemoveOutcome, started: &jiff::Zoned, took: Duration) -> ReportHeader {
        let Self { settings, .. } = self;
        ReportHeader {
            dry_run: !settings.yes,
            result: outcome.name(),
            exit_code: outcome.exit_code(),
            message: outcome.to_string(),
            process: Process::ended(started, took, &settings.from, &settings.to, self.options.retries()),
            only: settings.libraries.iter().map(ToString::to_string).collect(),
            content: settings.content,
            verified: self.verified.as_ref().map(|verified| verified.began.to_string()),
            journal: settings.yes.then(|| settings.journal.display().to_string()),
        }
    }
}

/// The stores of both sides: the source to be removed from, the destination to be read.
struct RemovalStores {
    from: PerKind<Arc<dyn RemoveStore>>,
    to: PerKind<Arc<dyn ReadStore>>,
}
