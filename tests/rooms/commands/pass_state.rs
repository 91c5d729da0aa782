//! How a pass ends: which failure ends it, which ending wins, and that success is only claimed when the numbers agree.

use std::sync::atomic::Ordering;

use seaf_migrate::commands::common::state::PassState;
use seaf_migrate::content::Damage;
use seaf_migrate::flow::breaker::CircuitBreaker;
use seaf_migrate::object::{LibraryId, ObjectId, ObjectKey, ObjectKind};
use seaf_migrate::report::Ending;
use seaf_migrate::store::{ErrorKind, Listed, StoreError};
use seaf_migrate::sys::shutdown::{Shutdown, ShutdownReason};

const KIND: ObjectKind = ObjectKind::Blocks;

fn key(number: u8) -> ObjectKey {
    ObjectKey::new(LibraryId::from_bytes([number % 3; 16]), ObjectId::from_bytes([number; 20]))
}

fn error(kind: ErrorKind) -> StoreError {
    StoreError::new(kind, "write", key(1).to_string(), "made to fail")
}

fn listed(numbers: std::ops::Range<u8>) -> Vec<Listed> {
    numbers.map(|number| Listed { key: key(number), size: Some(10) }).collect()
}

/// A pass that has listed everything and found `to_copy` blocks to copy.
fn listed_pass(to_copy: u8) -> PassState {
    let state = PassState::default();
    for kind in ObjectKind::ALL {
        state.counters.kind(kind).source_listed.store(true, Ordering::SeqCst);
    }
    state.count_listed(KIND, &listed(0..to_copy + 5), &listed(0..to_copy));
    state
}

#[test]
fn a_pass_is_complete_when_everything_was_copied_or_has_vanished() {
    let (state, stop) = (listed_pass(10), Shutdown::new());
    let numbers = state.counters.kind(KIND);
    numbers.copied.add(7);
    assert_eq!(state.ending(false, &stop), Ending::Failures, "three objects went nowhere");
    numbers.vanished.add(3);
    assert_eq!(state.ending(false, &stop), Ending::Complete);
    numbers.copied.add(1);
    assert_eq!(state.ending(false, &stop), Ending::Failures, "more was copied than there was to copy");
}

#[test]
fn a_kind_that_was_never_listed_to_its_end_is_no_success() {
    for kind in ObjectKind::ALL {
        let state = listed_pass(0);
        state.counters.kind(kind).source_listed.store(false, Ordering::SeqCst);
        assert_eq!(state.ending(false, &Shutdown::new()), Ending::Failures, "{kind}");
    }
}

#[test]
fn damage_in_the_source_fails_a_strict_pass_only() {
    let (state, stop) = (listed_pass(1), Shutdown::new());
    state.counters.kind(KIND).copied.add(1);
    state.damaged(KIND, &key(0), &Damage::Empty);
    assert_eq!(state.ending(false, &stop), Ending::Complete);
    assert_eq!(state.ending(true, &stop), Ending::DamagedSource);
    state.failed(KIND, key(1), error(ErrorKind::TooLarge), &stop);
    assert_eq!(state.ending(true, &stop), Ending::Failures, "what is missing is worse than what was damaged before");
}

#[test]
fn one_object_that_fails_for_a_reason_of_its_own_does_not_end_the_pass() {
    for kind in
        [ErrorKind::Unreadable, ErrorKind::TooLarge, ErrorKind::Archived, ErrorKind::Protocol, ErrorKind::Timeout]
    {
        let (state, stop) = (listed_pass(1), Shutdown::new());
        state.failed(KIND, key(0), error(kind), &stop);
        assert!(!stop.requested(), "{kind:?}");
        assert_eq!(state.ending(false, &stop), Ending::Failures);
        assert_eq!(state.failures.first()[0].error, kind.as_str());
        assert_eq!(state.counters.library_rows()[&key(0).library][KIND].failed, 1);
    }
}

#[test]
fn what_every_further_object_would_meet_as_well_ends_the_pass_at_once() {
    for (kind, code) in [
        (ErrorKind::NoSpace, 1),
        (ErrorKind::Denied, 3),
        (ErrorKind::BadCredentials, 3),
        (ErrorKind::ContainerMissing, 3),
        (ErrorKind::ReadOnly, 3),
        (ErrorKind::NotDurable, 3),
    ] {
        let (state, stop) = (listed_pass(5), Shutdown::new());
        state.failed(KIND, key(0), error(kind), &stop);
        assert!(stop.requested(), "{kind:?}");
        let ending = state.ending(false, &stop);
        assert_eq!(ending.exit_code(), code, "{kind:?}");
        assert!(ending.to_string().contains("made to fail"), "{ending}");
        assert_eq!(state.failures.count(), 1, "the object itself is named, too");
    }
}

#[test]
fn a_hundred_passing_failures_in_a_row_are_an_outage_and_one_success_begins_the_count_again() {
    let (state, stop) = (listed_pass(250), Shutdown::new());
    let fail = |times: u64| (0..times).for_each(|_| state.failed(KIND, key(1), error(ErrorKind::Unavailable), &stop));
    fail(CircuitBreaker::LIMIT - 1);
    state.breaker.success();
    fail(CircuitBreaker::LIMIT - 1);
    assert!(!stop.requested());
    fail(1);
    let ending = state.ending(false, &stop);
    assert_eq!(ending.exit_code(), 3);
    assert!(ending.to_string().contains("100 objects in a row failed like this"), "{ending}");
}

