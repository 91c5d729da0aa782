//! Removes from the old side what the new side holds: the one command that changes the old side.
//!
//! Nothing is removed without a verification to go by ([`preconditions`]), nothing that the destination does not have
//! when it is asked right before ([`decide`]), and nothing that was not noted first ([`journal`]). Commits go first, then
//! fs, then blocks ([`delete`]): whatever an interruption leaves points at nothing that is gone. What a folder held goes
//! to its quarantine first; `--purge` deletes it there under the same conditions, `--restore` ([`restore`]) brings it back.

use std::num::NonZeroU64;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant, UNIX_EPOCH};

use crate::commands::check;
use crate::commands::common::empty_kinds::{SideToLookAt, lists_anything};
use crate::commands::common::failure::Failure;
use crate::commands::common::first_failure::FirstFailure;
use crate::commands::common::generation;
use crate::commands::common::incarnations;
use crate::commands::common::lease;
use crate::commands::common::named_libraries;
use crate::commands::common::sides::{lock, log_places};
use crate::commands::remove::outcome::{KeptIn, Mode, RemoveOutcome, Totals};
use crate::commands::remove::report::{RemovalCounts, ReportHeader};
use crate::commands::remove::settings::{RemoveSettings, Stage};
use crate::flow::{Budget, RateLimiter};
use crate::history::VerifyNote;
use crate::metrics::{Counters, Findings, RemovalCounters};
use crate::object::{ObjectKind, PerKind};
use crate::preflight::Depth;
use crate::report::header::moment;
use crate::report::progress::during;
use crate::report::{Console, Outcome, Process, ReportHead};
use crate::store::open::{OpenOptions, open_destination_as_it_is, open_quarantine, open_source, open_source_to_remove};
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
pub mod restore;
pub mod settings;
mod summary;
mod tables;

use decide::Asker;
use delete::Removal;
use journal::RemovalJournal;
use preconditions::Commits;
use progress::RemovalProgress;
use restore::Restored;
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
    /// The folders that hold what was removed.
    quarantine: Vec<String>,
    console: &'a Console,
}

