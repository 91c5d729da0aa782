//! A folder as a store: `<dir>/storage/<kind>/<library>/<2 digits>/<38 digits>`, as the Seafile
//! server lays it out, files 0600 and folders 0755 (less what the umask takes).
//!
//! Objects are reached relative to a descriptor of `storage/<kind>` that is opened once: whatever
//! is mounted or renamed over the path later, a run stays with the folder it began with. Symbolic
//! links are followed as the server follows them, for library folders, shard folders and objects.
//!
//! Something that has an object's name but is no readable file (a folder, a link that leads
//! nowhere) must not go unseen, and must not pass for an object either. So a source lists it with
//! size 0 and reading it fails as [`ErrorKind::Unreadable`]; a destination does not list it, so
//! that the object is written again.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use bytes::Bytes;
use rustix::fs::{AtFlags, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;

use crate::conf::FsConf;
use crate::conf::backend::Location;
use crate::object::{KeyRange, ObjectKey, ObjectKind};
use crate::store::{ErrorKind, Page, Part, ReadStore, RemoveStore, StoreError, WriteStore};

mod durability;
mod failure;
mod listing;
mod removing;
mod writing;

use durability::Durability;
use failure::{kind_of, while_reading};
use writing::Claims;

/// What a store was opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Source,
    Destination,
}

/// One kind's objects below a folder.
#[derive(Debug)]
pub struct FsStore {
    location: Location,
    /// `storage/<kind>` as a path, for walking it and for messages.
    root: PathBuf,
    /// The same folder as a descriptor, for everything else.
    folder: OwnedFd,
    role: Role,
    claims: Claims,
    durability: Durability,
}

impl FsStore {
    /// Opens the folder of `kind` to read from. Nothing is created, and [`WriteStore::write`] is refused.
    ///
    /// # Errors
    /// [`ErrorKind::ContainerMissing`] when `<dir>/storage/<kind>` is not there, [`ErrorKind::Denied`]
    /// when this user may not look into it.
    pub fn source(conf: &FsConf, kind: ObjectKind, location: Location) -> Result<Self, StoreError> {
        Self::open(conf, kind, location, Role::Source)
    }

    /// Opens the folder of `kind` to write to; `storage` and `storage/<kind>` are created when
    /// they are missing, `dir` itself is not, because a missing one is mostly a disk not mounted.
    ///
    /// # Errors
    /// [`ErrorKind::ContainerMissing`] when `dir` is not there, [`ErrorKind::Denied`] or
    /// [`ErrorKind::ReadOnly`] when this user may not create what is missing.
    pub fn destination(conf: &FsConf, kind: ObjectKind, location: Location) -> Result<Self, StoreError> {
        let mut path = conf.dir.clone();
        if !path.is_dir() {
            return Err(missing_folder(&path));
        }
        for name in ["storage", kind.as_str()] {
            path.push(name);
            match rustix::fs::mkdir(&path, writing::FOLDER_MODE) {
                Ok(()) | Err(Errno::EXIST) => {}
                Err(errno) => return Err(cannot_open(&path, errno.into())),
            }
        }
        Self::open(conf, kind, location, Role::Destination)
    }

    fn open(conf: &FsConf, kind: ObjectKind, location: Location, role: Role) -> Result<Self, StoreError> {
        let root = conf.dir.join("storage").join(kind.as_str());
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let folder = rustix::fs::open(&root, flags, Mode::empty()).map_err(|errno| cannot_open(&root, errno.into()))?;
        let stat = rustix::fs::fstat(&folder).map_err(|errno| cannot_open(&root, errno.into()))?;
        let durability = Durability::new(stat.st_dev);
        Ok(Self { location, root, folder, role, claims: Claims::default(), durability })
    }

    /// The folders that opening a destination and writing `key` create where they are missing, the outermost first.
    pub fn folders_of(conf: &FsConf, kind: ObjectKind, key: &ObjectKey) -> [PathBuf; 4] {
        let (storage, path) = (conf.dir.join("storage"), object_path(key));
        let root = storage.join(kind.as_str());
        let (library, shard) = (root.join(&path[..LIBRARY_LENGTH]), root.join(&path[..SHARD_LENGTH]));
        [storage, root, library, shard]
    }

    /// What is at `path` below the root, links followed.
    fn stat(&self, path: &str) -> Result<Stat, Errno> {
        rustix::fs::statat(&self.folder, path, AtFlags::empty())
    }

    fn read_file(&self, key: &ObjectKey) -> Result<Bytes, StoreError> {
        let path = object_path(key);
        // NONBLOCK, because otherwise opening a FIFO that stands in an object's place would wait for ever.
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let file = rustix::fs::openat(&self.folder, &path, flags, Mode::empty());
        let mut file = File::from(file.map_err(|errno| self.object_error("read", key, errno))?);
        let unreadable = |cause: io::Error| StoreError::object(while_reading(&cause), "read", key, cause);
        let metadata = file.metadata().map_err(unreadable)?;
        if !metadata.is_file() {
            return Err(no_file("read", key));
        }
        let mut data = Vec::new();
        data.try_reserve_exact(usize::try_from(metadata.len()).unwrap_or(usize::MAX))
            .map_err(|cause| StoreError::object(ErrorKind::TooLarge, "read", key, cause))?;
        file.read_to_end(&mut data).map_err(unreadable)?;
        if data.len() as u64 != metadata.len() {
            let cause = format!("{} bytes read of a file of {}; it changed meanwhile", data.len(), metadata.len());
            return Err(StoreError::object(ErrorKind::Unreadable, "read", key, cause));
        }
        Ok(data.into())
    }

