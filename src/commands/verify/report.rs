//! The report of a verification, as JSON. `docs/report.md` describes the fields.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::Path;

use serde::Serialize;

use crate::commands::verify::result::{KindTotals, Verified};
use crate::compare::Tally;
use crate::metrics::Finding;
use crate::object::{LibraryId, ObjectKind, PerKind};
use crate::report::{Process, ReportHead, json};
use crate::store::Ignored;

#[derive(Serialize)]
struct Document<'a> {
    #[serde(flatten)]
    head: &'a ReportHead,
    began: &'a str,
    #[serde(flatten)]
    process: &'a Process,
    content_percent: f64,
    only_libraries: &'a [String],
    kinds: Vec<KindRow>,
}

#[derive(Serialize)]
struct KindRow {
    kind: ObjectKind,
    in_source: Option<u64>,
    at_destination: Option<u64>,
    #[serde(flatten)]
    tally: Tally,
    ignored_in_source: Option<Ignored>,
    ignored_at_destination: Option<Ignored>,
}

#[derive(Serialize)]
struct LibraryRow {
    library: LibraryId,
    #[serde(flatten)]
    kinds: BTreeMap<&'static str, Tally>,
}

/// Writes the report to `path`, replacing what is there.
///
/// # Errors
/// When the file cannot be written; what was there is then unchanged.
pub fn write(verified: &mut Verified<'_>, path: &Path, head: &ReportHead, process: &Process) -> io::Result<()> {
    let row = |(kind, totals): (ObjectKind, &KindTotals)| {
        let KindTotals { in_source, at_destination, tally } = *totals;
        let [ignored_in_source, ignored_at_destination] = verified.ignored[kind].clone();
        KindRow { kind, in_source, at_destination, tally, ignored_in_source, ignored_at_destination }
    };
    let document = serde_json::to_string_pretty(&Document {
        head,
        began: &verified.began,
        process,
        content_percent: verified.content_percent,
        only_libraries: verified.only,
        kinds: verified.kinds.iter().map(row).collect(),
    })?;
    json::replace(path, |out| {
        write!(out, "{}", document.strip_suffix("\n}").unwrap_or(&document))?;
        array(out, "libraries", |each| libraries(verified)?.iter().try_for_each(|row| each(text(row)?)))?;
        array(out, "findings", |each| verified.findings.each(|finding| each(text(&finding)?)))?;
        array(out, "damaged", |each| verified.damaged.each(|finding| each(text(&finding)?)))?;
        array(out, "vanished", |each| verified.vanished.each(|finding| each(text(&finding)?)))?;
        array(out, "wrong_once", |each| verified.wrong_once.each(|finding| each(text(&finding)?)))?;
        let unchecked: &[Finding] = verified.unchecked;
        array(out, "unchecked", |each| unchecked.iter().try_for_each(|finding| each(text(finding)?)))?;
        out.write_all(b"\n}\n")
    })
}

fn libraries(verified: &mut Verified<'_>) -> io::Result<Vec<LibraryRow>> {
    let kinds = |tallies: PerKind<Tally>| tallies.into_iter().map(|(kind, tally)| (kind.as_str(), tally)).collect();
    let row = |(library, tallies)| LibraryRow { library, kinds: kinds(tallies) };
    Ok(verified.tallies()?.into_iter().map(row).collect())
}

/// Takes the items of an array one by one, as JSON.
type Each<'a> = dyn FnMut(String) -> io::Result<()> + 'a;

