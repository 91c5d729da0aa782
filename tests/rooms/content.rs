//! The check of an object's id: real objects are good, every change that the id covers is found, and no input makes the
//! check panic.

mod commits;
mod fs_objects;
mod streams;
mod views;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::LazyLock;

use proptest::prelude::*;
use seaf_migrate::content::{Commit, Damage, FsObject, IdCheck, check};
use seaf_migrate::object::{LibraryId, ObjectId, ObjectKey, ObjectKind};

use crate::support::library;
use crate::support::library::objects::{CommitText, Writer, deflate, sha1};
use crate::support::library::{Params, Store};
use crate::support::sample;
use crate::support::sample::sample_objects;

/// Every object below `dir/storage`, with its kind and key.
fn objects_below(dir: &Path) -> Vec<(ObjectKind, ObjectKey, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in walkdir::WalkDir::new(dir.join("storage")).min_depth(4) {
        let entry = entry.unwrap();
        let path = entry.path().strip_prefix(dir.join("storage")).unwrap().to_str().unwrap();
        let [kind, library, two, rest] = path.split('/').collect::<Vec<_>>()[..] else { panic!("{path}") };
        let key = ObjectKey::parse(format!("{library}/{two}{rest}").as_bytes()).unwrap();
        found.push((kind.parse().unwrap(), key, std::fs::read(entry.path()).unwrap()));
    }
    found
}

fn is_damaged(kind: ObjectKind, id: &ObjectId, data: &[u8]) -> bool {
    check(kind, id, data) != IdCheck::Good
}

#[test]
fn every_object_of_a_real_store_is_good() {
    let mut counts = [0; 3];
    for (kind, key, data) in sample_objects() {
        assert_eq!(check(kind, &key.id, &data), IdCheck::Good, "{kind} {key}");
        counts[kind.index()] += 1;
    }
    assert_eq!(counts, sample::SAMPLE_COUNTS);
}

#[test]
fn both_writers_of_commits_are_in_the_real_store() {
    let mut writers = BTreeMap::new();
    for (_, key, data) in sample_objects().into_iter().filter(|(kind, ..)| *kind == ObjectKind::Commits) {
        let commit = Commit::parse(&key.id, &data).unwrap().object;
        let text = CommitText {
            library: commit.repo_id,
            root: commit.root_id,
            parents: commit.parents().collect(),
            creator_name: commit.creator_name.as_deref(),
            description: &commit.description,
            ctime: commit.ctime,
            repo_name: "",
            version: 1,
            encrypted: commit.encrypted,
        };
        for writer in [Writer::C, Writer::Go] {
            *writers.entry(format!("{writer:?}")).or_insert(0) += u32::from(text.encode(writer).0 == key.id);
        }
    }
    assert_eq!(writers, BTreeMap::from([("C".to_owned(), 100), ("Go".to_owned(), 53)]));
}

#[test]
fn trees_of_the_real_store_can_be_walked() {
    let (mut files, mut dirs, mut blocks) = (0, 0, 0);
    for (_, key, data) in sample_objects().into_iter().filter(|(kind, ..)| *kind == ObjectKind::Fs) {
        match FsObject::parse(&key.id, &data).unwrap().object {
            FsObject::File { block_ids, size } => {
                assert!(size > 0);
                files += 1;
                blocks += block_ids.len();
            }
            FsObject::Dir { entries } => {
                assert!(entries.iter().all(|entry| !entry.name.is_empty()));
                dirs += 1;
            }
        }
    }
    assert_eq!((files, dirs), (105, 666));
    assert!(blocks >= 105);
}

/// Flips each bit in turn; returns the offsets of those after which the object still counts as good.
fn flips_that_pass(kind: ObjectKind, id: &ObjectId, data: &[u8]) -> Vec<usize> {
    let mut data = data.to_vec();
    let mut passed = Vec::new();
    for bit in 0..data.len() * 8 {
        data[bit / 8] ^= 1 << (bit % 8);
        if !is_damaged(kind, id, &data) {
            passed.push(bit);
        }
        data[bit / 8] ^= 1 << (bit % 8);
    }
    passed
}

