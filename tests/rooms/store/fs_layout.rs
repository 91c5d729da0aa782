//! Where a folder store puts an object, and what it does when something else is already there.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::PathBuf;

use bytes::Bytes;
use proptest::prelude::*;
use seaf_migrate::object::{KeyRange, LibraryId, ObjectId, ObjectKey};
use seaf_migrate::store::backend::fs::FsStore;
use seaf_migrate::store::{ErrorKind, Listed, Part, ReadStore, RemoveStore, WriteStore};

use crate::support::folder::{ID, Place, key, list};

fn destination() -> (tempfile::TempDir, Place, FsStore) {
    let folder = tempfile::tempdir().unwrap();
    let place = Place::in_folder(folder.path());
    let store = place.destination().unwrap();
    (folder, place, store)
}

#[test]
fn an_object_lies_where_the_server_looks_for_it() {
    let (_folder, place, store) = destination();
    let cases = [
        (ObjectKey::MIN, "00000000-0000-0000-0000-000000000000/00", "0"),
        (ObjectKey::MAX, "ffffffff-ffff-ffff-ffff-ffffffffffff/ff", "f"),
    ];
    for (key, folder, digit) in cases {
        store.write(&key, Bytes::from_static(b"data")).unwrap();
        assert_eq!(fs::read(place.root().join(folder).join(digit.repeat(38))).unwrap(), b"data");
    }
    let (mixed, written) = (key(ID), place.file(ID));
    store.write(&mixed, Bytes::new()).unwrap();
    assert!(written.ends_with("3f8a9c1e-7b42-4d0e-9a55-0c1d2e3f4a5b/ab/34567890123456789012345678901234567890"));
    assert_eq!(fs::metadata(&written).unwrap().len(), 0);
    assert_eq!(
        list(&store).unwrap().iter().map(|object| object.key).collect::<Vec<_>>(),
        [ObjectKey::MIN, mixed, ObjectKey::MAX]
    );
}

#[test]
fn a_size_past_four_gigabytes_is_told_whole() {
    let (_folder, place, store) = destination();
    store.write(&key(ID), Bytes::new()).unwrap();
    let size = (5 << 30) + 7;
    fs::OpenOptions::new().write(true).open(place.file(ID)).unwrap().set_len(size).unwrap();
    assert_eq!(store.size(&key(ID)).unwrap(), size);
    assert_eq!(list(&store).unwrap(), [Listed { key: key(ID), size: Some(size) }]);
}

#[test]
fn a_file_in_the_place_of_a_folder_fails_its_objects_and_no_others() {
    for depth in [1, 2] {
        let (_folder, place, store) = destination();
        let blocked: PathBuf = match depth {
            1 => place.library(),
            _ => place.library().join(&ID[..2]),
        };
        fs::create_dir_all(blocked.parent().unwrap()).unwrap();
        fs::write(&blocked, "not a folder").unwrap();
        let error = store.write(&key(ID), Bytes::from_static(b"data")).unwrap_err();
        assert!(!error.kind().is_fatal() && !error.kind().is_transient(), "{error}");
        assert_ne!(error.kind(), ErrorKind::NotFound, "a writer's object cannot have vanished: {error}");
        assert_eq!(store.read(&key(ID)).unwrap_err().kind(), ErrorKind::NotFound);
        let elsewhere = ObjectKey::new(LibraryId::from_bytes([1; 16]), key(ID).id);
        store.write(&elsewhere, Bytes::from_static(b"data")).unwrap();
        assert_eq!(list(&store).unwrap().len(), 1);
        assert_eq!(fs::read(&blocked).unwrap(), b"not a folder");
    }
}

#[test]
fn an_object_that_is_a_link_is_replaced_and_what_it_leads_to_is_not() {
    let (folder, place, store) = destination();
    store.write(&key(ID), Bytes::new()).unwrap();
    let target = folder.path().join("target");
    fs::write(&target, "elsewhere").unwrap();
    fs::remove_file(place.file(ID)).unwrap();
    symlink(&target, place.file(ID)).unwrap();
    store.write(&key(ID), Bytes::from_static(b"here")).unwrap();
    assert_eq!(
        (fs::read(&target).unwrap(), store.read(&key(ID)).unwrap()),
        (b"elsewhere".to_vec(), Bytes::from_static(b"here"))
    );
}

