//! Cases about listings.

use std::collections::BTreeSet;

use seaf_migrate::object::{KeyRange, ObjectKey};
use seaf_migrate::store::Part;

use super::harness::{Harness, not_applicable};
use super::samples::{
    assert_lists, content, edge_keys, kept_size, keys, library, list_by_parts, list_part, list_plainly, put_all,
};

/// Counts at and around the page sizes of servers. One store grows through them, because filling several would be slow.
pub(crate) fn counts_around_a_page(harness: &Harness) {
    grow(harness, &[0, 1, 2, 999, 1000, 1001]);
}

/// More than the most names that Swift (10,000) and others answer at once.
pub(crate) fn many_names(harness: &Harness) {
    grow(harness, &[10_001, 25_000].map(|count: usize| count.min(harness.biggest_listing)));
}

fn grow(harness: &Harness, counts: &[usize]) {
    let all = keys(counts.iter().copied().max().unwrap_or(0));
    // Taken in no order of keys, so that every stage is spread over the libraries.
    let mut order = all;
    fastrand::Rng::with_seed(1).shuffle(&mut order);
    let mut put = 0;
    for &count in counts {
        put_all(&*harness.store, &order[put..count.max(put)]);
        put = count.max(put);
        let mut expected = order[..put].to_vec();
        expected.sort_unstable();
        assert_lists(&harness.store, KeyRange::ALL, &expected);
    }
}

pub(crate) fn within_a_library(harness: &Harness) {
    let keys = edge_keys();
    put_all(&*harness.store, &keys);
    for number in 0..super::samples::LIBRARIES.len() {
        let range = KeyRange::library(library(number));
        assert_lists(&harness.store, range, &within(&keys, &range));
    }
    let absent = KeyRange::library("3f8a9c1e-7b42-4d0e-9a55-0c1d2e3f4a5a".parse().unwrap());
    assert_lists(&harness.store, absent, &[]);
}

/// Ranges that begin and end exactly at keys, right before and right after them.
pub(crate) fn within_ranges(harness: &Harness) {
    let keys = edge_keys();
    put_all(&*harness.store, &keys);
    let around = |key: &ObjectKey| [key.predecessor(), Some(*key), key.successor()].into_iter().flatten();
    let cuts: Vec<ObjectKey> = keys.iter().flat_map(around).collect();
    let mut random = fastrand::Rng::with_seed(2);
    for _ in 0..60 {
        let (a, b) = (cuts[random.usize(..cuts.len())], cuts[random.usize(..cuts.len())]);
        let range = KeyRange::new(a.min(b), a.max(b)).unwrap();
        assert_lists(&harness.store, range, &within(&keys, &range));
    }
    // Short ones fall inside a library and inside a shard.
    for _ in 0..60 {
        let at = random.usize(..cuts.len());
        let range = KeyRange::new(cuts[at], cuts[(at + random.usize(..6)).min(cuts.len() - 1)]);
        let range = range.unwrap_or(KeyRange::new(cuts[at], cuts[at]).unwrap());
        assert_lists(&harness.store, range, &within(&keys, &range));
    }
}

fn within(keys: &BTreeSet<ObjectKey>, range: &KeyRange) -> Vec<ObjectKey> {
    keys.range(range.first()..=range.last()).copied().collect()
}

pub(crate) fn parts_tile_the_range(harness: &Harness) {
    let keys = edge_keys();
    put_all(&*harness.store, &keys);
    let middle: Vec<ObjectKey> = keys.iter().copied().collect();
    let narrow = KeyRange::new(middle[7], middle[middle.len() - 7]).unwrap();
    for range in [KeyRange::ALL, narrow, KeyRange::library(library(1)), KeyRange::new(middle[3], middle[3]).unwrap()] {
        let parts = harness.store.parts(&range).unwrap();
        let mut found = BTreeSet::new();
        for part in &parts {
            for object in list_part(&harness.store, part.clone()).0 {
                assert!(found.insert(object.key), "{} is in two parts", object.key);
            }
        }
        assert!(found.into_iter().eq(within(&keys, &range)));
        if harness.store.is_ordered() {
            assert_eq!(parts.first().unwrap().range.first(), range.first());
            assert_eq!(parts.last().unwrap().range.last(), range.last());
            assert!(parts.windows(2).all(|pair| pair[0].range.is_followed_by(&pair[1].range)), "{parts:?}");
        }
    }
}

