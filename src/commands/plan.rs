//! The dry run: what a pass would copy, without copying or writing anything.

use std::sync::atomic::Ordering;
use std::time::Instant;

use crate::commands::common::destination;
use crate::commands::common::empty_kinds::SideToLookAt;
use crate::commands::common::failure::Failure;
use crate::commands::common::named_libraries;
use crate::commands::common::other_layout;
use crate::commands::common::settings::PairSettings;
use crate::commands::common::sides;
use crate::commands::common::staying;
use crate::index::Index;
use crate::listing::{Stream, WalkError, walk};
use crate::metrics::Counters;
use crate::object::selection::Selection;
use crate::object::{KeyRange, ObjectKind, PerKind};
use crate::report::{Console, Outcome, Process, ReportHead};
use crate::store::open::{OpenOptions, open_destination_to_read, open_source};
use crate::store::{Listed, ReadStore, SizeForm, SizeForms};
use crate::sys::shutdown::Shutdown;
use crate::transfer::diff::missing_from;

mod left_out;
pub mod outcome;
pub mod report;
pub mod settings;
pub mod space;
mod table;

use left_out::LeftOut;
use outcome::PlanOutcome;
use settings::PlanSettings;

/// Lists both sides and prints what `run` would copy.
pub fn run(settings: &PlanSettings, console: &Console, shutdown: &Shutdown) -> PlanOutcome {
    let (began, started) = (Instant::now(), jiff::Zoned::now());
    sides::log_places(&settings.pair.from, &settings.pair.to, console);
    for warning in settings.pair.from.warnings.iter().chain(&settings.pair.to.warnings) {
        console.warning(format_args!("{warning}"));
    }
    let planning = Planning {
        settings,
        options: settings.pair.store.open_options(console, shutdown),
        console,
        shutdown,
        left_out: PerKind::default(),
    };
    let counters = Counters::default();
    let counted = planning.count_all(&counters);
    let spaces = space::of(&settings.pair.to, &counters);
    let outcome = match counted {
        Ok(()) => {
            console.line(format_args!("\n{}", table::kinds(&counters)));
            if settings.libraries {
                console.line(format_args!("\n{}", table::libraries(&counters)));
            }
            if let Some(left_out) = left_out::line(&planning.left_out).filter(|_| !settings.wanted.is_all()) {
                console.line(format_args!("\n{left_out}"));
            }
            console.line("\nSizes are those that the source's listing gives; Ceph gives none.");
            space::tell(&spaces, console);
            let (objects, bytes) = (counters.total(|n| &n.to_copy), counters.total(|n| &n.to_copy_bytes));
            PlanOutcome::Planned { objects, bytes }
        }
        Err(failure) => PlanOutcome::Stopped(failure),
    };
    let outcome = match &settings.report {
        None => outcome,
        Some(path) => {
            let head = ReportHead::of("plan", &outcome, console);
            let PairSettings { from, to, .. } = &settings.pair;
            let process = Process::ended(&started, began.elapsed(), from, to, planning.options.retries());
            match (report::write(path, &head, &process, &counters, &spaces), outcome) {
                (Ok(()), outcome) => outcome,
                (Err(error), PlanOutcome::Planned { .. }) => {
                    PlanOutcome::Stopped(Failure::local(&format!("write the report {}", path.display()), &error))
                }
                (Err(error), stopped) => {
                    console.warning(format_args!("the report {} could not be written: {error}", path.display()));
                    stopped
                }
            }
        }
    };
    outcome.print_result(console);
    outcome
}

/// What takes part in a plan.
struct Planning<'a> {
    settings: &'a PlanSettings,
    options: OpenOptions,
    console: &'a Console,
    /// Cancellation: a signal asks everybody to end.
    shutdown: &'a Shutdown,
    /// What the options leave out.
    left_out: PerKind<LeftOut>,
}