/// Writes a field that is an array, after other fields. It is not part of the document before it, because it may be
/// larger than memory.
fn array(out: &mut dyn Write, name: &str, fill: impl FnOnce(&mut Each<'_>) -> io::Result<()>) -> io::Result<()> {
    write!(out, ",\n  \"{name}\": [")?;
    let mut count = 0_u64;
    fill(&mut |item| {
        count += 1;
        write!(out, "{}    {item}", if count == 1 { "\n" } else { ",\n" })
    })?;
    write!(out, "{}]", if count == 0 { "" } else { "\n  " })
}

fn text(item: &impl Serialize) -> io::Result<String> {
    Ok(serde_json::to_string(item)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::verify::outcome::VerifyOutcome;
    use crate::commands::verify::result::Row;
    use crate::conf::SideId;
    use crate::object::ObjectKey;
    use crate::report::jsonl::{JsonLog, Position};
    use crate::report::{Console, Times};

    struct Files {
        dir: tempfile::TempDir,
        rows: JsonLog<Row>,
        findings: JsonLog<Finding>,
        damaged: JsonLog<Finding>,
        vanished: JsonLog<Finding>,
        wrong_once: JsonLog<Finding>,
    }

    fn files(findings: usize) -> Files {
        let dir = tempfile::tempdir().unwrap();
        let open = |name: &str| JsonLog::open(&dir.path().join(name), Position::default()).unwrap();
        let mut found = open("findings");
        for n in 0..findings {
            let cause = format!("number {n}, \"quoted\"");
            found.push(&Finding::new(ObjectKind::Fs, &ObjectKey::MIN, "verify", "missing", cause)).unwrap();
        }
        let rows = JsonLog::open(&dir.path().join("rows"), Position::default()).unwrap();
        let (vanished, wrong_once) = (open("vanished"), open("wrong-once"));
        Files { damaged: open("damaged"), vanished, wrong_once, findings: found, rows, dir }
    }

    fn verified<'a>(files: &'a mut Files, outcome: &'a VerifyOutcome) -> Verified<'a> {
        let totals = KindTotals { in_source: Some(7), at_destination: None, tally: Tally::default() };
        Verified {
            outcome,
            began: "2026-01-01T00:00:00Z".to_owned(),
            content_percent: 12.5,
            only: &[],
            kinds: PerKind::from_fn(|_| totals),
            ignored: PerKind::default(),
            rows: &mut files.rows,
            findings: &mut files.findings,
            damaged: &mut files.damaged,
            vanished: &mut files.vanished,
            wrong_once: &mut files.wrong_once,
            unchecked: &[],
        }
    }

    fn written(findings: usize) -> serde_json::Value {
        let mut files = files(findings);
        let row = |kind: ObjectKind, missing: u64| {
            let tally = Tally { missing, ..Tally::default() };
            Row { kind, library: ObjectKey::MIN.library, tally }
        };
        [row(ObjectKind::Fs, 3), row(ObjectKind::Blocks, 1), row(ObjectKind::Fs, 2)]
            .iter()
            .for_each(|row| files.rows.push(row).unwrap());
        let path = files.dir.path().join("report.json");
        let places = || SideId::from_fn(|kind| format!("place of {kind}"));
        let (started, finished) = ("s".to_owned(), "f".to_owned());
        let times = Times { started, finished, seconds: 1.5, retries: 3 };
        let process = Process { times, from: places(), to: places() };
        let outcome = match findings as u64 {
            0 => VerifyOutcome::Complete { read: 0 },
            objects => VerifyOutcome::Findings { objects, read: 0 },
        };
        let head = ReportHead::of("verify", &outcome, &Console::quiet());
        write(&mut verified(&mut files, &outcome), &path, &head, &process).unwrap();
        serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
    }

    #[test]
    fn the_report_is_whole_json_however_much_was_found() {
        for findings in [0, 1, 25] {
            let report = written(findings);
            assert_eq!(report["findings"].as_array().unwrap().len(), findings);
            assert_eq!((&report["command"], &report["seconds"]), (&"verify".into(), &1.5.into()));
            assert_eq!(report["exit_code"], u64::from(findings > 0));
            assert_eq!(report["result"], if findings > 0 { "findings" } else { "complete" });
            for none in ["damaged", "vanished", "wrong_once"] {
                assert_eq!(report[none], serde_json::json!([]));
            }
            assert_eq!(report["kinds"][0]["in_source"], 7);
            assert!(report["kinds"][0]["at_destination"].is_null());
        }
        assert_eq!(written(25)["findings"][24]["cause"], "number 24, \"quoted\"");
    }

    #[test]
    fn a_library_that_comes_twice_is_one_row() {
        let report = written(0);
        let rows = report["libraries"].as_array().unwrap();
        let missing = ["commits", "fs", "blocks"].map(|kind| rows[0][kind]["missing"].as_u64().unwrap());
        assert_eq!((rows.len(), missing), (1, [0, 5, 1]));
    }

    #[test]
    fn a_report_that_cannot_be_written_leaves_the_old_one() {
        let mut files = files(1);
        let missing = files.dir.path().join("no/such/report.json");
        let places = || SideId::from_fn(|kind| format!("place of {kind}"));
        let times = Times { started: String::new(), finished: String::new(), seconds: 0.0, retries: 0 };
        let process = Process { times, from: places(), to: places() };
        let complete = VerifyOutcome::Complete { read: 0 };
        let head = ReportHead::of("verify", &complete, &Console::quiet());
        assert!(write(&mut verified(&mut files, &complete), &missing, &head, &process).is_err());
        files.findings.sync().unwrap();
        // One whose findings are lost on the way stays as it was.
        let kept = files.dir.path().join("report.json");
        std::fs::write(&kept, "old").unwrap();
        std::fs::write(files.dir.path().join("findings"), "no JSON\n").unwrap();
        assert!(write(&mut verified(&mut files, &complete), &kept, &head, &process).is_err());
        assert_eq!(std::fs::read_to_string(&kept).unwrap(), "old");
    }
}
