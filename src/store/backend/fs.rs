//! A folder as a store: `<dir>/storage/<kind>/<library>/<2 digits>/<38 digits>`, as the Seafile
//! server lays it out, files 0600 and folders 0755 (less what the umask takes).
//!
//! Objects are reached relative to a descriptor of `storage/<kind>` that is opened once: whatever
//! is mounted or renamed over the path later, a run stays with the folder it began with. At a source, symbolic
//! links are followed as the server follows them, for library folders, shard folders and objects. At a destination
//! none is followed below `storage/<kind>`: whoever may write there could lead root elsewhere. `dir`, `storage` and
//! `storage/<kind>` themselves may be links that root or this user owns.
//!
//! Something that has an object's name but is no readable file (a folder, a link that leads
//! nowhere) must not go unseen, and must not pass for an object either. So a source lists it with
//! size 0 and reading it fails as [`ErrorKind::Unreadable`]; a destination does not list it, so
//! that the object is written again.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use bytes::Bytes;
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

use crate::conf::FsConf;
use crate::conf::backend::Location;
use crate::object::{KeyRange, ObjectKey, ObjectKind};
use crate::store::{
    ErrorKind, Exclusion, Page, Part, Piece, Pieced, Pieces, ReadStore, Reading, RemoveStore, StoreError, WriteStore,
};

mod durability;
mod exclusion;
mod failure;
mod held;
mod listing;
pub mod quarantine;
mod reading;
mod removing;
mod steps;
mod temporary;
mod writing;

use durability::Durability;
use failure::kind_of;
use reading::size_of_file;
use steps::ObjectPath;

/// What a store was opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    /// To be read, and perhaps removed from.
    Source,
    /// To be written.
    Destination,
    /// To see what a destination holds.
    DestinationToRead,
    /// The quarantine of a source: to be deleted for good, or put back.
    Quarantine,
}

/// What becomes of an object that is removed.
#[derive(Debug)]
enum Removal {
    /// It is deleted.
    ForGood,
    /// It is moved to the quarantine.
    ToQuarantine,
    /// This store is the quarantine in the folder of the descriptor; it is deleted, or put back there.
    FromQuarantine(OwnedFd),
}

impl Role {
    const fn follows_links(self) -> bool {
        matches!(self, Self::Source)
    }
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
    durability: Durability,
    removal: Removal,
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
        own_link(&path)?;
        if !path.is_dir() {
            return Err(missing_folder(&path));
        }
        for name in ["storage", kind.as_str()] {
            path.push(name);
            match rustix::fs::mkdir(&path, writing::FOLDER_MODE) {
                Ok(()) | Err(Errno::EXIST) => {}
                Err(errno) => return Err(cannot_open(&path, errno.into())),
            }
            own_link(&path)?;
        }
        Self::open(conf, kind, location, Role::Destination)
    }

    /// Opens the folder of `kind` at a destination to see what it holds. Nothing is created, and
    /// [`WriteStore::write`] is refused; links are followed no more than in [`FsStore::destination`].
    ///
    /// # Errors
    /// As [`FsStore::source`], and [`ErrorKind::Denied`] for a link that belongs to somebody else.
    pub fn destination_to_read(conf: &FsConf, kind: ObjectKind, location: Location) -> Result<Self, StoreError> {
        let storage = conf.dir.join("storage");
        [&conf.dir, &storage, &storage.join(kind.as_str())].into_iter().try_for_each(|path| own_link(path))?;
        Self::open(conf, kind, location, Role::DestinationToRead)
    }

    fn open(conf: &FsConf, kind: ObjectKind, location: Location, role: Role) -> Result<Self, StoreError> {
        let root = conf.dir.join("storage").join(kind.as_str());
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let folder = rustix::fs::open(&root, flags, Mode::empty()).map_err(|errno| cannot_open(&root, errno.into()))?;
        let durability = Durability::of(&folder).map_err(|errno| cannot_open(&root, errno.into()))?;
        Ok(Self { location, root, folder, role, durability, removal: Removal::ForGood })
    }

    /// The folders that opening a destination and writing `key` create where they are missing, the outermost first.
    pub fn folders_of(conf: &FsConf, kind: ObjectKind, key: &ObjectKey) -> [PathBuf; 4] {
        let (storage, path) = (conf.dir.join("storage"), ObjectPath::of(key));
        let (root, [library, shard, _]) = (storage.join(kind.as_str()), path.steps());
        let (library, shard) = (root.join(library), root.join(shard));
        [storage, root, library, shard]
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

    fn read_again(&self, key: &ObjectKey) -> Result<Bytes, StoreError> {
        self.read_file_again(key)
    }

    fn read_at_most(&self, key: &ObjectKey, most: u64) -> Result<Option<Bytes>, StoreError> {
        self.read_file_at_most(key, most)
    }

    fn read_piece(&self, key: &ObjectKey, at: u64, reading: Reading) -> Result<Option<Piece>, StoreError> {
        self.read_piece_of_file(key, at, reading).map(Some)
    }

    fn size(&self, key: &ObjectKey) -> Result<u64, StoreError> {
        let stat = self.stat_object("size", key)?;
        size_of_file(&stat).ok_or_else(|| no_file("size", key))
    }

    fn make_listed_durable(&self) -> Result<(), StoreError> {
        self.make_held_durable()
    }
}

