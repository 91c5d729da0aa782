//! `run`: copies what is missing at the destination, and tells how that ended.

use std::time::Instant;

use crate::preflight::owner::{self, ForeignOwner};
use crate::report::{Console, Outcome};
use crate::sys::shutdown::Shutdown;

pub mod accepted;
mod again;
mod begun;
mod damage;
pub mod heads;
pub mod kinds;
mod listed_less;
pub mod outcome;
mod output;
mod page;
mod pass;
mod progress;
pub mod report;
pub mod result;
pub mod retry;
pub mod settings;
pub mod summary;
pub mod switching;
pub mod verdict;

use outcome::RunOutcome;
use pass::Pass;
use result::{PassResult, RunResult};
use retry::Failed;
use settings::RunSettings;
use verdict::Verdict;

/// Runs one pass and tells how it ended: log, summary, and the report and the page if they are wanted.
pub fn run(settings: &RunSettings, console: &Console, shutdown: &Shutdown) -> RunOutcome {
    let (began, started) = (Instant::now(), jiff::Zoned::now());
    let failed = match Failed::read(settings, console) {
        Ok(failed) => failed,
        Err(outcome) => {
            outcome.print_result(console);
            return outcome;
        }
    };
    let options = settings.plan.store.open_options(console, shutdown);
    let pass = Pass { settings, options: &options, failed: failed.as_ref(), console, shutdown }.run();
    let verdict = Verdict::of(&pass.outcome, &pass.heads, &pass.selection, &settings.how_to_switch());
    let (took, retries, retried) = (began.elapsed(), options.retries(), failed.as_ref().map(Failed::report));
    let owners = owners(settings, &pass);
    RunResult { settings, pass, verdict, started, took, retries, retried, owners }.tell(console)
}

/// Runs one pass of another command's, which tells itself what it came to.
pub(crate) fn pass(settings: &RunSettings, console: &Console, shutdown: &Shutdown) -> PassResult {
    let options = settings.plan.store.open_options(console, shutdown);
    Pass { settings, options: &options, failed: None, console, shutdown }.run()
}

/// Whose the results are, looked up rather than guessed: what a pass wrote before may have been mended since.
fn owners(settings: &RunSettings, pass: &PassResult) -> Vec<ForeignOwner> {
    let rows = pass.counters.library_rows().into_iter();
    let changed = rows.filter(|(_, kinds)| kinds.values().any(|counts| counts.copied > 0)).map(|(library, _)| library);
    owner::of_results(&settings.plan.from, &settings.plan.to, &changed.collect())
}
