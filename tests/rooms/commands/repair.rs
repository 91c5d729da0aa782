//! The part of `repair` that decides on one object: what the destination has, and which source has it right.

use bytes::Bytes;
use seaf_migrate::commands::repair::mend::{Left, Mended, Mender, Written};
use seaf_migrate::content::sha1_of;
use seaf_migrate::flow::Budget;
use seaf_migrate::object::{LibraryId, ObjectId, ObjectKey, ObjectKind};
use seaf_migrate::store::backend::memory::MemoryStore;
use seaf_migrate::store::{ErrorKind, ReadStore, StoreError, WriteStore};

use crate::support::faulty::{Action, Faulty};
use crate::support::library::objects;

type Side = Faulty<MemoryStore>;

const LIBRARY: LibraryId = LibraryId::from_bytes([7; 16]);
const DATA: &[u8] = b"the bytes of a block";

fn key() -> ObjectKey {
    ObjectKey::new(LIBRARY, sha1_of(DATA))
}

/// A store that holds `data` under `key`.
fn holding(key: &ObjectKey, data: Option<&[u8]>) -> Side {
    let store = MemoryStore::new(ObjectKind::Blocks, "side");
    if let Some(data) = data {
        store.write(key, Bytes::copy_from_slice(data)).unwrap();
    }
    Faulty::new(store)
}

fn side(data: Option<&[u8]>) -> Side {
    holding(&key(), data)
}

/// What is made of `key` with these sources.
fn mend_of(kind: ObjectKind, key: &ObjectKey, sources: &[&Side], destination: &Side) -> Result<Mended, StoreError> {
    let sources: Vec<&dyn ReadStore> = sources.iter().map(|store| *store as &dyn ReadStore).collect();
    let budget = Budget::new(1 << 20);
    let (reader, writer): (&dyn ReadStore, &dyn WriteStore) = (destination, destination);
    Mender { kind, sources: &sources, destination: Some(reader), writer: Some(writer), budget: &budget }.mend(key)
}

fn mend(sources: &[&Side], destination: &Side) -> Result<Mended, StoreError> {
    mend_of(ObjectKind::Blocks, &key(), sources, destination)
}

