//! Asks the destination whether it still holds what the list says, for a random sample.
//!
//! A sample is taken when the user asks for one (`--recheck`), and always for a list that was
//! converted from the old script's text form: that script trusted interrupted listings. The part of
//! the list in which something is missing is given up and listed again; a text list in which
//! anything is missing is given up as a whole.

use std::sync::{Mutex, PoisonError};

use crate::flow::pool;
use crate::index::from_listing::ListingError;
use crate::index::{self, Index, ListError, ListLock};
use crate::object::{KeyRange, ObjectKey};
use crate::store::{ErrorKind, Listed, ReadStore, SizeMatch, StoreError, found};
use crate::sys::shutdown::Shutdown;

/// The share of an imported list that is asked for, and the least number of objects.
const IMPORTED_PERCENT: f64 = 1.0;
const IMPORTED_LEAST: u64 = 1000;

/// What a sample found.
#[derive(Debug, Default)]
pub struct Sampled {
    /// How many objects were asked for.
    pub asked: u64,
    /// Those that are not at the destination, or are shorter there than the list says; ascending.
    pub missing: Vec<ObjectKey>,
}

/// How many objects of `set` to ask for, when the user asks for `percent` of it.
pub fn sample_size(set: &Index, percent: f64) -> u64 {
    let share = |percent: f64| (set.len() as f64 * percent / 100.0).ceil() as u64;
    let imported = if set.is_imported() { share(IMPORTED_PERCENT).max(IMPORTED_LEAST) } else { 0 };
    share(percent).max(imported).min(set.len())
}

/// Asks `destination` for `wanted` random objects of `set`, `workers` at a time.
///
/// # Errors
/// When the destination or the list fails; then nothing is known about either.
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
