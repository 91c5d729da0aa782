//! One pass, from listing to report.
//!
//! A pass locks the destination, checks and opens both sides, learns what the destination holds, and then
//! copies what is missing: blocks first, then fs, then commits, so that what is pointed at arrives
//! before what points at it.

use std::sync::Arc;
use std::time::Instant;

use crate::conf::SideConf;
use crate::lock::{DestinationLock, LockError};
use crate::object::ObjectKind;
use crate::pool::Budget;
use crate::report::heads::Verdict;
use crate::report::{Console, Ending, human, json, summary::Summary};
use crate::settings::RunSettings;
use crate::stop::Stop;
use crate::store::open::{OpenOptions, open_destination, open_source};
use crate::store::{ReadStore, StoreError, WriteStore};
use crate::verify::walk::Stores;

pub mod breaker;
pub mod dry;
pub mod fsck;
pub mod heads;
pub mod known;
mod note;
pub mod ready;
pub mod recheck;
pub mod state;
pub mod transfer;

use heads::NotedHeads;
use heads::proven::Proven;
use known::{Known, LearnError};
use note::Note;
use state::PassState;
use transfer::Transfer;

/// Runs one pass and tells how it ended: log, summary, and the report file if one is wanted.
pub fn run(settings: &RunSettings, console: &Console, stop: &Stop) -> Ending {
    let (began, started) = (Instant::now(), jiff::Zoned::now());
    let state = PassState::default();
    let options = settings.plan.store.open_options(stop);
    pass(settings, &options, &state, console, stop);
    let mut ending = state.ending(settings.strict, stop);
    let (heads, took) = (state.heads(), began.elapsed());
    let verdict = Verdict::of(&ending, &heads);
    if let Some(path) = &settings.report {
        let head = json::Head {
            started: started.to_string(),
            finished: jiff::Zoned::now().to_string(),
            seconds: took.as_secs_f64(),
            from: ObjectKind::ALL.map(|kind| settings.plan.from.store(kind).location().to_string()),
            to: ObjectKind::ALL.map(|kind| settings.plan.to.store(kind).location().to_string()),
            retries: options.retries(),
            heads,
            safe_to_switch: verdict.clone(),
        };
        match json::write(path, &head, &ending, &state.counters, &state.failures, &state.damage) {
            Ok(()) => console.log(format_args!("Report written to {}", path.display())),
            Err(error) => {
                console.problem(format_args!("The report {} could not be written: {error}", path.display()));
                // All is not well then, because somebody asked for the report to decide by it.
                if ending == Ending::Complete {
                    ending = Ending::Full(format!("the report {} could not be written", path.display()));
                }
            }
        }
    }
    let (counters, failures, damaged) = (&state.counters, &state.failures, &state.damage);
    Summary { ending: &ending, counters, failures, damaged, took, retries: options.retries(), verdict: &verdict }
        .print(console);
    ending
}

/// The pass itself. How it went is in `state`.
fn pass(settings: &RunSettings, options: &OpenOptions, state: &PassState, console: &Console, stop: &Stop) {
    let plan = &settings.plan;
    for warning in plan.from.warnings.iter().chain(&plan.to.warnings) {
        console.problem(format_args!("Warning: {warning}"));
    }
    let _locks = match lock(&plan.to) {
        Ok(locks) => locks,
        Err(ending) => return state.end(ending, stop),
    };
    if let Err(ending) = ready::require(plan, options, console, stop) {
        return state.end(ending, stop);
    }
    let note = match Note::begin(settings, console) {
        Ok(note) => note,
        Err(ending) => return state.end(ending, stop),
    };
    match heads::note(&settings.heads, state, console) {
        Ok(heads) => copy_all(settings, options, heads.as_ref(), state, console, stop),
        Err(ending) => state.end(ending, stop),
    }
    note.end(&state.ending(settings.strict, stop), console);
}

