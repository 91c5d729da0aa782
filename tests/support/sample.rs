//! The real store that the project ships.

use std::io::Read;
use std::path::Path;

use flate2::read::GzDecoder;
use seaf_migrate::object::{ObjectKey, ObjectKind};
use tempfile::TempDir;

use super::mariadb::TABLES;

/// How many objects the sample has: commits, fs, blocks.
pub const SAMPLE_COUNTS: [usize; 3] = [153, 771, 105];

/// How many objects the sample has in all.
pub const WHOLE_COUNT: u64 = 153 + 771 + 105;

/// How many objects [`unpack_small`] unpacks.
pub const SMALL_COUNT: u64 = 24 + 42 + 21;

fn packed() -> tar::Archive<impl Read> {
    tar::Archive::new(GzDecoder::new(&include_bytes!("../data/sample-store.tar.gz")[..]))
}

/// Unpacks tests/data/sample-store.tar.gz; `seafile-data/` in the folder holds `storage/` and `seafile.db`.
pub fn sample_store() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    packed().unpack(dir.path()).unwrap();
    assert!(Path::exists(&dir.path().join("seafile-data/seafile.db")));
    dir
}

/// Three libraries of the sample: one that the Go file server encrypted, one encrypted with argon2id, and an empty one.
const SMALL_LIBRARIES: [&str; 3] = [
    "93564ac2-265b-4063-b8cb-46462dbe3667",
    "7f49bd43-387a-43e1-b45f-f93c214ceef9",
    "d7be5fa8-1dc4-479a-b6cf-61b3abf89c4d",
];

/// Whether an object is in one of the libraries of [`unpack_small`].
pub fn is_in_small(key: &ObjectKey) -> bool {
    SMALL_LIBRARIES.contains(&key.library.to_string().as_str())
}

/// As the sample, with three whole libraries of it alone, for tests in which the number of objects does not matter.
pub fn unpack_small(dir: &Path) {
    let mut archive = packed();
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        let path = entry.path().unwrap().into_owned();
        // `seafile-data/storage/<kind>/<library>/..`
        let library = path.components().nth(3).map(|part| part.as_os_str().to_str().unwrap());
        if library.is_none_or(|library| SMALL_LIBRARIES.contains(&library)) {
            entry.unpack_in(dir).unwrap();
        }
    }
    let db = rusqlite::Connection::open(dir.join("seafile-data/seafile.db")).unwrap();
    for table in TABLES {
        db.execute(&format!("DELETE FROM {table} WHERE repo_id NOT IN (?, ?, ?)"), SMALL_LIBRARIES).unwrap();
    }
}

/// The bytes of the sample's seafile.db.
pub fn sample_db() -> Vec<u8> {
    let mut archive = packed();
    let mut entries = archive.entries().unwrap().map(Result::unwrap);
    let mut found = entries.find(|entry| entry.path().unwrap().ends_with("seafile.db")).unwrap();
    let mut data = Vec::new();
    found.read_to_end(&mut data).unwrap();
    data
}

/// Every object of the sample, read straight from the archive, because a thousand small files are slow to make.
pub fn sample_objects() -> Vec<(ObjectKind, ObjectKey, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in packed().entries().unwrap() {
        let mut entry = entry.unwrap();
        let path = entry.path().unwrap().to_str().unwrap().to_owned();
        let ["seafile-data", "storage", kind, library, two, rest] = path.split('/').collect::<Vec<_>>()[..] else {
            continue;
        };
        // A folder's path ends in a slash.
        let Some(key) = ObjectKey::parse(format!("{library}/{two}{rest}").as_bytes()) else { continue };
        let mut data = Vec::new();
        entry.read_to_end(&mut data).unwrap();
        found.push((kind.parse().unwrap(), key, data));
    }
    assert_eq!(found.len(), SAMPLE_COUNTS.iter().sum::<usize>());
    found
}
