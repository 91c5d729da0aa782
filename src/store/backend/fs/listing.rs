//! Listing a folder store in key order, a page of whole shard folders at a time.
//!
//! A folder that cannot be read is an error. A library, shard or file that went away between being
//! seen and being opened is not there, because the source is live; but when the whole store went
//! away in between, or a link on the way leads nowhere, that is an error too: else a disk that was
//! unmounted would list as empty.
//!
//! Links are followed at a source alone: at a destination, a link in the place of a library's or shard's folder is an
//! error, and one in the place of an object is no object.
//!
//! Names that are not objects are counted by exactly one page of a full listing: those beside the
//! libraries by the page that begins with the smallest key, those beside the shards of a library by
//! the page that begins with or before the library, those in a shard likewise.

use std::any::Any;
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;
use std::{fs, io};

use rustix::fs::AtFlags;
use rustix::io::Errno;
use walkdir::{DirEntry, WalkDir};

use super::failure::kind_of;
use super::quarantine::QUARANTINE;
use super::reading::size_of_file;
use super::steps::{Blocked, ObjectPath, link_at_destination};
use super::temporary::{is_temporary, remove_abandoned};
use super::{FsStore, Role};
use crate::object::{KeyRange, LibraryId, ObjectId, ObjectKey, decode_hex};
use crate::store::{ErrorKind, Ignored, Listed, NameSort, Page, Part, StoreError};

/// A page ends after the shard folder with which it reaches this many objects …
const PAGE_OBJECTS: usize = 1000;
/// … or after this many folders, so that a long row of empty libraries does not look like a hang.
const PAGE_FOLDERS: usize = 4096;

/// How many parts to aim at: enough for any number of listers to even out.
const PARTS: usize = 256;
/// The most libraries in one part.
const PART_LIBRARIES: usize = 64;

/// What `storage/<kind>` held when it was read: the memory that parts carry.
struct Snapshot {
    /// In ascending order.
    libraries: Vec<LibraryId>,
    /// Names beside them that are not libraries.
    strangers: Ignored,
}

impl Snapshot {
    /// The libraries that have keys in `range`.
    fn within(&self, range: &KeyRange) -> &[LibraryId] {
        let from = self.libraries.partition_point(|library| *library < range.first().library);
        let to = self.libraries.partition_point(|library| *library <= range.last().library);
        &self.libraries[from..to]
    }
}

/// A page being filled.
#[derive(Default)]
struct Filling {
    objects: Vec<Listed>,
    ignored: Ignored,
    folders: usize,
}

impl Filling {
    fn is_full(&self) -> bool {
        self.objects.len() >= PAGE_OBJECTS || self.folders >= PAGE_FOLDERS
    }

    /// Counts a name that is not an object, if it is this page's to count.
    fn ignore(&mut self, range: &KeyRange, neighbours: &KeyRange, sort: NameSort, name: &str) {
        if range.first() <= neighbours.first() {
            self.ignored.add(sort, name.as_bytes());
        }
    }
}

/// From where the sizes of a shard's files are asked.
enum ShardPlace {
    /// By the whole path, links followed, as at a source.
    Followed,
    /// In this folder, no link followed.
    Folder(OwnedFd),
}

/// What stands under an object's name.
enum Found {
    File(u64),
    NoFile,
    Gone,
}

impl FsStore {
    /// Runs of libraries, in ascending order and without gaps.
    pub(super) fn parts_by_library(&self, within: &KeyRange) -> Result<Vec<Part>, StoreError> {
        let snapshot = Arc::new(self.snapshot()?);
        let libraries = snapshot.within(within);
        let tile = (libraries.len() / PARTS).clamp(1, PART_LIBRARIES);
        let whole = Part { range: *within, memo: Some(Arc::clone(&snapshot) as Arc<dyn Any + Send + Sync>) };
        let mut parts = Vec::with_capacity(libraries.len() / tile + 1);
        let mut left = *within;
        for library in libraries.iter().step_by(tile).skip(1) {
            let next = KeyRange::library(*library).first();
            let done = left.before(next).expect("an earlier library of the range comes before this one");
            parts.push(whole.with_range(done));
            left = left.after(done.last()).expect("this library is in the range");
        }
        parts.push(whole.with_range(left));
        Ok(parts)
    }

    /// The libraries that have keys in `within`, in ascending order.
    pub(super) fn libraries(&self, within: &KeyRange) -> Result<Vec<LibraryId>, StoreError> {
        Ok(self.snapshot()?.within(within).to_vec())
    }

    /// The first page of `part`.
    pub(super) fn page(&self, part: &Part) -> Result<Page, StoreError> {
        let remembered = part.memo.clone().and_then(|memo| memo.downcast::<Snapshot>().ok());
        let snapshot = remembered.map_or_else(|| self.snapshot().map(Arc::new), Ok)?;
        let mut filling = Filling::default();
        if part.range.first() == ObjectKey::MIN {
            filling.ignored.merge(snapshot.strangers.clone());
        }
        let settled = self.list_libraries(&mut filling, snapshot.within(&part.range), &part.range)?;
        // Only now is it certain that no folder was missing because the whole store was.
        self.check_root()?;
        let rest = settled.and_then(|key| part.range.after(key));
        Ok(Page {
            objects: filling.objects,
            ignored: filling.ignored,
            rest: rest.map(|range| Part { range, memo: Some(snapshot) }),
        })
    }