#[test]
fn removing_leaves_the_folders_and_takes_no_folder_for_an_object() {
    let (_folder, place, store) = destination();
    store.write(&key(ID), Bytes::new()).unwrap();
    store.remove(&key(ID)).unwrap();
    store.remove(&key(ID)).unwrap();
    assert!(place.file(ID).parent().unwrap().is_dir());
    fs::create_dir(place.file(ID)).unwrap();
    assert!(store.remove(&key(ID)).is_err());
    assert!(place.file(ID).is_dir());
}

#[test]
fn a_file_is_new_each_time_it_is_written() {
    // An object's file may be shared by hard links, and a reader may hold the old one open.
    let (_folder, place, store) = destination();
    store.write(&key(ID), Bytes::from_static(b"first")).unwrap();
    let before = fs::metadata(place.file(ID)).unwrap().ino();
    let mut open = fs::File::open(place.file(ID)).unwrap();
    store.write(&key(ID), Bytes::from_static(b"second")).unwrap();
    assert_ne!(fs::metadata(place.file(ID)).unwrap().ino(), before);
    assert_eq!(std::io::read_to_string(&mut open).unwrap(), "first");
}

#[test]
fn writers_of_one_object_and_readers_beside_them_see_whole_objects_only() {
    let (_folder, place, store) = destination();
    let content = |n: u8| Bytes::from(vec![n; 3000 + usize::from(n)]);
    store.write(&key(ID), content(0)).unwrap();
    std::thread::scope(|scope| {
        for n in 1..5 {
            let store = &store;
            scope.spawn(move || (0..30).for_each(|_| store.write(&key(ID), content(n)).unwrap()));
        }
        scope.spawn(|| {
            for _ in 0..60 {
                let seen = store.read(&key(ID)).unwrap();
                assert_eq!(seen, content(seen[0]));
            }
        });
    });
    assert_eq!(place.files(), BTreeSet::from([place.file(ID)]), "no temporary file is left");
}

#[test]
fn a_sync_with_nothing_written_and_one_after_the_folder_went_away() {
    let (_folder, place, store) = destination();
    store.sync().unwrap();
    store.write(&key(ID), Bytes::from_static(b"data")).unwrap();
    store.sync().unwrap();
    store.sync().unwrap();
    fs::remove_dir_all(place.library()).unwrap();
    store.sync().unwrap();
}

fn any_keys() -> impl Strategy<Value = BTreeSet<ObjectKey>> {
    // Few libraries and shards, so that neighbours share folders.
    let id = (prop_oneof![0u8..3, Just(255)], any::<[u8; 2]>()).prop_map(|(shard, [a, b])| {
        let mut id = [a; 20];
        (id[0], id[19]) = (shard, b);
        ObjectId::from_bytes(id)
    });
    let key = (0u8..4, id).prop_map(|(library, id)| ObjectKey::new(LibraryId::from_bytes([library * 85; 16]), id));
    prop::collection::btree_set(key, 0..25)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(25))]

    #[test]
    fn a_range_lists_what_lies_in_it_and_nothing_else(keys in any_keys(), a in any_keys(), b in any_keys()) {
        let (_folder, _place, store) = destination();
        keys.iter().for_each(|key| store.write(key, Bytes::from_static(b"x")).unwrap());
        for (first, last) in a.iter().zip(&b).take(6) {
            let range = KeyRange::new(*first.min(last), *first.max(last)).unwrap();
            let mut found = Vec::new();
            for part in store.parts(&range).unwrap() {
                let mut next = Some(part);
                while let Some(part) = next {
                    let page = store.list(&part).unwrap();
                    found.extend(page.objects.iter().map(|object| object.key));
                    next = page.rest;
                }
            }
            prop_assert_eq!(found, keys.range(range.first()..=range.last()).copied().collect::<Vec<_>>());
        }
        let whole = store.list(&Part::new(KeyRange::ALL)).unwrap();
        prop_assert_eq!(whole.objects.len(), keys.len());
    }
}
