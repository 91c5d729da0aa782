//! The page of a check of one side.

use std::time::Duration;

use jiff::Zoned;

use crate::commands::fsck::outcome::FsckOutcome;
use crate::conf::SideConf;
use crate::reach::{Counts, FsckResult, LibraryResult};
use crate::report::format;
use crate::report::page::parts::{LIBRARIES, capital, findings, program, time, warnings};
use crate::report::page::{Banner, Cell, Column, Figure, Page, Part, Table};

/// What was checked, and how thoroughly.
#[derive(Clone, Copy, Debug)]
pub struct Scope<'a> {
    /// The side.
    pub side: &'a SideConf,
    /// Whether history was left out.
    pub head_only: bool,
    /// Whether blocks were read.
    pub content: bool,
}

/// The page of a check that began at `started`.
pub fn of(
    scope: &Scope<'_>,
    outcome: &FsckOutcome,
    result: &FsckResult,
    warned: Vec<String>,
    started: &Zoned,
    took: Duration,
) -> Page {
    let mut parts = Vec::new();
    if result.findings() > 0 {
        let intro = "Each object that is missing or wrong, and the files that suffer.";
        let table = findings("What is wrong", intro, result.libraries.iter(), result.findings());
        parts.push(Part::Table(table));
    }
    parts.extend(warnings(warned));
    parts.push(Part::Table(libraries(result)));
    if !result.ignored.is_empty() {
        parts.push(Part::Note("Rows of the database that were ignored".to_owned(), result.ignored.join("; ")));
    }
    let heads = match result.guessed {
        true => "worked out from the commits, because no database was read",
        false => "from the database",
    };
    let depth = format!(
        "{}; {}",
        if scope.head_only { "the newest commit of each library" } else { "all of the history that is kept" },
        if scope.content { "every block read and hashed" } else { "every block asked for its size" }
    );
    Page {
        subject: "Seafile check of one side".to_owned(),
        verdict: verdict(outcome, result),
        facts: vec![
            ("Checked", scope.side.id().lines()),
            ("How", vec![depth]),
            ("Heads", vec![heads.to_owned()]),
            ("Began", vec![time(started)]),
            ("Took", vec![format::span(took)]),
            ("Program", vec![program("fsck")]),
        ],
        figures: figures(result),
        parts,
    }
}

fn verdict(outcome: &FsckOutcome, result: &FsckResult) -> Banner {
    let whole = |word: &str| format!("Whole: {word}");
    let libraries = format::libraries(result.libraries.len() as u64);
    if result.unfinished > 0 || matches!(outcome, FsckOutcome::Stopped(_)) {
        let left = match result.unfinished as u64 {
            0 => String::new(),
            n => format!(" {} left.", format::libraries(n)),
        };
        return Banner {
            good: false,
            headline: whole("not known"),
            why: format!("{}.{left}", capital(&outcome.to_string())),
            next: "Mend what ended it, and check again.".to_owned(),
        };
    }
    if result.findings() > 0 {
        return Banner {
            good: false,
            headline: whole("no"),
            why: format!("{} in {libraries}.", format::plural(result.findings(), "finding")),
            next: "The table names the files that suffer. If the other side has what is missing here, a run copies it."
                .to_owned(),
        };
    }
    Banner {
        good: true,
        headline: whole("yes"),
        why: format!("Everything that the heads of {libraries} need is there."),
        next: "There is nothing to do.".to_owned(),
    }
}

fn figures(result: &FsckResult) -> Vec<Figure> {
    let sum =
        |count: fn(&Counts) -> u64| format::count(result.libraries.iter().map(|found| count(&found.counts)).sum());
    let figure = |label, value: String| Figure::new(label, value, "", false);
    vec![
        figure("Libraries", format::count(result.libraries.len() as u64)),
        figure("Commits", sum(|counts| counts.commits)),
        figure("Directories", sum(|counts| counts.dirs)),
        figure("Files", sum(|counts| counts.files)),
        figure("Blocks", sum(|counts| counts.blocks)),
        Figure::new("Findings", format::count(result.findings()), "", result.findings() > 0),
    ]
}

fn libraries(result: &FsckResult) -> Table {
    let size = |library: &LibraryResult| library.counts.files + library.counts.blocks;
    let mut all: Vec<&LibraryResult> = result.libraries.iter().collect();
    all.sort_by_key(|library| std::cmp::Reverse(size(library)));
    let (shown, others) = all.split_at(all.len().min(LIBRARIES));
    let numbers =
        |counts: Counts| [counts.commits, counts.dirs, counts.files, counts.blocks].map(format::count).map(Cell::Plain);
    let row = |library: &&LibraryResult| {
        let found = library.findings.len() as u64 + library.more_findings;
        let trashed = if library.trashed { " (in the trash)" } else { "" };
        let name = format!("{}{trashed}", library.name.as_deref().unwrap_or_default());
        let word = if found == 0 { "whole".to_owned() } else { format::plural(found, "finding") };
        let mut cells = vec![Cell::Named(name, library.id.to_string())];
        cells.extend(numbers(library.counts));
        cells.push(Cell::Mark { good: found == 0, word });
        cells
    };
    let outro = match others.len() as u64 {
        0 => String::new(),
        n => format!("The {LIBRARIES} largest; {} more are not shown.", format::count(n)),
    };
    let names = ["Commits", "Directories", "Files", "Blocks"].map(Column::Number);
    let columns = [Column::Text("Library")].into_iter().chain(names).chain([Column::Text("State")]).collect();
    let rows = shown.iter().map(row).collect();
    Table { title: "Libraries".to_owned(), columns, rows, outro, ..Table::default() }
}
