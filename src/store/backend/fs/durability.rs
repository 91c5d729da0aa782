//! Making what was written survive a power loss: one `syncfs` for everything instead of an `fsync`
//! for each file, which costs ten times as much, wherever that one can be believed.

use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Mutex, OnceLock, PoisonError};

use rustix::io::Errno;

/// How the files of one file system are made durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Method {
    /// All at once, by `syncfs`.
    Together,
    /// Each file, and the folder that names it, by `fsync`.
    EachObject,
}

/// File systems whose bytes are kept by somebody else than the kernel, by the number that `statfs` gives (linux/magic.h,
/// and the headers of those that are not in it). There `syncfs` writes out what the kernel holds, and returns before, or
/// without, a word from whoever keeps it: on FUSE the program behind it is not even told.
const KEPT_ELSEWHERE: [(u32, &str); 12] = [
    (0x6573_5546, "FUSE"),
    (0x6969, "NFS"),
    (0xFF53_4D42, "CIFS"),
    (0xFE53_4D42, "SMB"),
    (0x517B, "SMB"),
    (0x0102_1997, "9p"),
    (0x00C3_6400, "CephFS"),
    (0x5346_414F, "AFS"),
    (0x7375_7245, "Coda"),
    (0x0BD0_0BD0, "Lustre"),
    (0x4750_4653, "GPFS"),
    (0x786F_4256, "VirtualBox shared folders"),
];

/// The first Linux whose `syncfs` reports bytes that could not be written (major, minor).
const REPORTS_LOSSES: KernelVersion = KernelVersion { major: 5, minor: 8 };

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct KernelVersion {
    major: u32,
    minor: u32,
}

impl KernelVersion {
    /// Of a release as `uname` gives it, such as `5.4.0-216-generic`.
    fn parse(release: &str) -> Option<Self> {
        let mut numbers = release.split(|c: char| !c.is_ascii_digit());
        Some(Self { major: numbers.next()?.parse().ok()?, minor: numbers.next()?.parse().ok()? })
    }
}

/// Why everything cannot be synced at once on a file system of this number, under a kernel of this release; `None` where
/// it can.
fn why_each_object(file_system: u32, release: &str) -> Option<String> {
    if let Some((_, name)) = KEPT_ELSEWHERE.iter().find(|(number, _)| *number == file_system) {
        return Some(format!("it is on {name}, where syncing a whole file system says nothing about its files"));
    }
    match KernelVersion::parse(release) {
        Some(version) if version >= REPORTS_LOSSES => None,
        _ => Some(format!(
            "this kernel ({release}) does not say of a whole file system whether bytes were lost (Linux 5.8 and later do)"
        )),
    }
}

/// The reason for [`Method::EachObject`] on the file system of `file`, or `None`.
fn reason(file: impl AsFd) -> Result<Option<String>, Errno> {
    // The kernel's number has 32 bits; the field is as wide as the machine's word, with a sign.
    let number = rustix::fs::fstatfs(file)?.f_type as u32;
    Ok(why_each_object(number, &rustix::system::uname().release().to_string_lossy()))
}

/// A file system beside that of the store's folder: library folders may be mounts.
#[derive(Debug)]
struct Other {
    folder: OwnedFd,
    method: Method,
}

/// Knows every file system that objects were written to, and how each is synced.
#[derive(Debug)]
pub(super) struct Durability {
    /// The device that `storage/<kind>` is on.
    root_device: u64,
    /// Why each object of it is synced on its own; `None` where all are synced at once.
    root_reason: Option<String>,
    /// Each further device.
    others: Mutex<HashMap<u64, Other>>,
    /// The first failure. The kernel reports a lost write once per descriptor, so a later `syncfs`
    /// succeeds and proves nothing about the writes before it: the failure has to be remembered.
    failure: OnceLock<String>,
}

impl Durability {
    /// For a store whose folder this is; decided here for as long as the store is open.
    pub(super) fn of(folder: &OwnedFd) -> Result<Self, Errno> {
        let device = rustix::fs::fstat(folder)?.st_dev;
        Ok(Self {
            root_device: device,
            root_reason: reason(folder)?,
            others: Mutex::default(),
            failure: OnceLock::new(),
        })
    }

    /// Why the store's own file system is synced object by object; `None` where it is not.
    pub(super) fn reason(&self) -> Option<&str> {
        self.root_reason.as_deref()
    }

    /// How what is written in `folder` is made durable; its file system is remembered for [`Durability::sync`].
    pub(super) fn method_of(&self, folder: &OwnedFd) -> Result<Method, Errno> {
        let device = rustix::fs::fstat(folder)?.st_dev;
        let method = |reason: Option<&str>| if reason.is_some() { Method::EachObject } else { Method::Together };
        if device == self.root_device {
            return Ok(method(self.reason()));
        }
        let mut others = self.others.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = others.get(&device) {
            return Ok(known.method);
        }
        let folder = rustix::io::fcntl_dupfd_cloexec(folder, 0)?;
        let method = method(reason(&folder)?.as_deref());
        others.insert(device, Other { folder, method });
        Ok(method)
    }

    /// Flushes every file system written to, but for those on which each object was synced when it was written; the
    /// text says what failed and what it means.
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
        if self.root_reason.is_none() {
            rustix::fs::syncfs(folder)?;
        }
        let others = self.others.lock().unwrap_or_else(PoisonError::into_inner);
        let together = others.values().filter(|other| other.method == Method::Together);
        together.map(|other| &other.folder).try_for_each(rustix::fs::syncfs)?;
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::fs::File;

    use super::*;

    fn on_device(root_device: u64) -> Durability {
        Durability { root_device, root_reason: None, others: Mutex::default(), failure: OnceLock::new() }
    }

    #[test]
    fn a_sync_that_failed_once_stays_failed() {
        let folder = tempfile::tempdir().unwrap();
        let durability = on_device(0);
        let works = OwnedFd::from(File::open(folder.path()).unwrap());
        durability.sync(&works).unwrap();
        // The kernel refuses to sync by a descriptor that is only a path.
        let fails = rustix::fs::open(folder.path(), rustix::fs::OFlags::PATH, rustix::fs::Mode::empty()).unwrap();
        let first = durability.sync(&fails).unwrap_err();
        assert_eq!(durability.sync(&works).unwrap_err(), first);
    }

    #[test]
    fn further_devices_are_remembered_once() {
        let folder = tempfile::tempdir().unwrap();
        let folder = OwnedFd::from(File::open(folder.path()).unwrap());
        let device = rustix::fs::fstat(&folder).unwrap().st_dev;
        let (elsewhere, here) = (on_device(device + 1), on_device(device));
        for _ in 0..2 {
            elsewhere.method_of(&folder).unwrap();
            here.method_of(&folder).unwrap();
        }
        assert_eq!(elsewhere.others.lock().unwrap().len(), 1);
        assert!(here.others.lock().unwrap().is_empty());
        elsewhere.sync(&folder).unwrap();
    }

    #[test]
    fn everything_is_synced_at_once_only_where_the_kernel_answers_for_it() {
        const EXT4: u32 = 0xEF53;
        for (number, name) in KEPT_ELSEWHERE {
            assert!(why_each_object(number, "6.18.44").unwrap().contains(name));
        }
        for (release, together) in [
            ("6.18.44-fc", true),
            ("5.8.0", true),
            ("5.10", true),
            ("10.0.1", true),
            ("5.4.0-216-generic", false),
            ("4.19.0", false),
            ("5.7.19", false),
            ("strange", false),
            ("", false),
        ] {
            assert_eq!(why_each_object(EXT4, release).is_none(), together, "{release}");
        }
    }
}
