//! The page is well formed and fetches nothing, whatever text is put into it, and contains that text. And the verdict.

use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use proptest::prelude::*;
use seaf_migrate::commands::common::failure::Failure;
use seaf_migrate::commands::run::heads::result::{Broken, Heads, HeadsResult, Moved, NAMED};
use seaf_migrate::commands::run::outcome::RunOutcome;
use seaf_migrate::commands::run::verdict::Verdict;
use seaf_migrate::metrics::series::Point;
use seaf_migrate::object::LibraryId;
use seaf_migrate::object::selection::Selection;
use seaf_migrate::reach::{Counts, LibraryResult};
use seaf_migrate::report::page::{self, Banner, Cell, Column, Curve, Figure, Page, Part, Table};

use crate::support::page::PageText;

/// A page with `text` at every place that takes one.
fn page_of(text: &str) -> Page {
    let own = || text.to_owned();
    let cells = || {
        let mark = Cell::Mark { good: false, word: own() };
        vec![Cell::Plain(own()), Cell::Id(own()), Cell::Named(own(), own()), Cell::Lines(vec![own(), own()]), mark]
    };
    let table = Table {
        title: own(),
        intro: own(),
        columns: ["a", "b", "c", "d", "e"].map(Column::Text).into(),
        rows: vec![cells(), cells()],
        total: Some(cells()),
        outro: own(),
    };
    Page {
        subject: own(),
        verdict: Banner { good: false, headline: own(), why: own(), next: own() },
        facts: vec![("Fact", vec![own(), own()])],
        figures: vec![Figure::new(text, text, text, true)],
        parts: vec![Part::Table(table), Part::Note(own(), own())],
    }
}

fn curve(points: &[(f64, u64)]) -> String {
    let point =
        |(at, bytes): &(f64, u64)| Point { at: Duration::from_secs_f64(*at), objects: bytes / 10, bytes: *bytes };
    let points = points.iter().map(point).collect();
    let curve = Curve { title: "Throughput".to_owned(), points, phases: vec![(Duration::ZERO, "blocks")] };
    Page { parts: vec![Part::Curve(curve)], ..page_of("x") }.to_string()
}

#[test]
fn hostile_names_are_text_and_nothing_else() {
    for name in [
        "<script>alert(1)</script>",
        "\"><img src=x onerror=alert(1)>",
        "a & b < c > d \" e ' f",
        "</title></style><svg onload=alert(1)>",
        "]]> <!-- &amp; &lt; &#60; --> <![CDATA[x]]>",
        "javascript:alert(1) http://example.test/x.js",
    ] {
        let page = PageText::parse(&page_of(name).to_string());
        assert_eq!(page.text("h1"), name);
        assert_eq!(page.text("title"), format!("{name} – {name}"));
        assert_eq!(page.headings(), [name, name]);
        for cell in page.of("td") {
            assert!(cell.text == name || cell.text == name.repeat(2), "{}", cell.text);
        }
    }
}

#[test]
fn what_no_page_may_hold_is_shown_as_something_unknown() {
    // A nul, an escape sequence, what is no character, and signs that turn the text around.
    for (name, shown) in [
        ("a\0b", "a\u{fffd}b"),
        ("\x1b[31mred", "\u{fffd}[31mred"),
        ("x\u{ffff}", "x\u{fffd}"),
        ("gpj.\u{202e}exe", "gpj.\u{fffd}exe"),
        ("line\r\nbreak", "line\u{fffd}\nbreak"),
        ("del\u{7f}\u{85}", "del\u{fffd}\u{fffd}"),
    ] {
        assert_eq!(PageText::parse(&page_of(name).to_string()).text("h1"), shown);
    }
}

