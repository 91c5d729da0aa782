//! Whether both sides are ready: asked on its own, and at the beginning of every pass.

use crate::commands::common::settings::{CheckSettings, PlanSettings};
use crate::commands::common::sides::lock;
use crate::conf::SideConf;
use crate::preflight::{PreflightReport, check};
use crate::report::{Console, Ending};
use crate::store::ErrorKind;
use crate::store::open::OpenOptions;
use crate::sys::shutdown::{Shutdown, ShutdownReason};

/// Checks both sides and prints what it found.
pub fn run(settings: &CheckSettings, console: &Console, stop: &Shutdown) -> Ending {
    for warning in settings.from.warnings.iter().chain(&settings.to.warnings) {
        console.problem(format_args!("Warning: {warning}"));
    }
    // What is put there for a moment must not be in the way of a run that is under way.
    let _locks = match lock(&settings.to).map_err(Ending::from) {
        Ok(locks) => locks,
        Err(ending) => {
            console.problem(format_args!("Not checked: {ending} (exit code {}).", ending.exit_code()));
            return ending;
        }
    };
    let checked = ask(&settings.from, &settings.to, &settings.store.open_options(stop), console);
    if let Some(ending) = interruption(stop) {
        console.problem("Interrupted before all stores had answered.");
        return ending;
    }
    console.line(&checked);
    let ending = ending(&checked);
    match &ending {
        Ending::Complete => console.line("\nResult: both sides are ready."),
        _ => console.problem(format_args!("\nResult: not ready (exit code {}).", ending.exit_code())),
    }
    ending
}

/// Checks both sides for a pass; the table is printed only when something is wrong.
///
/// # Errors
/// How the pass ends then.
pub fn require(plan: &PlanSettings, options: &OpenOptions, console: &Console, stop: &Shutdown) -> Result<(), Ending> {
    let checked = ask(&plan.from, &plan.to, options, console);
    if let Some(ending) = interruption(stop) {
        return Err(ending);
    }
    match ending(&checked) {
        Ending::Complete => {
            console.log("Checked: all stores answer and can be listed, and the destination can be written");
            Ok(())
        }
        ending => {
            console.problem(&checked);
            Err(ending)
        }
    }
}

fn ask(from: &SideConf, to: &SideConf, options: &OpenOptions, console: &Console) -> PreflightReport {
    let checked = check(from, to, options);
    for warning in &checked.warnings {
        console.problem(format_args!("Warning: {warning}"));
    }
    checked
}

/// What a check found, as the ending of what asked for it.
fn ending(checked: &PreflightReport) -> Ending {
    if checked.is_good() {
        return Ending::Complete;
    }
    let bad = checked.rows.iter().filter(|row| row.problems().next().is_some()).count();
    let what =
        format!("nothing was copied, because {bad} of {} stores are not ready, as told above", checked.rows.len());
    if checked.problems().all(|error| error.kind() == ErrorKind::NoSpace) {
        Ending::Full(what)
    } else {
        Ending::StoreFailed(what)
    }
}

/// A check that was cut short says nothing about the stores.
fn interruption(stop: &Shutdown) -> Option<Ending> {
    match stop.reason() {
        Some(ShutdownReason::Signal(signal)) => Some(Ending::Interrupted { signal }),
        _ => None,
    }
}