    /// Fills a page; the last key it settles when it is full before the end of `range`.
    fn list_libraries(
        &self,
        page: &mut Filling,
        libraries: &[LibraryId],
        range: &KeyRange,
    ) -> Result<Option<ObjectKey>, StoreError> {
        for library in libraries {
            for shard in self.shards(page, *library, range)? {
                self.list_shard(page, *library, shard, range)?;
                if page.is_full() {
                    return Ok(Some(shard_keys(*library, shard).last()));
                }
            }
            if page.is_full() {
                return Ok(Some(KeyRange::library(*library).last()));
            }
        }
        Ok(None)
    }

    /// Reads `storage/<kind>`.
    fn snapshot(&self) -> Result<Snapshot, StoreError> {
        let (mut libraries, mut strangers) = (Vec::new(), Ignored::default());
        self.visit(&self.root, |entry| {
            let name = entry.file_name().as_encoded_bytes();
            match LibraryId::parse(name) {
                Some(library) if self.is_folder(entry)? => libraries.push(library),
                None if entry.file_name() == QUARANTINE => {}
                _ => strangers.add(NameSort::beside_libraries(name), name),
            }
            Ok(())
        })?;
        self.check_root()?;
        libraries.sort_unstable();
        Ok(Snapshot { libraries, strangers })
    }

    /// The shards of a library that have keys in `range`, in ascending order.
    fn shards(&self, page: &mut Filling, library: LibraryId, range: &KeyRange) -> Result<Vec<u8>, StoreError> {
        let mut shards = Vec::new();
        page.folders += 1;
        self.visit(&self.root.join(library.to_string()), |entry| {
            let mut shard = [0];
            let named = decode_hex(entry.file_name().as_encoded_bytes(), &mut shard).is_some();
            if named && range.intersection(&shard_keys(library, shard[0])).is_none() {
                return Ok(());
            }
            if named && self.is_folder(entry)? {
                shards.push(shard[0]);
            } else {
                let name = entry.file_name();
                let sort = NameSort::beside_shards(name.as_encoded_bytes());
                // A folder with an object's name is no object in the layout of a bucket.
                let sort = if entry.file_type().is_dir() { NameSort::Other } else { sort };
                page.ignore(range, &KeyRange::library(library), sort, &format!("{library}/{}", name.display()));
            }
            Ok(())
        })?;
        shards.sort_unstable();
        Ok(shards)
    }

    /// Adds the objects of one shard that are in `range`.
    fn list_shard(
        &self,
        page: &mut Filling,
        library: LibraryId,
        shard: u8,
        range: &KeyRange,
    ) -> Result<(), StoreError> {
        let begin = page.objects.len();
        page.folders += 1;
        let Some(place) = self.shard_to_list(library, shard)? else { return Ok(()) };
        self.visit(&self.root.join(format!("{library}/{shard:02x}")), |entry| {
            let mut id = [shard; 20];
            if decode_hex(entry.file_name().as_encoded_bytes(), &mut id[1..]).is_none() {
                let name = entry.file_name();
                let sort = NameSort::beside_objects(name.as_encoded_bytes());
                page.ignore(
                    range,
                    &shard_keys(library, shard),
                    sort,
                    &format!("{library}/{shard:02x}/{}", name.display()),
                );
                self.tidy(&place, entry);
                return Ok(());
            }
            let key = ObjectKey::new(library, ObjectId::from_bytes(id));
            if !range.contains(&key) {
                return Ok(());
            }
            match self.found(&place, entry, &key)? {
                Found::File(size) => page.objects.push(Listed { key, size: Some(size) }),
                Found::NoFile if self.role != Role::Destination => page.objects.push(Listed { key, size: Some(0) }),
                Found::NoFile => page.ignored.add(NameSort::Other, ObjectPath::of(&key).as_str().as_bytes()),
                Found::Gone => {}
            }
            Ok(())
        })?;
        page.objects[begin..].sort_unstable_by_key(|object| object.key);
        Ok(())
    }

    /// What stands under an object's name. An error of the file itself (a bad inode) makes it
    /// something that cannot be read; one that concerns the folder is an error of the listing.
    fn found(&self, place: &ShardPlace, entry: &DirEntry, key: &ObjectKey) -> Result<Found, StoreError> {
        let kind = entry.file_type();
        if !kind.is_file() && !kind.is_symlink() {
            return Ok(Found::NoFile);
        }
        let path = ObjectPath::of(key);
        let stat = match place {
            ShardPlace::Followed => rustix::fs::statat(&self.folder, path.as_str(), AtFlags::empty()),
            ShardPlace::Folder(folder) => rustix::fs::statat(folder, path.name(), AtFlags::SYMLINK_NOFOLLOW),
        };
        match stat {
            Ok(stat) => Ok(size_of_file(&stat).map_or(Found::NoFile, Found::File)),
            Err(Errno::NOENT) if !kind.is_symlink() => Ok(Found::Gone),
            Err(errno) if errno == Errno::ACCESS || kind_of(&errno.into()).is_transient() => {
                Err(list_error(entry.path(), errno.into()))
            }
            Err(_) => Ok(Found::NoFile),
        }
    }

