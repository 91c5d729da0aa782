//! Making what was written survive a power loss: one `syncfs` for everything instead of an `fsync`
//! for each file, which costs ten times as much.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::sync::{Mutex, OnceLock, PoisonError};

/// Knows every file system that objects were written to.
#[derive(Debug)]
pub(super) struct Durability {
    /// The device that `storage/<kind>` is on.
    root_device: u64,
    /// A descriptor for each further device: library folders may be links or mounts.
    others: Mutex<HashMap<u64, OwnedFd>>,
    /// The first failure. The kernel reports a lost write once per descriptor, so a later `syncfs`
    /// succeeds and proves nothing about the writes before it: the failure has to be remembered.
    failure: OnceLock<String>,
}

impl Durability {
    pub(super) fn new(root_device: u64) -> Self {
        Self { root_device, others: Mutex::default(), failure: OnceLock::new() }
    }

    /// Remembers the file system of a file that was just created.
    pub(super) fn note(&self, file: &File) -> io::Result<()> {
        let device = file.metadata()?.dev();
        if device == self.root_device {
            return Ok(());
        }
        let mut others = self.others.lock().unwrap_or_else(PoisonError::into_inner);
        if let std::collections::hash_map::Entry::Vacant(place) = others.entry(device) {
            place.insert(file.as_fd().try_clone_to_owned()?);
        }
        Ok(())
    }

    /// Flushes every file system written to; the text says what failed and what it means.
    pub(super) fn sync(&self, folder: &OwnedFd) -> Result<(), String> {
        let flushed = self.flush(folder);
        if let Err(cause) = flushed {
            self.failure.get_or_init(|| {
                format!(
                    "{cause}; the file system lost data it had taken (perhaps of another program), so nothing \
                     written since the last good sync can be trusted: look at the disk, then run again"
                )
            });
        }
        self.failure.get().map_or(Ok(()), |failure| Err(failure.clone()))
    }

    fn flush(&self, folder: &OwnedFd) -> io::Result<()> {
        rustix::fs::syncfs(folder)?;
        let others = self.others.lock().unwrap_or_else(PoisonError::into_inner);
        others.values().try_for_each(rustix::fs::syncfs)?;
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_sync_that_failed_once_stays_failed() {
        let folder = tempfile::tempdir().unwrap();
        let durability = Durability::new(0);
        let works = OwnedFd::from(File::open(folder.path()).unwrap());
        durability.sync(&works).unwrap();
        // The kernel refuses to sync by a descriptor that is only a path.
        let fails = rustix::fs::open(folder.path(), rustix::fs::OFlags::PATH, rustix::fs::Mode::empty()).unwrap();
        let first = durability.sync(&fails).unwrap_err();
        assert_eq!(durability.sync(&works).unwrap_err(), first);
    }

    #[test]
    fn further_devices_are_remembered_once() {
        let file = tempfile::tempfile().unwrap();
        let device = file.metadata().unwrap().dev();
        let (elsewhere, here) = (Durability::new(device + 1), Durability::new(device));
        for _ in 0..2 {
            elsewhere.note(&file).unwrap();
            here.note(&file).unwrap();
        }
        assert_eq!(elsewhere.others.lock().unwrap().len(), 1);
        assert!(here.others.lock().unwrap().is_empty());
        elsewhere.sync(&OwnedFd::from(file)).unwrap();
    }
}
