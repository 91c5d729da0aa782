//! Directories and file descriptions in every spelling that a writer may choose, and at the limits of both formats.

use seaf_migrate::content::{Damage, Dirent, FsObject, IdCheck, check};
use seaf_migrate::object::{ObjectId, ObjectKind};

use crate::support::library::objects::{deflate, sha1};

/// What a compressed object with this JSON says.
fn read(json: &str) -> Result<FsObject, Damage> {
    let (id, data) = (sha1(json.as_bytes()), deflate(json.as_bytes(), 6));
    assert_eq!(check(ObjectKind::Fs, &id, &data), IdCheck::Good);
    FsObject::parse(&id, &data).map(|parsed| {
        assert_eq!(parsed.wrong_id, None);
        parsed.object
    })
}

fn refused(json: &str) -> String {
    match read(json) {
        Err(Damage::Malformed(why)) => why,
        other => panic!("{json}: {other:?}"),
    }
}

fn names(object: &FsObject) -> Vec<&str> {
    let FsObject::Dir { entries } = object else { panic!("{object:?}") };
    entries.iter().map(|entry| entry.name.as_str()).collect()
}

fn id(digit: char) -> String {
    digit.to_string().repeat(40)
}

#[test]
fn fields_may_come_in_any_order_and_with_any_blanks() {
    let expected = FsObject::File { block_ids: vec![sha1(b"a")], size: 7 };
    let a = sha1(b"a");
    for json in [
        format!("{{\"block_ids\":[\"{a}\"],\"size\":7,\"type\":1,\"version\":1}}"),
        format!("{{ \"version\" : 1 , \"type\" : 1 , \"size\" : 7 , \"block_ids\" : [ \"{a}\" ] }}"),
        format!("\n{{\t\"type\":1,\r\n\"size\":7,\"block_ids\":[\"{a}\"]}}\n"),
        format!("{{\"type\":1,\"size\":7,\"dirents\":null,\"block_ids\":[\"{a}\"],\"new\":{{\"x\":[1,2.5,null]}}}}"),
    ] {
        assert_eq!(read(&json).unwrap(), expected, "{json}");
    }
}

#[test]
fn names_come_out_as_they_went_in_however_they_are_escaped() {
    let entry = |name: &str| format!("{{\"id\": \"{}\", \"mode\": 33188, \"name\": {name}}}", id('a'));
    for (written, name) in [
        ("\"caf\u{e9}\"", "café"),
        ("\"caf\\u00e9\"", "café"),
        ("\"\\ud83d\\ude00\"", "😀"),
        ("\"a\\/b\"", "a/b"),
        ("\"quote \\\" and \\\\\"", "quote \" and \\"),
        ("\"tab\\tline\\n\"", "tab\tline\n"),
        ("\"\"", ""),
        ("\"日本語.txt\"", "日本語.txt"),
    ] {
        let object = read(&format!("{{\"type\": 3, \"dirents\": [{}]}}", entry(written))).unwrap();
        assert_eq!(names(&object), [name]);
    }
    let many: Vec<String> = (0..500).map(|number| entry(&format!("\"n{number}\""))).collect();
    let object = read(&format!("{{\"dirents\": [{}], \"type\": 3}}", many.join(","))).unwrap();
    assert_eq!(names(&object).len(), 500);
    assert_eq!(names(&object)[499], "n499");
}

#[test]
fn a_name_in_an_old_encoding_is_shown_and_does_not_stop_the_walk() {
    let latin1 =
        format!("{{\"type\": 3, \"dirents\": [{{\"id\": \"{}\", \"mode\": 33188, \"name\": \"café\"}}]}}", id('a'));
    let json: Vec<u8> = latin1.chars().map(|c| u8::try_from(c).unwrap()).collect();
    let parsed = FsObject::parse(&sha1(&json), &deflate(&json, 6)).unwrap();
    assert_eq!((names(&parsed.object), parsed.wrong_id), (vec!["caf\u{fffd}"], None));
}

