//! Taking objects and emptied folders away, without ever leaving the store by a symbolic link.
//!
//! Reading follows links, as the server does. Deleting does not: a link may lead to another library's files, or out of
//! the store to files that nobody asked about. An object in a linked folder is kept, and the administrator told; where
//! a link stands in an object's own place, the link goes and what it leads to stays.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;

use super::failure::kind_of;
use super::{FsStore, LIBRARY_LENGTH, SHARD_LENGTH, object_path};
use crate::object::{KeyRange, LibraryId, ObjectKey};
use crate::store::{ErrorKind, StoreError};

/// When the file behind `stat` was written last.
pub(super) fn time_of(stat: &Stat) -> SystemTime {
    let seconds = u64::try_from(stat.st_mtime).unwrap_or(0);
    let part = u32::try_from(stat.st_mtime_nsec).unwrap_or(0);
    UNIX_EPOCH + Duration::new(seconds, part.min(999_999_999))
}

/// A folder by its name in another one, no link followed.
fn folder_in(folder: impl AsFd, name: &str) -> Result<OwnedFd, Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    rustix::fs::openat(folder, name, flags, Mode::empty())
}

fn is_link(folder: impl AsFd, name: &str) -> bool {
    rustix::fs::statat(folder, name, AtFlags::SYMLINK_NOFOLLOW)
        .is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Symlink)
}

/// Removes an empty folder; whether there was one. One that holds something, or is none, is left.
fn remove_folder(folder: impl AsFd, name: &str) -> Result<bool, Errno> {
    match rustix::fs::unlinkat(folder, name, AtFlags::REMOVEDIR) {
        Ok(()) => Ok(true),
        Err(Errno::NOTEMPTY | Errno::EXIST | Errno::NOTDIR | Errno::NOENT) => Ok(false),
        Err(errno) => Err(errno),
    }
}

impl FsStore {
    /// Unlinks the object. Other hard links of the file stay, and so does what a symbolic link leads to.
    pub(super) fn remove_file(&self, key: &ObjectKey) -> Result<(), StoreError> {
        let path = object_path(key);
        let (library, shard, name) =
            (&path[..LIBRARY_LENGTH], &path[LIBRARY_LENGTH + 1..SHARD_LENGTH], &path[SHARD_LENGTH + 1..]);
        let Some(library) = self.step_into(&self.folder, library, key)? else { return Ok(()) };
        let Some(shard) = self.step_into(&library, shard, key)? else { return Ok(()) };
        match rustix::fs::unlinkat(&shard, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(errno) => Err(remove_error(key, errno)),
        }
    }

    /// The folder `name` on the way to an object; `None` when there is no such folder.
    fn step_into(&self, folder: impl AsFd, name: &str, key: &ObjectKey) -> Result<Option<OwnedFd>, StoreError> {
        match folder_in(&folder, name) {
            Ok(inner) => Ok(Some(inner)),
            // Linux gives either for a link, depending on what the link leads to.
            Err(Errno::LOOP | Errno::NOTDIR) if is_link(&folder, name) => Err(behind_link(key, name)),
            Err(Errno::NOENT | Errno::NOTDIR) => Ok(None),
            Err(errno) => Err(remove_error(key, errno)),
        }
    }

    /// Removes the empty shard folders of the libraries in `within`, and the libraries' own where nothing is left.
    pub(super) fn remove_folders(&self, within: &KeyRange) -> Result<u64, StoreError> {
        let mut removed = 0;
        for library in self.libraries(within)? {
            removed += self.remove_folders_of(library).map_err(|errno| {
                let cause = io::Error::from(errno);
                let path = self.root.join(library.to_string()).display().to_string();
                StoreError::new(kind_of(&cause), "remove", path, cause)
            })?;
        }
        Ok(removed)
    }

    fn remove_folders_of(&self, library: LibraryId) -> Result<u64, Errno> {
        let name = library.to_string();
        let folder = match folder_in(&self.folder, &name) {
            Ok(folder) => folder,
            Err(Errno::LOOP | Errno::NOTDIR | Errno::NOENT) => return Ok(0),
            Err(errno) => return Err(errno),
        };
        let mut removed = 0;
        for entry in Dir::read_from(&folder)? {
            let entry = entry?;
            let Ok(name) = entry.file_name().to_str() else { continue };
            let is_shard = name.len() == 2 && name.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
            if is_shard && remove_folder(&folder, name)? {
                removed += 1;
            }
        }
        Ok(removed + u64::from(remove_folder(&self.folder, &name)?))
    }
}

fn behind_link(key: &ObjectKey, name: &str) -> StoreError {
    let cause = format!("{name} is a symbolic link, and links are not followed to delete; remove it by hand");
    StoreError::object(ErrorKind::Unreadable, "remove", key, cause)
}

fn remove_error(key: &ObjectKey, errno: Errno) -> StoreError {
    let cause = io::Error::from(errno);
    StoreError::object(kind_of(&cause), "remove", key, cause)
}
