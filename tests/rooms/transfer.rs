//! The copy of one kind between two stores that fail by script: what is counted, what is noted, and how it ends.

mod copy;
mod engine;
mod flush;
mod record;
mod spool;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use clap::Parser;
use seaf_migrate::commands::common::destination::{OpenList, Snapshot};
use seaf_migrate::commands::common::failure::Failure;
use seaf_migrate::commands::run::heads::result::Heads;
use seaf_migrate::commands::run::outcome::{Finished, RunOutcome};
use seaf_migrate::commands::run::settings::{self, RunFlags, RunSettings};
use seaf_migrate::conf::Environment;
use seaf_migrate::content::sha1_of;
use seaf_migrate::flow::Budget;
use seaf_migrate::flow::breaker::CircuitBreaker;
use seaf_migrate::index;
use seaf_migrate::index::ListPaths;
use seaf_migrate::index::recheck::Asked;
use seaf_migrate::metrics::{Counters, ObjectFindings};
use seaf_migrate::object::{KeyRange, LibraryId, ObjectKey, ObjectKind};
use seaf_migrate::report::{Console, Outcome};
use seaf_migrate::store::backend::memory::MemoryStore;
use seaf_migrate::store::{ErrorKind, Listed, Part, ReadStore, SizeForms, WriteStore};
use seaf_migrate::sys::shutdown::{Shutdown, ShutdownReason};
use seaf_migrate::transfer::diff::{MissingObjects, missing_from};
use seaf_migrate::transfer::flush::BatchLimits;
use seaf_migrate::transfer::{Transfer, TransferLimits, TransferOutcome};

use crate::support::faulty;
use crate::support::faulty::{Action, Faulty};
use crate::support::lists::Place;

const KIND: ObjectKind = ObjectKind::Blocks;

fn data(number: u32) -> Bytes {
    format!("block number {number}").into_bytes().into()
}

fn key(number: u32) -> ObjectKey {
    let library = LibraryId::from_bytes([u8::try_from(number % 5).unwrap(); 16]);
    ObjectKey::new(library, sha1_of(&data(number)))
}

fn store(name: &str, numbers: std::ops::Range<u32>) -> Faulty<MemoryStore> {
    let store = MemoryStore::new(KIND, name).with_page_size(50);
    numbers.for_each(|number| store.write(&key(number), data(number)).unwrap());
    Faulty::new(store)
}

fn keys(store: &MemoryStore) -> BTreeSet<ObjectKey> {
    let (mut keys, mut part) = (BTreeSet::new(), Some(Part::new(KeyRange::ALL)));
    while let Some(open) = part {
        let page = store.list(&open).unwrap();
        keys.extend(page.objects.iter().map(|object| object.key));
        part = page.rest;
    }
    keys
}

fn numbers(range: std::ops::Range<u32>) -> BTreeSet<ObjectKey> {
    range.map(key).collect()
}

/// The command line, as far as it is about a pass.
#[derive(Parser)]
struct CommandLine {
    #[command(flatten)]
    run: RunFlags,
}

/// What `run` works with for two sides in `folder`, four workers, two listers, and nothing repeated.
fn settings(folder: &Path) -> RunSettings {
    let at = |name: &str| folder.join(name).display().to_string();
    let sections = ["commit_object_backend", "fs_object_backend", "block_backend"];
    for side in ["old", "new"] {
        std::fs::create_dir_all(folder.join(side).join("storage")).unwrap();
        let conf: String = sections.iter().map(|name| format!("[{name}]\ndir = {}\n", at(side))).collect();
        std::fs::write(folder.join(side).join("seafile.conf"), conf).unwrap();
    }
    let line = [
        "run",
        "--from",
        &at("old"),
        "--to",
        &at("new"),
        "--object-list",
        &at("list"),
        "--nworker",
        "4",
        "--listers",
        "2",
        "--attempts",
        "1",
        "--maxsize",
        "10",
    ];
    settings::resolve(&CommandLine::parse_from(line).run, &Environment::default()).unwrap()
}

/// Limits of a transfer with four workers.
fn limits(temp_dir: &Path) -> TransferLimits {
    TransferLimits { workers: 4.into(), queue: 10, temp_dir: temp_dir.to_owned(), batch: BatchLimits::default() }
}

/// A pass over one kind, and what is left of it.
struct Pass {
    folder: tempfile::TempDir,
    settings: RunSettings,
    counters: Counters,
    findings: ObjectFindings,
    shutdown: Shutdown,
}

