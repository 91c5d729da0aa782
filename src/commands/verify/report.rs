//! What a verification came to: the table at its end, and the report file.
//!
//! The report is of the same family as a pass's ([`json`]): `command` tells which it is.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::compare::Tally;
use crate::metrics::Finding;
use crate::metrics::findings::SHOWN;
use crate::object::{LibraryId, ObjectKind, PerKind};
use crate::report::header::{PROGRAM, VERSION};
use crate::report::jsonl::JsonLog;
use crate::report::{Console, Ending, Process, format};
use crate::sys::private_file;

/// The numbers of one library and kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// The kind.
    pub kind: ObjectKind,
    /// The library.
    pub library: LibraryId,
    /// Its numbers.
    pub tally: Tally,
}

/// The numbers of one kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KindTotals {
    /// Objects that the source's listing has; `None` when it was not listed to its end.
    pub in_source: Option<u64>,
    /// The same for the destination.
    pub at_destination: Option<u64>,
    /// What was compared.
    pub tally: Tally,
}

/// What a verification came to.
#[derive(Debug)]
pub struct Verified<'a> {
    /// How it ended.
    pub ending: &'a Ending,
    /// The same in a sentence.
    pub message: String,
    /// When the listing began; for one that was resumed, when it was first begun. RFC 3339.
    pub began: String,
    /// Which share of the objects was to be read, in percent.
    pub content_percent: f64,
    /// Only these libraries; all when empty.
    pub only: &'a [String],
    /// The numbers of each kind.
    pub kinds: PerKind<KindTotals>,
    /// The numbers by library and kind; a library may come twice, and its numbers add up.
    pub rows: &'a mut JsonLog<Row>,
    /// What the destination lacks or holds wrongly.
    pub findings: &'a mut JsonLog<Finding>,
    /// What was damaged in the source already.
    pub damaged: &'a mut JsonLog<Finding>,
    /// What could not be checked.
    pub unchecked: &'a [Finding],
}

#[derive(Serialize)]
struct Document<'a> {
    version: u32,
    command: &'a str,
    program: &'a str,
    result: &'a str,
    exit_code: u8,
    message: &'a str,
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
}

#[derive(Serialize)]
struct LibraryRow {
    library: LibraryId,
    #[serde(flatten)]
    kinds: BTreeMap<&'static str, Tally>,
}

impl Verified<'_> {
    /// Writes the report to `path`, replacing what is there.
    ///
    /// # Errors
    /// When the file cannot be written; what was there is then unchanged.
    pub fn write(&mut self, path: &Path, process: &Process) -> io::Result<()> {
        let row = |(kind, totals): (ObjectKind, &KindTotals)| {
            let KindTotals { in_source, at_destination, tally } = *totals;
            KindRow { kind, in_source, at_destination, tally }
        };
        let document = serde_json::to_string_pretty(&Document {
            version: VERSION,
            command: "verify",
            program: PROGRAM,
            result: self.ending.name(),
            exit_code: self.ending.exit_code(),
            message: &self.message,
            began: &self.began,
            process,
            content_percent: self.content_percent,
            only_libraries: self.only,
            kinds: self.kinds.iter().map(row).collect(),
        })?;
        private_file::replace(path, |out| {
            write!(out, "{}", document.strip_suffix("\n}").unwrap_or(&document))?;
            array(out, "libraries", |each| self.libraries()?.iter().try_for_each(|row| each(text(row)?)))?;
            array(out, "findings", |each| self.findings.each(|finding| each(text(&finding)?)))?;
            array(out, "damaged", |each| self.damaged.each(|finding| each(text(&finding)?)))?;
            array(out, "unchecked", |each| self.unchecked.iter().try_for_each(|finding| each(text(finding)?)))?;
            out.write_all(b"\n}\n")
        })
    }

    /// The numbers of every library.
    ///
    /// # Errors
    /// When they cannot be read back.
    pub fn tallies(&mut self) -> io::Result<BTreeMap<LibraryId, PerKind<Tally>>> {
        let mut rows: BTreeMap<LibraryId, PerKind<Tally>> = BTreeMap::new();
        self.rows.each(|row| {
            rows.entry(row.library).or_default()[row.kind].add(&row.tally);
            Ok(())
        })?;
        Ok(rows)
    }

    fn libraries(&mut self) -> io::Result<Vec<LibraryRow>> {
        let kinds = |tallies: PerKind<Tally>| tallies.into_iter().map(|(kind, tally)| (kind.as_str(), tally)).collect();
        Ok(self
            .tallies()?
            .into_iter()
            .map(|(library, tallies)| LibraryRow { library, kinds: kinds(tallies) })
            .collect())
    }

    /// Prints the table, the first findings, and the result.
    pub fn print(&self, console: &Console) {
        console.line("");
        self.table().into_iter().for_each(|line| console.line(line));
        self.print_findings(console);
        console.line("");
        match self.ending {
            Ending::Complete => console.line(format_args!("Result: {}.", self.message)),
            _ => console.problem(format_args!("Result: {} (exit code {}).", self.message, self.ending.exit_code())),
        }
    }

    /// The sum over the kinds.
    pub fn total(&self) -> Tally {
        let mut total = Tally::default();
        self.kinds.values().for_each(|kind| total.add(&kind.tally));
        total
    }

    fn table(&self) -> Vec<String> {
        let row = |name: &str, cells: [String; 9]| {
            let widths = [14, 14, 11, 10, 12, 9, 12, 10, 11];
            let cells = cells.iter().zip(widths).map(|(cell, width)| format!("{cell:>width$}"));
            format!("{name:<8}{}", cells.collect::<String>())
        };
        let cells = |tally: &Tally| {
            let Tally { objects, read, missing, damaged, unreadable, vanished, extra, .. } = *tally;
            let wrong_size = tally.shorter + tally.longer;
            let [a, b, d, e, f, g, h, i] =
                [objects, read, missing, wrong_size, damaged, unreadable, vanished, extra].map(format::count);
            [a, b, format::bytes(tally.read_bytes), d, e, f, g, h, i]
        };
        let head =
            ["compared", "read", "bytes", "missing", "wrong size", "damaged", "unreadable", "vanished", "only new"];
        let mut lines = vec![row("", head.map(str::to_owned))];
        lines.extend(self.kinds.iter().map(|(kind, totals)| row(kind.as_str(), cells(&totals.tally))));
        lines.push(row("total", cells(&self.total())));
        lines
    }

    fn print_findings(&self, console: &Console) {
        if self.damaged.count() > 0 {
            console.problem(format_args!(
                "\nWARNING: {} DAMAGED in the source. The destination has the same bytes, so nothing is worse than before,\n\
                 but the files they belong to cannot be opened correctly on either side:",
                format::plural(self.damaged.count(), "object").to_uppercase()
            ));
            show(self.damaged.first(), self.damaged.count(), console);
        }
        if !self.unchecked.is_empty() {
            let count = self.unchecked.len() as u64;
            console.problem(format_args!("\n{} could not be checked:", format::plural(count, "object")));
            show(self.unchecked, count, console);
        }
        if self.findings.count() > 0 {
            let count = self.findings.count();
            console.problem(format_args!(
                "\n{} not at the destination as in the source:",
                format::plural(count, "object")
            ));
            show(self.findings.first(), count, console);
        }
    }
}