#[test]
fn every_flipped_bit_of_a_block_is_found() {
    for (kind, key, data) in sample_objects().into_iter().filter(|(kind, ..)| *kind == ObjectKind::Blocks).take(5) {
        assert_eq!(flips_that_pass(kind, &key.id, &data), [0; 0], "{key}");
    }
}

#[test]
fn a_flipped_bit_of_an_fs_object_is_found_unless_it_says_the_same() {
    for (kind, key, data) in sample_objects().into_iter().filter(|(kind, ..)| *kind == ObjectKind::Fs).step_by(20) {
        let clean = FsObject::parse(&key.id, &data).unwrap();
        let passed = flips_that_pass(kind, &key.id, &data);
        // The bits that fill the last byte of the compressed data have no meaning.
        assert!(passed.len() <= 14, "{key}: {passed:?}");
        for bit in passed {
            let mut flipped = data.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(FsObject::parse(&key.id, &flipped).unwrap(), clean, "{key} bit {bit}");
        }
    }
}

#[test]
fn a_flipped_bit_of_a_commit_is_found_in_every_field_that_the_id_covers() {
    let covered = ["commit_id", "root_id", "creator_name", "creator", "description", "ctime"];
    for (kind, key, data) in sample_objects().into_iter().filter(|(kind, ..)| *kind == ObjectKind::Commits).step_by(8) {
        let text = String::from_utf8(data.clone()).unwrap();
        let spans = covered.map(|field| {
            let start = text.find(&format!("\"{field}\"")).unwrap();
            let value = start + field.len() + 3;
            let length = text[value..].find(",\"").or_else(|| text[value..].find(", \"")).unwrap();
            start..value + length
        });
        for bit in flips_that_pass(kind, &key.id, &data) {
            let inside = spans.iter().any(|span| span.contains(&(bit / 8)));
            // One bit makes a blank between a name and its value a tab or a line end: the same JSON.
            let blank = data[bit / 8] == b' ';
            let escape = data[..bit / 8].ends_with(b"\\") || data[bit / 8] == b'\\';
            assert!(!inside || blank || escape, "{key}: bit {bit} of {text}");
        }
    }
}

#[test]
fn an_object_cut_short_anywhere_is_found() {
    let mut seen = [0; 3];
    let legacy = GENERATED.all().map(|(kind, key, data)| (kind, key, data.to_vec()));
    for (kind, key, data) in sample_objects().into_iter().step_by(9).chain(legacy.step_by(20)) {
        if data.len() > 5000 {
            continue;
        }
        for length in 0..data.len() {
            assert!(is_damaged(kind, &key.id, &data[..length]), "{kind} {key} cut to {length}");
        }
        seen[kind.index()] += 1;
    }
    assert!(seen.iter().all(|&count| count > 5), "{seen:?}");
}

#[test]
fn what_is_wrong_is_said() {
    let objects = sample_objects();
    let of = |wanted| objects.iter().find(|(kind, ..)| *kind == wanted).unwrap();
    for kind in ObjectKind::ALL {
        assert_eq!(check(kind, &ObjectId::EMPTY, b""), IdCheck::Damaged(Damage::Empty));
        let zeros = check(kind, &of(kind).1.id, &[0; 100]);
        assert!(matches!(zeros, IdCheck::Damaged(Damage::Malformed(_) | Damage::WrongId { .. })), "{zeros:?}");
    }
    for kind in [ObjectKind::Fs, ObjectKind::Commits] {
        let (_, key, data) = of(kind);
        assert_eq!(check(kind, &key.id, &data[..data.len() / 2]), IdCheck::Damaged(Damage::Truncated));
    }
    let (kind, key, data) = of(ObjectKind::Fs);
    let longer = [data, &b"x"[..]].concat();
    assert!(matches!(check(*kind, &key.id, &longer), IdCheck::Damaged(Damage::NotInflatable(_))));
    assert_eq!(Damage::WrongId { found: key.id }.to_string(), format!("content has the id {}", key.id));
}

