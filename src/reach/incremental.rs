//! Compares a tree with one that was found complete by an earlier check, so that only differing objects are checked.
//!
//! The known tree is read only where the two differ. A directory of it that cannot be read is no finding: the
//! checked tree is then walked in full below that place.

use std::collections::{HashMap, HashSet};

use super::Side;
use super::reading;
use crate::content::{Commit, Dirent, FsKind, FsView};
use crate::database::heads::LibraryRoots;
use crate::flow::budget::{Halted, Room};
use crate::object::{ObjectId, ObjectKey, ObjectKind};
use crate::store::{StoreError, first_room};

/// What an entry of a known directory takes in memory, in bytes: in both collections, and a name of some length.
const KNOWN_ENTRY: u64 = 192;

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

    fn of(dir: &FsView<'_>) -> Self {
        let mut known = Self::default();
        dir.entries(|entry| {
            known.children.insert((entry.id, entry.is_dir()));
            if entry.is_dir() {
                known.dirs.insert(entry.name.clone(), entry.id);
            }
        });
        known
    }
}

/// The root of the known tree of this library; `None` when there is none or its commit is not valid.
pub(super) fn known_root(side: &Side<'_>, roots: &LibraryRoots) -> Option<ObjectId> {
    let commit = side.options.whole.get(&roots.id)?;
    let key = ObjectKey::new(roots.id, *commit);
    let root = side.budget.in_room(first_room(ObjectKind::Commits), |room| {
        let data = reading::read(side, ObjectKind::Commits, &key, room)?;
        let parsed = Commit::parse(commit, &data).ok().filter(|parsed| parsed.wrong_id.is_none());
        Ok(parsed.map(|parsed| parsed.object.root_id))
    });
    or_halt(side, root).flatten()
}

/// Reads the known directory `dir`; empty when there is none, it cannot be read or it is too large to be kept.
///
/// # Errors
/// When the room is too small.
pub(super) fn known_dir(
    side: &Side<'_>,
    roots: &LibraryRoots,
    dir: Option<ObjectId>,
    room: &mut Room<'_>,
) -> Result<KnownDir, Halted<StoreError>> {
    let Some(dir) = dir.filter(|dir| *dir != ObjectId::EMPTY) else { return Ok(KnownDir::default()) };
    let data = match reading::read(side, ObjectKind::Fs, &ObjectKey::new(roots.store_id(), dir), room) {
        Ok(data) => data,
        Err(Halted::Short(bytes)) => return Err(Halted::Short(bytes)),
        Err(Halted::Failed(error)) => {
            or_halt(side, Err::<(), _>(error));
            return Ok(KnownDir::default());
        }
    };
    match FsView::open(&dir, &data) {
        // A directory whose bytes have another id is not the one that was found complete.
        Ok(view) if view.wrong_id.is_none() && view.kind == FsKind::Dir => {
            let needed = view.count.saturating_mul(KNOWN_ENTRY);
            if needed > side.options.memory / 2 {
                return Ok(KnownDir::default());
            }
            room.take(needed)?;
            Ok(KnownDir::of(&view))
        }
        _ => Ok(KnownDir::default()),
    }
}

/// The value; `None` when it could not be read. A failing store ends the walk.
fn or_halt<T>(side: &Side<'_>, read: Result<T, StoreError>) -> Option<T> {
    match read {
        Ok(value) => Some(value),
        Err(error) => {
            if !error.kind().is_of_one_object() {
                side.halt.fail(error);
            }
            None
        }
    }
}
