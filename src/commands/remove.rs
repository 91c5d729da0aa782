//! Deletes from the old side what the new side holds: the one command that changes the old side.
//!
//! Nothing is deleted without a verification to go by ([`permit`]), nothing that the destination does not have when it
//! is asked right before ([`ask`]), and nothing that was not noted first ([`journal`]). Commits go first, then fs, then
//! blocks ([`work`]): whatever an interruption leaves points at nothing that is gone.

use std::sync::Arc;
use std::time::{Duration, Instant, UNIX_EPOCH};

use super::common::state::PassState;
use crate::commands::common::sides::lock;
use crate::commands::remove::report::{RemovalCounts, ReportHeader};
use crate::commands::remove::settings::RemoveSettings;
use crate::flow::rate::RealClock;
use crate::flow::{Budget, RateLimiter};
use crate::history::VerifyNote;
use crate::object::{ObjectKind, PerKind};
use crate::report::{Console, Ending, Process};
use crate::store::open::{OpenOptions, open_source, open_source_to_remove};
use crate::store::{ReadStore, RemoveStore, StoreError};
use crate::sys::lock::DestinationLock;
use crate::sys::shutdown::Shutdown;

pub mod decide;
pub mod delete;
pub mod journal;
pub mod preconditions;
pub mod report;
pub mod settings;
mod summary;

use decide::Asker;
use delete::Removal;
use journal::RemovalJournal;
use summary::RemovalSummary;

/// How many bytes all objects that are being compared may take.
const MEMORY: u64 = 256 << 20;

/// A removal under way.
struct Remover<'a> {
    settings: &'a RemoveSettings,
    options: OpenOptions,
    state: PassState,
    tally: RemovalCounts,
    verified: Option<VerifyNote>,
    console: &'a Console,
    stop: &'a Shutdown,
}

/// Removes, or says what would be removed, and tells how it ended: log, summary, and the report if one is wanted.
pub fn run(settings: &RemoveSettings, console: &Console, stop: &Shutdown) -> Ending {
    let (began, started) = (Instant::now(), jiff::Zoned::now());
    let mut remover = Remover {
        settings,
        options: settings.store.open_options(stop),
        state: PassState::default(),
        tally: RemovalCounts::default(),
        verified: None,
        console,
        stop,
    };
    for warning in settings.from.warnings.iter().chain(&settings.to.warnings) {
        console.problem(format_args!("Warning: {warning}"));
    }
    if let Err(ending) = remover.remove() {
        remover.state.end(ending, stop);
    }
    let mut ending = remover.ending();
    if let Some(path) = &settings.report {
        let head = remover.head(&ending, &started, began.elapsed());
        let Remover { state, tally, .. } = &remover;
        match report::write(path, &head, &state.counters, tally, &state.failures) {
            Ok(()) => console.log(format_args!("Report written to {}", path.display())),
            Err(error) => {
                console.problem(format_args!("The report {} could not be written: {error}", path.display()));
                if ending == Ending::Complete {
                    ending = Ending::Full(format!("the report {} could not be written", path.display()));
                }
            }
        }
    }
    remover.told(&ending).print(console, began.elapsed());
    ending
}

