//! Opens a list, and prepares it for a pass.

use std::path::Path;

use super::entry::Entry;
use super::error::ListError;
use super::file::{Kind, Raw};
use super::journal::{Journal, JournalFile};
use super::maintain::{merge, merged_into};
use super::paths::{ListLock, ListPaths, open_if_there, remove_if_there};
use super::set::Index;
use super::sort::Sorter;
use super::text::{self, ImportReport};
use crate::conf::backend::Location;
use crate::sys::private_file::Access;

/// What is at the path of a list.
#[derive(Debug)]
pub enum Opened {
    /// A complete list, without the entries of its journal.
    Complete(Index),
    /// A list whose listing did not reach its end. It can only be resumed.
    Unfinished,
    /// Nothing.
    Absent,
    /// A text list of the old script.
    TextList {
        /// The approximate number of its lines, derived from its length.
        lines: u64,
    },
}

/// What made the list at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// There is no list, complete or not.
    Absent,
    /// A listing of this program, which may not have come to its end.
    Listing,
    /// The old script, and nothing has confirmed it since.
    OldScript,
}

/// What made the list of the objects at `location`, by its header alone. Changes nothing.
///
/// # Errors
/// When the file is no list, or lists another destination, kind or library. A list that is damaged behind its header is
/// left to [`open`].
pub fn origin(paths: &ListPaths, location: &Location) -> Result<Origin, ListError> {
    let (base, building) = (paths.base(), paths.building());
    if let Some(file) = open_if_there(base, Access::Read)? {
        match Raw::read(base, file)? {
            Kind::List(raw) => {
                let is_imported = raw.bound_to(location, paths.library())?.header.imported;
                return Ok(if is_imported { Origin::OldScript } else { Origin::Listing });
            }
            Kind::Other(file) => match text::estimate(base, &file)? {
                Some(0) => {}
                Some(_) => return Ok(Origin::OldScript),
                None => return Err(no_list(base)),
            },
        }
    }
    let Some(file) = open_if_there(&building, Access::Read)? else { return Ok(Origin::Absent) };
    // One without a good header holds nothing, and is begun anew.
    if let Ok(Kind::List(raw)) = Raw::read(&building, file) {
        raw.bound_to(location, paths.library())?;
    }
    Ok(Origin::Listing)
}

fn no_list(path: &Path) -> ListError {
    ListError::NotAList { path: path.to_owned() }
}

/// Opens the list of the objects at `location` after checking every byte of it. Changes nothing.
///
/// # Errors
/// When the file is damaged, or lists another destination, kind or library.
pub fn open(paths: &ListPaths, location: &Location) -> Result<Opened, ListError> {
    let base = paths.base();
    if let Some(file) = open_if_there(base, Access::Read)? {
        match Raw::read(base, file)? {
            Kind::List(raw) => {
                return Ok(Opened::Complete(Index::new(raw.bound_to(location, paths.library())?.complete()?)));
            }
            Kind::Other(file) => match text::estimate(base, &file)? {
                // No error, because the old script did not use an empty file either.
                Some(0) => {}
                Some(lines) => return Ok(Opened::TextList { lines }),
                None => return Err(no_list(base)),
            },
        }
    }
    Ok(if paths.building().exists() { Opened::Unfinished } else { Opened::Absent })
}

/// Opens the list file at `path` with the entries of its journal, whatever its destination, for commands that
/// show it. Changes nothing.
///
/// # Errors
/// When the list or its journal cannot be read or is damaged, or when the list is not complete.
pub fn inspect(path: &Path) -> Result<Index, ListError> {
    let file = std::fs::File::open(path).map_err(ListError::io("open", path))?;
    match Raw::read(path, file)? {
        Kind::List(raw) => {
            let set = Index::new(raw.complete()?);
            with_journal(&ListPaths::around(path, set.kind(), set.library()), set)
        }
        Kind::Other(_) => Err(ListError::NotAList { path: path.to_owned() }),
    }
}

