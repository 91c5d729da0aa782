//! The result of a check, as text and as JSON.

use std::fmt;

use serde::ser::{Serialize, SerializeStruct, Serializer};

use crate::content::Damage;
use crate::object::{LibraryId, ObjectId, ObjectKind};
use crate::sys::number;
use crate::sys::terminal::is_unseen;

/// What is wrong with an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DefectKind {
    /// It does not exist.
    Missing,
    /// The newest commit of the library does not exist.
    HeadMissing,
    /// A parent of the commit `child` does not exist, and no history limit explains it.
    ParentMissing {
        /// The commit that names it.
        child: ObjectId,
    },
    /// The commit that a virtual library was last merged with does not exist.
    BaseMissing {
        /// The virtual library.
        library: LibraryId,
    },
    /// The database names no head for the library, or something that is not a commit id.
    NoHead,
    /// It exists and its bytes are wrong.
    Damaged(Damage),
    /// It exists and the store cannot read it; the text is the store's error.
    Unreadable(String),
    /// Its kind is not the one that its directory says.
    WrongKind {
        /// The kind that the directory says.
        expected: &'static str,
        /// The kind that it has.
        found: &'static str,
    },
    /// The commit belongs to another library.
    WrongLibrary {
        /// The library that the commit names.
        found: LibraryId,
    },
    /// The blocks of a file do not add up to its length.
    WrongSize {
        /// The length that the file says, in bytes.
        expected: u64,
        /// The sum of the blocks' sizes, in bytes.
        found: u64,
    },
    /// The directory is somewhere below itself, so that its tree has no end. With ids that are right there is no such one.
    Loops,
    /// The directory stands below more directories than any user can have.
    TooDeep {
        /// How many may be above one.
        most: u32,
    },
    /// The library has more directories than could be searched for the paths of its defects, of which some are not named.
    MorePaths,
}

impl DefectKind {
    /// The value of `what` in a JSON report.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::HeadMissing => "head_missing",
            Self::ParentMissing { .. } => "parent_missing",
            Self::BaseMissing { .. } => "base_missing",
            Self::NoHead => "no_head",
            Self::Damaged(_) => "damaged",
            Self::Unreadable(_) => "unreadable",
            Self::WrongKind { .. } => "wrong_kind",
            Self::WrongLibrary { .. } => "wrong_library",
            Self::WrongSize { .. } => "wrong_size",
            Self::Loops => "loops",
            Self::TooDeep { .. } => "too_deep",
            Self::MorePaths => "more_paths",
        }
    }
}

impl fmt::Display for DefectKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("missing"),
            Self::HeadMissing => f.write_str("head missing"),
            Self::ParentMissing { child } => write!(f, "parent missing, commit {child} follows it"),
            Self::BaseMissing { library } => write!(f, "missing, virtual library {library} was merged with it"),
            Self::NoHead => f.write_str("the database names no head commit"),
            Self::Damaged(damage) => write!(f, "damaged: {damage}"),
            Self::Unreadable(why) => write!(f, "unreadable: {why}"),
            Self::WrongKind { expected, found } => write!(f, "wrong kind: a {found} where a {expected} must be"),
            Self::WrongLibrary { found } => write!(f, "wrong library: it belongs to {found}"),
            Self::WrongSize { expected, found } => {
                write!(f, "wrong size: the file has {expected} bytes, its blocks hold {found}")
            }
            Self::Loops => f.write_str("loops: the directory is somewhere below itself"),
            Self::TooDeep { most } => write!(f, "too deep: the directory is below more than {most} others"),
            Self::MorePaths => {
                f.write_str("more paths than can be searched for with --memory as it is: some findings name no path")
            }
        }
    }
}

/// A defective object and the paths that it affects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Defect {
    /// Its kind.
    pub kind: ObjectKind,
    /// Its id; `None` when the database names no head.
    pub id: Option<ObjectId>,
    /// What is wrong.
    pub what: DefectKind,
    /// The files and directories (with a slash at the end) that need it. Empty for a commit of the history.
    pub paths: Vec<String>,
    /// The number of further paths that need it, not counting those that go round in a loop; `u64::MAX` for at least so
    /// many.
    pub more_paths: u64,
    /// The commit whose tree has those paths; `None` for a head.
    pub commit: Option<ObjectId>,
}

impl Serialize for Defect {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut out = serializer.serialize_struct("Finding", 7)?;
        out.serialize_field("kind", &self.kind)?;
        out.serialize_field("id", &self.id)?;
        out.serialize_field("what", self.what.code())?;
        out.serialize_field("detail", &self.what.to_string())?;
        out.serialize_field("paths", &self.paths)?;
        out.serialize_field("more_paths", &self.more_paths)?;
        out.serialize_field("commit", &self.commit)?;
        out.end()
    }
}

