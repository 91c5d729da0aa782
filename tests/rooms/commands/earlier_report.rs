//! Reports are read back as they were written, and nothing else is taken for one.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use proptest::prelude::*;
use seaf_migrate::commands::common::failure::Failure;
use seaf_migrate::commands::run::heads::result::Heads;
use seaf_migrate::commands::run::outcome::RunOutcome;
use seaf_migrate::commands::run::report;
use seaf_migrate::commands::run::retry::earlier_report;
use seaf_migrate::commands::run::retry::earlier_report::{FailedObject, OldReport};
use seaf_migrate::commands::run::verdict::Verdict;
use seaf_migrate::conf::SideId;
use seaf_migrate::history::Pair;
use seaf_migrate::metrics::{Counters, Finding, ObjectFindings};
use seaf_migrate::object::selection::Selection;
use seaf_migrate::object::{LibraryId, ObjectId, ObjectKey, ObjectKind};
use seaf_migrate::report::{Console, Outcome, Process, ReportHead, Times};
use serde_json::Value;

const STEPS: [&str; 4] = ["read", "write", "sync", "size"];

fn pair() -> Pair {
    let side = |name: &str| SideId::from_fn(|kind| format!("s3:{name}/{kind} \"ü\""));
    Pair { from: side("old"), to: side("new") }
}

fn objects() -> impl Strategy<Value = Vec<FailedObject>> {
    let object = (0..3usize, any::<[u8; 16]>(), any::<[u8; 20]>(), any::<bool>());
    proptest::collection::vec(object, 0..40).prop_map(|rows| {
        rows.into_iter()
            .map(|(kind, library, id, is_doubtful)| FailedObject {
                kind: ObjectKind::ALL[kind],
                key: ObjectKey::new(LibraryId::from_bytes(library), ObjectId::from_bytes(id)),
                is_doubtful,
            })
            .collect()
    })
}

fn write(path: &Path, objects: &[FailedObject], outcome: &RunOutcome) {
    let findings = ObjectFindings::default();
    for (n, object) in objects.iter().enumerate() {
        let step = if object.is_doubtful { "sync" } else { ["read", "write", "size"][n % 3] };
        assert!(STEPS.contains(&step));
        findings.failures.add(Finding::new(object.kind, &object.key, step, "other", "\"a\\b\"\n{]"));
        findings.damage.add(Finding::new(object.kind, &object.key, "check", "damaged in the source", "empty"));
    }
    let Pair { from, to } = pair();
    let times = Times { started: "then".to_owned(), finished: "now".to_owned(), seconds: 1.5, retries: 3 };
    let head = report::ReportHeader {
        ownership: Vec::new(),
        head: ReportHead::of("run", outcome, &Console::quiet()),
        process: Process { times, from, to },
        retried: None,
        heads: Heads::default(),
        selection: Selection::All,
        safe_to_switch: Verdict::of(outcome, &Heads::default(), &Selection::All, "Start it."),
    };
    report::write(path, &head, &BTreeMap::new(), &Counters::default(), &findings).unwrap();
}

fn read(path: &Path) -> Result<(OldReport, Vec<FailedObject>), String> {
    let mut objects = Vec::new();
    let read = earlier_report::read(path, &mut |object| {
        objects.push(object);
        Ok(())
    });
    read.map(|report| (report, objects)).map_err(|error| error.to_string())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_was_written_is_read(objects in objects(), full in any::<bool>()) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("report.json");
        let stopped = RunOutcome::Stopped(Failure::StoreFull("disk".to_owned()));
        let outcome = if full { stopped } else { RunOutcome::Failures };
        write(&path, &objects, &outcome);
        let (report, found) = read(&path).unwrap();
        prop_assert_eq!(report, OldReport { pair: pair(), result: outcome.name().to_owned() });
        prop_assert_eq!(&found, &objects);
        // The same document as other tools write it: fields sorted, no line breaks.
        let value: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        fs::write(&path, value.to_string()).unwrap();
        prop_assert_eq!(read(&path).unwrap().1, objects);
    }

    #[test]
    fn a_report_cut_anywhere_is_refused(objects in objects(), at in 0.0..1.0f64) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("report.json");
        write(&path, &objects, &RunOutcome::Failures);
        let mut bytes = fs::read(&path).unwrap();
        // The last two bytes are the closing brace and a line break, which nothing depends on.
        bytes.truncate(((bytes.len() - 2) as f64 * at) as usize);
        fs::write(&path, bytes).unwrap();
        let refused = read(&path).unwrap_err();
        prop_assert!(refused.contains("ends in the middle") && refused.contains("report.json"), "{}", refused);
    }

    #[test]
    fn noise_is_refused(noise in proptest::collection::vec(any::<u8>(), 0..300)) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("noise");
        fs::write(&path, noise).unwrap();
        prop_assert!(read(&path).is_err());
    }
}

#[test]
fn a_report_cut_at_any_byte_of_its_head_is_said_to_end_in_the_middle() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("report.json");
    write(&path, &[], &RunOutcome::Failures);
    let bytes = fs::read(&path).unwrap();
    for end in 0..bytes.len() - 2 {
        fs::write(&path, &bytes[..end]).unwrap();
        let refused = read(&path).unwrap_err();
        assert!(refused.contains("ends in the middle"), "cut after {end} bytes: {refused}");
    }
}

#[test]
fn who_takes_the_failures_may_refuse_them() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("report.json");
    let object = FailedObject { kind: ObjectKind::Fs, key: ObjectKey::MIN, is_doubtful: false };
    write(&path, &[object; 3], &RunOutcome::Failures);
    let mut taken = 0;
    let refused = earlier_report::read(&path, &mut |_| {
        taken += 1;
        if taken < 2 { Ok(()) } else { Err("the disk is full".to_owned()) }
    });
    assert!(refused.unwrap_err().to_string().contains("the disk is full"));
    assert_eq!(taken, 2);
}

#[test]
fn a_field_that_comes_twice_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("report.json");
    write(&path, &[], &RunOutcome::Failures);
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace("\"failures\": []", "\"failures\": [], \"failures\": []")).unwrap();
    assert!(read(&path).unwrap_err().contains("duplicate field `failures`"));
}
