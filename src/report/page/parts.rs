//! The parts that the pages of several commands share.

use std::io;

use jiff::Zoned;

use crate::metrics::Finding;
use crate::reach::LibraryResult;
use crate::report::format;
use crate::report::header::PROGRAM;
use crate::report::page::{Cell, Column, Part, Table};

/// The most libraries that have a row of their own; the others share one.
pub(crate) const LIBRARIES: usize = 200;
/// The most findings that have a row.
pub(crate) const FINDINGS: usize = 1000;

/// The text with its first letter in upper case.
pub(crate) fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

/// A time as the page displays it.
pub(crate) fn time(time: &Zoned) -> String {
    time.strftime("%F %T %Z").to_string()
}

/// Which program and command made the page.
pub(crate) fn program(command: &str) -> String {
    format!("{PROGRAM}, {command}")
}

/// What the command warned of, a row each; `None` when it did not.
pub(crate) fn warnings(warnings: Vec<String>) -> Option<Part> {
    if warnings.is_empty() {
        return None;
    }
    let title = format!("Warnings: {}", format::count(warnings.len() as u64));
    let rows = warnings.into_iter().map(|warning| vec![Cell::Plain(warning)]).collect();
    Some(Part::Table(Table { title, rows, ..Table::new(vec![Column::Text("Warning")]) }))
}

/// A table of the findings of some libraries, one row per finding, with the affected paths. `all` is the number of all
/// findings.
pub(crate) fn findings<'a>(
    title: &str,
    intro: &str,
    libraries: impl Iterator<Item = &'a LibraryResult>,
    all: u64,
) -> Table {
    let columns = vec![Column::Text("Library"), Column::Text("What is wrong"), Column::Text("Paths")];
    let mut rows = Vec::new();
    let mut told = 0;
    for library in libraries {
        for finding in &library.findings {
            if rows.len() == FINDINGS {
                break;
            }
            let id = finding.id.map(|id| id.to_string()).unwrap_or_default();
            let what = Cell::Named(format!("{}: {}", finding.kind, finding.what), id);
            let mut paths = finding.paths.clone();
            match finding.more_paths {
                0 => {}
                u64::MAX => paths.push("and more than can be counted".to_owned()),
                more => paths.push(format!("and {more} more")),
            }
            let name = library.name.clone().unwrap_or_default();
            rows.push(vec![Cell::Named(name, library.id.to_string()), what, Cell::Lines(paths)]);
        }
        told += library.findings.len() as u64;
    }
    let more = all.saturating_sub(told.min(FINDINGS as u64));
    let outro = if more > 0 { format!("And {more} more; --report FILE names them.") } else { String::new() };
    Table { title: title.to_owned(), intro: intro.to_owned(), columns, rows, total: None, outro }
}

/// A table of objects with a finding, one row per object: the first of `all`; `None` when there are none.
pub(crate) fn objects(title: &str, intro: &str, all: u64, first: io::Result<Vec<Finding>>) -> Option<Part> {
    if all == 0 {
        return None;
    }
    let (found, lost) = match first {
        Ok(found) => (found, String::new()),
        Err(error) => (Vec::new(), format!(" They could not be read back: {error}.")),
    };
    let outro = match all.saturating_sub(found.len() as u64) {
        0 => lost,
        n => format!("And {} more; --report FILE names every one of them.{lost}", format::count(n)),
    };
    let rows = found.into_iter().map(|finding| {
        let object = format!("{}/{}", finding.library, finding.object);
        let why = Cell::Lines(vec![finding.error, finding.cause]);
        vec![Cell::Named(finding.kind.to_string(), object), Cell::Plain(finding.step), why]
    });
    let columns = vec![Column::Text("Object"), Column::Text("Step"), Column::Text("Why")];
    let title = format!("{title}: {}", format::plural(all, "object"));
    Some(Part::Table(Table { title, intro: intro.to_owned(), columns, rows: rows.collect(), total: None, outro }))
}
