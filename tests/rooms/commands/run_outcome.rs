//! How a run ends: success is claimed only when the numbers agree, and every outcome has its code, its name and its words.

use std::sync::atomic::Ordering;

use seaf_migrate::commands::common::failure::Failure;
use seaf_migrate::commands::run::heads::result::{Broken, Heads, HeadsResult};
use seaf_migrate::commands::run::outcome::{Finished, RunOutcome};
use seaf_migrate::metrics::{Counters, Finding, ObjectFindings};
use seaf_migrate::object::{LibraryId, ObjectId, ObjectKey, ObjectKind};
use seaf_migrate::report::Outcome;
use seaf_migrate::store::{ErrorKind, Listed, StoreError};
use seaf_migrate::sys::shutdown::{Shutdown, ShutdownReason};
use seaf_migrate::transfer::TransferError;

const KIND: ObjectKind = ObjectKind::Blocks;

fn key(number: u8) -> ObjectKey {
    ObjectKey::new(LibraryId::from_bytes([number % 3; 16]), ObjectId::from_bytes([number; 20]))
}

fn listed(numbers: std::ops::Range<u8>) -> Vec<Listed> {
    numbers.map(|number| Listed { key: key(number), size: Some(10) }).collect()
}

fn finding() -> Finding {
    Finding::new(KIND, &key(0), "write", "made to fail", "for the test")
}

/// A pass over, nothing wrong with the heads.
#[derive(Default)]
struct Pass {
    counters: Counters,
    findings: ObjectFindings,
    heads: Heads,
}

impl Pass {
    /// Everything was listed, and `to_copy` blocks were to be copied.
    fn listed(to_copy: u8) -> Self {
        let pass = Self::default();
        for kind in ObjectKind::ALL {
            pass.counters.kind(kind).source_listed.store(true, Ordering::SeqCst);
        }
        pass.counters.count_listed(KIND, &listed(0..to_copy + 5), &listed(0..to_copy));
        pass
    }

    fn outcome(&self, strict: bool) -> RunOutcome {
        let Self { counters, findings, heads } = self;
        Finished { counters, findings, heads, strict }.outcome()
    }
}

#[test]
fn a_pass_is_complete_when_everything_was_copied_or_has_vanished() {
    let pass = Pass::listed(10);
    let numbers = pass.counters.kind(KIND);
    numbers.copied.add(7);
    assert_eq!(pass.outcome(false), RunOutcome::Failures, "three objects went nowhere");
    numbers.vanished.add(3);
    assert_eq!(pass.outcome(false), RunOutcome::Complete);
    numbers.copied.add(1);
    assert_eq!(pass.outcome(false), RunOutcome::Failures, "more was copied than there was to copy");
}

#[test]
fn a_kind_that_was_never_listed_to_its_end_is_no_success() {
    for kind in ObjectKind::ALL {
        let pass = Pass::listed(0);
        pass.counters.kind(kind).source_listed.store(false, Ordering::SeqCst);
        assert_eq!(pass.outcome(false), RunOutcome::Failures, "{kind}");
    }
}

#[test]
fn damage_in_the_source_fails_a_strict_pass_only() {
    let pass = Pass::listed(0);
    pass.findings.damage.add(finding());
    assert_eq!(pass.outcome(false), RunOutcome::Complete);
    assert_eq!(pass.outcome(true), RunOutcome::DamagedSource);
    pass.findings.failures.add(finding());
    assert_eq!(pass.outcome(true), RunOutcome::Failures, "what is missing is worse than what was damaged before");
}

#[test]
fn a_library_that_is_not_whole_is_no_success_and_one_that_is_damaged_in_the_source_is_strict_business() {
    let mut pass = Pass::listed(0);
    let broken = |count| Broken { count, libraries: Vec::new() };
    pass.heads = Heads::Checked(HeadsResult { not_whole: broken(1), ..HeadsResult::default() });
    assert_eq!(pass.outcome(false), RunOutcome::NotWhole);
    pass.heads = Heads::Checked(HeadsResult { damaged_in_source: broken(1), ..HeadsResult::default() });
    assert_eq!((pass.outcome(false), pass.outcome(true)), (RunOutcome::Complete, RunOutcome::DamagedSource));
    pass.heads = Heads::Checked(HeadsResult { accepted: broken(1), ..HeadsResult::default() });
    assert_eq!((pass.outcome(false), pass.outcome(true)), (RunOutcome::Complete, RunOutcome::DamagedSource));
    pass.heads = Heads::Checked(HeadsResult { changed_meanwhile: broken(1), ..HeadsResult::default() });
    assert_eq!((pass.outcome(false), pass.outcome(true)), (RunOutcome::Complete, RunOutcome::Complete));
    pass.heads = Heads::Checked(HeadsResult { missing_in_source: broken(1), ..HeadsResult::default() });
    assert_eq!((pass.outcome(false), pass.outcome(true)), (RunOutcome::SourceIncomplete, RunOutcome::SourceIncomplete));
}

