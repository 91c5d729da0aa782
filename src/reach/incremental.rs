//! Compares a tree with one that was found complete by an earlier check, so that only differing objects are checked.
//!
//! The known tree is read only where the two differ. A directory of it that cannot be read is no finding: the
//! checked tree is then walked in full below that place.

use std::collections::{HashMap, HashSet};

use super::Side;
use crate::content::{Commit, Dirent, FsObject};
use crate::database::heads::LibraryRoots;
use crate::object::{ObjectId, ObjectKey, ObjectKind};
use crate::store::{ErrorKind, StoreError};

/// The children of a directory that was found complete.
#[derive(Default)]
pub(super) struct KnownDir {
    children: HashSet<(ObjectId, bool)>,
    dirs: HashMap<String, ObjectId>,
}

impl KnownDir {
    /// Whether this child is in the known directory and need not be checked.
    pub(super) fn has(&self, child: &Dirent) -> bool {
        self.children.contains(&(child.id, child.is_dir()))
    }

    /// The known directory with the name of this child; `None` when there is none or the child is not a directory.
    pub(super) fn dir(&self, child: &Dirent) -> Option<ObjectId> {
        self.dirs.get(&child.name).copied().filter(|_| child.is_dir())
    }

    fn of(entries: Vec<Dirent>) -> Self {
        let mut known = Self::default();
        for entry in entries {
            known.children.insert((entry.id, entry.is_dir()));
            if entry.is_dir() {
                known.dirs.insert(entry.name, entry.id);
            }
        }
        known
    }
}

/// The root of the known tree of this library; `None` when there is none or its commit is not valid.
pub(super) fn known_root(side: &Side<'_>, roots: &LibraryRoots) -> Option<ObjectId> {
    let commit = side.options.whole.get(&roots.id)?;
    let data = read_or_halt(side, side.stores[ObjectKind::Commits].read(&ObjectKey::new(roots.id, *commit)))?;
    Commit::parse(commit, &data).ok().filter(|parsed| parsed.wrong_id.is_none()).map(|parsed| parsed.object.root_id)
}

/// Reads the known directory `dir`; empty when there is none or it cannot be read.
pub(super) fn known_dir(side: &Side<'_>, roots: &LibraryRoots, dir: Option<ObjectId>) -> KnownDir {
    let Some(dir) = dir.filter(|dir| *dir != ObjectId::EMPTY) else { return KnownDir::default() };
    let read = side.stores[ObjectKind::Fs].read(&ObjectKey::new(roots.store_id(), dir));
    let Some(data) = read_or_halt(side, read) else { return KnownDir::default() };
    match FsObject::parse(&dir, &data) {
        // A directory whose bytes have another id is not the one that was found complete.
        Ok(parsed) if parsed.wrong_id.is_none() => match parsed.object {
            FsObject::Dir { entries } => KnownDir::of(entries),
            FsObject::File { .. } => KnownDir::default(),
        },
        _ => KnownDir::default(),
    }
}

/// The data; `None` when it could not be read. A failing store ends the walk.
fn read_or_halt<T>(side: &Side<'_>, read: Result<T, StoreError>) -> Option<T> {
    match read {
        Ok(data) => Some(data),
        Err(error) => {
            if !matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Unreadable) {
                side.halt.fail(error);
            }
            None
        }
    }
}
