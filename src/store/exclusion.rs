//! Keeping other processes of one kernel away from a store, where the kernel itself can tell.

use std::os::fd::OwnedFd;

/// What came of the wish to be the only process of this kernel at a store.
#[derive(Debug)]
pub enum Exclusion {
    /// This is the one, until the lock is dropped or the process ends, however it ends.
    Acquired(KernelLock),
    /// Another process of this kernel is.
    Taken,
    /// The store is no folder on a disk of this machine, so the kernel does not know who else is there.
    NotOffered,
}

/// A lock that the kernel holds for this process.
#[derive(Debug)]
pub struct KernelLock {
    _descriptors: Vec<OwnedFd>,
}

impl KernelLock {
    /// The lock of which this descriptor is the only holder.
    pub fn held_by(descriptor: OwnedFd) -> Self {
        Self { _descriptors: vec![descriptor] }
    }

    /// This lock and another one, which end together.
    #[must_use]
    pub fn and(mut self, other: Option<Self>) -> Self {
        self._descriptors.extend(other.into_iter().flat_map(|other| other._descriptors));
        self
    }
}
