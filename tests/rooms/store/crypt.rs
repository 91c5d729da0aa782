//! An encrypted store: what is kept, what comes back, and what is said of bytes that no such key made.

use bytes::Bytes;
use proptest::prelude::*;
use seaf_migrate::conf::CryptConf;
use seaf_migrate::content::sha1_of;
use seaf_migrate::object::{LibraryId, ObjectKey, ObjectKind};
use seaf_migrate::store::backend::memory::MemoryStore;
use seaf_migrate::store::checked::{CheckedRead, CheckedReader};
use seaf_migrate::store::layer::crypt::{Cipher, Crypt};
use seaf_migrate::store::{ErrorKind, ReadStore, SizeForm, WriteStore, control};

fn conf(key: u8, iv: u8) -> CryptConf {
    CryptConf::new("/etc/key.conf", [key; 32], [iv; 16])
}

fn cipher(key: u8, iv: u8) -> Cipher {
    Cipher::new(&conf(key, iv))
}

fn key_of(data: &[u8]) -> ObjectKey {
    ObjectKey::new(LibraryId::from_bytes([3; 16]), sha1_of(data))
}

/// What is in memory, and the same through a key.
fn stores() -> (std::sync::Arc<MemoryStore>, Crypt<std::sync::Arc<MemoryStore>>) {
    let kept = std::sync::Arc::new(MemoryStore::new(ObjectKind::Blocks, "crypt"));
    (kept.clone(), Crypt::new(kept, cipher(1, 2)))
}

/// Writes blocks through a key; returns their names.
fn fill(store: &impl WriteStore, count: u32) -> Vec<ObjectKey> {
    let blocks = (0..count).map(|number| Bytes::from(format!("block {number} of a file")));
    blocks
        .map(|data| {
            let key = key_of(&data);
            store.write(&key, data).unwrap();
            key
        })
        .collect()
}

#[test]
fn the_bytes_kept_are_those_of_the_standard() {
    // NIST SP 800-38A, F.2.5, CBC-AES256.Encrypt, its first block; the padding makes another block.
    let hex = |text: &str| -> Vec<u8> {
        (0..text.len() / 2).map(|at| u8::from_str_radix(&text[2 * at..2 * at + 2], 16).unwrap()).collect()
    };
    let key = hex("603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4");
    let iv = hex("000102030405060708090a0b0c0d0e0f");
    let cipher = Cipher::new(&CryptConf::new("/k", key.try_into().unwrap(), iv.try_into().unwrap()));
    let kept = cipher.encrypt(&hex("6bc1bee22e409f96e93d7e117393172a"));
    assert_eq!(kept[..16], hex("f58c4c04d6e5f1ba779eabfb5f7bfbd6"));
    assert_eq!(kept.len(), 32);
}

proptest! {
    #[test]
    fn any_bytes_come_back_and_take_the_size_that_is_foretold(data in prop::collection::vec(any::<u8>(), 0..200)) {
        let cipher = cipher(5, 6);
        let kept = cipher.encrypt(&data);
        prop_assert_eq!(kept.len() as u64, SizeForm::Padded.of(data.len() as u64));
        // Shared bytes are copied, others changed in place; both come back.
        let shared = kept.clone();
        prop_assert_eq!(cipher.decrypt(shared).unwrap(), &data);
        prop_assert_eq!(cipher.decrypt(kept).unwrap(), &data);
    }

    #[test]
    fn bytes_that_are_cut_short_come_back_as_they_are(length in 1usize..200, cut in 1usize..16) {
        let kept = cipher(5, 6).encrypt(&vec![4; length]);
        let short = kept.slice(..kept.len() - cut);
        prop_assert_eq!(cipher(5, 6).decrypt(short.clone()).unwrap_err(), short);
    }
}

#[test]
fn an_object_that_was_cut_short_is_damaged_and_one_without_encryption_cannot_be_read() {
    let (kept, store) = stores();
    let reader = CheckedReader { kind: ObjectKind::Blocks, store: &store };
    let keys = fill(&store, 3);
    let whole = kept.read(&keys[0]).unwrap();
    for length in [0, 5, 16] {
        kept.write(&keys[0], whole.slice(..length)).unwrap();
        let read = reader.read(&keys[0], Some(length as u64)).unwrap();
        assert!(matches!(&read, CheckedRead::Damaged { .. }), "{length} bytes left: {read:?}");
    }
    let plain = Bytes::from_static(b"as it is");
    let key = key_of(&plain);
    kept.write(&key, plain).unwrap();
    let error = reader.read(&key, None).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unreadable);
    assert!(error.to_string().contains("stored without encryption"), "{error}");
}

#[test]
fn this_programs_own_objects_are_kept_as_they_are() {
    let (kept, store) = stores();
    store.write(&control::LEASE, Bytes::from_static(b"{}")).unwrap();
    assert_eq!(kept.read(&control::LEASE).unwrap(), "{}");
    assert_eq!(store.read(&control::LEASE).unwrap(), "{}");
    assert_eq!(store.read_at_most(&control::LEASE, 1).unwrap(), None);
}

#[test]
fn a_wrong_key_and_a_wrong_vector_are_seen_before_anything_is_read_or_written() {
    let (kept, store) = stores();
    fill(&store, 40);
    for wrong in [cipher(9, 2), cipher(1, 9)] {
        let error = Crypt::open(kept.clone(), wrong).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WrongKey);
        let text = error.to_string();
        assert!(text.contains("/etc/key.conf") && text.contains("enc_key or enc_iv"), "{text}");
    }
    Crypt::open(kept, cipher(1, 2)).unwrap();
}

#[test]
fn one_object_that_is_right_proves_the_key_whatever_else_is_damaged() {
    let (kept, store) = stores();
    let keys = fill(&store, 12);
    for key in &keys[1..] {
        kept.write(key, Bytes::from_static(b"cut")).unwrap();
    }
    Crypt::open(kept.clone(), cipher(1, 2)).unwrap();
    kept.write(&keys[0], Bytes::from_static(b"cut")).unwrap();
    assert_eq!(Crypt::open(kept, cipher(1, 2)).unwrap_err().kind(), ErrorKind::WrongKey);
}

#[test]
fn an_empty_store_takes_any_key_also_when_this_programs_own_objects_are_there() {
    let (kept, _) = stores();
    kept.write(&control::INCARNATION, Bytes::from_static(b"{}")).unwrap();
    Crypt::open(kept, cipher(8, 8)).unwrap();
}

#[test]
fn a_plain_store_is_not_taken_for_an_encrypted_one() {
    let (kept, _) = stores();
    fill(&*kept, 5);
    assert_eq!(Crypt::open(kept, cipher(1, 2)).unwrap_err().kind(), ErrorKind::WrongKey);
}
