//! The page of a pass.

use crate::commands::run::heads::result::{Broken, Heads, HeadsResult};
use crate::commands::run::kinds::{self, Scope};
use crate::commands::run::result::{PassResult, RunResult};
use crate::history::PairHistory;
use crate::metrics::counters::{Counter, LibraryCounts};
use crate::metrics::series::Point;
use crate::metrics::slowest::Slow;
use crate::metrics::{Findings, KindCounters};
use crate::object::LibraryId;
use crate::report::page::parts::{self, FINDINGS, LIBRARIES, capital, findings, time};
use crate::report::page::{Banner, Cell, Column, Curve, Figure, Page, Part, Table};
use crate::report::{Console, Outcome, format};

/// The page of a pass, with what is noted about its two sides.
pub(super) fn of(told: &RunResult<'_>, record: Option<&PairHistory>, console: &Console) -> Page {
    let (plan, verdict, outcome) = (&told.settings.plan, &told.verdict, &told.pass.outcome);
    let yes = if verdict.yes { "yes" } else { "no" };
    let mut took = format!("{}, {}", format::span(told.took), speed(told));
    if told.retries > 0 {
        took += &format!("; {} repeated", format::plural(told.retries, "request"));
    }
    let mut facts = vec![
        ("Result", vec![format!("{} (exit code {})", capital(&outcome.to_string()), outcome.exit_code())]),
        ("Old side", plan.from.id().lines()),
        ("New side", plan.to.id().lines()),
        ("Began", vec![time(&told.started)]),
        ("Took", vec![took]),
        ("Program", vec![parts::program("run")]),
    ];
    if !told.owners.is_empty() {
        facts.insert(1, ("Before the server is started", told.owners.iter().map(ToString::to_string).collect()));
    }
    Page {
        subject: "Seafile storage migration".to_owned(),
        verdict: Banner {
            good: verdict.yes,
            headline: format!("Safe to switch: {yes}"),
            why: capital(&verdict.why),
            next: verdict.next.clone(),
        },
        facts,
        figures: figures(told),
        parts: parts(told, record, console),
    }
}

/// Worst news first.
fn parts(told: &RunResult<'_>, record: Option<&PairHistory>, console: &Console) -> Vec<Part> {
    let PassResult { counters, findings, .. } = &told.pass;
    let scope = if told.retried.is_some() { Scope::Retry } else { Scope::Everything };
    let failed = "The source has them, and the destination does not. A run again tries them again.";
    let damaged = "Their bytes do not have their id. They were copied as they are, so that nothing is worse than before; \
                   where the destination has the right bytes, those stay.";
    let wrong_once = "One answer of the source was wrong and another one good, so that something on the way changes what it \
                      passes on. What was copied is right.";
    let vanished = "They were listed, and then the source neither gave nor listed them any more.";
    let mut parts = vec![objects("Not at the destination", failed, &findings.failures)];
    parts.extend(heads(&told.pass.heads));
    parts.push(objects("Damaged in the source", damaged, &findings.damage));
    parts.push(objects("Read wrong once", wrong_once, &findings.wrong_once));
    parts.push(objects("Vanished from the source", vanished, &findings.vanished));
    parts.push(parts::warnings(console.warnings()));
    parts.push(Some(Part::Table(kinds::table(counters, scope))));
    parts.push(Some(Part::Curve(curve(told))));
    parts.push(slowest(&counters.slowest.list()));
    parts.push(Some(verified(record)));
    parts.push(libraries(told));
    parts.into_iter().flatten().collect()
}

fn total(told: &RunResult<'_>, number: fn(&KindCounters) -> &Counter) -> u64 {
    told.pass.counters.total(number)
}

fn speed(told: &RunResult<'_>) -> String {
    let seconds = told.took.as_secs_f64().max(1e-3);
    let (objects, bytes) = (total(told, |n| &n.copied), total(told, |n| &n.copied_bytes));
    {
        let a_second = format::count((objects as f64 / seconds).round() as u64);
        format!("{a_second} objects/s, {}/s", format::bytes((bytes as f64 / seconds) as u64))
    }
}

