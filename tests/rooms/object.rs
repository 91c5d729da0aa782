//! Names and ranges of keys: text and bytes are read back, and all forms sort alike.

use proptest::prelude::*;
use seaf_migrate::object::{KeyRange, LibraryId, ObjectId, ObjectKey, ObjectKind, ParseNameError};

fn any_key() -> impl Strategy<Value = ObjectKey> {
    (any::<[u8; 16]>(), any::<[u8; 20]>())
        .prop_map(|(library, id)| ObjectKey::new(LibraryId::from_bytes(library), ObjectId::from_bytes(id)))
}

/// Keys that lie close to each other, so that they share libraries and beginnings.
fn close_key() -> impl Strategy<Value = ObjectKey> {
    (0..3u8, prop::collection::vec(prop_oneof![Just(0u8), Just(255), any::<u8>()], 20)).prop_map(|(library, id)| {
        ObjectKey::new(LibraryId::from_bytes([library; 16]), ObjectId::from_bytes(id.try_into().unwrap()))
    })
}

fn any_range() -> impl Strategy<Value = KeyRange> {
    let ends = prop_oneof![(any_key(), any_key()), (close_key(), close_key())];
    ends.prop_map(|(a, b)| KeyRange::new(a.min(b), a.max(b)).unwrap())
}

proptest! {
    #[test]
    fn a_key_is_read_back_from_its_text_and_its_bytes(key in any_key()) {
        prop_assert_eq!(ObjectKey::parse(&key.text()), Some(key));
        prop_assert_eq!(key.to_string().parse(), Ok(key));
        prop_assert_eq!(ObjectKey::from_bytes(&key.to_bytes()), key);
        prop_assert_eq!(key.to_string(), format!("{}/{}", key.library, key.id));
    }

    #[test]
    fn keys_order_as_their_text_and_as_their_bytes(a in close_key(), b in close_key()) {
        prop_assert_eq!(a.cmp(&b), a.text().cmp(&b.text()));
        prop_assert_eq!(a.cmp(&b), a.to_bytes().cmp(&b.to_bytes()));
    }

    #[test]
    fn the_neighbours_of_a_key_are_next_to_it(key in prop_oneof![any_key(), close_key()]) {
        if let Some(next) = key.successor() {
            prop_assert!(next > key);
            prop_assert_eq!(next.predecessor(), Some(key));
        } else {
            prop_assert_eq!(key, ObjectKey::MAX);
        }
    }

    #[test]
    fn arbitrary_bytes_are_a_name_only_if_they_are_spelt_like_one(text in prop::collection::vec(any::<u8>(), 0..90)) {
        if let Some(key) = ObjectKey::parse(&text) {
            prop_assert_eq!(key.text().to_vec(), text);
        }
    }

    #[test]
    fn halves_tile_the_range(range in any_range()) {
        match range.halves() {
            Some((low, high)) => {
                prop_assert_eq!((low.first(), high.last()), (range.first(), range.last()));
                prop_assert!(low.is_followed_by(&high));
            }
            None => prop_assert_eq!(range.first(), range.last()),
        }
    }

    #[test]
    fn before_and_after_a_key_are_the_range_without_it(range in any_range(), key in prop_oneof![any_key(), close_key()],
                                                       probe in prop_oneof![any_key(), close_key()]) {
        let before = range.before(key).is_some_and(|part| part.contains(&probe));
        let after = range.after(key).is_some_and(|part| part.contains(&probe));
        prop_assert_eq!(before, range.contains(&probe) && probe < key);
        prop_assert_eq!(after, range.contains(&probe) && probe > key);
    }

    #[test]
    fn an_intersection_holds_what_both_hold(a in any_range(), b in any_range(), probe in close_key()) {
        let both = a.intersection(&b).is_some_and(|part| part.contains(&probe));
        prop_assert_eq!(both, a.contains(&probe) && b.contains(&probe));
    }

    #[test]
    fn every_key_of_a_range_begins_with_its_common_prefix(range in any_range(), probe in close_key()) {
        let prefix = range.common_prefix();
        prop_assert!(range.first().to_string().starts_with(&prefix));
        prop_assert!(range.last().to_string().starts_with(&prefix));
        prop_assert!(!range.contains(&probe) || probe.to_string().starts_with(&prefix));
    }
}

#[test]
fn names_are_lower_case_and_of_one_length_only() {
    let library = "1b3e01d1-05cb-4d33-b1a1-c2beb5e1ab18";
    let id = "33ecb9fc4700d03abc2aebc5794e86243363b80a";
    assert_eq!(library.parse::<LibraryId>().unwrap().to_string(), library);
    assert_eq!(id.parse::<ObjectId>().unwrap().to_string(), id);
    for wrong in
        [library.to_uppercase(), library.replace('-', ""), format!("{library}0"), library.replacen('-', "a", 1)]
    {
        assert_eq!(wrong.parse::<LibraryId>(), Err(ParseNameError::Library), "{wrong}");
    }
    for wrong in [id.to_uppercase(), id[1..].to_owned(), format!("{id}.AB12CD"), id.replacen('3', "g", 1)] {
        assert_eq!(wrong.parse::<ObjectId>(), Err(ParseNameError::Object), "{wrong}");
    }
    for wrong in
        [format!("{library}{id}"), format!("{library}//{id}"), format!("/{library}/{id}"), format!("{library}/{id}/")]
    {
        assert_eq!(wrong.parse::<ObjectKey>(), Err(ParseNameError::Key), "{wrong}");
    }
    assert_eq!("Blocks".parse::<ObjectKind>(), Err(ParseNameError::Kind));
}

#[test]
fn kinds_are_copied_so_that_nothing_points_into_the_void() {
    assert_eq!(ObjectKind::COPY_ORDER.map(ObjectKind::as_str), ["blocks", "fs", "commits"]);
    for kind in ObjectKind::ALL {
        assert_eq!(kind.as_str().parse(), Ok(kind));
        assert_eq!(ObjectKind::ALL[kind.index()], kind);
    }
}

#[test]
fn the_ends_of_all_keys_have_no_neighbour_beyond() {
    assert_eq!((ObjectKey::MIN.predecessor(), ObjectKey::MAX.successor()), (None, None));
    assert_eq!((KeyRange::ALL.after(ObjectKey::MAX), KeyRange::ALL.before(ObjectKey::MIN)), (None, None));
    assert_eq!(KeyRange::new(ObjectKey::MAX, ObjectKey::MIN), None);
    let library = LibraryId::from_bytes([9; 16]);
    assert!(KeyRange::library(library).contains(&ObjectKey::new(library, ObjectId::EMPTY)));
    assert_eq!(KeyRange::library(library).common_prefix(), format!("{library}/"));
}
