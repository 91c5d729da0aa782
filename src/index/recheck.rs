//! Checks for a random sample of the listed objects whether the destination still holds them as the list says.
//!
//! A sample is taken each time before a list is used: objects can go from a destination without a trace in its identity
//! (a server's garbage collection during a trial switch, a lifecycle rule, somebody's `rm`), and the old script trusted
//! interrupted listings. An object that is not as the list says shows that something happened to the destination that the
//! list does not know of, so nothing that is remembered is to be used then.

use std::sync::{Mutex, PoisonError};

use crate::flow::pool;
use crate::index::Index;
use crate::index::from_listing::ListingError;
use crate::object::ObjectKey;
use crate::store::{ErrorKind, Listed, ReadStore, SizeForms, SizeMatch, StoreError, found};
use crate::sys::shutdown::Shutdown;

/// The least number of objects that are checked. With a thousand, a loss of one object in 200 goes unseen once in 150 times.
const LEAST: u64 = 1000;
/// The least share of an imported list that is checked, in percent.
const IMPORTED_PERCENT: f64 = 1.0;

/// The result of checking a sample.
#[derive(Debug, Default)]
pub struct Sampled {
    /// The number of objects that were checked.
    pub asked: u64,
    /// The objects that the destination does not hold as the list says; ascending.
    pub wrong: Vec<ObjectKey>,
}

/// The number of objects of `set` to check when the user asks for `percent` of them.
pub fn sample_size(set: &Index, percent: f64) -> u64 {
    let percent = if set.is_imported() { percent.max(IMPORTED_PERCENT) } else { percent };
    let share = (set.len() as f64 * percent / 100.0).ceil() as u64;
    share.max(LEAST).min(set.len())
}

/// Both stores of a kind, one to be asked about the list, the other about sizes that the list does not know.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// The store whose objects are listed.
    pub destination: &'a dyn ReadStore,
    /// The store that they were copied from.
    pub source: &'a dyn ReadStore,
}

/// Checks `wanted` random objects of `set`, `workers` at a time.
///
/// # Errors
/// When a store or the list fails; the objects are then unchecked.
pub fn sample(
    set: &Index,
    stores: Asked<'_>,
    wanted: u64,
    workers: usize,
    shutdown: &Shutdown,
) -> Result<Sampled, ListingError> {
    let (wrong, failure) = (Mutex::new(Vec::new()), Mutex::new(None));
    let ask = |object: Listed| match stores.holds(&object) {
        Ok(true) => {}
        Ok(false) => wrong.lock().unwrap_or_else(PoisonError::into_inner).push(object.key),
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
    .map_err(|error| no_worker(stores.destination, &error))??;
    if let Some(failure) = failure.into_inner().unwrap_or_else(PoisonError::into_inner) {
        return Err(failure);
    }
    if shutdown.requested() {
        return Err(ListingError::Interrupted);
    }
    let mut wrong = wrong.into_inner().unwrap_or_else(PoisonError::into_inner);
    wrong.sort_unstable();
    Ok(Sampled { asked, wrong })
}

impl Asked<'_> {
    /// Whether the destination holds the object as the list says.
    ///
    /// | the list's size | the destination's | |
    /// |---|---|---|
    /// | any | it has no such object | no |
    /// | 5 | 5 | yes |
    /// | 5 | 4, 6 | no |
    /// | unknown | 0 | no |
    /// | unknown | 4, and the source has 5 | no |
    /// | unknown | 5, and the source has 5, 4 or no such object | yes |
    fn holds(&self, object: &Listed) -> Result<bool, StoreError> {
        let Some(held) = found(self.destination.size(&object.key))? else { return Ok(false) };
        if let Some(listed) = object.size {
            return Ok(held == listed);
        }
        // No object of Seafile's is empty.
        if held == 0 {
            return Ok(false);
        }
        let source = found(self.source.size(&object.key))?;
        let sizes = SizeForms { held: self.destination.size_form(), expected: self.source.size_form() };
        Ok(sizes.compare(Some(held), source) != SizeMatch::Shorter)
    }
}

fn no_worker(destination: &dyn ReadStore, error: &std::io::Error) -> ListingError {
    let (place, cause) = (destination.location().to_string(), format!("no worker thread could be started: {error}"));
    ListingError::Store(StoreError::new(ErrorKind::Setup, "ask", place, cause))
}
