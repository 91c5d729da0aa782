//! Follows every library of one side from its heads, and says what is missing or damaged, with the
//! paths of the files that suffer. Reads only.

use std::num::NonZeroUsize;
use std::path::Path;
use std::time::{Duration, Instant};

use jiff::Zoned;
use serde::Serialize;

use crate::commands::common::empty_kinds::SideToLookAt;
use crate::commands::common::failure::{self, Failure};
use crate::commands::common::other_layout;
use crate::conf::SideId;
use crate::database::heads::{Roots, Standing};
use crate::metrics::WalkCounters;
use crate::object::{LibraryId, ObjectKind};
use crate::reach::{self, FsckResult, LibraryResult, Stores, WalkOptions};
use crate::report::page::write;
use crate::report::progress::during;
use crate::report::{Console, Outcome, ReportHead, Times, json};
use crate::store::open::{OpenOptions, open_source};
use crate::sys::shutdown::Shutdown;

pub mod outcome;
pub mod page;
mod progress;
pub mod settings;

use outcome::{FsckFindings, FsckOutcome};
use page::Scope;
use settings::FsckSettings;

/// Checks a side, prints the result, and writes the report and the page if they are wanted.
pub fn run(settings: &FsckSettings, console: &Console, shutdown: &Shutdown) -> FsckOutcome {
    let (began, started) = (Instant::now(), jiff::Zoned::now());
    for warning in &settings.side.warnings {
        console.warning(warning);
    }
    let options = settings.store.open_options(console, shutdown);
    let checked = check(settings, &options, console, shutdown);
    if let Ok(result) = &checked {
        console.line(result);
    }
    // First, because a check that was cut short says nothing of the libraries that it did not come to.
    let (outcome, result) = match (Failure::interruption(shutdown), checked) {
        (Some(failure), checked) => (FsckOutcome::Stopped(failure), checked.ok()),
        (None, Ok(result)) => (outcome_of(settings, &result), Some(result)),
        (None, Err(failure)) => (FsckOutcome::Stopped(failure), None),
    };
    let result = result.unwrap_or_else(|| FsckResult::not_begun(settings.database.is_none()));
    let times = Times::ended(&started, began.elapsed(), options.retries());
    let told = Checked { settings, outcome: &outcome, result: &result, times: &times, console };
    let outcome = match (told.write(&started), &outcome) {
        // What ended it before is what is told.
        (Err(failure), FsckOutcome::Stopped(_)) => {
            console.warning(failure);
            outcome
        }
        (Err(failure), _) => FsckOutcome::Stopped(failure),
        (Ok(()), _) => outcome,
    };
    console.line("");
    outcome.print_result(console);
    outcome
}

/// Follows the libraries.
fn check(
    settings: &FsckSettings,
    options: &OpenOptions,
    console: &Console,
    shutdown: &Shutdown,
) -> Result<FsckResult, Failure> {
    let stores = Stores::try_from_fn(|kind| open_source(settings.side.store(kind), options))?;
    stores.values().try_for_each(|store| other_layout::require_none_at_first("the checked side", &**store))?;
    let threads = NonZeroUsize::new(settings.store.workers()).unwrap_or(NonZeroUsize::MIN);
    let of_database = match settings.database.as_ref().map(Roots::from_conf) {
        Some(Err(error)) if settings.database_is_guessed => {
            console.warning(format_args!("{error}. Nothing names this database, so it is left alone"));
            None
        }
        Some(Err(error)) => return Err(failure::of_named_database(&error)),
        of_database => of_database.transpose()?,
    };
    let roots = match of_database {
        Some(roots) => roots,
        None => {
            console.log("No database is read: the heads are worked out from the commits");
            Roots::from_commits(&*stores[ObjectKind::Commits], &*stores[ObjectKind::Fs], threads, shutdown)?
        }
    };
    SideToLookAt { name: "the checked side", stores: &stores, shutdown }.require_all_kinds()?;
    require_named(&settings.libraries, &roots)?;
    let walk = WalkOptions {
        full_history: !settings.head_only,
        content: settings.content,
        threads,
        memory: settings.memory,
        only: settings.libraries.clone(),
        keep_days: settings.side.keep_days,
        ..WalkOptions::default()
    };
    let counters = WalkCounters::default();
    Ok(during(&counters, console, || reach::fsck(&stores, &roots, &walk, shutdown, &counters))?)
}

