//! The zlib streams of fs objects: whatever is wrong with one is found, and one bad object does not spoil the next.

use proptest::prelude::*;
use seaf_migrate::content::{Damage, FsObject, INFLATED_MAX, IdCheck, check};
use seaf_migrate::object::{ObjectId, ObjectKind};

use crate::support::library::objects::Child;
use crate::support::library::objects::{deflate, dir, sha1};

fn verdict(id: &ObjectId, data: &[u8]) -> IdCheck {
    check(ObjectKind::Fs, id, data)
}

/// A directory whose JSON needs several pieces of the decompressor's buffer.
fn large() -> (ObjectId, Vec<u8>) {
    let child = |number: u32| Child {
        id: sha1(&number.to_be_bytes()),
        name: format!("file {number} with a name of some length.txt"),
        size: Some(u64::from(number)),
        mtime: 1_700_000_000 + i64::from(number),
    };
    let (id, data) = dir(1, &(0..2000).map(child).collect::<Vec<_>>());
    (id, data.to_vec())
}

#[test]
fn a_stream_of_several_pieces_is_read_whole() {
    let (id, data) = large();
    assert_eq!(verdict(&id, &data), IdCheck::Good);
    let FsObject::Dir { entries } = FsObject::parse(&id, &data).unwrap().object else { panic!("not a directory") };
    assert_eq!(entries.len(), 2000);
    assert_eq!(entries[1999].name, "file 0 with a name of some length.txt");
}

#[test]
fn a_stream_cut_anywhere_is_called_cut_short_and_nothing_else() {
    // It is told apart from other damage, because its cause is an interrupted upload and not a broken disk.
    let json = br#"{"dirents": [], "type": 3, "version": 1}"#;
    for level in [0, 1, 9] {
        let data = deflate(json, level);
        for length in 1..data.len() {
            assert_eq!(verdict(&sha1(json), &data[..length]), IdCheck::Damaged(Damage::Truncated), "{length} bytes");
        }
    }
    let (id, data) = large();
    for length in [data.len() / 3, data.len() - 5, data.len() - 1] {
        assert_eq!(verdict(&id, &data[..length]), IdCheck::Damaged(Damage::Truncated), "{length} bytes");
    }
}

#[test]
fn bytes_behind_the_stream_are_found_whatever_they_are() {
    let (id, data) = large();
    for tail in [&b"\0"[..], b"\n", &[0; 4096], &data] {
        let longer = [&data, tail].concat();
        let IdCheck::Damaged(Damage::NotInflatable(why)) = verdict(&id, &longer) else { panic!("{}", tail.len()) };
        assert_eq!(why, "more bytes follow the compressed data");
        assert!(FsObject::parse(&id, &longer).is_err());
    }
}

#[test]
fn the_id_is_of_the_content_and_not_of_the_way_it_was_compressed() {
    let json = br#"{"block_ids": [], "size": 0, "type": 1, "version": 1}"#;
    for level in 0..=9 {
        assert_eq!(verdict(&sha1(json), &deflate(json, level)), IdCheck::Good, "level {level}");
    }
}

#[test]
fn a_wrong_checksum_at_the_end_is_found_though_the_content_came_out_right() {
    let (id, mut data) = large();
    *data.last_mut().unwrap() ^= 1;
    assert!(matches!(verdict(&id, &data), IdCheck::Damaged(Damage::NotInflatable(_))));
}

#[test]
fn a_header_that_is_not_of_seafile_s_streams_is_no_stream() {
    let (id, data) = large();
    let gzip_or_raw = [[0x1f, 0x8b], [0x78, 0x9d], [0x79, 0x9c], [0x88, 0x1c], [0x78, 0xbb]];
    for head in gzip_or_raw {
        let changed = [&head[..], &data[2..]].concat();
        let IdCheck::Damaged(Damage::Malformed(why)) = verdict(&id, &changed) else { panic!("{head:x?}") };
        assert_eq!(why, "neither compressed nor in the legacy format");
    }
}

#[test]
fn a_bad_object_does_not_spoil_the_next_one_on_the_thread() {
    let (id, data) = large();
    let bad = [&data[..100], &b"\xff\xff\xff\xff"[..], &data[104..]].concat();
    for spoiled in [&data[..data.len() / 2], &bad, &[&data[..], b"x"].concat()] {
        assert_ne!(verdict(&id, spoiled), IdCheck::Good);
        assert_eq!(verdict(&id, &data), IdCheck::Good);
        assert!(FsObject::parse(&id, spoiled).is_err());
        assert!(FsObject::parse(&id, &data).is_ok());
    }
}

#[test]
fn a_bomb_is_given_up_at_the_limit() {
    // A piece of a megabyte of zeros that ends on a whole byte can be put behind itself as often as one likes.
    let mut piece = Vec::with_capacity(1 << 16);
    let mut zip = flate2::Compress::new(flate2::Compression::best(), false);
    zip.compress_vec(&vec![0; 1 << 20], &mut piece, flate2::FlushCompress::Full).unwrap();
    let times = usize::try_from(INFLATED_MAX >> 20).unwrap() + 1;
    let bomb = [b"\x78\x9c".to_vec(), piece.repeat(times)].concat();
    assert!(bomb.len() < 1 << 20, "{} bytes", bomb.len());
    let IdCheck::Damaged(Damage::NotInflatable(why)) = verdict(&ObjectId::EMPTY, &bomb) else { panic!("a bomb") };
    assert!(why.contains("larger than any directory"), "{why}");
}

proptest! {
    #[test]
    fn any_content_has_its_own_id_and_no_other(content: Vec<u8>, other: [u8; 20], level in 0u32..10) {
        let (id, other) = (sha1(&content), ObjectId::from_bytes(other));
        let data = deflate(&content, level);
        prop_assert_eq!(verdict(&id, &data), IdCheck::Good);
        prop_assert_eq!(verdict(&other, &data), IdCheck::Damaged(Damage::WrongId { found: id }));
    }
}
