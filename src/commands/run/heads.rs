//! The heads of all libraries: noted before a pass lists anything, looked for at the destination when it has copied.
//!
//! What a head needs was there before the head was noted, because the server writes blocks, trees and commits before it
//! moves a head. So a complete pass has seen all of it, and an object of the head's tree that is missing at the destination was lost.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroUsize;
use std::sync::Arc;

use crate::commands::common::failure::{self, Failure};
use crate::commands::common::heads_cache::{Memory, WholeHeads};
use crate::commands::run::settings::{HeadsSettings, RunSettings, WhenHeads};
use crate::conf::DatabaseConf;
use crate::database::heads::{LibraryRoots, Roots};
use crate::flow::Budget;
use crate::metrics::WalkCounters;
use crate::metrics::findings::SHOWN;
use crate::object::selection::Selection;
use crate::object::{LibraryId, PerKind};
use crate::reach::Stores;
use crate::report::progress::during;
use crate::report::{Console, format};
use crate::store::{ReadStore, StoreError, WriteStore};
use crate::sys::shutdown::Shutdown;

pub mod check;
pub mod found;
mod remembered;
pub mod result;

use check::{HeadsCheck, remembered_head};
use remembered::Remembered;
use result::{Broken, Heads, HeadsResult, NAMED};

/// How many findings of a library are printed; the report has more.
const FINDINGS_SHOWN: usize = 3;

/// The heads as they were when the pass began.
#[derive(Debug)]
pub struct NotedHeads {
    roots: Roots,
    database: DatabaseConf,
    /// The libraries that the pass is about.
    selection: Selection,
}

/// The stores of both sides to look at.
#[derive(Debug)]
pub struct StoresOfSides {
    /// The source.
    pub source: Stores,
    /// The destination, as the pass may vouch for it.
    pub destination: Stores,
}

/// What came of the wish to note the heads.
#[derive(Debug)]
pub enum Noting {
    /// They are noted.
    Noted(Box<NotedHeads>),
    /// They are not to be checked, or cannot be.
    NotNoted {
        /// Why.
        why: String,
        /// What to do, so that they are.
        next: &'static str,
    },
}

impl Noting {
    fn not_noted(why: impl Into<String>, next: &'static str) -> Self {
        Self::NotNoted { why: why.into(), next }
    }
}

/// Reads the heads, when they are to be checked.
///
/// # Errors
/// The database's failure, when the user demanded a check.
pub fn note(settings: &HeadsSettings, console: &Console) -> Result<Noting, Failure> {
    let database = match (&settings.database, settings.when) {
        (_, WhenHeads::Never) => {
            return Ok(Noting::not_noted("--no-check-heads was given", "Run again without --no-check-heads."));
        }
        (None, _) => {
            let next = "Name it in [database] of the old seafile.conf, or with --db, and run again.";
            return Ok(Noting::not_noted("no database of the server is configured", next));
        }
        (Some(database), _) => database,
    };
    match Roots::from_conf(database) {
        Ok(roots) => {
            roots.ignored.iter().for_each(|row| console.warning(format_args!("database: {row}")));
            let count = format::libraries(roots.libraries.len() as u64);
            console.log(format_args!("Noted the heads of {count}"));
            Ok(Noting::Noted(Box::new(NotedHeads { roots, database: database.clone(), selection: Selection::All })))
        }
        Err(error) if settings.when == WhenHeads::Demanded => Err(failure::of_named_database(&error)),
        Err(error) => {
            console.warning(format_args!("{error}. Whether every library is whole will not be checked"));
            Ok(Noting::not_noted(error.to_string(), "See that the database answers, and run again."))
        }
    }
}

