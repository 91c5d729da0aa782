//! A transfer put to work by something that is no command: stores, a source of work and a memory of its own.

use std::collections::BTreeSet;
use std::error::Error;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::Ordering;

use seaf_migrate::commands::common::failure::Failure;
use seaf_migrate::flow::Budget;
use seaf_migrate::flow::breaker::CircuitBreaker;
use seaf_migrate::metrics::{Counters, ObjectFindings};
use seaf_migrate::object::ObjectKey;
use seaf_migrate::store::backend::memory::MemoryStore;
use seaf_migrate::store::{ErrorKind, Ignored, Listed, NameSort, ReadStore, StoreError, WriteStore};
use seaf_migrate::sys::shutdown::{Shutdown, ShutdownReason};
use seaf_migrate::transfer::{
    ConfirmedObjects, Produced, Transfer, TransferError, TransferOutcome, WorkSink, WorkSource,
};

use super::{KIND, key, keys, limits, numbers, store};

/// A source of work that is a function.
struct Work<F>(F);

impl<F: Fn(&WorkSink<'_>) -> Result<Produced, TransferError> + Sync> WorkSource for Work<F> {
    fn produce(&self, sink: &WorkSink<'_>) -> Result<Produced, TransferError> {
        (self.0)(sink)
    }
}

/// Names these objects.
fn these(numbers: std::ops::Range<u32>) -> Work<impl Fn(&WorkSink<'_>) -> Result<Produced, TransferError> + Sync> {
    Work(move |sink: &WorkSink<'_>| {
        let objects: Vec<_> = numbers.clone().map(|number| Listed { key: key(number), size: None }).collect();
        sink.add(&objects, &objects).map(|()| Produced::All)
    })
}

/// What was confirmed, in the memory of the test.
#[derive(Default)]
struct Memory(Mutex<BTreeSet<ObjectKey>>);

impl ConfirmedObjects for Memory {
    fn remember(&self, objects: &[Listed]) -> Result<(), Box<dyn Error + Send + Sync>> {
        self.0.lock().unwrap().extend(objects.iter().map(|object| object.key));
        Ok(())
    }
}

/// A memory on a disk that is full.
struct FullDisk;

impl ConfirmedObjects for FullDisk {
    fn remember(&self, _: &[Listed]) -> Result<(), Box<dyn Error + Send + Sync>> {
        Err(std::io::Error::from(std::io::ErrorKind::StorageFull).into())
    }
}

/// What a transfer counts and notes in, and what ends it.
#[derive(Default)]
struct Machine {
    counters: Counters,
    findings: ObjectFindings,
    breaker: CircuitBreaker,
    shutdown: Shutdown,
}

impl Machine {
    fn transfer(
        &self,
        temp_dir: &Path,
        (source, destination): (&dyn ReadStore, &dyn WriteStore),
        work: &dyn WorkSource,
        confirmed: Option<&dyn ConfirmedObjects>,
    ) -> Result<TransferOutcome, TransferError> {
        let Self { counters, findings, breaker, shutdown } = self;
        let (limits, budget) = (limits(temp_dir), Budget::new(1 << 20));
        let (limits, budget) = (&limits, &budget);
        let kind = KIND;
        Transfer { kind, source, destination, work, limits, budget, counters, findings, confirmed, breaker, shutdown }
            .run()
    }

    /// A transfer from a store of a hundred objects to an empty one; how it ended, and what is there then.
    fn copy(
        &self,
        work: &dyn WorkSource,
        confirmed: Option<&dyn ConfirmedObjects>,
    ) -> (Result<TransferOutcome, TransferError>, BTreeSet<ObjectKey>) {
        let (source, destination) = (store("a", 0..100), MemoryStore::new(KIND, "b"));
        let dir = tempfile::tempdir().unwrap();
        let ended = self.transfer(dir.path(), (&source, &destination), work, confirmed);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0, "nothing is left behind");
        (ended, keys(&destination))
    }

    fn is_all_named(&self) -> bool {
        self.counters.kind(KIND).source_listed.load(Ordering::SeqCst)
    }
}