#[test]
fn an_object_in_anothers_place_is_found_and_named() {
    let objects = sample_objects();
    for pair in objects.windows(2).filter(|pair| pair[0].0 == pair[1].0 && pair[0].1.id != pair[1].1.id) {
        let (kind, key, _) = &pair[0];
        let found = pair[1].1.id;
        assert_eq!(check(*kind, &key.id, &pair[1].2), IdCheck::Damaged(Damage::WrongId { found }), "{kind} {key}");
    }
}

#[test]
fn an_object_of_another_kind_is_found() {
    for (kind, key, data) in sample_objects().into_iter().step_by(7) {
        for other in ObjectKind::ALL.into_iter().filter(|other| *other != kind) {
            assert!(is_damaged(other, &key.id, &data), "{kind} {key} as {other}");
        }
    }
}

#[test]
fn unknown_fields_and_old_habits_do_not_make_a_commit_bad() {
    let text = CommitText {
        library: LibraryId::from_bytes([7; 16]),
        root: ObjectId::EMPTY,
        parents: Vec::new(),
        creator_name: None,
        description: "x",
        ctime: 5,
        repo_name: "n",
        version: 0,
        encrypted: false,
    };
    let (id, data) = text.encode(Writer::C);
    let with = |change: &dyn Fn(String) -> String| change(String::from_utf8(data.to_vec()).unwrap()).into_bytes();
    let extra = with(&|json| json.replace("{", "{\"new_thing\": {\"a\": [1, null, 2.5]}, "));
    let left_out = with(&|json| json.replace("\"creator_name\": null, ", "").replace("\"parent_id\": null, ", ""));
    let ended = with(&|json| format!("{json}\0"));
    for (what, data) in [("extra", extra), ("left out", left_out), ("NUL", ended)] {
        assert_eq!(check(ObjectKind::Commits, &id, &data), IdCheck::Good, "{what}");
    }
    let mut foreign = text.clone();
    foreign.description = "caf\u{e9}";
    let (_, utf8) = foreign.encode(Writer::C);
    let latin1: Vec<u8> = String::from_utf8(utf8.to_vec()).unwrap().chars().map(|c| u8::try_from(c).unwrap()).collect();
    // Old servers hashed the bytes of the name in whatever encoding they were.
    let IdCheck::Damaged(Damage::WrongId { found }) = check(ObjectKind::Commits, &foreign.encode(Writer::C).0, &latin1)
    else {
        panic!("hashed as if it were UTF-8");
    };
    let renamed =
        String::from_utf8(utf8.to_vec()).unwrap().replace(&foreign.encode(Writer::C).0.to_string(), &found.to_string());
    let renamed: Vec<u8> = renamed.chars().map(|c| u8::try_from(c).unwrap()).collect();
    assert_eq!(check(ObjectKind::Commits, &found, &renamed), IdCheck::Good);
    assert_eq!(Commit::parse(&found, &renamed).unwrap().object.description, "caf\u{fffd}");
}

static GENERATED: LazyLock<Store> =
    LazyLock::new(|| Store::generate(&Params { files: 12, large_dir: 50, ..Params::default() }));