/// Refuses libraries that the command line names and that have nothing to begin at: none of them would be checked.
fn require_named(libraries: &[LibraryId], roots: &Roots) -> Result<(), Failure> {
    let unknown: Vec<LibraryId> = libraries.iter().copied().filter(|id| roots.library(*id).is_none()).collect();
    let names: Vec<String> = unknown.iter().map(ToString::to_string).collect();
    let [first, ..] = unknown[..] else { return Ok(()) };
    let why = match (roots.guessed, roots.standing(first)) {
        (true, _) => "no commit of it is there",
        (false, Standing::Garbage) => "the database says that it was deleted",
        (false, _) => "the database does not name it",
    };
    let library = if names.len() == 1 { "library" } else { "libraries" };
    let what = format!("--library: there is nothing to check of {library} {}: {why}. Check the id", names.join(", "));
    Err(Failure::Refused(what))
}

fn outcome_of(settings: &FsckSettings, result: &FsckResult) -> FsckOutcome {
    if result.unfinished > 0 {
        return FsckOutcome::Stopped(Failure::cut_short("following every library"));
    }
    let libraries = result.libraries.len() as u64;
    let is_broken = |library: &&LibraryResult| !library.findings.is_empty();
    match result.findings() {
        0 => FsckOutcome::Whole { libraries },
        findings => FsckOutcome::Findings(FsckFindings {
            findings,
            broken: result.libraries.iter().filter(is_broken).count() as u64,
            libraries,
            unnamed: result.libraries.iter().map(|library| library.more_findings).sum(),
            files: settings.report.iter().chain(&settings.html).cloned().collect(),
        }),
    }
}

/// The report of a check: which program wrote it, about which side, and the result.
#[derive(Serialize)]
struct Document<'a> {
    #[serde(flatten)]
    head: ReportHead,
    #[serde(flatten)]
    times: &'a Times,
    side: SideId,
    #[serde(flatten)]
    result: &'a FsckResult,
}

/// A check that is over, however it ended.
struct Checked<'a> {
    settings: &'a FsckSettings,
    outcome: &'a FsckOutcome,
    result: &'a FsckResult,
    times: &'a Times,
    console: &'a Console,
}

impl Checked<'_> {
    /// Writes the report and the page, as far as they are wanted.
    fn write(&self, started: &Zoned) -> Result<(), Failure> {
        let Self { settings, outcome, result, times, console } = *self;
        if let Some(path) = &settings.report {
            let head = ReportHead::of("fsck", outcome, console);
            let document = Document { head, times, side: settings.side.id(), result };
            let text = serde_json::to_vec_pretty(&document).map_err(std::io::Error::from);
            not_lost(path, text.and_then(|text| json::replace(path, |out| out.write_all(&text))))?;
        }
        let Some(path) = &settings.html else { return Ok(()) };
        let scope = Scope { side: &settings.side, head_only: settings.head_only, content: settings.content };
        let took = Duration::try_from_secs_f64(times.seconds).unwrap_or_default();
        not_lost(path, write(path, &page::of(&scope, outcome, result, console.warnings(), started, took)))
    }
}

/// Somebody asked for the file to decide by it, so all is not well without it.
fn not_lost(path: &Path, written: std::io::Result<()>) -> Result<(), Failure> {
    written.map_err(|error| Failure::local(&format!("write {}", path.display()), &error))
}
