//! Two listings side by side give the same differences as two maps in memory, from the start or from anywhere.

use std::collections::BTreeMap;
use std::path::Path;

use proptest::prelude::*;
use seaf_migrate::compare::{Object, Sample, Step, Steps, Tally};
use seaf_migrate::conf::Backend;
use seaf_migrate::conf::backend::Location;
use seaf_migrate::index::{Index, ListLock, ListPaths, SetBuilder};
use seaf_migrate::object::{KeyRange, LibraryId, ObjectId, ObjectKey, ObjectKind};
use seaf_migrate::store::{Listed, SizeForms};

type Listing = BTreeMap<ObjectKey, Option<u64>>;

const NOTHING: Sample = Sample { percent: 0.0, seed: 1 };

fn set(dir: &Path, name: &str, listing: &Listing) -> Index {
    let paths = ListPaths::new(&dir.join(name), ObjectKind::Blocks, None);
    let lock = ListLock::acquire(&paths).unwrap();
    let location = Location { backend: Backend::Fs, kind: ObjectKind::Blocks, place: name.to_owned() };
    let (builder, _) = SetBuilder::start_or_resume(&lock, &location).unwrap();
    let objects: Vec<Listed> = listing.iter().map(|(key, size)| Listed { key: *key, size: *size }).collect();
    let mut stream = builder.stream();
    stream.page(KeyRange::ALL, &objects).unwrap();
    stream.finish().unwrap();
    builder.finish().unwrap()
}

fn sets(from: &Listing, to: &Listing) -> (tempfile::TempDir, Index, Index) {
    let dir = tempfile::tempdir().unwrap();
    let (from, to) = (set(dir.path(), "from", from), set(dir.path(), "to", to));
    (dir, from, to)
}

fn steps(from: &Index, to: &Index, after: Option<ObjectKey>, sample: Sample) -> Vec<Step> {
    Steps::new(from, to, after, sample, SizeForms::default()).map(Result::unwrap).collect()
}

/// All that the steps return: the counts of objects that need no reading, and the objects that do.
fn summed(steps: &[Step]) -> (Tally, Vec<Object>) {
    let mut tally = Tally::default();
    steps.iter().for_each(|step| tally.add(&step.plain));
    (tally, steps.iter().filter_map(|step| step.object).collect())
}

/// The same of two maps.
fn expected(from: &Listing, to: &Listing, after: Option<ObjectKey>) -> (Tally, Vec<Object>) {
    let later = |key: &ObjectKey| after.is_none_or(|after| *key > after);
    let (mut tally, mut objects) = (Tally::default(), Vec::new());
    for (key, size) in from.iter().filter(|(key, _)| later(key)) {
        match to.get(key) {
            Some(there) if there == size && size.is_some() => {
                tally.objects += 1;
                tally.bytes += size.unwrap();
            }
            there => {
                let to = there.map(|size| seaf_migrate::index::IndexEntry { size: *size });
                objects.push(Object { key: *key, from: *size, to, content: false });
            }
        }
    }
    tally.extra = to.keys().filter(|key| later(key) && !from.contains_key(key)).count() as u64;
    (tally, objects)
}

fn key(library: u8, id: u16) -> ObjectKey {
    let mut bytes = [0; 20];
    bytes[..2].copy_from_slice(&id.to_be_bytes());
    ObjectKey::new(LibraryId::from_bytes([library; 16]), ObjectId::from_bytes(bytes))
}

fn listing() -> impl Strategy<Value = Listing> {
    let entry =
        ((0_u8..4, 0_u16..40).prop_map(|(library, id)| key(library, id)), proptest::option::weighted(0.8, 0_u64..4));
    proptest::collection::btree_map(entry.0, entry.1, 0..80)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn steps_say_what_two_maps_say(from in listing(), to in listing()) {
        let (_dir, from_set, to_set) = sets(&from, &to);
        let all = steps(&from_set, &to_set, None, NOTHING);
        prop_assert_eq!(summed(&all), expected(&from, &to, None));
        // In order, each within a library, and from the end of any of them the rest comes.
        prop_assert!(all.windows(2).all(|pair| pair[0].last < pair[1].last));
        prop_assert!(all.iter().all(|step| step.object.is_none_or(|object| object.key == step.last)));
        for (at, step) in all.iter().enumerate() {
            prop_assert_eq!(&steps(&from_set, &to_set, Some(step.last), NOTHING)[..], &all[at + 1..]);
        }
    }

    #[test]
    fn a_share_is_looked_at_and_nothing_else_changes(from in listing(), percent in 0.0..100.0_f64) {
        let (_dir, from_set, to_set) = sets(&from, &from);
        let sample = Sample { percent, seed: 9 };
        let (tally, objects) = summed(&steps(&from_set, &to_set, None, sample));
        prop_assert_eq!(tally.objects + objects.len() as u64, from.len() as u64);
        let taken = |object: &Object| object.content == sample.takes(&object.key);
        prop_assert!(objects.iter().all(taken));
        prop_assert!(objects.iter().filter(|object| object.content).count() == from.keys().filter(|key| sample.takes(key)).count());
    }
}

#[test]
fn a_step_ends_with_its_library_and_is_never_long() {
    let listing: Listing =
        (0..3_u8).flat_map(|library| (0..10_000_u16).map(move |id| (key(library, id), Some(5)))).collect();
    let (_dir, from, to) = sets(&listing, &listing);
    let all = steps(&from, &to, None, NOTHING);
    assert_eq!(all.len(), 9);
    assert!(
        all.iter().all(|step| (1..=4096).contains(&step.plain.objects) && step.plain.bytes == 5 * step.plain.objects)
    );
    let ends: Vec<_> = all.iter().filter(|step| step.last.id == key(0, 9_999).id).collect();
    assert_eq!(ends.len(), 3);
}

#[test]
fn the_rest_of_a_set_begins_anywhere() {
    // More than a part of the file holds, so that the place lies in another one than the first.
    let listing: Listing = (0..40_000_u16).map(|id| (key(1, id), Some(1))).collect();
    let dir = tempfile::tempdir().unwrap();
    let set = set(dir.path(), "set", &listing);
    for after in [
        key(0, 0),
        key(1, 0),
        key(1, 16_383),
        key(1, 16_384),
        key(1, 39_998),
        key(1, 39_999),
        key(2, 0),
        ObjectKey::MIN,
        ObjectKey::MAX,
    ] {
        let rest: Vec<ObjectKey> = set.iter_after(after).map(|listed| listed.unwrap().key).collect();
        let expected: Vec<ObjectKey> = listing.keys().filter(|key| **key > after).copied().collect();
        assert!(rest == expected, "after {after}: {} objects", rest.len());
    }
}
