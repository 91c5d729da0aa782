//! The heads: the commits from which every object that must exist can be reached.
//!
//! The server's tables hold them: `Branch` joined with `Repo`, `RepoTrash.head_id`, and the base commits of virtual
//! libraries. The libraries in `GarbageRepos` are about to be deleted and are no roots. Without a database the heads
//! are the commits that are no other commit's parent.

use std::collections::{BTreeMap, BTreeSet};

use super::classes::LibraryClasses;
use super::{DatabaseError, Tables};
use crate::conf::DatabaseConf;
use crate::database;
use crate::object::{LibraryId, ObjectId};

mod changes;
mod inferred;

pub use changes::{LibraryChange, Standing};

/// The roots of every library.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Roots {
    /// In the order of their ids.
    pub libraries: Vec<LibraryRoots>,
    /// The libraries in `GarbageRepos`.
    pub garbage: BTreeSet<LibraryId>,
    /// Which storage class each library is in.
    pub classes: LibraryClasses,
    /// Why the classes could not be read, as when the account may not: of concern to a server with storage classes alone.
    pub classes_unread: Option<DatabaseError>,
    /// A description, fit to be shown, of each row without a valid library or commit id or with a number that is none.
    pub ignored: Vec<String>,
    /// Whether the heads were inferred from the commits, because there is no database. Such heads include unfinished
    /// uploads and deleted libraries.
    pub guessed: bool,
}

/// The roots of one library: the commits from which its objects are reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LibraryRoots {
    /// The library.
    pub id: LibraryId,
    /// Its name; `None` when it is not known.
    pub name: Option<String>,
    /// Whether it is in the trash, from which it can be restored.
    pub trashed: bool,
    /// The newest commits: one from a database (none when its row is missing), any number otherwise.
    pub heads: Vec<ObjectId>,
    /// The commits with which the virtual libraries of this one were last merged. A merge needs their directories, but
    /// not their blocks.
    pub base_commits: Vec<BaseCommit>,
    /// For a virtual library, the library that holds its fs objects and blocks.
    pub origin: Option<LibraryId>,
    /// `RepoHistoryLimit.days` of the library, or of the origin of a virtual one.
    pub history_days: Option<i64>,
    /// `RepoValidSince.timestamp`, in seconds since 1970.
    pub valid_since: Option<i64>,
}

/// A commit of an origin, and the virtual library that needs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BaseCommit {
    /// The commit.
    pub commit: ObjectId,
    /// The virtual library.
    pub library: LibraryId,
}

impl LibraryRoots {
    /// A library without heads, with only its id set.
    pub const fn new(id: LibraryId) -> Self {
        Self {
            id,
            name: None,
            trashed: false,
            heads: Vec::new(),
            base_commits: Vec::new(),
            origin: None,
            history_days: None,
            valid_since: None,
        }
    }

    /// The library under whose id the fs objects and blocks are stored.
    pub fn store_id(&self) -> LibraryId {
        self.origin.unwrap_or(self.id)
    }
}

const LIVE: &str = "SELECT Repo.repo_id, Branch.commit_id FROM Repo \
                    LEFT JOIN Branch ON Branch.repo_id = Repo.repo_id AND Branch.name = 'master'";

impl Roots {
    /// Opens the database, reads the heads and closes it again, so that no writer has to wait.
    ///
    /// # Errors
    /// When the database cannot be opened, does not answer, or is not that of a Seafile server.
    pub fn from_conf(conf: &DatabaseConf) -> Result<Self, DatabaseError> {
        Self::from_database(&mut *database::open(conf)?)
    }

    /// As [`Self::from_conf`], of a server with storage classes: those must be readable, too.
    ///
    /// # Errors
    /// As [`Self::from_conf`].
    pub fn with_classes(conf: &DatabaseConf) -> Result<Self, DatabaseError> {
        let roots = Self::from_conf(conf)?;
        roots.classes_unread.clone().map_or(Ok(roots), Err)
    }

