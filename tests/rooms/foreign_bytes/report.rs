//! Any bytes as a report are refused, or say what a general reader of JSON sees in them: no failure is left out, none is
//! made up, and a report that was cut is not one with fewer failures.

use std::path::Path;

use seaf_migrate::commands::repair::named::NamedObjects;
use seaf_migrate::commands::run::retry::earlier_report::{self, FailedObject};
use seaf_migrate::conf::SideId;
use seaf_migrate::object::{ObjectKey, ObjectKind};
use serde_json::Value;
use tempfile::TempDir;

thread_local! {
    static FOLDER: TempDir = tempfile::tempdir().expect("a folder");
}

/// One run with the bytes of a fuzzer, or of a test.
pub fn run(data: &[u8]) {
    FOLDER.with(|folder| {
        let path = folder.path().join("report.json");
        std::fs::write(&path, data).expect("room");
        for_repair(&path, data, folder.path());
        if for_retry(&path, data) {
            // Its last character and what follows it.
            std::fs::write(&path, &data[..data.trim_ascii_end().len() - 1]).expect("room");
            assert!(earlier_report::read(&path, &mut |_| Ok(())).is_err(), "a report that was cut");
        }
    });
}

/// Whether the file is of use as the report of a run.
fn for_retry(path: &Path, data: &[u8]) -> bool {
    let mut failed = Vec::new();
    let read = earlier_report::read(path, &mut |object| {
        failed.push(object);
        Ok(())
    });
    let Ok(report) = read else { return false };
    // A text that is passed over is not decoded, and so may be none.
    let Ok(json) = serde_json::from_slice::<Value>(data) else { return true };
    assert_eq!((&json["version"], &json["result"]), (&Value::from(1), &Value::from(report.result)));
    let rows = json["failures"].as_array().expect("an array");
    assert_eq!(failed, rows.iter().map(failure).collect::<Vec<_>>());
    true
}

/// The failure of a row. Its fields may stand in an array, which a derived reader takes, too.
fn failure(row: &Value) -> FailedObject {
    let names = ["kind", "library", "object", "step"];
    let text = |at: usize| row.get(names[at]).unwrap_or(&row[at]).as_str().expect("a text");
    let kind = ObjectKind::ALL.into_iter().find(|kind| kind.to_string() == text(0)).expect("a kind");
    let key = ObjectKey::parse(format!("{}/{}", text(1), text(2)).as_bytes()).expect("a name");
    FailedObject { kind, key, is_doubtful: text(3) == "sync" }
}

fn for_repair(path: &Path, data: &[u8], folder: &Path) {
    let side = SideId::from_fn(|kind| format!("s3:new/{kind}"));
    match NamedObjects::read([path].into_iter(), &side, folder) {
        Ok(named) => {
            let Ok(json) = serde_json::from_slice::<Value>(data) else { return };
            let told = json.get("to").or(json.get("side")).expect("a side");
            assert_eq!(told[0], side.place(ObjectKind::Commits));
            let rows =
                ["failures", "damaged", "findings", "unchecked"].iter().filter_map(|name| json[*name].as_array());
            assert!(named.rows >= rows.map(|rows| rows.len() as u64).sum::<u64>());
        }
        Err(error) => assert!(error.to_string().contains("nothing was done")),
    }
}
