//! Keeping a list true: taking the journal in, giving parts up that are to be listed again, and
//! noting that an imported list was confirmed.
//!
//! Each writes a new file beside the list and renames it, so that a crash leaves the list as it was
//! or as it will be.

use super::build::SetBuilder;
use super::error::ListError;
use super::format::Header;
use super::journal::{Journal, Noted};
use super::merge::copy_into;
use super::paths::{ListLock, ListPaths, remove_if_there, sync_folder};
use super::set::Index;
use super::sort::Sorter;
use crate::object::KeyRange;

/// Writes the list anew with the journal in it; the journal begins again, empty.
///
/// # Errors
/// When the journal cannot be read or the new list not be written; the old one stands then.
pub fn merge(lock: &ListLock, set: &Index, journal: Journal) -> Result<(Index, Journal), ListError> {
    let merged = merged_into(lock.paths(), set, journal.noted())?;
    // The new list has a number of its own, so that this journal is out of date from the moment
    // the list is in place; a crash before the next line changes nothing.
    drop(journal);
    let journal = Journal::open(lock, &merged)?;
    Ok((merged, journal))
}

/// Writes `set` and `noted` as one list to `paths`.
pub(super) fn merged_into(paths: &ListPaths, set: &Index, noted: &Noted) -> Result<Index, ListError> {
    let mut sorter = Sorter::new(paths.folder());
    noted.entries().try_for_each(|entry| sorter.push(entry?))?;
    let header = Header { set_id: fastrand::u64(1..), ..set.header().clone() };
    let builder = SetBuilder::create(paths, paths.merging(), header)?;
    copy_into(builder.writer(), &set.file, &[], sorter.sorted()?)?;
    builder.finish()
}

/// Gives up what the list says about `ranges` (ascending, disjoint): they count as not listed, and
/// the list as unfinished, until [`SetBuilder::start_or_resume`] and a listing of them completed it again.
///
/// # Errors
/// When files cannot be written; the list may then still stand as it was.
pub fn forget(lock: &ListLock, set: Index, ranges: &[KeyRange]) -> Result<(), ListError> {
    let paths = lock.paths();
    let header = Header { set_id: fastrand::u64(1..), ..set.header().clone() };
    let builder = SetBuilder::create(paths, paths.building(), header)?;
    copy_into(builder.writer(), &set.file, ranges, set.newer().iter().copied().map(Ok))?;
    builder.suspend()?;
    // Only now, because until here a crash must leave the whole list.
    remove_if_there(paths.base())?;
    sync_folder(paths.base())
}

/// Gives up all of the list, complete or not, so that the destination is listed anew.
///
/// # Errors
/// When files cannot be removed.
pub fn forget_all(lock: &ListLock) -> Result<(), ListError> {
    let paths = lock.paths();
    remove_if_there(&paths.building())?;
    remove_if_there(paths.base())?;
    sync_folder(paths.base())
}

/// Notes that a list made from a text list holds what the destination holds.
///
/// # Errors
/// When the list cannot be written anew.
pub fn confirm(lock: &ListLock, set: Index) -> Result<Index, ListError> {
    let paths = lock.paths();
    // It stays the same set, so that its journal still belongs to it.
    let header = Header { imported: false, ..set.header().clone() };
    let builder = SetBuilder::create(paths, paths.merging(), header)?;
    copy_into(builder.writer(), &set.file, &[], std::iter::empty())?;
    Ok(builder.finish()?.with_newer(set.newer().to_vec()))
}
