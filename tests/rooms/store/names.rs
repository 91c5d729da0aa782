//! Where a listing goes on after a name that is not an object's.

use proptest::prelude::*;
use seaf_migrate::object::{LibraryId, ObjectId, ObjectKey};
use seaf_migrate::store::names::first_key_after;

fn key(byte: impl Strategy<Value = u8> + Clone) -> impl Strategy<Value = ObjectKey> {
    (prop::array::uniform16(byte.clone()), prop::array::uniform20(byte))
        .prop_map(|(library, id)| ObjectKey::new(LibraryId::from_bytes(library), ObjectId::from_bytes(id)))
}

/// Texts close to a key's: cut, lengthened, or with one byte changed.
fn near_a_key() -> impl Strategy<Value = Vec<u8>> {
    let key = key(prop_oneof![Just(0u8), Just(255u8), any::<u8>()]).prop_map(|key| key.text().to_vec());
    let byte = prop_oneof![Just(b'-'), Just(b'/'), Just(b'9'), Just(b':'), Just(b'`'), Just(b'g'), any::<u8>()];
    (key, 0..78usize, byte, 0..4u8).prop_map(|(mut text, at, byte, how)| {
        match how {
            0 => text.truncate(at),
            1 => text.insert(at.min(77), byte),
            2 if at < 77 => text[at] = byte,
            _ => {}
        }
        text
    })
}

proptest! {
    #[test]
    fn it_is_the_smallest_key_that_comes_after(name in near_a_key()) {
        match first_key_after(&name) {
            None => prop_assert!(ObjectKey::MAX.text().as_slice() <= name.as_slice()),
            Some(key) => {
                prop_assert!(key.text().as_slice() > name.as_slice());
                if let Some(before) = key.predecessor() {
                    prop_assert!(before.text().as_slice() <= name.as_slice());
                }
            }
        }
    }

    #[test]
    fn after_a_key_comes_its_successor(key in key(any::<u8>())) {
        prop_assert_eq!(first_key_after(&key.text()), key.successor());
    }
}

#[test]
fn the_ends() {
    assert_eq!(first_key_after(b""), Some(ObjectKey::MIN));
    assert_eq!(
        first_key_after(b"README"),
        Some("a0000000-0000-0000-0000-000000000000/".to_owned() + &"0".repeat(40)).map(|text| text.parse().unwrap())
    );
    assert_eq!(first_key_after(b"tmp/1"), None);
    assert_eq!(first_key_after(&ObjectKey::MAX.text()), None);
}
