//! The borders in a list: between its parts, and between libraries.

use std::collections::BTreeMap;

use proptest::prelude::*;
use seaf_migrate::index;
use seaf_migrate::index::{Index, LibraryCount, SetBuilder};
use seaf_migrate::object::{KeyRange, LibraryId, ObjectId, ObjectKey};
use seaf_migrate::store::Listed;

use crate::support::lists::{Model, Place, assert_same, list, model, object, objects};

/// Objects enough for several parts.
const MANY: u64 = 40_000;

fn counts(set: &Index) -> Vec<LibraryCount> {
    set.libraries().map(Result::unwrap).collect()
}

/// The same numbers, worked out from a plain map.
fn counts_of(model: &Model) -> Vec<LibraryCount> {
    let mut rows: BTreeMap<LibraryId, LibraryCount> = BTreeMap::new();
    for (key, size) in model {
        let library = key.library;
        let row = rows.entry(library).or_insert(LibraryCount { library, objects: 0, bytes: 0, unsized_objects: 0 });
        row.objects += 1;
        row.bytes += size.unwrap_or(0);
        row.unsized_objects += u64::from(size.is_none());
    }
    rows.into_values().collect()
}

#[test]
fn a_listing_that_was_cut_at_a_seam_goes_on_with_the_next_key() {
    let whole = Place::new();
    let model = model(0..MANY, 2);
    let seams: Vec<ObjectKey> = whole.build(&model).shards().map(|shard| shard.range.last()).collect();
    for seam in &seams[..seams.len() - 1] {
        for end in [seam.predecessor().unwrap(), *seam, seam.successor().unwrap()] {
            let place = Place::new();
            let lock = place.lock();
            let (builder, _) = SetBuilder::start_or_resume(&lock, &place.location).unwrap();
            list(&builder, KeyRange::new(ObjectKey::MIN, end).unwrap(), &model);
            drop(builder);
            let (_, missing) = SetBuilder::start_or_resume(&lock, &place.location).unwrap();
            assert_eq!(missing, [KeyRange::new(end.successor().unwrap(), ObjectKey::MAX).unwrap()]);
        }
    }
    assert!(seams.len() >= 3);
}

#[test]
fn a_library_over_several_parts_is_counted_once() {
    let place = Place::new();
    let mut expected = model(0..MANY, 2);
    let set = place.build(&expected);
    assert!(set.shards().count() > 2);
    assert_eq!(counts(&set), counts_of(&expected));
    // The journal adds to one of them, changes a size, and brings a new one.
    let noted =
        [object(1, 2), object(MANY + 2, 2), object(9, 999_999)].map(|object| Listed { size: Some(7), ..object });
    place.note(&noted);
    expected.extend(noted.iter().map(|object| (object.key, object.size)));
    assert_eq!(counts(&place.known().0), counts_of(&expected));
    assert_eq!(counts(&place.known().0).len(), 3);
}

#[test]
fn the_first_and_the_last_key_there_can_be_are_keys_like_others() {
    let place = Place::new();
    let mut expected = Model::from([(ObjectKey::MIN, Some(1)), (ObjectKey::MAX, None)]);
    assert_same(&place.build(&expected), &expected);
    place.note(&[Listed { key: ObjectKey::MAX, size: Some(0) }]);
    expected.insert(ObjectKey::MAX, Some(0));
    assert_same(&place.known().0, &expected);
    let set = place.known().0;
    assert_eq!(set.shards().next().unwrap().range.first(), ObjectKey::MIN);
    assert_eq!(set.shards().last().unwrap().range.last(), ObjectKey::MAX);
}

#[test]
fn neighbours_that_differ_in_one_bit_are_told_apart() {
    let place = Place::new();
    let base = [0x5a; ObjectKey::LEN];
    let mut expected = Model::new();
    for bit in (0..ObjectKey::LEN * 8).step_by(3) {
        let mut bytes = base;
        bytes[bit / 8] ^= 1 << (bit % 8);
        expected.insert(ObjectKey::from_bytes(&bytes), Some(bit as u64));
    }
    let set = place.build(&expected);
    assert_same(&set, &expected);
    assert!(set.find(&ObjectKey::from_bytes(&base)).is_none());
    for bit in (1..ObjectKey::LEN * 8).step_by(3) {
        let mut bytes = base;
        bytes[bit / 8] ^= 1 << (bit % 8);
        assert!(set.find(&ObjectKey::from_bytes(&bytes)).is_none(), "bit {bit}");
    }
}

#[test]
fn sizes_past_every_disk_count_as_unknown() {
    let place = Place::new();
    let sizes = [Some(0), Some((1 << 48) - 2), Some((1 << 48) - 1), Some(u64::MAX), None];
    let key = |number: u8| ObjectKey::new(LibraryId::from_bytes([1; 16]), ObjectId::from_bytes([number; 20]));
    let given: Model = (0..).zip(sizes).map(|(number, size)| (key(number), size)).collect();
    let kept = |size: Option<u64>| size.filter(|&size| size < (1 << 48) - 1);
    let expected: Model = given.iter().map(|(key, size)| (*key, kept(*size))).collect();
    assert_same(&place.build(&given), &expected);
    place.note(&objects(&given));
    assert_same(&place.known().0, &expected);
}

#[test]
fn merging_nothing_into_nothing_is_nothing() {
    let place = Place::new();
    place.build(&Model::new());
    for expected in [Model::new(), model(0..20, 2)] {
        place.note(&objects(&expected));
        let lock = place.lock();
        let (set, journal) = index::prepare(&lock, &place.location).unwrap().known.unwrap();
        let (merged, journal) = index::merge(&lock, &set, journal).unwrap();
        assert!(journal.is_empty());
        assert_same(&merged, &expected);
        drop((lock, set, journal, merged));
        assert_same(&place.known().0, &expected);
    }
}

#[test]
fn of_one_object_noted_often_the_last_note_counts() {
    let place = Place::new();
    place.build(&model(0..10, 1));
    let key = object(3, 1).key;
    let mut journal = place.known().1;
    for size in [Some(1), None, Some(500), Some(2)] {
        journal.append(&[Listed { key, size }, object(4, 1)]).unwrap();
    }
    assert_eq!(journal.len(), 8);
    assert_eq!(journal.records().count(), 8);
    drop(journal);
    let set = place.known().0;
    assert_eq!(set.find(&key).unwrap().size, Some(2));
    assert_eq!(set.len(), 10);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn a_cursor_finds_the_same_in_any_order(
        listed in prop::collection::btree_set(0u64..300, 0..150),
        noted in prop::collection::btree_set(0u64..300, 0..80),
        asked in prop::collection::vec(0u64..300, 0..200),
    ) {
        let place = Place::new();
        let mut expected = model(listed, 4);
        place.build(&expected);
        place.note(&objects(&model(noted.clone(), 4)));
        expected.extend(model(noted, 4));
        let set = place.known().0;
        let mut cursor = set.cursor();
        for number in asked {
            let key = object(number, 4).key;
            let found = cursor.find(&key).map(|held| held.size);
            prop_assert_eq!(found, expected.get(&key).copied());
            prop_assert_eq!(found, set.find(&key).map(|held| held.size));
        }
        prop_assert_eq!(counts(&set), counts_of(&expected));
    }
}
