//! Making durable what a store holds, whoever wrote it: a run that was killed leaves objects that are listed and stand in
//! the memory of the machine alone.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use rayon::iter::{IntoParallelIterator, ParallelIterator};
use rustix::fs::{Dir, FileType, Mode, OFlags};
use rustix::io::Errno;

use super::FsStore;
use super::durability::Method;
use super::steps::folder_in;
use crate::object::KeyRange;
use crate::store::{ErrorKind, StoreError};

impl FsStore {
    /// Everything at once where that can be believed, else each file and folder.
    pub(super) fn make_held_durable(&self) -> Result<(), StoreError> {
        let failed = |path: &str, cause: io::Error| {
            StoreError::new(ErrorKind::NotDurable, "sync", self.root.join(path).display().to_string(), cause)
        };
        let root = self.durability.method_of(&self.folder).map_err(|errno| failed("", errno.into()))?;
        self.libraries(&KeyRange::ALL)?.into_par_iter().try_for_each(|library| {
            let name = library.to_string();
            self.sync_library(&name).map_err(|errno| failed(&name, errno.into()))
        })?;
        if root == Method::EachObject {
            rustix::fs::fsync(&self.folder).map_err(|errno| failed("", errno.into()))?;
        }
        self.durability
            .sync(&self.folder)
            .map_err(|cause| StoreError::new(ErrorKind::NotDurable, "sync", self.root.display().to_string(), cause))
    }

    /// Syncs what is in a library's folder, file by file where its file system needs that; else the file system is
    /// remembered, for all of it to be synced at once.
    fn sync_library(&self, name: &str) -> Result<(), Errno> {
        let Some(library) = or_gone(self.library_folder(name))? else { return Ok(()) };
        if self.durability.method_of(&library)? == Method::Together {
            return Ok(());
        }
        names_in(&library, FileType::Directory)?.into_par_iter().try_for_each(|shard| {
            let Some(shard) = or_gone(folder_in(&library, &shard))? else { return Ok(()) };
            for file in names_in(&shard, FileType::RegularFile)? {
                let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
                if let Some(file) = or_gone(rustix::fs::openat(&shard, &file, flags, Mode::empty()))? {
                    rustix::fs::fsync(file)?;
                }
            }
            rustix::fs::fsync(&shard)
        })?;
        rustix::fs::fsync(&library)
    }

    /// A link is followed only where listing follows it too.
    fn library_folder(&self, name: &str) -> Result<OwnedFd, Errno> {
        if !self.role.follows_links() {
            return folder_in(&self.folder, name);
        }
        rustix::fs::openat(&self.folder, name, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
    }
}

/// `None` for what went away since it was seen.
fn or_gone<T>(opened: Result<T, Errno>) -> Result<Option<T>, Errno> {
    match opened {
        Err(Errno::NOENT) => Ok(None),
        other => other.map(Some),
    }
}

/// The names of that type in a folder, and those whose type the folder does not say.
fn names_in(folder: impl AsFd, wanted: FileType) -> Result<Vec<String>, Errno> {
    let mut names = Vec::new();
    for entry in Dir::read_from(folder)? {
        let entry = entry?;
        let (kind, name) = (entry.file_type(), entry.file_name().to_str());
        if let Some(name) = name.ok().filter(|name| !matches!(*name, "." | ".."))
            && (kind == wanted || kind == FileType::Unknown)
        {
            names.push(name.to_owned());
        }
    }
    Ok(names)
}
