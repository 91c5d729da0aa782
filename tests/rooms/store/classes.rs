//! Several stores that are one by storage classes: each object is asked for where its library is, a listing is that of all
//! of them merged, and what stands in the store of another class is no object.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use proptest::prelude::*;
use seaf_migrate::conf::backend::Location;
use seaf_migrate::conf::*;
use seaf_migrate::history::Incarnation;
use seaf_migrate::object::{KeyRange, LibraryId, ObjectId, ObjectKey, ObjectKind};
use seaf_migrate::store::backend::memory::MemoryStore;
use seaf_migrate::store::layer::classes::{Classes, Leaf, Routes};
use seaf_migrate::store::layer::retry::RetryPolicy;
use seaf_migrate::store::open::{
    OpenOptions, Store, open_destination, open_destination_to_read, open_quarantine, open_source, open_source_to_remove,
};
use seaf_migrate::store::{ErrorKind, Ignored, Listed, Page, Part, ReadStore, StoreError, WriteStore, control};
use seaf_migrate::sys::shutdown::Shutdown;

use crate::support::faulty::{Action, Faulty};

const KIND: ObjectKind = ObjectKind::Fs;

fn library(number: u8) -> LibraryId {
    LibraryId::from_bytes([number; 16])
}

fn key(number: u8, id: u8) -> ObjectKey {
    ObjectKey::new(library(number), ObjectId::from_bytes([id; 20]))
}

fn location() -> Location {
    Location { backend: Backend::Classes, kind: KIND, place: "all".to_owned() }
}

fn one_of<S: ReadStore>(stores: Vec<S>, routes: &[(u8, usize)]) -> Classes<S> {
    let leaf = |(number, store)| Leaf { class: format!("c{number}").into(), store: Arc::new(store) };
    let leaves = stores.into_iter().enumerate().map(leaf).collect();
    Classes::new(location(), leaves, Routes::new(routes.iter().map(|(number, leaf)| (library(*number), *leaf)), 0))
}

/// A store in memory that counts how often it is listed.
#[derive(Debug)]
struct Counting(MemoryStore, Arc<AtomicU64>);

impl ReadStore for Counting {
    fn location(&self) -> &Location {
        self.0.location()
    }

    fn list(&self, part: &Part) -> Result<Page, StoreError> {
        self.1.fetch_add(1, Ordering::Relaxed);
        self.0.list(part)
    }

    fn read(&self, key: &ObjectKey) -> Result<Bytes, StoreError> {
        self.0.read(key)
    }

    fn size(&self, key: &ObjectKey) -> Result<u64, StoreError> {
        self.0.size(key)
    }
}

/// What stands in each of several stores, how many objects a page has, and which library is where.
#[derive(Clone, Debug)]
struct Filled {
    leaves: Vec<(BTreeSet<(u8, u8)>, usize)>,
    routes: Vec<(u8, usize)>,
}

fn filled() -> impl Strategy<Value = Filled> {
    let objects = prop::collection::btree_set((0..6u8, 0..40u8), 0..60);
    prop::collection::vec((objects, 1..9usize), 1..5).prop_flat_map(|leaves| {
        let routes = prop::collection::btree_map(0..6u8, 0..leaves.len(), 0..6);
        routes.prop_map(move |routes| Filled { leaves: leaves.clone(), routes: routes.into_iter().collect() })
    })
}

impl Filled {
    fn stores(&self) -> Vec<MemoryStore> {
        let store = |(objects, page): &(BTreeSet<(u8, u8)>, usize)| {
            let store = MemoryStore::new(KIND, "leaf").with_page_size(*page);
            objects.iter().for_each(|(number, id)| store.write(&key(*number, *id), Bytes::from(vec![0; 3])).unwrap());
            store
        };
        self.leaves.iter().map(store).collect()
    }

    fn home(&self, number: u8) -> usize {
        self.routes.iter().find(|(other, _)| *other == number).map_or(0, |(_, leaf)| *leaf)
    }

    /// The objects of the whole, and how many stand where they do not belong.
    fn expected(&self, range: &KeyRange) -> (Vec<ObjectKey>, u64) {
        let (mut own, mut strays) = (BTreeSet::new(), 0);
        for (leaf, (objects, _)) in self.leaves.iter().enumerate() {
            for (number, id) in objects.iter().filter(|(number, id)| range.contains(&key(*number, *id))) {
                match self.home(*number) == leaf {
                    true => drop(own.insert(key(*number, *id))),
                    false => strays += 1,
                }
            }
        }
        (own.into_iter().collect(), strays)
    }
}

/// How a listing treats what is left after a page.
#[derive(Clone, Copy, Debug)]
enum How {
    Plainly,
    /// As another process does that resumes it: only the range is known.
    Resumed,
    /// As parallel listers do: cut into two somewhere, each with the memory.
    Cut(u64),
}

