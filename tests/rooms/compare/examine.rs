//! The comparison of one object in both stores, for each answer that a store can give.

use std::sync::Arc;

use bytes::Bytes;
use seaf_migrate::compare::{Comparison, Examined, Examiner, Fault, Object};
use seaf_migrate::content::Damage;
use seaf_migrate::flow::Budget;
use seaf_migrate::index::IndexEntry;
use seaf_migrate::metrics::findings::UNNAMED_CLASS;
use seaf_migrate::object::{LibraryId, ObjectId, ObjectKey, ObjectKind};
use seaf_migrate::store::backend::memory::MemoryStore;
use seaf_migrate::store::pieces::PIECE_MAX;
use seaf_migrate::store::{ErrorKind, ReadStore, WriteStore};

use crate::support::faulty::{Action, Faulty};
use crate::support::library::objects;

type Side = Faulty<MemoryStore>;

fn side(data: Option<&[u8]>, key: &ObjectKey) -> Side {
    let store = MemoryStore::new(ObjectKind::Blocks, "side");
    if let Some(data) = data {
        store.write(key, Bytes::copy_from_slice(data)).unwrap();
    }
    Faulty::new(store)
}

fn block(data: &[u8]) -> ObjectKey {
    ObjectKey::new(LibraryId::from_bytes([7; 16]), objects::sha1(data))
}

fn look(from: &Side, to: &Side, object: &Object) -> Examined {
    let budget = Budget::new(1 << 20);
    Examiner { kind: ObjectKind::Blocks, from, to: Some(to), budget: &budget }.examine(object)
}

fn finding(examined: &Examined) -> (Fault, &str) {
    match &examined.outcome {
        Comparison::Finding(fault, cause) => (*fault, cause),
        other => panic!("{other:?}"),
    }
}

const DATA: &[u8] = b"the bytes of a block";

/// What wrong answers were told of, and whether the object was found good in spite of them.
fn corrected(examined: &Examined) -> &[String] {
    assert!(matches!(examined.outcome, Comparison::Good), "{examined:?}");
    &examined.wrong_once
}

/// An object that both listings had, with sizes.
fn listed(key: ObjectKey, content: bool) -> Object {
    let size = Some(DATA.len() as u64);
    Object { key, from: size, to: Some(IndexEntry { size }), content }
}

#[test]
fn a_good_object_is_read_once_and_the_source_left_alone() {
    let key = block(DATA);
    let (from, to) = (side(Some(DATA), &key), side(Some(DATA), &key));
    for from_size in [Some(DATA.len() as u64), None] {
        let examined = look(&from, &to, &Object { from: from_size, ..listed(key, true) });
        assert!(matches!(examined.outcome, Comparison::Good));
        assert_eq!(examined.read, Some(DATA.len() as u64));
    }
    assert_eq!((from.calls(), to.calls()), (0, 2));
}

#[test]
fn sizes_that_no_listing_gives_are_asked_for() {
    let key = block(DATA);
    let (from, to) = (side(Some(DATA), &key), side(Some(DATA), &key));
    let unknown = Object { from: None, to: Some(IndexEntry { size: None }), ..listed(key, false) };
    assert!(matches!(look(&from, &to, &unknown).outcome, Comparison::Good));
    assert_eq!((from.calls(), to.calls()), (1, 1));
    let shorter = side(Some(&DATA[1..]), &key);
    assert_eq!(
        finding(&look(&from, &shorter, &unknown)),
        (Fault::Shorter, "19 bytes at the destination, 20 in the source")
    );
    let longer = side(Some(&[DATA, DATA].concat()), &key);
    assert_eq!(finding(&look(&from, &longer, &unknown)).0, Fault::Longer);
}

