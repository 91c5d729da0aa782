//! What a removal came to: numbers, and the report file. `docs/remove.md` describes the fields.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use serde::Serialize;

use super::settings::Stage;
use crate::metrics::Findings;
use crate::metrics::counters::{Counters, LibraryCounts};
use crate::object::{LibraryId, ObjectKind, PerKind};
use crate::report::{Process, ReportHead, json};

/// Why an object was kept although it could be listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum Reason {
    /// The destination does not hold it.
    #[serde(rename = "missing at the destination")]
    Missing,
    /// The destination holds it with another size.
    #[serde(rename = "another size at the destination")]
    OtherSize,
    /// The destination's bytes are neither what the id says nor what the source holds.
    #[serde(rename = "damaged at the destination")]
    Damaged,
    /// It was written after the verification began.
    #[serde(rename = "newer than the verification")]
    Newer,
    /// A store did not answer, or refused to delete it.
    #[serde(rename = "a store failed")]
    Failed,
}

impl Reason {
    /// The reason in a few words.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Missing => "missing at the destination",
            Self::OtherSize => "another size at the destination",
            Self::Damaged => "damaged at the destination",
            Self::Newer => "newer than the verification",
            Self::Failed => "a store failed",
        }
    }
}

/// Objects and their bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Amount {
    /// How many.
    pub objects: u64,
    /// Their bytes together.
    pub bytes: u64,
}

impl Amount {
    fn add(&mut self, bytes: u64) {
        self.objects += 1;
        self.bytes += bytes;
    }
}

/// What became of the objects of one kind, or of one library and kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Removed {
    /// Removed; in a dry run, those that would be.
    pub removed: Amount,
    /// Kept, because the destination does not vouch for them or a store failed.
    pub kept: Amount,
    /// Those that were gone when they were asked for.
    pub gone: u64,
}

/// The numbers of a removal.
#[derive(Clone, Debug, Default)]
pub struct RemovalCounts {
    kinds: PerKind<Removed>,
    libraries: BTreeMap<LibraryId, PerKind<Removed>>,
    reasons: BTreeMap<Reason, u64>,
    /// Folders that held nothing any more and were removed.
    pub folders: u64,
}

impl RemovalCounts {
    /// Counts an object of a kind and library.
    pub fn count(&mut self, kind: ObjectKind, library: LibraryId, change: impl Fn(&mut Removed)) {
        change(&mut self.kinds[kind]);
        change(&mut self.libraries.entry(library).or_default()[kind]);
    }

    /// One was removed.
    pub fn removed(&mut self, kind: ObjectKind, library: LibraryId, bytes: u64) {
        self.count(kind, library, |row| row.removed.add(bytes));
    }

    /// One was kept.
    pub fn kept(&mut self, kind: ObjectKind, library: LibraryId, bytes: u64, reason: Reason) {
        self.count(kind, library, |row| row.kept.add(bytes));
        *self.reasons.entry(reason).or_default() += 1;
    }

    /// The numbers of a kind.
    pub const fn kind(&self, kind: ObjectKind) -> &Removed {
        self.kinds.get(kind)
    }

    /// The numbers of each library.
    pub const fn libraries(&self) -> &BTreeMap<LibraryId, PerKind<Removed>> {
        &self.libraries
    }

    /// How many were kept for each reason.
    pub const fn reasons(&self) -> &BTreeMap<Reason, u64> {
        &self.reasons
    }

    /// The sum over the kinds of what `number` picks.
    pub fn total(&self, number: impl Fn(&Removed) -> u64) -> u64 {
        self.kinds.values().map(number).sum()
    }
}

/// What the report says beside the numbers and what was kept.
#[derive(Clone, Debug, Serialize)]
pub struct ReportHeader {
    /// Which command wrote it, and how that ended.
    #[serde(flatten)]
    pub head: ReportHead,
    /// What was done.
    pub stage: Stage,
    /// Whether nothing was removed because nobody said `--yes`.
    pub dry_run: bool,
    /// When it ran, the stores that were removed from, and those that must hold what is removed.
    #[serde(flatten)]
    pub process: Process,
    /// The only libraries; all when empty.
    pub only: Vec<String>,
    /// Whether the destination's objects were read.
    pub content: bool,
    /// When the verification began that allowed it.
    pub verified: Option<String>,
    /// The journal's file; `None` in a dry run.
    pub journal: Option<String>,
    /// The folders that hold what was removed until it is deleted for good.
    pub quarantine: Vec<String>,
}

#[derive(Serialize)]
struct Document<'a> {
    #[serde(flatten)]
    head: &'a ReportHeader,
    folders_removed: u64,
    reasons: BTreeMap<&'static str, u64>,
    kinds: Vec<KindRow>,
    libraries: Vec<LibraryRow>,
}

#[derive(Serialize)]
struct KindRow {
    kind: ObjectKind,
    listed: Amount,
    #[serde(flatten)]
    numbers: Removed,
}

#[derive(Serialize)]
struct LibraryRow {
    library: LibraryId,
    commits: Row,
    fs: Row,
    blocks: Row,
}

#[derive(Serialize)]
struct Row {
    listed: Amount,
    #[serde(flatten)]
    numbers: Removed,
}

/// Writes the report to `path`, replacing what is there.
///
/// # Errors
/// When the file cannot be written; what was there is then unchanged.
pub fn write(
    path: &Path,
    head: &ReportHeader,
    counters: &Counters,
    counts: &RemovalCounts,
    kept: &Findings,
) -> io::Result<()> {
    let document = Document {
        head,
        folders_removed: counts.folders,
        reasons: counts.reasons.iter().map(|(reason, count)| (reason.as_str(), *count)).collect(),
        kinds: ObjectKind::ALL.map(|kind| kind_row(kind, counters, counts)).into(),
        libraries: library_rows(counters, counts),
    };
    let text = serde_json::to_string_pretty(&document)?;
    // What was kept follows inside the last brace, because it may be more than fits in memory.
    json::replace(path, |out| {
        write!(out, "{},\n  \"kept\": [", text.strip_suffix("\n}").unwrap_or(&text))?;
        kept.write_json(out)?;
        out.write_all(b"]\n}\n")
    })
}

fn kind_row(kind: ObjectKind, counters: &Counters, counts: &RemovalCounts) -> KindRow {
    let numbers = counters.kind(kind);
    let listed = Amount { objects: numbers.listed.get(), bytes: numbers.listed_bytes.get() };
    KindRow { kind, listed, numbers: *counts.kind(kind) }
}

fn library_rows(counters: &Counters, counts: &RemovalCounts) -> Vec<LibraryRow> {
    let listed = counters.library_rows().into_iter();
    listed
        .map(|(library, listed)| {
            let numbers = counts.libraries.get(&library).copied().unwrap_or_default();
            let row = |kind: ObjectKind| {
                let LibraryCounts { listed, listed_bytes, .. } = listed[kind];
                Row { listed: Amount { objects: listed, bytes: listed_bytes }, numbers: numbers[kind] }
            };
            let (commits, fs) = (row(ObjectKind::Commits), row(ObjectKind::Fs));
            LibraryRow { library, commits, fs, blocks: row(ObjectKind::Blocks) }
        })
        .collect()
}