/// A list that is ready for a pass.
#[derive(Debug)]
pub struct Prepared {
    /// The index of the destination with the entries of its journal, and the journal for further objects.
    /// `None` when the destination has to be listed, all of it or the
    /// rest: see [`SetBuilder::start_or_resume`](super::SetBuilder::start_or_resume).
    pub known: Option<(Index, Journal)>,
    /// The result of converting a text list; `None` when there was no text list.
    pub imported: Option<ImportReport>,
}

/// Prepares the list for a pass: opens it, merges a long journal into it, converts a text
/// list, and removes files that a crash left.
///
/// # Errors
/// As [`open`] and [`Journal::open`], and when files cannot be written.
pub fn prepare(lock: &ListLock, location: &Location) -> Result<Prepared, ListError> {
    let paths = lock.paths();
    remove_if_there(&paths.merging())?;
    let (set, imported) = match open(paths, location)? {
        Opened::Complete(set) => (set, None),
        Opened::TextList { .. } => {
            let (set, report) = text::import(lock, location)?;
            (set, Some(report))
        }
        Opened::Unfinished | Opened::Absent => return Ok(Prepared { known: None, imported: None }),
    };
    // Removed, because a complete list replaces an unfinished one.
    remove_if_there(&paths.building())?;
    let journal = Journal::open(lock, &set)?;
    let (set, journal) = if is_long(journal.len(), &set) {
        merge(lock, &set, journal)?
    } else {
        (set.with_newer(sorted(paths, journal.journal_file())?), journal)
    };
    Ok(Prepared { known: Some((set, journal)), imported })
}

/// The index of the destination with the entries of its journal, for a dry run: nothing is changed, locked or left
/// behind. `None` when there is no complete list.
///
/// # Errors
/// As [`prepare`].
pub fn open_read_only(paths: &ListPaths, location: &Location) -> Result<Option<Index>, ListError> {
    let set = match open(paths, location)? {
        Opened::Complete(set) => set,
        Opened::TextList { .. } => {
            let (folder, elsewhere) = temporary(paths)?;
            let (set, _) = text::import_into(paths.base(), &elsewhere, location)?;
            // Removed already, because the map keeps the file's content and its name is not needed any more.
            drop(folder);
            return Ok(Some(set));
        }
        Opened::Unfinished | Opened::Absent => return Ok(None),
    };
    with_journal(paths, set).map(Some)
}

/// The index with the entries of its journal. The list on disk is not changed.
fn with_journal(paths: &ListPaths, set: Index) -> Result<Index, ListError> {
    let Some(journal_file) = JournalFile::open(&paths.journal(), &set, Access::Read)? else { return Ok(set) };
    let (folder, elsewhere) = temporary(paths)?;
    if !is_long(journal_file.records(), &set) {
        return Ok(set.with_newer(sorted(&elsewhere, &journal_file)?));
    }
    let merged = merged_into(&elsewhere, &set, &journal_file)?;
    // Removed already, because the map keeps the file's content and its name is not needed any more.
    drop(folder);
    Ok(merged)
}

/// Paths of a list of the same kind in a temporary folder.
fn temporary(paths: &ListPaths) -> Result<(tempfile::TempDir, ListPaths), ListError> {
    let folder = tempfile::tempdir().map_err(ListError::io("make a folder in", &tempfile::env::temp_dir()))?;
    let elsewhere = ListPaths::new(&folder.path().join("list"), paths.kind(), paths.library());
    Ok((folder, elsewhere))
}

/// Whether a journal is merged into the list instead of being kept in memory: above a million records (44 MB), or above
/// an eighth of the list, when writing the list again costs little more than keeping the entries twice.
fn is_long(records: u64, set: &Index) -> bool {
    records > (set.len() / 8).clamp(4 << 10, 1 << 20)
}

/// The journal's entries in order, the newest of each key.
fn sorted(paths: &ListPaths, journal_file: &JournalFile) -> Result<Vec<Entry>, ListError> {
    let mut sorter = Sorter::new(paths.folder());
    journal_file.entries().try_for_each(|entry| sorter.push(entry?))?;
    sorter.sorted()?.collect()
}