#[test]
fn a_listing_that_is_out_of_date_accuses_nobody() {
    let key = block(DATA);
    let (from, to) = (side(Some(DATA), &key), side(Some(DATA), &key));
    // Not listed at the destination, and copied since.
    assert!(matches!(look(&from, &to, &Object { to: None, ..listed(key, false) }).outcome, Comparison::Good));
    // Listed with another size, and copied anew since.
    let other = Object { to: Some(IndexEntry { size: Some(3) }), ..listed(key, false) };
    assert!(matches!(look(&from, &to, &other).outcome, Comparison::Good));
    // The source's listing was out of date.
    let other = Object { from: Some(3), ..listed(key, false) };
    assert!(matches!(look(&from, &to, &other).outcome, Comparison::Good));
}

#[test]
fn what_is_gone_on_both_sides_has_vanished_and_what_the_source_has_is_missing() {
    let key = block(DATA);
    let (there, gone) = (side(Some(DATA), &key), side(None, &key));
    for content in [false, true] {
        let object = Object { to: None, ..listed(key, content) };
        assert!(matches!(look(&gone, &gone, &object).outcome, Comparison::Vanished));
        assert_eq!(finding(&look(&there, &gone, &object)).0, Fault::Missing);
        // Listed and then lost.
        assert_eq!(finding(&look(&there, &gone, &listed(key, true))).0, Fault::Missing);
        // The source has it and cannot read it: missing all the same.
        let unreadable = side(Some(DATA), &key).fail_always(Action::Size, ErrorKind::Unreadable);
        assert_eq!(finding(&look(&unreadable, &gone, &object)).0, Fault::Missing);
    }
    let budget = Budget::new(1 << 20);
    let nowhere = Examiner { kind: ObjectKind::Blocks, from: &there, to: None, budget: &budget };
    assert_eq!(finding(&nowhere.examine(&listed(key, true))).0, Fault::Missing);
}

#[test]
fn damage_is_the_sources_when_its_bytes_are_the_same() {
    let key = block(DATA);
    let mut bad = DATA.to_vec();
    bad[3] ^= 1;
    let (good, damaged) = (side(Some(DATA), &key), side(Some(&bad), &key));
    let object = listed(key, true);
    match look(&damaged, &damaged, &object).outcome {
        Comparison::SourceDamage(Damage::WrongId { found }) => assert_eq!(found, objects::sha1(&bad)),
        other => panic!("{other:?}"),
    }
    let examined = look(&good, &damaged, &object);
    let (fault, cause) = finding(&examined);
    assert!(fault == Fault::Damaged && cause.ends_with("the source's bytes are good"), "{cause}");
    bad[4] ^= 1;
    let examined = look(&side(Some(&bad), &key), &damaged, &object);
    let (fault, cause) = finding(&examined);
    assert!(fault == Fault::Damaged && cause.contains("differ and are damaged as well"), "{cause}");
    let examined = look(&side(None, &key), &damaged, &object);
    let (fault, cause) = finding(&examined);
    assert!(fault == Fault::Damaged && cause.contains("the source no longer has"), "{cause}");
    // Without reading the content it cannot be known.
    assert!(matches!(look(&good, &damaged, &Object { from: None, ..listed(key, false) }).outcome, Comparison::Good));
}

#[test]
fn the_empty_object_is_damaged_and_a_size_is_said_with_the_damage() {
    let key = block(DATA);
    let (good, empty) = (side(Some(DATA), &key), side(Some(b""), &key));
    let examined = look(&good, &empty, &listed(key, true));
    assert_eq!(finding(&examined), (Fault::Shorter, "0 bytes at the destination, 20 in the source; empty"));
    let both = look(&empty, &empty, &Object { from: Some(0), ..listed(key, true) });
    assert!(matches!(both.outcome, Comparison::SourceDamage(Damage::Empty)), "{both:?}");
}

