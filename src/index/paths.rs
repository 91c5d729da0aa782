//! The paths of the files of a list, the lock on them, and the functions that create, replace and remove them.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::error::ListError;
use crate::object::{LibraryId, ObjectKind};
use crate::sys::file_lock::{FileLock, FileLockError};
use crate::sys::private_file::{self, Access};

/// The paths of one list: the list file and the files beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListPaths {
    kind: ObjectKind,
    library: Option<LibraryId>,
    base: PathBuf,
}

impl ListPaths {
    /// `<prefix>.<kind>`, or `<prefix>_<library>.<kind>` for the list of one library.
    pub fn new(prefix: &Path, kind: ObjectKind, library: Option<LibraryId>) -> Self {
        let mut base = OsString::from(prefix);
        if let Some(library) = library {
            base.push(format!("_{library}"));
        }
        base.push(format!(".{kind}"));
        Self { kind, library, base: base.into() }
    }

    /// The paths of the list at `base`, whose name holds its kind and library; `None` when it does not end in a kind.
    pub fn of_file(base: &Path) -> Option<Self> {
        let kind = base.extension()?.to_str()?.parse().ok()?;
        let (_, library) = base.file_stem()?.to_str().and_then(|stem| stem.rsplit_once('_')).unwrap_or_default();
        Some(Self { kind, library: LibraryId::parse(library.as_bytes()), base: base.to_owned() })
    }

    /// The paths of the list at `base`, whatever its name.
    pub(super) fn around(base: &Path, kind: ObjectKind, library: Option<LibraryId>) -> Self {
        Self { kind, library, base: base.to_owned() }
    }

    /// The kind of the listed objects.
    pub const fn kind(&self) -> ObjectKind {
        self.kind
    }

    /// The one library that is listed; `None` when all are.
    pub const fn library(&self) -> Option<LibraryId> {
        self.library
    }

    /// The complete list.
    pub fn base(&self) -> &Path {
        &self.base
    }

    /// The list while the destination is being listed.
    pub fn building(&self) -> PathBuf {
        self.beside(".building")
    }

    /// The list while it is written from an older one.
    pub fn merging(&self) -> PathBuf {
        self.beside(".merging")
    }

    /// The journal: the objects that were confirmed since the list was made.
    pub fn journal(&self) -> PathBuf {
        self.beside(".journal")
    }

    /// The lock file, which names the run that holds the list.
    pub fn lock(&self) -> PathBuf {
        self.beside(".lock")
    }

    /// The copy of a text list of the old script, kept after its import.
    pub fn text_backup(&self) -> PathBuf {
        self.beside(".text-backup")
    }

    /// The folder of all these files.
    pub(super) fn folder(&self) -> &Path {
        private_file::parent_of(&self.base)
    }

    fn beside(&self, suffix: &str) -> PathBuf {
        let mut path = self.base.clone().into_os_string();
        path.push(suffix);
        path.into()
    }
}

/// The lock on a list, which allows its holder to change it. One process at a time has it. Clones share
/// the lock, and dropping the last of them releases it.
#[derive(Clone, Debug)]
pub struct ListLock {
    paths: ListPaths,
    _held: Arc<FileLock>,
}

impl ListLock {
    /// Acquires the lock without waiting.
    ///
    /// # Errors
    /// [`ListError::InUse`] when another run holds it.
    pub fn acquire(paths: &ListPaths) -> Result<Self, ListError> {
        let held = FileLock::acquire(&paths.lock()).map_err(|error| match error {
            FileLockError::Held { holder, path } => ListError::InUse { holder, path },
            FileLockError::Io { path, cause } => ListError::io("open", &path)(cause),
        })?;
        Ok(Self { paths: paths.clone(), _held: Arc::new(held) })
    }

    /// The paths that this lock protects.
    pub const fn paths(&self) -> &ListPaths {
        &self.paths
    }
}

/// Creates a file that only its owner may read, or empties it.
pub(super) fn create_private(path: &Path) -> Result<File, ListError> {
    private_file::create(path).map_err(ListError::io("create", path))
}

/// Opens a file; `None` when it does not exist.
pub(super) fn open_if_there(path: &Path, access: Access) -> Result<Option<File>, ListError> {
    match private_file::open(path, access) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(ListError::io("open", path)(error)),
    }
}

/// Removes a file. A file that does not exist is no error.
pub(super) fn remove_if_there(path: &Path) -> Result<(), ListError> {
    private_file::remove_if_there(path).map_err(ListError::io("remove", path))
}

/// Renames a finished file to its final path, so that the whole file is there after a power loss.
pub(super) fn publish(file: &File, from: &Path, to: &Path) -> Result<(), ListError> {
    file.sync_all().map_err(ListError::io("sync", from))?;
    fs::rename(from, to).map_err(ListError::io("rename", from))?;
    sync_folder(to)
}

/// Makes the entries of the folder of `path` durable.
pub(super) fn sync_folder(path: &Path) -> Result<(), ListError> {
    private_file::sync_folder_of(path).map_err(ListError::io("sync", private_file::parent_of(path)))
}
