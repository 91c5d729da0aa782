//! Cases about single objects.

use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use seaf_migrate::object::{KeyRange, ObjectKey};
use seaf_migrate::store::{ErrorKind, WriteStore};

use super::harness::Harness;
use super::samples::{content, kept_size, keys, list_plainly, put_all};

pub(crate) fn comes_back_as_it_went(harness: &Harness) {
    let (store, keys) = (&harness.store, keys(20));
    put_all(&**store, &keys);
    for key in &keys {
        assert_eq!(store.read(key).unwrap(), content(key));
        assert_eq!(store.read_again(key).unwrap(), content(key));
        assert_eq!(store.size(key).unwrap(), kept_size(store, key, content(key).len()));
    }
    let (listed, _) = list_plainly(store, KeyRange::ALL);
    assert!(listed.iter().map(|object| object.key).eq(keys));
}

pub(crate) fn empty_and_tiny(harness: &Harness) {
    for (key, data) in keys(3).iter().zip([&b""[..], b"\0", b"\r\n"]) {
        harness.store.write(key, Bytes::from_static(data)).unwrap();
        assert_eq!(harness.store.read(key).unwrap(), data);
        assert_eq!(harness.store.size(key).unwrap(), kept_size(&harness.store, key, data.len()));
    }
    let (listed, _) = list_plainly(&harness.store, KeyRange::ALL);
    assert_eq!(listed.len(), 3, "an empty object is an object");
}

pub(crate) fn ten_megabytes(harness: &Harness) {
    let mut data = vec![0; 10_000_001];
    fastrand::Rng::with_seed(10).fill(&mut data);
    let (key, data) = (keys(1)[0], Bytes::from(data));
    harness.store.write(&key, data.clone()).unwrap();
    assert!(harness.store.read(&key).unwrap() == data, "ten megabytes came back changed");
    assert!(harness.store.read_again(&key).unwrap() == data, "ten megabytes came back changed the second time");
    assert_eq!(harness.store.size(&key).unwrap(), kept_size(&harness.store, &key, 10_000_001));
}

pub(crate) fn no_more_than_asked_for(harness: &Harness) {
    let (store, keys) = (&harness.store, keys(3));
    for (key, length) in keys.iter().zip([10u64, 100_000]) {
        let data = Bytes::from(vec![7; usize::try_from(length).unwrap()]);
        store.write(key, data.clone()).unwrap();
        for (most, given) in [(0, false), (length - 1, false), (length, true), (u64::MAX, true)] {
            let read = store.read_at_most(key, most).unwrap();
            assert_eq!(read, given.then(|| data.clone()), "at most {most} of {length} bytes");
        }
    }
    assert_eq!(store.read_at_most(&keys[2], 1000).unwrap_err().kind(), ErrorKind::NotFound);
}

pub(crate) fn last_write_stays(harness: &Harness) {
    let key = keys(1)[0];
    for data in [&b"a first and longer content"[..], b"second", b"a third one, longer again"] {
        harness.store.write(&key, Bytes::from_static(data)).unwrap();
        assert_eq!(harness.store.read(&key).unwrap(), data);
        assert_eq!(harness.store.read_again(&key).unwrap(), data);
        assert_eq!(harness.store.size(&key).unwrap(), kept_size(&harness.store, &key, data.len()));
    }
}

pub(crate) fn what_is_not_there(harness: &Harness) {
    let keys = keys(3);
    // One in an empty store, then one beside an object of another library and of the same shard.
    for present in [None, Some(keys[2])] {
        if let Some(key) = present {
            harness.store.write(&key, content(&key)).unwrap();
        }
        let absent = [Some(keys[0]), keys[2].successor()];
        for key in absent.into_iter().flatten() {
            assert_eq!(harness.store.read(&key).unwrap_err().kind(), ErrorKind::NotFound);
            assert_eq!(harness.store.read_again(&key).unwrap_err().kind(), ErrorKind::NotFound);
            assert_eq!(harness.store.list_one(&key).unwrap(), None);
            assert_eq!(harness.store.size(&key).unwrap_err().kind(), ErrorKind::NotFound);
        }
    }
}

pub(crate) fn removal(harness: &Harness) {
    let keys = keys(2);
    put_all(&*harness.store, &keys);
    for _ in 0..2 {
        harness.store.remove(&keys[0]).unwrap();
        assert_eq!(harness.store.read(&keys[0]).unwrap_err().kind(), ErrorKind::NotFound);
    }
    let (listed, _) = list_plainly(&harness.store, KeyRange::ALL);
    assert!(listed.iter().map(|object| object.key).eq([keys[1]]), "only the other object is left");
    harness.store.write(&keys[0], content(&keys[0])).unwrap();
    assert_eq!(harness.store.read(&keys[0]).unwrap(), content(&keys[0]));
}

