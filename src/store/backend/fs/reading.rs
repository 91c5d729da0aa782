//! Reading an object, and what it means that it cannot be read.

use std::fs::File;
use std::io::{self, Read};
use std::num::NonZero;
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;

use bytes::Bytes;
use rustix::fs::{Advice, AtFlags, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;

use super::failure::while_reading;
use super::steps::{Blocked, ObjectPath, is_link};
use super::{FsStore, no_file};
use crate::object::ObjectKey;
use crate::store::{ErrorKind, Piece, Reading, StoreError};

/// How many bytes of a file are read at once where it is read in pieces: they fit into a processor's cache until they are
/// hashed and sent.
const PIECE: usize = 128 << 10;

impl FsStore {
    pub(super) fn read_file(&self, key: &ObjectKey) -> Result<Bytes, StoreError> {
        read_open(key, self.open_to_read(key)?, u64::MAX).map(|data| data.expect("no file is larger"))
    }

    /// The object when it has at most `most` bytes.
    pub(super) fn read_file_at_most(&self, key: &ObjectKey, most: u64) -> Result<Option<Bytes>, StoreError> {
        read_open(key, self.open_to_read(key)?, most)
    }

    /// Reads the object from the disk, whatever the kernel keeps of it.
    pub(super) fn read_file_again(&self, key: &ObjectKey) -> Result<Bytes, StoreError> {
        let file = self.open_to_read(key)?;
        // An advice that is not taken is no failure: a filesystem without a cache has nothing to drop.
        let _ = rustix::fs::fadvise(&file, 0, None, Advice::DontNeed);
        read_open(key, file, u64::MAX).map(|data| data.expect("no file is larger"))
    }

    /// The bytes of the object from `at` on. The file is opened for each piece, so that one that is replaced meanwhile is
    /// seen to be another.
    pub(super) fn read_piece_of_file(&self, key: &ObjectKey, at: u64, reading: Reading) -> Result<Piece, StoreError> {
        let unreadable = |cause: io::Error| StoreError::object(while_reading(&cause), "read", key, cause);
        let file = self.open_to_read(key)?;
        let metadata = file.metadata().map_err(unreadable)?;
        if !metadata.is_file() {
            return Err(no_file("read", key));
        }
        let (size, piece) = (metadata.len(), PIECE as u64);
        let left = size.saturating_sub(at).min(piece);
        if reading == Reading::Anew && at == 0 {
            // An advice that is not taken is no failure: a filesystem without a cache has nothing to drop.
            let _ = rustix::fs::fadvise(&file, 0, None, Advice::DontNeed);
        }
        let mut data = vec![0; usize::try_from(left).expect("a piece fits into memory")];
        file.read_exact_at(&mut data, at).map_err(|cause| match cause.kind() {
            io::ErrorKind::UnexpectedEof => {
                StoreError::object(ErrorKind::Unreadable, "read", key, format!("a file of {size} bytes became shorter"))
            }
            _ => unreadable(cause),
        })?;
        if at + left < size {
            // Fetched meanwhile, because the kernel, which sees a file that was just opened, does not read ahead.
            let _ = rustix::fs::fadvise(&file, at + left, NonZero::new(piece), Advice::WillNeed);
        }
        Ok(Piece { data: data.into(), size })
    }

    fn open_to_read(&self, key: &ObjectKey) -> Result<File, StoreError> {
        let file = self.open_object(&ObjectPath::of(key));
        file.map(File::from).map_err(|blocked| self.object_error("read", key, blocked))
    }

    fn open_object(&self, path: &ObjectPath) -> Result<OwnedFd, Blocked> {
        // NONBLOCK, because otherwise opening a FIFO that stands in an object's place would wait for ever.
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        if self.role.follows_links() {
            return Ok(rustix::fs::openat(&self.folder, path.as_str(), flags, Mode::empty())?);
        }
        let shard = self.enter_shard(path)?;
        Ok(rustix::fs::openat(shard, path.name(), flags | OFlags::NOFOLLOW, Mode::empty())?)
    }

    /// What is at the object's path, for a call that asks only that.
    pub(super) fn stat_object(&self, action: &'static str, key: &ObjectKey) -> Result<Stat, StoreError> {
        self.stat(&ObjectPath::of(key)).map_err(|blocked| self.object_error(action, key, blocked))
    }

    /// The error of a call that reads one object.
    fn object_error(&self, action: &'static str, key: &ObjectKey, blocked: Blocked) -> StoreError {
        match blocked {
            Blocked::Link(path) => self.behind_link(action, key, &path),
            Blocked::Errno(Errno::NOENT | Errno::NOTDIR) => self.absence(action, key),
            Blocked::Errno(Errno::LOOP) if !self.role.follows_links() => no_file(action, key),
            Blocked::Errno(errno) => {
                let cause = io::Error::from(errno);
                StoreError::object(while_reading(&cause), action, key, cause)
            }
        }
    }

    /// Tells an object that is not there, which is normal in a live store, from one that cannot be
    /// reached: the folder was deleted, or a link on the way leads nowhere (a disk not mounted).
    fn absence(&self, action: &'static str, key: &ObjectKey) -> StoreError {
        if self.is_removed() {
            return self.root_gone(action);
        }
        for step in ObjectPath::of(key).steps() {
            let leads_nowhere = || rustix::fs::statat(&self.folder, step, AtFlags::empty()).err() == Some(Errno::NOENT);
            if is_link(&self.folder, step) && leads_nowhere() {
                let cause = format!("the symbolic link {} leads nowhere", self.root.join(step).display());
                return StoreError::object(ErrorKind::Unreadable, action, key, cause);
            }
        }
        StoreError::object(ErrorKind::NotFound, action, key, "no such file")
    }
}

/// All of an open file; `None` when it has more than `most` bytes.
fn read_open(key: &ObjectKey, file: File, most: u64) -> Result<Option<Bytes>, StoreError> {
    let unreadable = |cause: io::Error| StoreError::object(while_reading(&cause), "read", key, cause);
    let metadata = file.metadata().map_err(unreadable)?;
    if !metadata.is_file() {
        return Err(no_file("read", key));
    }
    if metadata.len() > most {
        return Ok(None);
    }
    let mut data = Vec::new();
    data.try_reserve_exact(usize::try_from(metadata.len()).unwrap_or(usize::MAX))
        .map_err(|cause| StoreError::object(ErrorKind::TooLarge, "read", key, cause))?;
    // One byte more would show that it grew; all that is written to it meanwhile is not read.
    file.take(metadata.len() + 1).read_to_end(&mut data).map_err(unreadable)?;
    if data.len() as u64 != metadata.len() {
        let cause = format!("{} bytes read of a file of {}; it changed meanwhile", data.len(), metadata.len());
        return Err(StoreError::object(ErrorKind::Unreadable, "read", key, cause));
    }
    Ok(Some(data.into()))
}

/// The size of a regular file; `None` for anything else.
pub(super) fn size_of_file(stat: &Stat) -> Option<u64> {
    let is_file = FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile;
    is_file.then(|| u64::try_from(stat.st_size).expect("a file's size is not negative"))
}
