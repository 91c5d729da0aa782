//! Faults planted one by one at the destination: `verify` names the object, `fsck` the paths that suffer.

use std::collections::BTreeMap;

use bytes::Bytes;
use seaf_migrate::conf::Backend;
use seaf_migrate::object::{LibraryId, ObjectId, ObjectKey, ObjectKind};

use super::place::{Place, Said};
use crate::support::library::Store;
use crate::support::repeat::is_thorough;
use crate::support::side::{suffering, victims};

/// One fault: what is put in an object's place, and how it is called.
struct Fault {
    name: String,
    kind: ObjectKind,
    key: ObjectKey,
    /// What is there instead; nothing when it is missing.
    instead: Option<Bytes>,
    /// What `verify --content` calls it.
    expected: &'static str,
    /// An object in a place where none belongs.
    extra: Option<(ObjectKind, ObjectKey, Bytes)>,
}

fn store() -> Store {
    let params = crate::support::library::Params {
        file_size: 1500..=3000,
        files: 4,
        large_dir: 3,
        commits: 3,
        libraries: 2,
        ..Default::default()
    };
    Store::generate(&params)
}

fn flipped(data: &Bytes, at: usize) -> Bytes {
    let mut data = data.to_vec();
    data[at] ^= 1;
    data.into()
}

/// What a size says when bytes are replaced by others.
fn other_bytes(before: &Bytes, after: &Bytes) -> &'static str {
    match after.len().cmp(&before.len()) {
        std::cmp::Ordering::Less => "shorter",
        std::cmp::Ordering::Equal => "damaged",
        std::cmp::Ordering::Greater => "longer",
    }
}

/// Each fault at each victim, or at one of them in turn.
fn faults(store: &Store, at_each: bool) -> Vec<Fault> {
    let bytes = |kind: ObjectKind, key: &ObjectKey| store.objects(kind)[key].clone();
    let elsewhere = store.library("plain 1 ✓").id;
    let victims = victims(store);
    let mut faults = Vec::new();
    for (place, (kind, key, other)) in victims.iter().enumerate() {
        let mut number = 0;
        let (clean, what) = (bytes(*kind, key), if *key == victims[2].1 { "directory" } else { kind.as_str() });
        let mut add = |name: &str, instead: Option<Bytes>, extra: Option<(ObjectKind, ObjectKey, Bytes)>| {
            let expected = instead.as_ref().map_or("missing", |after| other_bytes(&clean, after));
            number += 1;
            if at_each || number % victims.len() == place {
                faults.push(Fault {
                    name: format!("{name}, {what}"),
                    kind: *kind,
                    key: *key,
                    instead,
                    expected,
                    extra,
                });
            }
        };
        add("missing", None, None);
        add("truncated", Some(clean.slice(..clean.len() / 2)), None);
        add("zero length", Some(Bytes::new()), None);
        // A commit's first field is its own id; the middle of the others is content that the id covers.
        let at = if *kind == ObjectKind::Commits { 20 } else { clean.len() / 2 };
        add("bit flipped", Some(flipped(&clean, at)), None);
        add("swapped with another of its kind", Some(bytes(*kind, other)), None);
        add("in the wrong library", None, Some((*kind, ObjectKey::new(elsewhere, key.id), clean.clone())));
        let (stranger_kind, stranger, _) = victims.iter().find(|(stranger, ..)| stranger != kind).unwrap();
        add("of the wrong kind", Some(bytes(*stranger_kind, stranger)), None);
    }
    faults.extend(broken_links(store));
    faults
}

/// Objects that something else names: the tree of a commit, a block of a tree, heads and parents.
fn broken_links(store: &Store) -> Vec<Fault> {
    let fault = |name: &str, kind: ObjectKind, library: LibraryId, id: ObjectId| {
        let key = ObjectKey::new(library, id);
        Fault { name: name.to_owned(), kind, key, instead: None, expected: "missing", extra: None }
    };
    let library = store.library("plain 1 ✓");
    let (head, virtual_library) = (library.head(), store.library("virtual"));
    let file = head.tree.files.values().find(|file| file.blocks.len() > 1).unwrap();
    vec![
        fault("commit without tree", ObjectKind::Fs, library.id, head.tree.dirs["/"]),
        fault("tree without block", ObjectKind::Blocks, library.id, file.blocks[1]),
        fault("head missing", ObjectKind::Commits, library.id, head.commit),
        fault("parent missing", ObjectKind::Commits, library.id, library.snapshots[1].commit),
        fault(
            "head of a virtual library missing",
            ObjectKind::Commits,
            virtual_library.id,
            virtual_library.head().commit,
        ),
        fault(
            "head of an encrypted library missing",
            ObjectKind::Commits,
            store.library("encrypted").id,
            store.library("encrypted").head().commit,
        ),
        fault(
            "tree of a legacy library missing",
            ObjectKind::Fs,
            store.library("legacy").id,
            store.library("legacy").head().tree.dirs["/"],
        ),
    ]
}