proptest! {
    #[test]
    fn any_text_makes_a_page_that_is_well_formed(name in any::<String>()) {
        let page = PageText::parse(&page_of(&name).to_string());
        prop_assert_eq!(page.text("h1").chars().count(), name.chars().count());
    }

    #[test]
    fn any_course_makes_a_curve_within_its_frame(steps in prop::collection::vec((0.0..1e5f64, 0u64..1 << 50), 0..60)) {
        let (mut at, mut bytes) = (0.0, 0);
        let points: Vec<_> = steps.iter().map(|(step, more)| { at += step; bytes += more; (at, bytes) }).collect();
        let page = PageText::parse(&curve(&points));
        for path in page.of("path").filter(|path| ["area", "edge"].contains(&path.class())) {
            let numbers = path.attributes["d"].split(|c: char| "MVHZ ".contains(c)).filter(|text| !text.is_empty());
            for number in numbers.map(|text| text.parse::<f64>().unwrap()) {
                prop_assert!((0.0..=1000.0).contains(&number), "{}", path.attributes["d"]);
            }
        }
    }
}

#[test]
fn a_curve_is_as_high_as_its_highest_rate_and_as_long_as_the_pass() {
    let page = PageText::parse(&curve(&[(0.0, 0), (10.0, 1_000_000), (20.0, 11_000_000), (40.0, 11_000_000)]));
    let captions: Vec<_> = page.of("figcaption").map(|caption| caption.text.as_str()).collect();
    assert_eq!(captions, ["Bytes a secondat most 1.0 MB/s", "Objects a secondat most 100,000/s"]);
    assert_eq!(page.text("times"), "040.0 s");
    let edge = page.of("path").find(|path| path.class() == "edge").unwrap();
    assert_eq!(edge.attributes["d"], "M0 100V90.0H250.0V0.0H500.0V100.0H1000.0");
    let label = &page.of("svg").last().unwrap().attributes["aria-label"];
    assert_eq!(label, "Objects a second, at most 100,000/s");
}

#[test]
fn a_pass_that_took_no_time_has_no_curve() {
    for points in [&[][..], &[(0.0, 0)], &[(0.0, 0), (0.0, 7)]] {
        assert_eq!(PageText::parse(&curve(points)).headings(), [""; 0]);
    }
    // One in which nothing was copied has a flat one.
    let flat = curve(&[(0.0, 0), (9.0, 0)]);
    assert!(flat.contains("M0 100V100.0H1000.0"), "{flat}");
}

#[test]
fn a_table_has_a_heading_for_every_cell_and_numbers_apart() {
    let table = Table {
        title: "T".to_owned(),
        columns: vec![Column::Text("Name"), Column::Number("Bytes")],
        rows: vec![vec![Cell::of("x"), Cell::of(12)]],
        ..Table::default()
    };
    let page = Page { parts: vec![Part::Table(table)], ..page_of("p") };
    let page = PageText::parse(&page.to_string());
    let cells: Vec<_> =
        page.of("td").map(|cell| (cell.attributes["data-name"].as_str(), cell.class(), cell.text.as_str())).collect();
    assert_eq!(cells, [("Name", "", "x"), ("Bytes", "n", "12")]);
    assert!(page.of("th").all(|heading| heading.attributes["scope"] == "col"));
}

#[test]
fn a_table_without_rows_is_its_words_alone() {
    let table = Table {
        title: "T".to_owned(),
        intro: "nothing".to_owned(),
        columns: vec![Column::Text("x")],
        ..Table::default()
    };
    let page = PageText::parse(&Page { parts: vec![Part::Table(table)], ..page_of("p") }.to_string());
    assert_eq!((page.of("table").count(), page.part("T").contains("nothing")), (0, true));
}

#[test]
fn the_verdict_is_the_first_thing_after_the_subject_and_not_told_by_colour_alone() {
    for (good, class) in [(true, "verdict good"), (false, "verdict bad")] {
        let mut page = page_of("text");
        page.verdict = Banner { good, headline: "Headline".to_owned(), ..page.verdict };
        let text = page.to_string();
        assert!(text.find("<h1>").unwrap() < text.find("<dl").unwrap());
        let page = PageText::parse(&text);
        assert_eq!(page.of("section").next().unwrap().class(), class);
        let sign = &page.of("path").next().unwrap().attributes["d"];
        assert_eq!(sign.starts_with("M5"), good, "{sign}");
    }
}