#[track_caller]
fn written(mended: Result<Mended, StoreError>) -> Written {
    match mended.unwrap() {
        Mended::Written(written) => written,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_is_missing_damaged_or_unreadable_is_written_from_the_first_source_that_has_it_right() {
    let (good, bad) = (side(Some(DATA)), side(Some(b"the bytes of a bl0ck")));
    let torn = || side(Some(DATA)).answer_nth_read(1, b"these").answer_nth_read(2, b"those");
    let unreadable = || side(Some(DATA)).fail_calls(Action::Read, 1, 1, ErrorKind::Unreadable);
    for destination in [side(None), side(Some(b"")), side(Some(&DATA[1..])), torn(), unreadable()] {
        let object = written(mend(&[&side(None), &bad, &good], &destination));
        assert_eq!((object.source, object.digest, object.size), (2, key().id, 20));
        assert_eq!(destination.inner.read(&key()).unwrap(), DATA);
    }
}

#[test]
fn what_is_right_is_left_alone_whatever_the_first_answer_was() {
    for destination in [
        side(Some(DATA)),
        side(Some(DATA)).answer_nth_read(1, &[0; DATA.len()]),
        side(Some(DATA)).fail_nth(Action::Read, 1, ErrorKind::NotFound),
    ] {
        let destination = destination.fail_always(Action::Write, ErrorKind::ReadOnly);
        assert!(matches!(mend(&[&side(Some(DATA))], &destination), Ok(Mended::Right)));
    }
}

#[test]
fn a_wrong_first_answer_of_a_source_is_not_written() {
    let (source, destination) = (side(Some(DATA)).answer_nth_read(1, &[0; DATA.len()]), side(None));
    written(mend(&[&source], &destination));
    assert_eq!(destination.inner.read(&key()).unwrap(), DATA);
}

#[test]
fn what_no_source_has_right_is_left_with_what_each_has() {
    let bad = side(Some(b"the bytes of a bl0ck"));
    let cases: [(&[&Side], &str); 3] = [
        (&[&side(None), &bad], "damaged in every source that has it"),
        (&[&side(None)], "missing in every source"),
        (&[&side(Some(DATA)).fail_always(Action::Read, ErrorKind::Unreadable)], "readable in no source"),
    ];
    for (sources, why) in cases {
        let destination = side(Some(b"something else"));
        match mend(sources, &destination).unwrap() {
            Mended::Left(Left { why: told, cause, .. }) => {
                assert_eq!(told, why);
                assert!(cause.starts_with("at the destination: damaged: "), "{cause}");
            }
            other => panic!("{why}: {other:?}"),
        }
        assert_eq!(destination.inner.read(&key()).unwrap(), "something else");
    }
}

#[test]
fn what_is_left_because_of_an_archive_says_so_and_what_is_left_for_other_reasons_does_not() {
    let archived = || side(Some(DATA)).fail_always(Action::Read, ErrorKind::Archived);
    let unreadable = || side(Some(DATA)).fail_always(Action::Read, ErrorKind::Unreadable);
    let cases: [(&[&Side], Side, bool); 4] = [
        (&[&archived()], side(None), true),
        (&[&unreadable(), &archived()], side(None), true),
        (&[&side(None)], archived(), true),
        (&[&side(None), &unreadable()], side(None), false),
    ];
    for (number, (sources, destination, is_archived)) in cases.into_iter().enumerate() {
        let Mended::Left(left) = mend(sources, &destination).unwrap() else { panic!("case {number}") };
        assert_eq!(left.archive_class.is_some(), is_archived, "case {number}: {left:?}");
    }
    // Where another source has it right, nobody need restore anything.
    written(mend(&[&archived(), &side(Some(DATA))], &side(None)));
}

#[test]
fn a_store_that_does_not_answer_is_an_error_unless_another_source_has_it_right() {
    let silent = || side(Some(DATA)).fail_always(Action::Read, ErrorKind::Timeout);
    assert_eq!(mend(&[&side(Some(DATA))], &silent()).unwrap_err().kind(), ErrorKind::Timeout);
    assert_eq!(mend(&[&silent(), &side(None)], &side(None)).unwrap_err().kind(), ErrorKind::Timeout);
    assert_eq!(written(mend(&[&silent(), &side(Some(DATA))], &side(None))).source, 1);
}

#[test]
fn what_a_destination_changes_when_it_is_written_does_not_come_back() {
    let (source, budget) = (side(Some(DATA)), Budget::new(1 << 20));
    let sources: [&dyn ReadStore; 1] = [&source];
    let destination = side(None).flip_a_bit_of_writes();
    let mender = Mender {
        kind: ObjectKind::Blocks,
        sources: &sources,
        destination: Some(&destination),
        writer: Some(&destination),
        budget: &budget,
    };
    let object = written(mender.mend(&key()));
    assert!(!mender.comes_back(&key(), &object).unwrap());
    destination.inner.write(&key(), Bytes::from_static(DATA)).unwrap();
    assert!(mender.comes_back(&key(), &object).unwrap());
}

#[test]
fn a_dry_run_says_the_same_and_writes_nothing() {
    let (source, destination, budget) = (side(Some(DATA)), side(None), Budget::new(1 << 20));
    let sources: [&dyn ReadStore; 1] = [&source];
    let kind = ObjectKind::Blocks;
    for seen in [Some(&destination as &dyn ReadStore), None] {
        let mender = Mender { kind, sources: &sources, destination: seen, writer: None, budget: &budget };
        assert_eq!(written(mender.mend(&key())).was, "missing");
    }
    assert_eq!(destination.inner.read(&key()).unwrap_err().kind(), ErrorKind::NotFound);
}

#[test]
fn a_commit_is_right_only_with_the_bytes_of_the_source() {
    let commit = |n: u8| {
        let parents = vec![ObjectId::from_bytes([n; 20])];
        objects::CommitText { parents, ..crate::support::side::commit_of(LIBRARY) }.encode(objects::Writer::C)
    };
    let ((id, own), (_, other)) = (commit(1), commit(2));
    let key = ObjectKey::new(LIBRARY, id);
    let at = |data: Option<&Bytes>| holding(&key, data.map(|data| &data[..]));
    let (source, destination) = (at(Some(&own)), at(Some(&other)));
    let object = written(mend_of(ObjectKind::Commits, &key, &[&source], &destination));
    assert!(object.was.contains("does not cover"), "{}", object.was);
    assert_eq!(destination.inner.read(&key).unwrap(), own);
    assert!(matches!(mend_of(ObjectKind::Commits, &key, &[&source], &destination), Ok(Mended::Right)));
    // With nothing to compare it with, its id is all there is.
    assert!(matches!(mend_of(ObjectKind::Commits, &key, &[&at(None)], &destination), Ok(Mended::Right)));
}