/// Removes, or says what would be removed, and tells how it ended: log, summary, and the report if one is wanted.
pub fn run(settings: &RemoveSettings, console: &Console, shutdown: &Shutdown) -> RemoveOutcome {
    let (began, started) = (Instant::now(), jiff::Zoned::now());
    let kept_in = if settings.quarantines() { KeptIn::Quarantine } else { KeptIn::Nowhere };
    let mode = match settings.yes {
        true => Mode::Remove { journal: settings.journal.clone(), kept_in },
        false => Mode::DryRun,
    };
    let mut remover = Remover {
        settings,
        options: settings.store.open_options(console, shutdown),
        mode,
        counters: Counters::default(),
        done: PerKind::default(),
        counts: RemovalCounts::default(),
        kept: Findings::default(),
        failures: FirstFailure::new(shutdown),
        verified: None,
        quarantine: Vec::new(),
        console,
    };
    for warning in settings.from.warnings.iter().chain(&settings.to.warnings) {
        console.warning(format_args!("{warning}"));
    }
    let done = match settings.stage {
        Stage::Remove | Stage::Purge => remover.remove().map(|()| None),
        Stage::Restore => remover.restore().map(Some),
    };
    let (restored, failure) = done.map_or_else(|failure| (None, Some(failure)), |restored| (restored, None));
    // First, because what fails after a signal may fail for it.
    let outcome = match (Failure::interruption(shutdown).or(failure), restored) {
        (None, Some(restored)) => RemoveOutcome::Restored { restored, dry_run: !settings.yes },
        (stopped, _) => remover.outcome(stopped),
    };
    let outcome = remover.written(outcome, &started, began.elapsed());
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
        log_places(&settings.from, &settings.to, console);
        let _locks = self.lock()?;
        let sides = self.open()?;
        let incarnations = incarnations::of_moving(&settings.to, generation::incarnations(&sides.to)?);
        let verified = preconditions::verification(settings, &incarnations, console)?;
        check::require_sides(
            &settings.from,
            &settings.to,
            &self.options,
            Depth::Shards,
            console,
            self.failures.shutdown(),
        )?;
        self.require_kinds_and_libraries(&sides)?;
        let stores = lease::control_stores(&settings.to, &settings.store)?;
        let leased = lease::leased_stores(&settings.to, &settings.store)?;
        let lease = lease::claim(&leased, &settings.lease, None, self.failures.shutdown())?;
        let removed = lease::confirm(&lease, self.failures.shutdown()).and_then(|()| {
            // Again, because a run on another machine may have come and gone before the lease was held.
            let now = incarnations::of_moving(&settings.to, generation::incarnations(&stores)?);
            preconditions::require_unchanged(&incarnations, &now)?;
            self.remove_all(&sides, verified)
        });
        let lost = lease.loss();
        if lost.is_none() {
            lease::release(lease, console);
        }
        lost.map_or(removed, |lost| Err(lost.into()))
    }

    /// The removal, the destination being nobody else's.
    fn remove_all(&mut self, sides: &RemovalStores, verified: VerifyNote) -> Result<(), Failure> {
        let settings = self.settings;
        // Before anything is removed on the word of what the destination holds.
        sides.to.values().try_for_each(|store| store.make_listed_durable())?;
        let kind = ObjectKind::Commits;
        let stay = !settings.to.moves(kind);
        let commits = Commits { source: &*sides.from[kind], destination: &*sides.to[kind], stay };
        preconditions::no_live_server(settings, &verified, commits, self.console)?;
        let since = UNIX_EPOCH + Duration::try_from(verified.began.as_duration()).unwrap_or_default();
        self.verified = Some(verified);
        let mut journal = self.open_journal()?;
        let objects_per_second = settings.rate.and_then(|rate| NonZeroU64::new(u64::from(rate)));
        let limit = RateLimiter::new(objects_per_second, self.failures.shutdown());
        let budget = Budget::new(MEMORY);
        for kind in ObjectKind::REMOVE_ORDER {
            let Some(source) = &sides.removable[kind] else {
                self.counters.kind(kind).source_listed.store(true, Ordering::Relaxed);
                self.console.log(match settings.to.moves(kind) {
                    true => format!("[{kind}] nothing is in quarantine"),
                    false => format!("[{kind}] stays where it is: nothing of it is removed"),
                });
                continue;
            };
            let (source, destination) = (&**source, &*sides.to[kind]);
            let asker =
                Asker { kind, source, destination, content: settings.content, budget: &budget, verified: since };
            self.remove_kind(asker, &limit, journal.as_mut())?;
        }
        self.warn_of_empty_libraries();
        Ok(())
    }

    /// Brings back what is in quarantine.
    fn restore(&mut self) -> Result<Restored, Failure> {
        let _locks = self.lock()?;
        if self.settings.yes {
            // Noted, because the journal names what was removed.
            self.open_journal()?;
        }
        restore::restore(self.settings, self.console, self.failures.shutdown())
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
        self.quarantine.extend(asker.source.quarantine().iter().map(|folder| folder.display().to_string()));
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
        let settings = self.settings;
        if settings.stage == Stage::Remove {
            self.require_needed_kinds(&sides.from)?;
        }
        let quarantine = sides.removable.values().flatten().map(|store| store as &dyn ReadStore);
        let readable = sides.from.values().chain(sides.to.values()).map(|store| &**store);
        let stores: Vec<&dyn ReadStore> = readable.chain(quarantine).collect();
        named_libraries::require_in_stores(&settings.libraries, &stores, "neither side")
    }

    fn require_needed_kinds(&self, from: &PerKind<Arc<dyn ReadStore>>) -> Result<(), Failure> {
        let (path, shutdown) = (&self.settings.journal, self.failures.shutdown());
        let journal = path.display();
        let noted = journal::kinds_noted(path)
            .map_err(|error| Failure::Refused(format!("the journal {journal} cannot be read: {error}")))?;
        let lists = |kind: ObjectKind| Ok::<_, StoreError>(noted[kind] || lists_anything(&*from[kind], shutdown)?);
        let lists = PerKind::try_from_fn(lists)?;
        let source = SideToLookAt { name: "the source", stores: from, shutdown };
        let Some(what) = source.what_is_missing(&lists)? else { return Ok(()) };
        let hint = format!("If an earlier removal emptied it, name its journal ({journal} notes none)");
        Err(Failure::Store(format!("{what}. Nothing was removed. {hint}")))
    }

    /// A library that was named and is not there is probably a slip of the pen.
    fn warn_of_empty_libraries(&self) {
        let seen = self.counters.library_rows();
        for library in self.settings.libraries.iter().filter(|library| !seen.contains_key(library)) {
            self.console.warning(format_args!("the source holds nothing of library {library}"));
        }
    }

    /// Nobody may write to either side meanwhile.
    fn lock(&self) -> Result<Vec<DestinationLock>, Failure> {
        let mut locks = lock(&self.settings.to)?;
        locks.extend(lock(&self.settings.from)?);
        Ok(locks)
    }

    fn open(&self) -> Result<RemovalStores, StoreError> {
        let conf = |kind| self.settings.from.store(kind);
        let from = |kind| open_source(conf(kind), &self.options);
        let removable = |kind| match self.settings.stage {
            _ if !self.settings.to.moves(kind) => Ok(None),
            Stage::Remove => open_source_to_remove(conf(kind), &self.options).map(Some),
            Stage::Purge | Stage::Restore => open_quarantine(conf(kind)),
        };
        let to = |kind| open_destination_as_it_is(self.settings.to.store(kind), &self.options);
        Ok(RemovalStores {
            from: PerKind::try_from_fn(from)?,
            removable: PerKind::try_from_fn(removable)?,
            to: PerKind::try_from_fn(to)?,
        })
    }

    /// The journal; `None` in a dry run, which is one because it has none.
    fn open_journal(&self) -> Result<Option<RemovalJournal>, Failure> {
        let Mode::Remove { journal: path, .. } = &self.mode else { return Ok(None) };
        let RemoveSettings { from, to, .. } = self.settings;
        let stage = match self.settings.stage {
            Stage::Remove => "",
            Stage::Purge => "--purge ",
            Stage::Restore => "--restore (everything in quarantine is moved back) ",
        };
        let about = format!("{stage}from {} to {}", from.id(), to.id());
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
            head: ReportHead::of("remove", outcome, self.console),
            stage: settings.stage,
            dry_run: !settings.yes,
            process: Process::ended(started, took, &settings.from, &settings.to, self.options.retries()),
            only: settings.libraries.iter().map(ToString::to_string).collect(),
            content: settings.content,
            verified: self.verified.as_ref().map(|verified| moment(verified.began)),
            journal: settings.yes.then(|| settings.journal.display().to_string()),
            quarantine: self.quarantine.clone(),
        }
    }
}

/// The stores of both sides.
struct RemovalStores {
    /// The source, to be read.
    from: PerKind<Arc<dyn ReadStore>>,
    /// The source, or its quarantine, to be removed from; `None` where there is no quarantine.
    removable: PerKind<Option<Arc<dyn RemoveStore>>>,
    /// The destination, to be read.
    to: PerKind<Arc<dyn ReadStore>>,
}
