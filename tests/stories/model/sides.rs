//! The two sides, what is known of them, and what is held against the program's claims.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use rusqlite::{Connection, params};
use seaf_migrate::conf::Environment;
use seaf_migrate::object::{ObjectId, ObjectKey, ObjectKind};
use seaf_migrate::store::control;
use tempfile::TempDir;

use super::steps::{Depth, Step};
use crate::support::library::output::object_path;
use crate::support::library::{Library, Params, Store};

mod claims;
mod commands;

/// A store, and the server's database of it.
type Made = (Arc<Store>, Arc<[u8]>);
type Name = (ObjectKind, ObjectKey);
type Objects = BTreeMap<Name, Bytes>;

const QUARANTINE: &str = "removed-by-seaf-migrate";

/// The store of a seed. Made once, because that takes as long as some of the steps.
fn made(seed: u8) -> Made {
    static MADE: Mutex<BTreeMap<u8, Made>> = Mutex::new(BTreeMap::new());
    let mut all = MADE.lock().unwrap();
    let make = || {
        let store = Store::generate(&Params {
            seed: seed.into(),
            libraries: 2,
            commits: 3,
            files: 2,
            file_size: 1..=40,
            block_size: 20,
            large_dir: 0,
            special: false,
            ..Params::default()
        });
        let dir = tempfile::tempdir().unwrap();
        store.write_db(&dir.path().join("seafile.db"));
        (Arc::new(store), fs::read(dir.path().join("seafile.db")).unwrap().into())
    };
    all.entry(seed).or_insert_with(make).clone()
}

pub struct Sides {
    dir: TempDir,
    store: Arc<Store>,
    /// How many commits of each library the server has written, one at least.
    written: Vec<usize>,
    /// Every object as the server wrote it.
    truth: Objects,
    /// The bytes that objects had in the source when they were damaged there.
    damaged: BTreeMap<Name, BTreeSet<Bytes>>,
    /// The bytes that objects had at the destination when they were changed there without a change of size: nothing but
    /// reading them tells.
    flipped: BTreeMap<Name, BTreeSet<Bytes>>,
    keeps_lists: bool,
    environment: Environment,
    backup: Option<BTreeMap<PathBuf, Vec<u8>>>,
}

impl Sides {
    pub fn new(seed: u8, keeps_lists: bool) -> Self {
        let dir = tempfile::Builder::new().prefix("model-").tempdir().unwrap();
        let (store, db) = made(seed);
        fs::write(dir.path().join("seafile.db"), db).unwrap();
        let state = dir.path().join("state").display().to_string();
        let mut sides = Self {
            written: vec![0; store.libraries.len()],
            store,
            truth: Objects::new(),
            damaged: BTreeMap::new(),
            flipped: BTreeMap::new(),
            keeps_lists,
            environment: [("SEAF_MIGRATE_STATE_DIR", state.as_str())].into_iter().collect(),
            backup: None,
            dir,
        };
        sides.set_up();
        sides
    }

    fn set_up(&mut self) {
        for folder in ["old", "new", "target", "objects"] {
            fs::create_dir(self.at(folder)).unwrap();
        }
        for kind in ObjectKind::ALL {
            fs::create_dir_all(self.at("data/storage").join(kind.as_str())).unwrap();
        }
        let conf = |dir: &Path| {
            let section = |name: &str| format!("[{name}]\nname = fs\ndir = {}\n", dir.display());
            ["commit_object_backend", "fs_object_backend", "block_backend"].map(section).concat()
        };
        fs::write(self.at("old/seafile.conf"), conf(&self.at("data"))).unwrap();
        fs::write(self.at("new/seafile.conf"), conf(&self.at("target"))).unwrap();
        (0..self.store.libraries.len()).for_each(|library| self.commit(library));
    }

