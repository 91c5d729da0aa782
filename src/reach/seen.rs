//! The state of a library's walk: ids seen, sizes of blocks, snapshots, bad objects and their paths.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, PoisonError};

use super::lock;
use super::result::DefectKind;
use crate::content::Dirent;
use crate::object::{ObjectId, ObjectKind};

/// The number of locks of a set. With 32, two threads rarely need the same lock at once.
const SHARDS: usize = 32;

fn shard<T>(shards: &[T; SHARDS], id: &ObjectId) -> usize {
    usize::from(id.as_bytes()[19]) % shards.len()
}

/// The ids of the objects that a task reads or has read.
pub(super) struct Seen([Mutex<HashSet<ObjectId>>; SHARDS]);

impl Default for Seen {
    fn default() -> Self {
        Self(std::array::from_fn(|_| Mutex::default()))
    }
}

impl Seen {
    /// Adds an id. Returns whether it is new, so that the caller reads the object.
    pub(super) fn claim(&self, id: ObjectId) -> bool {
        lock(&self.0[shard(&self.0, &id)]).insert(id)
    }

    pub(super) fn count(&self) -> u64 {
        self.0.iter().map(|set| lock(set).len() as u64).sum()
    }
}

/// The state of a block.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Block {
    /// A task is checking it.
    Asked,
    /// It exists and has this size in bytes.
    Size(u64),
    /// It is missing, damaged or unreadable.
    Bad,
}

/// The blocks of a library.
pub(super) struct Blocks([Mutex<HashMap<ObjectId, Block>>; SHARDS]);

impl Default for Blocks {
    fn default() -> Self {
        Self(std::array::from_fn(|_| Mutex::default()))
    }
}

impl Blocks {
    /// Adds a block. Returns whether it is new; then the caller asks the store and calls [`Blocks::set`].
    pub(super) fn claim(&self, id: ObjectId) -> bool {
        let mut map = lock(&self.0[shard(&self.0, &id)]);
        let first = !map.contains_key(&id);
        map.entry(id).or_insert(Block::Asked);
        first
    }

    pub(super) fn set(&self, id: ObjectId, block: Block) {
        lock(&self.0[shard(&self.0, &id)]).insert(id, block);
    }

    pub(super) fn get(&self, id: &ObjectId) -> Block {
        lock(&self.0[shard(&self.0, id)]).get(id).copied().unwrap_or(Block::Asked)
    }

    pub(super) fn count(&self) -> u64 {
        self.0.iter().map(|map| lock(map).len() as u64).sum()
    }
}

/// An object and its role. One id is two nodes when one directory calls it a file and another a directory.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(super) enum Node {
    Commit(ObjectId),
    Dir(ObjectId),
    File(ObjectId),
    Block(ObjectId),
}

impl Node {
    /// A child of a directory.
    pub(super) const fn of_entry(entry: &Dirent) -> Self {
        if entry.is_dir() { Self::Dir(entry.id) } else { Self::File(entry.id) }
    }

    pub(super) const fn id(self) -> ObjectId {
        match self {
            Self::Commit(id) | Self::Dir(id) | Self::File(id) | Self::Block(id) => id,
        }
    }

    pub(super) const fn kind(self) -> ObjectKind {
        match self {
            Self::Commit(_) => ObjectKind::Commits,
            Self::Dir(_) | Self::File(_) => ObjectKind::Fs,
            Self::Block(_) => ObjectKind::Blocks,
        }
    }
}

/// A commit whose tree was walked.
#[derive(Clone, Copy)]
pub(super) struct Snapshot {
    pub(super) commit: ObjectId,
    pub(super) root: ObjectId,
    pub(super) ctime: i64,
    /// Whether it is a head, whose tree users see.
    pub(super) is_head: bool,
}

/// The paths of a bad object.
#[derive(Clone, Debug, Default)]
pub(super) struct Places {
    /// The commit whose tree has the paths; `None` for a head.
    pub(super) commit: Option<ObjectId>,
    pub(super) paths: Vec<String>,
    /// The number of further paths.
    pub(super) more: u64,
}

/// The bad objects and the first defect found for each.
pub(super) struct Defects {
    max: usize,
    found: Mutex<(HashMap<Node, DefectKind>, u64)>,
}

impl Defects {
    pub(super) fn new(max: usize) -> Self {
        Self { max, found: Mutex::default() }
    }

    /// Adds a defect. Returns false when the object has one already.
    pub(super) fn add(&self, node: Node, what: DefectKind) -> bool {
        let mut guard = lock(&self.found);
        let (found, more) = &mut *guard;
        if found.contains_key(&node) {
            return false;
        }
        if found.len() < self.max {
            found.insert(node, what);
        } else {
            *more += 1;
        }
        true
    }

    /// The defects that were kept, and the number of those that were not.
    pub(super) fn into_found(self) -> (HashMap<Node, DefectKind>, u64) {
        self.found.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}
