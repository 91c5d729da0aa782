//! What a walk remembers of a library: ids seen, sizes of blocks, snapshots, objects that are bad and where they are.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, PoisonError};

use super::lock;
use super::result::DefectKind;
use crate::object::{ObjectId, ObjectKind};

/// Threads that meet rarely want the same one of so many locks.
const SHARDS: usize = 32;

fn shard<T>(shards: &[T; SHARDS], id: &ObjectId) -> usize {
    usize::from(id.as_bytes()[19]) % shards.len()
}

/// Ids that were claimed for reading.
pub(super) struct Seen([Mutex<HashSet<ObjectId>>; SHARDS]);

impl Default for Seen {
    fn default() -> Self {
        Self(std::array::from_fn(|_| Mutex::default()))
    }
}

impl Seen {
    /// Whether this is the first time.
    pub(super) fn claim(&self, id: ObjectId) -> bool {
        lock(&self.0[shard(&self.0, &id)]).insert(id)
    }

    pub(super) fn count(&self) -> u64 {
        self.0.iter().map(|set| lock(set).len() as u64).sum()
    }
}

/// What is known of a block.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Block {
    /// Somebody asks for it right now.
    Asked,
    /// There, with so many bytes.
    Size(u64),
    /// Missing or damaged.
    Defects,
}

/// The blocks of a library.
pub(super) struct Blocks([Mutex<HashMap<ObjectId, Block>>; SHARDS]);

impl Default for Blocks {
    fn default() -> Self {
        Self(std::array::from_fn(|_| Mutex::default()))
    }
}

impl Blocks {
    /// Whether this is the first time; then the caller asks the store and tells with [`Blocks::set`].
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

/// An object in its role: an id that one directory calls a file and another a directory is two.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(super) enum Node {
    Commit(ObjectId),
    Dir(ObjectId),
    File(ObjectId),
    Block(ObjectId),
}

impl Node {
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
    /// Whether it is what users see now.
    pub(super) is_head: bool,
}

/// Where a bad object is met.
#[derive(Clone, Debug, Default)]
pub(super) struct Places {
    /// The snapshot; `None` for a head.
    pub(super) commit: Option<ObjectId>,
    pub(super) paths: Vec<String>,
    /// How many more paths there are.
    pub(super) more: u64,
}

/// What is wrong with which object, the first thing found for each.
pub(super) struct Defects {
    max: usize,
    found: Mutex<(HashMap<Node, DefectKind>, u64)>,
}

impl Defects {
    pub(super) fn new(max: usize) -> Self {
        Self { max, found: Mutex::default() }
    }

    /// Returns whether it is new.
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

    /// What was kept, and how many were not.
    pub(super) fn into_found(self) -> (HashMap<Node, DefectKind>, u64) {
        self.found.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}
