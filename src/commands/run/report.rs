//! The report file: one JSON document, written whole or not at all, mode 0600.
//!
//! `docs/report.md` describes the fields; [`VERSION`] grows whenever one changes its meaning.

use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::sync::atomic::Ordering;

use serde::Serialize;

use super::verdict::{Heads, Verdict};
use crate::metrics::counters::LibraryCounts;
use crate::metrics::{Counters, Findings};
use crate::object::ObjectKind;
use crate::report::Process;
use crate::report::outcome::Ending;

/// The version of the report's fields.
pub const VERSION: u32 = 1;

/// Which program writes it.
pub(crate) const PROGRAM: &str = concat!("seaf-migrate ", env!("CARGO_PKG_VERSION"));

/// What the report says beside the numbers and the findings.
#[derive(Clone, Debug, Serialize)]
pub struct ReportHeader {
    /// When it ran, and between which stores.
    #[serde(flatten)]
    pub process: Process,
    /// The report whose failures alone were retried; `None` for a full pass.
    pub retried: Option<String>,
    /// What is known of the heads.
    pub heads: Heads,
    /// Whether the server may be switched now.
    pub safe_to_switch: Verdict,
}

#[derive(Serialize)]
struct Document<'a> {
    version: u32,
    command: &'a str,
    program: &'a str,
    result: &'a str,
    exit_code: u8,
    message: String,
    #[serde(flatten)]
    head: &'a ReportHeader,
    kinds: Vec<KindRow>,
    libraries: Vec<LibraryRow>,
}

#[derive(Serialize)]
struct KindRow {
    kind: &'static str,
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
    failed: u64,
    ignored: u64,
}

#[derive(Serialize)]
struct LibraryRow {
    library: String,
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
    ending: &Ending,
    counters: &Counters,
    failures: &Findings,
    damaged: &Findings,
) -> io::Result<()> {
    let document = Document {
        version: VERSION,
        command: "run",
        program: PROGRAM,
        result: ending.name(),
        exit_code: ending.exit_code(),
        message: ending.to_string(),
        head,
        kinds: ObjectKind::ALL.map(|kind| kind_row(kind, counters, head)).into(),
        libraries: library_rows(counters),
    };
    let text = serde_json::to_string_pretty(&document)?;
    // The findings are not part of the document above but follow it, inside its last brace, because they may be many
    // more than fit in memory.
    let open = text.strip_suffix("\n}").unwrap_or(&text);
    replace(path, |out| {
        write!(out, "{open},\n  \"failures\": [")?;
        failures.write_json(out)?;
        out.write_all(b"],\n  \"damaged\": [")?;
        damaged.write_json(out)?;
        out.write_all(b"]\n}\n")
    })
}

/// Puts what `fill` writes in the place of `path`, whole or not at all, readable by its owner only.
///
/// # Errors
/// When it cannot be written; what was there is then unchanged.
pub(crate) fn replace(path: &Path, fill: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // The temporary file is made 0600, and stays so under its final name, so that only its owner can read it.
    let mut file = tempfile::NamedTempFile::new_in(dir)?;
    let mut out = BufWriter::new(file.as_file_mut());
    fill(&mut out)?;
    out.flush()?;
    drop(out);
    file.as_file().sync_all()?;
    file.persist(path).map(drop).map_err(|failed| failed.error)
}

fn kind_row(kind: ObjectKind, counters: &Counters, head: &ReportHeader) -> KindRow {
    let numbers = counters.kind(kind);
    KindRow {
        kind: kind.as_str(),
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
        failed: numbers.failed.get(),
        ignored: numbers.ignored.get(),
    }
}

fn library_rows(counters: &Counters) -> Vec<LibraryRow> {
    let rows = counters.library_rows().into_iter();
    rows.map(|(library, [commits, fs, blocks])| LibraryRow { library: library.to_string(), commits, fs, blocks })
        .collect()
}