fn figures(told: &RunResult<'_>) -> Vec<Figure> {
    let listed = total(told, |n| &n.listed);
    let there = listed.saturating_sub(total(told, |n| &n.to_copy));
    let (copied, failed) = (total(told, |n| &n.copied), total(told, |n| &n.failed));
    let damaged = told.pass.findings.damage.count();
    let (whole, of_all, all_whole) = match told.pass.heads.result() {
        Some(HeadsResult { libraries, whole, .. }) => {
            (format::count(*whole), format!("of {}", format::libraries(*libraries)), whole == libraries)
        }
        None => ("not checked".to_owned(), String::new(), false),
    };
    vec![
        Figure::new("In the source", format::count(listed), format::bytes(total(told, |n| &n.listed_bytes)), false),
        Figure::new("Already there", format::count(there), "before this pass", false),
        Figure::new("Copied", format::count(copied), format::bytes(total(told, |n| &n.copied_bytes)), false),
        Figure::new("Failed", format::count(failed), "not at the destination", failed > 0),
        Figure::new("Damaged", format::count(damaged), "in the source already", damaged > 0),
        Figure::new("Libraries whole", whole, of_all, !all_whole),
    ]
}

/// What failed or is damaged; nothing when there is none.
fn objects(title: &str, intro: &str, of: &Findings) -> Option<Part> {
    parts::objects(title, intro, of.count(), of.take(FINDINGS))
}

fn heads(heads: &Heads) -> Vec<Option<Part>> {
    let title = "The newest state of every library".to_owned();
    let result = match heads {
        Heads::NotChecked { why, next } => return vec![Some(Part::Note(title, format!("Not checked: {why}. {next}")))],
        Heads::Checked(result) => result,
    };
    let (whole, libraries) = (format::count(result.whole), format::libraries(result.libraries));
    let unchanged = match result.unchanged {
        0 => String::new(),
        n => format!(" {} of them have not changed since an earlier pass found them so.", format::count(n)),
    };
    let all = format!(
        "{whole} of {libraries} whole at the destination: everything that their newest commit needs is there.{unchanged}"
    );
    let broken = |title: &str, intro: &str, broken: &Broken| {
        let count = broken.libraries.iter().map(|found| found.findings.len() as u64 + found.more_findings).sum();
        let title = format!("{title}: {}", format::libraries(broken.count));
        (broken.count > 0).then(|| Part::Table(findings(&title, intro, broken.libraries.iter(), count)))
    };
    vec![
        broken("Not whole at the destination", "The source has what is missing or wrong here.", &result.not_whole),
        Some(Part::Note(title, all)),
        broken("Missing in the source as well", MISSING, &result.missing_in_source),
        broken("Missing in the source as well, accepted", MISSING, &result.accepted),
        broken("Broken in the source", "The destination is as the source is.", &result.damaged_in_source),
        broken("Changed meanwhile", CHANGED, &result.changed_meanwhile),
    ]
}

/// Beside the libraries of which the source lacks something.
const MISSING: &str = "Neither side has what is missing here. Seafile's garbage collection never removes what a newest \
                       commit needs, so it was lost.";
/// Beside the libraries that changed.
const CHANGED: &str = "The server changed or deleted these while the pass ran, so that what their former state needed may \
                       be gone by right. The next run judges them.";

fn curve(told: &RunResult<'_>) -> Curve {
    let end = Point { at: told.took, objects: total(told, |n| &n.copied), bytes: total(told, |n| &n.copied_bytes) };
    let (points, phases) = told.pass.counters.series.course(end);
    Curve { title: "Throughput".to_owned(), points, phases }
}

fn slowest(slow: &[Slow]) -> Option<Part> {
    let row = |slow: &Slow| {
        let mut cells =
            vec![Cell::Named(slow.kind.to_string(), slow.key.to_string()), Cell::Plain(format::bytes(slow.size))];
        cells.extend([slow.spent.read, slow.spent.write, slow.total].map(|time| Cell::Plain(format::span(time))));
        cells
    };
    let names = ["Size", "Read", "Write", "Together"].map(Column::Number);
    (!slow.is_empty()).then(|| {
        Part::Table(Table {
            title: "The slowest objects".to_owned(),
            intro: "Requests that were repeated count with all their waits.".to_owned(),
            columns: [Column::Text("Object")].into_iter().chain(names).collect(),
            rows: slow.iter().map(row).collect(),
            ..Table::default()
        })
    })
}

