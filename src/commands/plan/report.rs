//! The report of a plan, as JSON. `docs/report.md` describes the fields.

use std::io;
use std::path::Path;
use std::sync::atomic::Ordering;

use serde::Serialize;

use crate::commands::plan::space::Space;
use crate::metrics::Counters;
use crate::metrics::counters::LibraryCounts;
use crate::object::{LibraryId, ObjectKind};
use crate::report::{Process, ReportHead, json};
use crate::store::Ignored;

#[derive(Serialize)]
struct Document<'a> {
    #[serde(flatten)]
    head: &'a ReportHead,
    #[serde(flatten)]
    process: &'a Process,
    kinds: Vec<KindRow>,
    libraries: Vec<LibraryRow>,
    space: &'a [Space],
}

#[derive(Serialize)]
struct KindRow {
    kind: ObjectKind,
    source_listed_to_the_end: bool,
    held: u64,
    #[serde(flatten)]
    amounts: Amounts,
    ignored_names: Ignored,
}

#[derive(Serialize)]
struct LibraryRow {
    library: LibraryId,
    commits: Amounts,
    fs: Amounts,
    blocks: Amounts,
}

/// What the source has, and what of it a run would copy.
#[derive(Serialize)]
struct Amounts {
    listed: u64,
    listed_bytes: u64,
    to_copy: u64,
    to_copy_bytes: u64,
}

impl From<LibraryCounts> for Amounts {
    fn from(counts: LibraryCounts) -> Self {
        let LibraryCounts { listed, listed_bytes, to_copy, to_copy_bytes, .. } = counts;
        Self { listed, listed_bytes, to_copy, to_copy_bytes }
    }
}

/// Writes the report to `path`, replacing what is there.
///
/// # Errors
/// When the file cannot be written; what was there is then unchanged.
pub fn write(
    path: &Path,
    head: &ReportHead,
    process: &Process,
    counters: &Counters,
    space: &[Space],
) -> io::Result<()> {
    let libraries = counters.library_rows().into_iter().map(|(library, kinds)| {
        let of = |kind: ObjectKind| kinds[kind].into();
        LibraryRow { library, commits: of(ObjectKind::Commits), fs: of(ObjectKind::Fs), blocks: of(ObjectKind::Blocks) }
    });
    let kinds = ObjectKind::ALL.map(|kind| kind_row(kind, counters)).into();
    let document = Document { head, process, kinds, libraries: libraries.collect(), space };
    let text = serde_json::to_vec_pretty(&document)?;
    json::replace(path, |out| {
        out.write_all(&text)?;
        out.write_all(b"\n")
    })
}

fn kind_row(kind: ObjectKind, counters: &Counters) -> KindRow {
    let numbers = counters.kind(kind);
    KindRow {
        kind,
        source_listed_to_the_end: numbers.source_listed.load(Ordering::Relaxed),
        held: numbers.held.get(),
        amounts: Amounts {
            listed: numbers.listed.get(),
            listed_bytes: numbers.listed_bytes.get(),
            to_copy: numbers.to_copy.get(),
            to_copy_bytes: numbers.to_copy_bytes.get(),
        },
        ignored_names: counters.ignored()[kind].clone(),
    }
}