impl Pass {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let settings = settings(folder.path());
        let (counters, findings) = (Counters::default(), ObjectFindings::default());
        Self { folder, settings, counters, findings, shutdown: Shutdown::new() }
    }

    /// Lists what `destination` holds, and copies what of `source` it lacks.
    fn run(&self, source: &dyn ReadStore, destination: &dyn WriteStore) -> RunOutcome {
        let (console, plan) = (Console::quiet(), &self.settings.plan);
        let stores = Asked { destination, source };
        let held = OpenList::open(destination.location(), plan, &console)
            .and_then(|list| list.load_or_list(stores, plan, Snapshot::NotWanted, &[], &console, &self.shutdown));
        let held = match held {
            Ok(held) => held,
            Err(failure) => return RunOutcome::Stopped(failure),
        };
        let ended = Transfer {
            kind: KIND,
            source,
            destination,
            work: &MissingObjects {
                source,
                ranges: &[KeyRange::ALL],
                listers: 2,
                index: &held.set,
                held: destination.size_form(),
            },
            limits: &limits(self.folder.path()),
            budget: &Budget::new(self.settings.memory),
            counters: &self.counters,
            findings: &self.findings,
            confirmed: Some(&held),
            breaker: &CircuitBreaker::default(),
            shutdown: &self.shutdown,
        }
        .run();
        // The other kinds are no part of this.
        for other in ObjectKind::ALL.into_iter().filter(|other| *other != KIND) {
            self.counters.kind(other).source_listed.store(true, Ordering::SeqCst);
        }
        let Self { counters, findings, .. } = self;
        match ended {
            Ok(TransferOutcome::Finished) => {
                Finished { counters, findings, heads: &Heads::default(), strict: self.settings.strict }.outcome()
            }
            Ok(TransferOutcome::Interrupted) => RunOutcome::Stopped(Failure::interruption(&self.shutdown).unwrap()),
            Err(error) => RunOutcome::Stopped(error.into()),
        }
    }

    /// What the next pass would go by.
    fn remembered(&self, destination: &dyn ReadStore) -> BTreeSet<ObjectKey> {
        let paths = ListPaths::new(&self.folder.path().join("list"), KIND, None);
        let set = index::open_read_only(&paths, destination.location()).unwrap().expect("a complete list");
        set.iter().map(|object| object.unwrap().key).collect()
    }

    fn copied(&self) -> u64 {
        self.counters.kind(KIND).copied.get()
    }

    fn failed(&self) -> u64 {
        self.counters.kind(KIND).failed.get()
    }
}

#[test]
fn what_is_missing_is_copied_counted_and_remembered() {
    let (pass, source, destination) = (Pass::new(), store("a", 0..300), store("b", 100..150));
    assert_eq!(pass.run(&source, &destination), RunOutcome::Complete);
    assert_eq!(keys(&destination.inner), numbers(0..300));
    assert_eq!(pass.remembered(&destination), numbers(0..300));
    assert_eq!((pass.copied(), pass.failed()), (250, 0));
    let bytes: u64 = (0..100).chain(150..300).map(|number| data(number).len() as u64).sum();
    assert_eq!(pass.counters.kind(KIND).copied_bytes.get(), bytes);
}

#[test]
fn nothing_of_a_batch_that_could_not_be_made_durable_is_remembered_or_counted_as_copied() {
    let (pass, source) = (Pass::new(), store("a", 0..40));
    let destination = store("b", 0..3).fail_always(Action::Sync, ErrorKind::NotDurable);
    let outcome = pass.run(&source, &destination);
    assert_eq!(outcome.exit_code(), 3, "{outcome}");
    assert_eq!(pass.remembered(&destination), numbers(0..3));
    assert_eq!(pass.copied(), 0);
    assert!(pass.failed() > 0);
    let first = &pass.findings.failures.first()[0];
    assert_eq!(first.error, "not safely stored");
}

#[test]
fn an_object_that_the_destination_refuses_is_not_remembered_and_the_others_are() {
    let (pass, source) = (Pass::new(), store("a", 0..60));
    let destination = store("b", 0..0).fail_key(Action::Write, key(7), ErrorKind::TooLarge);
    assert_eq!(pass.run(&source, &destination), RunOutcome::Failures);
    let expected: BTreeSet<_> = numbers(0..60).into_iter().filter(|found| *found != key(7)).collect();
    assert_eq!(keys(&destination.inner), expected);
    assert_eq!(pass.remembered(&destination), expected);
    let failures = pass.findings.failures.first();
    assert_eq!(failures.len(), 1);
    assert_eq!(failures[0].object, key(7).id);
}