    /// Reads the heads from the server's tables.
    ///
    /// # Errors
    /// When the database does not answer, or is not that of a Seafile server.
    pub fn from_database(tables: &mut dyn Tables) -> Result<Self, DatabaseError> {
        let mut reader = Reader { tables, libraries: BTreeMap::new(), ignored: Vec::new() };
        reader.live()?;
        reader.trash()?;
        reader.names()?;
        reader.history()?;
        reader.virtual_libraries()?;
        let garbage = reader.garbage()?;
        let (classes, classes_unread) = match reader.classes() {
            Ok(classes) => (classes, None),
            Err(error) => (LibraryClasses::default(), Some(error)),
        };
        let libraries = reader.libraries.into_values().collect();
        Ok(Self { libraries, garbage, classes, classes_unread, ignored: reader.ignored, guessed: false })
    }
}

struct Reader<'a> {
    tables: &'a mut dyn Tables,
    libraries: BTreeMap<LibraryId, LibraryRoots>,
    ignored: Vec<String>,
}

impl Reader<'_> {
    /// The rows of a `SELECT` that asks for `N` columns.
    fn select<const N: usize>(&mut self, select: &str) -> Result<Vec<[Option<String>; N]>, DatabaseError> {
        let rows = self.tables.rows(select)?.into_iter().map(TryInto::try_into);
        rows.collect::<Result<_, _>>().map_err(|row: Vec<_>| DatabaseError {
            database: self.tables.name(),
            problem: format!("a row of {} columns was sent where {N} were asked for", row.len()),
        })
    }

    /// The rows of a table that old servers may not have; none when it is missing.
    fn optional<const N: usize>(
        &mut self,
        table: &str,
        columns: [&str; N],
    ) -> Result<Vec<[Option<String>; N]>, DatabaseError> {
        if !self.tables.has(table)? {
            return Ok(Vec::new());
        }
        self.select(&format!("SELECT {} FROM {table}", columns.join(", ")))
    }

    fn ignore(&mut self, table: &str, cell: Option<&str>, what: &str) {
        const SHOWN: usize = 80;
        let text = cell.unwrap_or("NULL");
        let cut: String = text.chars().take(SHOWN).collect();
        let more = if cut.len() < text.len() { " (and more)" } else { "" };
        self.ignored.push(format!("{table}: {cut:?}{more} is not {what}"));
    }

    fn library_of(&mut self, table: &str, cell: Option<&String>) -> Option<LibraryId> {
        let text = cell.map(String::as_str);
        let parsed = LibraryId::parse(text.unwrap_or_default().trim_end().as_bytes());
        if parsed.is_none() {
            self.ignore(table, text, "a library id");
        }
        parsed
    }

    /// The commit of a row; `None` when the cell is empty or not a commit id, which the walk reports.
    fn commit_of(&mut self, table: &str, cell: Option<&String>) -> Option<ObjectId> {
        let text = cell?;
        let parsed = ObjectId::parse(text.trim_end().as_bytes());
        if parsed.is_none() {
            self.ignore(table, Some(text), "a commit id");
        }
        parsed
    }

    fn live(&mut self) -> Result<(), DatabaseError> {
        for [library, commit] in &self.select(LIVE)? {
            let Some(id) = self.library_of("Repo", library.as_ref()) else { continue };
            let heads = self.commit_of("Branch", commit.as_ref()).into_iter().collect();
            self.libraries.insert(id, LibraryRoots { heads, ..LibraryRoots::new(id) });
        }
        Ok(())
    }

    fn trash(&mut self) -> Result<(), DatabaseError> {
        for [library, head, name] in &self.optional("RepoTrash", ["repo_id", "head_id", "repo_name"])? {
            let Some(id) = self.library_of("RepoTrash", library.as_ref()) else { continue };
            let heads = self.commit_of("RepoTrash", head.as_ref()).into_iter().collect();
            let trashed = LibraryRoots { heads, trashed: true, name: name.clone(), ..LibraryRoots::new(id) };
            self.libraries.entry(id).or_insert(trashed);
        }
        Ok(())
    }

    fn names(&mut self) -> Result<(), DatabaseError> {
        self.each("RepoInfo", "name", |library, name| {
            library.name = Some(name.to_owned());
            Ok(())
        })
    }

    fn history(&mut self) -> Result<(), DatabaseError> {
        self.each("RepoHistoryLimit", "days", |library, days| {
            days.parse().map(|days| library.history_days = Some(days)).map_err(|_| "a number of days")
        })?;
        self.each("RepoValidSince", "timestamp", |library, time| {
            time.parse().map(|time| library.valid_since = Some(time)).map_err(|_| "a time in seconds")
        })
    }

    /// The libraries that were deleted for good: the server removes their objects later.
    fn garbage(&mut self) -> Result<BTreeSet<LibraryId>, DatabaseError> {
        let rows = self.optional("GarbageRepos", ["repo_id"])?;
        Ok(rows.iter().filter_map(|[library]| self.library_of("GarbageRepos", library.as_ref())).collect())
    }

    /// The storage classes of all libraries, also of those that are about to be deleted: their objects are there still.
    fn classes(&mut self) -> Result<LibraryClasses, DatabaseError> {
        let mut rows = Vec::new();
        for [library, class] in &self.optional("RepoStorageId", ["repo_id", "storage_id"])? {
            let Some(library) = self.library_of("RepoStorageId", library.as_ref()) else { continue };
            match class.as_deref().map(str::trim).filter(|class| !class.is_empty()) {
                Some(class) => rows.push((library, class.to_owned())),
                None => self.ignore("RepoStorageId", class.as_deref(), "the id of a storage class"),
            }
        }
        if rows.is_empty() {
            return Ok(LibraryClasses::default());
        }
        // Only a server with classes is asked for these once more.
        let origins = self.optional("VirtualRepo", ["repo_id", "origin_repo"])?.into_iter();
        let parse = |cell: Option<String>| LibraryId::parse(cell.unwrap_or_default().trim_end().as_bytes());
        let origins = origins.filter_map(|[library, origin]| Some((parse(library)?, parse(origin)?)));
        Ok(LibraryClasses::new(rows, origins))
    }

    /// Calls `set` for each library that has a value in the column of an optional table; its error says what the value
    /// must be.
    fn each(
        &mut self,
        table: &str,
        column: &str,
        set: impl Fn(&mut LibraryRoots, &str) -> Result<(), &'static str>,
    ) -> Result<(), DatabaseError> {
        for [library, value] in &self.optional(table, ["repo_id", column])? {
            let Some(value) = value else { continue };
            let Some(id) = self.library_of(table, library.as_ref()) else { continue };
            if let Some(library) = self.libraries.get_mut(&id)
                && let Err(what) = set(library, value)
            {
                self.ignore(table, Some(value), what);
            }
        }
        Ok(())
    }

    fn virtual_libraries(&mut self) -> Result<(), DatabaseError> {
        for [library, origin, base] in &self.optional("VirtualRepo", ["repo_id", "origin_repo", "base_commit"])? {
            let Some(id) = self.library_of("VirtualRepo", library.as_ref()) else { continue };
            let Some(origin_id) = self.library_of("VirtualRepo", origin.as_ref()) else { continue };
            let base = self.commit_of("VirtualRepo", base.as_ref());
            let days = self.libraries.get(&origin_id).and_then(|origin| origin.history_days);
            // Skipped, because a row may outlive its library.
            let Some(library) = self.libraries.get_mut(&id) else { continue };
            library.origin = Some(origin_id);
            library.history_days = days;
            if let (Some(origin), Some(commit)) = (self.libraries.get_mut(&origin_id), base) {
                origin.base_commits.push(BaseCommit { commit, library: id });
            }
        }
        for library in self.libraries.values_mut() {
            library.base_commits.sort_by_key(|base| (base.library, base.commit));
        }
        Ok(())
    }
}
