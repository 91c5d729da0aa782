//! What is known of the newest state of every library at the destination, and whether it is safe to switch.

use serde::Serialize;

use crate::object::LibraryId;
use crate::reach::{DefectKind, LibraryResult};
use crate::report::format;
use crate::report::outcome::Ending;

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
    /// Those that lack something that the source lacks in the same way.
    pub damaged_in_source: Broken,
    /// Which heads moved while the pass ran.
    pub moved: Moved,
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
    /// Adds one, with no more of its findings than are shown.
    pub fn add(&mut self, library: LibraryResult) {
        const FINDINGS: usize = 20;
        self.count += 1;
        if self.libraries.len() < NAMED {
            self.libraries.push(library.cut(FINDINGS));
        }
    }

    /// Whether objects that are there are wrong, as far as they are named.
    fn has_wrong_bytes(&self) -> bool {
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

/// Whether the server may be switched to the destination now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// Whether it is safe.
    pub yes: bool,
    /// Why, in a sentence.
    pub why: String,
    /// What to do next.
    pub next: String,
}

impl Verdict {
    fn no(why: impl Into<String>, next: impl Into<String>) -> Self {
        Self { yes: false, why: why.into(), next: next.into() }
    }

    /// Judges a pass by how it ended and by what became of the heads. Safe is only what was seen to be: a complete
    /// pass, every library whole at the destination, and no head that moved meanwhile.
    pub fn of(ending: &Ending, heads: &Heads) -> Self {
        match ending {
            Ending::Complete | Ending::DamagedSource | Ending::NotWhole => Self::of_heads(heads),
            Ending::Retried { .. } => Self::no(
                "only what had failed before was looked at.",
                "Run again without --retry-failed, with the server stopped.",
            ),
            Ending::Failures => Self::no(
                "some objects are not at the destination.",
                "See below what failed and why, mend that, and run again.",
            ),
            Ending::Interrupted { .. } => {
                Self::no("the pass was interrupted before it was complete.", "Run again; it goes on from here.")
            }
            other => Self::no(format!("the pass did not come to its end: {other}."), "Mend that, and run again."),
        }
    }

    fn of_heads(heads: &Heads) -> Self {
        let result = match heads {
            Heads::NotChecked { why, next } => {
                return Self::no(format!("whether every library is whole was not checked: {why}."), next);
            }
            Heads::Checked(result) => result,
        };
        if result.not_whole.count > 0 {
            // What is there and has the right length is never copied again, whatever its bytes are.
            let next = match result.not_whole.has_wrong_bytes() {
                true => "Remove the damaged objects that are named from the destination, and run again with --relist.",
                false => "Run again with --relist, so that the destination is listed anew and what it lacks is copied.",
            };
            let why = format!("{} not whole at the destination.", libraries_are(result.not_whole.count));
            return Self::no(why, next);
        }
        if result.whole == 0 {
            // As with the database of another server: what it names is on neither side, and so nothing is worse there.
            return Self::no(
                "the database names no library that is whole on either side.",
                "See that it is the database of this server.",
            );
        }
        match &result.moved {
            Moved::Unknown { why } => Self::no(
                format!("whether libraries changed while the pass ran is not known: {why}."),
                "See that the database answers, and run again with the server stopped.",
            ),
            Moved::Known { count: 0, .. } => Self::yes(result),
            Moved::Known { count, .. } => Self::no(
                format!("{} changed while the pass ran, so the server was running.", format::libraries(*count)),
                "Stop the server, and run again.",
            ),
        }
    }

    fn yes(result: &HeadsResult) -> Self {
        let damaged = match result.damaged_in_source.count {
            0 => String::new(),
            n => format!(" {} damaged in the source already, and no worse at the destination.", libraries_are(n)),
        };
        let whole = libraries_are(result.whole);
        Self {
            yes: true,
            why: format!(
                "everything that the pass saw is at the destination, {whole} whole there, and none changed while it ran.{damaged}"
            ),
            next:
                "Put the new seafile.conf in place and start the server with it. If the server was not stopped before \
                   this pass began, stop it and run again first."
                    .to_owned(),
        }
    }
}

fn libraries_are(count: u64) -> String {
    format!("{} {}", format::libraries(count), if count == 1 { "is" } else { "are" })
}
