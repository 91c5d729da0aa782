//! Putting an object into place: a temporary file beside it, then a rename. Never in place, because
//! the file of an object may be a hard link that another library shares.
//!
//! Everything is done by descriptors: of the store's folder, of the library's and of the shard's, each opened without
//! following a link, so that nobody who may write to a folder on the way leads the write elsewhere.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{IntoRawFd, OwnedFd};

use rustix::fs::{AtFlags, Mode};
use rustix::io::Errno;

use super::durability::Method;
use super::failure::kind_of;
use super::steps::{Blocked, ObjectPath, enter};
use super::temporary::Temporary;
use super::{FsStore, Role};
use crate::object::ObjectKey;
use crate::store::pieces::Broken;
use crate::store::{ErrorKind, Pieced, Pieces, StoreError};

/// rwxr-xr-x
pub(super) const FOLDER_MODE: Mode = Mode::from_raw_mode(0o755);

impl FsStore {
    /// Writes the object, or leaves what was there.
    pub(super) fn write_file(&self, key: &ObjectKey, data: &[u8]) -> Result<(), StoreError> {
        self.put(key, |file| file.write_all(data).map(|()| true)).map(drop)
    }

    /// The same in pieces.
    pub(super) fn write_file_in_pieces(&self, key: &ObjectKey, pieces: &mut Pieces<'_>) -> Result<Pieced, StoreError> {
        // Before anything is made for an object that its source does not give.
        if pieces.begin().is_err() {
            return Ok(Pieced::Broken);
        }
        let is_written = self.put(key, |file| {
            loop {
                match pieces.next_piece() {
                    Ok(Some(piece)) => file.write_all(&piece)?,
                    Ok(None) => return Ok(true),
                    Err(Broken) => return Ok(false),
                }
            }
        })?;
        Ok(if is_written { Pieced::Written } else { Pieced::Broken })
    }

    /// Gives the object's name to a file that `fill` wrote; `false` where that says that there is no whole one.
    fn put(&self, key: &ObjectKey, fill: impl FnOnce(&mut File) -> io::Result<bool>) -> Result<bool, StoreError> {
        if self.role != Role::Destination {
            let cause = "this store was opened to be read, and a source is never written";
            return Err(StoreError::object(ErrorKind::ReadOnly, "write", key, cause));
        }
        let path = ObjectPath::of(key);
        let folder = self.shard_to_write(&path).map_err(|blocked| match blocked {
            Blocked::Link(path) => self.behind_link("write", key, &path),
            Blocked::Errno(errno) => self.write_error(key, errno.into()),
        })?;
        self.place(&folder, path.name(), fill).map_err(|cause| self.write_error(key, cause))
    }

    fn place(
        &self,
        folder: &OwnedFd,
        object: &str,
        fill: impl FnOnce(&mut File) -> io::Result<bool>,
    ) -> io::Result<bool> {
        let method = self.durability.method_of(folder)?;
        let (temporary, mut file) = Temporary::create(folder, object)?;
        if !fill(&mut file)? {
            return Ok(false);
        }
        if method == Method::EachObject {
            rustix::fs::fsync(&file)?;
        }
        close(file)?;
        temporary.place(object)?;
        if method == Method::EachObject
            && let Err(errno) = rustix::fs::fsync(folder)
        {
            // Taken away, because a name that may be gone after a power loss is not to be listed as written. Its own
            // failure adds nothing to the one at hand.
            let _ = rustix::fs::unlinkat(folder, object, AtFlags::empty());
            return Err(errno.into());
        }
        Ok(true)
    }

    /// The folder of the shard, made where it is missing. Nothing is remembered about folders: trying costs less than
    /// asking first, and they may go away while we run.
    fn shard_to_write(&self, path: &ObjectPath) -> Result<OwnedFd, Blocked> {
        match self.enter_shard(path) {
            Err(Blocked::Errno(Errno::NOENT)) => {
                let [library, shard, _] = path.steps();
                let inner = self.made(&self.folder, library, library)?;
                self.made(&inner, path.shard(), shard)
            }
            other => other,
        }
    }

    /// The folder `name`, made where it is missing; `path` is where it is below the store's folder.
    fn made(&self, outer: &OwnedFd, name: &str, path: &str) -> Result<OwnedFd, Blocked> {
        match rustix::fs::mkdirat(outer, name, FOLDER_MODE) {
            Ok(()) if self.durability.method_of(outer)? == Method::EachObject => rustix::fs::fsync(outer)?,
            Ok(()) | Err(Errno::EXIST) => {}
            Err(errno) => return Err(errno.into()),
        }
        enter(outer, name, path)
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

/// Closes a file that was written. Network file systems say only here that the server did not take the bytes (EDQUOT,
/// EIO), and dropping the file would not tell.
fn close(file: File) -> Result<(), Errno> {
    // SAFETY: the descriptor was just taken out of its only owner.
    unsafe { rustix::io::try_close(file.into_raw_fd()) }
}