#[test]
fn the_largest_numbers_are_kept_and_larger_ones_refused() {
    let file = |size: &str| format!("{{\"type\": 1, \"block_ids\": [], \"size\": {size}}}");
    for size in [0, u64::from(u32::MAX) + 1, (1 << 53) + 1, u64::MAX] {
        assert_eq!(read(&file(&size.to_string())).unwrap(), FsObject::File { block_ids: vec![], size });
    }
    for wrong in ["-1", "1.5", "1e3", "18446744073709551616", "\"7\"", "true", "[]"] {
        refused(&file(wrong));
    }
    let dir = |mode: &str| {
        format!("{{\"type\": 3, \"dirents\": [{{\"id\": \"{}\", \"name\": \"x\", \"mode\": {mode}}}]}}", id('a'))
    };
    assert!(read(&dir("4294967295")).is_ok());
    for wrong in ["4294967296", "-1", "null"] {
        refused(&dir(wrong));
    }
}

#[test]
fn what_is_missing_or_of_no_known_type_is_named() {
    for (json, says) in [
        ("{\"type\": 1, \"size\": 3}", "a file without block_ids or size"),
        ("{\"type\": 1, \"block_ids\": []}", "a file without block_ids or size"),
        ("{\"type\": 1, \"block_ids\": null, \"size\": 3}", "a file without block_ids or size"),
        ("{\"type\": 3}", "a directory without dirents"),
        ("{\"type\": 3, \"dirents\": null}", "a directory without dirents"),
        ("{\"type\": 2, \"dirents\": []}", "type 2 is neither a file (1) nor a directory (3)"),
        ("{\"dirents\": []}", "missing field `type`"),
        ("{\"type\": \"3\", \"dirents\": []}", "invalid type"),
        ("{\"type\": 3, \"dirents\": [{\"mode\": 1, \"name\": \"x\"}]}", "missing field `id`"),
        ("{\"type\": 3, \"dirents\": []} {}", "trailing characters"),
        ("{\"type\": 3, \"dirents\": [", "EOF"),
        ("null", "invalid type"),
        ("", "EOF"),
    ] {
        let why = refused(json);
        assert!(why.contains(says), "{json}: {why}");
    }
}

#[test]
fn an_id_that_is_none_is_refused_in_every_place() {
    for wrong in [id('A'), id('g'), id('a')[1..].to_owned(), id('a') + "a", String::new(), "é".repeat(20)] {
        let file = format!("{{\"type\": 1, \"size\": 1, \"block_ids\": [\"{}\", \"{wrong}\"]}}", id('a'));
        let dir = format!("{{\"type\": 3, \"dirents\": [{{\"id\": \"{wrong}\", \"mode\": 1, \"name\": \"x\"}}]}}");
        for json in [file, dir] {
            assert!(refused(&json).contains("an object id is not 40 lower-case hex digits"), "{json}");
        }
    }
}

#[test]
fn json_nested_without_end_does_not_use_up_the_stack() {
    let deep = |open: &str, close: &str| {
        format!("{{\"type\": 3, \"x\": {}{}, \"dirents\": []}}", open.repeat(200_000), close.repeat(200_000))
    };
    let object = read(&deep("[", "]")).map_err(|damage| damage.to_string()).unwrap();
    assert!(names(&object).is_empty(), "a field that nobody knows is passed over");
    assert!(read(&deep("[", "")).is_err());
}

#[test]
fn an_entry_is_a_directory_by_its_type_bits_alone() {
    let entry = |mode| Dirent { id: ObjectId::EMPTY, mode, name: "x".to_owned() };
    for mode in [0o040_000, 0o040_755, 0o040_000 | 0o7777] {
        assert!(entry(mode).is_dir(), "{mode:o}");
    }
    // A block device has one of a directory's bits, a socket all of them.
    for mode in [0, 0o100_644, 0o120_777, 0o060_600, 0o140_600, 0o100_000 | 0o777, 0o777] {
        assert!(!entry(mode).is_dir(), "{mode:o}");
    }
}

// ---- the legacy format

fn legacy_file(size: u64, blocks: &[u8]) -> Vec<u8> {
    [&1u32.to_be_bytes()[..], &size.to_be_bytes(), blocks].concat()
}

fn legacy_entry(mode: u32, id: &str, length: u32, name: &[u8]) -> Vec<u8> {
    [&mode.to_be_bytes()[..], id.as_bytes(), &length.to_be_bytes(), name].concat()
}

fn legacy_dir(entries: &[Vec<u8>]) -> Vec<u8> {
    [3u32.to_be_bytes().to_vec(), entries.concat()].concat()
}

