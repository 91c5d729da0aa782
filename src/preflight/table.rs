//! The table that says what works.

use std::fmt;

use super::{Probe, StoreProbe};

const HEAD: [&str; 6] = ["kind", "side", "store", "reachable", "list", "write"];

/// A row a store, then a line for everything that is wrong.
pub(super) fn write(f: &mut fmt::Formatter<'_>, rows: &[StoreProbe]) -> fmt::Result {
    let cells: Vec<_> = rows.iter().map(cells).collect();
    let lines = || std::iter::once(HEAD).chain(cells.iter().map(|row| row.each_ref().map(String::as_str)));
    let widths = [0, 1, 2, 3, 4].map(|column| lines().map(|line| line[column].chars().count()).max().unwrap_or(0));
    for line in lines() {
        for (cell, width) in line.iter().zip(widths) {
            write!(f, "{cell:<width$}  ")?;
        }
        writeln!(f, "{}", line[5])?;
    }
    for row in rows {
        for error in row.problems() {
            write!(f, "\n{} {} {}: {error}", row.kind, row.side.as_str(), row.location)?;
        }
    }
    Ok(())
}

fn cells(row: &StoreProbe) -> [String; 6] {
    let answer = |answer: &Probe| match answer {
        Probe::Good => "ok",
        Probe::Untried => "-",
        Probe::Bad(error) => error.kind().as_str(),
    };
    [
        row.kind.to_string(),
        row.side.as_str().to_owned(),
        row.location.clone(),
        answer(&row.reachable).to_owned(),
        answer(&row.list).to_owned(),
        answer(&row.write).to_owned(),
    ]
}
