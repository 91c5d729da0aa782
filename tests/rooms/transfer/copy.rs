//! Copying one object: the bytes that are read are written, nothing is said of an object on the word of one answer, and
//! each outcome has a name.

use bytes::Bytes;
use seaf_migrate::conf::backend::Location;
use seaf_migrate::content::{Damage, sha1_of};
use seaf_migrate::flow::Budget;
use seaf_migrate::object::{LibraryId, ObjectKey, ObjectKind};
use seaf_migrate::store::backend::memory::MemoryStore;
use seaf_migrate::store::pieces::PIECE_MAX;
use seaf_migrate::store::{ErrorKind, Listed, Page, Part, Piece, ReadStore, Reading, StoreError, WriteStore};
use seaf_migrate::transfer::copy::{Copier, CopyOutcome};

use crate::support::faulty::{Action, Faulty};

const DATA: &[u8] = b"a block of some file";

fn key_of(data: &[u8]) -> ObjectKey {
    ObjectKey::new(LibraryId::from_bytes([1; 16]), sha1_of(data))
}

fn memory(name: &str) -> MemoryStore {
    MemoryStore::new(ObjectKind::Blocks, name)
}

/// A source that holds `data` under `key`.
fn source(key: &ObjectKey, data: &'static [u8]) -> MemoryStore {
    let store = memory("source");
    store.write(key, Bytes::from_static(data)).unwrap();
    store
}

fn copy(source: &dyn ReadStore, destination: &dyn WriteStore, key: ObjectKey, size: Option<u64>) -> CopyOutcome {
    let budget = Budget::new(64);
    let outcome = Copier { kind: ObjectKind::Blocks, source, destination, budget: &budget }.copy(&Listed { key, size });
    // Afterwards the whole budget is free again, whatever the outcome: a share of all of it is given.
    drop(budget.acquire(64));
    outcome
}

#[test]
fn a_good_object_arrives_as_it_is() {
    let (key, destination) = (key_of(DATA), memory("destination"));
    let outcome = copy(&source(&key, DATA), &destination, key, Some(DATA.len() as u64));
    assert!(matches!(outcome, CopyOutcome::Copied { size, damage: None, .. } if size == DATA.len() as u64));
    assert_eq!(destination.read(&key).unwrap(), DATA);
}

#[test]
fn a_wrong_id_is_reported_and_the_bytes_are_copied_all_the_same() {
    let (key, destination) = (key_of(b"something else"), memory("destination"));
    let outcome = copy(&source(&key, DATA), &destination, key, None);
    let expected = Damage::WrongId { found: sha1_of(DATA) };
    assert!(matches!(outcome, CopyOutcome::Copied { damage: Some(damage), .. } if damage == expected));
    assert_eq!(destination.read(&key).unwrap(), DATA);
}

#[test]
fn an_empty_object_is_damage_and_is_copied() {
    let (key, destination) = (key_of(DATA), memory("destination"));
    let outcome = copy(&source(&key, b""), &destination, key, Some(0));
    assert!(matches!(outcome, CopyOutcome::Copied { size: 0, damage: Some(Damage::Empty), .. }));
    assert_eq!(destination.read(&key).unwrap(), "");
}

#[test]
fn an_object_that_is_gone_has_vanished_and_did_not_fail() {
    let outcome = copy(&memory("source"), &memory("destination"), key_of(DATA), Some(3));
    assert!(matches!(outcome, CopyOutcome::Vanished));
}

#[test]
fn an_object_that_cannot_be_read_fails_and_nothing_is_written() {
    let (key, destination) = (key_of(DATA), memory("destination"));
    let unreadable = Faulty::new(source(&key, DATA)).fail_always(Action::Read, ErrorKind::Unreadable);
    let outcome = copy(&unreadable, &destination, key, Some(3));
    assert!(
        matches!(outcome, CopyOutcome::Failed(error) if error.action() == "read" && error.kind() == ErrorKind::Unreadable)
    );
    assert_eq!(destination.read(&key).unwrap_err().kind(), ErrorKind::NotFound);
}

#[test]
fn an_object_that_cannot_be_written_fails_with_what_the_destination_said() {
    let key = key_of(DATA);
    let full = Faulty::new(memory("destination")).fail_always(Action::Write, ErrorKind::NoSpace);
    let outcome = copy(&source(&key, DATA), &full, key, Some(3));
    assert!(
        matches!(outcome, CopyOutcome::Failed(error) if error.action() == "write" && error.kind() == ErrorKind::NoSpace)
    );
}