#[test]
fn an_object_that_cannot_be_read_is_a_finding_and_a_store_that_does_not_answer_is_none() {
    let key = block(DATA);
    let whole = || side(Some(DATA), &key);
    for (kind, is_finding) in [
        (ErrorKind::Unreadable, true),
        (ErrorKind::Protocol, true),
        (ErrorKind::Timeout, false),
        (ErrorKind::Unavailable, false),
        (ErrorKind::Denied, false),
        (ErrorKind::Interrupted, false),
    ] {
        let examined = look(&whole(), &whole().fail_always(Action::Read, kind), &listed(key, true));
        match &examined.outcome {
            Comparison::Finding(Fault::Unreadable, cause) if is_finding => {
                assert!(cause.contains("the destination cannot read it"), "{cause}")
            }
            Comparison::Unchecked(error) if !is_finding => assert_eq!(error.kind(), kind),
            other => panic!("{kind:?}: {other:?}"),
        }
        // The source is asked for a size that its listing did not give.
        let unsized_object = Object { from: None, ..listed(key, false) };
        let examined = look(&whole().fail_always(Action::Size, kind), &whole(), &unsized_object);
        assert_eq!(matches!(examined.outcome, Comparison::Finding(Fault::Unreadable, _)), is_finding, "{kind:?}");
        assert_eq!(matches!(examined.outcome, Comparison::Unchecked(_)), !is_finding, "{kind:?}");
    }
}

#[test]
fn an_object_in_an_archive_is_unreadable_and_its_class_is_kept_for_who_tells_it() {
    let key = block(DATA);
    let archived = || side(Some(DATA), &key).fail_always(Action::Read, ErrorKind::Archived);
    let Comparison::Archived { class, cause } = look(&side(Some(DATA), &key), &archived(), &listed(key, true)).outcome
    else {
        panic!("it can be read only once it is restored")
    };
    assert_eq!(class.as_deref(), Some(UNNAMED_CLASS));
    assert!(cause.contains("the destination cannot read it"), "{cause}");
    // Its size is told, so that nothing is missed where nothing is read.
    assert!(matches!(look(&side(Some(DATA), &key), &archived(), &listed(key, false)).outcome, Comparison::Good));
}

#[test]
fn missing_is_said_only_when_the_source_answers() {
    let key = block(DATA);
    let gone = side(None, &key);
    let silent = side(Some(DATA), &key).fail_always(Action::Size, ErrorKind::Connection);
    assert!(matches!(look(&silent, &gone, &listed(key, true)).outcome, Comparison::Unchecked(_)));
}

#[test]
fn many_at_once_share_a_small_budget_without_waiting_for_each_other() {
    let key = block(DATA);
    let mut bad = DATA.to_vec();
    bad[0] ^= 1;
    let (good, damaged) = (side(Some(DATA), &key), Arc::new(side(Some(&bad), &key)));
    // Room for a single object: a caller that held one share while it asked for another would wait for ever.
    let budget = Budget::new(DATA.len() as u64);
    let to: &dyn ReadStore = &*damaged;
    let examiner = Examiner { kind: ObjectKind::Blocks, from: &good, to: Some(to), budget: &budget };
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                (0..50).for_each(|_| assert_eq!(finding(&examiner.examine(&listed(key, true))).0, Fault::Damaged))
            });
        }
    });
}

#[test]
fn each_kind_is_judged_by_its_own_format() {
    let id = ObjectId::from_bytes([1; 20]);
    let (file, data) = objects::file(1, 1000, &[id]);
    let (legacy, binary) = objects::file(0, 1000, &[id]);
    let budget = Budget::new(1 << 20);
    for (id, data) in [(file, data), (legacy, binary)] {
        let key = ObjectKey::new(LibraryId::from_bytes([7; 16]), id);
        let store = MemoryStore::new(ObjectKind::Fs, "fs");
        store.write(&key, data.clone()).unwrap();
        let size = Some(data.len() as u64);
        let object = Object { key, from: size, to: Some(IndexEntry { size }), content: true };
        let outcome =
            |kind| Examiner { kind, from: &store, to: Some(&store), budget: &budget }.examine(&object).outcome;
        assert!(matches!(outcome(ObjectKind::Fs), Comparison::Good));
        assert!(matches!(outcome(ObjectKind::Blocks), Comparison::SourceDamage(_)));
        assert!(matches!(outcome(ObjectKind::Commits), Comparison::SourceDamage(_)));
    }
}