#[test]
fn a_write_whose_answer_was_lost_is_a_failure_though_the_object_may_be_there() {
    let (pass, source) = (Pass::new(), store("a", 0..1));
    let destination = store("b", 0..0).lose_answer_of_nth(Action::Write, 1, ErrorKind::Connection);
    assert_eq!(pass.run(&source, &destination), RunOutcome::Failures);
    assert_eq!(pass.remembered(&destination), BTreeSet::new());
}

#[test]
fn an_object_that_vanished_after_it_was_listed_is_no_failure() {
    let pass = Pass::new();
    let source = store("a", 0..20).vanishing_after_the_listing(key(4));
    let destination = store("b", 0..0);
    assert_eq!(pass.run(&source, &destination), RunOutcome::Complete);
    assert_eq!(pass.counters.kind(KIND).vanished.get(), 1);
    assert_eq!(pass.findings.vanished.first()[0].key(), key(4), "it is named");
    assert!(!pass.remembered(&destination).contains(&key(4)));
}

#[test]
fn an_object_that_is_listed_and_not_given_fails_the_pass_and_is_named() {
    let pass = Pass::new();
    let source = store("a", 0..20).fail_key(Action::Read, key(4), ErrorKind::NotFound);
    let destination = store("b", 0..0);
    assert_eq!(pass.run(&source, &destination), RunOutcome::Failures);
    let failed = pass.findings.failures.first();
    assert_eq!(
        (failed[0].key(), failed[0].cause.as_str()),
        (key(4), "the store lists it and says that it is not there")
    );
    assert_eq!(pass.counters.kind(KIND).vanished.get(), 0);
}

#[test]
fn damage_in_the_source_that_the_destination_has_right_is_accounted_for_and_named_as_both() {
    let (mut pass, source) = (Pass::new(), store("a", 0..5));
    let (damaged, right) = (key(900), data(900));
    let destination = store("b", 0..0);
    destination.inner.write(&damaged, right.clone()).unwrap();
    source.inner.write(&damaged, Bytes::from_static(b"other bytes, and more of them")).unwrap();
    pass.settings.strict = true;
    assert_eq!(pass.run(&source, &destination), RunOutcome::DamagedSource);
    assert_eq!(destination.read(&damaged).unwrap(), right);
    let numbers = pass.counters.kind(KIND);
    assert_eq!([&numbers.copied, &numbers.kept, &numbers.damaged].map(|n| n.get()), [5, 1, 1]);
    assert!(pass.findings.damage.first()[0].cause.ends_with("the destination has it right and keeps it"));
}

#[test]
fn a_damaged_object_is_copied_as_it_is_and_named() {
    let (mut pass, source) = (Pass::new(), store("a", 0..5));
    let damaged = key(900);
    source.inner.write(&damaged, Bytes::from_static(b"other bytes")).unwrap();
    let destination = store("b", 0..0);
    pass.settings.strict = true;
    assert_eq!(pass.run(&source, &destination), RunOutcome::DamagedSource);
    assert_eq!(destination.read(&damaged).unwrap(), "other bytes");
    let found = &pass.findings.damage.first()[0];
    assert_eq!(found.object, damaged.id);
    assert!(found.cause.contains(&sha1_of(b"other bytes").to_string()), "{}", found.cause);
}

#[test]
fn a_listing_of_the_source_that_breaks_off_is_no_end_and_what_was_copied_is_kept() {
    let pass = Pass::new();
    let source = store("a", 0..400).cut_listing_after(3, ErrorKind::Protocol);
    let destination = store("b", 0..0);
    let outcome = pass.run(&source, &destination);
    assert_eq!(outcome.exit_code(), 3, "{outcome}");
    assert_eq!(pass.remembered(&destination), keys(&destination.inner));
    assert!(!pass.counters.kind(KIND).source_listed.load(Ordering::SeqCst));
}

#[test]
fn a_destination_that_cannot_be_listed_gets_nothing() {
    let (pass, source) = (Pass::new(), store("a", 0..50));
    let destination = store("b", 0..10).fail_always(Action::List, ErrorKind::Denied);
    assert_eq!(pass.run(&source, &destination).exit_code(), 3);
    assert_eq!(keys(&destination.inner), numbers(0..10));
}

