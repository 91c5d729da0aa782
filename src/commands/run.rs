//! One pass, from listing to report.
//!
//! A pass locks the destination, checks and opens both sides, learns what the destination holds, and then
//! copies what is missing: blocks first, then fs, then commits, so that what is pointed at arrives
//! before what points at it.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use super::check;
use crate::commands::common::destination::{self, DestinationIndex};
use crate::commands::common::settings::RunSettings;
use crate::commands::common::sides::{self, Sides};
use crate::commands::common::state::PassState;
use crate::commands::common::verified_view::VerifiedView;
use crate::commands::run::verdict::{Heads, Verdict};
use crate::flow::Budget;
use crate::index::from_listing::LearnError;
use crate::object::ObjectKind;
use crate::reach::Stores;
use crate::report::progress::during;
use crate::report::{Console, Ending, format};
use crate::store::ReadStore;
use crate::store::open::OpenOptions;
use crate::sys::shutdown::Shutdown;
use crate::transfer::{Transfer, Work};

pub mod heads;
mod note;
pub(super) mod page;
mod progress;
pub mod report;
mod result;
pub mod retry;
pub mod settings;
pub mod summary;
pub mod verdict;

use heads::NotedHeads;
use note::Note;
use progress::CopyProgress;
use result::RunResult;
use retry::Failed;

/// Runs one pass and tells how it ended: log, summary, and the report and the page if they are wanted.
pub fn run(settings: &RunSettings, console: &Console, stop: &Shutdown) -> Ending {
    let (began, started) = (Instant::now(), jiff::Zoned::now());
    let failed = match Failed::read(settings, console) {
        Ok(failed) => failed,
        Err(ending) => return ending,
    };
    let state = PassState::default();
    let options = settings.plan.store.open_options(stop);
    let pass = Pass { settings, options: &options, failed: failed.as_ref(), state: &state, console, stop };
    pass.run();
    let (ending, heads) = (pass.ending(), state.heads());
    let verdict = Verdict::of(&ending, &heads);
    let (took, retries, retried) = (began.elapsed(), options.retries(), failed.as_ref().map(Failed::report));
    RunResult { settings, state: &state, ending, verdict, heads, started, took, retries, retried }.tell(console)
}

/// Everything that takes part in a pass. How it goes is in `state`.
#[derive(Clone, Copy)]
struct Pass<'a> {
    settings: &'a RunSettings,
    options: &'a OpenOptions,
    /// What had failed, when only that is to be copied.
    failed: Option<&'a Failed>,
    state: &'a PassState,
    console: &'a Console,
    stop: &'a Shutdown,
}

