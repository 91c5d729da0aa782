//! The end of a repair: the table, what is left, and the report. `docs/report.md` describes the fields.

use std::io;
use std::path::Path;
use std::time::Duration;

use jiff::Zoned;
use serde::Serialize;

use super::kind::RepairFindings;
use super::outcome::RepairOutcome;
use super::settings::RepairSettings;
use crate::conf::{SideConf, SideId};
use crate::metrics::RepairCounters;
use crate::object::{ObjectKind, PerKind};
use crate::report::table::{Cell, Column, Table};
use crate::report::{Console, ReportHead, Times, findings, format, json};

/// A repair that is over.
pub(super) struct RepairResult<'a> {
    pub(super) settings: &'a RepairSettings,
    pub(super) outcome: &'a RepairOutcome,
    pub(super) counters: &'a PerKind<RepairCounters>,
    pub(super) findings: &'a RepairFindings,
    /// When the command began.
    pub(super) started: &'a Zoned,
    pub(super) took: Duration,
    /// How many calls to a store had to be repeated.
    pub(super) retries: u64,
}

#[derive(Serialize)]
struct Document<'a> {
    #[serde(flatten)]
    head: &'a ReportHead,
    #[serde(flatten)]
    times: Times,
    reports: Vec<String>,
    from: Vec<SideId>,
    to: SideId,
    dry_run: bool,
    kinds: Vec<KindRow>,
}

#[derive(Serialize)]
struct KindRow {
    kind: ObjectKind,
    looked_at: u64,
    right: u64,
    repaired: u64,
    repaired_bytes: u64,
    left: u64,
}

impl RepairResult<'_> {
    /// Prints the table and the first of what is left.
    pub(super) fn print(&self, console: &Console) {
        console.line(format_args!("\n{}", table(self.counters, self.settings.dry_run)));
        let left = &self.findings.left;
        if left.count() > 0 {
            console.problem(format_args!("\n{} left as they are:", format::plural(left.count(), "object")));
            findings::show(&left.shown(), findings::without_step, "repair again", console);
        }
        console.line("");
    }

    /// Writes the report to `path`, replacing what is there.
    ///
    /// # Errors
    /// When the file cannot be written; what was there is then unchanged.
    pub(super) fn write(&self, path: &Path, console: &Console) -> io::Result<()> {
        let Self { settings, outcome, .. } = self;
        let text = serde_json::to_string_pretty(&Document {
            head: &ReportHead::of("repair", *outcome, console),
            times: Times::ended(self.started, self.took, self.retries),
            reports: settings.reports.iter().map(|path| path.display().to_string()).collect(),
            from: settings.from.iter().map(SideConf::id).collect(),
            to: settings.to.id(),
            dry_run: settings.dry_run,
            kinds: self.counters.iter().map(kind_row).collect(),
        })?;
        // The names follow inside the document's last brace, because they may be many more than fit in memory.
        let open = text.strip_suffix("\n}").unwrap_or(&text);
        json::replace(path, |out| {
            write!(out, "{open},\n  \"repaired\": [")?;
            self.findings.repaired.write_json(out)?;
            out.write_all(b"],\n  \"left\": [")?;
            self.findings.left.write_json(out)?;
            out.write_all(b"]\n}\n")
        })
    }
}

fn kind_row((kind, numbers): (ObjectKind, &RepairCounters)) -> KindRow {
    KindRow {
        kind,
        looked_at: numbers.looked_at.get(),
        right: numbers.right.get(),
        repaired: numbers.repaired.get(),
        repaired_bytes: numbers.repaired_bytes.get(),
        left: numbers.left.get(),
    }
}

/// A row for each number and a column for each kind, so that it fits 80 columns however many objects there are.
fn table(counters: &PerKind<RepairCounters>, is_dry_run: bool) -> Table {
    let row = |name: &str, number: fn(&RepairCounters) -> u64, show: fn(u64) -> String| {
        let numbers = ObjectKind::ALL.map(|kind| number(&counters[kind]));
        let cells = numbers.into_iter().chain([numbers.iter().sum()]).map(|n| Cell::Plain(show(n)));
        std::iter::once(Cell::of(name)).chain(cells).collect()
    };
    let (repaired, bytes) = if is_dry_run { ("To repair", "Bytes to repair") } else { ("Repaired", "Bytes repaired") };
    let names = ObjectKind::ALL.map(|kind| Column::Number(kind.as_str()));
    Table {
        title: "By kind".to_owned(),
        columns: [Column::Text("Objects")].into_iter().chain(names).chain([Column::Number("total")]).collect(),
        rows: vec![
            row("Looked at", |n| n.looked_at.get(), format::count),
            row("Right already", |n| n.right.get(), format::count),
            row(repaired, |n| n.repaired.get(), format::count),
            row(bytes, |n| n.repaired_bytes.get(), format::bytes),
            row("Left", |n| n.left.get(), format::count),
        ],
        ..Table::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_billion_objects_of_each_kind_fit_a_terminal() {
        let counters: PerKind<RepairCounters> = PerKind::default();
        for numbers in counters.values() {
            for number in [&numbers.looked_at, &numbers.right, &numbers.repaired, &numbers.left] {
                number.add(10_000_000_000);
            }
            numbers.repaired_bytes.add(u64::MAX / 4);
        }
        let text = table(&counters, true).to_string();
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
        assert!(text.contains("To repair"), "{text}");
    }
}
