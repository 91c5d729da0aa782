//! The pages of the commands, in cases that are slow or hard to make with real data.

use std::time::Duration;

use seaf_migrate::commands::common::failure::Failure;
use seaf_migrate::commands::fsck::outcome::FsckOutcome;
use seaf_migrate::commands::fsck::page as fsck_page;
use seaf_migrate::commands::verify::outcome::VerifyOutcome;
use seaf_migrate::commands::verify::page as verify_page;
use seaf_migrate::commands::verify::result::{KindTotals, Row, Verified};
use seaf_migrate::compare::Tally;
use seaf_migrate::conf::{Environment, Role, SideConf, SideId, SideText, TextFile, parse_side};
use seaf_migrate::metrics::Finding;
use seaf_migrate::object::{LibraryId, ObjectId, ObjectKind, PerKind};
use seaf_migrate::reach;
use seaf_migrate::reach::{Counts, DefectKind, FsckResult, LibraryResult};
use seaf_migrate::report::jsonl::{JsonLog, Position};
use seaf_migrate::report::{Console, Outcome, Process, ReportHead, Times};

use crate::support::page::PageText;

fn id(number: u16) -> LibraryId {
    let mut id = [7; 16];
    id[..2].copy_from_slice(&number.to_be_bytes());
    LibraryId::from_bytes(id)
}

fn library(number: u16, findings: usize) -> LibraryResult {
    let finding = reach::Defect {
        kind: ObjectKind::Blocks,
        id: Some(ObjectId::from_bytes([9; 20])),
        what: DefectKind::Missing,
        paths: vec!["/a <b> & c".to_owned()],
        more_paths: 4,
        commit: None,
    };
    let counts = Counts { commits: 1, dirs: 2, files: u64::from(number), blocks: 3 };
    let findings = vec![finding; findings];
    LibraryResult {
        id: id(number),
        store_id: id(number),
        name: Some(format!("library {number}")),
        trashed: number == 1,
        counts,
        findings,
        more_findings: 0,
    }
}

fn checked(libraries: Vec<LibraryResult>) -> FsckResult {
    FsckResult { libraries, unfinished: 0, guessed: false, ignored: Vec::new() }
}

fn side() -> SideConf {
    let conf = TextFile { name: "seafile.conf".to_owned(), bytes: Vec::new() };
    let text = SideText { conf: Some(conf), data_dir: Some("/data".into()), ..SideText::default() };
    parse_side(&text, Role::Source, &Environment::default()).unwrap()
}

fn fsck_page(result: &FsckResult) -> PageText {
    let scope = fsck_page::Scope { side: &side(), head_only: false, content: true };
    let whole = FsckOutcome::Whole { libraries: result.libraries.len() as u64 };
    let page = fsck_page::of(&scope, &whole, result, Vec::new(), &jiff::Zoned::now(), Duration::from_secs(90));
    PageText::parse(&page.to_string())
}

#[test]
fn a_sound_side_is_whole() {
    let page = fsck_page(&checked((1..=3).map(|number| library(number, 0)).collect()));
    assert_eq!(page.text("h1"), "Whole: yes");
    assert!(page.text("verdict good").contains("the heads of 3 libraries"));
    for text in ["/data/storage/commits", "every block read and hashed", "00:01:30", "all of the history"] {
        assert!(page.text("facts").contains(text), "{text}: {}", page.text("facts"));
    }
    assert_eq!(page.headings(), ["Libraries"]);
    // The largest first, and the trash is named.
    let names: Vec<_> = page.of("b").map(|name| name.text.as_str()).collect();
    assert_eq!(names, ["library 3", "library 2", "library 1 (in the trash)"]);
}

#[test]
fn a_check_that_was_interrupted_is_neither_whole_nor_broken() {
    for findings in [0, 2] {
        let mut result = checked(vec![library(1, findings)]);
        result.unfinished = 5;
        let page = fsck_page(&result);
        assert_eq!(page.text("h1"), "Whole: not known");
        assert!(page.text("verdict bad").contains("5 libraries left"), "{}", page.text("verdict bad"));
    }
}

#[test]
fn of_very_many_findings_a_thousand_have_a_row() {
    let mut result = checked((1..=11).map(|number| library(number, 100)).collect());
    result.libraries[0].more_findings = 7;
    let page = fsck_page(&result);
    assert_eq!(page.text("h1"), "Whole: no");
    let part = page.part("What is wrong");
    assert_eq!(part.matches("blocks: missing").count(), 1000);
    assert!(part.contains("And 107 more; --report FILE names them"), "{}", &part[part.len() - 100..]);
    assert_eq!(part.matches("/a <b> & cand 4 more").count(), 1000);
    assert!(page.of("span").any(|mark| mark.class() == "mark bad" && mark.text == "107 findings"));
}

