//! Whether what a run would copy has room where it goes.

use serde::Serialize;

use crate::conf::{BackendConf, SideConf};
use crate::metrics::Counters;
use crate::report::{Console, format};
use crate::sys::free_space::file_system;

/// A file system of the destination.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Space {
    /// The folder on it, the first of several.
    pub folder: String,
    /// The bytes that a run would write there, as far as the source's listing gives sizes.
    pub needed: u64,
    /// The bytes that are free there.
    pub free: u64,
}

/// The file systems that a run would write to. Stores that are no folders say nothing of their room.
pub(super) fn of(to: &SideConf, counters: &Counters) -> Vec<Space> {
    let mut found: Vec<(u64, Space)> = Vec::new();
    for (kind, store) in to.stores.iter().filter(|(_, store)| !store.stays) {
        let BackendConf::Fs(fs) = &store.backend else { continue };
        let Ok(system) = file_system(&fs.dir) else { continue };
        let needed = counters.kind(kind).to_copy_bytes.get();
        match found.iter_mut().find(|(device, _)| *device == system.device) {
            Some((_, space)) => space.needed += needed,
            None => {
                let folder = fs.dir.display().to_string();
                found.push((system.device, Space { folder, needed, free: system.free }));
            }
        }
    }
    found.into_iter().map(|(_, space)| space).collect()
}

/// Says how much room there is, and warns where that is too little.
pub(super) fn tell(spaces: &[Space], console: &Console) {
    for Space { folder, needed, free } in spaces {
        let (n, f) = (format::bytes(*needed), format::bytes(*free));
        console.line(format_args!("Room at {folder}: {f} free, a run would write {n}"));
        if needed > free {
            console.warning(format_args!("{folder} has {f} free, and a run would write {n}; make room before it"));
        }
    }
}
