//! The end of a pass in a table that a tired admin understands.

use std::path::Path;
use std::time::Duration;

use super::verdict::Verdict;
use crate::metrics::findings::SHOWN;
use crate::metrics::{Counters, Finding, Findings};
use crate::object::ObjectKind;
use crate::report::outcome::Ending;
use crate::report::{Console, format};

/// What the summary is made of.
#[derive(Debug)]
pub struct Summary<'a> {
    /// How the pass ended.
    pub ending: &'a Ending,
    /// The numbers.
    pub counters: &'a Counters,
    /// What failed.
    pub failures: &'a Findings,
    /// What was damaged in the source.
    pub damaged: &'a Findings,
    /// The report whose failures alone were retried; `None` for a full pass.
    pub retried: Option<&'a Path>,
    /// How long the pass took.
    pub took: Duration,
    /// How many calls to a store had to be repeated.
    pub retries: u64,
    /// Whether the server may be switched now.
    pub verdict: &'a Verdict,
}

impl Summary<'_> {
    /// Prints the table, the first findings, and the result.
    pub fn print(&self, console: &Console) {
        console.line("");
        if let Some(report) = self.retried {
            console.line(format_args!("Only the failures of {} were retried:", report.display()));
        }
        for line in self.table() {
            console.line(line);
        }
        console.line(self.speed());
        self.print_findings(console);
        console.line("");
        match self.ending {
            ending if ending.exit_code() == 0 => console.line(format_args!("Result: {}.", self.ending)),
            _ => console.problem(format_args!("Result: {} (exit code {}).", self.ending, self.ending.exit_code())),
        }
        let Verdict { yes, why, next } = self.verdict;
        console.line(format_args!("Safe to switch: {}: {why}\n{next}", if *yes { "yes" } else { "no" }));
    }

    fn table(&self) -> Vec<String> {
        let row = |name: &str, cells: [String; 6]| {
            let [listed, there, copied, bytes, vanished, failed] = cells;
            format!("{name:<8}{listed:>14}{there:>15}{copied:>14}{bytes:>12}{vanished:>10}{failed:>9}")
        };
        let first = if self.retried.is_some() { "had failed" } else { "in source" };
        let head = [first, "already there", "copied", "bytes", "vanished", "failed"].map(str::to_owned);
        let mut lines = vec![row("", head)];
        for kind in ObjectKind::ALL {
            let n = self.counters.kind(kind);
            lines.push(row(
                kind.as_str(),
                [
                    format::count(n.listed.get()),
                    format::count(n.listed.get().saturating_sub(n.to_copy.get())),
                    format::count(n.copied.get()),
                    format::bytes(n.copied_bytes.get()),
                    format::count(n.vanished.get()),
                    format::count(n.failed.get()),
                ],
            ));
        }
        let (listed, to_copy) = (self.counters.total(|n| &n.listed), self.counters.total(|n| &n.to_copy));
        lines.push(row(
            "total",
            [
                format::count(listed),
                format::count(listed.saturating_sub(to_copy)),
                format::count(self.counters.total(|n| &n.copied)),
                format::bytes(self.counters.total(|n| &n.copied_bytes)),
                format::count(self.counters.total(|n| &n.vanished)),
                format::count(self.counters.total(|n| &n.failed)),
            ],
        ));
        lines
    }

    fn speed(&self) -> String {
        let seconds = self.took.as_secs_f64().max(1e-3);
        let (objects, bytes) = (self.counters.total(|n| &n.copied), self.counters.total(|n| &n.copied_bytes));
        let mut line = format!(
            "Took {}, {:.0} objects/s, {}/s",
            format::duration(self.took),
            objects as f64 / seconds,
            format::bytes((bytes as f64 / seconds) as u64)
        );
        if self.retries > 0 {
            line += &format!("; {} repeated", format::plural(self.retries, "request"));
        }
        let ignored = self.counters.total(|n| &n.ignored);
        if ignored > 0 {
            line += &format!("; {} in the source that are no objects were left alone", format::plural(ignored, "name"));
        }
        line + "."
    }

    fn print_findings(&self, console: &Console) {
        if self.damaged.count() > 0 {
            console.problem(format_args!(
                "\nWARNING: {} DAMAGED in the source. The bytes were copied as they are, so nothing is worse than before,\n\
                 but the files they belong to cannot be opened correctly on either side:",
                format::plural(self.damaged.count(), "object").to_uppercase()
            ));
            show(self.damaged, console);
        }
        if self.failures.count() > 0 {
            console
                .problem(format_args!("\n{} not at the destination:", format::plural(self.failures.count(), "object")));
            show(self.failures, console);
        }
    }
}

fn show(findings: &Findings, console: &Console) {
    for Finding { kind, library, object, step, error, cause } in findings.first() {
        console.problem(format_args!("  [{kind}] {library}/{object}: {step}: {error}: {cause}"));
    }
    let more = findings.count().saturating_sub(SHOWN as u64);
    if more > 0 {
        console.problem(format_args!("  … and {} more; --report FILE names each of them", format::count(more)));
    }
}
