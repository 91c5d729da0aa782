//! Taking objects and emptied folders away, without ever leaving the store by a symbolic link.
//!
//! Reading follows links, as the server does. Deleting does not: a link may lead to another library's files, or out of
//! the store to files that nobody asked about. An object in a linked folder is kept, and the administrator told; where
//! a link stands in an object's own place, the link goes and what it leads to stays.

use std::io;
use std::os::fd::AsFd;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::fs::{AtFlags, Dir, Stat};
use rustix::io::Errno;

use super::failure::kind_of;
use super::steps::{Blocked, ObjectPath, folder_in};
use super::{FsStore, Removal};
use crate::object::{KeyRange, LibraryId, ObjectKey};
use crate::store::StoreError;

/// When the file behind `stat` was written last.
pub(super) fn time_of(stat: &Stat) -> SystemTime {
    let seconds = u64::try_from(stat.st_mtime).unwrap_or(0);
    let part = u32::try_from(stat.st_mtime_nsec).unwrap_or(0);
    UNIX_EPOCH + Duration::new(seconds, part.min(999_999_999))
}

/// Removes an empty folder; whether there was one. One that holds something, or is none, is left.
pub(super) fn remove_folder(folder: impl AsFd, name: &str) -> Result<bool, Errno> {
    match rustix::fs::unlinkat(folder, name, AtFlags::REMOVEDIR) {
        Ok(()) => Ok(true),
        Err(Errno::NOTEMPTY | Errno::EXIST | Errno::NOTDIR | Errno::NOENT) => Ok(false),
        Err(errno) => Err(errno),
    }
}

impl FsStore {
    /// Unlinks the object, or moves it to the quarantine. Other hard links of the file stay, and so does what a symbolic
    /// link leads to.
    pub(super) fn remove_file(&self, key: &ObjectKey) -> Result<(), StoreError> {
        let path = ObjectPath::of(key);
        let shard = match self.enter_shard(&path) {
            Ok(shard) => shard,
            Err(Blocked::Errno(Errno::NOENT | Errno::NOTDIR)) => return Ok(()),
            Err(Blocked::Errno(errno)) => return Err(remove_error(key, errno)),
            Err(Blocked::Link(path)) => return Err(self.behind_link("remove", key, &path)),
        };
        if matches!(self.removal, Removal::ToQuarantine) {
            return self.move_to_quarantine(&shard, &path, key);
        }
        match rustix::fs::unlinkat(&shard, path.name(), AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
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
        let left = self.remove_quarantine().map_err(|errno| {
            let cause = io::Error::from(errno);
            StoreError::new(kind_of(&cause), "remove", self.root.display().to_string(), cause)
        })?;
        Ok(removed + u64::from(left))
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

fn remove_error(key: &ObjectKey, errno: Errno) -> StoreError {
    let cause = io::Error::from(errno);
    StoreError::object(kind_of(&cause), "remove", key, cause)
}
