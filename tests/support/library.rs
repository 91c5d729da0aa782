//! Makes true Seafile libraries: every kind and version of object, right ids, and the rows that belong to them.
//!
//! [`Store::generate`] is a function of its parameters alone. The model it returns knows every object, and which path
//! of which library needs it, so that a test can say what a damaged object must cost.
#![allow(dead_code, unused_imports, missing_docs, unreachable_pub, clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};

use fastrand::Rng;
use seaf_migrate::object::{LibraryId, ObjectId, ObjectKey, ObjectKind};

#[path = "library/bulk.rs"]
pub mod bulk;
#[path = "library/hostile.rs"]
pub mod hostile;
#[path = "library/model.rs"]
mod model;
#[path = "library/objects.rs"]
pub mod objects;
#[path = "library/output.rs"]
pub mod output;

pub use model::{FileObjects, Library, Origin, Params, Snapshot, State, Store, Tree};
use objects::{Child, CommitText, Writer};

/// What a library's files are before they are objects: content by path, no path for an empty directory's sake.
type Files = BTreeMap<String, Vec<u8>>;

struct Maker<'a> {
    params: &'a Params,
    rng: Rng,
    store: Store,
}

impl Store {
    /// The plain libraries and, when asked for, these special ones: `legacy` (fs version 0), `encrypted`, `virtual` (of
    /// the directory `/shared` of the first plain library), `empty`, `twin` (the content of the first plain library
    /// again), `trashed`, `garbage`, and `limited`, whose oldest trees are gone as after a garbage collection.
    pub fn generate(params: &Params) -> Self {
        let mut maker = Maker { params, rng: Rng::with_seed(params.seed), store: Self::default() };
        for number in 0..params.libraries {
            maker.plain(&format!("plain {number} ✓"));
        }
        if params.special {
            maker.special();
        }
        maker.store
    }

    fn put(&mut self, kind: ObjectKind, library: LibraryId, (id, data): objects::Named) -> ObjectId {
        self.objects[kind.index()].entry(ObjectKey::new(library, id)).or_insert(data);
        id
    }
}