impl Planning<'_> {
    /// Counts what both sides have of all kinds, listed to the end.
    fn count_all(&self, counters: &Counters) -> Result<(), Failure> {
        let counted = self.count_kinds(counters);
        // First, because what fails after a signal may fail for it.
        Failure::interruption(self.shutdown).map_or(Ok(()), Err)?;
        counted
    }

    fn count_kinds(&self, counters: &Counters) -> Result<(), Failure> {
        let from = &self.settings.pair.from;
        let wanted = &self.settings.wanted;
        let selection = wanted.resolve(wanted.tables(self.settings.database.as_ref())?.as_ref())?;
        let sources = PerKind::try_from_fn(|kind| open_source(from.store(kind), &self.options))?;
        let stores: Vec<&dyn ReadStore> = sources.values().map(|store| &**store).collect();
        named_libraries::require_in_stores(&selection.only(), &stores, "no store of the source")?;
        for (kind, source) in sources.iter() {
            self.count(kind, &**source, &selection, counters)?;
        }
        let left_out = |kind| self.left_out[kind].objects.get() > 0;
        let lists = PerKind::from_fn(|kind| counters.kind(kind).listed.get() > 0 || left_out(kind));
        let source = SideToLookAt { name: "the source", stores: &sources, shutdown: self.shutdown };
        source.require_needed_kinds(&lists)
    }

    /// Counts the objects of one kind in the source, and those missing at the destination.
    fn count(
        &self,
        kind: ObjectKind,
        source: &dyn ReadStore,
        selection: &Selection,
        counters: &Counters,
    ) -> Result<(), Failure> {
        let pair = &self.settings.pair;
        if !pair.to.moves(kind) {
            let listers = pair.store.listers_for(pair.from.store(kind));
            return staying::count(kind, source, &selection.ranges(), listers, counters, self.console, self.shutdown);
        }
        let destination = open_destination_to_read(pair.to.store(kind), &self.options)?;
        let known = destination::for_plan(kind, destination.as_deref(), pair, self.console, self.shutdown)?;
        self.console.log(format_args!("Start to list [{kind}] object of the source"));
        let listers = pair.store.listers_for(pair.from.store(kind));
        let held = destination.as_deref().map_or_else(SizeForm::default, ReadStore::size_form);
        let sizes = SizeForms { held, expected: source.size_form() };
        let left_out = &self.left_out[kind];
        let open = || Count { kind, known: &known.set, sizes, selection, left_out, counters };
        match walk(source, &[KeyRange::ALL], listers, self.shutdown, open) {
            Ok(walked) => {
                other_layout::require_none("the source", source.location(), &walked.ignored)?;
                let numbers = counters.kind(kind);
                counters.count_ignored(kind, walked.ignored);
                numbers.held.add(known.set.len());
                numbers.source_listed.store(true, Ordering::Relaxed);
                Ok(())
            }
            Err(WalkError::Store(error)) => Err(error.into()),
            Err(WalkError::Interrupted) => Err(Failure::cut_short("list the source")),
            Err(WalkError::Stream(never)) => match never {},
        }
    }
}

/// Counts pages; nothing can go wrong.
struct Count<'a> {
    kind: ObjectKind,
    known: &'a Index,
    sizes: SizeForms,
    selection: &'a Selection,
    left_out: &'a LeftOut,
    counters: &'a Counters,
}

impl Stream for Count<'_> {
    type Error = std::convert::Infallible;

    fn page(&mut self, _covered: KeyRange, objects: Vec<Listed>) -> Result<(), Self::Error> {
        let (objects, others): (Vec<Listed>, Vec<Listed>) =
            objects.into_iter().partition(|object| self.selection.contains(&object.key));
        self.left_out.count(&others);
        let missing = missing_from(self.known, self.sizes, &objects);
        self.counters.count_listed(self.kind, &objects, &missing);
        Ok(())
    }

    fn end(self) -> Result<(), Self::Error> {
        Ok(())
    }
}
