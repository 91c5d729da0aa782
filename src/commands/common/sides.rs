//! Both sides of a command: their stores opened, and the lock that keeps other runs away from one of them.

use std::sync::Arc;

use crate::commands::common::encryption::on_the_way;
use crate::commands::common::failure::Failure;
use crate::conf::{SideConf, StoreConf};
use crate::object::PerKind;
use crate::report::Console;
use crate::store::open::{OpenOptions, open_destination, open_source};
use crate::store::{ReadStore, StoreError, WriteStore};
use crate::sys::lock::{DestinationLock, LockError};

/// The stores of both sides, opened: the source to be read, the destination to be written.
#[derive(Clone, Debug)]
pub struct Sides {
    /// The source.
    pub from: PerKind<Arc<dyn ReadStore>>,
    /// The destination.
    pub to: PerKind<Arc<dyn WriteStore>>,
}

/// Opens every store of both sides.
///
/// # Errors
/// When one of them cannot be opened.
pub fn open(from: &SideConf, to: &SideConf, options: &OpenOptions) -> Result<Sides, StoreError> {
    let source = |kind| open_source(from.store(kind), options);
    let destination = |kind| open_destination(to.store(kind), options);
    Ok(Sides { from: PerKind::try_from_fn(source)?, to: PerKind::try_from_fn(destination)? })
}

/// Says where each kind is on both sides, so that a place that was taken by mistake is seen before it is written to.
pub fn log_places(from: &SideConf, to: &SideConf, console: &Console) {
    for (kind, store) in from.stores.iter() {
        let (here, there) = (store.location(), to.store(kind).location());
        match to.moves(kind) {
            true => {
                let way = on_the_way(store, to.store(kind)).map_or(String::new(), |way| format!(", {way}"));
                console.log(format_args!("[{kind}] from {here} to {there}{way}"));
            }
            false => console.log(format_args!("[{kind}] stays in {here}")),
        }
    }
}

/// Acquires the locks of all stores of a side but those that stay, which nobody writes; they are held until what is returned is dropped.
///
/// # Errors
/// [`Failure::Locked`] when another run holds one, [`Failure::Refused`] when a lock file cannot be used.
pub fn lock(side: &SideConf) -> Result<Vec<DestinationLock>, Failure> {
    let locks = side
        .stores
        .values()
        .filter(|store| !store.stays)
        .flat_map(StoreConf::leaves)
        .map(|store| DestinationLock::take(&store.location().to_string()));
    locks.collect::<Result<_, _>>().map_err(|error| match error {
        LockError::Held { .. } => Failure::Locked(error.to_string()),
        LockError::Folder { .. } | LockError::Io { .. } => Failure::Refused(error.to_string()),
    })
}
