//! Changes to a complete list: merging its journal, removing it so that all is listed again, and marking an imported list
//! as confirmed.
//!
//! Each change writes a new file beside the list and renames it, so that a crash leaves either the old list
//! or the new one.

use super::build::SetBuilder;
use super::error::ListError;
use super::format::Header;
use super::journal::{Journal, JournalFile};
use super::merge::copy_into;
use super::paths::{ListLock, ListPaths, remove_if_there, sync_folder};
use super::set::Index;
use super::sort::Sorter;

/// Writes a new list with the entries of the journal, and begins an empty journal.
///
/// # Errors
/// When the journal cannot be read or the new list cannot be written; the old list then remains.
pub fn merge(lock: &ListLock, set: &Index, journal: Journal) -> Result<(Index, Journal), ListError> {
    let merged = merged_into(lock.paths(), set, journal.journal_file())?;
    // The new list has a new number, so this journal is out of date as soon as
    // the list is renamed; a crash before the next line does no harm.
    drop(journal);
    let journal = Journal::open(lock, &merged)?;
    Ok((merged, journal))
}

/// Writes the entries of `set` and `journal_file` as one list to `paths`.
pub(super) fn merged_into(paths: &ListPaths, set: &Index, journal_file: &JournalFile) -> Result<Index, ListError> {
    let mut sorter = Sorter::new(paths.folder());
    journal_file.entries().try_for_each(|entry| sorter.push(entry?))?;
    let header = Header { set_id: fastrand::u64(1..), ..set.header().clone() };
    let builder = SetBuilder::create(paths, paths.merging(), header)?;
    copy_into(builder.writer(), &set.file, sorter.sorted()?)?;
    builder.finish()
}

/// Removes the list, complete or not, so that the destination is listed again.
///
/// # Errors
/// When files cannot be removed.
pub fn forget_all(lock: &ListLock) -> Result<(), ListError> {
    let paths = lock.paths();
    remove_if_there(&paths.building())?;
    remove_if_there(paths.base())?;
    sync_folder(paths.base())
}

/// Marks a list that was converted from a text list as confirmed.
///
/// # Errors
/// When the new list cannot be written.
pub fn confirm(lock: &ListLock, set: Index) -> Result<Index, ListError> {
    let paths = lock.paths();
    // The number of the index stays the same, so that its journal still belongs to it.
    let header = Header { imported: false, ..set.header().clone() };
    let builder = SetBuilder::create(paths, paths.merging(), header)?;
    copy_into(builder.writer(), &set.file, std::iter::empty())?;
    Ok(builder.finish()?.with_newer(set.newer().to_vec()))
}