fn show(first: &[Finding], count: u64, console: &Console) {
    for Finding { kind, library, object, error, cause, .. } in first.iter().take(SHOWN) {
        console.problem(format_args!("  [{kind}] {library}/{object}: {error}: {cause}"));
    }
    let more = count.saturating_sub(SHOWN as u64);
    if more > 0 {
        console.problem(format_args!("  … and {} more; --report FILE names each of them", format::count(more)));
    }
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
    use crate::conf::SideId;
    use crate::object::ObjectKey;
    use crate::report::jsonl::Position;

    struct Files {
        dir: tempfile::TempDir,
        rows: JsonLog<Row>,
        findings: JsonLog<Finding>,
        damaged: JsonLog<Finding>,
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
        Files { damaged: open("damaged"), findings: found, rows, dir }
    }

    fn verified<'a>(files: &'a mut Files, ending: &'a Ending) -> Verified<'a> {
        let tally = Tally {
            objects: 1_234_567,
            read: 5,
            read_bytes: 1500,
            missing: 2,
            shorter: 3,
            longer: 4,
            ..Tally::default()
        };
        let totals = KindTotals { in_source: Some(7), at_destination: None, tally };
        Verified {
            ending,
            message: "so it was".to_owned(),
            began: "2026-01-01T00:00:00Z".to_owned(),
            content_percent: 12.5,
            only: &[],
            kinds: PerKind::from_fn(|kind| if kind == ObjectKind::Fs { KindTotals::default() } else { totals }),
            rows: &mut files.rows,
            findings: &mut files.findings,
            damaged: &mut files.damaged,
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
        let process = Process { started, finished, seconds: 1.5, from: places(), to: places(), retries: 3 };
        let ending = if findings == 0 { Ending::Complete } else { Ending::Findings };
        verified(&mut files, &ending).write(&path, &process).unwrap();
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
            assert_eq!(report["damaged"], serde_json::json!([]));
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
    fn the_table_has_every_number_in_its_column() {
        let mut files = files(0);
        let lines = verified(&mut files, &Ending::Complete).table();
        let cells = |line: &str| {
            line.split("  ").filter(|cell| !cell.is_empty()).map(|cell| cell.trim().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(lines.len(), 5);
        assert_eq!(cells(&lines[0]).len(), 9);
        assert_eq!(cells(&lines[1]), ["commits", "1,234,567", "5", "1.5 kB", "2", "7", "0", "0", "0", "0"]);
        assert_eq!(cells(&lines[4]), ["total", "2,469,134", "10", "3.0 kB", "4", "14", "0", "0", "0", "0"]);
        let width = lines[0].chars().count();
        assert!(lines.iter().all(|line| line.chars().count() == width), "{lines:#?}");
    }

    #[test]
    fn a_report_that_cannot_be_written_leaves_the_old_one() {
        let mut files = files(1);
        let missing = files.dir.path().join("no/such/report.json");
        let places = || SideId::from_fn(|kind| format!("place of {kind}"));
        let (started, finished) = (String::new(), String::new());
        let process = Process { started, finished, seconds: 0.0, from: places(), to: places(), retries: 0 };
        assert!(verified(&mut files, &Ending::Complete).write(&missing, &process).is_err());
        files.findings.sync().unwrap();
        // One whose findings are lost on the way stays as it was.
        let kept = files.dir.path().join("report.json");
        std::fs::write(&kept, "old").unwrap();
        std::fs::write(files.dir.path().join("findings"), "no JSON\n").unwrap();
        assert!(verified(&mut files, &Ending::Complete).write(&kept, &process).is_err());
        assert_eq!(std::fs::read_to_string(&kept).unwrap(), "old");
    }
}