pub(crate) fn removal_of_many(harness: &Harness) {
    let (store, keys) = (&harness.store, keys(60));
    put_all(&**store, &keys);
    let (gone, stay): (Vec<_>, Vec<_>) = keys.iter().enumerate().partition(|(n, _)| n % 3 != 0);
    // Many at once, and some of them once more.
    std::thread::scope(|scope| {
        for part in gone.chunks(10) {
            scope.spawn(|| part.iter().for_each(|(_, key)| store.remove(key).unwrap()));
        }
    });
    gone.iter().step_by(7).for_each(|(_, key)| store.remove(key).unwrap());
    let (listed, _) = list_plainly(store, KeyRange::ALL);
    assert!(listed.iter().map(|object| object.key).eq(stay.iter().map(|(_, key)| **key)));
    assert!(gone.iter().all(|(_, key)| store.size(key).unwrap_err().kind() == ErrorKind::NotFound));
    assert!(stay.iter().all(|(_, key)| store.read(key).unwrap() == content(key)));
}

pub(crate) fn emptied_folders(harness: &Harness) {
    let (store, keys) = (&harness.store, keys(30));
    put_all(&**store, &keys);
    keys[1..].iter().for_each(|key| store.remove(key).unwrap());
    // Folders that still hold an object stay, and an object can be written again where a folder was removed.
    store.remove_empty_folders(&KeyRange::ALL).unwrap();
    assert_eq!(store.read(&keys[0]).unwrap(), content(&keys[0]));
    store.remove(&keys[0]).unwrap();
    store.remove_empty_folders(&KeyRange::library(keys[0].library)).unwrap();
    store.remove_empty_folders(&KeyRange::ALL).unwrap();
    assert_eq!(store.remove_empty_folders(&KeyRange::ALL).unwrap(), 0, "some were left");
    assert!(list_plainly(store, KeyRange::ALL).0.is_empty());
    let before = std::time::SystemTime::now() - std::time::Duration::from_secs(3600);
    put_all(&**store, &keys);
    assert_eq!(list_plainly(store, KeyRange::ALL).0.len(), keys.len());
    for key in &keys {
        assert!(store.written_at(key).unwrap().is_none_or(|written| written > before));
    }
}

pub(crate) fn one_key_many_writers(harness: &Harness) {
    const WRITERS: u8 = 8;
    const ROUNDS: usize = 8;
    let (store, key) = (&harness.store, keys(1)[0]);
    let value = |writer: u8| Bytes::from(vec![writer; 100_000 + 10_000 * usize::from(writer)]);
    let is_whole = |data: &Bytes| data.first().is_some_and(|&writer| writer < WRITERS && *data == value(writer));
    store.write(&key, value(0)).unwrap();
    let writing = AtomicBool::new(true);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while writing.load(Ordering::Relaxed) {
                // Some servers say for a moment that an object is not there while it is replaced; the listing has it.
                match store.read(&key) {
                    Ok(data) => assert!(is_whole(&data), "a reader saw a mixture"),
                    Err(error) if error.kind() == ErrorKind::NotFound => {
                        assert!(store.list_one(&key).unwrap().is_some(), "it is neither given nor listed");
                    }
                    Err(error) => panic!("{error}"),
                }
            }
        });
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                let value = value(writer);
                scope.spawn(move || (0..ROUNDS).for_each(|_| write_until_taken(&**store, &key, &value)))
            })
            .collect();
        let ended: Vec<_> = writers.into_iter().map(|writer| writer.join()).collect();
        writing.store(false, Ordering::Relaxed);
        assert!(ended.iter().all(Result::is_ok), "a writer failed");
    });
    assert!(is_whole(&store.read(&key).unwrap()), "the value that stays is a mixture");
    let (listed, ignored) = list_plainly(store, KeyRange::ALL);
    assert_eq!((listed.len(), ignored), (1, 0), "nothing is left beside the object");
}

/// Writes, and once more whenever the store says that another writer came in between.
fn write_until_taken(store: &dyn WriteStore, key: &ObjectKey, value: &Bytes) {
    while let Err(error) = store.write(key, value.clone()) {
        assert_eq!(error.kind(), ErrorKind::Altered, "{error}");
    }
}

pub(crate) fn survives_sync(harness: &Harness) {
    harness.store.sync().unwrap();
    let keys = keys(5);
    put_all(&*harness.store, &keys);
    harness.store.make_listed_durable().unwrap();
    harness.store.sync().unwrap();
    harness.store.sync().unwrap();
    assert!(keys.iter().all(|key| harness.store.read(key).unwrap() == content(key)));
}
