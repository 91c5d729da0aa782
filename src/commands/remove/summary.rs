//! The end of a removal in a table that a tired admin understands.

use std::time::Duration;

use crate::commands::remove::report::{RemovalCounts, Removed};
use crate::commands::remove::settings::RemoveSettings;
use crate::metrics::findings::SHOWN;
use crate::metrics::{Counters, Finding, Findings};
use crate::object::ObjectKind;
use crate::report::{Console, Ending, format};

/// How many libraries are shown; the report has all of them.
const LIBRARIES: usize = 50;

/// What there is to tell.
pub(super) struct RemovalSummary<'a> {
    pub(super) ending: &'a Ending,
    pub(super) settings: &'a RemoveSettings,
    pub(super) counters: &'a Counters,
    pub(super) tally: &'a RemovalCounts,
    pub(super) kept: &'a Findings,
}

impl RemovalSummary<'_> {
    /// Prints the table, the libraries, what was kept and why, and the result.
    pub(super) fn print(&self, console: &Console, took: Duration) {
        if self.counters.total(|n| &n.listed) > 0 {
            self.print_table(console);
            let folders = match self.tally.folders {
                0 => String::new(),
                n => format!("; {} removed", format::plural(n, "empty folder")),
            };
            console.line(format_args!("Took {}{folders}.", format::duration(took)));
            self.print_kept(console);
        }
        console.line("");
        match self.ending {
            Ending::Complete => console.line(format_args!("Result: {}.", self.result())),
            _ => console.problem(format_args!("Result: {} (exit code {}).", self.result(), self.ending.exit_code())),
        }
    }

    /// How it ended, in a sentence.
    pub(super) fn result(&self) -> String {
        let removed = format::plural(self.tally.total(|n| n.removed.objects), "object");
        let kept = format::plural(self.tally.total(|n| n.kept.objects), "object");
        let (yes, names) = (self.settings.yes, self.settings.journal.display());
        match self.ending {
            Ending::Complete if yes => {
                format!("{removed} removed from the source, all of which the destination has; {names} names them")
            }
            Ending::Complete => {
                format!("nothing was removed, this was a dry run; --yes would remove {removed} from the source")
            }
            Ending::Failures if yes => format!(
                "{removed} removed from the source, {kept} KEPT, for the reasons above; {names} names what was removed"
            ),
            Ending::Failures => format!(
                "nothing was removed, this was a dry run; --yes would remove {removed} and KEEP {kept}, for the reasons above"
            ),
            Ending::Interrupted { .. } if yes => format!(
                "interrupted; {removed} removed from the source, and {names} names them; the next run goes on from here"
            ),
            Ending::Interrupted { .. } => "interrupted; nothing was removed, this was a dry run".to_owned(),
            other => other.to_string(),
        }
    }

    fn print_table(&self, console: &Console) {
        let row = |name: &str, cells: [String; 6]| {
            let [listed, bytes, removed, removed_bytes, kept, gone] = cells;
            console.line(format_args!(
                "{name:<44}{listed:>13}{bytes:>11}{removed:>13}{removed_bytes:>11}{kept:>9}{gone:>7}"
            ));
        };
        let cells = |listed: u64, bytes: u64, n: &Removed| {
            let (removed, kept) = (n.removed, n.kept.objects);
            [
                format::count(listed),
                format::bytes(bytes),
                format::count(removed.objects),
                format::bytes(removed.bytes),
                format::count(kept),
                format::count(n.gone),
            ]
        };
        let removed = if self.settings.yes { "removed" } else { "to remove" };
        console.line("");
        row("", ["in source", "bytes", removed, "bytes", "kept", "gone"].map(str::to_owned));
        for kind in ObjectKind::ALL {
            let n = self.counters.kind(kind);
            row(kind.as_str(), cells(n.listed.get(), n.listed_bytes.get(), self.tally.kind(kind)));
        }
        let libraries = self.counters.library_rows();
        for (library, listed) in libraries.iter().take(LIBRARIES) {
            let numbers = self.tally.libraries().get(library).copied().unwrap_or_default();
            for (kind, of) in listed.iter().filter(|(_, of)| of.listed > 0) {
                row(&format!("{library} {kind}"), cells(of.listed, of.listed_bytes, &numbers[kind]));
            }
        }
        if let more @ 1.. = libraries.len().saturating_sub(LIBRARIES) {
            console
                .line(format_args!("… and {} more libraries; --report FILE has them all", format::count(more as u64)));
        }
    }

    fn print_kept(&self, console: &Console) {
        if self.kept.count() == 0 {
            return;
        }
        console.problem("\nKept in the source:");
        for (reason, count) in self.tally.reasons() {
            console.problem(format_args!("  {}: {}", format::plural(*count, "object"), reason.as_str()));
        }
        for Finding { kind, library, object, step, error, cause } in self.kept.first() {
            console.problem(format_args!("  [{kind}] {library}/{object}: {step}: {error}: {cause}"));
        }
        if let more @ 1.. = self.kept.count().saturating_sub(SHOWN as u64) {
            console.problem(format_args!("  … and {} more; --report FILE names each of them", format::count(more)));
        }
    }
}