#[test]
fn of_very_many_libraries_the_largest_have_a_row() {
    let page = fsck_page(&checked((1..=250).map(|number| library(number, 0)).collect()));
    let names: Vec<_> = page.of("b").map(|name| name.text.as_str()).collect();
    assert_eq!((names.len(), names[0], names[199]), (200, "library 250", "library 51"));
    assert!(page.part("Libraries").contains("The 200 largest; 50 more are not shown"));
    assert!(page.text("figures").contains("Libraries250"));
}

#[test]
fn rows_that_were_ignored_and_heads_that_were_guessed_are_told() {
    let mut result = checked(Vec::new());
    result.ignored = vec!["Repo: \"<x>\" is not a library id".to_owned()];
    let page = fsck_page(&result);
    assert!(page.part("Rows of the database").contains("Repo: \"<x>\" is not a library id"));
    assert!(page.text("facts").contains("from the database"), "{}", page.text("facts"));
    result.guessed = true;
    let scope = fsck_page::Scope { side: &side(), head_only: true, content: false };
    let stopped = FsckOutcome::Stopped(Failure::Store("it is <gone>".to_owned()));
    let warned = vec!["look <here>".to_owned()];
    let page = fsck_page::of(&scope, &stopped, &result, warned, &jiff::Zoned::now(), Duration::ZERO).to_string();
    let page = PageText::parse(&page);
    assert!(page.text("verdict bad").contains("it is <gone>"), "{}", page.text("verdict bad"));
    assert!(page.part("Warnings: 1").contains("look <here>"));
    let facts = page.text("facts");
    assert!(facts.contains("worked out from the commits") && facts.contains("asked for its size"), "{facts}");
}

/// What a verification found, in a folder of its own.
struct Found {
    folder: tempfile::TempDir,
    findings: Vec<Finding>,
    damaged: Vec<Finding>,
    unchecked: Vec<Finding>,
    rows: Vec<Row>,
    only: Vec<String>,
    content_percent: f64,
}

fn finding(number: u16) -> Finding {
    Finding {
        kind: ObjectKind::Blocks,
        library: id(number),
        object: format!("{number:040x}").parse().unwrap(),
        step: "verify".to_owned(),
        error: "missing".to_owned(),
        cause: "not at <the> destination".to_owned(),
        archive_class: None,
    }
}

impl Found {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (findings, damaged, unchecked, rows, only) = Default::default();
        Self { folder, findings, damaged, unchecked, rows, only, content_percent: 0.0 }
    }

    fn lines<T: serde::Serialize + serde::de::DeserializeOwned + Clone>(&self, name: &str, items: &[T]) -> JsonLog<T> {
        let mut lines = JsonLog::open(&self.folder.path().join(name), Position::default()).unwrap();
        items.iter().for_each(|item| lines.push(item).unwrap());
        lines
    }

    fn page(&self, outcome: &VerifyOutcome) -> PageText {
        let [mut findings, mut damaged] =
            [("findings", &self.findings), ("damaged", &self.damaged)].map(|(name, items)| self.lines(name, items));
        let mut rows = self.lines("rows", &self.rows);
        let (mut vanished, mut wrong_once) = (self.lines("vanished", &[]), self.lines("wrong-once", &[]));
        let tally = Tally { objects: 5, read: 4, missing: self.findings.len() as u64, ..Tally::default() };
        let mut verified = Verified {
            outcome,
            began: "then".to_owned(),
            content_percent: self.content_percent,
            only: &self.only,
            kinds: PerKind::from_fn(|_| KindTotals { in_source: Some(5), at_destination: Some(4), tally }),
            ignored: PerKind::default(),
            rows: &mut rows,
            findings: &mut findings,
            damaged: &mut damaged,
            vanished: &mut vanished,
            wrong_once: &mut wrong_once,
            unchecked: &self.unchecked,
        };
        let places = |side: &str| SideId::from_fn(|kind| format!("fs:/{side}/{kind}"));
        let started = "2026-11-21T12:42:01Z".to_owned();
        let times = Times { started, finished: String::new(), seconds: 4000.0, retries: 0 };
        let process = Process { times, from: places("old"), to: places("new") };
        let console = Console::quiet();
        console.warning("look <here>");
        let head = ReportHead::of("verify", outcome, &console);
        PageText::parse(&verify_page::of(&mut verified, &head, &process).unwrap().to_string())
    }
}

