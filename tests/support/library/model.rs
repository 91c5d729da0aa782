//! The model of a generated store: every object, and which path of which library needs it.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use bytes::Bytes;
use seaf_migrate::object::{LibraryId, ObjectId, ObjectKey, ObjectKind};

/// The size of a generated store. The special libraries (see [`Store::generate`]) are added to the plain ones.
#[derive(Clone, Debug)]
pub struct Params {
    pub seed: u64,
    /// How many plain libraries.
    pub libraries: usize,
    /// How many commits each library has; the special ones have at least three.
    pub commits: usize,
    /// How many files a first commit has; each later one changes about a tenth.
    pub files: usize,
    /// The bytes of a file.
    pub file_size: RangeInclusive<usize>,
    /// The largest block.
    pub block_size: usize,
    /// How many children the large directory has; 0 makes none.
    pub large_dir: usize,
    /// Whether to make the special libraries.
    pub special: bool,
    /// The time of the newest commits, in seconds since 1970; each commit before is a day older.
    pub now: i64,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            seed: 1,
            libraries: 2,
            commits: 4,
            files: 20,
            file_size: 0..=3000,
            block_size: 1000,
            large_dir: 300,
            special: true,
            now: 1_700_000_000,
        }
    }
}

/// What the database says of a library.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum State {
    Live,
    /// Deleted, can be restored.
    Trashed,
    /// Deleted for good, its objects not collected yet.
    Garbage,
}

/// Where a virtual library's fs objects and blocks are.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Origin {
    pub library: LibraryId,
    pub path: String,
    /// A commit of the origin.
    pub base_commit: ObjectId,
}

/// A file of a snapshot; the empty file has [`ObjectId::EMPTY`] and no blocks.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FileObjects {
    pub id: ObjectId,
    pub blocks: Vec<ObjectId>,
    pub size: u64,
}

/// What a snapshot consists of, by path; the root is `/`.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Tree {
    pub dirs: BTreeMap<String, ObjectId>,
    pub files: BTreeMap<String, FileObjects>,
}

/// A commit and its tree.
#[derive(Clone, Debug)]
pub struct Snapshot {
    pub commit: ObjectId,
    pub parents: Vec<ObjectId>,
    pub ctime: i64,
    pub tree: Tree,
}

#[derive(Clone, Debug)]
pub struct Library {
    pub id: LibraryId,
    pub name: String,
    /// 0 or 1: the format of its fs objects.
    pub version: u32,
    pub encrypted: bool,
    pub state: State,
    pub origin: Option<Origin>,
    /// Oldest first; the head is last.
    pub snapshots: Vec<Snapshot>,
    pub history_days: Option<i64>,
    pub valid_since: Option<i64>,
}

impl Library {
    pub fn head(&self) -> &Snapshot {
        self.snapshots.last().unwrap()
    }

    /// The library whose name the fs objects and blocks are stored under.
    pub fn store_id(&self) -> LibraryId {
        self.origin.as_ref().map_or(self.id, |origin| origin.library)
    }
}

/// Every object and every library.
#[derive(Clone, Default, Debug)]
pub struct Store {
    /// By [`ObjectKind::index`].
    pub objects: [BTreeMap<ObjectKey, Bytes>; 3],
    pub libraries: Vec<Library>,
}

impl Store {
    pub fn objects(&self, kind: ObjectKind) -> &BTreeMap<ObjectKey, Bytes> {
        &self.objects[kind.index()]
    }

    /// Every object with its kind.
    pub fn all(&self) -> impl Iterator<Item = (ObjectKind, ObjectKey, &Bytes)> {
        ObjectKind::ALL
            .into_iter()
            .flat_map(|kind| self.objects(kind).iter().map(move |(key, data)| (kind, *key, data)))
    }

    pub fn count(&self) -> usize {
        self.objects.iter().map(BTreeMap::len).sum()
    }

    pub fn bytes(&self, kind: ObjectKind, library: LibraryId, id: ObjectId) -> &Bytes {
        &self.objects(kind)[&ObjectKey::new(library, id)]
    }

    /// The library with that name.
    pub fn library(&self, name: &str) -> &Library {
        self.libraries.iter().find(|library| library.name == name).unwrap()
    }
}

impl Tree {
    /// The ids of the stored objects of one kind, fs or blocks.
    pub fn ids(&self, kind: ObjectKind) -> Vec<ObjectId> {
        match kind {
            ObjectKind::Commits => Vec::new(),
            ObjectKind::Blocks => self.files.values().flat_map(|file| file.blocks.clone()).collect(),
            ObjectKind::Fs => {
                let files = self.files.values().map(|file| &file.id);
                files.chain(self.dirs.values()).filter(|id| **id != ObjectId::EMPTY).copied().collect()
            }
        }
    }

    /// The tree of the directory at `path`, as its own root.
    pub fn below(&self, path: &str) -> Self {
        let inner = |full: &String| full.strip_prefix(path).filter(|rest| rest.starts_with('/')).map(str::to_owned);
        let mut tree = Self::default();
        tree.dirs.extend(self.dirs.iter().filter_map(|(full, id)| Some((inner(full)?, *id))));
        tree.files.extend(self.files.iter().filter_map(|(full, file)| Some((inner(full)?, file.clone()))));
        tree.dirs.insert("/".to_owned(), self.dirs[path]);
        tree
    }
}