#[test]
fn a_commit_with_another_parent_has_its_id_and_not_the_sources_bytes() {
    let library = LibraryId::from_bytes([7; 16]);
    let parent = |n: u8| vec![ObjectId::from_bytes([n; 20])];
    let commit = |n: u8| {
        objects::CommitText { parents: parent(n), ..crate::support::side::commit_of(library) }
            .encode(objects::Writer::C)
    };
    let ((id, data), (same_id, other)) = (commit(1), commit(2));
    assert!(id == same_id && data != other && data.len() == other.len());
    let key = ObjectKey::new(library, id);
    let (from, to, empty) = (side(Some(&data), &key), side(Some(&other), &key), side(None, &key));
    let (budget, size) = (Budget::new(1 << 20), Some(data.len() as u64));
    let object = Object { key, from: size, to: Some(IndexEntry { size }), content: true };
    let examine = |from: &Side, to: &Side| {
        Examiner { kind: ObjectKind::Commits, from, to: Some(to), budget: &budget }.examine(&object)
    };
    let examined = examine(&from, &to);
    let (fault, cause) = finding(&examined);
    assert!(fault == Fault::Damaged && cause.contains("its bytes are not the source's, though its id fits"), "{cause}");
    assert!(matches!(examine(&from, &from).outcome, Comparison::Good));
    // The source collected it meanwhile: its id fits, and there is nothing to compare with.
    assert!(matches!(examine(&empty, &to).outcome, Comparison::Good));
    let silent = side(Some(&data), &key).fail_always(Action::Read, ErrorKind::Timeout);
    assert!(matches!(examine(&silent, &to).outcome, Comparison::Unchecked(_)));
}

#[test]
fn one_wrong_answer_of_the_destination_accuses_nobody_and_is_told() {
    let key = block(DATA);
    let from = side(Some(DATA), &key);
    for answer in [&[0; DATA.len()][..], b"half", b"<html>back soon</html>"] {
        let to = side(Some(DATA), &key).answer_nth_read(1, answer);
        let examined = look(&from, &to, &listed(key, true));
        let told = corrected(&examined);
        assert!(told.len() == 1 && told[0].starts_with("the destination: "), "{told:?}");
        assert_eq!(examined.read, Some(DATA.len() as u64));
    }
    for action in [Action::Read, Action::Size] {
        let to = side(Some(DATA), &key).fail_nth(action, 1, ErrorKind::NotFound);
        assert_eq!(corrected(&look(&from, &to, &listed(key, true))).len(), usize::from(action == Action::Read));
    }
}

#[test]
fn one_wrong_answer_of_the_source_does_not_make_damage_of_the_destination_the_sources() {
    let key = block(DATA);
    let zeros = [0; DATA.len()];
    // The same wrong bytes on both sides at first, as a proxy in front of both gives them.
    let from = side(Some(DATA), &key).answer_nth_read(1, &zeros);
    let to = side(Some(DATA), &key).answer_nth_read(1, &zeros);
    assert_eq!(corrected(&look(&from, &to, &listed(key, true))).len(), 1);
    let damaged = side(Some(&zeros), &key);
    let examined = look(&from, &damaged, &listed(key, true));
    assert!(finding(&examined).0 == Fault::Damaged && finding(&examined).1.ends_with("the source's bytes are good"));
    assert_eq!(examined.wrong_once.len(), 1);
    assert!(examined.wrong_once[0].starts_with("the source: "), "{examined:?}");
}

#[test]
fn bytes_that_are_wrong_in_another_way_each_time_cannot_be_read_and_are_no_damage() {
    let key = block(DATA);
    let (good, bad) = (|| side(Some(DATA), &key), side(Some(b"the bytes of a bl0ck"), &key));
    let torn = || good().answer_nth_read(1, b"these are wrong byte").answer_nth_read(2, b"those are wrong byte");
    let examined = look(&good(), &torn(), &listed(key, true));
    assert!(finding(&examined).0 == Fault::Unreadable && finding(&examined).1.contains("two reads gave different"));
    let examined = look(&torn(), &bad, &listed(key, true));
    assert_eq!(finding(&examined).0, Fault::Unreadable, "{examined:?}");
}

