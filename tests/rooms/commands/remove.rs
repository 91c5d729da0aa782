//! The parts of `remove`: who decides on an object, and the journal.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use proptest::prelude::*;
use seaf_migrate::commands::remove::decide::{Asker, Decision};
use seaf_migrate::commands::remove::journal::RemovalJournal;
use seaf_migrate::commands::remove::report::Reason;
use seaf_migrate::content::{self, Damage, IdCheck, sha1_of};
use seaf_migrate::flow::Budget;
use seaf_migrate::object::{LibraryId, ObjectId, ObjectKey, ObjectKind};
use seaf_migrate::store::backend::memory::MemoryStore;
use seaf_migrate::store::{ErrorKind, Listed, ReadStore, RemoveStore, WriteStore};

use crate::support::faulty::{Action, Faulty};
use crate::support::folder::Place;

const LIBRARY: LibraryId = LibraryId::from_bytes([7; 16]);

fn key_of(data: &[u8]) -> ObjectKey {
    ObjectKey::new(LIBRARY, sha1_of(data))
}

fn memory(name: &str, objects: &[(ObjectKey, &[u8])]) -> MemoryStore {
    let store = MemoryStore::new(ObjectKind::Blocks, name);
    for (key, data) in objects {
        store.write(key, Bytes::copy_from_slice(data)).unwrap();
    }
    store
}

/// The decision about `key`, listed with the size that it has.
fn decide(source: &dyn RemoveStore, destination: &dyn ReadStore, content: bool, key: &ObjectKey) -> Decision {
    let budget = Budget::new(1 << 20);
    let asker = Asker {
        kind: ObjectKind::Blocks,
        source,
        destination,
        content,
        budget: &budget,
        verified: SystemTime::now() + Duration::from_secs(60),
    };
    asker.ask(&Listed { key: *key, size: source.size(key).ok() })
}

fn reason(decide: &Decision) -> Option<Reason> {
    match decide {
        Decision::Keep(reason, _) => Some(*reason),
        _ => None,
    }
}

#[test]
fn what_the_destination_has_goes_and_nothing_else() {
    let (good, other) = (&b"what it is"[..], &b"OTHER BYTE"[..]);
    let key = key_of(good);
    let source = memory("source", &[(key, good)]);
    let cases = [
        ("the same", Some(good), None, None),
        ("missing", None, Some(Reason::Missing), Some(Reason::Missing)),
        ("shorter", Some(&good[1..]), Some(Reason::OtherSize), Some(Reason::OtherSize)),
        ("longer", Some(&b"what it is not"[..]), Some(Reason::OtherSize), Some(Reason::OtherSize)),
        // What only reading shows.
        ("other bytes", Some(other), None, Some(Reason::Damaged)),
    ];
    for (what, copy, by_size, by_content) in cases {
        let copies: Vec<_> = copy.map(|copy| (key, copy)).into_iter().collect();
        let destination = memory("destination", &copies);
        for (content, expected) in [(false, by_size), (true, by_content)] {
            let decision = decide(&source, &destination, content, &key);
            assert_eq!(reason(&decision), expected, "{what}, content: {content}: {decision:?}");
            if expected.is_none() {
                assert!(matches!(decision, Decision::Remove(10)), "{what}: {decision:?}");
            }
        }
    }
}

#[test]
fn damage_that_both_sides_share_byte_for_byte_may_go() {
    let key = key_of(b"what it should be");
    let damaged = &b"what it shOuld be"[..];
    let (source, same) = (memory("source", &[(key, damaged)]), memory("destination", &[(key, damaged)]));
    assert!(matches!(decide(&source, &same, true, &key), Decision::Remove(17)));
    let other = memory("destination", &[(key, &b"WHAT it should be"[..])]);
    assert_eq!(reason(&decide(&source, &other, true, &key)), Some(Reason::Damaged));
    // A damaged object in the source may go when the destination's is good.
    let good = memory("destination", &[(key, &b"what it should be"[..])]);
    assert!(matches!(decide(&source, &good, true, &key), Decision::Remove(17)));
}

