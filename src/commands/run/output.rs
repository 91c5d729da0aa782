//! Writes the report and the page of a run that is over, and prints its summary.

use std::io;
use std::path::Path;

use crate::commands::run::outcome::RunOutcome;
use crate::commands::run::result::RunResult;
use crate::commands::run::summary::Summary;
use crate::commands::run::verdict::Verdict;
use crate::commands::run::{page, report};
use crate::history::{Pair, PairHistory};
use crate::report::{Console, Outcome, Process, ReportHead};

impl RunResult<'_> {
    /// Writes the files that are wanted, prints the summary, and returns how the command ends.
    pub(super) fn tell(mut self, console: &Console) -> RunOutcome {
        if let Some(path) = &self.settings.report {
            let written = self.write_report(path, console);
            self.written("report", path, written, console);
        }
        if let Some(path) = &self.settings.html {
            let written = crate::report::page::write(path, &page::of(&self, self.history().as_ref(), console));
            self.written("page", path, written, console);
        }
        Summary {
            outcome: &self.pass.outcome,
            counters: &self.pass.counters,
            findings: &self.pass.findings,
            from: &self.settings.plan.from,
            retried: self.retried,
            took: self.took,
            retries: self.retries,
            verdict: &self.verdict,
            owners: &self.owners,
        }
        .print(console);
        self.pass.outcome
    }

    fn write_report(&self, path: &Path, console: &Console) -> io::Result<()> {
        let plan = &self.settings.plan;
        let head = report::ReportHeader {
            head: ReportHead::of("run", &self.pass.outcome, console),
            process: Process::ended(&self.started, self.took, &plan.from, &plan.to, self.retries),
            retried: self.retried.map(|report| report.display().to_string()),
            selection: self.pass.selection.clone(),
            heads: self.pass.heads.clone(),
            safe_to_switch: self.verdict.clone(),
            ownership: self.owners.clone(),
        };
        report::write(path, &head, &self.pass.names, &self.pass.counters, &self.pass.findings)
    }

    fn written(&mut self, what: &str, path: &Path, written: io::Result<()>, console: &Console) {
        let path = path.display();
        let Err(error) = written else {
            console.log(format_args!("The {what} was written to {path}"));
            return;
        };
        let problem = format!("the {what} {path} could not be written: {error}");
        console.warning(&problem);
        // All is not well then, because somebody asked for the file to decide by it.
        if self.pass.outcome.exit_code() == 0 {
            self.pass.outcome = RunOutcome::FileNotWritten(problem);
            self.verdict =
                Verdict::of(&self.pass.outcome, &self.pass.heads, &self.pass.selection, &self.settings.how_to_switch());
        }
    }

    /// The history of these two sides; `None` when there is none that can be read.
    fn history(&self) -> Option<PairHistory> {
        let plan = &self.settings.plan;
        self.settings.proofs.as_ref()?.load(&Pair::new(&plan.from, &plan.to)).ok().flatten()
    }
}