#[test]
fn an_object_larger_than_the_whole_budget_is_copied() {
    const LARGE: &[u8] = &[7; 1000];
    let (key, destination) = (key_of(LARGE), memory("destination"));
    let outcome = copy(&source(&key, LARGE), &destination, key, Some(1000));
    assert!(matches!(outcome, CopyOutcome::Copied { size: 1000, damage: None, .. }));
}

/// What is left at a destination that holds `there`, after a source that holds `bad` in the object's place was copied.
fn kept(bad: &'static [u8], there: &'static [u8]) -> (CopyOutcome, Bytes) {
    let key = key_of(DATA);
    let destination = memory("destination");
    destination.write(&key, Bytes::from_static(there)).unwrap();
    let outcome = copy(&source(&key, bad), &destination, key, Some(bad.len() as u64));
    (outcome, destination.read(&key).unwrap())
}

#[test]
fn a_wrong_answer_that_a_second_one_corrects_is_never_written_and_is_told() {
    let (key, size) = (key_of(DATA), Some(DATA.len() as u64));
    let zeros = [0; DATA.len()];
    let answers: [(&[u8], &str); 4] = [
        (&zeros, "content has the id"),
        (&DATA[..7], "7 bytes came of an object that is listed with 20"),
        (b"<html>back soon</html>", "22 bytes came of an object that is listed with 20"),
        (b"", "0 bytes came of an object that is listed with 20, empty"),
    ];
    for (answer, told) in answers {
        let (source, destination) = (Faulty::new(source(&key, DATA)).answer_nth_read(1, answer), memory("destination"));
        match copy(&source, &destination, key, size) {
            CopyOutcome::Copied { damage: None, wrong_once: Some(first), .. } => {
                assert!(first.starts_with(told), "{first}")
            }
            other => panic!("{told}: {other:?}"),
        }
        assert_eq!((destination.read(&key).unwrap(), source.reads()), (Bytes::from_static(DATA), 2));
    }
    let late = Faulty::new(source(&key, DATA)).fail_nth(Action::Read, 1, ErrorKind::NotFound);
    let outcome = copy(&late, &memory("destination"), key, size);
    assert!(matches!(outcome, CopyOutcome::Copied { wrong_once: Some(_), .. }), "{outcome:?}");
}

#[test]
fn a_good_object_is_read_once() {
    let key = key_of(DATA);
    for size in [Some(DATA.len() as u64), None] {
        let source = Faulty::new(source(&key, DATA));
        assert!(matches!(
            copy(&source, &memory("destination"), key, size),
            CopyOutcome::Copied { wrong_once: None, .. }
        ));
        assert_eq!(source.calls(), 1);
    }
}

#[test]
fn a_listing_that_is_out_of_date_is_no_fault_of_an_object_whose_id_is_right() {
    let (key, source) = (key_of(DATA), Faulty::new(source(&key_of(DATA), DATA)));
    let outcome = copy(&source, &memory("destination"), key, Some(3));
    assert!(matches!(outcome, CopyOutcome::Copied { size: 20, damage: None, wrong_once: None, .. }), "{outcome:?}");
    assert_eq!(source.reads(), 2);
}

#[test]
fn an_object_that_the_source_lists_and_says_is_not_there_has_failed_and_not_vanished() {
    let (key, destination) = (key_of(DATA), memory("destination"));
    let source = Faulty::new(memory("source")).listing_what_is_gone(key, 3);
    match copy(&source, &destination, key, Some(3)) {
        CopyOutcome::Failed(error) => {
            assert_eq!(
                (error.kind(), error.cause()),
                (ErrorKind::Contradiction, "the store lists it and says that it is not there")
            );
        }
        other => panic!("{other:?}"),
    }
    // A source that does not say whether it lists it proves nothing either.
    let silent = Faulty::new(memory("source")).fail_always(Action::List, ErrorKind::Timeout);
    assert!(
        matches!(copy(&silent, &destination, key, Some(3)), CopyOutcome::Failed(error) if error.kind() == ErrorKind::Timeout)
    );
}

