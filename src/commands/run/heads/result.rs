//! What is known of the newest state of every library at the destination.

use serde::Serialize;

use crate::object::LibraryId;
use crate::reach::{DefectKind, LibraryResult};

/// How many libraries of each sort are named; the others are counted.
pub const NAMED: usize = 100;

/// Whether the heads were checked, and what came of it.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "state")]
pub enum Heads {
    /// They were not.
    #[serde(rename = "not checked")]
    NotChecked {
        /// Why.
        why: String,
        /// What to do, so that they are.
        next: String,
    },
    /// They were.
    #[serde(rename = "checked")]
    Checked(HeadsResult),
}

impl Default for Heads {
    fn default() -> Self {
        Self::not_checked("the pass did not come so far", "Run again.")
    }
}

impl Heads {
    /// They were not checked: why, and what to do.
    pub fn not_checked(why: impl Into<String>, next: impl Into<String>) -> Self {
        Self::NotChecked { why: why.into(), next: next.into() }
    }

    /// The result, where there is one.
    pub const fn result(&self) -> Option<&HeadsResult> {
        match self {
            Self::Checked(result) => Some(result),
            Self::NotChecked { .. } => None,
        }
    }
}

/// The heads as they were when the pass began, looked for at the destination when it ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct HeadsResult {
    /// How many libraries the server's database names.
    pub libraries: u64,
    /// Those of which everything that the head needs is at the destination.
    pub whole: u64,
    /// Those of `whole` that have not changed since an earlier pass found them so.
    pub unchanged: u64,
    /// Those that lack something at the destination that the source has.
    pub not_whole: Broken,
    /// Those of which an object is missing at the destination and in the source as well.
    pub missing_in_source: Broken,
    /// The same, where the user accepts it.
    pub accepted: Broken,
    /// Those of which an object has the same wrong bytes at the destination and in the source.
    pub damaged_in_source: Broken,
    /// Those with something wrong that changed in the database before the pass ended: the next pass judges them.
    pub changed_meanwhile: Broken,
    /// Which heads moved while the pass ran.
    pub moved: Moved,
}

impl HeadsResult {
    /// Whether each library is whole, or broken in a way that a switch makes no worse.
    pub(in crate::commands::run) const fn is_every_library_judged(&self) -> bool {
        self.whole + self.accepted.count + self.damaged_in_source.count == self.libraries
    }
}

/// Libraries with something wrong.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Broken {
    /// How many.
    pub count: u64,
    /// The first [`NAMED`] of them, with the first of what is wrong.
    pub libraries: Vec<LibraryResult>,
}

impl Broken {
    /// Adds one.
    pub fn add(&mut self, library: LibraryResult) {
        self.count += 1;
        if self.libraries.len() < NAMED {
            self.libraries.push(library);
        }
    }

    /// The names and ids of the first `most`, and how many more there are.
    pub fn names(&self, most: usize) -> String {
        let name = |library: &LibraryResult| match &library.name {
            Some(name) => format!("{} ({})", name.escape_debug(), library.id),
            None => library.id.to_string(),
        };
        let shown: Vec<String> = self.libraries.iter().take(most).map(name).collect();
        match self.count - shown.len() as u64 {
            0 => shown.join(", "),
            more => format!("{} and {more} more", shown.join(", ")),
        }
    }

    /// Whether objects that are there are wrong, as far as they are named.
    pub(in crate::commands::run) fn has_wrong_bytes(&self) -> bool {
        use DefectKind::{Damaged, Unreadable, WrongKind, WrongLibrary};
        let mut findings = self.libraries.iter().flat_map(|library| &library.findings);
        findings
            .any(|finding| matches!(finding.what, Damaged(_) | Unreadable(_) | WrongKind { .. } | WrongLibrary { .. }))
    }
}

/// What happened to the heads between the beginning of the pass and its end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "lowercase")]
pub enum Moved {
    /// The database was asked twice.
    Known {
        /// How many libraries have another head than before, or came, or went.
        count: u64,
        /// The first [`NAMED`] of them.
        libraries: Vec<LibraryId>,
    },
    /// It did not answer the second time.
    Unknown {
        /// What it said.
        why: String,
    },
}

impl Default for Moved {
    fn default() -> Self {
        Self::Known { count: 0, libraries: Vec::new() }
    }
}