#[test]
fn what_a_source_of_work_names_is_copied_counted_and_remembered_and_nothing_else() {
    let (machine, memory) = (Machine::default(), Memory::default());
    let (ended, there) = machine.copy(&these(20..50), Some(&memory));
    assert_eq!(ended.unwrap(), TransferOutcome::Finished);
    assert_eq!((&there, &*memory.0.lock().unwrap()), (&numbers(20..50), &numbers(20..50)));
    let counted = machine.counters.kind(KIND);
    assert_eq!([&counted.listed, &counted.to_copy, &counted.copied].map(|n| n.get()), [30, 30, 30]);
    assert!(machine.is_all_named() && !machine.shutdown.requested());
}

#[test]
fn a_source_of_work_says_what_vanished_failed_or_need_not_be_copied() {
    let machine = Machine::default();
    let work = Work(|sink: &WorkSink<'_>| {
        let object = |number| Listed { key: key(number), size: Some(1) };
        sink.add(&[object(1), object(2)], &[object(2)])?;
        sink.add_vanished(key(3));
        sink.add_failed(key(4), StoreError::object(ErrorKind::Timeout, "size", &key(4), "made to fail"))?;
        let mut ignored = Ignored::default();
        (0..7).for_each(|_| ignored.add(NameSort::Other, b"stranger"));
        sink.add_ignored(ignored);
        Ok(Produced::All)
    });
    let (ended, there) = machine.copy(&work, None);
    assert_eq!((ended.unwrap(), there), (TransferOutcome::Finished, numbers(2..3)));
    let n = machine.counters.kind(KIND);
    let counted = [&n.listed, &n.to_copy, &n.copied, &n.vanished, &n.failed, &n.ignored].map(|n| n.get());
    assert_eq!(counted, [4, 3, 1, 1, 1, 7]);
    assert_eq!(machine.findings.failures.first()[0].step, "size");
}

#[test]
fn a_source_of_work_that_fails_ends_the_transfer_with_its_error() {
    let machine = Machine::default();
    let work = Work(|_: &WorkSink<'_>| {
        Err(TransferError::Store(StoreError::new(ErrorKind::Protocol, "list", "somewhere", "made to fail")))
    });
    let (ended, there) = machine.copy(&work, None);
    assert!(matches!(ended, Err(TransferError::Store(error)) if error.to_string().contains("made to fail")));
    assert!(there.is_empty() && !machine.is_all_named() && machine.shutdown.requested());
}

#[test]
fn a_source_of_work_that_panics_does_not_leave_the_others_waiting() {
    let machine = Machine::default();
    let work = Work(|_: &WorkSink<'_>| panic!("made to fail"));
    assert!(catch_unwind(AssertUnwindSafe(|| machine.copy(&work, None))).is_err());
    assert!(!machine.is_all_named());
}

#[test]
fn a_signal_that_comes_while_work_is_named_is_an_interruption_and_no_error() {
    let machine = Machine::default();
    let work = Work(|sink: &WorkSink<'_>| {
        sink.shutdown().request(ShutdownReason::Signal(15));
        Ok(Produced::Interrupted)
    });
    let (ended, _) = machine.copy(&work, None);
    assert_eq!(ended.unwrap(), TransferOutcome::Interrupted);
    assert!(!machine.is_all_named());
}

#[test]
fn a_local_disk_that_is_full_is_told_as_a_file_of_this_machine() {
    let machine = Machine::default();
    let (ended, there) = machine.copy(&these(0..30), Some(&FullDisk));
    let failure = Failure::from(ended.unwrap_err());
    let text = failure.to_string();
    assert!(text.contains("a file of this machine failed: cannot remember what was copied: "), "{text}");
    assert!(!text.contains("no space left in a store"), "{text}");
    assert_eq!((failure.exit_code(), failure.name()), (1, "local disk failed"));
    // They are there, and so they count; only the memory of them is lost.
    let copied = machine.counters.kind(KIND).copied.get();
    assert_eq!(copied, there.len() as u64);
    assert_eq!(machine.findings.failures.count(), 0);
}

#[test]
fn a_folder_for_temporary_files_that_is_not_there_is_told_before_anything_is_copied() {
    let (machine, dir) = (Machine::default(), tempfile::tempdir().unwrap());
    let (source, destination) = (store("a", 0..3), MemoryStore::new(KIND, "b"));
    let ended = machine.transfer(&dir.path().join("none"), (&source, &destination), &these(0..3), None);
    let error = ended.unwrap_err();
    assert!(matches!(&error, TransferError::Local { .. }), "{error:?}");
    assert!(error.to_string().starts_with("cannot make a temporary file for the plan: "), "{error}");
    assert!(keys(&destination).is_empty());
}
