//! The tables of a removal: what became of each kind, and of each library.

use crate::commands::remove::outcome::Mode;
use crate::commands::remove::report::{Amount, RemovalCounts, Removed};
use crate::metrics::Counters;
use crate::object::ObjectKind;
use crate::report::format;
use crate::report::table::{Cell, Column, Table};

/// How many libraries are shown; the report has all of them.
const LIBRARIES: usize = 50;

/// A row a kind.
pub(super) fn kinds(mode: &Mode, counters: &Counters, counts: &RemovalCounts) -> Table {
    let mut table = table(vec![Column::Text("Kind")], mode);
    for kind in ObjectKind::ALL {
        let numbers = counters.kind(kind);
        let listed = Amount { objects: numbers.listed.get(), bytes: numbers.listed_bytes.get() };
        table.rows.push([Cell::of(kind)].into_iter().chain(cells(listed, counts.kind(kind))).collect());
    }
    table
}

/// A row for each library and kind of which the source has something.
pub(super) fn libraries(mode: &Mode, counters: &Counters, counts: &RemovalCounts) -> Table {
    let mut table = table(vec![Column::Shared("Library"), Column::Text("Kind")], mode);
    let libraries = counters.library_rows();
    for (library, listed) in libraries.iter().take(LIBRARIES) {
        let numbers = counts.libraries().get(library).copied().unwrap_or_default();
        for (kind, of) in listed.iter().filter(|(_, of)| of.listed > 0) {
            let listed = Amount { objects: of.listed, bytes: of.listed_bytes };
            let name = [Cell::Id(library.to_string()), Cell::of(kind)];
            table.rows.push(name.into_iter().chain(cells(listed, &numbers[kind])).collect());
        }
    }
    if let more @ 1.. = libraries.len().saturating_sub(LIBRARIES) {
        table.outro = format!("… and {} more libraries; --report FILE has them all", format::count(more as u64));
    }
    table
}

fn table(mut columns: Vec<Column>, mode: &Mode) -> Table {
    let removed = if *mode == Mode::DryRun { "To remove" } else { "Removed" };
    columns.extend(["In source", "Bytes", removed, "Bytes", "Kept", "Gone"].map(Column::Number));
    Table::new(columns)
}

fn cells(listed: Amount, numbers: &Removed) -> [Cell; 6] {
    let Removed { removed, kept, gone } = numbers;
    [
        format::count(listed.objects),
        format::bytes(listed.bytes),
        format::count(removed.objects),
        format::bytes(removed.bytes),
        format::count(kept.objects),
        format::count(*gone),
    ]
    .map(Cell::Plain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::remove::report::Reason;
    use crate::object::{LibraryId, ObjectId, ObjectKey};
    use crate::store::Listed;

    #[test]
    fn every_number_is_in_its_column_and_of_many_libraries_some_are_shown() {
        let (counters, mut counts) = (Counters::default(), RemovalCounts::default());
        for n in 0..60 {
            let library = LibraryId::from_bytes([n; 16]);
            let key = ObjectKey::new(library, ObjectId::from_bytes([n; 20]));
            counters.count_listed(ObjectKind::Fs, &[Listed { key, size: Some(100) }], &[]);
            match n {
                0 => counts.kept(ObjectKind::Fs, library, 100, Reason::Missing),
                1 => counts.count(ObjectKind::Fs, library, |row| row.gone += 1),
                _ => counts.removed(ObjectKind::Fs, library, 100),
            }
        }
        let text = kinds(&Mode::DryRun, &counters, &counts).to_string();
        let cells = |line| str::split(line, "  ").map(str::trim).filter(|cell| !cell.is_empty());
        let lines: Vec<Vec<&str>> = text.lines().map(|line| cells(line).collect()).collect();
        assert_eq!(lines[0], ["Kind", "In source", "Bytes", "To remove", "Bytes", "Kept", "Gone"]);
        assert_eq!(lines[2], ["fs", "60", "6.0 kB", "58", "5.8 kB", "1", "1"]);
        let table = libraries(&Mode::DryRun, &counters, &counts);
        assert_eq!(table.rows.len(), 50);
        assert!(table.outro.contains("and 10 more libraries"), "{}", table.outro);
        assert!(table.to_string().lines().all(|line| line.chars().count() <= 80), "{table}");
    }
}
