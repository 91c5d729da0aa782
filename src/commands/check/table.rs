//! What a check tells of the stores and the database: a table of what works, and below it what does not.

use crate::commands::check::database::DatabaseProbe;
use crate::preflight::{PreflightReport, Probe, StoreProbe};
use crate::report::table::{Cell, Column, Table};

/// A row a store, then a line for everything that is wrong.
pub(super) fn text(report: &PreflightReport, database: Option<&DatabaseProbe>) -> String {
    let mut text = table(&report.rows, database).to_string() + "\n";
    for row in &report.rows {
        for error in row.problems() {
            text += &format!("\n{error}");
        }
    }
    if let Some(database) = database {
        text += &format!("\n{}", database.text());
    }
    text
}

fn table(stores: &[StoreProbe], database: Option<&DatabaseProbe>) -> Table {
    let columns = ["Kind", "Side", "Reachable", "List", "Read", "Write", "Store"];
    let mut table = Table::new(columns.map(Column::Text).into());
    table.rows = stores.iter().map(row).chain(database.map(DatabaseProbe::row)).collect();
    table
}

fn row(store: &StoreProbe) -> Vec<Cell> {
    let probe = |probe: &Probe| match probe {
        Probe::Good => Cell::Mark { good: true, word: "ok".to_owned() },
        Probe::Untried => Cell::of("-"),
        Probe::Bad(error) => Cell::Mark { good: false, word: error.kind().as_str().to_owned() },
    };
    let StoreProbe { kind, side, location, .. } = store;
    let tried = [&store.reachable, &store.list, &store.read, &store.write].map(probe);
    // The place last, because it may be long: a terminal that breaks the line breaks nothing else.
    [Cell::of(kind), Cell::of(side.as_str())].into_iter().chain(tried).chain([Cell::of(location)]).collect()
}
