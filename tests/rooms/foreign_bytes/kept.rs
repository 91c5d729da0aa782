//! What the fuzzers kept: `fuzz/corpus/TARGET.tar.gz` has the fewest inputs that reach all that was ever reached.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::{commit, conf, fs_object, journal, list_file, listing, mysql, report, swift_login, text_list};

/// What a target does with the bytes of a fuzzer, or of a test.
type Run = fn(&[u8]);

/// The code of every target, by the name of its file here and of its target in `fuzz/`.
const TARGETS: [(&str, Run); 10] = [
    ("commit", commit::run),
    ("conf", conf::run),
    ("fs_object", fs_object::run),
    ("journal", journal::run),
    ("list_file", list_file::run),
    ("listing", listing::run),
    ("mysql", mysql::run),
    ("report", report::run),
    ("swift_login", swift_login::run),
    ("text_list", text_list::run),
];

fn fuzz() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz")
}

/// The kept inputs of a target, by their names.
fn kept(target: &str) -> BTreeMap<String, Vec<u8>> {
    let packed = fs::File::open(fuzz().join(format!("corpus/{target}.tar.gz"))).unwrap();
    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(packed));
    let read = |entry: std::io::Result<tar::Entry<'_, _>>| {
        let (mut entry, mut bytes) = (entry.unwrap(), Vec::new());
        entry.read_to_end(&mut bytes).unwrap();
        (entry.path().unwrap().display().to_string(), bytes)
    };
    archive.entries().unwrap().map(read).collect()
}

/// Runs a target over what was kept of it; a failure names the input.
fn replay(target: &str) {
    let (_, run) = TARGETS.iter().find(|(name, _)| *name == target).unwrap();
    let inputs = kept(target);
    assert!(inputs.len() >= 10, "{target}: {} inputs", inputs.len());
    for (name, input) in inputs {
        let failed = std::panic::catch_unwind(|| run(&input)).is_err();
        assert!(!failed, "{target}: {name}, \"{}\"", input.escape_ascii());
    }
}

macro_rules! replayed {
    ($($test:ident: $target:literal),* $(,)?) => {
        $(#[test] fn $test() { replay($target); })*

        #[test]
        fn what_was_kept_of_every_target_is_replayed() {
            assert_eq!([$($target),*], TARGETS.map(|(name, _)| name));
        }
    };
}

replayed! {
    kept_commits: "commit",
    kept_configurations: "conf",
    kept_fs_objects: "fs_object",
    kept_journals: "journal",
    kept_lists: "list_file",
    kept_listings: "listing",
    kept_answers_of_mysql: "mysql",
    kept_reports: "report",
    kept_logins_to_swift: "swift_login",
    kept_text_lists: "text_list",
}

/// A target of `fuzz/` is its name and nothing else, so that it builds where the code that is compiled here does.
#[test]
fn every_target_runs_the_code_that_is_tested_here() {
    let files = fs::read_dir(fuzz().join("fuzz_targets")).unwrap().map(|entry| entry.unwrap().path());
    let mut targets: Vec<String> = files.map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect();
    targets.sort();
    assert_eq!(targets, TARGETS.map(|(name, _)| name));
    let manifest = fs::read_to_string(fuzz().join("Cargo.toml")).unwrap();
    for name in targets {
        let code = fs::read_to_string(fuzz().join(format!("fuzz_targets/{name}.rs"))).unwrap();
        let code: Vec<_> = code.lines().filter(|line| !line.starts_with("//") && !line.is_empty()).collect();
        let expected = [
            "#![no_main]".to_owned(),
            format!("#[path = \"../../tests/rooms/foreign_bytes/{name}.rs\"]"),
            format!("mod {name};"),
            format!("libfuzzer_sys::fuzz_target!(|data: &[u8]| {name}::run(data));"),
        ];
        assert_eq!(code, expected, "{name}");
        assert!(manifest.contains(&format!("name = \"{name}\"\npath = \"fuzz_targets/{name}.rs\"")), "{name}");
    }
}

/// Every crate that the code of the targets names is a dependency of `fuzz/`.
#[test]
fn the_fuzz_package_has_the_crates_that_the_targets_name() {
    let manifest = fs::read_to_string(fuzz().join("Cargo.toml")).unwrap();
    for (name, _) in TARGETS {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/rooms/foreign_bytes/{name}.rs"));
        let code = fs::read_to_string(file).unwrap();
        for used in code.lines().filter_map(|line| line.strip_prefix("use ")?.split("::").next()) {
            assert!(
                used == "std"
                    || manifest.contains(&format!("\n{used} = "))
                    || manifest.contains(&format!("\n{} = ", used.replace('_', "-"))),
                "{name}: {used}"
            );
        }
    }
}
