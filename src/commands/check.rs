//! Whether both sides are ready: asked on its own, and at the beginning of every pass.

use crate::commands::common::failure::Failure;
use crate::commands::common::settings::PairSettings;
use crate::commands::common::sides::lock;
use crate::conf::SideConf;
use crate::preflight::{self, PreflightReport};
use crate::report::{Console, Outcome};
use crate::store::open::OpenOptions;
use crate::sys::shutdown::Shutdown;

pub mod outcome;
pub mod settings;
mod table;

use outcome::{CheckOutcome, Unready};
use settings::CheckSettings;

/// Checks both sides and prints what it found.
pub fn run(settings: &CheckSettings, console: &Console, shutdown: &Shutdown) -> CheckOutcome {
    for warning in settings.from.warnings.iter().chain(&settings.to.warnings) {
        console.problem(format_args!("Warning: {warning}"));
    }
    let outcome = match check(settings, console, shutdown) {
        Ok(report) => {
            console.line(table::text(&report));
            Unready::of(&report).map_or(CheckOutcome::Ready, CheckOutcome::NotReady)
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
    let options = settings.store.open_options(shutdown);
    ask(&settings.from, &settings.to, &options, console, shutdown)
}

/// Checks both sides for a pass; the table is printed only when something is wrong.
///
/// # Errors
/// Why the pass must not begin.
pub fn require(
    pair: &PairSettings,
    options: &OpenOptions,
    console: &Console,
    shutdown: &Shutdown,
) -> Result<(), Failure> {
    let report = ask(&pair.from, &pair.to, options, console, shutdown)?;
    let Some(unready) = Unready::of(&report) else {
        console.log("Checked: all stores answer and can be listed, and the destination can be written");
        return Ok(());
    };
    console.problem(table::text(&report));
    let what = format!("nothing was copied, because {unready}");
    Err(if unready.only_full { Failure::StoreFull(what) } else { Failure::Store(what) })
}

/// Asks all stores, and prints what works and may be regretted. A check that was cut short says nothing about the stores.
fn ask(
    from: &SideConf,
    to: &SideConf,
    options: &OpenOptions,
    console: &Console,
    shutdown: &Shutdown,
) -> Result<PreflightReport, Failure> {
    let report = preflight::check(from, to, options);
    for warning in &report.warnings {
        console.problem(format_args!("Warning: {warning}"));
    }
    Failure::interruption(shutdown).map_or(Ok(report), Err)
}
