//! What the options of each command come to where one of them cannot be as it is.

use std::fs;
use std::path::Path;

use clap::Args;
use seaf_migrate::commands::common::settings::SettingsError;
use seaf_migrate::commands::{check, clean, fsck, plan, remove, repair, run, verify};
use seaf_migrate::conf::Environment;

/// A side whose configuration warns of an option that nobody knows, `word`.
fn side(folder: &Path, name: &str, word: &str) -> String {
    fs::create_dir_all(folder.join(name).join("storage")).unwrap();
    let dir = folder.join(name).display().to_string();
    let section = |section: &str| format!("[{section}]\nname = fs\ndir = {dir}\n");
    let conf = ["commit_object_backend", "fs_object_backend", "block_backend"].map(section).concat();
    fs::write(folder.join(name).join("seafile.conf"), format!("{conf}{word} = 1\n")).unwrap();
    dir
}

/// The options of a command as the command line has them.
fn flags<F: Args>(options: &[&str]) -> F {
    let command = F::augment_args(clap::Command::default());
    let line = ["command"].into_iter().chain(options.iter().copied());
    F::from_arg_matches(&command.get_matches_from(line)).unwrap()
}

/// What is said of these options of a command.
fn refused(command: &str, options: &[&str], environment: &Environment) -> String {
    fn told<T>(resolved: Result<T, SettingsError>) -> String {
        resolved.err().expect("it was refused").to_string()
    }
    match command {
        "run" => told(run::settings::resolve(&flags(options), environment)),
        "plan" => told(plan::settings::resolve(&flags(options), environment)),
        "check" => told(check::settings::resolve(&flags(options), environment)),
        "verify" => told(verify::settings::resolve(&flags(options), environment)),
        "remove" => told(remove::settings::resolve(&flags(options), environment)),
        "repair" => told(repair::settings::resolve(&flags(options), environment)),
        "fsck" => told(fsck::settings::resolve(&flags(options), environment)),
        "clean" => told(clean::settings::resolve(&flags(options), environment)),
        other => panic!("{other}"),
    }
}

#[test]
fn whatever_option_is_wrong_the_warnings_of_both_sides_are_told_below_it() {
    let folder = tempfile::tempdir().unwrap();
    let (old, new) = (side(folder.path(), "old", "frob_old"), side(folder.path(), "new", "frob_new"));
    let nowhere = folder.path().join("nowhere/file").display().to_string();
    let wrong: [(&str, &[&[&str]]); 6] = [
        (
            "run",
            &[
                &["--report", &nowhere],
                &["--html", &nowhere],
                &["--temp-dir", &nowhere],
                &["--object-list", &nowhere],
                &["--memory", "1M"],
                &["--db", "oracle://x/y"],
                &["--check-heads"],
                &["--accept-damage", &nowhere],
            ],
        ),
        ("plan", &[&["--report", &nowhere], &["--temp-dir", &nowhere]]),
        ("check", &[&["--db", "oracle://x/y"]]),
        ("verify", &[&["--checkpoint", &nowhere], &["--bandwidth", "0"], &["--memory", "1M"], &["--html", &nowhere]]),
        ("remove", &[&["--journal", &nowhere], &["--report", &nowhere], &["--temp-dir", &nowhere]]),
        ("repair", &[&["--object-list", &nowhere], &["--memory", "1M"], &["--temp-dir", &nowhere]]),
    ];
    for (command, options) in wrong {
        for option in options {
            let report = if command == "repair" { &["report.json"][..] } else { &[] };
            let line = [report, &["--from", &old, "--to", &new], option].concat();
            let said = refused(command, &line, &Environment::default());
            assert!(said.starts_with(option[0]) || said.contains("--object-list"), "{command} {option:?}: {said}");
            for word in ["frob_old", "frob_new"] {
                assert_eq!(said.matches(word).count(), 1, "{command} {option:?}: {said}");
            }
        }
    }
}

#[test]
fn a_command_with_one_side_tells_the_warnings_of_that_below_a_wrong_option() {
    let folder = tempfile::tempdir().unwrap();
    let conf = side(folder.path(), "side", "frob");
    let nowhere = folder.path().join("nowhere/file").display().to_string();
    let slow = [("SEAF_MIGRATE_LEASE_SETTLE_MS", "soon")].into_iter().collect();
    for (said, option) in [
        (refused("fsck", &["--conf", &conf, "--report", &nowhere], &Environment::default()), "--report"),
        (refused("fsck", &["--conf", &conf, "--memory", "1M"], &Environment::default()), "--memory"),
        (refused("clean", &["--conf", &conf], &slow), "SEAF_MIGRATE_LEASE_SETTLE_MS"),
    ] {
        assert!(said.starts_with(option) && said.contains("warning: ") && said.contains("frob"), "{said}");
    }
}

#[test]
fn what_the_environment_says_of_proxies_and_leases_hides_no_warning_either() {
    let folder = tempfile::tempdir().unwrap();
    let (old, new) = (side(folder.path(), "old", "frob_old"), side(folder.path(), "new", "frob_new"));
    for (name, value) in [("HTTPS_PROXY", "socks9://proxy"), ("SEAF_MIGRATE_LEASE_SETTLE_MS", "-1")] {
        let environment = [(name, value)].into_iter().collect();
        let said = refused("run", &["--from", &old, "--to", &new], &environment);
        assert!(said.starts_with(name) && said.contains("frob_old") && said.contains("frob_new"), "{said}");
    }
}

#[test]
fn of_a_configuration_that_is_wrong_itself_that_is_told_first() {
    let folder = tempfile::tempdir().unwrap();
    let (old, new) = (side(folder.path(), "old", "frob_old"), side(folder.path(), "new", "frob_new"));
    fs::write(folder.path().join("new/seafile.conf"), "[block_backend]\nname = s4\n").unwrap();
    let said = refused("run", &["--from", &old, "--to", &new, "--memory", "1M"], &Environment::default());
    assert!(said.contains("s4") && !said.contains("--memory"), "{said}");
}