#[test]
fn the_same_wrong_answer_about_both_sides_is_no_damage_that_they_share() {
    let (good, bad) = (&b"what it is"[..], &b"what it iS"[..]);
    let (key, zeros) = (key_of(good), [0; 10]);
    // A proxy in front of both answers the first request for an object with zeros.
    let lying =
        |name: &str, holds: &'static [u8]| Faulty::new(memory(name, &[(key, holds)])).answer_nth_read(1, &zeros);
    assert!(matches!(decide(&lying("source", good), &lying("destination", good), true, &key), Decision::Remove(10)));
    assert_eq!(
        reason(&decide(&lying("source", good), &memory("destination", &[(key, bad)]), true, &key)),
        Some(Reason::Damaged)
    );
    // It never gives the same twice.
    let torn = lying("destination", bad);
    assert!(
        matches!(decide(&memory("source", &[(key, good)]), &torn, true, &key), Decision::Unknown(error) if error.kind() == ErrorKind::Contradiction)
    );
}

#[test]
fn what_the_source_lists_and_does_not_give_is_not_gone() {
    let key = key_of(b"what it is");
    let torn = Faulty::new(memory("source", &[])).listing_what_is_gone(key, 10);
    let decision = decide(&torn, &memory("destination", &[(key, b"what it is")]), true, &key);
    assert!(matches!(decision, Decision::Unknown(error) if error.kind() == ErrorKind::Contradiction));
    let gone = memory("source", &[]);
    assert!(matches!(decide(&gone, &memory("destination", &[(key, b"what it is")]), true, &key), Decision::Gone));
}

#[test]
fn a_commit_goes_only_when_the_destination_has_it_byte_for_byte() {
    // The same id, and another parent: what the id of a commit does not cover.
    let text = |parent: &str| {
        format!(
            r#"{{"commit_id": "{id}", "root_id": "{id}", "creator": "{id}", "desc": "", "ctime": 7, "repo_id": "{LIBRARY}", "parent_id": "{parent}"}}"#,
            id = "0".repeat(40)
        )
    };
    let (own, other) = (text(&"1".repeat(40)), text(&"2".repeat(40)));
    let key = ObjectKey::new(LIBRARY, id_of_commit(own.as_bytes()));
    assert_eq!(key.id, id_of_commit(other.as_bytes()));
    let (source, budget) = (memory("source", &[(key, own.as_bytes())]), Budget::new(1 << 20));
    for (copy, goes) in [(&own, true), (&other, false)] {
        let destination = memory("destination", &[(key, copy.as_bytes())]);
        let (kind, verified) = (ObjectKind::Commits, SystemTime::now() + Duration::from_secs(60));
        let asker =
            Asker { kind, source: &source, destination: &destination, content: true, budget: &budget, verified };
        let decision = asker.ask(&Listed { key, size: Some(own.len() as u64) });
        assert_eq!(matches!(decision, Decision::Remove(_)), goes, "{decision:?}");
        assert!(goes || reason(&decision) == Some(Reason::Damaged), "{decision:?}");
    }
}

