//! Copying one object: the bytes that are read are written, and each outcome has a name.

use bytes::Bytes;
use seaf_migrate::content::{Damage, sha1_of};
use seaf_migrate::flow::Budget;
use seaf_migrate::object::{LibraryId, ObjectKey, ObjectKind};
use seaf_migrate::store::backend::memory::MemoryStore;
use seaf_migrate::store::{ErrorKind, Listed, ReadStore, WriteStore};
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