fn parse_any(data: &[u8]) -> Result<FsObject, Damage> {
    FsObject::parse(&ObjectId::EMPTY, data).map(|parsed| parsed.object)
}

#[test]
fn a_legacy_file_has_whole_block_ids_only() {
    let blocks: Vec<u8> = (0..60).collect();
    let FsObject::File { block_ids, size } = parse_any(&legacy_file(u64::MAX, &blocks)).unwrap() else { panic!() };
    assert_eq!((block_ids.len(), size), (3, u64::MAX));
    assert_eq!(block_ids[2].as_bytes()[..], blocks[40..]);
    assert_eq!(check(ObjectKind::Fs, &sha1(&blocks), &legacy_file(9, &blocks)), IdCheck::Good);
    for cut in (1..60).filter(|cut| cut % 20 != 0) {
        assert_eq!(parse_any(&legacy_file(9, &blocks[..cut])), Err(Damage::Truncated), "{cut}");
    }
    for length in 4..12 {
        assert_eq!(
            parse_any(&legacy_file(9, b"")[..length]),
            Err(Damage::Truncated),
            "no whole size in {length} bytes"
        );
    }
}

#[test]
fn a_block_of_a_legacy_file_left_out_changes_its_id() {
    let blocks: Vec<u8> = (0..60).collect();
    let verdict = check(ObjectKind::Fs, &sha1(&blocks), &legacy_file(9, &blocks[..40]));
    assert_eq!(verdict, IdCheck::Damaged(Damage::WrongId { found: sha1(&blocks[..40]) }));
}

#[test]
fn a_legacy_name_has_at_most_255_bytes() {
    let of_length = |length: usize| {
        let name = vec![b'n'; length];
        parse_any(&legacy_dir(&[legacy_entry(0o100_644, &id('a'), u32::try_from(length).unwrap(), &name)]))
    };
    for length in [0, 1, 255] {
        assert_eq!(names(&of_length(length).unwrap())[0].len(), length);
    }
    let Err(Damage::Malformed(why)) = of_length(256) else { panic!("a name of 256 bytes") };
    assert_eq!(why, "a name of 256 bytes, 255 are allowed");
    for huge in [0x7fff_ffff, u32::MAX] {
        let entry = legacy_entry(0o100_644, &id('a'), huge, b"x");
        assert!(matches!(parse_any(&legacy_dir(&[entry])), Err(Damage::Malformed(_))), "{huge}");
    }
}

#[test]
fn a_legacy_directory_cut_between_two_entries_is_another_directory_and_inside_one_cut_short() {
    let entries = [legacy_entry(0o040_000, &id('a'), 3, b"dir"), legacy_entry(0o100_644, &id('b'), 1, b"f")];
    let whole = legacy_dir(&entries);
    let border = 4 + entries[0].len();
    for length in 4..whole.len() {
        let read = parse_any(&whole[..length]);
        match length == border || length == 4 {
            true => assert_eq!(names(&read.unwrap()).len(), usize::from(length == border)),
            false => assert_eq!(read, Err(Damage::Truncated), "{length} bytes"),
        }
    }
    assert_eq!(names(&parse_any(&whole).unwrap()), ["dir", "f"]);
}

#[test]
fn a_legacy_entry_keeps_its_mode_and_needs_a_true_id() {
    let FsObject::Dir { entries } = parse_any(&legacy_dir(&[legacy_entry(0o040_000, &id('a'), 1, b"d")])).unwrap()
    else {
        panic!()
    };
    assert!(entries[0].is_dir());
    assert_eq!(entries[0].id.to_string(), id('a'));
    for wrong in [id('A'), id('z'), id('\0')] {
        let read = parse_any(&legacy_dir(&[legacy_entry(0o100_644, &wrong, 1, b"d")]));
        assert!(matches!(read, Err(Damage::Malformed(why)) if why.contains("40 lower-case hex")), "{wrong:?}");
    }
}

#[test]
fn other_first_words_are_no_legacy_object() {
    for word in [0u32, 2, 4, 0x0100_0000, u32::MAX] {
        let data = [&word.to_be_bytes()[..], &[0; 40]].concat();
        assert!(matches!(parse_any(&data), Err(Damage::Malformed(_))), "{word}");
    }
}