fn list(store: &dyn ReadStore, range: KeyRange, how: How) -> Result<(Vec<Listed>, Ignored), StoreError> {
    let mut random = fastrand::Rng::with_seed(if let How::Cut(seed) = how { seed } else { 0 });
    let (mut open, mut objects, mut ignored) = (vec![Part::new(range)], Vec::new(), Ignored::default());
    while let Some(part) = open.pop() {
        let page = store.list(&part)?;
        ignored.merge(page.ignored);
        assert!(page.objects.windows(2).all(|pair| pair[0].key < pair[1].key), "{:?}", page.objects);
        let covered = page.rest.as_ref().map_or(part.range, |rest| part.range.before(rest.range.first()).unwrap());
        assert!(page.objects.iter().all(|object| covered.contains(&object.key)));
        objects.extend(page.objects);
        let Some(rest) = page.rest else { continue };
        assert_eq!(part.range.after(covered.last()), Some(rest.range), "what is left begins where the page ends");
        match how {
            How::Plainly => open.push(rest),
            How::Resumed => open.push(Part::new(rest.range)),
            How::Cut(_) => {
                let at = key(random.u8(0..6), random.u8(0..40));
                let low = rest.range.before(at).filter(|_| rest.range.contains(&at));
                match low {
                    Some(low) => {
                        open.push(rest.with_range(rest.range.after(low.last()).unwrap()));
                        open.push(rest.with_range(low));
                    }
                    None => open.push(rest),
                }
            }
        }
    }
    Ok((objects, ignored))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn a_listing_is_that_of_all_stores_without_what_stands_in_another_class(
        filled in filled(), ends in ((0..6u8, 0..40u8), (0..6u8, 0..40u8)), seed in any::<u64>(), whole in any::<bool>(),
    ) {
        let ((a, b), (c, d)) = ends;
        let some = KeyRange::new(key(a, b).min(key(c, d)), key(a, b).max(key(c, d))).unwrap();
        let range = if whole { KeyRange::ALL } else { some };
        let store = one_of(filled.stores(), &filled.routes);
        let (expected, strays) = filled.expected(&range);
        for how in [How::Plainly, How::Resumed, How::Cut(seed)] {
            let (objects, ignored) = list(&store, range, how).unwrap();
            prop_assert_eq!(objects.iter().map(|object| object.key).collect::<Vec<_>>(), expected.clone());
            prop_assert!(objects.iter().all(|object| object.size == Some(3)));
            // Without the memory some pages are listed again, and so are their strangers.
            if !matches!(how, How::Resumed) {
                prop_assert_eq!((ignored.other_class.count, ignored.total()), (strays, strays));
            }
        }
    }

    #[test]
    fn what_was_listed_is_not_listed_again(filled in filled()) {
        let counts: Vec<_> = filled.leaves.iter().map(|_| Arc::new(AtomicU64::new(0))).collect();
        let stores = filled.stores().into_iter().zip(&counts).map(|(store, count)| Counting(store, Arc::clone(count)));
        list(&one_of(stores.collect(), &filled.routes), KeyRange::ALL, How::Plainly).unwrap();
        for ((objects, page), count) in filled.leaves.iter().zip(&counts) {
            let alone = objects.len().div_ceil(*page).max(1) as u64;
            prop_assert_eq!(count.load(Ordering::Relaxed), alone);
        }
    }

    #[test]
    fn a_store_that_fails_ends_the_listing_and_shortens_none(filled in filled(), leaf in 0..4usize, call in 1..6u64) {
        let failing = |(at, store)| {
            let store = Faulty::new(store);
            if at == leaf { store.fail_nth(Action::List, call, ErrorKind::Unavailable) } else { store }
        };
        let stores = filled.stores().into_iter().enumerate().map(failing).collect();
        match list(&one_of(stores, &filled.routes), KeyRange::ALL, How::Plainly) {
            Ok((objects, _)) => {
                let keys: Vec<_> = objects.iter().map(|object| object.key).collect();
                prop_assert_eq!(keys, filled.expected(&KeyRange::ALL).0);
                let pages = filled.leaves.get(leaf).map_or(0, |(objects, page)| objects.len().div_ceil(*page).max(1));
                prop_assert!((pages as u64) < call, "the call that fails was made");
            }
            Err(error) => prop_assert_eq!(error.kind(), ErrorKind::Unavailable),
        }
    }
}

#[test]
fn a_stray_is_named_with_the_class_where_it_stands() {
    let stores = [MemoryStore::new(KIND, "a"), MemoryStore::new(KIND, "b")];
    stores[1].write(&key(1, 1), Bytes::new()).unwrap();
    let (objects, ignored) = list(&one_of(stores.into(), &[]), KeyRange::ALL, How::Plainly).unwrap();
    assert_eq!((objects.len(), ignored.other_class.count), (0, 1));
    assert_eq!(ignored.other_class.examples, [format!("{} in class c1", key(1, 1))]);
}

