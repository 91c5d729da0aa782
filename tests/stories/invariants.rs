//! The invariants of ARCHITECTURE.md that are about the program as a whole.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use crate::world::{SECRET, World};

/// Everything below the old side that writing would change.
fn fingerprint(world: &World) -> BTreeMap<PathBuf, (u64, u32, i64, i64, u64)> {
    let entries = walkdir::WalkDir::new(world.at("old")).into_iter().map(Result::unwrap);
    let of = |meta: fs::Metadata| (meta.len(), meta.mode(), meta.mtime(), meta.mtime_nsec(), meta.ino());
    entries.map(|entry| (entry.path().to_owned(), of(entry.metadata().unwrap()))).collect()
}

#[test]
fn the_source_is_never_written() {
    let world = World::with_sample();
    let before = fingerprint(&world);
    world.run(&[]).assert_code(0);
    world.run(&["--object-list", world.at("objects").to_str().unwrap()]).assert_code(0);
    assert_eq!(fingerprint(&world), before);
}

#[test]
fn secrets_are_in_no_output_and_the_report_is_for_its_owner_only() {
    let world = World::with_sample();
    let server = world.s3_server();
    world.new_side_is_s3(&server);
    let outcome = world.run(&[]).assert_code(0);
    let report = outcome.report.as_ref().unwrap().to_string();
    for text in [&outcome.stdout, &outcome.stderr, &report] {
        assert!(!text.contains(SECRET), "{text}");
    }
    assert_eq!(outcome.report_mode, Some(0o600));
}

#[test]
fn nothing_temporary_is_left_behind() {
    let world = World::with_sample();
    world.run(&[]).assert_code(0);
    let mut left: Vec<_> = fs::read_dir(world.at("")).unwrap().map(|e| e.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, ["new", "old", "state", "target"]);
}

#[test]
fn files_and_folders_have_the_modes_that_the_server_gives_them() {
    let world = World::with_sample();
    world.run(&[]).assert_code(0);
    for entry in walkdir::WalkDir::new(world.at("target/storage")).into_iter().map(Result::unwrap) {
        let expected = if entry.file_type().is_dir() { 0o755 } else { 0o600 };
        assert_eq!(entry.metadata().unwrap().mode() & 0o777, expected, "{}", entry.path().display());
    }
}
