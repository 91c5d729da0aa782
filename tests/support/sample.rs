//! The real store that the project ships.

use std::io::Read;
use std::path::Path;

use flate2::read::GzDecoder;
use seaf_migrate::object::{ObjectKey, ObjectKind};
use tempfile::TempDir;

/// How many objects the sample has: commits, fs, blocks.
pub const SAMPLE_COUNTS: [usize; 3] = [153, 771, 105];

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
