//! The tables of a verification, the same on a terminal and on the page.

use std::collections::BTreeMap;

use super::result::KindTotals;
use crate::compare::Tally;
use crate::object::{LibraryId, PerKind};
use crate::report::format;
use crate::report::page::parts::LIBRARIES;
use crate::report::table::{Cell, Column, Table};

const NUMBERS: [&str; 9] =
    ["Compared", "Read", "Bytes read", "Missing", "Wrong size", "Damaged", "Unreadable", "Vanished", "Only new"];

/// A row a kind, and their sum.
pub(super) fn kinds(kinds: &PerKind<KindTotals>) -> Table {
    let rows = kinds.iter().map(|(kind, totals)| row(Cell::of(kind), &totals.tally)).collect();
    let total: Tally = kinds.values().map(|totals| &totals.tally).sum();
    table("By kind", "Kind", rows, Some(row(Cell::of("total"), &total)))
}

/// A row a number and a column a kind: what [`kinds`] holds, in fewer columns than a terminal has.
pub(super) fn numbers(kinds: &PerKind<KindTotals>) -> Table {
    let by_kind = self::kinds(kinds);
    let columns: Vec<&Vec<Cell>> = by_kind.rows.iter().chain(&by_kind.total).collect();
    let row = |(at, name): (usize, &str)| {
        let cells = columns.iter().filter_map(|column| column.get(at + 1).cloned());
        [Cell::of(name)].into_iter().chain(cells).collect()
    };
    let names = kinds.iter().map(|(kind, _)| Column::Number(kind.as_str())).chain([Column::Number("total")]);
    let mut table = Table::new([Column::Text("")].into_iter().chain(names).collect());
    table.rows = NUMBERS.into_iter().enumerate().map(row).collect();
    table
}

/// The largest libraries, those with something wrong before all others; `None` when there is no library.
pub(super) fn libraries(tallies: BTreeMap<LibraryId, PerKind<Tally>>) -> Option<Table> {
    let mut all: Vec<(LibraryId, Tally)> =
        tallies.into_iter().map(|(library, kinds)| (library, kinds.values().sum())).collect();
    all.sort_by_key(|(_, tally)| std::cmp::Reverse((tally.findings() > 0, tally.bytes, tally.objects)));
    let (shown, others) = all.split_at(all.len().min(LIBRARIES));
    let rows = shown.iter().map(|(library, tally)| row(Cell::Id(library.to_string()), tally)).collect();
    let rest = (!others.is_empty()).then(|| {
        let name = format!("{} others", format::count(others.len() as u64));
        row(Cell::Plain(name), &others.iter().map(|(_, tally)| tally).sum())
    });
    let title = format!("Libraries: {}", format::count(all.len() as u64));
    (!all.is_empty()).then(|| table(&title, "Library", rows, rest))
}

fn row(first: Cell, tally: &Tally) -> Vec<Cell> {
    let Tally { objects, read, missing, damaged, unreadable, vanished, extra, .. } = *tally;
    let wrong_size = tally.shorter + tally.longer;
    let before = [format::count(objects), format::count(read), format::bytes(tally.read_bytes)];
    let after = [missing, wrong_size, damaged, unreadable, vanished, extra].map(format::count);
    [first].into_iter().chain(before.into_iter().chain(after).map(Cell::Plain)).collect()
}

fn table(title: &str, first: &'static str, rows: Vec<Vec<Cell>>, total: Option<Vec<Cell>>) -> Table {
    let columns = [Column::Text(first)].into_iter().chain(NUMBERS.map(Column::Number)).collect();
    Table { title: title.to_owned(), columns, rows, total, ..Table::default() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::ObjectKind;

    #[test]
    fn the_table_has_every_number_in_its_column() {
        let tally = Tally {
            objects: 1_234_567,
            read: 5,
            read_bytes: 1500,
            missing: 2,
            shorter: 3,
            longer: 4,
            ..Tally::default()
        };
        let totals = KindTotals { tally, ..KindTotals::default() };
        let of_kind = |kind| if kind == ObjectKind::Fs { KindTotals::default() } else { totals };
        let text = kinds(&PerKind::from_fn(of_kind)).to_string();
        let cells = |line| str::split(line, "  ").map(str::trim).filter(|cell| !cell.is_empty());
        let lines: Vec<Vec<&str>> = text.lines().map(|line| cells(line).collect()).collect();
        assert_eq!((lines.len(), lines[0].len()), (5, 10));
        assert_eq!(lines[1], ["commits", "1,234,567", "5", "1.5 kB", "2", "7", "0", "0", "0", "0"]);
        assert_eq!(lines[4], ["total", "2,469,134", "10", "3.0 kB", "4", "14", "0", "0", "0", "0"]);
    }

    #[test]
    fn on_a_terminal_of_80_columns_no_line_is_broken_whatever_the_numbers() {
        let objects = 123_456_789_012;
        let tally = Tally { objects, read: objects, read_bytes: u64::MAX / 4, missing: objects, ..Tally::default() };
        let text = numbers(&PerKind::from_fn(|_| KindTotals { tally, ..KindTotals::default() })).to_string();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), NUMBERS.len() + 1);
        assert!(lines.iter().all(|line| line.chars().count() < 80), "{text}");
        let cells: Vec<&str> = lines[1].split_whitespace().collect();
        assert_eq!((cells[0], cells[1], cells[4]), ("Compared", "123,456,789,012", "370,370,367,036"));
    }
}