#[test]
fn the_page_serves_light_dark_print_and_phones() {
    let page = PageText::parse(&page_of("x").to_string());
    let style = page.text("style");
    for rule in ["prefers-color-scheme: dark", "@media print", "max-width: 44rem", "tabular-nums"] {
        assert!(style.contains(rule), "{rule}");
    }
    let metas: Vec<_> = page.of("meta").map(|meta| format!("{:?}", meta.attributes)).collect();
    assert!(metas.iter().any(|meta| meta.contains("default-src 'none'")), "{metas:?}");
    assert!(metas.iter().any(|meta| meta.contains("width=device-width")), "{metas:?}");
}

#[test]
fn the_file_is_for_its_owner_and_is_replaced_as_a_whole() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("page.html");
    std::fs::write(&path, "older").unwrap();
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o644)).unwrap();
    page::write(&path, &page_of("newer")).unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(std::fs::read_to_string(&path).unwrap().contains("newer"));
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    assert!(page::write(&dir.path().join("no/such/folder.html"), &page_of("x")).is_err());
}

fn whole() -> HeadsResult {
    HeadsResult { libraries: 41, whole: 41, ..HeadsResult::default() }
}

fn library(number: u8) -> LibraryResult {
    let id = LibraryId::from_bytes([number; 16]);
    LibraryResult {
        id,
        store_id: id,
        name: None,
        trashed: false,
        counts: Counts::default(),
        findings: Vec::new(),
        more_findings: 1,
    }
}

fn broken(count: u8) -> Broken {
    let mut broken = Broken::default();
    (0..count).for_each(|number| broken.add(library(number)));
    broken
}

/// Outcome, heads, and the expected verdict: yes or no, a part of the reason, a part of the advice.
#[test]
fn it_is_safe_to_switch_only_when_everything_was_seen_to_be_so() {
    let checked = |change: fn(&mut HeadsResult)| {
        let mut result = whole();
        change(&mut result);
        Heads::Checked(result)
    };
    let (good, none) = (checked(|_| {}), Heads::not_checked("no database", "Name it."));
    let lost = checked(|heads| (heads.whole, heads.not_whole) = (39, broken(2)));
    let moved = checked(|heads| heads.moved = Moved::Known { count: 3, libraries: Vec::new() });
    let unknown = checked(|heads| heads.moved = Moved::Unknown { why: "it is gone".to_owned() });
    let damaged = checked(|heads| (heads.whole, heads.damaged_in_source) = (40, broken(1)));
    let missing = checked(|heads| (heads.whole, heads.missing_in_source) = (39, broken(2)));
    let accepted = checked(|heads| (heads.whole, heads.accepted) = (40, broken(1)));
    let only_accepted = checked(|heads| (heads.libraries, heads.whole, heads.accepted) = (1, 0, broken(1)));
    let unjudged = checked(|heads| (heads.whole, heads.changed_meanwhile) = (40, broken(1)));
    let empty = checked(|heads| (heads.libraries, heads.whole) = (0, 0));
    let foreign = checked(|heads| (heads.libraries, heads.whole, heads.damaged_in_source) = (2, 0, broken(2)));
    let retried = || RunOutcome::Retried { report: "report.json".to_owned(), damaged: false };
    let stopped = |failure: fn(String) -> Failure, cause: &str| RunOutcome::Stopped(failure(cause.to_owned()));
    let nothing = RunOutcome::NothingToRetry { report: "report.json".to_owned() };
    let unwritten = RunOutcome::FileNotWritten("the page p could not be written".to_owned());
    for (outcome, heads, yes, why, next) in [
        (RunOutcome::Complete, &good, true, "41 libraries are whole there", "Put the new seafile.conf in place"),
        (RunOutcome::DamagedSource, &good, true, "41 libraries are whole", "start the server"),
        (RunOutcome::Complete, &damaged, true, "1 library is damaged in the source already", "Put the new"),
        (RunOutcome::Complete, &none, false, "not checked: no database", "Name it."),
        (RunOutcome::Complete, &moved, false, "3 libraries changed while the pass ran", "Stop the server"),
        (RunOutcome::Complete, &unknown, false, "is not known: it is gone", "with the server stopped"),
        (RunOutcome::NotWhole, &lost, false, "2 libraries are not whole", "--relist"),
        (RunOutcome::Complete, &lost, false, "2 libraries are not whole", "--relist"),
        (RunOutcome::SourceIncomplete, &missing, false, "missing in the source as well: 00000000-", "--accept-damage"),
        (RunOutcome::Complete, &missing, false, "the newest state of 2 libraries needs", "--accept-damage"),
        (RunOutcome::Complete, &accepted, true, "--accept-damage accepts: 00000000-", "Put the new"),
        (RunOutcome::Complete, &only_accepted, true, "0 libraries are whole", "Put the new"),
        (RunOutcome::Complete, &unjudged, false, "not every library could be judged", "Run again"),
        (RunOutcome::Failures, &good, false, "some objects are not at the destination", "run again"),
        (RunOutcome::Failures, &lost, false, "some objects are not at the destination", "run again"),
        (RunOutcome::Complete, &empty, false, "names no library", "database of this server"),
        (RunOutcome::Complete, &foreign, false, "names no library", "database of this server"),
        (retried(), &none, false, "only what had failed", "without --retry-failed"),
        (retried(), &good, false, "only what had failed", "without --retry-failed"),
        (RunOutcome::Stopped(Failure::Interrupted { signal: 2 }), &good, false, "interrupted", "Run again"),
        (stopped(Failure::StoreFull, "disk"), &good, false, "did not come to its end", "run again"),
        (stopped(Failure::LocalFile, "/tmp/x"), &good, false, "a file of this machine failed: /tmp/x", "run again"),
        (unwritten, &good, false, "the page p could not be written", "run again"),
        (nothing, &none, false, "only what had failed", "without --retry-failed"),
        (stopped(Failure::Database, "no answer"), &none, false, "the database failed: no answer", "run again"),
        (stopped(Failure::Store, "bucket gone"), &good, false, "bucket gone", "run again"),
        (stopped(Failure::Locked, "pid 7"), &none, false, "pid 7", "run again"),
        (stopped(Failure::Refused, "no"), &none, false, "no", "run again"),
    ] {
        let verdict = Verdict::of(
            &outcome,
            heads,
            &Selection::All,
            "Put the new seafile.conf in place and start the server with it.",
        );
        assert_eq!(verdict.yes, yes, "{outcome:?}: {verdict:?}");
        assert!(verdict.why.contains(why) && verdict.next.contains(next), "{outcome:?}: {verdict:?}");
    }
}

