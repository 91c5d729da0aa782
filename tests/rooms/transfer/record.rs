//! Which failure of an object ends a transfer, and which is the object's own.

use seaf_migrate::content::Damage;
use seaf_migrate::flow::breaker::CircuitBreaker;
use seaf_migrate::metrics::{Counters, ObjectFindings};
use seaf_migrate::store::{ErrorKind, StoreError};
use seaf_migrate::transfer::record::Recorder;

use super::{KIND, key};

#[derive(Default)]
struct Places {
    counters: Counters,
    findings: ObjectFindings,
    breaker: CircuitBreaker,
}

impl Places {
    fn recorder(&self) -> Recorder<'_> {
        let Self { counters, findings, breaker } = self;
        Recorder { kind: KIND, counters, findings, breaker }
    }

    /// The error that ends the transfer, when object 1 fails like this.
    fn fail(&self, kind: ErrorKind) -> Option<String> {
        let error = StoreError::object(kind, "write", &key(1), "made to fail");
        self.recorder().failed(key(1), error).err().map(|error| error.to_string())
    }
}

#[test]
fn one_object_that_fails_for_a_reason_of_its_own_does_not_end_the_transfer() {
    for kind in
        [ErrorKind::Unreadable, ErrorKind::TooLarge, ErrorKind::Archived, ErrorKind::Protocol, ErrorKind::Timeout]
    {
        let places = Places::default();
        assert_eq!(places.fail(kind), None, "{kind:?}");
        assert_eq!(places.findings.failures.first()[0].error, kind.as_str());
        assert_eq!(places.counters.kind(KIND).failed.get(), 1);
        assert_eq!(places.counters.library_rows()[&key(1).library][KIND].failed, 1);
    }
}

#[test]
fn what_every_further_object_would_meet_as_well_ends_the_transfer_at_once() {
    for kind in [
        ErrorKind::NoSpace,
        ErrorKind::BadCredentials,
        ErrorKind::ContainerMissing,
        ErrorKind::ReadOnly,
        ErrorKind::NotDurable,
    ] {
        let places = Places::default();
        let error = places.fail(kind).unwrap_or_else(|| panic!("{kind:?} does not end it"));
        assert!(error.contains("made to fail"), "{error}");
        assert_eq!(places.findings.failures.count(), 1, "the object itself is named, too");
    }
}

#[test]
fn a_hundred_passing_failures_in_a_row_are_an_outage_and_one_success_begins_the_count_again() {
    let places = Places::default();
    let fail = |times: u64| (0..times).filter_map(|_| places.fail(ErrorKind::Unavailable)).collect::<Vec<_>>();
    assert!(fail(CircuitBreaker::LIMIT - 1).is_empty());
    places.breaker.success();
    assert!(fail(CircuitBreaker::LIMIT - 1).is_empty());
    let ended = fail(1);
    assert!(ended.len() == 1 && ended[0].contains("100 objects in a row failed like this"), "{ended:?}");
}

#[test]
fn one_denied_object_is_that_objects_failure_and_a_hundred_in_a_row_are_a_store_that_denies_everything() {
    let places = Places::default();
    assert_eq!(places.fail(ErrorKind::Denied), None);
    let ended = (1..CircuitBreaker::LIMIT).find_map(|n| Some((n, places.fail(ErrorKind::Denied)?)));
    let (failures, error) = ended.unwrap();
    assert_eq!(failures, CircuitBreaker::LIMIT - 1);
    assert!(error.contains("100 objects in a row failed like this"), "{error}");
}

#[test]
fn failures_that_are_the_objects_own_are_no_outage() {
    let places = Places::default();
    assert!((0..500).all(|_| places.fail(ErrorKind::Unreadable).is_none()));
    assert_eq!(places.findings.failures.count(), 500);
}

#[test]
fn a_call_that_a_shutdown_cut_short_is_no_failure() {
    let places = Places::default();
    assert_eq!(places.fail(ErrorKind::Interrupted), None);
    assert_eq!((places.findings.failures.count(), places.counters.kind(KIND).failed.get()), (0, 0));
}

#[test]
fn damage_is_counted_and_named_beside_the_failures() {
    let places = Places::default();
    places.recorder().damaged(&key(1), &Damage::Empty);
    assert_eq!((places.findings.damage.count(), places.findings.failures.count()), (1, 0));
    assert_eq!(places.counters.kind(KIND).damaged.get(), 1);
    assert_eq!(places.findings.damage.first()[0].error, "damaged in the source");
}
