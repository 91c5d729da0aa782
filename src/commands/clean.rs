//! Takes away what this program keeps in the stores of a side: which store it is and what its generation is, who writes to
//! it, and what a check left that was killed.
//!
//! A server never sees these objects, so this is for tidiness, once nothing will be migrated, verified or removed any
//! more. Nobody may be writing to the side: the lease is held until the objects are gone.

use std::sync::Arc;

use crate::commands::common::failure::Failure;
use crate::commands::common::{lease, sides};
use crate::conf::StoreConf;
use crate::object::{KeyRange, ObjectKey};
use crate::report::{Console, Outcome};
use crate::store::open::{Store, open_destination_to_check};
use crate::store::{StoreError, control, found};
use crate::sys::shutdown::Shutdown;

pub mod outcome;
pub mod settings;

use outcome::CleanOutcome;
use settings::CleanSettings;

/// The objects that this program writes for itself.
const OWN: [ObjectKey; 3] = [control::PROBE, control::INCARNATION, control::LEASE];

/// Removes this program's own objects, or says how many there are, and tells how it ended.
pub fn run(settings: &CleanSettings, console: &Console, shutdown: &Shutdown) -> CleanOutcome {
    for warning in &settings.side.warnings {
        console.warning(format_args!("{warning}"));
    }
    let cleaned = clean(settings, console, shutdown);
    // First, because what fails after a signal may fail for it.
    let outcome = match Failure::interruption(shutdown).map_or(cleaned, Err) {
        Ok(count) if settings.yes => CleanOutcome::Removed(count),
        Ok(count) => CleanOutcome::DryRun(count),
        Err(failure) => CleanOutcome::Stopped(failure),
    };
    outcome.print_result(console);
    outcome
}

fn clean(settings: &CleanSettings, console: &Console, shutdown: &Shutdown) -> Result<u64, Failure> {
    let _locks = sides::lock(&settings.side)?;
    let options = settings.store.open_options(console, shutdown);
    let leaves = settings.side.stores.values().flat_map(StoreConf::leaves);
    let stores = leaves.map(|leaf| open_destination_to_check(&leaf, &options)).collect::<Result<Vec<_>, _>>()?;
    let count = count(&stores)?;
    if !settings.yes || count == 0 {
        return Ok(count);
    }
    let own = lease::leased_stores(&settings.side, &settings.store)?;
    let lease = lease::claim(&own, &settings.lease, None, shutdown)?;
    lease::confirm(&lease, shutdown)?;
    lease::release(lease, console);
    remove(&stores)?;
    Ok(count)
}

/// How many of this program's own objects there are.
fn count(stores: &[Arc<dyn Store>]) -> Result<u64, StoreError> {
    let mut count = 0;
    for store in stores {
        for key in &OWN {
            count += u64::from(found(store.size(key))?.is_some());
        }
    }
    Ok(count)
}

fn remove(stores: &[Arc<dyn Store>]) -> Result<(), StoreError> {
    for store in stores {
        OWN.iter().try_for_each(|key| store.remove(key))?;
        store.remove_empty_folders(&KeyRange::library(control::LIBRARY))?;
    }
    Ok(())
}
