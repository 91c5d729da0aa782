//! `run`: copies what is missing at the destination, and tells how that ended.

use std::time::Instant;

use crate::report::{Console, Outcome};
use crate::sys::shutdown::Shutdown;

pub mod accepted;
mod begun;
pub mod heads;
pub mod kinds;
mod note;
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
pub mod verdict;

use outcome::RunOutcome;
use pass::Pass;
use result::RunResult;
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
    let options = settings.plan.store.open_options(shutdown);
    let pass = Pass { settings, options: &options, failed: failed.as_ref(), console, shutdown }.run();
    let verdict = Verdict::of(&pass.outcome, &pass.heads);
    let (took, retries, retried) = (began.elapsed(), options.retries(), failed.as_ref().map(Failed::report));
    RunResult { settings, pass, verdict, started, took, retries, retried }.tell(console)
}
