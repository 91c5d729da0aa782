//! What a plan shows: what both sides have of each kind, and of each library.

use crate::metrics::counters::LibraryCounts;
use crate::metrics::{Counters, KindCounters};
use crate::object::ObjectKind;
use crate::report::format;
use crate::report::table::{Cell, Column, Table};

/// The headings of the numbers.
const NUMBERS: [Column; 4] =
    [Column::Number("In source"), Column::Number("Bytes"), Column::Number("To copy"), Column::Number("Bytes")];

/// What is in the source, and what of it is to be copied.
#[derive(Clone, Copy, Debug, Default)]
struct Amounts {
    listed: u64,
    listed_bytes: u64,
    to_copy: u64,
    to_copy_bytes: u64,
}

impl Amounts {
    fn of_kind(counters: &KindCounters) -> Self {
        let KindCounters { listed, listed_bytes, to_copy, to_copy_bytes, .. } = counters;
        Self {
            listed: listed.get(),
            listed_bytes: listed_bytes.get(),
            to_copy: to_copy.get(),
            to_copy_bytes: to_copy_bytes.get(),
        }
    }

    const fn of_library(counts: &LibraryCounts) -> Self {
        let LibraryCounts { listed, listed_bytes, to_copy, to_copy_bytes, .. } = *counts;
        Self { listed, listed_bytes, to_copy, to_copy_bytes }
    }

    fn plus(self, other: Self) -> Self {
        Self {
            listed: self.listed + other.listed,
            listed_bytes: self.listed_bytes + other.listed_bytes,
            to_copy: self.to_copy + other.to_copy,
            to_copy_bytes: self.to_copy_bytes + other.to_copy_bytes,
        }
    }

    fn cells(self) -> [Cell; 4] {
        [
            format::count(self.listed),
            format::bytes(self.listed_bytes),
            format::count(self.to_copy),
            format::bytes(self.to_copy_bytes),
        ]
        .map(Cell::Plain)
    }
}

/// A row a kind, and their sum.
pub(super) fn kinds(counters: &Counters) -> Table {
    let amounts = ObjectKind::ALL.map(|kind| (kind, Amounts::of_kind(counters.kind(kind))));
    let row = |name: &str, amounts: Amounts| [Cell::of(name)].into_iter().chain(amounts.cells()).collect();
    let mut table = Table::new([Column::Text("Kind")].into_iter().chain(NUMBERS).collect());
    table.rows = amounts.iter().map(|(kind, amounts)| row(kind.as_str(), *amounts)).collect();
    let total = amounts.into_iter().fold(Amounts::default(), |sum, (_, amounts)| sum.plus(amounts));
    table.total = Some(row("total", total));
    table
}

/// A row for each library and kind of which the source has something.
pub(super) fn libraries(counters: &Counters) -> Table {
    let mut table = Table::new([Column::Text("Library"), Column::Text("Kind")].into_iter().chain(NUMBERS).collect());
    for (library, kinds) in counters.library_rows() {
        for (kind, counts) in kinds.into_iter().filter(|(_, counts)| counts.listed > 0) {
            let name = [Cell::Id(library.to_string()), Cell::of(kind)];
            table.rows.push(name.into_iter().chain(Amounts::of_library(&counts).cells()).collect());
        }
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::{LibraryId, ObjectId, ObjectKey};
    use crate::store::Listed;

    #[test]
    fn every_number_is_in_its_column_and_a_terminal_of_80_columns_has_room() {
        let counters = Counters::default();
        let object = |n: u8, size| {
            let key = ObjectKey::new(LibraryId::from_bytes([7; 16]), ObjectId::from_bytes([n; 20]));
            Listed { key, size: Some(size) }
        };
        counters.count_listed(ObjectKind::Fs, &[object(1, 100), object(2, 2000)], &[object(2, 2000)]);
        let text = kinds(&counters).to_string();
        let cells = |line| str::split(line, "  ").map(str::trim).filter(|cell| !cell.is_empty());
        let lines: Vec<Vec<&str>> = text.lines().map(|line| cells(line).collect()).collect();
        assert_eq!(lines[0], ["Kind", "In source", "Bytes", "To copy", "Bytes"]);
        assert_eq!(lines[1], ["commits", "0", "0 B", "0", "0 B"]);
        assert_eq!(lines[2], ["fs", "2", "2.1 kB", "1", "2.0 kB"]);
        assert_eq!(lines[4], ["total", "2", "2.1 kB", "1", "2.0 kB"]);
        let libraries = libraries(&counters).to_string();
        assert_eq!(libraries.lines().count(), 2);
        assert!(libraries.lines().all(|line| line.chars().count() <= 80), "{libraries}");
    }
}