/// Which library suffers, and with which paths.
fn paths_that_suffer(store: &Store, fault: &Fault) -> BTreeMap<String, Vec<String>> {
    if fault.kind != ObjectKind::Commits {
        let found = suffering(store, fault.kind, &fault.key).into_iter();
        return found.map(|(library, (_, paths))| (library.to_string(), paths)).collect();
    }
    let is_head =
        store.libraries.iter().any(|library| library.id == fault.key.library && library.head().commit == fault.key.id);
    let paths = if is_head { vec!["/".to_owned()] } else { Vec::new() };
    BTreeMap::from([(fault.key.library.to_string(), paths)])
}

/// The paths that `fsck` names for the object, by library.
fn paths_named(fsck: &Said, fault: &Fault) -> BTreeMap<String, Vec<String>> {
    let mut named = BTreeMap::new();
    for library in fsck.report["libraries"].as_array().unwrap() {
        for finding in library["findings"].as_array().unwrap() {
            if finding["kind"] == fault.kind.as_str() && finding["id"] == fault.key.id.to_string() {
                assert_eq!(finding["more_paths"], 0);
                let paths = finding["paths"].as_array().unwrap().iter().map(|path| path.as_str().unwrap().to_owned());
                named.insert(library["id"].as_str().unwrap().to_owned(), paths.collect());
            }
        }
    }
    named
}

fn check(place: &Place, store: &Store, fault: &Fault) {
    let name = &fault.name;
    let verified = place.between("verify", &["--content"]).assert_code(1);
    let Fault { kind, key, expected, .. } = fault;
    let expected = [kind.to_string(), key.library.to_string(), key.id.to_string(), (*expected).to_owned()];
    assert_eq!(verified.rows("findings"), [expected], "{name}: {}", verified.text);
    assert!(verified.rows("damaged").is_empty(), "{name}");
    assert_eq!(verified.total("extra"), u64::from(fault.extra.is_some()), "{name}");

    let walked = place.fsck(&["--content"]).assert_code(1);
    assert_eq!(paths_named(&walked, fault), paths_that_suffer(store, fault), "{name}: {}", walked.text);
}

/// Every fault on one backend; at every victim in a folder, and elsewhere when the tests are to be thorough.
fn every_fault(backend: Backend) {
    let store = store();
    let Some(place) = Place::migrated(backend, &store) else { return };
    let clean = |place: &Place| {
        let sizes = place.between("verify", &[]).assert_code(0);
        let content = place.between("verify", &["--content"]).assert_code(0);
        assert_eq!([sizes.total("objects"), content.total("read")], [store.count() as u64; 2], "{}", content.text);
        place.fsck(&["--content"]).assert_code(0);
    };
    clean(&place);
    let faults = faults(&store, backend == Backend::Fs || is_thorough());
    for fault in &faults {
        place.set(fault.kind, &fault.key, fault.instead.as_ref());
        if let Some((kind, key, data)) = &fault.extra {
            place.set(*kind, key, Some(data));
        }
        check(&place, &store, fault);
        if let Some((kind, key, _)) = &fault.extra {
            place.set(*kind, key, None);
        }
        place.set(fault.kind, &fault.key, Some(&store.objects(fault.kind)[&fault.key]));
    }
    clean(&place);
    println!("{backend}: {} of {} faults found and named by verify and by fsck", faults.len(), faults.len());
}

#[test]
fn every_fault_in_a_folder_is_found_and_named() {
    every_fault(Backend::Fs);
}

#[test]
fn every_fault_on_s3_is_found_and_named() {
    every_fault(Backend::S3);
}

#[test]
fn every_fault_on_rados_is_found_and_named() {
    every_fault(Backend::Ceph);
}

