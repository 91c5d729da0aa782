//! The suite over a folder.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use seaf_migrate::conf::{BackendConf, FsConf, StoreConf};
use seaf_migrate::object::ObjectKind;
use seaf_migrate::store::StoreError;
use seaf_migrate::store::backend::fs::FsStore;

use super::harness::{FullStore, Harness};
use super::samples::LIBRARIES;
use crate::support::skip::Missing;

pub(crate) fn open(dir: &Path) -> Result<FsStore, StoreError> {
    let conf = FsConf { dir: dir.to_owned() };
    let location = StoreConf::new(ObjectKind::Blocks, BackendConf::Fs(conf.clone())).location();
    FsStore::destination(&conf, ObjectKind::Blocks, location)
}

fn harness(_case: &str) -> Result<Harness, Missing> {
    let folder = tempfile::tempdir().unwrap();
    let (root, absent) = (folder.path().join("storage/blocks"), folder.path().join("not-mounted"));
    Ok(Harness::new(open(folder.path()).unwrap())
        .keeping(folder)
        // Ten pages; more would only be slow, because ext4 searches long for free inodes after many were deleted.
        .biggest_listing(10_001)
        .without_container(move || open(&absent).map(|store| Arc::new(store) as Arc<dyn FullStore>))
        .planting(move || plant(&root)))
}

/// What crashes of the server and people leave in a store.
fn plant(root: &Path) -> u64 {
    let library = root.join(LIBRARIES[1]);
    let shard = library.join("7f");
    let digits = "f".repeat(38);
    let files = [
        root.join("README"),
        root.join("3F8A9C1E-7B42-4D0E-9A55-0C1D2E3F4A5B"),
        root.join("44444444-4444-4444-4444-444444444444"),
        library.join("notes"),
        library.join("0"),
        library.join("99"),
        shard.join(format!("{digits}.a8Xk2Q")),
        shard.join(format!("{digits}ff.4711")),
        shard.join(format!("{digits}.seafmig")),
        shard.join(format!("{digits}.seafmig.0123456789abcdef")),
        shard.join(&digits[1..]),
        shard.join(digits.to_uppercase()),
    ];
    let folders = [root.join("tmp"), library.join("tmpfiles"), library.join("7F"), shard.join("e".repeat(38))];
    for file in &files {
        fs::write(file, "not an object").unwrap();
    }
    for folder in &folders {
        fs::create_dir(folder).unwrap();
        fs::write(folder.join(&digits), "below a name that is ignored").unwrap();
    }
    (files.len() + folders.len()) as u64
}

conformance!("fs", harness);
