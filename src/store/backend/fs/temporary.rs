//! The names of files that are being written, before they get that of their object.
//!
//! `<38 digits>.seafmig.<16 digits>`, the latter drawn for each attempt: two processes that write one object, by
//! whatever path each knows the store, never have the same file. The server's own temporary files look alike
//! (`<38 digits>.XXXXXX`); it takes neither for an object, and nor does our listing.

use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, SystemTime};

use rustix::fs::{AtFlags, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;

use super::removing::time_of;

/// rw-------
const FILE_MODE: Mode = Mode::from_raw_mode(0o600);

/// What stands between an object's name and the digits that were drawn.
const MARK: &[u8] = b".seafmig";

/// After this long without a byte written to it, a temporary file is nobody's any more: a write takes seconds. Were
/// it somebody's all the same, the file would not be found for the rename, and that write would fail.
const ABANDONED: Duration = Duration::from_secs(24 * 3600);

/// How often a name is drawn; two of 64 bits are never the same by chance.
const DRAWS: usize = 8;

/// A file that is being written; unlinked when dropped, unless it was renamed.
pub(super) struct Temporary<'a> {
    folder: &'a OwnedFd,
    name: String,
    placed: bool,
}

impl<'a> Temporary<'a> {
    /// A new file in `folder` for the object of that name: always a new one, since one that is there may have other
    /// links or be somebody's who waits for us to write into it.
    pub(super) fn create(folder: &'a OwnedFd, object: &str) -> Result<(Self, File), Errno> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mut taken = Errno::EXIST;
        for _ in 0..DRAWS {
            let name = format!("{object}.seafmig.{:016x}", fastrand::u64(..));
            match rustix::fs::openat(folder, &name, flags, FILE_MODE) {
                Ok(file) => return Ok((Self { folder, name, placed: false }, File::from(file))),
                Err(Errno::EXIST) => taken = Errno::EXIST,
                Err(errno) => return Err(errno),
            }
        }
        Err(taken)
    }

    /// Gives the file the object's name.
    pub(super) fn place(mut self, object: &str) -> Result<(), Errno> {
        rustix::fs::renameat(self.folder, &self.name, self.folder, object)?;
        self.placed = true;
        Ok(())
    }
}

impl Drop for Temporary<'_> {
    fn drop(&mut self) {
        if !self.placed {
            // A failure is passed over, because listings pass over the file, and take it away in a day.
            let _ = rustix::fs::unlinkat(self.folder, &self.name, AtFlags::empty());
        }
    }
}

/// Whether a name in a shard's folder is that of a temporary file of ours, of this version or one before it, which drew
/// no digits.
pub(super) fn is_temporary(name: &[u8]) -> bool {
    let (Some(object), Some(rest)) = (name.get(..38), name.get(38..)) else { return false };
    let hex = |text: &[u8]| text.iter().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(byte));
    let is_ours = |rest: &[u8]| match rest.strip_prefix(b".") {
        Some(drawn) => drawn.len() == 16 && hex(drawn),
        None => rest.is_empty(),
    };
    hex(object) && rest.strip_prefix(MARK).is_some_and(is_ours)
}

/// Removes a temporary file that a crash or a kill left, if it is surely nobody's any more.
pub(super) fn remove_abandoned(folder: impl AsFd, name: &str) {
    let stat = rustix::fs::statat(&folder, name, AtFlags::SYMLINK_NOFOLLOW);
    if stat.is_ok_and(|stat| is_abandoned(&stat)) {
        // A failure is passed over, because it is only a leftover that stays.
        let _ = rustix::fs::unlinkat(&folder, name, AtFlags::empty());
    }
}

fn is_abandoned(stat: &Stat) -> bool {
    let age = SystemTime::now().duration_since(time_of(stat));
    FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile && age.is_ok_and(|age| age > ABANDONED)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_temporary_name_is_known_and_nothing_else_is() {
        let object = "f".repeat(38);
        for rest in [".seafmig", ".seafmig.0123456789abcdef"] {
            assert!(is_temporary(format!("{object}{rest}").as_bytes()), "{rest}");
        }
        for rest in ["", ".seafmig.", ".seafmig.0123", ".seafmig.0123456789abcdeF", ".a8Xk2Q", "ff.4711", ".seafmigx"] {
            assert!(!is_temporary(format!("{object}{rest}").as_bytes()), "{rest}");
        }
        assert!(!is_temporary(b"ffff.seafmig"));
    }
}