#[test]
fn wrong_bytes_that_are_others_each_time_are_a_failure_and_no_damage_and_are_not_written() {
    let (key, destination) = (key_of(DATA), memory("destination"));
    let source = Faulty::new(source(&key, DATA)).answer_nth_read(1, b"these bytes").answer_nth_read(2, b"those bytes");
    match copy(&source, &destination, key, Some(11)) {
        CopyOutcome::Failed(error) => assert_eq!(error.kind(), ErrorKind::Contradiction, "{error}"),
        other => panic!("{other:?}"),
    }
    assert_eq!(destination.read(&key).unwrap_err().kind(), ErrorKind::NotFound);
}

#[test]
fn known_damage_never_replaces_the_right_bytes_whatever_its_length() {
    for bad in [&b"a block of Some file"[..], b"a block", b"a block of some file, and more", b""] {
        let (outcome, there) = kept(bad, DATA);
        assert!(matches!(outcome, CopyOutcome::KeptAtDestination(_)), "{bad:?}: {outcome:?}");
        assert_eq!(there, DATA, "{bad:?}");
    }
    // What has not the right id either is replaced, so that both sides are the same.
    let (outcome, there) = kept(b"a block of Some file", b"a block of");
    assert!(matches!(outcome, CopyOutcome::Copied { damage: Some(_), .. }), "{outcome:?}");
    assert_eq!(there, "a block of Some file");
}

#[test]
fn damage_is_not_written_where_the_destination_does_not_say_what_it_holds() {
    let (key, bad) = (key_of(DATA), b"a block of Some file");
    let there = memory("destination");
    there.write(&key, Bytes::from_static(DATA)).unwrap();
    let silent = Faulty::new(there).fail_always(Action::Read, ErrorKind::Timeout);
    let outcome = copy(&source(&key, bad), &silent, key, Some(20));
    assert!(matches!(&outcome, CopyOutcome::Failed(error) if error.kind() == ErrorKind::Timeout), "{outcome:?}");
    // It lists the object and says that it is not there.
    let torn = Faulty::new(silent.inner).fail_always(Action::Read, ErrorKind::NotFound);
    let outcome = copy(&source(&key, bad), &torn, key, Some(20));
    assert!(matches!(&outcome, CopyOutcome::Failed(error) if error.kind() == ErrorKind::Contradiction), "{outcome:?}");
    assert_eq!(torn.inner.read(&key).unwrap(), DATA);
    // One wrong answer of the destination is not its damage.
    let once = Faulty::new(torn.inner).answer_nth_read(1, b"a page of a proxy");
    assert!(matches!(copy(&source(&key, bad), &once, key, Some(20)), CopyOutcome::KeptAtDestination(_)));
    assert_eq!(once.inner.read(&key).unwrap(), DATA);
}

// ---- large blocks, which go in pieces

/// Three pieces and a bit, and the key of these bytes.
fn large() -> (ObjectKey, Bytes) {
    let mut data = vec![0; 3 * PIECE_MAX + 5];
    fastrand::Rng::with_seed(3).fill(&mut data);
    (key_of(&data), data.into())
}

fn in_pieces(key: &ObjectKey, data: &Bytes) -> Faulty<MemoryStore> {
    let store = memory("source");
    store.write(key, data.clone()).unwrap();
    Faulty::new(store).in_pieces()
}

fn flipped(data: &Bytes) -> Bytes {
    let mut data = data.to_vec();
    *data.last_mut().unwrap() ^= 1;
    data.into()
}

#[test]
fn a_large_block_is_copied_without_being_read_whole() {
    let (key, data) = large();
    for size in [Some(data.len() as u64), None] {
        let (source, destination) = (in_pieces(&key, &data), memory("destination"));
        let outcome = copy(&source, &destination, key, size);
        assert!(
            matches!(outcome, CopyOutcome::Copied { size, damage: None, wrong_once: None, .. } if size == data.len() as u64)
        );
        assert!(destination.read(&key).unwrap() == data);
        assert_eq!(source.reads(), 0, "it was read whole");
    }
}

#[test]
fn a_large_block_is_copied_whole_where_one_of_the_stores_does_it_no_other_way() {
    let (key, data) = large();
    let (given, taken) = (in_pieces(&key, &data), memory("destination"));
    let only_whole = Faulty::new(memory("destination"));
    assert!(matches!(copy(&given, &only_whole, key, None), CopyOutcome::Copied { wrong_once: None, .. }));
    assert!(only_whole.inner.read(&key).unwrap() == data && given.reads() == 1);
    let outcome = copy(&Faulty::new(given.inner), &taken, key, Some(data.len() as u64));
    assert!(matches!(outcome, CopyOutcome::Copied { wrong_once: None, .. }), "{outcome:?}");
    assert!(taken.read(&key).unwrap() == data);
}

