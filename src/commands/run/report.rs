//! The report file: one JSON document, written whole or not at all, mode 0600.
//!
//! `docs/report.md` describes the fields; [`VERSION`](crate::report::header::VERSION) grows whenever one changes its meaning.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::atomic::Ordering;

use serde::Serialize;

use super::heads::result::Heads;
use super::verdict::Verdict;
use crate::metrics::counters::LibraryCounts;
use crate::metrics::{Counters, ObjectFindings};
use crate::object::selection::Selection;
use crate::object::{LibraryId, ObjectKind, PerKind};
use crate::preflight::owner::ForeignOwner;
use crate::report::{Process, ReportHead, json};
use crate::store::Ignored;

/// What the report says beside the numbers and the findings.
#[derive(Clone, Debug, Serialize)]
pub struct ReportHeader {
    /// Which command wrote it, and how that ended.
    #[serde(flatten)]
    pub head: ReportHead,
    /// When it ran, and between which stores.
    #[serde(flatten)]
    pub process: Process,
    /// The report whose failures alone were retried; `None` for a full pass.
    pub retried: Option<String>,
    /// The libraries that the pass was about; `null` for all.
    pub selection: Selection,
    /// What is known of the heads.
    pub heads: Heads,
    /// Whether the server may be switched now.
    pub safe_to_switch: Verdict,
    /// What at the destination belongs to somebody else than the server.
    pub ownership: Vec<ForeignOwner>,
}

#[derive(Serialize)]
struct Document<'a> {
    #[serde(flatten)]
    head: &'a ReportHeader,
    kinds: Vec<KindRow>,
    libraries: Vec<LibraryRow<'a>>,
}

#[derive(Serialize)]
struct KindRow {
    kind: ObjectKind,
    source_listed_to_the_end: bool,
    held: u64,
    listed: u64,
    listed_bytes: u64,
    to_copy: u64,
    to_copy_bytes: u64,
    copied: u64,
    copied_bytes: u64,
    vanished: u64,
    damaged: u64,
    kept: u64,
    wrong_once: u64,
    failed: u64,
    ignored: u64,
    ignored_names: Ignored,
}

#[derive(Serialize)]
struct LibraryRow<'a> {
    library: LibraryId,
    /// What the database calls it; `None` when it was not asked, or does not name it.
    name: Option<&'a str>,
    commits: LibraryCounts,
    fs: LibraryCounts,
    blocks: LibraryCounts,
}

/// Writes the report to `path`, replacing what is there.
///
/// # Errors
/// When the file cannot be written; what was there is then unchanged.
pub fn write(
    path: &Path,
    head: &ReportHeader,
    names: &BTreeMap<LibraryId, String>,
    counters: &Counters,
    findings: &ObjectFindings,
) -> io::Result<()> {
    let document = Document {
        head,
        kinds: ObjectKind::ALL.map(|kind| kind_row(kind, counters, head)).into(),
        libraries: library_rows(counters, names),
    };
    let text = serde_json::to_string_pretty(&document)?;
    // The findings are not part of the document above but follow it, inside its last brace, because they may be many
    // more than fit in memory.
    let open = text.strip_suffix("\n}").unwrap_or(&text);
    json::replace(path, |out| {
        out.write_all(open.as_bytes())?;
        let ObjectFindings { failures, damage, vanished, wrong_once } = findings;
        let arrays = [("failures", failures), ("damaged", damage), ("vanished", vanished), ("wrong_once", wrong_once)];
        for (name, findings) in arrays {
            write!(out, ",\n  \"{name}\": [")?;
            findings.write_json(out)?;
            out.write_all(b"]")?;
        }
        out.write_all(b"\n}\n")
    })
}

fn kind_row(kind: ObjectKind, counters: &Counters, head: &ReportHeader) -> KindRow {
    let numbers = counters.kind(kind);
    KindRow {
        kind,
        source_listed_to_the_end: head.retried.is_none() && numbers.source_listed.load(Ordering::Relaxed),
        held: numbers.held.get(),
        listed: numbers.listed.get(),
        listed_bytes: numbers.listed_bytes.get(),
        to_copy: numbers.to_copy.get(),
        to_copy_bytes: numbers.to_copy_bytes.get(),
        copied: numbers.copied.get(),
        copied_bytes: numbers.copied_bytes.get(),
        vanished: numbers.vanished.get(),
        damaged: numbers.damaged.get(),
        kept: numbers.kept.get(),
        wrong_once: numbers.wrong_once.get(),
        failed: numbers.failed.get(),
        ignored: numbers.ignored.get(),
        ignored_names: counters.ignored()[kind].clone(),
    }
}

fn library_rows<'a>(counters: &Counters, names: &'a BTreeMap<LibraryId, String>) -> Vec<LibraryRow<'a>> {
    let row = |(library, kinds): (LibraryId, PerKind<LibraryCounts>)| LibraryRow {
        library,
        name: names.get(&library).map(String::as_str),
        commits: kinds[ObjectKind::Commits],
        fs: kinds[ObjectKind::Fs],
        blocks: kinds[ObjectKind::Blocks],
    };
    counters.library_rows().into_iter().map(row).collect()
}
