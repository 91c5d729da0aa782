//! What is there of a list, and what has to be done before a pass can use it.

use std::path::Path;

use super::entry::Entry;
use super::error::ListError;
use super::file::{Kind, Raw};
use super::journal::{Journal, Noted};
use super::maintain::{merge, merged_into};
use super::paths::{ListLock, ListPaths, open_if_there, remove_if_there};
use super::set::Index;
use super::sort::Sorter;
use super::text::{self, ImportReport};
use crate::conf::backend::Location;
use crate::sys::private_file::Access;

/// What is at the place of a list.
#[derive(Debug)]
pub enum Opened {
    /// A complete list; the journal's entries are not in it.
    Complete(Index),
    /// A listing that did not come to its end. Only good to be continued.
    Unfinished,
    /// Nothing.
    Absent,
    /// A text list of the old script.
    TextList {
        /// About how many lines it has, judged by its length.
        lines: u64,
    },
}

/// Opens the list of what is at `location`, after checking every byte of it. Changes nothing.
///
/// # Errors
/// When there is a file that is damaged, or about something else.
pub fn open(paths: &ListPaths, location: &Location) -> Result<Opened, ListError> {
    let base = paths.base();
    if let Some(file) = open_if_there(base, Access::Read)? {
        match Raw::read(base, file)? {
            Kind::List(raw) => {
                return Ok(Opened::Complete(Index::new(raw.bound_to(location, paths.library())?.complete()?)));
            }
            Kind::Other(file) => match text::estimate(base, &file)? {
                // No error, because an empty file was no list for the old script either.
                Some(0) => {}
                Some(lines) => return Ok(Opened::TextList { lines }),
                None => return Err(ListError::damaged(base, "it is neither a list nor a text list", 0)),
            },
        }
    }
    Ok(if paths.building().exists() { Opened::Unfinished } else { Opened::Absent })
}

/// Opens the file of a list by its name alone, whatever destination it is about, with its journal over
/// it: for commands that show it. Changes nothing.
///
/// # Errors
/// When either cannot be read or is damaged, or when it is no complete list.
pub fn inspect(path: &Path) -> Result<Index, ListError> {
    let file = std::fs::File::open(path).map_err(ListError::io("open", path))?;
    match Raw::read(path, file)? {
        Kind::List(raw) => {
            let set = Index::new(raw.complete()?);
            with_journal(&ListPaths::around(path, set.kind(), set.library()), set)
        }
        Kind::Other(_) => Err(ListError::damaged(path, "it is not a list of this program", 0)),
    }
}

/// What a pass has to go by.
#[derive(Debug)]
pub struct Prepared {
    /// What the destination is known to hold, earlier notes of the journal included, and the journal
    /// to note further objects in. `None` when the destination has to be listed, all of it or the
    /// rest: see [`SetBuilder::start_or_resume`](super::SetBuilder::start_or_resume).
    pub known: Option<(Index, Journal)>,
    /// What came of a text list that was found and converted.
    pub imported: Option<ImportReport>,
}

/// Gets the list ready for a pass: opens it, merges a journal that has grown long, converts a text
/// list, and clears away what a crash left.
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
    // Whatever was once begun is of no use now, because a complete list has taken its place.
    remove_if_there(&paths.building())?;
    let journal = Journal::open(lock, &set)?;
    let (set, journal) = if is_long(journal.len(), &set) {
        merge(lock, &set, journal)?
    } else {
        (set.with_newer(sorted(paths, journal.noted())?), journal)
    };
    Ok(Prepared { known: Some((set, journal)), imported })
}

/// What the destination is known to hold, without changing, locking or leaving anything: for a dry
/// run. `None` when there is no complete list.
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

/// The set with its journal over it, nothing on disk changed.
fn with_journal(paths: &ListPaths, set: Index) -> Result<Index, ListError> {
    let Some(noted) = Noted::open(&paths.journal(), &set, Access::Read)? else { return Ok(set) };
    let (folder, elsewhere) = temporary(paths)?;
    if !is_long(noted.records(), &set) {
        return Ok(set.with_newer(sorted(&elsewhere, &noted)?));
    }
    let merged = merged_into(&elsewhere, &set, &noted)?;
    // Removed already, because the map keeps the file's content and its name is not needed any more.
    drop(folder);
    Ok(merged)
}

/// Paths in a temporary folder, for a list of the same kind.
fn temporary(paths: &ListPaths) -> Result<(tempfile::TempDir, ListPaths), ListError> {
    let folder = tempfile::tempdir().map_err(ListError::io("make a folder in", &tempfile::env::temp_dir()))?;
    let elsewhere = ListPaths::new(&folder.path().join("list"), paths.kind(), paths.library());
    Ok((folder, elsewhere))
}

/// Whether so many records are better merged than kept in memory: past a million (44 MB), or past
/// an eighth of the list, where writing it anew costs little more than having it twice.
fn is_long(records: u64, set: &Index) -> bool {
    records > (set.len() / 8).clamp(4 << 10, 1 << 20)
}

/// The journal's entries in order, the newest of each key.
fn sorted(paths: &ListPaths, noted: &Noted) -> Result<Vec<Entry>, ListError> {
    let mut sorter = Sorter::new(paths.folder());
    noted.entries().try_for_each(|entry| sorter.push(entry?))?;
    sorter.sorted()?.collect()
}
