//! The end of a pass in a table that a tired admin understands.

use std::path::Path;
use std::time::Duration;

use super::kinds::{self, Scope};
use super::outcome::RunOutcome;
use super::verdict::Verdict;
use crate::commands::common::ignored_names::left_alone;
use crate::conf::SideConf;
use crate::metrics::{Counters, Findings, ObjectFindings};
use crate::object::ObjectKind;
use crate::preflight::owner::ForeignOwner;
use crate::report::{Console, Outcome, findings, format};

/// What the summary is made of.
#[derive(Debug)]
pub struct Summary<'a> {
    /// How the pass ended.
    pub outcome: &'a RunOutcome,
    /// The numbers.
    pub counters: &'a Counters,
    /// The objects that failed or are damaged.
    pub findings: &'a ObjectFindings,
    /// Where the objects came from.
    pub from: &'a SideConf,
    /// The report whose failures alone were retried; `None` for a full pass.
    pub retried: Option<&'a Path>,
    /// How long the pass took.
    pub took: Duration,
    /// How many calls to a store had to be repeated.
    pub retries: u64,
    /// Whether the server may be switched now.
    pub verdict: &'a Verdict,
    /// What at the destination belongs to somebody else than the server.
    pub owners: &'a [ForeignOwner],
}

impl Summary<'_> {
    /// Prints the table, the first findings, and the result.
    pub fn print(&self, console: &Console) {
        console.line("");
        let scope = match self.retried {
            Some(report) => {
                console.line(format_args!("Only the failures of {} were retried:", report.display()));
                Scope::Retry
            }
            None => Scope::Everything,
        };
        console.line(kinds::table(self.counters, scope));
        console.line(self.speed());
        for (kind, ignored) in self.counters.ignored().iter().filter(|(_, ignored)| ignored.total() > 0) {
            console.paragraph(format_args!("[{kind}] {}", left_alone("the source", ignored)));
        }
        self.print_findings(console);
        console.line("");
        self.outcome.print_result(console);
        let Verdict { yes, why, next } = self.verdict;
        console.paragraph(format_args!("Safe to switch: {}: {why}\n{next}", if *yes { "yes" } else { "no" }));
        for owner in self.owners {
            console.problem(format_args!("Before the server is started: {owner}"));
        }
    }

    fn speed(&self) -> String {
        let seconds = self.took.as_secs_f64().max(1e-3);
        let (objects, bytes) = (self.counters.total(|n| &n.copied), self.counters.total(|n| &n.copied_bytes));
        let mut line = format!(
            "Took {}, {} objects/s, {}/s",
            format::duration(self.took),
            format::count((objects as f64 / seconds).round() as u64),
            format::bytes((bytes as f64 / seconds) as u64)
        );
        if self.retries > 0 {
            line += &format!("; {} repeated", format::plural(self.retries, "request"));
        }
        line + "."
    }

    fn print_findings(&self, console: &Console) {
        let ObjectFindings { failures, damage, vanished, wrong_once } = self.findings;
        self.warn_of_wrong_answers(console);
        show(wrong_once, console);
        if vanished.count() > 0 {
            console.problem(format_args!(
                "\n{} listed and then gone from the source, as on a live server that collects garbage:",
                format::plural(vanished.count(), "object")
            ));
            show(vanished, console);
        }
        if damage.count() > 0 {
            let kept = match self.counters.total(|n| &n.kept) {
                0 => String::new(),
                kept => {
                    format!("\nOf {} of them the destination has the right bytes, and keeps them.", format::count(kept))
                }
            };
            console.problem(format_args!(
                "\nWARNING: {} DAMAGED in the source. The bytes were copied as they are, so nothing is worse than before,\n\
                 but the files they belong to cannot be opened correctly on either side.{kept}",
                format::plural(damage.count(), "object").to_uppercase()
            ));
            show(damage, console);
        }
        if failures.count() > 0 {
            console.problem(format_args!("\n{} not at the destination:", format::plural(failures.count(), "object")));
            show(failures, console);
        }
    }

    /// Once for each store that gave a wrong answer and then a good one.
    fn warn_of_wrong_answers(&self, console: &Console) {
        for kind in ObjectKind::ALL {
            let count = self.counters.kind(kind).wrong_once.get();
            if count > 0 {
                console.problem(format_args!(
                    "\nWarning: {} gave {} wrong once and right the second time. What was copied is right, but something\n\
                     on the way (a proxy, a cache, a disk, memory) changes what it passes on: find out what, and verify",
                    self.from.store(kind).location(),
                    format::plural(count, "object"),
                ));
            }
        }
    }
}

fn show(of: &Findings, console: &Console) {
    findings::show(&of.shown(), findings::with_step, "run again", console);
}