impl WriteStore for FsStore {
    fn write(&self, key: &ObjectKey, data: Bytes) -> Result<(), StoreError> {
        self.write_file(key, &data)
    }

    fn write_pieces(&self, key: &ObjectKey, pieces: &mut Pieces<'_>) -> Result<Pieced, StoreError> {
        self.write_file_in_pieces(key, pieces)
    }

    fn sync(&self) -> Result<(), StoreError> {
        self.durability
            .sync(&self.folder)
            .map_err(|cause| StoreError::new(ErrorKind::NotDurable, "sync", self.root.display().to_string(), cause))
    }

    fn durability_note(&self) -> Option<String> {
        let reason = self.durability.reason()?;
        // The configured folder, which the kinds mostly share.
        let dir = self.root.ancestors().nth(2).unwrap_or(&self.root);
        Some(format!("{}: {reason}, so each object is synced on its own, which is slower", dir.display()))
    }

    fn exclude_others(&self) -> Result<Exclusion, StoreError> {
        self.lock_folder()
    }
}

impl RemoveStore for FsStore {
    /// Emptied folders stay, as the server leaves them. An object in a folder that is a symbolic
    /// link is kept.
    fn remove(&self, key: &ObjectKey) -> Result<(), StoreError> {
        self.remove_file(key)
    }

    fn written_at(&self, key: &ObjectKey) -> Result<Option<SystemTime>, StoreError> {
        let stat = self.stat_object("size", key)?;
        // Before 1970 only where somebody set it so, and 1970 is as good then.
        Ok(Some(removing::time_of(&stat)))
    }

    fn remove_empty_folders(&self, within: &KeyRange) -> Result<u64, StoreError> {
        self.remove_folders(within)
    }

    fn quarantine(&self) -> Vec<PathBuf> {
        self.quarantine_folder().into_iter().collect()
    }

    fn put_back(&self, key: &ObjectKey) -> Result<bool, StoreError> {
        self.put_back_file(key)
    }
}

fn no_file(action: &'static str, key: &ObjectKey) -> StoreError {
    StoreError::object(ErrorKind::Unreadable, action, key, "it is not a regular file")
}

/// Refuses a symbolic link that belongs neither to root nor to this user: its owner could lead it elsewhere at any time.
fn own_link(path: &Path) -> Result<(), StoreError> {
    // Without a slash at the end, which would have the link followed.
    let path: PathBuf = path.components().collect();
    let Ok(metadata) = std::fs::symlink_metadata(&path) else { return Ok(()) };
    let (owner, me) = (metadata.uid(), rustix::process::geteuid().as_raw());
    if !metadata.is_symlink() || owner == 0 || owner == me {
        return Ok(());
    }
    let cause = format!(
        "it is a symbolic link of the user with the number {owner}; at a destination a link is followed only when root \
         or the user who runs this owns it: name the folder that it leads to, or make the link as root"
    );
    Err(StoreError::new(ErrorKind::Denied, "open", path.display().to_string(), cause))
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