impl Maker<'_> {
    fn library(&mut self, name: &str) -> Library {
        let mut id = [0; 16];
        self.rng.fill(&mut id);
        Library {
            id: LibraryId::from_bytes(id),
            name: name.to_owned(),
            version: 1,
            encrypted: false,
            state: State::Live,
            origin: None,
            snapshots: Vec::new(),
            history_days: None,
            valid_since: None,
        }
    }

    fn random(&mut self, length: usize) -> Vec<u8> {
        let mut data = vec![0; length];
        self.rng.fill(&mut data);
        data
    }

    fn content(&mut self) -> Vec<u8> {
        let length = self.rng.usize(self.params.file_size.clone());
        self.random(length)
    }

    /// Files at several depths, names that need escapes, and the same content at two paths.
    fn files(&mut self) -> Files {
        let mut files = Files::new();
        let dirs = ["", "/shared", "/shared/deep/er", "/a \"quoted\" dir", "/Größe/日本"];
        for number in 0..self.params.files.max(dirs.len()) {
            let path = format!("{}/file {number}.bin", dirs[number % dirs.len()]);
            files.insert(path, self.content());
        }
        files.insert("/empty file".to_owned(), Vec::new());
        let same = self.random(700);
        files.insert("/same one".to_owned(), same.clone());
        files.insert("/shared/same two".to_owned(), same);
        files
    }

    fn change(&mut self, files: &mut Files) {
        let paths: Vec<String> = files.keys().cloned().collect();
        for _ in 0..paths.len().div_ceil(10) {
            let path = self.rng.choice(&paths).unwrap().clone();
            files.insert(path, self.content());
        }
        let number = self.rng.u32(..);
        let added = self.random(50);
        files.insert(format!("/added {number}"), added);
    }

    fn plain(&mut self, name: &str) {
        let library = self.library(name);
        let mut files = self.files();
        if self.store.libraries.is_empty() {
            for number in 0..self.params.large_dir {
                files.insert(format!("/large/{number:06}"), vec![u8::try_from(number % 7).unwrap()]);
            }
        }
        self.history(library, files, self.params.commits.max(1));
    }

    fn special(&mut self) {
        let commits = self.params.commits.max(3);
        for name in ["legacy", "encrypted", "trashed", "garbage", "limited"] {
            let mut library = self.library(name);
            library.version = u32::from(name != "legacy");
            library.encrypted = name == "encrypted";
            library.state = match name {
                "trashed" => State::Trashed,
                "garbage" => State::Garbage,
                _ => State::Live,
            };
            let files = self.files();
            self.history(library, files, commits);
        }
        self.collect_garbage_of_last();
        let empty = self.library("empty");
        self.history(empty, Files::new(), 1);
        if self.params.libraries > 0 {
            self.twin_of_first();
            self.virtual_of_first();
        }
    }

    /// Commits `count` versions of `files`, each third one a merge, the writers in turns.
    fn history(&mut self, mut library: Library, mut files: Files, count: usize) {
        for number in 0..count {
            let tree = self.tree(&library, &files);
            let parents = library.snapshots.last().map(|last| last.commit);
            // A merge that reaches back behind a history limit would keep what the limit is to have dropped.
            let side = library.snapshots.len().checked_sub(3).filter(|_| number % 3 == 0 && library.name != "limited");
            let side = side.map(|at| library.snapshots[at].commit);
            self.commit(&mut library, tree, parents.into_iter().chain(side).collect(), count - 1 - number);
            self.change(&mut files);
        }
        self.store.libraries.push(library);
    }

    fn commit(&mut self, library: &mut Library, tree: Tree, parents: Vec<ObjectId>, days_ago: usize) {
        let number = library.snapshots.len();
        let text = CommitText {
            library: library.id,
            root: tree.dirs["/"],
            parents: parents.clone(),
            creator_name: (number != 0).then_some("alice@example.test"),
            description: &format!("Änderung {number} \"of\"\n{}", library.name),
            ctime: self.params.now - 86_400 * i64::try_from(days_ago).unwrap(),
            repo_name: &library.name,
            version: library.version,
            encrypted: library.encrypted,
        };
        let named = text.encode(if number.is_multiple_of(2) { Writer::C } else { Writer::Go });
        let commit = self.store.put(ObjectKind::Commits, library.id, named);
        library.snapshots.push(Snapshot { commit, parents, ctime: text.ctime, tree });
    }

    fn tree(&mut self, library: &Library, files: &Files) -> Tree {
        let mut tree = Tree::default();
        for (path, content) in files {
            let file = self.file(library, content);
            tree.files.insert(path.clone(), file);
        }
        self.dir(library, "", &mut tree);
        tree
    }

    fn file(&mut self, library: &Library, content: &[u8]) -> FileObjects {
        let mut blocks = Vec::new();
        for chunk in content.chunks(self.params.block_size) {
            let mut data = chunk.to_vec();
            if library.encrypted {
                // What a block of ciphertext looks like from outside: noise, padded to 16 bytes.
                data = self.random((chunk.len() / 16 + 1) * 16);
            }
            blocks.push(self.store.put(ObjectKind::Blocks, library.id, objects::block(data)));
        }
        let size = content.len() as u64;
        let id = if blocks.is_empty() {
            ObjectId::EMPTY
        } else {
            self.store.put(ObjectKind::Fs, library.id, objects::file(library.version, size, &blocks))
        };
        FileObjects { id, blocks, size }
    }

    /// Makes the directory at `path` (no slash at its end) of the files that the tree has below it.
    fn dir(&mut self, library: &Library, path: &str, tree: &mut Tree) -> ObjectId {
        let below = format!("{path}/");
        let names: BTreeSet<String> = tree
            .files
            .range(below.clone()..)
            .map_while(|(file, _)| file.strip_prefix(&below))
            .map(|rest| rest.split('/').next().unwrap().to_owned())
            .collect();
        let children: Vec<Child> = names.into_iter().map(|name| self.child(library, &below, name, tree)).collect();
        let id = match children.is_empty() {
            true => ObjectId::EMPTY,
            false => self.store.put(ObjectKind::Fs, library.id, objects::dir(library.version, &children)),
        };
        tree.dirs.insert(if path.is_empty() { "/".to_owned() } else { path.to_owned() }, id);
        id
    }

    fn child(&mut self, library: &Library, below: &str, name: String, tree: &mut Tree) -> Child {
        let path = format!("{below}{name}");
        let mtime = self.params.now - 1000;
        match tree.files.get(&path).map(|file| (file.id, file.size)) {
            Some((id, size)) => Child { id, name, size: Some(size), mtime },
            None => Child { id: self.dir(library, &path, tree), name, size: None, mtime },
        }
    }

    /// Keeps two commits of the library made last, and drops what only the trees before need.
    fn collect_garbage_of_last(&mut self) {
        let library = self.store.libraries.last_mut().unwrap();
        let kept = library.snapshots.split_off(library.snapshots.len() - 2);
        library.valid_since = Some(kept[1].ctime);
        let dropped = std::mem::replace(&mut library.snapshots, kept);
        let library = library.clone();
        for kind in [ObjectKind::Fs, ObjectKind::Blocks] {
            let needed: BTreeSet<ObjectId> = library.snapshots.iter().flat_map(|s| s.tree.ids(kind)).collect();
            for id in dropped.iter().flat_map(|snapshot| snapshot.tree.ids(kind)).filter(|id| !needed.contains(id)) {
                self.store.objects[kind.index()].remove(&ObjectKey::new(library.id, id));
            }
        }
        // The commit before the last kept one is still there, as it is on a server: its tree is not.
        for snapshot in &dropped[..dropped.len() - 1] {
            self.store.objects[ObjectKind::Commits.index()].remove(&ObjectKey::new(library.id, snapshot.commit));
        }
    }

    fn twin_of_first(&mut self) {
        let mut twin = self.library("twin");
        let first = &self.store.libraries[0];
        let (source, tree) = (first.id, first.head().tree.clone());
        for kind in [ObjectKind::Fs, ObjectKind::Blocks] {
            for id in tree.ids(kind) {
                let data = self.store.bytes(kind, source, id).clone();
                self.store.put(kind, twin.id, (id, data));
            }
        }
        self.commit(&mut twin, tree, Vec::new(), 0);
        self.store.libraries.push(twin);
    }

    fn virtual_of_first(&mut self) {
        let mut library = self.library("virtual");
        let first = self.store.libraries[0].clone();
        for (at, snapshot) in first.snapshots.iter().enumerate() {
            let parents = library.snapshots.last().map(|last| last.commit).into_iter().collect();
            let tree = snapshot.tree.below("/shared");
            self.commit(&mut library, tree, parents, first.snapshots.len() - 1 - at);
        }
        let base_commit = first.head().commit;
        library.origin = Some(Origin { library: first.id, path: "/shared".to_owned(), base_commit });
        self.store.libraries.push(library);
    }
}