    fn at(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The server writes the next commit of a library, and then moves the head.
    fn commit(&mut self, library: usize) {
        let next = (self.written[library] + 1).min(self.store.libraries[library].snapshots.len());
        self.written[library] = next;
        for name in self.needed(library) {
            let data = self.bytes(name);
            self.truth.insert(name, data.clone());
            let path = object_path(&self.at("data"), name.0, &name.1);
            if !path.exists() {
                put(&path, &data);
            }
        }
        let Library { id, snapshots, .. } = &self.store.libraries[library];
        let db = Connection::open(self.at("seafile.db")).unwrap();
        let head = snapshots[next - 1].commit.to_string();
        db.execute("UPDATE Branch SET commit_id = ? WHERE repo_id = ?", params![head, id.to_string()]).unwrap();
    }

    fn bytes(&self, (kind, key): Name) -> Bytes {
        self.store.objects(kind)[&key].clone()
    }

    /// What the head of a library needs.
    fn needed(&self, library: usize) -> BTreeSet<Name> {
        let Library { id, snapshots, .. } = &self.store.libraries[library];
        let snapshot = &snapshots[self.written[library] - 1];
        let key = |id_of: ObjectId| ObjectKey::new(*id, id_of);
        let mut needed = BTreeSet::from([(ObjectKind::Commits, key(snapshot.commit))]);
        let trees = snapshot.tree.dirs.values().copied().chain(snapshot.tree.files.values().map(|file| file.id));
        needed.extend(trees.filter(|id| *id != ObjectId::EMPTY).map(|id| (ObjectKind::Fs, key(id))));
        let blocks = snapshot.tree.files.values().flat_map(|file| file.blocks.iter().copied());
        needed.extend(blocks.map(|id| (ObjectKind::Blocks, key(id))));
        needed
    }

    fn objects(&self, side: &str) -> Objects {
        ObjectKind::ALL.into_iter().flat_map(|kind| objects_in(&self.at(side).join("storage"), kind)).collect()
    }

    fn quarantine(&self) -> Objects {
        let root = |kind: ObjectKind| self.at("data/storage").join(kind.as_str()).join(QUARANTINE);
        ObjectKind::ALL.into_iter().flat_map(|kind| objects_below(&root(kind), kind)).collect()
    }

    pub fn take(&mut self, step: &Step) {
        if !step.is_of_the_program() {
            return self.suffer(step);
        }
        let (there, here, quarantine) = (self.objects("target"), self.objects("data"), self.quarantine());
        match step {
            Step::Run { relist } => {
                self.run(if *relist { &["--relist"] } else { &[] });
            }
            Step::KilledRun(after) => self.kill("run", &[], *after),
            Step::TwoRuns => self.two_runs(),
            Step::Verify(depth) => {
                self.verify(*depth);
            }
            Step::KilledVerify(after) => self.kill("verify", &["--content"], *after),
            Step::Remove(depth) => self.remove(&["--yes"], *depth),
            Step::KilledRemove(after) => self.kill("remove", &["--yes", "--content"], *after),
            Step::Purge(depth) => self.remove(&["--yes", "--purge"], *depth),
            Step::Restore => self.remove(&["--yes", "--restore"], Depth::Sizes),
            Step::Repair => self.repair(),
            _ => unreachable!("{step:?} is not the program's"),
        }
        self.assert_nothing_right_became_wrong(&there);
        let depth = match step {
            Step::Remove(depth) | Step::Purge(depth) => *depth,
            _ => Depth::Contents,
        };
        self.assert_removed_is_held(&here, &quarantine, depth);
    }

    /// What happens to the sides without the program.
    fn suffer(&mut self, step: &Step) {
        match step {
            Step::LoseKind(kind) => {
                let folder = self.at("target/storage").join(kind.as_str());
                let _ = fs::remove_dir_all(&folder);
            }
            Step::LoseObjects(kind) => {
                let all = objects_in(&self.at("target/storage"), *kind);
                all.keys().for_each(|name| fs::remove_file(self.there(*name)).unwrap());
            }
            Step::LoseObject(n) => self.change_there(*n, |_| None),
            Step::Cut(n) => self.change_there(*n, |data| Some(data[..data.len() / 2].to_vec())),
            Step::Empty(n) => self.change_there(*n, |_| Some(Vec::new())),
            Step::Flip(n) => {
                let all = self.objects("target");
                let Some(name) = pick(&all, *n).filter(|name| !all[name].is_empty()) else { return };
                let data = Bytes::from(flip(&all[&name]));
                put(&self.there(name), &data);
                self.flipped.entry(name).or_default().insert(data);
            }
            Step::BackUp => self.backup = Some(everything_below(&self.at("target/storage"))),
            Step::PutBackupInPlace => self.put_backup_in_place(),
            Step::FlipInSource(n) => {
                let Some(name) = pick(&self.objects("data"), *n) else { return };
                let data = Bytes::from(flip(&self.bytes(name)));
                put(&object_path(&self.at("data"), name.0, &name.1), &data);
                self.damaged.entry(name).or_default().insert(data);
            }
            Step::LoseInSource(n) => {
                let Some(name) = pick(&self.objects("data"), *n) else { return };
                fs::remove_file(object_path(&self.at("data"), name.0, &name.1)).unwrap();
            }
            Step::Unmount(kind) => {
                let folder = self.at("data/storage").join(kind.as_str());
                fs::remove_dir_all(&folder).unwrap();
                fs::create_dir(&folder).unwrap();
            }
            Step::MendSource => self.mend_source(),
            Step::Commit(n) => self.commit(n % self.store.libraries.len()),
            _ => unreachable!("{step:?} is the program's"),
        }
    }
}

impl Sides {
    /// Where the destination has an object.
    fn there(&self, (kind, key): Name) -> PathBuf {
        object_path(&self.at("target"), kind, &key)
    }