#[test]
fn each_object_is_where_its_library_is_and_nowhere_else() {
    let leaves: Vec<Arc<MemoryStore>> = ["a", "b"].map(|name| Arc::new(MemoryStore::new(KIND, name))).into();
    let store = one_of(leaves.clone(), &[(1, 1)]);
    let data = Bytes::from_static(b"data");
    for (number, home) in [(0, 0), (1, 1), (2, 0)] {
        let key = key(number, 7);
        store.write(&key, data.clone()).unwrap();
        let held = [0, 1].map(|leaf: usize| leaves[leaf].read(&key).is_ok());
        assert_eq!(held, [home == 0, home == 1]);
        assert_eq!((store.read(&key).unwrap(), store.size(&key).unwrap()), (data.clone(), 4));
        assert_eq!(store.list_one(&key).unwrap().map(|listed| listed.size), Some(Some(4)));
        // A copy that was left behind in the other class does not stand in for it.
        leaves[1 - home].write(&key, data.clone()).unwrap();
        seaf_migrate::store::RemoveStore::remove(&store, &key).unwrap();
        assert_eq!(store.read(&key).unwrap_err().kind(), ErrorKind::NotFound);
        assert_eq!(store.list_one(&key).unwrap(), None);
        assert!(leaves[1 - home].read(&key).is_ok(), "what is no object of this store is left alone");
    }
}

#[test]
fn an_identity_is_there_only_when_every_class_shows_the_same_one() {
    let leaves: Vec<Arc<MemoryStore>> = ["a", "b", "c"].map(|name| Arc::new(MemoryStore::new(KIND, name))).into();
    let store = one_of(leaves.clone(), &[(1, 1), (2, 2)]);
    assert_eq!(Incarnation::read(&store).unwrap(), None);
    let first = Incarnation::first();
    first.write(&store).unwrap();
    assert_eq!(Incarnation::read(&store).unwrap(), Some(first.clone()));
    assert!(leaves.iter().all(|leaf| Incarnation::read(leaf).unwrap().as_ref() == Some(&first)));
    // Another run wrote to the store of one class, or it was replaced.
    first.pass_begun().write(&leaves[1]).unwrap();
    assert_eq!(Incarnation::read(&store).unwrap(), None);
    first.write(&leaves[1]).unwrap();
    assert_eq!(Incarnation::read(&store).unwrap(), Some(first));
    seaf_migrate::store::RemoveStore::remove(&*leaves[2], &control::INCARNATION).unwrap();
    assert_eq!(Incarnation::read(&store).unwrap(), None);
    assert_eq!(store.size(&control::INCARNATION).unwrap_err().kind(), ErrorKind::NotFound);
}

#[test]
fn a_sync_of_all_is_good_only_when_that_of_each_is() {
    let stores = |failing: usize| {
        let store = |at| {
            let store = Faulty::new(MemoryStore::new(KIND, "leaf"));
            if at == failing { store.fail_nth(Action::Sync, 1, ErrorKind::NotDurable) } else { store }
        };
        one_of((0..3).map(store).collect(), &[(1, 1), (2, 2)])
    };
    for failing in 0..3 {
        assert_eq!(stores(failing).sync().unwrap_err().kind(), ErrorKind::NotDurable);
    }
    stores(9).sync().unwrap();
}

/// The store of a kind with a class `hot` (the default) and a class `cold`, each in a folder of this name below `folder`.
fn conf(folder: &tempfile::TempDir, placed: Option<&[(u8, &str)]>) -> StoreConf {
    let class = |id: &str, is_default| {
        let dir = folder.path().join(id);
        ClassConf { id: id.to_owned(), is_default, backend: BackendConf::Fs(FsConf { dir }) }
    };
    let placement = placed.map(|placed| {
        Arc::new(Placement::new(placed.iter().map(|(number, class)| (library(*number), (*class).into())), "hot"))
    });
    StoreConf::new(
        KIND,
        BackendConf::Classes(ClassesConf { classes: vec![class("hot", true), class("cold", false)], placement }),
    )
}

fn options() -> OpenOptions {
    OpenOptions::new(2, Duration::from_secs(5), RetryPolicy::default(), &Shutdown::new())
}

#[test]
fn classes_are_not_opened_before_the_libraries_are_placed() {
    let folder = tempfile::tempdir().unwrap();
    ["hot/storage/fs", "cold/storage/fs"]
        .iter()
        .for_each(|dir| std::fs::create_dir_all(folder.path().join(dir)).unwrap());
    let ice: &[(u8, &str)] = &[(1, "ice")];
    for placed in [None, Some(ice)] {
        let error = open_source(&conf(&folder, placed), &options()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Setup);
        assert!(error.to_string().contains("which library is in which storage class"), "{error}");
    }
    open_source(&conf(&folder, Some(&[])), &options()).unwrap();
}

