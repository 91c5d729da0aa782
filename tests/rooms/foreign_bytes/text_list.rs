//! Any bytes as a text list of the old script: the list holds the names that stand on lines of their own and no other,
//! and goes out again as it came in.

use std::collections::BTreeSet;
use std::path::PathBuf;

use seaf_migrate::conf::backend::{Backend, Location};
use seaf_migrate::index::{ListLock, ListPaths, text};
use seaf_migrate::object::{ObjectKey, ObjectKind};
use tempfile::TempDir;

/// How many bytes of a line are looked at.
const LINE: usize = 4096;

thread_local! {
    static FOLDER: TempDir = tempfile::tempdir().expect("a folder");
}

/// One run with the bytes of a fuzzer, or of a test.
pub fn run(data: &[u8]) {
    FOLDER.with(|folder| import(folder.path().join("list"), data));
}

fn import(list: PathBuf, data: &[u8]) {
    let location = Location { backend: Backend::Fs, kind: ObjectKind::Fs, place: "/a/storage/fs".to_owned() };
    let (paths, written) = (ListPaths::new(&list, ObjectKind::Fs, None), list.with_extension("txt"));
    std::fs::write(&written, data).expect("room");
    let _lock = ListLock::acquire(&paths).expect("a lock");
    let (set, report) = text::import_into(&written, &paths, &location).expect("any text can be imported");

    let lines = data.split_inclusive(|byte| *byte == b'\n').map(|line| line[..line.len().min(LINE)].trim_ascii());
    let keys: BTreeSet<ObjectKey> = lines.clone().filter_map(ObjectKey::parse).collect();
    let strange = lines.clone().filter(|line| !line.is_empty() && ObjectKey::parse(line).is_none()).count();
    assert_eq!((report.lines, report.invalid), (lines.count() as u64, strange as u64));
    let expected: Vec<_> = keys.iter().copied().collect();
    assert_eq!(set.iter().map(|object| object.expect("readable").key).collect::<Vec<_>>(), expected);

    let mut out = Vec::new();
    text::export(&set, &mut out, &written).expect("room");
    assert_eq!(out, keys.iter().map(|key| format!("{key}\n")).collect::<String>().into_bytes());
}