    /// From where the sizes of a shard's files are asked; `None` when the shard went away.
    fn shard_to_list(&self, library: LibraryId, shard: u8) -> Result<Option<ShardPlace>, StoreError> {
        if self.role.follows_links() {
            return Ok(Some(ShardPlace::Followed));
        }
        let path = ObjectPath::of(&shard_keys(library, shard).first());
        match self.enter_shard(&path) {
            Ok(folder) => Ok(Some(ShardPlace::Folder(folder))),
            Err(Blocked::Errno(Errno::NOENT)) => Ok(None),
            Err(Blocked::Errno(errno)) => Err(list_error(&self.root.join(path.steps()[1]), errno.into())),
            Err(Blocked::Link(path)) => Err(self.list_link(&self.root.join(path))),
        }
    }

    /// Takes away what an earlier run left half written at a destination, once that is surely nobody's any more.
    fn tidy(&self, place: &ShardPlace, entry: &DirEntry) {
        let (Some(name), ShardPlace::Folder(folder)) = (entry.file_name().to_str(), place) else { return };
        if self.role == Role::Destination && is_temporary(name.as_bytes()) {
            remove_abandoned(folder, name);
        }
    }

    fn list_link(&self, path: &Path) -> StoreError {
        StoreError::new(ErrorKind::Other, "list", path.display().to_string(), link_at_destination(path))
    }

    /// Whether the entry is a folder or a link to one. A link that leads nowhere is an error,
    /// because it says where a library or shard is; and so is any at a destination.
    fn is_folder(&self, entry: &DirEntry) -> Result<bool, StoreError> {
        if !entry.file_type().is_symlink() {
            return Ok(entry.file_type().is_dir());
        }
        if !self.role.follows_links() {
            return Err(self.list_link(entry.path()));
        }
        match fs::metadata(entry.path()) {
            Ok(metadata) => Ok(metadata.is_dir()),
            Err(error) => self.gone(entry.path(), error).map(|()| false),
        }
    }

    /// Calls `see` with every entry of a folder; with none when the folder went away.
    fn visit(&self, folder: &Path, mut see: impl FnMut(&DirEntry) -> Result<(), StoreError>) -> Result<(), StoreError> {
        for entry in WalkDir::new(folder).min_depth(1).max_depth(1) {
            match entry {
                Ok(entry) => see(&entry)?,
                Err(error) => {
                    let path = error.path().unwrap_or(folder).to_owned();
                    self.gone(&path, plain(error))?;
                }
            }
        }
        Ok(())
    }

    /// Lets the error pass when it says that `path` went away, and it really did.
    fn gone(&self, path: &Path, error: io::Error) -> Result<(), StoreError> {
        let absent = |error: &io::Error| error.kind() == io::ErrorKind::NotFound;
        if !absent(&error) {
            return Err(list_error(path, error));
        }
        match fs::symlink_metadata(path) {
            Ok(metadata) if metadata.is_symlink() => {
                Err(list_error(path, io::Error::other("the symbolic link leads nowhere; is the disk mounted?")))
            }
            Ok(_) => Ok(()),
            Err(again) if absent(&again) => Ok(()),
            Err(again) => Err(list_error(path, again)),
        }
    }

    /// Makes sure that the path still leads to the folder that was opened.
    fn check_root(&self) -> Result<(), StoreError> {
        let opened = rustix::fs::fstat(&self.folder).map_err(|errno| list_error(&self.root, errno.into()))?;
        match fs::metadata(&self.root) {
            Ok(now) if (now.dev(), now.ino()) == (opened.st_dev, opened.st_ino) => Ok(()),
            Ok(_) => Err(self.root_gone("list")),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(self.root_gone("list")),
            Err(error) => Err(list_error(&self.root, error)),
        }
    }
}

/// Every key of one shard folder.
fn shard_keys(library: LibraryId, shard: u8) -> KeyRange {
    let edge = |fill: u8| {
        let mut id = [fill; 20];
        id[0] = shard;
        ObjectKey::new(library, ObjectId::from_bytes(id))
    };
    KeyRange::new(edge(0), edge(255)).expect("zeros come before ones")
}

/// The operating system's error, which walkdir's own conversion would hide.
fn plain(error: walkdir::Error) -> io::Error {
    error.into_io_error().unwrap_or_else(|| io::Error::other("a loop of symbolic links"))
}

fn list_error(path: &Path, cause: io::Error) -> StoreError {
    let kind = match kind_of(&cause) {
        ErrorKind::NotFound => ErrorKind::Other,
        kind => kind,
    };
    StoreError::new(kind, "list", path.display().to_string(), cause)
}