/// Learns what the destination holds and copies the rest, then looks for the heads there. How it went is in `state`.
fn copy_all(
    settings: &RunSettings,
    options: &OpenOptions,
    heads: Option<&NotedHeads>,
    state: &PassState,
    console: &Console,
    stop: &Stop,
) {
    let plan = &settings.plan;
    let sides = match open(settings, options) {
        Ok(sides) => sides,
        Err(error) => return state.fatal(error, stop),
    };
    let mut known = Vec::new();
    for kind in ObjectKind::COPY_ORDER {
        if stop.requested() {
            return;
        }
        match known::learn(kind, &*sides.to[kind.index()], plan, heads.is_some(), console, stop) {
            Ok(learned) => {
                state.counters.kind(kind).held.add(learned.set.len());
                known.push(learned);
            }
            Err(failure) => return failure.end(state, stop),
        }
    }
    let budget = Budget::new(settings.memory);
    for (kind, known) in ObjectKind::COPY_ORDER.into_iter().zip(&known) {
        if stop.requested() {
            break;
        }
        transfer(kind, &sides, known, settings, &budget, state, console, stop);
    }
    let Some(heads) = heads.filter(|_| !stop.requested()) else { return };
    match settle(&sides, known) {
        Ok(destination) => heads::look(heads, (&destination, &sides.from), settings, state, console, stop),
        Err(failure) => failure.end(state, stop),
    }
}

/// The destination as the pass may vouch for it now.
fn settle(sides: &Sides, known: Vec<Known>) -> Result<Stores, LearnError> {
    let mut stores = sides.to.clone().map(|store| store as Arc<dyn ReadStore>);
    for (kind, known) in ObjectKind::COPY_ORDER.into_iter().zip(known) {
        let store = &mut stores[kind.index()];
        *store = Arc::new(Proven::new(Arc::clone(store), known.settle(store.location())?));
    }
    Ok(stores)
}

#[expect(clippy::too_many_arguments, reason = "everything that takes part in copying one kind, gathered once")]
fn transfer(
    kind: ObjectKind,
    sides: &Sides,
    known: &Known,
    settings: &RunSettings,
    budget: &Budget,
    state: &PassState,
    console: &Console,
    stop: &Stop,
) {
    console.log(format_args!("Start to migrate [{kind}] object"));
    Transfer {
        kind,
        source: &*sides.from[kind.index()],
        listers: settings.plan.store.listers_for(settings.plan.from.store(kind)),
        destination: &*sides.to[kind.index()],
        known,
        settings,
        budget,
        state,
        console,
        stop,
    }
    .run();
    let numbers = state.counters.kind(kind);
    console.log(format_args!("[{kind}] task: {} objects written to destination.", numbers.copied.get()));
    if !stop.requested() {
        let failed = numbers.failed.get();
        let but = if failed > 0 { format!(", but {} failed", human::plural(failed, "object")) } else { String::new() };
        console.log(format_args!("Complete migrate [{kind}] object{but}"));
    }
}

/// Both sides, a store a kind, in the order of [`ObjectKind::ALL`].
#[derive(Debug)]
struct Sides {
    from: [Arc<dyn ReadStore>; 3],
    to: [Arc<dyn WriteStore>; 3],
}

fn open(settings: &RunSettings, options: &OpenOptions) -> Result<Sides, StoreError> {
    let from = |kind| open_source(settings.plan.from.store(kind), options);
    let to = |kind| open_destination(settings.plan.to.store(kind), options);
    let [commits, fs, blocks] = ObjectKind::ALL;
    Ok(Sides { from: [from(commits)?, from(fs)?, from(blocks)?], to: [to(commits)?, to(fs)?, to(blocks)?] })
}

fn lock(to: &SideConf) -> Result<Vec<DestinationLock>, Ending> {
    let locks = to.stores.iter().map(|store| DestinationLock::take(&store.location()));
    locks.collect::<Result<_, _>>().map_err(|error| match error {
        LockError::Held { .. } => Ending::Locked(error.to_string()),
        LockError::Io { .. } => Ending::Refused(error.to_string()),
    })
}