#[test]
fn nothing_is_safe_by_default() {
    assert!(!Verdict::of(&RunOutcome::Complete, &Heads::default(), &Selection::All, "Start it.").yes);
}

#[test]
fn of_many_broken_libraries_the_first_are_named_and_all_are_counted() {
    let broken = broken(250);
    assert_eq!((broken.count, broken.libraries.len()), (250, NAMED));
    assert_eq!(broken.libraries[3], library(3));
}

#[test]
fn the_json_of_the_heads_is_what_the_documentation_says() {
    let json = |heads: &Heads| serde_json::to_value(heads).unwrap();
    let expected = serde_json::json!({"state": "not checked", "why": "a", "next": "b"});
    assert_eq!(json(&Heads::not_checked("a", "b")), expected);
    let id = LibraryId::from_bytes([7; 16]);
    let heads = Heads::Checked(HeadsResult { moved: Moved::Known { count: 1, libraries: vec![id] }, ..whole() });
    let none = serde_json::json!({"count": 0, "libraries": []});
    let expected = serde_json::json!({
        "state": "checked", "libraries": 41, "whole": 41, "unchanged": 0, "not_whole": none, "damaged_in_source": none,
        "missing_in_source": none, "accepted": none, "changed_meanwhile": none,
        "moved": {"state": "known", "count": 1, "libraries": [id.to_string()]},
    });
    assert_eq!(json(&heads), expected);
    let heads = Heads::Checked(HeadsResult { moved: Moved::Unknown { why: "gone".to_owned() }, ..whole() });
    assert_eq!(json(&heads)["moved"], serde_json::json!({"state": "unknown", "why": "gone"}));
}