#[test]
fn generated_objects_of_every_form_are_good() {
    let store = &*GENERATED;
    for (kind, key, data) in store.all() {
        assert_eq!(check(kind, &key.id, data), IdCheck::Good, "{kind} {key}");
    }
    for library in &store.libraries {
        for snapshot in &library.snapshots {
            let commit = store.bytes(ObjectKind::Commits, library.id, snapshot.commit);
            let commit = Commit::parse(&snapshot.commit, commit).unwrap().object;
            assert_eq!(commit.root_id, snapshot.tree.dirs["/"], "{}", library.name);
            assert_eq!(commit.parents().collect::<Vec<_>>(), snapshot.parents);
            assert_eq!((commit.repo_id, commit.encrypted), (library.id, library.encrypted));
            for (path, file) in snapshot.tree.files.iter().filter(|(_, file)| file.size > 0) {
                let data = store.bytes(ObjectKind::Fs, library.store_id(), file.id);
                let object = FsObject::parse(&file.id, data).unwrap().object;
                assert_eq!(object, FsObject::File { block_ids: file.blocks.clone(), size: file.size }, "{path}");
            }
            for id in snapshot.tree.dirs.values().filter(|id| **id != ObjectId::EMPTY) {
                let data = store.bytes(ObjectKind::Fs, library.store_id(), *id);
                let FsObject::Dir { entries } = FsObject::parse(id, data).unwrap().object else {
                    panic!("not a directory")
                };
                assert!(
                    entries.iter().all(|entry| entry.is_dir() == snapshot.tree.dirs.values().any(|d| *d == entry.id)
                        || entry.id == ObjectId::EMPTY)
                );
            }
        }
    }
    let names = ["legacy", "encrypted", "virtual", "empty", "twin", "trashed", "garbage", "limited"];
    assert!(names.iter().all(|name| !store.library(name).snapshots.is_empty()));
}

#[test]
fn a_generated_store_is_the_same_in_a_folder() {
    let dir = tempfile::tempdir().unwrap();
    let store = &*GENERATED;
    store.write_to_dir(dir.path());
    store.write_db(&dir.path().join("seafile.db"));
    let mut written = objects_below(dir.path());
    written.sort();
    let expected: Vec<_> = store.all().map(|(kind, key, data)| (kind, key, data.to_vec())).collect();
    assert!(written == expected);
}

#[test]
fn bulk_objects_are_good_and_distinct() {
    let mut keys = std::collections::HashSet::new();
    for (kind, key, data) in library::bulk::bulk(3, 3000, 200..=4000) {
        assert_eq!(check(kind, &key.id, &data), IdCheck::Good, "{kind} {key}");
        assert!((150..=4300).contains(&data.len()), "{kind}: {} bytes", data.len());
        assert!(keys.insert((kind, key)));
    }
    assert_eq!(keys.len(), 3000);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_library_is_good(seed: u64, files in 0usize..8, block_size in 1usize..500, commits in 1usize..4) {
        let params = Params { seed, files, block_size, commits, libraries: 1, large_dir: 3, ..Params::default() };
        let params = Params { file_size: 0..=600, special: seed.is_multiple_of(8), ..params };
        for (kind, key, data) in Store::generate(&params).all() {
            prop_assert_eq!(check(kind, &key.id, data), IdCheck::Good);
        }
    }

    #[test]
    fn foreign_bytes_never_panic(data: Vec<u8>, id: [u8; 20], head in 0usize..6) {
        let id = ObjectId::from_bytes(id);
        let heads: [&[u8]; 6] = [b"", b"\x78\x9c", &[0, 0, 0, 1], &[0, 0, 0, 3], b"{\"commit_id\": \"", b"{\"type\": 1,"];
        let data = [heads[head], &data].concat();
        let zipped = deflate(&data, 6);
        for bytes in [&data[..], &zipped[..]] {
            for kind in ObjectKind::ALL {
                prop_assert!(is_damaged(kind, &id, bytes));
            }
            let _ = FsObject::parse(&id, bytes);
            let _ = Commit::parse(&id, bytes);
        }
        prop_assert_eq!(check(ObjectKind::Fs, &sha1(&data), &zipped), IdCheck::Good);
    }

    #[test]
    fn reading_and_checking_agree(at: prop::sample::Index, change: u8, position: prop::sample::Index) {
        let all: Vec<_> = GENERATED.all().collect();
        let (kind, key, data) = all[at.index(all.len())];
        let mut data = data.to_vec();
        let position = position.index(data.len());
        data[position] ^= change;
        let good = check(kind, &key.id, &data) == IdCheck::Good;
        let parsed = match kind {
            ObjectKind::Commits => Commit::parse(&key.id, &data).map(|commit| commit.wrong_id),
            ObjectKind::Fs => FsObject::parse(&key.id, &data).map(|object| object.wrong_id),
            ObjectKind::Blocks => return Ok(()),
        };
        prop_assert_eq!(good, matches!(parsed, Ok(None)));
    }
}