#[test]
fn one_denied_object_is_that_objects_failure_and_a_hundred_in_a_row_are_a_store_that_denies_everything() {
    let (state, stop) = (listed_pass(250), Shutdown::new());
    let deny = |times: u64| {
        let denied = || StoreError::object(ErrorKind::Denied, "read", &key(1), "made to fail");
        (0..times).for_each(|_| state.failed(KIND, key(1), denied(), &stop));
    };
    deny(1);
    assert!(!stop.requested());
    assert_eq!(state.ending(false, &stop).exit_code(), 1);
    state.breaker.success();
    deny(CircuitBreaker::LIMIT);
    assert_eq!(state.ending(false, &stop).exit_code(), 3);
}

#[test]
fn failures_that_are_the_objects_own_are_no_outage() {
    let (state, stop) = (listed_pass(250), Shutdown::new());
    (0..500).for_each(|_| state.failed(KIND, key(1), error(ErrorKind::Unreadable), &stop));
    assert!(!stop.requested());
    assert_eq!(state.failures.count(), 500);
}

#[test]
fn a_call_that_the_stop_cut_short_is_no_failure() {
    let (state, stop) = (listed_pass(1), Shutdown::new());
    stop.request(ShutdownReason::Signal(15));
    state.failed(KIND, key(0), error(ErrorKind::Interrupted), &stop);
    assert_eq!((state.failures.count(), state.counters.kind(KIND).failed.get()), (0, 0));
    assert_eq!(state.ending(false, &stop), Ending::Interrupted { signal: 15 });
}

#[test]
fn of_two_reasons_to_end_the_first_is_told() {
    let (state, stop) = (listed_pass(1), Shutdown::new());
    state.fatal(error(ErrorKind::NoSpace), &stop);
    state.fatal(error(ErrorKind::Denied), &stop);
    stop.request(ShutdownReason::Signal(2));
    let ending = state.ending(false, &stop);
    assert!(matches!(&ending, Ending::Full(cause) if cause.contains("no space left")), "{ending:?}");

    let (state, stop) = (listed_pass(1), Shutdown::new());
    stop.request(ShutdownReason::Signal(2));
    state.fatal(error(ErrorKind::NoSpace), &stop);
    assert_eq!(state.ending(false, &stop), Ending::Interrupted { signal: 2 });
    assert_eq!(state.listing_ending(&stop), Ending::Interrupted { signal: 2 });
}

#[test]
fn a_full_disk_under_the_lists_is_told_with_what_was_being_done() {
    let (state, stop) = (listed_pass(0), Shutdown::new());
    state.local_failure("remember what was copied", &"disk full", &stop);
    let ending = state.ending(false, &stop);
    assert_eq!(ending.exit_code(), 1);
    assert!(ending.to_string().contains("cannot remember what was copied: disk full"), "{ending}");
}

#[test]
fn every_ending_but_a_signal_has_its_documented_code() {
    let text = || "x".to_owned();
    for (ending, code) in [
        (Ending::Complete, 0),
        (Ending::Failures, 1),
        (Ending::Full(text()), 1),
        (Ending::Refused(text()), 2),
        (Ending::StoreFailed(text()), 3),
        (Ending::Locked(text()), 4),
        (Ending::DamagedSource, 5),
        (Ending::Interrupted { signal: 2 }, 130),
        (Ending::Interrupted { signal: 15 }, 143),
    ] {
        assert_eq!(ending.exit_code(), code, "{ending:?}");
        assert_eq!(ending == Ending::Complete, code == 0);
    }
}

#[test]
fn pages_are_counted_by_library_with_sizes_where_they_are_known() {
    let state = PassState::default();
    let mut page = listed(0..6);
    page[0].size = None;
    state.count_listed(KIND, &page, &page[..3]);
    let numbers = state.counters.kind(KIND);
    assert_eq!((numbers.listed.get(), numbers.listed_bytes.get()), (6, 50));
    assert_eq!((numbers.to_copy.get(), numbers.to_copy_bytes.get()), (3, 20));
    let rows = state.counters.library_rows();
    assert_eq!(rows.len(), 3);
    let first = rows[&LibraryId::from_bytes([0; 16])][KIND];
    assert_eq!((first.listed, first.listed_bytes, first.to_copy, first.to_copy_bytes), (2, 10, 1, 0));
}

// ---- the flag

#[test]
fn the_first_wish_to_stop_stays_and_wakes_whoever_sleeps() {
    let stop = Shutdown::new();
    assert!(stop.sleep(std::time::Duration::from_millis(1)), "nobody asked");
    std::thread::scope(|scope| {
        let sleeper = scope.spawn(|| stop.sleep(std::time::Duration::from_secs(3600)));
        stop.clone().request(ShutdownReason::Fatal("full".to_owned()));
        assert!(!sleeper.join().unwrap());
    });
    stop.request(ShutdownReason::Signal(2));
    assert_eq!(stop.reason(), Some(ShutdownReason::Fatal("full".to_owned())));
    assert!(!stop.sleep(std::time::Duration::from_secs(3600)), "it stays raised");
}