#[test]
fn each_end_of_a_verification_has_its_verdict() {
    let mut some = Found::new();
    some.only = vec![id(1).to_string()];
    let all = Found::new();
    let (complete, damaged) = (VerifyOutcome::Complete { read: 0 }, VerifyOutcome::DamagedSource { read: 2 });
    let findings = VerifyOutcome::Findings { objects: 3, read: 0 };
    let stopped = |failure| VerifyOutcome::Stopped { failure, checkpoint: None };
    for (found, outcome, good, headline) in [
        (&all, complete.clone(), true, "Everything is there: yes"),
        (&all, damaged, true, "Everything is there: yes"),
        (&some, complete, true, "Everything is there: yes, of these libraries"),
        (&all, findings.clone(), false, "Everything is there: no"),
        (&some, findings, false, "Everything is there: no"),
        (&all, stopped(Failure::Interrupted { signal: 15 }), false, "Everything is there: not known"),
        (&all, stopped(Failure::Store("gone".to_owned())), false, "Everything is there: not known"),
        (&all, stopped(Failure::LocalFile("disk".to_owned())), false, "Everything is there: not known"),
    ] {
        let page = found.page(&outcome);
        assert_eq!(page.text("h1"), headline, "{outcome:?}");
        let class = if good { "verdict good" } else { "verdict bad" };
        let (why, sentence) = (page.text(class), outcome.to_string());
        assert!(why.contains(&sentence[1..]), "{sentence} is not in {why}");
        assert!(page.text("facts").contains(&format!("Exit code{}", outcome.exit_code())));
    }
}

#[test]
fn the_facts_of_a_verification_are_told() {
    let mut found = Found::new();
    let page = found.page(&VerifyOutcome::Complete { read: 0 });
    let facts = page.text("facts").replace('\n', "");
    for text in ["fs:/old/fs", "fs:/new/blocks", "Comparedids and sizes", "Librariesall", "Exit code0"] {
        assert!(facts.contains(text), "{text}: {facts}");
    }
    found.content_percent = 2.5;
    found.only = vec![id(1).to_string(), id(2).to_string()];
    let page = found.page(&VerifyOutcome::Complete { read: 0 });
    let facts = page.text("facts").replace('\n', "");
    assert!(facts.contains("2.5 % of the objects read and hashed"), "{facts}");
    assert!(facts.contains(&format!("Libraries{}, {}", id(1), id(2))), "{facts}");
    assert!(facts.contains("2026-11-21 12:42:01") && facts.contains("Took01:06:40"), "{facts}");
}

#[test]
fn what_a_verification_found_is_named_and_bounded() {
    let mut found = Found::new();
    found.findings = (0..1200).map(finding).collect();
    found.damaged = vec![finding(3)];
    found.unchecked = vec![finding(4), finding(5)];
    let page = found.page(&VerifyOutcome::Findings { objects: 1, read: 0 });
    let part = page.part("Not as in the source: 1,200 objects");
    assert_eq!(part.matches("not at <the> destination").count(), 1000);
    assert!(part.contains("And 200 more; --report FILE names every one of them"));
    assert!(page.part("Could not be checked: 2 objects").contains(&format!("{}/{:040x}", id(5), 5)));
    assert!(page.part("Damaged in the source: 1 object").contains(&id(3).to_string()));
    let order = [
        "Not as in the source: 1,200 objects",
        "Could not be checked: 2 objects",
        "Damaged in the source: 1 object",
        "Warnings: 1",
        "By kind",
    ];
    assert_eq!(page.headings(), order);
}

#[test]
fn libraries_with_something_wrong_come_before_larger_ones() {
    let mut found = Found::new();
    let row = |number: u16, missing| Row {
        kind: ObjectKind::Blocks,
        library: id(number),
        tally: Tally { objects: 10, bytes: 1000 * u64::from(number), missing, ..Tally::default() },
    };
    found.rows = (0..300).map(|number| row(number, u64::from(number == 7))).collect();
    // The same library once more: its numbers add up.
    found.rows.push(Row { kind: ObjectKind::Fs, ..row(7, 2) });
    let page = found.page(&VerifyOutcome::Findings { objects: 1, read: 0 });
    let part: Vec<_> =
        page.of("tr").filter(|row| row.text.contains("-0707-0707-") || row.text.contains("others")).collect();
    assert_eq!(part.len(), 201);
    assert!(part[0].text.starts_with(&format!("{}2000 B3", id(7))), "{}", part[0].text);
    assert!(part[1].text.starts_with(&id(299).to_string()));
    assert!(part[200].text.starts_with("100 others1,000"), "{}", part[200].text);
}