#[test]
fn what_a_side_lists_and_does_not_give_has_not_vanished() {
    let key = block(DATA);
    let size = DATA.len() as u64;
    let gone = side(None, &key);
    let torn = side(None, &key).listing_what_is_gone(key, size);
    for content in [false, true] {
        let object = Object { to: None, ..listed(key, content) };
        let examined = look(&torn, &gone, &object);
        let (fault, cause) = finding(&examined);
        assert_eq!(
            (fault, cause),
            (Fault::Missing, "not at the destination; of the source: the store lists it and says that it is not there")
        );
    }
    // The destination lists it and does not give it.
    let examined = look(&side(Some(DATA), &key), &torn, &listed(key, true));
    assert!(
        finding(&examined).0 == Fault::Unreadable
            && finding(&examined).1.contains("lists it and says that it is not there")
    );
    let silent = side(None, &key).fail_always(Action::List, ErrorKind::Timeout);
    assert!(matches!(look(&silent, &gone, &listed(key, true)).outcome, Comparison::Unchecked(_)));
}

#[test]
fn damage_in_the_source_is_the_sources_when_the_destination_has_the_right_bytes_of_another_length() {
    let key = block(DATA);
    let (cut, good) = (side(Some(&DATA[..7]), &key), side(Some(DATA), &key));
    let object = Object { from: Some(7), ..listed(key, true) };
    assert!(matches!(look(&cut, &good, &object).outcome, Comparison::SourceDamage(_)));
    // By sizes alone nobody knows which side is right.
    assert_eq!(finding(&look(&cut, &good, &Object { content: false, ..object })).0, Fault::Longer);
}

#[test]
fn one_wrong_read_of_a_commit_in_what_its_id_does_not_cover_accuses_nobody() {
    let library = LibraryId::from_bytes([7; 16]);
    let commit = |n: u8| {
        let parents = vec![ObjectId::from_bytes([n; 20])];
        objects::CommitText { parents, ..crate::support::side::commit_of(library) }.encode(objects::Writer::C)
    };
    let ((id, data), (_, other)) = (commit(1), commit(2));
    let (key, budget, size) = (ObjectKey::new(library, id), Budget::new(1 << 20), Some(data.len() as u64));
    let object = Object { key, from: size, to: Some(IndexEntry { size }), content: true };
    for (from_lies, to_lies) in [(true, false), (false, true)] {
        let lying =
            |lies| if lies { side(Some(&data), &key).answer_nth_read(1, &other) } else { side(Some(&data), &key) };
        let (from, to) = (lying(from_lies), lying(to_lies));
        let examined =
            Examiner { kind: ObjectKind::Commits, from: &from, to: Some(&to), budget: &budget }.examine(&object);
        assert!(corrected(&examined)[0].starts_with(if from_lies { "the source: " } else { "the destination: " }));
    }
}

#[test]
fn a_large_block_is_read_in_pieces_and_whole_only_where_it_is_not_good() {
    let data = vec![7; 3 * PIECE_MAX];
    let (key, size) = (block(&data), Some(data.len() as u64));
    let object = Object { key, from: size, to: Some(IndexEntry { size }), content: true };
    let (from, to) = (side(Some(&data), &key).in_pieces(), side(Some(&data), &key).in_pieces());
    let examined = look(&from, &to, &object);
    assert!(matches!(examined.outcome, Comparison::Good), "{examined:?}");
    assert_eq!((examined.read, to.reads(), from.calls()), (size, 0, 0));
    let mut bad = data.clone();
    *bad.last_mut().unwrap() = 8;
    let damaged = side(Some(&bad), &key).in_pieces();
    assert_eq!(finding(&look(&from, &damaged, &object)).0, Fault::Damaged);
    assert_eq!((damaged.reads(), from.reads()), (2, 0));
    // Damaged alike on both sides, it is no fault of the migration.
    let alike = look(&side(Some(&bad), &key).in_pieces(), &damaged, &object);
    assert!(matches!(alike.outcome, Comparison::SourceDamage(_)), "{alike:?}");
}