    /// The error of a call that reads one object.
    fn object_error(&self, action: &'static str, key: &ObjectKey, errno: Errno) -> StoreError {
        if errno == Errno::NOENT || errno == Errno::NOTDIR {
            return self.absence(action, key);
        }
        let cause = io::Error::from(errno);
        StoreError::object(while_reading(&cause), action, key, cause)
    }

    /// Tells an object that is not there, which is normal in a live store, from one that cannot be
    /// reached: the folder was deleted, or a link on the way leads nowhere (a disk not mounted).
    fn absence(&self, action: &'static str, key: &ObjectKey) -> StoreError {
        if self.is_removed() {
            return self.root_gone(action);
        }
        let path = object_path(key);
        for length in [LIBRARY_LENGTH, SHARD_LENGTH, path.len()] {
            let step = &path[..length];
            if self.is_link(step) && self.stat(step).err() == Some(Errno::NOENT) {
                let cause = format!("the symbolic link {} leads nowhere", self.root.join(step).display());
                return StoreError::object(ErrorKind::Unreadable, action, key, cause);
            }
        }
        StoreError::object(ErrorKind::NotFound, action, key, "no such file")
    }

    fn is_link(&self, path: &str) -> bool {
        rustix::fs::statat(&self.folder, path, AtFlags::SYMLINK_NOFOLLOW)
            .is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Symlink)
    }

    /// Whether the folder that was opened has been deleted.
    fn is_removed(&self) -> bool {
        rustix::fs::fstat(&self.folder).is_ok_and(|stat| stat.st_nlink == 0)
    }

    fn root_gone(&self, action: &'static str) -> StoreError {
        let cause = "the folder was removed, replaced or unmounted since the run began";
        StoreError::new(ErrorKind::ContainerMissing, action, self.root.display().to_string(), cause)
    }
}

impl ReadStore for FsStore {
    fn location(&self) -> &Location {
        &self.location
    }

    fn parts(&self, within: &KeyRange) -> Result<Vec<Part>, StoreError> {
        self.parts_by_library(within)
    }

    fn list(&self, part: &Part) -> Result<Page, StoreError> {
        self.page(part)
    }

    fn read(&self, key: &ObjectKey) -> Result<Bytes, StoreError> {
        self.read_file(key)
    }

    fn size(&self, key: &ObjectKey) -> Result<u64, StoreError> {
        let stat = self.stat(&object_path(key)).map_err(|errno| self.object_error("size", key, errno))?;
        size_of_file(&stat).ok_or_else(|| no_file("size", key))
    }
}

impl WriteStore for FsStore {
    fn write(&self, key: &ObjectKey, data: Bytes) -> Result<(), StoreError> {
        self.write_file(key, &data)
    }

    fn sync(&self) -> Result<(), StoreError> {
        self.durability
            .sync(&self.folder)
            .map_err(|cause| StoreError::new(ErrorKind::NotDurable, "sync", self.root.display().to_string(), cause))
    }
}

impl RemoveStore for FsStore {
    /// Emptied folders stay, as the server leaves them. An object in a folder that is a symbolic
    /// link is kept.
    fn remove(&self, key: &ObjectKey) -> Result<(), StoreError> {
        self.remove_file(key)
    }

    fn written_at(&self, key: &ObjectKey) -> Result<Option<SystemTime>, StoreError> {
        let stat = self.stat(&object_path(key)).map_err(|errno| self.object_error("size", key, errno))?;
        // Before 1970 only where somebody set it so, and 1970 is as good then.
        Ok(Some(removing::time_of(&stat)))
    }

    fn remove_empty_folders(&self, within: &KeyRange) -> Result<u64, StoreError> {
        self.remove_folders(within)
    }
}

/// How much of [`object_path`] is the library's folder.
const LIBRARY_LENGTH: usize = 36;
/// How much of [`object_path`] is the shard's folder.
const SHARD_LENGTH: usize = 39;

/// `<library>/<2 digits>/<38 digits>`.
fn object_path(key: &ObjectKey) -> String {
    let mut path = key.to_string();
    path.insert(SHARD_LENGTH, '/');
    path
}

/// The size of a regular file; `None` for anything else.
fn size_of_file(stat: &Stat) -> Option<u64> {
    let is_file = FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile;
    is_file.then(|| u64::try_from(stat.st_size).expect("a file's size is not negative"))
}

fn no_file(action: &'static str, key: &ObjectKey) -> StoreError {
    StoreError::object(ErrorKind::Unreadable, action, key, "it is not a regular file")
}

fn missing_folder(path: &Path) -> StoreError {
    let cause = "there is no such folder; `dir` must name an existing one (is the disk mounted?)";
    StoreError::new(ErrorKind::ContainerMissing, "open", path.display().to_string(), cause)
}

fn cannot_open(path: &Path, cause: io::Error) -> StoreError {
    match kind_of(&cause) {
        ErrorKind::NotFound => missing_folder(path),
        kind => StoreError::new(kind, "open", path.display().to_string(), cause),
    }
}