#[test]
fn every_outcome_has_its_documented_code_and_name() {
    let text = || "x".to_owned();
    let stopped = |failure: fn(String) -> Failure| RunOutcome::Stopped(failure(text()));
    let retried = |damaged| RunOutcome::Retried { report: text(), damaged };
    let signal = |signal| RunOutcome::Stopped(Failure::Interrupted { signal });
    for (outcome, code, name) in [
        (RunOutcome::Complete, 0, "complete"),
        (retried(false), 0, "retried"),
        (RunOutcome::NothingToRetry { report: text() }, 0, "nothing to retry"),
        (RunOutcome::Failures, 1, "failures"),
        (RunOutcome::NotWhole, 1, "libraries not whole"),
        (RunOutcome::SourceIncomplete, 1, "source incomplete"),
        (RunOutcome::FileNotWritten(text()), 1, "local disk failed"),
        (stopped(Failure::StoreFull), 1, "destination full"),
        (stopped(Failure::LocalFile), 1, "local disk failed"),
        (stopped(Failure::Refused), 2, "refused"),
        (stopped(Failure::Store), 3, "store failed"),
        (stopped(Failure::Database), 3, "database failed"),
        (stopped(Failure::Locked), 4, "locked"),
        (RunOutcome::DamagedSource, 5, "complete, source damaged"),
        (retried(true), 5, "retried, source damaged"),
        (signal(2), 130, "interrupted"),
        (signal(15), 143, "interrupted"),
    ] {
        assert_eq!((outcome.exit_code(), outcome.name()), (code, name), "{outcome:?}");
        let line = outcome.result_line();
        assert_eq!(line.contains("exit code"), code != 0, "{line}");
        assert!(!line.contains("above") && !line.contains("below"), "{line}");
    }
}

#[test]
fn a_failure_of_this_machines_disk_is_told_as_one_and_not_as_a_full_destination() {
    let cause = std::io::Error::from(std::io::ErrorKind::StorageFull);
    let text = RunOutcome::Stopped(TransferError::local("remember what was copied")(cause).into()).result_line();
    assert!(text.contains("a file of this machine failed: cannot remember what was copied: "), "{text}");
    let cause = StoreError::object(ErrorKind::NoSpace, "write", &key(1), "made to fail");
    let text = RunOutcome::Stopped(TransferError::Store(cause).into()).result_line();
    assert!(text.contains("no space left in a store") && text.contains("made to fail"), "{text}");
}

#[test]
fn pages_are_counted_by_library_with_sizes_where_they_are_known() {
    let counters = Counters::default();
    let mut page = listed(0..6);
    page[0].size = None;
    counters.count_listed(KIND, &page, &page[..3]);
    let numbers = counters.kind(KIND);
    assert_eq!((numbers.listed.get(), numbers.listed_bytes.get()), (6, 50));
    assert_eq!((numbers.to_copy.get(), numbers.to_copy_bytes.get()), (3, 20));
    counters.count_copied(KIND, &page[1..2]);
    assert_eq!((numbers.copied.get(), numbers.copied_bytes.get()), (1, 10));
    let rows = counters.library_rows();
    assert_eq!(rows.len(), 3);
    let first = rows[&LibraryId::from_bytes([0; 16])][KIND];
    assert_eq!((first.listed, first.listed_bytes, first.to_copy, first.to_copy_bytes), (2, 10, 1, 0));
    assert_eq!(rows[&LibraryId::from_bytes([1; 16])][KIND].copied, 1);
}

// ---- the flag

#[test]
fn the_first_request_for_shutdown_stays_and_wakes_whoever_sleeps() {
    let shutdown = Shutdown::new();
    assert!(shutdown.sleep(std::time::Duration::from_millis(1)), "nobody asked");
    std::thread::scope(|scope| {
        let sleeper = scope.spawn(|| shutdown.sleep(std::time::Duration::from_secs(3600)));
        shutdown.clone().request(ShutdownReason::Fatal("full".to_owned()));
        assert!(!sleeper.join().unwrap());
    });
    shutdown.request(ShutdownReason::Signal(2));
    assert_eq!(shutdown.reason(), Some(ShutdownReason::Fatal("full".to_owned())));
    assert!(!shutdown.sleep(std::time::Duration::from_secs(3600)), "it stays raised");
}
