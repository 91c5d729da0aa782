//! Keeping other processes of this kernel away from a destination: a lock of the kernel (`flock`) on the folder itself,
//! which is one and the same whatever path, mount or container leads there.

use rustix::fs::{FlockOperation, Mode, OFlags, flock};
use rustix::io::Errno;

use super::FsStore;
use crate::store::{ErrorKind, Exclusion, KernelLock, StoreError};

/// File systems on a disk, or in the memory, of this machine, by the number that `statfs` gives (linux/magic.h): every
/// process that writes there by this kernel sees the lock. Overlays are not among them, because the folder below one is
/// another folder to the kernel.
const LOCAL: [u32; 8] = [
    0xEF53,      // ext2, ext3, ext4
    0x5846_5342, // XFS
    0x9123_683E, // Btrfs
    0x0102_1994, // tmpfs
    0x2FC1_2FC1, // ZFS
    0xF2F5_2010, // F2FS
    0xCA45_1A4E, // bcachefs
    0x3153_464A, // JFS
];

impl FsStore {
    /// Locks the folder of the kind.
    pub(super) fn lock_folder(&self) -> Result<Exclusion, StoreError> {
        let failed = |errno: Errno| {
            StoreError::new(ErrorKind::Setup, "lock", self.root.display().to_string(), std::io::Error::from(errno))
        };
        // The kernel's number has 32 bits; the field is as wide as the machine's word, with a sign.
        let number = rustix::fs::fstatfs(&self.folder).map_err(failed)?.f_type as u32;
        if !LOCAL.contains(&number) {
            return Ok(Exclusion::NotOffered);
        }
        // Opened anew, because a lock belongs to a descriptor, and this one is to be the lock alone.
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let own = rustix::fs::openat(&self.folder, ".", flags, Mode::empty()).map_err(failed)?;
        match flock(&own, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Exclusion::Acquired(KernelLock::held_by(own))),
            Err(Errno::WOULDBLOCK) => Ok(Exclusion::Taken),
            Err(errno) => Err(failed(errno)),
        }
    }
}
