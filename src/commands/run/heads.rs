//! The heads of all libraries: noted before a pass lists anything, looked for at the destination when it has copied.
//!
//! What a head needs was there before the head was noted, because the server writes blocks, trees and commits before it
//! moves a head. So a complete pass has seen all of it, and whatever the head's tree lacks at the destination is lost.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;

use crate::commands::common::heads_cache::{Memory, WholeHeads};
use crate::commands::common::settings::{HeadsSettings, RunSettings, WhenHeads};
use crate::commands::common::state::PassState;
use crate::commands::run::verdict::{Broken, Heads, HeadsResult, Moved, NAMED};
use crate::conf::DatabaseConf;
use crate::database::heads::{LibraryRoots, Roots};
use crate::metrics::WalkCounters;
use crate::metrics::findings::SHOWN;
use crate::object::{LibraryId, ObjectId};
use crate::reach::Stores;
use crate::report::progress::during;
use crate::report::{Console, Ending, format};
use crate::sys::shutdown::Shutdown;

pub mod check;

use check::HeadsCheck;

/// How many findings of a library are printed; the report has more.
const FINDINGS_SHOWN: usize = 3;

/// The heads as they were when the pass began.
#[derive(Debug)]
pub struct NotedHeads {
    roots: Roots,
    database: DatabaseConf,
}

/// Reads the heads. `None` when they are not to be checked, or cannot be; why is in `state` then.
///
/// # Errors
/// How the pass ends when the user demanded a check that cannot be made.
pub fn note(settings: &HeadsSettings, state: &PassState, console: &Console) -> Result<Option<NotedHeads>, Ending> {
    let database = match (&settings.database, settings.when) {
        (_, WhenHeads::Never) => {
            state.set_heads(Heads::not_checked("--no-check-heads was given", "Run again without --no-check-heads."));
            return Ok(None);
        }
        (None, _) => {
            let why = "no database of the server is configured";
            let next = "Name it in [database] of the old seafile.conf, or with --db, and run again.";
            state.set_heads(Heads::not_checked(why, next));
            return Ok(None);
        }
        (Some(database), _) => database,
    };
    match Roots::from_conf(database) {
        Ok(roots) => {
            roots.ignored.iter().for_each(|row| console.problem(format_args!("Warning: database: {row}")));
            let count = format::count(roots.libraries.len() as u64);
            console.log(format_args!("Noted the heads of {count} libraries"));
            let name = |library: &LibraryRoots| (library.id, library.name.clone().unwrap_or_default());
            state.names.get_or_init(|| roots.libraries.iter().map(name).collect());
            Ok(Some(NotedHeads { roots, database: database.clone() }))
        }
        Err(error) if settings.when == WhenHeads::Demanded => Err(Ending::StoreFailed(error.to_string())),
        Err(error) => {
            console.problem(format_args!("Warning: {error}. Whether every library is whole will not be checked"));
            let next = "See that the database answers, and run again.";
            state.set_heads(Heads::not_checked(error.to_string(), next));
            Ok(None)
        }
    }
}

/// Looks for the heads at the destination; the result goes to `state`.
pub fn check_heads(
    noted: &NotedHeads,
    (destination, source): (&Stores, &Stores),
    settings: &RunSettings,
    state: &PassState,
    console: &Console,
    stop: &Shutdown,
) {
    let memory = memory_of(settings);
    let mut whole = memory.as_ref().map(Memory::load).unwrap_or_default();
    console.log(format_args!(
        "Start to check the heads of {} libraries",
        format::count(noted.roots.libraries.len() as u64)
    ));
    let threads = NonZeroUsize::new(settings.plan.store.workers).unwrap_or(NonZeroUsize::MIN);
    let counters = WalkCounters::default();
    let check = HeadsCheck { destination, source, threads, stop, counters: &counters };
    match during(&counters, console, || check.run(&noted.roots, &mut whole)) {
        Ok(Some(result)) => {
            keep(memory.as_ref(), &whole, console);
            let result = HeadsResult { moved: noted.moved(), ..result };
            tell(&result, console);
            state.set_heads(Heads::Checked(result));
        }
        Ok(None) => state.set_heads(Heads::not_checked("the check was interrupted", "Run again.")),
        Err(error) => {
            state.set_heads(Heads::not_checked(error.to_string(), "See that both sides answer, and run again."));
            state.fatal(error, stop);
        }
    }
}

fn memory_of(settings: &RunSettings) -> Option<Memory> {
    let prefix = settings.plan.list.prefix.as_deref()?;
    let to = settings.plan.to.id();
    Some(Memory::new(prefix, to))
}

/// Keeps what was found; without it, the next pass looks at more than it must.
fn keep(memory: Option<&Memory>, whole: &WholeHeads, console: &Console) {
    let Some(memory) = memory else { return };
    if let Err(error) = memory.save(whole) {
        console.problem(format_args!("Warning: {} could not be written: {error}", memory.path().display()));
    }
}

impl NotedHeads {
    /// Asks the database again.
    fn moved(&self) -> Moved {
        match Roots::from_conf(&self.database) {
            Ok(now) => moved_between(&self.roots, &now),
            Err(error) => Moved::Unknown { why: error.to_string() },
        }
    }
}

/// Which libraries came, went, or have another head.
fn moved_between(before: &Roots, now: &Roots) -> Moved {
    let heads = |roots: &Roots| -> BTreeMap<LibraryId, Vec<ObjectId>> {
        roots.libraries.iter().map(|library| (library.id, library.heads.clone())).collect()
    };
    let (before, now) = (heads(before), heads(now));
    let changed = before.iter().filter(|(id, head)| now.get(id) != Some(head)).map(|(id, _)| *id);
    let mut libraries: Vec<_> = changed.chain(now.keys().filter(|id| !before.contains_key(id)).copied()).collect();
    let count = libraries.len() as u64;
    libraries.truncate(NAMED);
    Moved::Known { count, libraries }
}

/// A line for each library that is not whole, and one for all.
fn tell(result: &HeadsResult, console: &Console) {
    let each = |what: &str, broken: &Broken| {
        for library in broken.libraries.iter().take(SHOWN) {
            console.problem(format_args!("heads: {what}: {}", library.clone().cut(FINDINGS_SHOWN)));
        }
        let more = broken.count.saturating_sub(SHOWN as u64);
        if more > 0 {
            let more = format::libraries(more);
            console.problem(format_args!("heads: {what}: and {more} more; --report and --html name up to {NAMED}"));
        }
    };
    each("NOT WHOLE at the destination", &result.not_whole);
    each("damaged in the source already", &result.damaged_in_source);
    let HeadsResult { libraries, whole, .. } = result;
    console.log(format_args!("heads: {whole} of {libraries} libraries whole at the destination"));
}
