//! Findings, of which there may be millions: all are in the report, the first in the summary.

use std::io::Write;

use seaf_migrate::metrics::findings::{SHOWN, UNNAMED_CLASS};
use seaf_migrate::metrics::{Finding, Findings};
use seaf_migrate::object::{LibraryId, ObjectId, ObjectKey, ObjectKind};
use seaf_migrate::store::{ErrorKind, StoreError};
use serde_json::Value;

fn finding(number: u32, cause: &str) -> Finding {
    let mut id = [0; 20];
    id[..4].copy_from_slice(&number.to_be_bytes());
    let key = ObjectKey::new(LibraryId::from_bytes([7; 16]), ObjectId::from_bytes(id));
    Finding::new(ObjectKind::Blocks, &key, "read", "timeout", cause)
}

/// The elements that the findings write into a report.
fn written(findings: &Findings) -> Vec<Value> {
    let mut out = b"[".to_vec();
    findings.write_json(&mut out).unwrap();
    out.push(b']');
    serde_json::from_slice(&out).unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&out)))
}

#[test]
fn no_finding_is_an_empty_array() {
    assert_eq!(written(&Findings::default()), [] as [Value; 0]);
}

#[test]
fn every_finding_is_in_the_report_and_the_first_ones_in_the_summary() {
    let findings = Findings::default();
    (0..1000).for_each(|number| findings.add(finding(number, &format!("cause {number}"))));
    assert_eq!((findings.count(), findings.first().len()), (1000, SHOWN));
    assert_eq!(findings.first()[0].cause, "cause 0");
    let rows = written(&findings);
    assert_eq!(rows.len(), 1000);
    assert!(rows.iter().enumerate().all(|(number, row)| row["cause"] == format!("cause {number}")));
    assert_eq!(rows[3]["object"].as_str().unwrap().len(), 40);
}

#[test]
fn a_report_written_in_between_does_not_lose_what_comes_later() {
    let findings = Findings::default();
    findings.add(finding(1, "early"));
    assert_eq!(written(&findings).len(), 1);
    assert_eq!(written(&findings).len(), 1, "and it may be written twice");
    findings.add(finding(2, "late"));
    let causes: Vec<_> = written(&findings).iter().map(|row| row["cause"].as_str().unwrap().to_owned()).collect();
    assert_eq!(causes, ["early", "late"]);
}

#[test]
fn whatever_a_store_says_stays_one_row() {
    let findings = Findings::default();
    let said = ["two\nlines", "\"quotes\" \\ and \t", "]}, {", "\u{0}\u{1b}[31m", "日本 😀", "\u{2028}", ""];
    said.iter().for_each(|cause| findings.add(finding(1, cause)));
    let rows = written(&findings);
    assert!(rows.iter().map(|row| row["cause"].as_str().unwrap()).eq(said));
}

#[test]
fn findings_of_many_workers_are_all_kept_whole() {
    let findings = Findings::default();
    std::thread::scope(|scope| {
        for worker in 0..8 {
            let findings = &findings;
            scope.spawn(move || (0..100).for_each(|n| findings.add(finding(worker * 100 + n, &"x".repeat(300)))));
        }
    });
    let mut objects: Vec<_> = written(&findings).iter().map(|row| row["object"].as_str().unwrap().to_owned()).collect();
    objects.sort();
    objects.dedup();
    assert_eq!((findings.count(), objects.len()), (800, 800));
}

#[test]
fn a_report_that_cannot_be_written_is_an_error() {
    struct Full;
    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::StorageFull.into())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let findings = Findings::default();
    findings.add(finding(1, "x"));
    assert!(findings.write_json(&mut Full).is_err());
    assert_eq!(written(&findings).len(), 1, "and it can be tried again");
}

#[test]
fn the_first_of_many_findings_are_read_back_without_losing_the_others() {
    let findings = Findings::default();
    assert_eq!(findings.take(10).unwrap(), []);
    (0..50).for_each(|number| findings.add(finding(number, "a \"cause\"\nwith <signs>")));
    for most in [0, 1, 49, 50, 1000] {
        let taken = findings.take(most).unwrap();
        let expected: Vec<_> = (0..50).take(most).map(|number| finding(number, "a \"cause\"\nwith <signs>")).collect();
        assert_eq!(taken, expected);
    }
    // More come, and the report has all of them.
    findings.add(finding(50, "last"));
    assert_eq!((findings.count(), written(&findings).len()), (51, 51));
    assert_eq!(findings.take(51).unwrap()[50], finding(50, "last"));
}

#[test]
fn objects_in_archives_are_told_by_class_and_are_all_in_the_report() {
    let findings = Findings::default();
    let archived = |number, class: Option<&str>| {
        let key = finding(number, "").key();
        let error = StoreError::object(ErrorKind::Archived, "read", &key, "HTTP 403").in_archive(class);
        findings.add(Finding::from_error(ObjectKind::Blocks, &key, &error));
    };
    (0..500).for_each(|number| archived(number, Some("GLACIER")));
    (500..503).for_each(|number| archived(number, Some("DEEP_ARCHIVE")));
    // No name of a class, so none is told.
    archived(503, Some("a\u{1b}[2J class"));
    findings.add(finding(504, "slow"));
    let shown = findings.shown();
    let told: Vec<_> =
        shown.archived().map(|sort| (sort.first.archive_class.as_deref().unwrap(), sort.count)).collect();
    assert_eq!(told, [("DEEP_ARCHIVE", 3), ("GLACIER", 500), (UNNAMED_CLASS, 1)]);
    assert_eq!((shown.first().len(), shown.untold()), (1, 0), "the others are told one by one");
    assert_eq!(findings.first().len(), SHOWN, "who tells no classes names these, too");
    let rows = written(&findings);
    assert_eq!((rows.len(), rows[0]["archive_class"].as_str(), findings.count()), (505, Some("GLACIER"), 505));
    assert!(rows[504].get("archive_class").is_none(), "{}", rows[504]);
    // A server that names a class of its own for each object fills no memory.
    (600..1600).for_each(|number| archived(number, Some(&format!("CLASS_{number}"))));
    let shown = findings.shown();
    assert!(shown.archived().count() < 50, "{}", shown.archived().count());
    assert_eq!(shown.archived().map(|sort| sort.count).sum::<u64>(), 1504);
}