pub(crate) fn sixteen_ranges_at_once(harness: &Harness) {
    let keys: BTreeSet<ObjectKey> = keys(1001.min(harness.biggest_listing)).into_iter().chain(edge_keys()).collect();
    put_all(&*harness.store, &keys);
    if !harness.store.is_ordered() {
        return parts_at_once(harness, &keys);
    }
    let mut ranges = vec![KeyRange::ALL];
    while ranges.len() < 16 {
        ranges = ranges.iter().flat_map(|range| <[KeyRange; 2]>::from(range.halves().unwrap())).collect();
    }
    let store = &harness.store;
    let found: Vec<ObjectKey> = std::thread::scope(|scope| {
        let listers: Vec<_> = ranges.iter().map(|range| scope.spawn(|| list_plainly(store, *range).0)).collect();
        listers.into_iter().flat_map(|lister| lister.join().unwrap()).map(|object| object.key).collect()
    });
    assert!(found.into_iter().eq(keys), "sixteen listings are not the one");
}

/// An unordered store is listed in parallel by its own parts.
fn parts_at_once(harness: &Harness, keys: &BTreeSet<ObjectKey>) {
    let store = &harness.store;
    let parts: Vec<Part> = store.parts(&KeyRange::ALL).unwrap();
    let found: Vec<ObjectKey> = std::thread::scope(|scope| {
        let listers: Vec<_> = parts.into_iter().map(|part| scope.spawn(|| list_part(store, part).0)).collect();
        listers.into_iter().flat_map(|lister| lister.join().unwrap()).map(|object| object.key).collect()
    });
    assert_eq!(found.len(), keys.len());
    assert!(found.into_iter().collect::<BTreeSet<_>>() == *keys);
}

/// What is asked when a key that was listed answers that it is not there.
pub(crate) fn one_key(harness: &Harness) {
    let keys = edge_keys();
    put_all(&*harness.store, &keys);
    let one = |key: &ObjectKey| harness.store.list_one(key).unwrap();
    for key in keys.iter().step_by(5) {
        let listed = one(key).expect("it was written");
        let size = kept_size(&harness.store, key, content(key).len());
        assert_eq!((listed.key, listed.size.unwrap_or(size)), (*key, size));
        for beside in [key.predecessor(), key.successor()].into_iter().flatten().filter(|key| !keys.contains(key)) {
            assert_eq!(one(&beside), None, "{beside} is not there, {key} beside it is");
        }
        harness.store.remove(key).unwrap();
        assert_eq!(one(key), None, "{key} was removed");
    }
}

pub(crate) fn foreign_names_are_counted(harness: &Harness) {
    let Some(plant) = &harness.plant else {
        return not_applicable("it can hold no foreign names");
    };
    let keys = edge_keys();
    put_all(&*harness.store, &keys);
    let planted = plant();
    let halves = <[KeyRange; 2]>::from(KeyRange::ALL.halves().unwrap());
    let by_halves = halves.map(|half| list_plainly(&harness.store, half));
    let by_halves =
        (by_halves.iter().flat_map(|(objects, _)| objects.clone()).collect(), by_halves[0].1 + by_halves[1].1);
    let ways = [list_plainly(&harness.store, KeyRange::ALL), list_by_parts(&harness.store, KeyRange::ALL), by_halves];
    for (objects, ignored) in ways {
        assert!(objects.into_iter().map(|object| object.key).eq(keys.iter().copied()), "a foreign name was listed");
        assert_eq!(ignored, planted);
    }
}
