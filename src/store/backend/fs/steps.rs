//! The way from the store's folder to that of an object, one step after the other and no symbolic link followed: for a
//! destination, and for whatever deletes. Whoever may write to a folder on the way could otherwise put a link there that
//! leads root to files that nobody asked about.

use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use rustix::fs::{AtFlags, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;

use super::FsStore;
use crate::object::ObjectKey;
use crate::store::{ErrorKind, StoreError};

/// Where an object's file is below the store's folder: `<library>/<2 digits>/<38 digits>`.
#[derive(Clone, Debug)]
pub(super) struct ObjectPath(String);

/// How much of the path is the library's folder.
const LIBRARY_LENGTH: usize = 36;
/// How much of the path is the shard's folder.
const SHARD_LENGTH: usize = 39;

impl ObjectPath {
    pub(super) fn of(key: &ObjectKey) -> Self {
        let mut path = key.to_string();
        path.insert(SHARD_LENGTH, '/');
        Self(path)
    }

    /// The whole path.
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// The name of the library's folder.
    pub(super) fn library(&self) -> &str {
        &self.0[..LIBRARY_LENGTH]
    }

    /// The name of the shard's folder in the library's.
    pub(super) fn shard(&self) -> &str {
        &self.0[LIBRARY_LENGTH + 1..SHARD_LENGTH]
    }

    /// The name of the file in the shard's folder.
    pub(super) fn name(&self) -> &str {
        &self.0[SHARD_LENGTH + 1..]
    }

    /// The library's folder, the shard's and the file, as paths below the store's folder.
    pub(super) fn steps(&self) -> [&str; 3] {
        [self.library(), &self.0[..SHARD_LENGTH], &self.0]
    }
}

/// Why a folder on the way was not entered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Blocked {
    /// It is a symbolic link: its path below the store's folder.
    Link(String),
    /// The operating system says no; `NOENT` when there is no such folder.
    Errno(Errno),
}

impl From<Errno> for Blocked {
    fn from(errno: Errno) -> Self {
        Self::Errno(errno)
    }
}

/// A folder by its name in another one, no link followed.
pub(super) fn folder_in(folder: impl AsFd, name: &str) -> Result<OwnedFd, Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    rustix::fs::openat(folder, name, flags, Mode::empty())
}

pub(super) fn is_link(folder: impl AsFd, name: &str) -> bool {
    rustix::fs::statat(folder, name, AtFlags::SYMLINK_NOFOLLOW)
        .is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Symlink)
}

/// The folder `name`, `path` being where it is below the store's folder.
pub(super) fn enter(folder: impl AsFd, name: &str, path: &str) -> Result<OwnedFd, Blocked> {
    match folder_in(&folder, name) {
        Ok(inner) => Ok(inner),
        // Linux gives either for a link, depending on what the link leads to.
        Err(Errno::LOOP | Errno::NOTDIR) if is_link(&folder, name) => Err(Blocked::Link(path.to_owned())),
        Err(errno) => Err(errno.into()),
    }
}

impl FsStore {
    /// The folder of the object's shard.
    pub(super) fn enter_shard(&self, path: &ObjectPath) -> Result<OwnedFd, Blocked> {
        let [library, shard, _] = path.steps();
        let inner = enter(&self.folder, library, library)?;
        enter(inner, path.shard(), shard)
    }

    /// What is at the object's path: at a source links are followed, as the server follows them; at a destination a link
    /// in the object's own place is seen as the link that it is.
    pub(super) fn stat(&self, path: &ObjectPath) -> Result<Stat, Blocked> {
        if self.role.follows_links() {
            return Ok(rustix::fs::statat(&self.folder, path.as_str(), AtFlags::empty())?);
        }
        let shard = self.enter_shard(path)?;
        Ok(rustix::fs::statat(shard, path.name(), AtFlags::SYMLINK_NOFOLLOW)?)
    }

    /// The error of a call about an object whose way leads over a link.
    pub(super) fn behind_link(&self, action: &'static str, key: &ObjectKey, path: &str) -> StoreError {
        let path = self.root.join(path);
        let cause = match action {
            "remove" => format!(
                "{} is a symbolic link, and links are not followed to delete; remove it by hand",
                path.display()
            ),
            _ => link_at_destination(&path),
        };
        StoreError::object(ErrorKind::Unreadable, action, key, cause)
    }
}

/// What is said of a link where a destination has a library's or a shard's folder.
pub(super) fn link_at_destination(path: &Path) -> String {
    format!(
        "{} is a symbolic link, and at a destination no link is followed below the folder of a kind: put a real folder \
         there (or mount one)",
        path.display()
    )
}