/// Looks for the heads at the destination. What is wrong there is looked at in the source, too.
///
/// # Errors
/// When a store does not answer.
pub fn check_heads(
    noted: &NotedHeads,
    stores: &StoresOfSides,
    settings: &RunSettings,
    console: &Console,
    shutdown: &Shutdown,
) -> Result<Heads, StoreError> {
    let memory = memory_of(settings);
    let mut whole = memory.as_ref().map(Memory::load).unwrap_or_default();
    let remembered = whole.clone();
    let count = format::libraries(noted.roots.libraries.len() as u64);
    console.log(format_args!("Start to check the heads of {count}"));
    let threads = NonZeroUsize::new(settings.plan.store.workers()).unwrap_or(NonZeroUsize::MIN);
    let counters = WalkCounters::default();
    let StoresOfSides { source, destination } = stores;
    let accepted = &settings.heads.accepted;
    let check =
        HeadsCheck { destination, source, accepted, threads, memory: settings.memory, shutdown, counters: &counters };
    let checked = during(&counters, console, || check.run(&noted.roots, &mut whole));
    let Some(found) = checked? else { return Ok(Heads::not_checked("the check was interrupted", "Run again.")) };
    // What is remembered of the libraries that the pass is not about is as right as before.
    whole.extend(remembered.into_iter().filter(|(library, _)| !noted.selection.has(*library)));
    keep(memory.as_ref(), &whole, console);
    // After all of it was looked at, so that a library that stands as before has not changed while it was.
    let now = Roots::from_conf(&noted.database).map(|mut now| {
        now.libraries.retain(|library| noted.selection.has(library.id));
        now
    });
    let now = now.map_err(|error| error.to_string());
    if let Ok(now) = &now
        && let Some(what) = settings.heads.placed.moved(&now.classes, noted.roots.libraries.iter().map(|one| one.id))
    {
        console.problem(format_args!("heads: {what}, so that this pass looked for it in the wrong place"));
        return Ok(Heads::not_checked(what, "Run again."));
    }
    let result = found.judged(&noted.roots, now.as_ref().map_err(Clone::clone), accepted);
    warn_of_strangers(accepted, &noted.roots, console);
    tell(&result, console);
    Ok(Heads::Checked(result))
}

/// Asks the destination about the noted heads that are remembered as whole. What is wrong with the first that is not as
/// it is remembered, in words; `None` when all are.
///
/// # Errors
/// When a store does not answer.
pub fn ask(
    noted: &NotedHeads,
    destination: &PerKind<Arc<dyn WriteStore>>,
    settings: &RunSettings,
    console: &Console,
    shutdown: &Shutdown,
) -> Result<Option<String>, Failure> {
    let whole = memory_of(settings).as_ref().map(Memory::load).unwrap_or_default();
    let is_remembered = |library: &&LibraryRoots| remembered_head(library, &whole).is_some();
    let libraries: Vec<&LibraryRoots> = noted.roots.libraries.iter().filter(is_remembered).collect();
    let count = format::libraries(libraries.len() as u64);
    let stores = destination.clone().map(|store| store as Arc<dyn ReadStore>);
    let (workers, budget) = (settings.plan.store.workers(), &Budget::new(settings.memory));
    let wrong = Remembered { stores: &stores, workers, budget, shutdown }.ask(&libraries)?;
    if wrong.is_none() && !libraries.is_empty() {
        console.log(format_args!("heads: {count} remembered as whole, and some files of each are at the destination"));
    }
    Ok(wrong)
}

/// What is remembered; nothing where kinds stay, because what is remembered rests on the lists of all kinds.
fn memory_of(settings: &RunSettings) -> Option<Memory> {
    if !settings.plan.to.staying().is_empty() {
        return None;
    }
    let prefix = settings.plan.list.prefix.as_deref()?;
    let to = settings.plan.to.id();
    Some(Memory::new(prefix, to))
}

/// Keeps what was found; without it, the next pass looks at more than it must.
fn keep(memory: Option<&Memory>, whole: &WholeHeads, console: &Console) {
    let Some(memory) = memory else { return };
    if let Err(error) = memory.save(whole) {
        console.warning(format_args!("{} could not be written: {error}", memory.path().display()));
    }
}

impl NotedHeads {
    /// Those of the libraries that a pass is about.
    #[must_use]
    pub fn of(mut self, selection: &Selection) -> Self {
        self.roots.libraries.retain(|library| selection.has(library.id));
        self.selection = selection.clone();
        self
    }

    /// What the libraries of the database are called; an empty name where it has none.
    pub fn names(&self) -> BTreeMap<LibraryId, String> {
        let name = |library: &LibraryRoots| (library.id, library.name.clone().unwrap_or_default());
        self.roots.libraries.iter().map(name).collect()
    }
}

/// A library that is accepted and not in the database is probably a slip of the pen.
fn warn_of_strangers(accepted: &BTreeSet<LibraryId>, roots: &Roots, console: &Console) {
    for library in accepted.iter().filter(|library| roots.library(**library).is_none()) {
        console.warning(format_args!("--accept-damage names library {library}, which the database does not name"));
    }
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
    each("MISSING in the source as well", &result.missing_in_source);
    each("missing in the source as well, accepted", &result.accepted);
    each("damaged in the source already", &result.damaged_in_source);
    each("changed meanwhile, judged by the next run", &result.changed_meanwhile);
    let HeadsResult { libraries, whole, .. } = result;
    console.log(format_args!("heads: {whole} of {libraries} libraries whole at the destination"));
}
