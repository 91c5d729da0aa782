//! `repo`: moves libraries from one storage class of a server to another one, the server at work.
//!
//! Each library is moved on its own, with its virtual ones: see [`library`]. One that is killed on the way is as its file says ([`state`]), and the
//! same command goes on from there.

use std::collections::BTreeMap;

use crate::commands::common::failure::Failure;
use crate::database::heads::Roots;
use crate::object::LibraryId;
use crate::report::{Console, Outcome, format};
use crate::sys::shutdown::Shutdown;

mod library;
pub mod outcome;
mod prove;
mod remains;
pub mod settings;
pub mod state;
pub mod tables;

use library::{Move, NotMoved, local};
use outcome::RepoOutcome;
use settings::{MoveSettings, RepoSettings};
use state::{MoveState, MoveStates, Step};
use tables::ClassTables;

/// Moves the libraries, or says what is on its way, and tells how it ended.
pub fn run(settings: &RepoSettings, console: &Console, shutdown: &Shutdown) -> RepoOutcome {
    let outcome = match settings {
        RepoSettings::Move(settings) => move_all(settings, console, shutdown),
        RepoSettings::Remove(settings) => remains::remove(settings, console, shutdown),
        RepoSettings::Status(state) => status(&MoveStates::of(state), console),
    };
    if !matches!(outcome, RepoOutcome::Removal(_)) {
        outcome.print_result(console);
    }
    outcome
}

/// Says which libraries are on their way.
fn status(states: &MoveStates, console: &Console) -> RepoOutcome {
    match states.all() {
        Ok(all) => {
            for MoveState { library, origin, destination, step, began, .. } in &all {
                console
                    .line(format_args!("{library}: from {origin} to {destination} since {began}: {}", step.as_str()));
            }
            RepoOutcome::Status { libraries: all.len() as u64 }
        }
        Err(error) => RepoOutcome::Stopped { moved: 0, failure: Failure::local("read what is on its way", &error) },
    }
}

fn move_all(settings: &MoveSettings, console: &Console, shutdown: &Shutdown) -> RepoOutcome {
    for warning in &settings.from.warnings {
        console.warning(format_args!("{warning}"));
    }
    let tables = ClassTables { database: &settings.database };
    let families = tables.require().and_then(|()| families(settings, &tables.roots()?));
    let families = match families {
        Ok(families) => families,
        Err(failure) => return RepoOutcome::Stopped { moved: 0, failure },
    };
    let count = families.len() as u64;
    console.log(format_args!(
        "{} to move from {} to {}",
        format::libraries(count),
        settings.origin,
        settings.destination
    ));
    if settings.dry_run {
        for (library, family) in &families {
            let parts = match family.len() - 1 {
                0 => String::new(),
                1 => ", and its virtual library".to_owned(),
                parts => format!(", and its {} virtual libraries", format::count(parts as u64)),
            };
            console.line(format_args!("{library}{parts}"));
        }
        return RepoOutcome::DryRun { libraries: count };
    }
    let states = MoveStates::of(&settings.state);
    let mut moved = 0;
    if let Err(failure) = forget_arrived(settings, &states, &tables, console) {
        return RepoOutcome::Stopped { moved, failure };
    }
    for (library, family) in families {
        match move_one(settings, &states, library, family, console, shutdown) {
            Ok(()) => moved += 1,
            Err(NotMoved::Failed(failure)) => return RepoOutcome::Stopped { moved, failure },
            Err(NotMoved::NotWhole(what)) => return RepoOutcome::NotWhole { moved, what },
        }
    }
    RepoOutcome::Moved { libraries: moved }
}

/// Forgets the moves whose last step was made by a process that was killed before it could say so: class and status change in one transaction.
fn forget_arrived(
    settings: &MoveSettings,
    states: &MoveStates,
    tables: &ClassTables<'_>,
    console: &Console,
) -> Result<(), Failure> {
    let all = states.all().map_err(|error| Failure::local("read what is on its way", &error))?;
    let classes = tables.roots()?.classes;
    let has_arrived = |state: &&MoveState| {
        let class = classes.of(state.library).map_or(&*settings.default_class, |class| class);
        state.step == Step::Switching && class == state.destination
    };
    for state in all.iter().filter(has_arrived) {
        let _lock = states.lock(state.library)?;
        states.forget(state.library).map_err(|error| local(states, state.library, &error))?;
        console.log(format_args!("Library {} had arrived in {} already", state.library, state.destination));
    }
    Ok(())
}

fn move_one(
    settings: &MoveSettings,
    states: &MoveStates,
    library: LibraryId,
    family: Vec<LibraryId>,
    console: &Console,
    shutdown: &Shutdown,
) -> Result<(), NotMoved> {
    let _lock = states.lock(library)?;
    let known = states.load(library).map_err(|error| local(states, library, &error))?;
    let state = match known {
        Some(state) if (&*state.origin, &*state.destination) == (&settings.origin, &settings.destination) => state,
        Some(state) => {
            let MoveState { origin, destination, .. } = state;
            return Err(NotMoved::Failed(Failure::Refused(format!(
                "library {library} is on its way from {origin} to {destination}, as {} says: let that come to its end first",
                states.path(library).display()
            ))));
        }
        None => MoveState::new(library, &settings.origin, &settings.destination),
    };
    let mut one = Move { settings, console, shutdown, states, family, state };
    if !one.state.statuses.is_empty() {
        console.log(format_args!("Library {library} was left read-only by an earlier run"));
        one.give_back()?;
    }
    states.save(&one.state).map_err(|error| local(states, library, &error))?;
    one.run()
}

/// The libraries to move, each with itself and its virtual ones; ascending. One that is on its way and has arrived already is none.
fn families(settings: &MoveSettings, roots: &Roots) -> Result<BTreeMap<LibraryId, Vec<LibraryId>>, Failure> {
    let class_of = |library: LibraryId| roots.classes.of(library).map_or(&*settings.default_class, |class| class);
    let mut families: BTreeMap<LibraryId, Vec<LibraryId>> = BTreeMap::new();
    for library in &roots.libraries {
        families.entry(library.store_id()).or_default().push(library.id);
    }
    let refused = |what: String| Failure::Refused(format!("{what}; nothing was done"));
    let wanted: Vec<LibraryId> = match &settings.libraries[..] {
        [] => families.keys().copied().filter(|library| class_of(*library) == settings.origin).collect(),
        named => named.to_vec(),
    };
    let mut chosen = BTreeMap::new();
    for library in wanted {
        let Some(found) = roots.library(library) else {
            return Err(refused(format!("the database names no library {library}")));
        };
        if found.origin.is_some() {
            let origin = found.store_id();
            return Err(refused(format!(
                "library {library} is a part of library {origin}, and goes with it: name that one"
            )));
        }
        let class = class_of(library);
        if class != settings.origin && class != settings.destination {
            return Err(refused(format!("library {library} is in class {class}, not in {}", settings.origin)));
        }
        if class == settings.origin {
            let mut family = families.get(&library).cloned().unwrap_or_default();
            family.push(library);
            family.sort_unstable();
            family.dedup();
            chosen.insert(library, family);
        }
    }
    Ok(chosen)
}
