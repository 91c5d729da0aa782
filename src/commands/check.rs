//! Whether both sides are ready: asked on its own, and at the beginning of every pass.

use crate::commands::common::failure::Failure;
use crate::commands::common::other_layout;
use crate::commands::common::settings::PairSettings;
use crate::commands::common::sides::lock;
use crate::conf::SideConf;
use crate::preflight::{self, Depth, PreflightReport, SamePlace, Side, StoreProbe};
use crate::report::{Console, Outcome};
use crate::store::open::OpenOptions;
use crate::sys::shutdown::Shutdown;

mod database;
pub mod outcome;
pub mod settings;
mod table;

use database::DatabaseProbe;
use outcome::{CheckOutcome, Unready};
use settings::CheckSettings;

/// Checks both sides and prints what it found.
pub fn run(settings: &CheckSettings, console: &Console, shutdown: &Shutdown) -> CheckOutcome {
    for warning in settings.from.warnings.iter().chain(&settings.to.warnings) {
        console.warning(format_args!("{warning}"));
    }
    let outcome = match check(settings, console, shutdown) {
        Ok(report) => {
            let database = DatabaseProbe::of(settings);
            console.line(table::text(&report, Some(&database)));
            let layouts = other_layouts(&report);
            if !report.same.is_empty() {
                CheckOutcome::OneStore(report.same)
            } else if !layouts.is_empty() {
                CheckOutcome::OtherLayout(layouts)
            } else {
                match (Unready::of(&report), database.failure(settings.is_database_named)) {
                    (Some(unready), _) => CheckOutcome::NotReady(unready),
                    (None, Some(failure)) => CheckOutcome::Stopped(failure),
                    (None, None) => CheckOutcome::Ready,
                }
            }
        }
        Err(failure) => CheckOutcome::Stopped(failure),
    };
    console.line("");
    outcome.print_result(console);
    outcome
}

fn check(settings: &CheckSettings, console: &Console, shutdown: &Shutdown) -> Result<PreflightReport, Failure> {
    // What is put there for a moment must not be in the way of a run that is under way.
    let _locks = lock(&settings.to)?;
    let options = settings.store.open_options(console, shutdown);
    ask(&settings.from, &settings.to, &options, Depth::Libraries, console, shutdown)
}

/// Checks both sides for a pass; the table is printed only when something is wrong.
///
/// # Errors
/// As [`require_sides`].
pub fn require(
    pair: &PairSettings,
    options: &OpenOptions,
    console: &Console,
    shutdown: &Shutdown,
) -> Result<(), Failure> {
    require_sides(&pair.from, &pair.to, options, Depth::Libraries, console, shutdown)
}

/// Checks both sides for a command that reads and writes them; the table is printed only when something is wrong.
///
/// # Errors
/// Why the command must not begin: a store is not ready, or both sides have one and the same.
pub fn require_sides(
    from: &SideConf,
    to: &SideConf,
    options: &OpenOptions,
    depth: Depth,
    console: &Console,
    shutdown: &Shutdown,
) -> Result<(), Failure> {
    let report = ask(from, to, options, depth, console, shutdown)?;
    require_two_stores(&report.same)?;
    require_known_layouts(&report)?;
    let Some(unready) = Unready::of(&report) else {
        console.log(
            "Checked: all stores answer and can be listed, the source can be read, the destination can be written, and it is not the source",
        );
        return Ok(());
    };
    console.problem(table::text(&report, None));
    let what = format!("nothing was done, because {unready}");
    Err(if unready.only_full { Failure::StoreFull(what) } else { Failure::Store(what) })
}

/// Whether it was seen that the two sides are not one store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Apart {
    /// What was written at the destination is not in the source.
    Seen,
    /// It could not be tried: why.
    NotSeen(String),
}

/// Looks whether the two sides are one store, for a command that need not write. A destination that cannot be written,
/// or that another run is writing to, leaves that open.
///
/// # Errors
/// When they are one store.
pub fn require_apart(
    from: &SideConf,
    to: &SideConf,
    options: &OpenOptions,
    console: &Console,
    shutdown: &Shutdown,
) -> Result<Apart, Failure> {
    let _locks = match lock(to) {
        Ok(locks) => locks,
        Err(failure) => {
            require_two_stores(&preflight::same::shared_folders(from, to, Depth::Libraries))?;
            return Ok(Apart::NotSeen(failure.to_string()));
        }
    };
    let report = ask(from, to, options, Depth::Libraries, console, shutdown)?;
    require_two_stores(&report.same)?;
    require_known_layouts(&report)?;
    Ok(Unready::of(&report).map_or(Apart::Seen, |unready| Apart::NotSeen(unready.to_string())))
}

fn require_two_stores(same: &[SamePlace]) -> Result<(), Failure> {
    match same {
        [] => Ok(()),
        same => Err(Failure::Refused(one_store(same))),
    }
}

fn require_known_layouts(report: &PreflightReport) -> Result<(), Failure> {
    match &other_layouts(report)[..] {
        [] => Ok(()),
        layouts => Err(Failure::Refused(format!("nothing was done, because {}", layouts.join("; ")))),
    }
}

/// What is to be said of the stores that hold objects in the layout of another backend.
fn other_layouts(report: &PreflightReport) -> Vec<String> {
    let explain = |row: &StoreProbe| {
        let side = match row.side {
            Side::From => "the source",
            Side::To => "the destination",
        };
        other_layout::explain(side, &row.location, &row.ignored)
    };
    report.rows.iter().filter_map(explain).collect()
}

/// What both sides have in common, and what to do.
fn one_store(same: &[SamePlace]) -> String {
    let places: Vec<String> = same.iter().map(ToString::to_string).collect();
    format!(
        "both sides are one store under two names, so nothing was done: {}. Name another place in the new configuration",
        places.join("; ")
    )
}

/// Asks all stores, and prints what works and may be regretted. A check that was cut short says nothing about the stores.
fn ask(
    from: &SideConf,
    to: &SideConf,
    options: &OpenOptions,
    depth: Depth,
    console: &Console,
    shutdown: &Shutdown,
) -> Result<PreflightReport, Failure> {
    let report = preflight::check(from, to, options, depth);
    for warning in &report.warnings {
        console.warning(format_args!("{warning}"));
    }
    Failure::interruption(shutdown).map_or(Ok(report), Err)
}