/// RADOS lists no sizes, so they are asked for; the ids alone say what is missing.
#[test]
fn sizes_alone_find_what_is_missing_or_cut_short_on_each_backend() {
    let store = store();
    for backend in [Backend::Fs, Backend::S3, Backend::Oss, Backend::Ceph] {
        let Some(place) = Place::migrated(backend, &store) else { continue };
        let mut expected = Vec::new();
        for (n, (kind, key, _)) in victims(&store).into_iter().enumerate() {
            let clean = &store.objects(kind)[&key];
            let (data, what) = match n {
                0 => (Some(clean.slice(..clean.len() - 1)), "shorter"),
                1 => (Some(Bytes::new()), "shorter"),
                2 => (Some(Bytes::from([&clean[..], b"+"].concat())), "longer"),
                _ => (None, "missing"),
            };
            place.set(kind, &key, data.as_ref());
            expected.push([kind.to_string(), key.library.to_string(), key.id.to_string(), what.to_owned()]);
        }
        let mut found = place.between("verify", &[]).assert_code(1).rows("findings");
        found.sort();
        expected.sort();
        assert_eq!(found, expected, "{backend}");
    }
}

/// Ids that do not fit the content, the same on both sides, whatever backend the bytes lie on.
#[test]
fn wrong_ids_of_the_source_are_told_apart_on_each_backend() {
    for backend in [Backend::Fs, Backend::S3, Backend::Oss, Backend::Ceph] {
        let mut store = store();
        let mut planted = Vec::new();
        for (kind, key, other) in victims(&store).into_iter().take(3) {
            let data = store.objects(kind)[&other].clone();
            store.objects[kind.index()].insert(key, data);
            planted.push([
                kind.to_string(),
                key.library.to_string(),
                key.id.to_string(),
                "damaged in the source".to_owned(),
            ]);
        }
        planted.sort();
        let Some(place) = Place::migrated(backend, &store) else { continue };
        let verified = place.between("verify", &["--content"]).assert_code(0);
        let mut damaged = verified.rows("damaged");
        damaged.sort();
        assert_eq!(damaged, planted, "{backend}");
        place.between("verify", &["--content", "--strict"]).assert_code(5);
        // Back to a folder. Where the source is RADOS, it lists no sizes.
        let (new, back) = (place.at("new"), place.at("back"));
        std::fs::create_dir(&back).unwrap();
        let dir = back.join("data");
        std::fs::create_dir(&dir).unwrap();
        let conf = |name: &str| format!("[{name}]\nname = fs\ndir = {}\n", dir.display());
        std::fs::write(
            back.join("seafile.conf"),
            ["commit_object_backend", "fs_object_backend", "block_backend"].map(conf).concat(),
        )
        .unwrap();
        let sides = ["--from", new.to_str().unwrap(), "--to", back.to_str().unwrap()];
        place.say(&[&["run"], &sides[..]].concat()).assert_code(0);
        let returned = place.say(&[&["verify", "--content"], &sides[..]].concat()).assert_code(0);
        assert_eq!((returned.rows("damaged").len(), returned.total("objects")), (3, store.count() as u64), "{backend}");
    }
}

/// One library of many, also where a listing has no order.
#[test]
fn a_library_alone_is_verified_on_each_backend() {
    let store = store();
    let [victim, other] = ["plain 1 ✓", "twin"].map(|name| store.library(name).id);
    let of = |library: LibraryId| store.all().filter(|(_, key, _)| key.library == library).count() as u64;
    for backend in [Backend::Fs, Backend::S3, Backend::Oss, Backend::Ceph] {
        let Some(place) = Place::migrated(backend, &store) else { continue };
        let (kind, key, _) =
            store.all().find(|(kind, key, _)| *kind == ObjectKind::Fs && key.library == victim).unwrap();
        place.set(kind, &key, None);
        let verify = |libraries: &[LibraryId], code: i32| {
            let names: Vec<String> = libraries.iter().map(ToString::to_string).collect();
            let options: Vec<&str> = names.iter().flat_map(|name| ["--library", name]).chain(["--content"]).collect();
            place.between("verify", &options).assert_code(code)
        };
        assert_eq!(verify(&[other], 0).total("objects"), of(other), "{backend}");
        let found = verify(&[victim], 1);
        assert_eq!(
            (found.total("objects"), found.total("missing"), found.total("extra")),
            (of(victim), 1, 0),
            "{backend}"
        );
        assert_eq!(verify(&[victim, other], 1).total("objects"), of(victim) + of(other), "{backend}");
    }
}
