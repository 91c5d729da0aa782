//! What a check tells of the stores and the database: a table of what works, and below it what does not.

use crate::commands::check::database::DatabaseProbe;
use crate::preflight::{PreflightReport, Probe, StoreProbe};
use crate::report::table::{Cell, Column, Table};
use crate::store::StoreError;

/// A row a store, then a line for everything that is wrong.
pub(super) fn text(report: &PreflightReport, database: Option<&DatabaseProbe>) -> String {
    let mut text = table(&report.rows, database).to_string() + "\n";
    for line in problems(&report.rows) {
        text += &format!("\n{line}");
    }
    if let Some(database) = database {
        text += &format!("\n{}", database.text());
    }
    text
}

/// What is wrong, a line each. What goes wrong in the same way for several stores of a side is said of the first, with the
/// names of the others.
fn problems(stores: &[StoreProbe]) -> Vec<String> {
    let all: Vec<(&StoreProbe, &StoreError)> =
        stores.iter().flat_map(|store| store.problems().map(move |error| (store, error))).collect();
    let alike = |(one, error): &(&StoreProbe, &StoreError), (other, theirs): &(&StoreProbe, &StoreError)| {
        one.side == other.side
            && (error.action(), error.kind(), error.cause()) == (theirs.action(), theirs.kind(), theirs.cause())
    };
    let mut lines = Vec::new();
    for (at, problem) in all.iter().enumerate() {
        if all[..at].iter().any(|earlier| alike(earlier, problem)) {
            continue;
        }
        let others = all[at + 1..].iter().filter(|later| alike(later, problem)).map(|(store, _)| {
            let StoreProbe { side, kind, class, location, .. } = store;
            let class = class.as_ref().map_or_else(String::new, |class| format!(" of class {class}"));
            format!("{} {kind}{class} in {location}", side.as_str())
        });
        let others: Vec<String> = others.collect();
        let same = if others.is_empty() { String::new() } else { format!("; the same of {}", others.join(" and ")) };
        lines.push(format!("{}{same}", problem.1));
    }
    lines
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
    let StoreProbe { kind, side, location, class, .. } = store;
    let place = class.as_ref().map_or_else(|| location.to_string(), |class| format!("class {class}: {location}"));
    let tried = [&store.reachable, &store.list, &store.read, &store.write].map(probe);
    // The place last, because it may be long: a terminal that breaks the line breaks nothing else.
    [Cell::of(kind), Cell::of(side.as_str())].into_iter().chain(tried).chain([Cell::of(place)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conf::{Backend, Location};
    use crate::object::ObjectKind;
    use crate::preflight::Side;
    use crate::store::{ErrorKind, Ignored};

    fn probe(kind: ObjectKind, side: Side, reachable: Probe, list: Probe) -> StoreProbe {
        let location = Location { backend: Backend::S3, kind, place: format!("host/{kind}") };
        let (read, write, ignored) = (Probe::Untried, Probe::Untried, Ignored::default());
        let (class, durability, damaged, undeletable) = (None, None, None, None);
        StoreProbe {
            kind,
            class,
            side,
            location,
            reachable,
            list,
            read,
            write,
            durability,
            ignored,
            damaged,
            undeletable,
        }
    }

    fn error(kind: ObjectKind, cause: &str) -> StoreError {
        StoreError::new(ErrorKind::Connection, "list", format!("s3:host/{kind}"), cause)
    }

    #[test]
    fn what_is_wrong_with_all_kinds_of_a_side_is_said_once_with_their_names() {
        let of = |kind| probe(kind, Side::To, Probe::Bad(error(kind, "no route; look at the network")), Probe::Untried);
        let lines = problems(&ObjectKind::ALL.map(of));
        let [line] = &lines[..] else { panic!("{lines:?}") };
        assert_eq!(line.matches("no route").count(), 1, "{line}");
        assert!(line.ends_with("; the same of new fs in s3:host/fs and new blocks in s3:host/blocks"), "{line}");
    }

    #[test]
    fn what_has_another_cause_or_is_of_the_other_side_is_said_of_itself() {
        let bad = |kind, cause| Probe::Bad(error(kind, cause));
        let [commits, fs, blocks] = ObjectKind::ALL;
        let lines = problems(&[
            probe(commits, Side::From, bad(commits, "no route"), Probe::Untried),
            probe(commits, Side::To, bad(commits, "no route"), Probe::Untried),
            probe(fs, Side::From, bad(fs, "no answer"), Probe::Untried),
            probe(fs, Side::To, Probe::Good, bad(fs, "no route")),
            probe(blocks, Side::From, Probe::Good, Probe::Good),
        ]);
        let ends = ["no route", "no route; the same of new fs in s3:host/fs", "no answer"];
        assert_eq!(lines.len(), ends.len(), "{lines:?}");
        assert!(lines.iter().zip(ends).all(|(line, end)| line.ends_with(end)), "{lines:?}");
    }
}