/// The id that a commit's bytes have.
fn id_of_commit(data: &[u8]) -> ObjectId {
    let name = ObjectId::from_bytes([9; 20]);
    match content::check(ObjectKind::Commits, &name, data) {
        IdCheck::Damaged(Damage::WrongId { found }) => found,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_is_gone_from_the_source_is_no_business_of_the_destination() {
    let key = key_of(b"gone");
    let (source, destination) = (memory("source", &[]), memory("destination", &[]));
    assert!(matches!(decide(&source, &destination, true, &key), Decision::Gone));
}

#[test]
fn an_answer_that_fails_keeps_the_object() {
    let data = &b"asked for"[..];
    let key = key_of(data);
    for (action, content) in [(Action::Size, false), (Action::Read, true)] {
        for kind in [ErrorKind::Unavailable, ErrorKind::Denied, ErrorKind::Unreadable, ErrorKind::Other] {
            let source = memory("source", &[(key, data)]);
            let destination = Faulty::new(memory("destination", &[(key, data)])).fail_key(action, key, kind);
            let decision = decide(&source, &destination, content, &key);
            assert!(matches!(&decision, Decision::Unknown(error) if error.kind() == kind), "{action:?}: {decision:?}");
        }
    }
}

#[test]
fn what_was_written_after_the_verification_began_is_kept_where_the_store_can_tell() {
    let dir = tempfile::tempdir().unwrap();
    let place = Place::in_folder(dir.path());
    let (data, store) = (&b"an object"[..], place.destination().unwrap());
    let key = key_of(data);
    store.write(&key, Bytes::from_static(data)).unwrap();
    let destination = memory("destination", &[(key, data)]);
    let written = store.written_at(&key).unwrap().unwrap();
    let budget = Budget::new(1 << 20);
    let second = Duration::from_secs(1);
    for (verified, kept) in [(written - second, true), (written, true), (written + second, false)] {
        let (kind, source) = (ObjectKind::Blocks, &store);
        let asker = Asker { kind, source, destination: &destination, content: false, budget: &budget, verified };
        let decision = asker.ask(&Listed { key, size: Some(9) });
        assert_eq!(reason(&decision), kept.then_some(Reason::Newer), "{decision:?}");
    }
}

proptest! {
    /// Whatever either side holds: what may go can be had from the destination, or was no better in the source.
    #[test]
    fn nothing_that_may_go_is_lost(
        name in any::<bool>(), here in proptest::collection::vec(0..3u8, 0..4),
        there in proptest::option::of(proptest::collection::vec(0..3u8, 0..4)), content in any::<bool>(),
    ) {
        let key = if name { key_of(&here) } else { key_of(b"another name") };
        let source = memory("source", &[(key, &here)]);
        let copies: Vec<_> = there.iter().map(|copy| (key, &copy[..])).collect();
        let destination = memory("destination", &copies);
        if let Decision::Remove(size) = decide(&source, &destination, content, &key) {
            prop_assert_eq!(size, here.len() as u64);
            let copy = there.unwrap();
            prop_assert_eq!(copy.len(), here.len());
            if content {
                prop_assert!(copy == here || key_of(&copy) == key);
            }
        }
    }
}

fn objects(count: u8) -> Vec<Listed> {
    (0..count)
        .map(|n| Listed { key: ObjectKey::new(LIBRARY, ObjectId::from_bytes([n; 20])), size: Some(n.into()) })
        .collect()
}

#[test]
fn the_journal_names_each_object_on_a_line_and_only_grows() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("removed");
    for run in 1..=2 {
        let mut journal = RemovalJournal::open(&path, "from here to there").unwrap();
        journal.append(ObjectKind::Fs, &objects(3)).unwrap();
        // On the disk before anybody removes anything, not when the journal is closed.
        let text = fs::read_to_string(&path).unwrap();
        assert_eq!(text.lines().count(), 4 * run);
        assert_eq!(text.matches(" remove from here to there\n").count(), run);
    }
    let text = fs::read_to_string(&path).unwrap();
    let line: Vec<_> = text.lines().nth(3).unwrap().split(' ').collect();
    let [time, kind, name, size] = line[..] else { panic!("{line:?}") };
    assert!(time.parse::<jiff::Timestamp>().is_ok(), "{time}");
    assert_eq!((kind, name, size), ("fs", &*objects(3)[2].key.to_string(), "2"));
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn a_line_that_a_kill_cut_short_does_not_swallow_the_next() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("removed");
    fs::write(&path, "2026-01-01T00:00:00Z blocks 0707").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    RemovalJournal::open(&path, "again").unwrap().append(ObjectKind::Blocks, &objects(1)).unwrap();
    let text = fs::read_to_string(&path).unwrap();
    let lines: Vec<_> = text.lines().collect();
    assert_eq!((lines.len(), lines[0]), (3, "2026-01-01T00:00:00Z blocks 0707"));
    assert!(lines[1].starts_with("# ") && lines[2].ends_with(" 0"), "{text}");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn what_keeps_nothing_is_no_journal() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    fs::create_dir(at("folder")).unwrap();
    symlink("/dev/null", at("link")).unwrap();
    rustix::fs::mknodat(rustix::fs::CWD, at("fifo"), rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
    for path in [at("folder"), at("link"), at("fifo"), at("no/such/folder"), "/dev/null".into()] {
        assert!(RemovalJournal::open(&path, "x").is_err(), "{}", path.display());
    }
    assert!(fs::read_dir(at("folder")).unwrap().next().is_none());
}
