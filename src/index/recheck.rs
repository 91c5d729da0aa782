//! Checks for a random sample of the listed objects whether the destination still holds them.
//!
//! A sample is taken when the user asks for one (`--recheck`), and always for a list that was
//! converted from a text list of the old script, because that script trusted interrupted listings. Each shard in which
//! a sampled object is missing is discarded and listed again. A converted list is discarded as a whole when
//! any object is missing.

use std::sync::{Mutex, PoisonError};

use crate::flow::pool;
use crate::index::from_listing::ListingError;
use crate::index::{self, Index, ListError, ListLock};
use crate::object::{KeyRange, ObjectKey};
use crate::store::{ErrorKind, Listed, ReadStore, SizeMatch, StoreError, found};
use crate::sys::shutdown::Shutdown;

/// The share of an imported list that is checked, in percent, and the least number of objects.
const IMPORTED_PERCENT: f64 = 1.0;
const IMPORTED_LEAST: u64 = 1000;

/// The result of checking a sample.
#[derive(Debug, Default)]
pub struct Sampled {
    /// The number of objects that were checked.
    pub asked: u64,
    /// The objects that the destination does not hold, or holds with fewer bytes than the list says; ascending.
    pub missing: Vec<ObjectKey>,
}

/// The number of objects of `set` to check when the user asks for `percent` of them.
pub fn sample_size(set: &Index, percent: f64) -> u64 {
    let share = |percent: f64| (set.len() as f64 * percent / 100.0).ceil() as u64;
    let imported = if set.is_imported() { share(IMPORTED_PERCENT).max(IMPORTED_LEAST) } else { 0 };
    share(percent).max(imported).min(set.len())
}

/// Checks `wanted` random objects of `set` at `destination`, `workers` at a time.
///
/// # Errors
/// When the destination or the list fails; the objects are then unchecked.
pub fn sample(
    set: &Index,
    destination: &dyn ReadStore,
    wanted: u64,
    workers: usize,
    shutdown: &Shutdown,
) -> Result<Sampled, ListingError> {
    let (missing, failure) = (Mutex::new(Vec::new()), Mutex::new(None));
    let ask = |object: Listed| match found(destination.size(&object.key)) {
        Ok(size) if size.is_some() && SizeMatch::of(size, object.size) != SizeMatch::Shorter => {}
        Ok(_) => missing.lock().unwrap_or_else(PoisonError::into_inner).push(object.key),
        Err(error) => {
            failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(ListingError::Store(error));
        }
    };
    let has_failed = || failure.lock().unwrap_or_else(PoisonError::into_inner).is_some();
    let asked = pool::run(
        workers,
        workers * 4,
        |queue| {
            let mut asked = 0;
            for object in set.sample(wanted, fastrand::u64(..)) {
                let object = object.map_err(ListingError::List)?;
                if shutdown.requested() || has_failed() || !queue.put(object) {
                    break;
                }
                asked += 1;
            }
            Ok::<_, ListingError>(asked)
        },
        ask,
    )
    .map_err(|error| no_worker(destination, &error))??;
    if let Some(failure) = failure.into_inner().unwrap_or_else(PoisonError::into_inner) {
        return Err(failure);
    }
    if shutdown.requested() {
        return Err(ListingError::Interrupted);
    }
    let mut missing = missing.into_inner().unwrap_or_else(PoisonError::into_inner);
    missing.sort_unstable();
    Ok(Sampled { asked, missing })
}

fn no_worker(destination: &dyn ReadStore, error: &std::io::Error) -> ListingError {
    let (place, cause) = (destination.location().to_string(), format!("no worker thread could be started: {error}"));
    ListingError::Store(StoreError::new(ErrorKind::Setup, "ask", place, cause))
}

/// Gives up what the sample has shown to be wrong. The list is unfinished then, and is to be
/// completed by listing.
///
/// # Errors
/// When the list cannot be changed.
pub fn give_up(lock: &ListLock, set: Index, missing: &[ObjectKey]) -> Result<(), ListError> {
    if set.is_imported() {
        drop(set);
        return index::forget_all(lock);
    }
    let mut ranges: Vec<KeyRange> = missing.iter().map(|key| set.shard_of(key).range).collect();
    ranges.dedup();
    index::forget(lock, set, &ranges)
}
