//! Keys and contents for the cases, and the ways in which they list a store.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use seaf_migrate::object::{KeyRange, LibraryId, ObjectId, ObjectKey};
use seaf_migrate::store::control::is_control;
use seaf_migrate::store::{Listed, Part, ReadStore, SizeForm};

use super::harness::FullStore;

/// The libraries that the cases use: the smallest, the largest, two that differ in one bit, one more.
pub(crate) const LIBRARIES: [&str; 5] = [
    "00000000-0000-0000-0000-000000000000",
    "3f8a9c1e-7b42-4d0e-9a55-0c1d2e3f4a5b",
    "3f8a9c1e-7b42-4d0e-9a55-0c1d2e3f4a5c",
    "a0000000-0000-4000-8000-000000000000",
    "ffffffff-ffff-ffff-ffff-ffffffffffff",
];

pub(crate) fn library(number: usize) -> LibraryId {
    LIBRARIES[number].parse().unwrap()
}

/// As many different keys as asked for, spread over the libraries, always the same ones.
pub(crate) fn keys(count: usize) -> Vec<ObjectKey> {
    let mut random = fastrand::Rng::with_seed(count as u64);
    let mut keys = BTreeSet::new();
    while keys.len() < count {
        let mut id = [0; 20];
        random.fill(&mut id);
        keys.insert(ObjectKey::new(library(random.usize(..LIBRARIES.len())), ObjectId::from_bytes(id)));
    }
    keys.into_iter().collect()
}

/// Keys where listings are cut: first and last of libraries and of shards, neighbours, and some in between.
pub(crate) fn edge_keys() -> BTreeSet<ObjectKey> {
    let mut keys: BTreeSet<ObjectKey> = keys(40).into_iter().collect();
    for number in 0..LIBRARIES.len() {
        for (shard, rest) in [(0, 0), (0, 1), (0, 255), (1, 0), (0x7f, 255), (0x80, 0), (255, 254), (255, 255)] {
            let mut id = [rest; 20];
            id[0] = shard;
            keys.insert(ObjectKey::new(library(number), ObjectId::from_bytes(id)));
        }
    }
    keys
}

/// The content that the cases give to an object: it differs from key to key, in length too.
pub(crate) fn content(key: &ObjectKey) -> Bytes {
    let length = usize::from(key.id.as_bytes()[1]) % 7 + 1;
    Bytes::copy_from_slice(&key.id.as_bytes()[..length])
}

/// The size with which a store lists an object of `bytes` bytes. This program's own objects are kept as they are everywhere.
pub(crate) fn kept_size(store: &(impl ReadStore + ?Sized), key: &ObjectKey, bytes: usize) -> u64 {
    let form = if is_control(key) { SizeForm::Exact } else { store.size_form() };
    form.of(bytes as u64)
}

/// Writes an object for each key, from 32 threads.
pub(crate) fn put_all<'a>(store: &dyn FullStore, keys: impl IntoIterator<Item = &'a ObjectKey>) {
    let keys: Vec<&ObjectKey> = keys.into_iter().collect();
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..32.min(keys.len()) {
            scope.spawn(|| {
                while let Some(key) = keys.get(next.fetch_add(1, Ordering::Relaxed)) {
                    store.write(key, content(key)).unwrap();
                }
            });
        }
    });
}

/// Lists one part to its end; checks the promises about pages on the way. Returns what it holds in
/// key order, and how many names were ignored.
pub(crate) fn list_part(store: &dyn ReadStore, part: Part) -> (Vec<Listed>, u64) {
    let (mut objects, mut ignored): (Vec<Listed>, u64) = (Vec::new(), 0);
    let mut next = Some(part);
    while let Some(part) = next {
        let page = store.list(&part).unwrap();
        for object in &page.objects {
            assert!(part.range.contains(&object.key), "{} is not in {part:?}", object.key);
        }
        ignored += page.ignored.total();
        objects.extend(page.objects);
        if let (true, Some(rest), Some(last)) = (store.is_ordered(), &page.rest, objects.last()) {
            assert!(rest.range.first() > last.key, "{rest:?} begins before the page ended");
            assert_eq!(rest.range.last(), part.range.last());
        }
        next = page.rest;
    }
    if store.is_ordered() {
        assert!(objects.is_sorted_by(|one, next| one.key < next.key), "a listing is out of order");
    }
    objects.sort_by_key(|object| object.key);
    (objects, ignored)
}

/// Lists `range` as one part that the store did not choose.
pub(crate) fn list_plainly(store: &dyn ReadStore, range: KeyRange) -> (Vec<Listed>, u64) {
    list_part(store, Part::new(range))
}

/// Lists `range` part by part, as the store cuts it.
pub(crate) fn list_by_parts(store: &dyn ReadStore, range: KeyRange) -> (Vec<Listed>, u64) {
    let (mut objects, mut ignored) = (Vec::new(), 0);
    for part in store.parts(&range).unwrap() {
        let (found, strangers) = list_part(store, part);
        objects.extend(found);
        ignored += strangers;
    }
    objects.sort_by_key(|object| object.key);
    (objects, ignored)
}

/// Checks that both ways of listing `range` give exactly `expected`, sizes included where there are any.
#[track_caller]
pub(crate) fn assert_lists(store: &dyn ReadStore, range: KeyRange, expected: &[ObjectKey]) {
    for (objects, ignored) in [list_plainly(store, range), list_by_parts(store, range)] {
        let found: Vec<ObjectKey> = objects.iter().map(|object| object.key).collect();
        assert_eq!(found.len(), expected.len(), "names in {range:?}");
        assert!(found == expected, "{range:?} lists other names");
        assert_eq!(ignored, 0, "nothing foreign is in {range:?}");
        for object in objects {
            let size = kept_size(store, &object.key, content(&object.key).len());
            assert_eq!(object.size.unwrap_or(size), size, "listed size of {}", object.key);
        }
    }
}
