//! A tree beside one that is known to be whole: only what differs is looked at.
//!
//! The known tree is read where the two differ, and nowhere else. What of it cannot be read is no finding: the tree
//! that is checked is then walked there in full.

use std::collections::{HashMap, HashSet};

use super::Side;
use crate::content::{Commit, Dirent, FsObject};
use crate::database::heads::LibraryRoots;
use crate::object::{ObjectId, ObjectKey, ObjectKind};
use crate::store::{ErrorKind, StoreError};

/// What a directory known to be whole holds.
#[derive(Default)]
pub(super) struct KnownDir {
    children: HashSet<(ObjectId, bool)>,
    dirs: HashMap<String, ObjectId>,
}

impl KnownDir {
    /// Whether this child need not be looked at.
    pub(super) fn has(&self, child: &Dirent) -> bool {
        self.children.contains(&(child.id, child.is_dir()))
    }

    /// The directory that had the name of this child.
    pub(super) fn dir(&self, child: &Dirent) -> Option<ObjectId> {
        self.dirs.get(&child.name).copied().filter(|_| child.is_dir())
    }

    fn of(entries: Vec<Dirent>) -> Self {
        let mut twin = Self::default();
        for entry in entries {
            twin.children.insert((entry.id, entry.is_dir()));
            if entry.is_dir() {
                twin.dirs.insert(entry.name, entry.id);
            }
        }
        twin
    }
}

/// The root of the tree of this library that is known to be whole.
pub(super) fn known_root(side: &Side<'_>, roots: &LibraryRoots) -> Option<ObjectId> {
    let commit = side.options.whole.get(&roots.id)?;
    let data = kept(side, side.stores[ObjectKind::Commits].read(&ObjectKey::new(roots.id, *commit)))?;
    Commit::parse(commit, &data).ok().filter(|parsed| parsed.wrong_id.is_none()).map(|parsed| parsed.object.root_id)
}

/// What the directory `dir`, which is known to be whole, holds.
pub(super) fn twin(side: &Side<'_>, roots: &LibraryRoots, dir: Option<ObjectId>) -> KnownDir {
    let Some(dir) = dir.filter(|dir| *dir != ObjectId::EMPTY) else { return KnownDir::default() };
    let read = side.stores[ObjectKind::Fs].read(&ObjectKey::new(roots.store_id(), dir));
    let Some(data) = kept(side, read) else { return KnownDir::default() };
    match FsObject::parse(&dir, &data) {
        // One with another id is not what was found whole.
        Ok(parsed) if parsed.wrong_id.is_none() => match parsed.object {
            FsObject::Dir { entries } => KnownDir::of(entries),
            FsObject::File { .. } => KnownDir::default(),
        },
        _ => KnownDir::default(),
    }
}

/// What was read; a store that fails ends the walk, as everywhere in it.
fn kept<T>(side: &Side<'_>, read: Result<T, StoreError>) -> Option<T> {
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
