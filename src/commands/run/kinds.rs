//! The numbers of a pass by kind: one table for the summary and for the page.

use crate::metrics::counters::Counter;
use crate::metrics::{Counters, KindCounters};
use crate::object::ObjectKind;
use crate::report::format;
use crate::report::table::{Cell, Column, Table};

/// Which objects of the source a pass has looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// All of them.
    Everything,
    /// Those that had failed.
    Retry,
}

/// A row for each number and a column for each kind, so that it fits 80 columns however many objects there are.
pub fn table(counters: &Counters, scope: Scope) -> Table {
    let row = |name: &str, number: &dyn Fn(&KindCounters) -> u64, show: fn(u64) -> String| {
        let numbers = ObjectKind::ALL.map(|kind| number(counters.kind(kind)));
        let cells = numbers.into_iter().chain([numbers.iter().sum()]).map(|n| Cell::Plain(show(n)));
        std::iter::once(Cell::of(name)).chain(cells).collect()
    };
    let objects = |name: &str, number: fn(&KindCounters) -> &Counter| row(name, &|n| number(n).get(), format::count);
    let first = match scope {
        Scope::Everything => "In source",
        Scope::Retry => "Had failed",
    };
    let names = ObjectKind::ALL.map(|kind| Column::Number(kind.as_str()));
    Table {
        title: "By kind".to_owned(),
        columns: [Column::Text("Objects")].into_iter().chain(names).chain([Column::Number("total")]).collect(),
        rows: vec![
            objects(first, |n| &n.listed),
            row("Already there", &|n| n.listed.get().saturating_sub(n.to_copy.get()), format::count),
            objects("Copied", |n| &n.copied),
            row("Bytes copied", &|n| n.copied_bytes.get(), format::bytes),
            objects("Vanished", |n| &n.vanished),
            objects("Damaged", |n| &n.damaged),
            objects("Failed", |n| &n.failed),
        ],
        ..Table::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_billion_objects_of_each_kind_fit_a_terminal() {
        let counters = Counters::default();
        for kind in ObjectKind::ALL {
            let n = counters.kind(kind);
            for number in [&n.listed, &n.to_copy, &n.copied, &n.vanished, &n.damaged, &n.failed] {
                number.add(10_000_000_000);
            }
            n.copied_bytes.add(u64::MAX / 4);
        }
        let text = table(&counters, Scope::Everything).to_string();
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
        assert!(
            text.contains("Copied         10,000,000,000  10,000,000,000  10,000,000,000  30,000,000,000"),
            "{text}"
        );
    }

    #[test]
    fn a_retry_says_that_it_looked_at_what_had_failed() {
        let text = table(&Counters::default(), Scope::Retry).to_string();
        assert!(text.lines().nth(1).unwrap().starts_with("Had failed"), "{text}");
    }
}