impl Pass<'_> {
    fn run(&self) {
        let Pass { settings, options, state, console, stop, .. } = *self;
        let plan = &settings.plan;
        for warning in plan.from.warnings.iter().chain(&plan.to.warnings) {
            console.problem(format_args!("Warning: {warning}"));
        }
        let _locks = match sides::lock(&plan.to) {
            Ok(locks) => locks,
            Err(failure) => return state.end(failure.into(), stop),
        };
        if let Err(failure) = check::require(plan, options, console, stop) {
            return state.end(failure.into(), stop);
        }
        let note = match Note::begin(settings, console) {
            Ok(note) => note,
            Err(ending) => return state.end(ending, stop),
        };
        match sides::open(&plan.from, &plan.to, options) {
            Ok(sides) => match self.failed {
                None => self.note_and_copy(&sides),
                Some(failed) => self.copy_failed(failed, &sides),
            },
            Err(error) => state.fatal(error, stop),
        }
        note.end(&self.ending(), console);
    }

    fn ending(&self) -> Ending {
        let ending = self.state.ending(self.settings.strict, self.stop);
        self.failed.map_or(ending.clone(), |failed| failed.ending(ending))
    }

    /// Notes the heads before anything is listed, and copies.
    fn note_and_copy(&self, sides: &Sides) {
        match heads::note(&self.settings.heads, self.state, self.console) {
            Ok(heads) => self.copy_missing(sides, heads.as_ref()),
            Err(ending) => self.state.end(ending, self.stop),
        }
    }

    /// Learns what the destination holds and copies the rest, then looks for the heads there.
    fn copy_missing(&self, sides: &Sides, heads: Option<&NotedHeads>) {
        let Pass { settings, state, console, stop, .. } = *self;
        let mut known = Vec::new();
        for kind in ObjectKind::COPY_ORDER {
            if stop.requested() {
                return;
            }
            match destination::load_or_list(kind, &*sides.to[kind], &settings.plan, heads.is_some(), console, stop) {
                Ok(learned) => {
                    state.counters.kind(kind).held.add(learned.set.len());
                    known.push((kind, learned));
                }
                Err(failure) => return failure.end(state, stop),
            }
        }
        let budget = Budget::new(settings.memory);
        for &(kind, ref known) in &known {
            if stop.requested() {
                break;
            }
            console.log(format_args!("Start to migrate [{kind}] object"));
            self.transfer(kind, sides, Work::Missing(known), &budget);
        }
        let Some(heads) = heads.filter(|_| !stop.requested()) else { return };
        match settle(sides, known) {
            Ok(destination) => heads::check_heads(heads, (&destination, &sides.from), settings, state, console, stop),
            Err(failure) => failure.end(state, stop),
        }
    }

    /// Copies what had failed.
    fn copy_failed(&self, failed: &Failed, sides: &Sides) {
        let Pass { settings, state, console, stop, .. } = *self;
        let budget = Budget::new(settings.memory);
        state.set_heads(Heads::not_checked("only what had failed was retried", "Run again without --retry-failed."));
        for kind in ObjectKind::COPY_ORDER {
            if stop.requested() {
                break;
            }
            let of_kind = failed.kind(kind);
            if of_kind.count == 0 {
                // Nothing of this kind is to be looked up, so all of it has been.
                state.counters.kind(kind).source_listed.store(true, Ordering::Relaxed);
                continue;
            }
            retry::announce(kind, of_kind, console);
            match destination::remembered(kind, &*sides.to[kind], &settings.plan, console, stop) {
                Ok(known) => {
                    state.counters.kind(kind).held.add(known.as_ref().map_or(0, |known| known.set.len()));
                    self.transfer(kind, sides, Work::Failed(of_kind, known.as_ref()), &budget);
                }
                Err(failure) => failure.end(state, stop),
            }
        }
    }

    fn transfer(&self, kind: ObjectKind, sides: &Sides, work: Work<'_>, budget: &Budget) {
        let Pass { settings, state, console, stop, .. } = *self;
        let progress = CopyProgress { kind, counters: &state.counters };
        state.counters.series.begin(kind.as_str());
        let transfer = Transfer {
            kind,
            source: &*sides.from[kind],
            listers: settings.plan.store.listers_for(settings.plan.from.store(kind)),
            destination: &*sides.to[kind],
            work,
            settings,
            budget,
            state,
            stop,
        };
        during(&progress, console, || transfer.run());
        let numbers = state.counters.kind(kind);
        console.log(format_args!("[{kind}] task: {} objects written to destination.", numbers.copied.get()));
        if !stop.requested() {
            let failed = numbers.failed.get();
            let but =
                if failed > 0 { format!(", but {} failed", format::plural(failed, "object")) } else { String::new() };
            console.log(format_args!("Complete migrate [{kind}] object{but}"));
        }
    }
}

/// The destination as the pass may vouch for it now.
fn settle(sides: &Sides, known: Vec<(ObjectKind, DestinationIndex)>) -> Result<Stores, LearnError> {
    let mut stores = sides.to.clone().map(|store| store as Arc<dyn ReadStore>);
    for (kind, known) in known {
        let store = &mut stores[kind];
        *store = Arc::new(VerifiedView::new(Arc::clone(store), known.snapshot(store.location())?));
    }
    Ok(stores)
}