#[test]
fn a_large_block_with_a_wrong_id_is_settled_by_reading_it_whole_twice() {
    let (key, data) = large();
    let (bad, size) = (flipped(&data), Some(data.len() as u64));
    let (source, destination) = (in_pieces(&key, &bad), memory("destination"));
    let outcome = copy(&source, &destination, key, size);
    assert!(matches!(outcome, CopyOutcome::Copied { damage: Some(Damage::WrongId { .. }), .. }), "{outcome:?}");
    assert!(destination.read(&key).unwrap() == bad && source.reads() == 2);
    // The right bytes that are there stay.
    destination.write(&key, data.clone()).unwrap();
    assert!(matches!(copy(&source, &destination, key, size), CopyOutcome::KeptAtDestination(_)));
    assert!(destination.read(&key).unwrap() == data);
}

#[test]
fn a_large_block_that_was_wrong_in_pieces_and_right_as_a_whole_is_copied_and_told() {
    let (key, data) = large();
    let source = Pieced { whole: data.clone(), pieces: flipped(&data), location: memory("source") };
    let destination = memory("destination");
    match copy(&source, &destination, key, Some(data.len() as u64)) {
        CopyOutcome::Copied { damage: None, wrong_once: Some(told), .. } => {
            assert!(told.contains("has the id"), "{told}")
        }
        other => panic!("{other:?}"),
    }
    assert!(destination.read(&key).unwrap() == data);
}

#[test]
fn a_large_block_of_which_a_piece_cannot_be_had_fails_with_what_the_source_said_and_nothing_is_written() {
    let (key, data) = large();
    for kind in [ErrorKind::Unreadable, ErrorKind::Gone, ErrorKind::Interrupted] {
        let (source, destination) = (in_pieces(&key, &data).fail_nth(Action::Read, 5, kind), memory("destination"));
        match copy(&source, &destination, key, Some(data.len() as u64)) {
            CopyOutcome::Failed(error) => assert_eq!((error.kind(), error.action()), (kind, "read")),
            other => panic!("{other:?}"),
        }
        assert_eq!(destination.read(&key).unwrap_err().kind(), ErrorKind::NotFound);
    }
    let full = Faulty::new(memory("destination")).in_pieces().fail_always(Action::Write, ErrorKind::NoSpace);
    match copy(&in_pieces(&key, &data), &full, key, None) {
        CopyOutcome::Failed(error) => assert_eq!((error.kind(), error.action()), (ErrorKind::NoSpace, "write")),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_large_block_that_is_gone_has_vanished_also_in_the_middle() {
    let (key, data) = large();
    let empty = Faulty::new(memory("source")).in_pieces();
    assert!(matches!(copy(&empty, &memory("destination"), key, Some(9 << 20)), CopyOutcome::Vanished));
    let source = in_pieces(&key, &data)
        .fail_calls(Action::Read, 3, u64::MAX, ErrorKind::NotFound)
        .vanishing_after_the_listing(key);
    assert!(matches!(copy(&source, &memory("destination"), key, None), CopyOutcome::Vanished));
}

/// A store whose pieces are of other bytes than the whole.
#[derive(Debug)]
struct Pieced {
    whole: Bytes,
    pieces: Bytes,
    location: MemoryStore,
}

impl ReadStore for Pieced {
    fn location(&self) -> &Location {
        self.location.location()
    }

    fn list(&self, part: &Part) -> Result<Page, StoreError> {
        self.location.list(part)
    }

    fn read(&self, _: &ObjectKey) -> Result<Bytes, StoreError> {
        Ok(self.whole.clone())
    }

    fn read_piece(&self, _: &ObjectKey, at: u64, _: Reading) -> Result<Option<Piece>, StoreError> {
        let at = usize::try_from(at).unwrap();
        let data = self.pieces.slice(at..self.pieces.len().min(at + PIECE_MAX));
        Ok(Some(Piece { data, size: self.pieces.len() as u64 }))
    }

    fn size(&self, _: &ObjectKey) -> Result<u64, StoreError> {
        Ok(self.whole.len() as u64)
    }
}