impl fmt::Display for Defect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.kind)?;
        if let Some(id) = self.id {
            write!(f, " {id}")?;
        }
        write!(f, ": {}", self.what)?;
        if let (Some(commit), false) = (self.commit, self.paths.is_empty()) {
            write!(f, " (in commit {commit})")?;
        }
        for path in &self.paths {
            write!(f, "\n    {}", OneLine(path))?;
        }
        match self.more_paths {
            0 => {}
            u64::MAX => f.write_str("\n    and more paths than can be counted")?,
            more => write!(f, "\n    and {} than are named", counted(more, "more path", "more paths"))?,
        }
        Ok(())
    }
}

/// A name without the characters that could move a terminal's cursor, begin a new line, or hide.
struct OneLine<'a>(&'a str);

impl fmt::Display for OneLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|char| match is_unseen(char) {
            true => write!(f, "{}", char.escape_default()),
            false => write!(f, "{char}"),
        })
    }
}

fn counted(count: u64, one: &str, many: &str) -> String {
    format!("{} {}", number::count(count), if count == 1 { one } else { many })
}

/// The number of different objects that were checked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Counts {
    /// Commits.
    pub commits: u64,
    /// Directories.
    pub dirs: u64,
    /// File descriptions.
    pub files: u64,
    /// Blocks.
    pub blocks: u64,
}

/// One library, walked to the end.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct LibraryResult {
    /// The library.
    pub id: LibraryId,
    /// The library among whose objects its fs objects and blocks are: itself, or the origin of a virtual library.
    pub store_id: LibraryId,
    /// Its name, where it is known.
    pub name: Option<String>,
    /// Whether it is in the trash.
    pub trashed: bool,
    /// The numbers of its objects that were checked.
    pub counts: Counts,
    /// Its defects, commits first.
    pub findings: Vec<Defect>,
    /// The number of further defects.
    pub more_findings: u64,
}

impl LibraryResult {
    /// Keeps the first `most` findings; the others are counted.
    #[must_use]
    pub fn cut(mut self, most: usize) -> Self {
        self.more_findings += self.findings.len().saturating_sub(most) as u64;
        self.findings.truncate(most);
        self
    }
}

impl fmt::Display for LibraryResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.findings.len() as u64 + self.more_findings {
            0 => f.write_str("OK")?,
            found => f.write_str(&counted(found, "finding", "findings"))?,
        }
        write!(f, "  {}", self.id)?;
        if let Some(name) = &self.name {
            write!(f, "  {}", OneLine(name))?;
        }
        let Counts { commits, dirs, files, blocks } = self.counts;
        let dirs = counted(dirs, "directory", "directories");
        let [commits, files, blocks] =
            [(commits, "commit", "commits"), (files, "file", "files"), (blocks, "block", "blocks")]
                .map(|(count, one, many)| counted(count, one, many));
        // On a line of its own, because a terminal has room for an id and a name.
        write!(f, "\n    ({commits}, {dirs}, {files}, {blocks}")?;
        f.write_str(if self.trashed { ", in the trash)" } else { ")" })?;
        for finding in &self.findings {
            write!(f, "\n  {finding}")?;
        }
        if self.more_findings > 0 {
            write!(f, "\n  and {}", counted(self.more_findings, "more finding", "more findings"))?;
        }
        Ok(())
    }
}

/// The result of a check.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct FsckResult {
    /// The libraries walked to the end, in the order of their ids.
    pub libraries: Vec<LibraryResult>,
    /// The number of libraries that were not, because the check was cancelled.
    pub unfinished: usize,
    /// Whether the heads were inferred from the commits, without a database.
    pub guessed: bool,
    /// Rows of the database without a valid library or commit id.
    pub ignored: Vec<String>,
}

impl FsckResult {
    /// The result of a check that ended before it came to the first library.
    pub const fn not_begun(guessed: bool) -> Self {
        Self { libraries: Vec::new(), unfinished: 0, guessed, ignored: Vec::new() }
    }

    /// The number of defects.
    pub fn findings(&self) -> u64 {
        self.libraries.iter().map(|library| library.findings.len() as u64 + library.more_findings).sum()
    }

    /// Whether every library was walked and no defect was found.
    pub fn is_sound(&self) -> bool {
        self.findings() == 0 && self.unfinished == 0
    }
}

impl fmt::Display for FsckResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for library in &self.libraries {
            writeln!(f, "{library}")?;
        }
        for row in &self.ignored {
            writeln!(f, "ignored  {row}")?;
        }
        if self.guessed {
            f.write_str("Without a database, unfinished uploads and deleted libraries were checked as well.\n")?;
        }
        let libraries = |count: usize| counted(count as u64, "library", "libraries");
        write!(f, "{}, {}", libraries(self.libraries.len()), counted(self.findings(), "finding", "findings"))?;
        if self.unfinished > 0 {
            write!(f, "; {} not checked, told to stop", libraries(self.unfinished))?;
        }
        Ok(())
    }
}