impl Remover<'_> {
    /// The removal itself. How it went is in `state` and `tally`.
    fn remove(&mut self) -> Result<(), Ending> {
        let Self { settings, console, stop, .. } = *self;
        let _locks = self.lock()?;
        let verified = preconditions::proof(settings, console)?;
        let sides = self.open().map_err(|error| Ending::StoreFailed(error.to_string()))?;
        let commits = ObjectKind::Commits;
        preconditions::no_live_server(settings, &verified, [&*sides.from[commits], &*sides.to[commits]], console)?;
        let since = UNIX_EPOCH + std::time::Duration::try_from(verified.began.as_duration()).unwrap_or_default();
        self.verified = Some(verified);
        let mut journal = self.open_journal()?;
        let (budget, rate) =
            (Budget::new(MEMORY), settings.rate.map(|rate| RateLimiter::new(rate, RealClock::new(stop))));
        for kind in ObjectKind::REMOVE_ORDER {
            if stop.requested() {
                break;
            }
            let (source, destination) = (&*sides.from[kind], &*sides.to[kind]);
            let asker =
                Asker { kind, source, destination, content: settings.content, budget: &budget, verified: since };
            self.remove_kind(asker, rate.as_ref(), journal.as_mut());
        }
        self.warn_of_empty_libraries();
        Ok(())
    }

    fn remove_kind(
        &mut self,
        asker: Asker<'_>,
        rate: Option<&RateLimiter<RealClock>>,
        journal: Option<&mut RemovalJournal>,
    ) {
        let Self { settings, state, console, stop, tally, .. } = self;
        let kind = asker.kind;
        let what = if settings.yes { "remove" } else { "compare" };
        console.log(format_args!("Start to {what} [{kind}] object"));
        let is_real = journal.is_some();
        Removal { settings, asker, rate, state, console, stop }.run(journal, tally);
        if is_real {
            delete::remove_folders(asker.source, settings, console, tally);
        }
        let (done, numbers) = (if is_real { "removed from" } else { "to remove from" }, tally.kind(kind));
        console.log(format_args!("[{kind}] task: {} objects {done} the source.", numbers.removed.objects));
        if !stop.requested() {
            console.log(format_args!("Complete {what} [{kind}] object"));
        }
    }

    /// A library that was named and is not there is probably a slip of the pen.
    fn warn_of_empty_libraries(&self) {
        let seen = self.state.counters.library_rows();
        for library in self.settings.libraries.iter().filter(|library| !seen.contains_key(library)) {
            if !self.stop.requested() {
                self.console.problem(format_args!("Warning: the source holds nothing of library {library}"));
            }
        }
    }

    /// Nobody may write to either side meanwhile.
    fn lock(&self) -> Result<Vec<DestinationLock>, Ending> {
        let mut locks = lock(&self.settings.to)?;
        locks.extend(lock(&self.settings.from)?);
        Ok(locks)
    }

    fn open(&self) -> Result<Sides, StoreError> {
        let from = |kind| open_source_to_remove(self.settings.from.store(kind), &self.options);
        let to = |kind| open_source(self.settings.to.store(kind), &self.options);
        Ok(Sides { from: PerKind::try_from_fn(from)?, to: PerKind::try_from_fn(to)? })
    }

    /// The journal; `None` in a dry run, which is one because it has none.
    fn open_journal(&self) -> Result<Option<RemovalJournal>, Ending> {
        if !self.settings.yes {
            return Ok(None);
        }
        let RemoveSettings { from, to, journal: path, .. } = self.settings;
        let about = format!("from {} to {}", from.id(), to.id());
        match RemovalJournal::open(path, &about) {
            Ok(journal) => {
                self.console.log(format_args!("What is removed is noted in {}", path.display()));
                Ok(Some(journal))
            }
            Err(error) => Err(Ending::Refused(format!(
                "nothing may be removed: the journal {} cannot be written: {error}",
                path.display()
            ))),
        }
    }

    fn ending(&self) -> Ending {
        match self.state.listing_ending(self.stop) {
            Ending::Complete if self.state.failures.count() > 0 || !self.is_all_accounted_for() => Ending::Failures,
            ending => ending,
        }
    }

    /// Whether all that was listed was removed, kept or gone. Success is claimed on these numbers and not on the
    /// absence of errors.
    fn is_all_accounted_for(&self) -> bool {
        ObjectKind::ALL.into_iter().all(|kind| {
            let (numbers, listed) = (self.tally.kind(kind), self.state.counters.kind(kind));
            let settled = numbers.removed.objects + numbers.kept.objects + numbers.gone;
            listed.source_listed.load(std::sync::atomic::Ordering::Relaxed) && settled == listed.listed.get()
        })
    }

    fn told<'a>(&'a self, ending: &'a Ending) -> RemovalSummary<'a> {
        let Self { settings, state, tally, .. } = self;
        RemovalSummary { ending, settings, counters: &state.counters, tally, kept: &state.failures }
    }

    fn head(&self, ending: &Ending, started: &jiff::Zoned, took: Duration) -> ReportHeader {
        let Self { settings, .. } = self;
        ReportHeader {
            dry_run: !settings.yes,
            result: if *ending == Ending::Failures { "kept some" } else { ending.name() },
            exit_code: ending.exit_code(),
            message: self.told(ending).result(),
            process: Process::ended(started, took, &settings.from, &settings.to, self.options.retries()),
            only: settings.libraries.iter().map(ToString::to_string).collect(),
            content: settings.content,
            verified: self.verified.as_ref().map(|verified| verified.began.to_string()),
            journal: settings.yes.then(|| settings.journal.display().to_string()),
        }
    }
}

/// Both sides.
struct Sides {
    from: PerKind<Arc<dyn RemoveStore>>,
    to: PerKind<Arc<dyn ReadStore>>,
}