/// What the newest verification of the two sides said. This run came after it.
fn verified(record: Option<&PairHistory>) -> Part {
    let title = "The last verification".to_owned();
    let Some(verified) = record.and_then(|record| record.verified.as_ref()) else {
        return Part::Note(title, "These two sides were not verified yet.".to_owned());
    };
    let depth = match verified.content_percent {
        share if share > 0.0 => format!("ids and sizes, and {share} % of the objects read and hashed"),
        _ => "ids and sizes".to_owned(),
    };
    let (objects, found) = (format::plural(verified.objects, "object"), format::plural(verified.findings, "finding"));
    let text = format!(
        "{}: {objects} compared ({depth}), {found}. It was before this run; verify again before anything is removed from \
         the source.",
        verified.ended
    );
    Part::Note(title, text)
}

fn libraries(told: &RunResult<'_>) -> Option<Part> {
    let mut all: Vec<(LibraryId, LibraryCounts)> =
        told.pass.counters.library_rows().into_iter().map(|(library, kinds)| (library, sum(kinds.values()))).collect();
    if all.is_empty() {
        return None;
    }
    all.sort_by_key(|(_, counts)| std::cmp::Reverse((counts.listed_bytes, counts.listed)));
    let (shown, others) = all.split_at(all.len().min(LIBRARIES));
    let cells = |first: Cell, counts: &LibraryCounts, last: Cell| {
        let (listed, copied, failed) = (counts.listed, counts.copied, counts.failed);
        let bytes = [counts.listed_bytes, counts.copied_bytes].map(format::bytes);
        let [listed_bytes, copied_bytes] = bytes.map(Cell::Plain);
        let [listed, copied, failed] = [listed, copied, failed].map(format::count).map(Cell::Plain);
        vec![first, listed, listed_bytes, copied, copied_bytes, failed, last]
    };
    let row = |(library, counts): &(LibraryId, LibraryCounts)| {
        let name = told.pass.names.get(library).cloned().unwrap_or_default();
        cells(Cell::Named(name, library.to_string()), counts, standing(told, *library))
    };
    let rest = (!others.is_empty()).then(|| {
        let counts = sum(others.iter().map(|(_, counts)| counts));
        cells(Cell::of(format!("{} others", format::count(others.len() as u64))), &counts, Cell::of(""))
    });
    let numbers = ["Objects", "Bytes", "Copied", "Bytes copied", "Failed"].map(Column::Number);
    Some(Part::Table(Table {
        title: format!("Libraries: {}", format::count(all.len() as u64)),
        columns: [Column::Text("Library")].into_iter().chain(numbers).chain([Column::Text("State")]).collect(),
        rows: shown.iter().map(row).collect(),
        total: rest,
        ..Table::default()
    }))
}

/// Whether a library is whole at the destination, as far as the page can tell.
fn standing(told: &RunResult<'_>, library: LibraryId) -> Cell {
    let mark = |good, word: &str| Cell::Mark { good, word: word.to_owned() };
    let Some(result) = told.pass.heads.result() else { return Cell::of("not checked") };
    let is_in = |broken: &Broken| broken.libraries.iter().any(|found| found.id == library);
    let missing = [&result.missing_in_source, &result.accepted];
    let all_named = [&result.not_whole, &result.damaged_in_source, &result.changed_meanwhile]
        .into_iter()
        .chain(missing)
        .all(|broken| broken.count == broken.libraries.len() as u64);
    if is_in(&result.not_whole) {
        mark(false, "not whole")
    } else if missing.into_iter().any(is_in) {
        mark(false, "missing in the source")
    } else if is_in(&result.changed_meanwhile) {
        mark(false, "changed meanwhile")
    } else if is_in(&result.damaged_in_source) {
        mark(false, "broken in the source")
    } else if !told.pass.names.contains_key(&library) {
        Cell::of("no\u{a0}head")
    } else if all_named {
        mark(true, "whole")
    } else {
        Cell::of("see the report")
    }
}

fn sum<'a>(counts: impl IntoIterator<Item = &'a LibraryCounts>) -> LibraryCounts {
    counts.into_iter().fold(LibraryCounts::default(), |sum, more| LibraryCounts {
        listed: sum.listed + more.listed,
        listed_bytes: sum.listed_bytes + more.listed_bytes,
        to_copy: sum.to_copy + more.to_copy,
        to_copy_bytes: sum.to_copy_bytes + more.to_copy_bytes,
        copied: sum.copied + more.copied,
        copied_bytes: sum.copied_bytes + more.copied_bytes,
        failed: sum.failed + more.failed,
    })
}
