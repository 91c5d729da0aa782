//! Where the files of a list are, who may touch them, and how they are put in place.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::error::ListError;
use crate::object::{LibraryId, ObjectKind};
use crate::sys::file_lock::{FileLock, FileLockError};
use crate::sys::private_file::{self, Access};

/// The files of one list: the list itself and what lies beside it.
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

    /// The files around the list at `base`, whose name says what it is about; `None` when it does not end in a kind.
    pub fn of_file(base: &Path) -> Option<Self> {
        let kind = base.extension()?.to_str()?.parse().ok()?;
        let (_, library) = base.file_stem()?.to_str().and_then(|stem| stem.rsplit_once('_')).unwrap_or_default();
        Some(Self { kind, library: LibraryId::parse(library.as_bytes()), base: base.to_owned() })
    }

    /// The files around the list at `base`, whatever its name says.
    pub(super) fn around(base: &Path, kind: ObjectKind, library: Option<LibraryId>) -> Self {
        Self { kind, library, base: base.to_owned() }
    }

    /// The kind of object listed.
    pub const fn kind(&self) -> ObjectKind {
        self.kind
    }

    /// The one library that the list is about; `None` when it is about all of them.
    pub const fn library(&self) -> Option<LibraryId> {
        self.library
    }

    /// The list, once it is complete.
    pub fn base(&self) -> &Path {
        &self.base
    }

    /// The list while the destination is being listed.
    pub fn building(&self) -> PathBuf {
        self.beside(".building")
    }

    /// The list while it is written anew from an older one.
    pub fn merging(&self) -> PathBuf {
        self.beside(".merging")
    }

    /// What was confirmed since the list was made.
    pub fn journal(&self) -> PathBuf {
        self.beside(".journal")
    }

    /// The file whose lock says which run holds the list.
    pub fn lock(&self) -> PathBuf {
        self.beside(".lock")
    }

    /// Where a text list of the old script is kept after its import.
    pub fn text_backup(&self) -> PathBuf {
        self.beside(".text-backup")
    }

    /// The folder that all of them are in.
    pub(super) fn folder(&self) -> &Path {
        private_file::parent_of(&self.base)
    }

    fn beside(&self, suffix: &str) -> PathBuf {
        let mut path = self.base.clone().into_os_string();
        path.push(suffix);
        path.into()
    }
}

/// The right to change a list; one process at a time has it. Clones are the same right, and it
/// ends with the last of them.
#[derive(Clone, Debug)]
pub struct ListLock {
    paths: ListPaths,
    _held: Arc<FileLock>,
}

impl ListLock {
    /// Takes the lock, without waiting.
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

    /// The files that this lock is for.
    pub const fn paths(&self) -> &ListPaths {
        &self.paths
    }
}

/// Creates or empties a file that only its owner may read.
pub(super) fn create_private(path: &Path) -> Result<File, ListError> {
    private_file::create(path).map_err(ListError::io("create", path))
}

/// Opens a file; `None` when it is not there.
pub(super) fn open_if_there(path: &Path, access: Access) -> Result<Option<File>, ListError> {
    match private_file::open(path, access) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(ListError::io("open", path)(error)),
    }
}

/// Deletes a file; one that is not there is deleted.
pub(super) fn remove_if_there(path: &Path) -> Result<(), ListError> {
    private_file::remove_if_there(path).map_err(ListError::io("remove", path))
}

/// Puts a finished file in its place so that it is there, whole, after a power loss.
pub(super) fn publish(file: &File, from: &Path, to: &Path) -> Result<(), ListError> {
    file.sync_all().map_err(ListError::io("sync", from))?;
    fs::rename(from, to).map_err(ListError::io("rename", from))?;
    sync_folder(to)
}

/// Makes the names in the folder of `path` durable.
pub(super) fn sync_folder(path: &Path) -> Result<(), ListError> {
    private_file::sync_folder_of(path).map_err(ListError::io("sync", private_file::parent_of(path)))
}
