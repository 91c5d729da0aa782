//! The quarantine: the folder to which a removal moves the objects of a folder store, until they are deleted for good or
//! put back.
//!
//! It is a store like the one it is in: `<dir>/storage/<kind>/removed-by-seaf-migrate/<library>/<2 digits>/<38 digits>`.
//! It is inside `storage/<kind>` because a move between filesystems is none, and `storage/<kind>` alone is sure to be on
//! one with its objects. No server and no listing of ours takes it for a library. No symbolic link is followed.

use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, Mode, RenameFlags};
use rustix::io::Errno;

use super::failure::kind_of;
use super::steps::{Blocked, ObjectPath, enter};
use super::writing::FOLDER_MODE;
use super::{FsStore, Removal, Role};
use crate::conf::FsConf;
use crate::conf::backend::Location;
use crate::object::{ObjectKey, ObjectKind};
use crate::store::{ErrorKind, StoreError};

/// The name of the folder in `storage/<kind>`.
pub const QUARANTINE: &str = "removed-by-seaf-migrate";

/// rwx------
const PRIVATE_FOLDER: Mode = Mode::from_raw_mode(0o700);

impl FsStore {
    /// Opens the folder of `kind` to remove from: objects are moved to the quarantine. Nothing is created before the
    /// first one is.
    ///
    /// # Errors
    /// As [`FsStore::source`].
    pub fn source_to_remove(conf: &FsConf, kind: ObjectKind, location: Location) -> Result<Self, StoreError> {
        Ok(Self { removal: Removal::ToQuarantine, ..Self::source(conf, kind, location)? })
    }

    /// Opens the quarantine of the folder of `kind`; `None` when there is none.
    ///
    /// # Errors
    /// As [`FsStore::source`], and when something else has the quarantine's name.
    pub fn quarantine(conf: &FsConf, kind: ObjectKind, location: Location) -> Result<Option<Self>, StoreError> {
        let outer = Self::source(conf, kind, location)?;
        let root = outer.root.join(QUARANTINE);
        let folder = match enter(&outer.folder, QUARANTINE, QUARANTINE) {
            Ok(folder) => folder,
            Err(Blocked::Errno(Errno::NOENT)) => return Ok(None),
            Err(blocked) => return Err(no_quarantine(&root, blocked)),
        };
        let removal = Removal::FromQuarantine(outer.folder);
        Ok(Some(Self { root, folder, role: Role::Quarantine, removal, ..outer }))
    }

    /// Where removed objects are until they are deleted for good; `None` when they are deleted at once.
    pub(super) fn quarantine_folder(&self) -> Option<PathBuf> {
        matches!(self.removal, Removal::ToQuarantine).then(|| self.root.join(QUARANTINE))
    }

    /// Moves the object from its shard's folder to the quarantine. An object of that name that is there from an earlier
    /// removal is replaced: the destination vouched for both.
    pub(super) fn move_to_quarantine(
        &self,
        shard: &OwnedFd,
        path: &ObjectPath,
        key: &ObjectKey,
    ) -> Result<(), StoreError> {
        let moved = self.quarantine_shard(path).and_then(|kept| {
            match rename(shard, &kept, path.name()) {
                Err(Errno::EXIST) => {
                    // Removed first, because a rename onto another link of the same file does nothing.
                    rustix::fs::unlinkat(&kept, path.name(), AtFlags::empty())?;
                    rename(shard, &kept, path.name())?;
                }
                other => other?,
            }
            Ok(())
        });
        match moved {
            Ok(()) | Err(Blocked::Errno(Errno::NOENT)) => Ok(()),
            Err(Blocked::Errno(Errno::XDEV)) => {
                let cause = format!(
                    "{} is on another filesystem than the quarantine in {}; objects there are not removed: remove them by \
                     hand",
                    self.root.join(path.library()).display(),
                    self.root.display()
                );
                Err(StoreError::object(ErrorKind::Other, "remove", key, cause))
            }
            Err(Blocked::Errno(errno)) => {
                let cause = io::Error::from(errno);
                Err(StoreError::object(kind_of(&cause), "remove", key, format!("move it to the quarantine: {cause}")))
            }
            Err(Blocked::Link(path)) => Err(self.behind_link("remove", key, &path)),
        }
    }

    /// The quarantine's folder of the object's shard, made where it is missing.
    fn quarantine_shard(&self, path: &ObjectPath) -> Result<OwnedFd, Blocked> {
        let quarantine = made(&self.folder, QUARANTINE, PRIVATE_FOLDER)?;
        let library = made(&quarantine, path.library(), FOLDER_MODE)?;
        made(&library, path.shard(), FOLDER_MODE)
    }

    /// Moves an object from the quarantine back to its place; `false` when one is there already, or it is not in
    /// quarantine.
    pub(super) fn put_back_file(&self, key: &ObjectKey) -> Result<bool, StoreError> {
        let Removal::FromQuarantine(outer) = &self.removal else { return Ok(false) };
        let path = ObjectPath::of(key);
        let moved = self.enter_shard(&path).and_then(|shard| {
            let library = made(outer, path.library(), FOLDER_MODE)?;
            let place = made(&library, path.shard(), FOLDER_MODE)?;
            Ok(rename(&shard, &place, path.name())?)
        });
        match moved {
            Ok(()) => Ok(true),
            Err(Blocked::Errno(Errno::EXIST | Errno::NOENT)) => Ok(false),
            Err(Blocked::Errno(errno)) => {
                let cause = io::Error::from(errno);
                Err(StoreError::object(kind_of(&cause), "put back", key, cause))
            }
            Err(Blocked::Link(path)) => Err(self.behind_link("put back", key, &path)),
        }
    }

    /// Removes the quarantine's own folder when it is empty.
    pub(super) fn remove_quarantine(&self) -> Result<bool, Errno> {
        match &self.removal {
            Removal::FromQuarantine(outer) => super::removing::remove_folder(outer, QUARANTINE),
            Removal::ForGood | Removal::ToQuarantine => Ok(false),
        }
    }
}

/// Renames, and replaces nothing.
fn rename(from: &OwnedFd, to: &OwnedFd, name: &str) -> Result<(), Errno> {
    match rustix::fs::renameat_with(from, name, to, name, RenameFlags::NOREPLACE) {
        // A filesystem that cannot promise it, such as NFS: a link replaces nothing either.
        Err(Errno::INVAL | Errno::NOSYS) => {
            rustix::fs::linkat(from, name, to, name, AtFlags::empty())?;
            rustix::fs::unlinkat(from, name, AtFlags::empty())
        }
        renamed => renamed,
    }
}

/// The folder `name` in another one, made where it is missing; a symbolic link is not followed.
fn made(outer: &OwnedFd, name: &str, mode: Mode) -> Result<OwnedFd, Blocked> {
    match rustix::fs::mkdirat(outer, name, mode) {
        Ok(()) | Err(Errno::EXIST) => enter(outer, name, name),
        Err(errno) => Err(errno.into()),
    }
}

fn no_quarantine(path: &Path, blocked: Blocked) -> StoreError {
    let cause = match blocked {
        Blocked::Link(_) => "it is a symbolic link, and the quarantine is a folder of its own".to_owned(),
        Blocked::Errno(errno) => io::Error::from(errno).to_string(),
    };
    StoreError::new(ErrorKind::Other, "open", path.display().to_string(), cause)
}