#[test]
fn a_destination_that_is_gone_is_given_up_before_every_object_was_tried() {
    let (pass, source) = (Pass::new(), store("a", 0..2000));
    let destination = store("b", 0..0).fail_always(Action::Write, ErrorKind::Unavailable);
    let outcome = pass.run(&source, &destination);
    assert!(outcome.to_string().contains("100 objects in a row"), "{outcome}");
    assert!(pass.failed() < 200, "{} were tried", pass.failed());
}

#[test]
fn a_full_destination_is_told_as_full() {
    let (pass, source) = (Pass::new(), store("a", 0..100));
    let destination = store("b", 0..0).fail_calls(Action::Write, 10, u64::MAX, ErrorKind::NoSpace);
    let outcome = pass.run(&source, &destination);
    assert!(matches!(outcome, RunOutcome::Stopped(Failure::StoreFull(_))), "{outcome:?}");
    assert_eq!(pass.remembered(&destination), keys(&destination.inner));
}

#[test]
fn after_a_signal_what_is_in_flight_is_finished_and_remembered_and_the_rest_left() {
    let (pass, source) = (Pass::new(), store("a", 0..500));
    let gate = faulty::Gate::default();
    let destination = store("b", 0..0).block(Action::Write, &gate);
    let outcome = std::thread::scope(|scope| {
        scope.spawn(|| {
            gate.wait_until_blocked(4);
            pass.shutdown.request(ShutdownReason::Signal(2));
            gate.open();
        });
        pass.run(&source, &destination)
    });
    assert_eq!(outcome, RunOutcome::Stopped(Failure::Interrupted { signal: 2 }));
    assert_eq!(keys(&destination.inner).len(), 4, "one for each worker");
    assert_eq!(pass.remembered(&destination), keys(&destination.inner));
    assert_eq!((pass.copied(), pass.failed()), (4, 0));
}

#[test]
fn a_shorter_object_at_the_destination_is_written_again_and_a_longer_one_is_left() {
    let (pass, source, destination) = (Pass::new(), store("a", 0..10), store("b", 0..10));
    destination.inner.write(&key(1), Bytes::from_static(b"")).unwrap();
    destination.inner.write(&key(2), Bytes::from_static(b"a block that is longer than in the source")).unwrap();
    assert_eq!(pass.run(&source, &destination), RunOutcome::Complete);
    assert_eq!(pass.copied(), 1);
    assert_eq!(destination.read(&key(1)).unwrap(), data(1));
    assert!(destination.read(&key(2)).unwrap().starts_with(b"a block that"));
}

#[test]
fn an_empty_object_at_the_destination_is_never_there_even_when_the_source_tells_no_size() {
    let place = Place::new();
    let set = place.build(&[(key(1), Some(0)), (key(2), Some(5)), (key(3), None)].into());
    let source = |size| (1..=3).map(|number| Listed { key: key(number), size }).collect::<Vec<_>>();
    for size in [None, Some(0), Some(3)] {
        let missing: Vec<_> =
            missing_from(&set, SizeForms::default(), &source(size)).iter().map(|object| object.key).collect();
        assert_eq!(missing, [key(1)], "{size:?}");
    }
}

#[test]
fn random_failures_never_make_the_memory_say_more_than_the_destination_holds() {
    for seed in 0..6 {
        let (pass, source) =
            (Pass::new(), store("a", 0..200).fail_randomly(Action::Read, 0.1, seed, ErrorKind::Timeout));
        let destination = store("b", 0..30).fail_randomly(Action::Write, 0.2, seed, ErrorKind::TooLarge);
        assert_eq!(pass.run(&source, &destination), RunOutcome::Failures);
        assert_eq!(pass.remembered(&destination), keys(&destination.inner), "seed {seed}");
        assert_eq!(pass.copied() + pass.failed(), 170);
        // A second pass over sound stores has exactly the rest to do.
        let again = Pass {
            counters: Counters::default(),
            findings: ObjectFindings::default(),
            shutdown: Shutdown::new(),
            ..pass
        };
        let sound = Faulty::new(destination.inner);
        assert_eq!(again.run(&source.inner, &sound), RunOutcome::Complete);
        assert_eq!(keys(&sound.inner), numbers(0..200));
    }
}
