//! Brings back what is in quarantine: each object to the place from which it was removed.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::delete::{ranges, remove_folders};
use super::report::RemovalCounts;
use super::settings::RemoveSettings;
use crate::commands::common::failure::Failure;
use crate::listing::{Stream, WalkError, walk};
use crate::object::{KeyRange, ObjectKind};
use crate::report::{Console, format};
use crate::store::open::open_quarantine;
use crate::store::{Listed, RemoveStore, StoreError};
use crate::sys::shutdown::Shutdown;

/// What came of bringing back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Restored {
    /// Objects that are back in their places; in a dry run, objects in quarantine.
    pub put_back: u64,
    /// Objects that stay in quarantine, because the source has one of the same name.
    pub left: u64,
}

/// Brings back what is in quarantine of the libraries that were named, or of all; commits last, so that what points at
/// an object comes back after it. In a dry run only counts.
///
/// # Errors
/// When a quarantine cannot be listed, or an object cannot be moved; what was moved before is in its place.
pub fn restore(settings: &RemoveSettings, console: &Console, shutdown: &Shutdown) -> Result<Restored, Failure> {
    let mut all = Restored::default();
    for kind in ObjectKind::COPY_ORDER {
        let Some(quarantine) = open_quarantine(settings.from.store(kind))? else {
            console.log(format_args!("[{kind}] nothing is in quarantine"));
            continue;
        };
        let of_kind = restore_kind(kind, &quarantine, settings, shutdown)?;
        if settings.yes {
            remove_folders(&*quarantine, settings, console, &mut RemovalCounts::default());
        }
        let done = if settings.yes { "put back" } else { "in quarantine" };
        console.log(format_args!("[{kind}] {} {done}", format::plural(of_kind.put_back, "object")));
        all.put_back += of_kind.put_back;
        all.left += of_kind.left;
    }
    Ok(all)
}

fn restore_kind(
    kind: ObjectKind,
    quarantine: &Arc<dyn RemoveStore>,
    settings: &RemoveSettings,
    shutdown: &Shutdown,
) -> Result<Restored, Failure> {
    let (put_back, left) = (AtomicU64::new(0), AtomicU64::new(0));
    let open = || PutBack { quarantine, put_back: &put_back, left: &left, is_real: settings.yes };
    let listers = settings.store.listers_for(settings.from.store(kind));
    match walk(&**quarantine, &ranges(settings), listers, shutdown, open) {
        Ok(_) => Ok(Restored { put_back: put_back.into_inner(), left: left.into_inner() }),
        Err(WalkError::Store(error) | WalkError::Stream(error)) => Err(error.into()),
        Err(WalkError::Interrupted) => Err(Failure::cut_short("bringing back what is in quarantine")),
    }
}

/// Moves the objects of a page back.
struct PutBack<'a> {
    quarantine: &'a Arc<dyn RemoveStore>,
    put_back: &'a AtomicU64,
    left: &'a AtomicU64,
    is_real: bool,
}

impl Stream for PutBack<'_> {
    type Error = StoreError;

    fn page(&mut self, _covered: KeyRange, objects: Vec<Listed>) -> Result<(), StoreError> {
        for object in objects {
            let is_back = !self.is_real || self.quarantine.put_back(&object.key)?;
            let counter = if is_back { self.put_back } else { self.left };
            counter.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    }

    fn end(self) -> Result<(), StoreError> {
        Ok(())
    }
}