#[test]
fn errors_name_the_class_whose_store_fails() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(folder.path().join("hot/storage/fs")).unwrap();
    let error = open_source(&conf(&folder, Some(&[])), &options()).unwrap_err().to_string();
    assert!(error.contains("fs of class cold") && error.contains("cold/storage/fs"), "{error}");
}

#[test]
fn a_folder_that_the_first_pass_will_make_holds_nothing_yet() {
    let folder = tempfile::tempdir().unwrap();
    ["hot", "cold"].iter().for_each(|dir| std::fs::create_dir_all(folder.path().join(dir)).unwrap());
    let placed = conf(&folder, Some(&[(1, "cold")]));
    assert!(open_destination_to_read(&placed, &options()).unwrap().is_none(), "neither class is there");
    std::fs::create_dir_all(folder.path().join("hot/storage/fs")).unwrap();
    let store = open_destination_to_read(&placed, &options()).unwrap().expect("one class is there");
    assert_eq!(store.read(&key(1, 1)).unwrap_err().kind(), ErrorKind::NotFound);
    assert!(list(&*store, KeyRange::ALL, How::Plainly).unwrap().0.is_empty());
    let store = open_destination(&placed, &options()).unwrap();
    store.write(&key(1, 1), Bytes::from_static(b"x")).unwrap();
    assert!(files_of(&folder, "cold").len() == 1 && files_of(&folder, "hot").is_empty());
}

#[test]
fn what_is_removed_goes_to_the_quarantine_of_its_class_and_comes_back_from_there() {
    let folder = tempfile::tempdir().unwrap();
    ["hot", "cold"].iter().for_each(|dir| std::fs::create_dir_all(folder.path().join(dir)).unwrap());
    let placed = conf(&folder, Some(&[(1, "cold")]));
    let store = open_destination(&placed, &options()).unwrap();
    let keys = [key(0, 1), key(1, 1)];
    keys.iter().for_each(|key| store.write(key, Bytes::from_static(b"x")).unwrap());
    let before = files_of(&folder, "cold");
    assert!(open_quarantine(&placed).unwrap().is_none());
    let removing = open_source_to_remove(&placed, &options()).unwrap();
    removing.remove(&keys[1]).unwrap();
    assert_eq!(removing.read(&keys[1]).unwrap_err().kind(), ErrorKind::NotFound);
    let quarantine = open_quarantine(&placed).unwrap().expect("one class has a quarantine");
    let held: Vec<ObjectKey> =
        list(&*quarantine, KeyRange::ALL, How::Plainly).unwrap().0.iter().map(|object| object.key).collect();
    assert_eq!(held, [keys[1]]);
    assert!(quarantine.put_back(&keys[1]).unwrap());
    assert_eq!(files_of(&folder, "cold"), before);
}

fn files_of(folder: &tempfile::TempDir, class: &str) -> BTreeMap<PathBuf, Vec<u8>> {
    let root = folder.path().join(class).join("storage/fs");
    let files = seaf_migrate::commands::demo::files_below(&root).unwrap_or_default();
    files.into_iter().filter(|(path, _)| !path.starts_with(control::LIBRARY.to_string())).collect()
}

#[test]
fn classes_that_share_a_store_have_it_once() {
    let store = conf(&tempfile::tempdir().unwrap(), None);
    let BackendConf::Classes(mut classes) = store.backend else { panic!("it has classes") };
    classes.classes.push(ClassConf { id: "ice".to_owned(), ..classes.classes[1].clone() });
    classes.placement =
        Some(Arc::new(Placement::new([(library(1), "ice".into()), (library(2), "cold".into())], "hot")));
    let conf = StoreConf::new(KIND, BackendConf::Classes(classes.clone()));
    assert_eq!(conf.leaves().len(), 2);
    let leaves: Vec<Arc<dyn Store>> = ["a", "b"].map(|name| Arc::new(MemoryStore::new(KIND, name)) as _).into();
    for number in [1, 2] {
        leaves[1].write(&key(number, 1), Bytes::new()).unwrap();
    }
    let leaf = |store: Arc<dyn Store>| Leaf { class: "c".into(), store };
    let routes = Routes::of(&classes).expect("they are placed");
    let store = Classes::<dyn Store>::new(location(), leaves.into_iter().map(leaf).collect(), routes);
    let (objects, ignored) = list(&store, KeyRange::ALL, How::Plainly).unwrap();
    assert_eq!((objects.len(), ignored.total()), (2, 0));
}
