//! What is told about a pass when it is over: the report, the page, the summary.

use std::io;
use std::path::Path;
use std::time::Duration;

use jiff::Zoned;

use crate::commands::common::settings::RunSettings;
use crate::commands::common::state::PassState;
use crate::commands::run::report;
use crate::commands::run::summary::Summary;
use crate::commands::run::verdict::{Heads, Verdict};
use crate::history::{Pair, PairHistory};
use crate::report::{Console, Ending, Process};

/// A pass that is over.
pub(super) struct RunResult<'a> {
    pub(super) settings: &'a RunSettings,
    pub(super) state: &'a PassState,
    pub(super) ending: Ending,
    pub(super) verdict: Verdict,
    pub(super) heads: Heads,
    pub(super) started: Zoned,
    pub(super) took: Duration,
    pub(super) retries: u64,
    /// The report whose failures alone were retried.
    pub(super) retried: Option<&'a Path>,
}

impl RunResult<'_> {
    /// Writes the files that are wanted, prints the summary, and says how the command ends.
    pub(super) fn tell(mut self, console: &Console) -> Ending {
        if let Some(path) = &self.settings.report {
            let written = self.report(path);
            self.written("report", path, written, console);
        }
        if let Some(path) = &self.settings.html {
            let written = crate::report::page::write(path, &super::page::of(&self, self.record().as_ref()));
            self.written("page", path, written, console);
        }
        let (counters, failures, damaged) = (&self.state.counters, &self.state.failures, &self.state.damage);
        let Self { ending, verdict, took, retries, retried, .. } = &self;
        let (took, retries, retried) = (*took, *retries, *retried);
        Summary { ending, counters, failures, damaged, retried, took, retries, verdict }.print(console);
        self.ending
    }

    fn report(&self, path: &Path) -> io::Result<()> {
        let plan = &self.settings.plan;
        let head = report::ReportHeader {
            process: Process::ended(&self.started, self.took, &plan.from, &plan.to, self.retries),
            retried: self.retried.map(|report| report.display().to_string()),
            heads: self.heads.clone(),
            safe_to_switch: self.verdict.clone(),
        };
        let PassState { counters, failures, damage, .. } = self.state;
        report::write(path, &head, &self.ending, counters, failures, damage)
    }

    fn written(&mut self, what: &str, path: &Path, written: io::Result<()>, console: &Console) {
        let path = path.display();
        let Err(error) = written else {
            console.log(format_args!("The {what} was written to {path}"));
            return;
        };
        console.problem(format_args!("The {what} {path} could not be written: {error}"));
        // All is not well then, because somebody asked for the file to decide by it.
        if self.ending.exit_code() == 0 {
            self.ending = Ending::Full(format!("the {what} {path} could not be written"));
            self.verdict = Verdict::of(&self.ending, &self.heads);
        }
    }

    /// What is noted about these two sides; a note that cannot be read is as good as none here.
    fn record(&self) -> Option<PairHistory> {
        let plan = &self.settings.plan;
        self.settings.proofs.as_ref()?.load(&Pair::new(&plan.from, &plan.to)).ok().flatten()
    }
}