    /// Changes an object at the destination, or removes it.
    fn change_there(&self, n: usize, change: impl FnOnce(&[u8]) -> Option<Vec<u8>>) {
        let all = self.objects("target");
        let Some(name) = pick(&all, n) else { return };
        match change(&all[&name]) {
            Some(data) => put(&self.there(name), &data),
            None => fs::remove_file(self.there(name)).unwrap(),
        }
    }

    fn put_backup_in_place(&self) {
        let Some(backup) = &self.backup else { return };
        let storage = self.at("target/storage");
        let _ = fs::remove_dir_all(&storage);
        fs::create_dir(&storage).unwrap();
        backup.iter().for_each(|(path, data)| put(&storage.join(path), data));
    }

    /// Puts every object that the server wrote in its place, as it wrote it.
    pub fn mend_source(&self) {
        let here = self.objects("data");
        for (name, data) in self.truth.iter().filter(|(name, data)| here.get(name) != Some(data)) {
            put(&object_path(&self.at("data"), name.0, &name.1), data);
        }
    }
}

/// Writes a file as a server does: beside its place, then under its name.
fn put(path: &Path, data: &[u8]) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let beside = path.with_extension("new");
    fs::write(&beside, data).unwrap();
    fs::rename(&beside, path).unwrap();
}

fn flip(data: &[u8]) -> Vec<u8> {
    let mut data = data.to_vec();
    let middle = data.len() / 2;
    data[middle] ^= 1;
    data
}

fn pick(objects: &Objects, n: usize) -> Option<Name> {
    objects.keys().nth(n.checked_rem(objects.len())?).copied()
}

/// The objects of a kind below a `storage` folder, without the program's own and what is in quarantine.
fn objects_in(storage: &Path, kind: ObjectKind) -> Objects {
    objects_below(&storage.join(kind.as_str()), kind)
}

/// The objects in a folder of libraries.
fn objects_below(root: &Path, kind: ObjectKind) -> Objects {
    let mut objects = Objects::new();
    for (path, data) in everything_below(root) {
        let Some((library, id)) = path.to_str().unwrap().split_once('/') else { continue };
        let name = format!("{library}/{}", id.replace('/', ""));
        let Some(key) = ObjectKey::parse(name.as_bytes()).filter(|key| !control::is_control(key)) else { continue };
        objects.insert((kind, key), data.into());
    }
    objects
}

/// Every file below a folder, by its path there; nothing when there is no such folder.
fn everything_below(root: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let files = walkdir::WalkDir::new(root).into_iter().filter_map(Result::ok);
    let files = files.filter(|entry| entry.file_type().is_file());
    files.map(|entry| (entry.path().strip_prefix(root).unwrap().to_owned(), fs::read(entry.path()).unwrap())).collect()
}
