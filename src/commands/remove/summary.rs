//! The end of a removal on a terminal: the tables, what was kept, and why.

use std::time::Duration;

use crate::commands::remove::outcome::Mode;
use crate::commands::remove::report::RemovalCounts;
use crate::commands::remove::tables;
use crate::metrics::{Counters, Findings};
use crate::report::{Console, findings, format};

/// What there is to tell.
pub(super) struct RemovalSummary<'a> {
    /// Whether anything was deleted.
    pub(super) mode: &'a Mode,
    /// What the source lists.
    pub(super) counters: &'a Counters,
    /// What became of it.
    pub(super) counts: &'a RemovalCounts,
    /// What was kept.
    pub(super) kept: &'a Findings,
    /// How long it took.
    pub(super) took: Duration,
}

impl RemovalSummary<'_> {
    /// Prints the tables, what was kept and why; nothing when nothing was listed.
    pub(super) fn print(&self, console: &Console) {
        if self.counters.total(|n| &n.listed) == 0 {
            return;
        }
        console.line(format_args!("\n{}", tables::kinds(self.mode, self.counters, self.counts)));
        let libraries = tables::libraries(self.mode, self.counters, self.counts);
        console.line(format_args!("\n{libraries}"));
        if !libraries.outro.is_empty() {
            console.line(&libraries.outro);
        }
        let folders = match self.counts.folders {
            0 => String::new(),
            n => format!("; {} removed", format::plural(n, "empty folder")),
        };
        console.line(format_args!("\nTook {}{folders}.", format::duration(self.took)));
        self.print_kept(console);
    }

    fn print_kept(&self, console: &Console) {
        if self.kept.count() == 0 {
            return;
        }
        console.problem("\nKept in the source:");
        for (reason, count) in self.counts.reasons() {
            console.problem(format_args!("  {}: {}", format::plural(*count, "object"), reason.as_str()));
        }
        findings::show(&self.kept.shown(), findings::with_step, "remove again", console);
    }
}
