//! A side in memory, where to begin in it, and what the model says must suffer from a fault.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use seaf_migrate::conf::DatabaseConf;
use seaf_migrate::database::heads::Roots;
use seaf_migrate::metrics::WalkCounters;
use seaf_migrate::object::{LibraryId, ObjectId, ObjectKey, ObjectKind};
use seaf_migrate::reach::{Defect, DefectKind, FsckResult, Stores, WalkOptions, fsck};
use seaf_migrate::store::backend::memory::MemoryStore;
use seaf_migrate::store::{ReadStore, StoreError};
use seaf_migrate::sys::shutdown::Shutdown;

use super::library::{Library, Params, State, Store};
use super::watched::Watched;
use super::{library, sample};

/// The three stores of a side in memory, and where a check begins in them.
pub struct Side {
    pub kinds: [Arc<Watched<MemoryStore>>; 3],
    pub roots: Roots,
    pub options: WalkOptions,
}

pub fn options() -> WalkOptions {
    WalkOptions { threads: NonZeroUsize::new(2).unwrap(), now: Params::default().now, ..WalkOptions::default() }
}

pub fn roots_of(db: &Path) -> Roots {
    let conf = DatabaseConf::Sqlite { path: db.to_owned() };
    Roots::from_conf(&conf).unwrap()
}

impl Side {
    pub fn of(objects: [BTreeMap<ObjectKey, Bytes>; 3], roots: Roots) -> Self {
        let [commits, fs, blocks] = objects;
        let kinds = [(ObjectKind::Commits, commits), (ObjectKind::Fs, fs), (ObjectKind::Blocks, blocks)]
            .map(|(kind, objects)| Watched::holding(kind, objects));
        Self { kinds, roots, options: options() }
    }

    pub fn generated(store: &Store) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let db = dir.path().join("seafile.db");
        store.write_db(&db);
        Self::of(store.objects.clone(), roots_of(&db))
    }

    pub fn sample() -> Self {
        let mut objects: [BTreeMap<ObjectKey, Bytes>; 3] = Default::default();
        for (kind, key, data) in sample::sample_objects() {
            objects[kind.index()].insert(key, data.into());
        }
        let db = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(db.path(), sample::sample_db()).unwrap();
        Self::of(objects, roots_of(db.path()))
    }

    pub fn stores(&self) -> Stores {
        Stores::from_fn(|kind| Arc::clone(&self.kinds[kind.index()]) as Arc<dyn ReadStore>)
    }

    pub fn try_fsck(&self) -> Result<FsckResult, StoreError> {
        fsck(&self.stores(), &self.roots, &self.options, &Shutdown::new(), &WalkCounters::default())
    }

    pub fn fsck(&self) -> FsckResult {
        self.try_fsck().unwrap()
    }

    pub fn store(&self, kind: ObjectKind) -> &Watched<MemoryStore> {
        &self.kinds[kind.index()]
    }
}

pub fn small() -> Store {
    Store::generate(&Params { files: 6, large_dir: 5, libraries: 1, commits: 3, ..Params::default() })
}

/// What the check says of each library that suffers.
pub fn by_library(result: &FsckResult) -> BTreeMap<LibraryId, Vec<Defect>> {
    let suffering = result.libraries.iter().filter(|library| !library.findings.is_empty());
    suffering.map(|library| (library.id, library.findings.clone())).collect()
}

pub fn whats(result: &FsckResult) -> Vec<DefectKind> {
    result.libraries.iter().flat_map(|library| &library.findings).map(|finding| finding.what.clone()).collect()
}

/// The snapshot and the paths that suffer when an object is bad, as the model knows them.
pub type Suffering = (Option<ObjectId>, Vec<String>);

pub fn paths_in(snapshot: &library::Snapshot, kind: ObjectKind, id: ObjectId) -> Vec<String> {
    let dirs = snapshot.tree.dirs.iter().filter(|(_, dir)| kind == ObjectKind::Fs && **dir == id);
    let dirs = dirs.map(|(path, _)| if path == "/" { path.clone() } else { format!("{path}/") });
    let uses =
        |file: &library::FileObjects| if kind == ObjectKind::Fs { file.id == id } else { file.blocks.contains(&id) };
    let files = snapshot.tree.files.iter().filter(|(_, file)| uses(file)).map(|(path, _)| path.clone());
    let mut paths: Vec<String> = dirs.chain(files).collect();
    paths.sort();
    paths
}

/// Which libraries suffer from an fs object or block.
pub fn suffering(store: &Store, kind: ObjectKind, key: &ObjectKey) -> BTreeMap<LibraryId, Suffering> {
    let mut found = BTreeMap::new();
    let walked = |library: &&Library| library.state != State::Garbage && library.store_id() == key.library;
    for library in store.libraries.iter().filter(walked) {
        for snapshot in library.snapshots.iter().rev() {
            let paths = paths_in(snapshot, kind, key.id);
            if !paths.is_empty() {
                let past = (snapshot.commit != library.head().commit).then_some(snapshot.commit);
                found.insert(library.id, (past, paths));
                break;
            }
        }
    }
    found
}

/// A block, a file description, a directory and a commit of the head of the first library, and another of each.
pub fn victims(store: &Store) -> Vec<(ObjectKind, ObjectKey, ObjectKey)> {
    let library = store.library("plain 0 ✓");
    let tree = &library.head().tree;
    let key = |id: ObjectId| ObjectKey::new(library.id, id);
    let files: Vec<_> = tree.files.values().filter(|file| file.size > 1000 && file.blocks.len() > 1).collect();
    let dirs: Vec<_> = ["/shared", "/shared/deep"].map(|path| tree.dirs[path]).into();
    vec![
        (ObjectKind::Blocks, key(files[0].blocks[0]), key(files[1].blocks[1])),
        (ObjectKind::Fs, key(files[0].id), key(files[1].id)),
        (ObjectKind::Fs, key(dirs[0]), key(dirs[1])),
        (ObjectKind::Commits, key(library.head().commit), key(library.snapshots[0].commit)),
    ]
}

pub fn larger() -> Store {
    Store::generate(&Params { file_size: 1500..=3000, files: 12, large_dir: 100, ..Params::default() })
}

pub fn commit_of<'a>(library: LibraryId) -> library::objects::CommitText<'a> {
    library::objects::CommitText {
        library,
        root: ObjectId::EMPTY,
        parents: Vec::new(),
        creator_name: None,
        description: "",
        ctime: 5,
        repo_name: "n",
        version: 1,
        encrypted: false,
    }
}
