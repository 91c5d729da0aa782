//! A pass that is killed at any of its calls to the destination leaves list files that say no more than the truth, whatever
//! happens to the destination then, and that are used again when nothing does.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use bytes::Bytes;
use seaf_migrate::commands::common::generation::Generation;
use seaf_migrate::commands::demo;
use seaf_migrate::conf::SideConf;
use seaf_migrate::conf::backend::Location;
use seaf_migrate::index::{self, Journal, ListLock, ListPaths, SetBuilder};
use seaf_migrate::object::{KeyRange, LibraryId, ObjectId, ObjectKey, ObjectKind, PerKind};
use seaf_migrate::report::Console;
use seaf_migrate::store::backend::memory::MemoryStore;
use seaf_migrate::store::{ErrorKind, Listed, Page, Part, ReadStore, RemoveStore, StoreError, WriteStore, control};

/// Whether the call at which the process is killed has an effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LastCall {
    Done,
    NotDone,
}

/// How many calls the process still makes before it is killed, all stores together.
#[derive(Debug)]
struct Life {
    calls: AtomicI64,
    last: LastCall,
}

impl Life {
    const FOR_EVER: i64 = i64::MAX / 2;

    fn of(calls: i64, last: LastCall) -> Arc<Self> {
        Arc::new(Self { calls: AtomicI64::new(calls), last })
    }

    /// Makes a call, unless the process is dead.
    fn call<T>(&self, call: impl FnOnce() -> Result<T, StoreError>) -> Result<T, StoreError> {
        let killed = || Err(StoreError::new(ErrorKind::Other, "call", "the store", "the process was killed"));
        match self.calls.fetch_sub(1, Ordering::SeqCst) {
            left if left > 1 => call(),
            1 if self.last == LastCall::Done => call().and_then(|_| killed()),
            _ => killed(),
        }
    }
}

/// A store as a process that will be killed sees it.
#[derive(Debug)]
struct Seen {
    store: Arc<MemoryStore>,
    life: Arc<Life>,
}

impl ReadStore for Seen {
    fn location(&self) -> &Location {
        self.store.location()
    }

    fn list(&self, part: &Part) -> Result<Page, StoreError> {
        self.life.call(|| self.store.list(part))
    }

    fn read(&self, key: &ObjectKey) -> Result<Bytes, StoreError> {
        self.life.call(|| self.store.read(key))
    }

    fn size(&self, key: &ObjectKey) -> Result<u64, StoreError> {
        self.life.call(|| self.store.size(key))
    }
}

impl WriteStore for Seen {
    fn write(&self, key: &ObjectKey, data: Bytes) -> Result<(), StoreError> {
        self.life.call(|| self.store.write(key, data))
    }

    fn sync(&self) -> Result<(), StoreError> {
        self.life.call(|| Ok(()))
    }
}

/// A destination, and the list files that passes keep about it.
struct World {
    folder: tempfile::TempDir,
    to: SideConf,
    stores: PerKind<Arc<MemoryStore>>,
    next: u8,
}

type Backup = PerKind<BTreeMap<ObjectKey, Bytes>>;

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let side = |name: &str| {
            let dir = folder.path().join(name);
            std::fs::create_dir_all(dir.join("storage")).unwrap();
            let sections = ["commit_object_backend", "fs_object_backend", "block_backend"];
            let conf = sections.map(|section| format!("[{section}]\nname = fs\ndir = {}\n", dir.display()));
            std::fs::write(dir.join("seafile.conf"), conf.concat()).unwrap();
            dir.display().to_string()
        };
        let (from, to) = (side("from"), side("to"));
        let to = demo::settings(&["--from", &from, "--to", &to]).unwrap().plan.to;
        let stores = PerKind::from_fn(|kind| Arc::new(MemoryStore::new(kind, "to")));
        Self { folder, to, stores, next: 0 }
    }

    fn prefix(&self) -> PathBuf {
        self.folder.path().join("objects")
    }

    /// A pass of a process with this much life: what every pass does with the destination and the list files, and one
    /// object of each kind copied. Returns which kinds had to be listed; `None` when the process was killed.
    fn pass(&mut self, life: &Arc<Life>) -> Option<Vec<ObjectKind>> {
        self.next += 1;
        let seen = |store: &Arc<MemoryStore>| Seen { store: Arc::clone(store), life: Arc::clone(life) };
        let stores = PerKind::from_fn(|kind| Arc::new(seen(&self.stores[kind])) as Arc<dyn WriteStore>);
        let console = Console::quiet();
        let mut generation = Generation::read(&stores, &self.to, Some(&self.prefix()), &console).ok()?;
        let (mut journals, mut listed) = (Vec::new(), Vec::new());
        for kind in ObjectKind::ALL {
            let lock = ListLock::acquire(&ListPaths::new(&self.prefix(), kind, None)).unwrap();
            let location = self.to.store(kind).location();
            let journal = match index::prepare(&lock, &location).unwrap().known {
                Some((_, journal)) => {
                    self.assert_true(kind);
                    journal
                }
                None => {
                    listed.push(kind);
                    let (builder, _) = SetBuilder::start_or_resume(&lock, &location).unwrap();
                    let mut stream = builder.stream();
                    stream.page(KeyRange::ALL, &objects(&*stores[kind])?).unwrap();
                    stream.finish().unwrap();
                    Journal::open(&lock, &builder.finish().unwrap()).unwrap()
                }
            };
            journals.push((kind, journal));
        }
        generation.begin().ok()?;
        for (kind, journal) in &mut journals {
            let key = ObjectKey::new(LibraryId::from_bytes([1; 16]), ObjectId::from_bytes([self.next; 20]));
            stores[*kind].write(&key, Bytes::from_static(b"data")).ok()?;
            stores[*kind].sync().ok()?;
            journal.append(&[Listed { key, size: Some(4) }]).unwrap();
        }
        generation.end(0, &console).ok()?;
        Some(listed)
    }

    /// Fails when the list of a kind names an object that its store does not hold.
    fn assert_true(&self, kind: ObjectKind) {
        let paths = ListPaths::new(&self.prefix(), kind, None);
        let Some(set) = index::open_read_only(&paths, &self.to.store(kind).location()).unwrap() else { return };
        for object in set.iter() {
            let key = object.unwrap().key;
            assert!(self.stores[kind].size(&key).is_ok(), "the list of {kind} names {key}, which is not there");
        }
    }

    fn backup(&self) -> Backup {
        let all = |kind: ObjectKind| {
            let store = &self.stores[kind];
            let page = store.list(&Part::new(KeyRange::ALL)).unwrap();
            page.objects.iter().map(|object| (object.key, store.read(&object.key).unwrap())).collect()
        };
        PerKind::from_fn(all)
    }

    /// Makes a store what it was.
    fn restore(&self, backup: &Backup, kinds: &[ObjectKind]) {
        for kind in kinds {
            let store = &self.stores[*kind];
            for object in store.list(&Part::new(KeyRange::ALL)).unwrap().objects {
                store.remove(&object.key).unwrap();
            }
            backup[*kind].iter().for_each(|(key, data)| store.write(key, data.clone()).unwrap());
        }
    }
}

