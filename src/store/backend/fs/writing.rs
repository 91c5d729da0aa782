//! Putting an object into place: a temporary file beside it, then a rename. Never in place, because
//! the file of an object may be a hard link that another library shares.
//!
//! The temporary file is `<38 digits>.seafmig`, a name that follows from the object's, so that a
//! run after a crash overwrites and renames away what the crash left. The server's own temporary
//! files look alike (`<38 digits>.XXXXXX`): it takes neither for an object, and nor does our listing.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::sync::{Mutex, PoisonError};

use rustix::fs::{AtFlags, Mode, OFlags};
use rustix::io::Errno;

use super::failure::kind_of;
use super::{FsStore, LIBRARY_LENGTH, Role, SHARD_LENGTH, object_path};
use crate::object::ObjectKey;
use crate::store::{ErrorKind, StoreError};

/// rwxr-xr-x
pub(super) const FOLDER_MODE: Mode = Mode::from_raw_mode(0o755);
/// rw-------
const FILE_MODE: Mode = Mode::from_raw_mode(0o600);

/// The objects being written at this moment, so that two writers of one object do not share a
/// temporary file.
#[derive(Debug, Default)]
pub(super) struct Claims(Mutex<HashSet<ObjectKey>>);

/// The right to an object's temporary name; given back when dropped.
struct Claim<'a> {
    claims: &'a Claims,
    key: ObjectKey,
    /// Whether nobody else writes the object now.
    alone: bool,
}

impl Claims {
    fn claim(&self, key: &ObjectKey) -> Claim<'_> {
        let alone = self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(*key);
        Claim { claims: self, key: *key, alone }
    }
}

impl Claim<'_> {
    /// The path of the temporary file. A second writer's is random; a crash leaves that one behind,
    /// which needs two writers of one object and a crash in the same moment.
    fn temporary(&self) -> String {
        let name = object_path(&self.key);
        if self.alone { format!("{name}.seafmig") } else { format!("{name}.seafmig.{:016x}", fastrand::u64(..)) }
    }
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        if self.alone {
            self.claims.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.key);
        }
    }
}

impl FsStore {
    /// Writes the object, or leaves what was there.
    pub(super) fn write_file(&self, key: &ObjectKey, data: &[u8]) -> Result<(), StoreError> {
        if self.role == Role::Source {
            let cause = "this store was opened as a source, and a source is never written";
            return Err(StoreError::object(ErrorKind::ReadOnly, "write", key, cause));
        }
        let claim = self.claims.claim(key);
        let temporary = claim.temporary();
        let written = self.create(&temporary).and_then(|file| {
            let placed = self.fill(file, data).and_then(|()| Ok(self.rename(&temporary, key)?));
            if placed.is_err() {
                // A failure is passed over, because the next write of the object takes the leftover away.
                let _ = rustix::fs::unlinkat(&self.folder, &temporary, AtFlags::empty());
            }
            placed
        });
        written.map_err(|cause| self.write_error(key, cause))
    }

    fn fill(&self, mut file: File, data: &[u8]) -> io::Result<()> {
        self.durability.note(&file)?;
        file.write_all(data)
    }

    fn rename(&self, temporary: &str, key: &ObjectKey) -> Result<(), Errno> {
        rustix::fs::renameat(&self.folder, temporary, &self.folder, object_path(key))
    }

    /// Creates the temporary file, and what it needs to be created in. Nothing is remembered about
    /// folders: trying costs less than asking first, and they may go away while we run.
    fn create(&self, temporary: &str) -> io::Result<File> {
        let created = match self.create_new(temporary) {
            Err(Errno::NOENT) => {
                self.create_folders(temporary)?;
                self.create_new(temporary)
            }
            other => other,
        };
        Ok(File::from(created?))
    }

    /// Always a new file: what a crash left is removed, not reused, since it may have other links.
    fn create_new(&self, temporary: &str) -> Result<OwnedFd, Errno> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        let open = || rustix::fs::openat(&self.folder, temporary, flags, FILE_MODE);
        match open() {
            Err(Errno::EXIST) => {
                rustix::fs::unlinkat(&self.folder, temporary, AtFlags::empty())?;
                open()
            }
            other => other,
        }
    }

    fn create_folders(&self, path: &str) -> Result<(), Errno> {
        for length in [LIBRARY_LENGTH, SHARD_LENGTH] {
            match rustix::fs::mkdirat(&self.folder, &path[..length], FOLDER_MODE) {
                Ok(()) | Err(Errno::EXIST) => {}
                Err(errno) => return Err(errno),
            }
        }
        Ok(())
    }

    fn write_error(&self, key: &ObjectKey, cause: io::Error) -> StoreError {
        match kind_of(&cause) {
            ErrorKind::NotFound if self.is_removed() => self.root_gone("write"),
            // To a writer, a path that cannot be followed is not an absent object.
            ErrorKind::NotFound => StoreError::object(ErrorKind::Other, "write", key, cause),
            kind => StoreError::object(kind, "write", key, cause),
        }
    }
}
