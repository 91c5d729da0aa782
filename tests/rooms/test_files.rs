//! The test files themselves: each belongs to a test program, and those of `tests/rooms` start no process.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

fn tests() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests")
}

/// Every Rust file below a folder.
fn rust_files(folder: &Path) -> BTreeSet<PathBuf> {
    let entries = walkdir::WalkDir::new(folder).into_iter().map(|entry| entry.unwrap().into_path());
    entries.filter(|path| path.extension().is_some_and(|extension| extension == "rs")).collect()
}

/// The files that `file` declares as its modules.
fn declared_by(file: &Path) -> Vec<PathBuf> {
    let folder = file.parent().unwrap();
    let own_folder = match file.file_stem().unwrap().to_str().unwrap() {
        "main" | "mod" => folder.to_owned(),
        name => folder.join(name),
    };
    let text = fs::read_to_string(file).unwrap();
    let mut elsewhere = None;
    let mut declared = Vec::new();
    for line in text.lines() {
        if let Some(path) = line.strip_prefix("#[path = \"").and_then(|rest| rest.strip_suffix("\"]")) {
            elsewhere = Some(folder.join(path).canonicalize().unwrap());
        } else if let Some(name) =
            line.trim_start_matches("pub ").strip_prefix("mod ").and_then(|rest| rest.strip_suffix(';'))
        {
            declared.push(elsewhere.take().unwrap_or_else(|| own_folder.join(name).with_extension("rs")));
        }
    }
    declared
}

/// The files below `tests` that no `main.rs` in one of its folders leads to.
fn forgotten(tests: &Path) -> BTreeSet<PathBuf> {
    let folders = fs::read_dir(tests).unwrap().map(|entry| entry.unwrap().path().join("main.rs"));
    let mut open: Vec<PathBuf> = folders.filter(|main| main.exists()).collect();
    let mut files = rust_files(tests);
    while let Some(file) = open.pop() {
        if files.remove(&file) {
            open.extend(declared_by(&file));
        }
    }
    files
}

#[test]
fn every_test_file_belongs_to_a_program() {
    let tests = tests().canonicalize().unwrap();
    assert!(rust_files(&tests).len() > 100);
    assert_eq!(forgotten(&tests), BTreeSet::new(), "declare these in the file of their folder, or in its main.rs");
}

#[test]
fn a_file_that_nobody_declares_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let tests = folder.path().canonicalize().unwrap();
    let put = |name: &str, text: &str| {
        let path = tests.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    };
    put("support/mod.rs", "pub mod shared;\n");
    put("support/shared.rs", "");
    put("rooms/main.rs", "#[path = \"../support/mod.rs\"]\nmod support;\n\nmod store;\n");
    put("rooms/store.rs", "mod disk;\n// mod network;\nmod inner {\n}\n");
    put("rooms/store/disk.rs", "");
    assert_eq!(forgotten(&tests), BTreeSet::new());
    let expected = [
        put("alone.rs", ""),
        put("rooms/disk.rs", ""),
        put("rooms/store/network.rs", "mod below;\n"),
        put("rooms/store/network/below.rs", ""),
        put("stories/world.rs", ""),
    ];
    assert_eq!(forgotten(&tests), BTreeSet::from(expected));
}

#[test]
fn no_test_of_a_module_starts_a_process() {
    let own = tests().join("rooms/test_files.rs");
    let starters = ["Command::new", "support::program", "support::python", "support::ceph", "support::pass", "MariaDb"];
    for file in rust_files(&tests().join("rooms")).iter().filter(|file| **file != own) {
        let text = fs::read_to_string(file).unwrap();
        let found: Vec<_> = starters.iter().filter(|starter| text.contains(**starter)).collect();
        assert!(found.is_empty(), "{} uses {found:?}: it belongs to tests/stories", file.display());
    }
}