/// What a store lists but for control objects, or `None` when the process is dead.
fn objects(store: &dyn WriteStore) -> Option<Vec<Listed>> {
    let page = store.list(&Part::new(KeyRange::ALL)).ok()?;
    Some(page.objects.into_iter().filter(|object| !control::is_control(&object.key)).collect())
}

/// Two passes, then one that is killed at each of its calls; `happens` to the destination then, with a backup of after the
/// first and of after the second, and `check` sees the pass after it: which kinds it listed.
fn killed_everywhere(happens: impl Fn(&World, &[Backup; 2]), check: impl Fn(&[ObjectKind], i64, LastCall)) {
    let living = || Life::of(Life::FOR_EVER, LastCall::Done);
    for last in [LastCall::Done, LastCall::NotDone] {
        for calls in 1.. {
            let mut world = World::new();
            world.pass(&living()).unwrap();
            let first = world.backup();
            world.pass(&living()).unwrap();
            let backups = [first, world.backup()];
            let is_killed = world.pass(&Life::of(calls, last)).is_none();
            happens(&world, &backups);
            let listed = world.pass(&living()).unwrap();
            check(&listed, calls, last);
            assert_eq!(world.pass(&living()), Some(Vec::new()), "a pass that came to its end leaves lists to go by");
            if !is_killed {
                assert!(calls > 30, "a pass makes more than {calls} calls");
                break;
            }
        }
    }
}

#[test]
fn a_kill_alone_costs_no_listing() {
    killed_everywhere(
        |_, _| {},
        |listed, calls, last| assert_eq!(listed, [], "killed at call {calls}, which was {last:?}"),
    );
}

#[test]
fn a_first_pass_that_was_killed_leaves_no_list_that_says_too_much() {
    for last in [LastCall::Done, LastCall::NotDone] {
        for calls in 1.. {
            let mut world = World::new();
            let is_killed = world.pass(&Life::of(calls, last)).is_none();
            world.pass(&Life::of(Life::FOR_EVER, LastCall::Done)).unwrap();
            ObjectKind::ALL.into_iter().for_each(|kind| world.assert_true(kind));
            if !is_killed {
                break;
            }
        }
    }
}

#[test]
fn after_a_kill_and_a_restore_of_an_older_state_everything_is_listed_again() {
    killed_everywhere(
        |world, [first, _]| world.restore(first, &ObjectKind::ALL),
        |listed, calls, last| assert_eq!(listed, ObjectKind::ALL, "killed at call {calls}, which was {last:?}"),
    );
}

#[test]
fn after_a_kill_and_a_restore_of_the_state_before_it_no_list_says_too_much() {
    killed_everywhere(
        |world, [_, second]| world.restore(second, &ObjectKind::ALL),
        // What the lists say is compared with the stores by each pass, and all or nothing is listed again.
        |listed, calls, last| assert!(matches!(listed.len(), 0 | 3), "killed at call {calls}, which was {last:?}"),
    );
}

#[test]
fn after_a_kill_and_the_loss_of_one_store_that_one_is_listed_again() {
    killed_everywhere(
        |world, _| world.restore(&Backup::default(), &[ObjectKind::Fs]),
        |listed, calls, last| assert_eq!(listed, [ObjectKind::Fs], "killed at call {calls}, which was {last:?}"),
    );
}
