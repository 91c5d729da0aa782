//! Whether what a run would copy has room where it goes.

use serde::Serialize;

use crate::conf::{BackendConf, SideConf, StoreConf};
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
    let stores = to.stores.values().filter(|store| !store.stays);
    for (store, needed) in stores.flat_map(|store| needed_by_leaf(store, counters)) {
        let BackendConf::Fs(fs) = &store.backend else { continue };
        let Ok(system) = file_system(&fs.dir) else { continue };
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

/// The bytes that a run would write to a store, or to that of each of its storage classes.
fn needed_by_leaf(store: &StoreConf, counters: &Counters) -> Vec<(StoreConf, u64)> {
    let kind = store.kind;
    let Some(classes) = store.classes() else {
        return vec![(store.clone(), counters.kind(kind).to_copy_bytes.get())];
    };
    let mut leaves: Vec<(StoreConf, u64)> = store.leaves().into_iter().map(|leaf| (leaf, 0)).collect();
    let (positions, placement) = (classes.leaf_of_class(), classes.placement.as_deref());
    for (library, counts) in counters.library_rows() {
        let class = placement.and_then(|placement| placement.class_of(library)).unwrap_or(classes.default_id());
        if let Some((_, needed)) = positions.get(class).and_then(|position| leaves.get_mut(*position)) {
            *needed += counts[kind].to_copy_bytes;
        }
    }
    leaves
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
