//! Calls that are refused before anything is written.

use std::fs;

use crate::world::{World, objects_below};

#[test]
fn everything_wrong_is_said_at_once_with_file_and_line() {
    let world = World::with_sample();
    fs::write(
        world.at("new/seafile.conf"),
        "[commit_object_backend]\nname = s4\n\n[fs_object_backend]\nname = s3\nbucket = b\nuse_https = maybe\n",
    )
    .unwrap();
    let refused = world.run(&[]).assert_code(2);
    for text in ["seafile.conf:2", "s4", "key_id", "seafile.conf:7", "use_https", "maybe"] {
        assert!(refused.stderr.contains(text), "{text} is not named:\n{}", refused.stderr);
    }
    let mut lines: Vec<_> = refused.stderr.lines().map(|line| line.trim_start_matches("seaf-migrate: ")).collect();
    let count = lines.len();
    lines.sort_unstable();
    lines.dedup();
    assert_eq!(lines.len(), count, "something is said twice:\n{}", refused.stderr);
}

#[test]
fn the_same_store_on_both_sides_is_refused() {
    let world = World::with_sample();
    std::os::unix::fs::symlink(world.at("old/seafile-data"), world.at("link")).unwrap();
    let link = world.at("link").display().to_string();
    world.write_conf("new", |_| format!("name = fs\ndir = {link}\n"));
    let before = objects_below(&world.source());
    let refused = world.run(&[]).assert_code(2);
    assert!(refused.stderr.contains("same"), "{}", refused.stderr);
    assert_eq!(objects_below(&world.source()), before);
}

#[test]
fn a_list_file_in_a_folder_that_is_not_there_is_refused_before_any_work() {
    let world = World::with_sample();
    let list = world.at("nowhere/objects").display().to_string();
    let refused = world.run(&["--object-list", &list]).assert_code(2);
    assert!(refused.stderr.contains("does not exist"), "{}", refused.stderr);
}

#[test]
fn a_mistyped_option_is_usage_and_help_has_examples() {
    let world = World::new();
    world.run(&["--nwroker", "3"]).assert_code(2);
    let mut help = world.program();
    help.arg("--help");
    let help = world.finish(help.spawn().unwrap()).assert_code(0);
    assert!(help.stdout.contains("Examples:") && help.stdout.contains("Exit codes:"), "{}", help.stdout);
}

#[test]
fn a_report_or_page_in_a_folder_that_is_not_there_is_refused_before_any_store_is_opened() {
    let world = World::with_sample();
    // Whatever would open it fails, with another exit code.
    for kind in ["commits", "fs", "blocks"] {
        fs::remove_dir_all(world.source().join(kind)).unwrap();
    }
    for (command, option) in [
        ("run", "--report"),
        ("run", "--html"),
        ("verify", "--report"),
        ("verify", "--html"),
        ("fsck", "--report"),
        ("fsck", "--html"),
        ("remove", "--report"),
        ("remove", "--journal"),
    ] {
        for (file, says) in [("nowhere/file", "does not exist"), ("target", "is a folder")] {
            let mut program = world.program();
            match command {
                "fsck" => program.args(["fsck", "--conf"]).arg(world.at("old")),
                command => program.args([command, "--from"]).arg(world.at("old")).arg("--to").arg(world.at("new")),
            };
            program.arg("--data-dir").arg(world.at("old/seafile-data")).arg(option).arg(world.at(file));
            let refused = world.finish(program.spawn().unwrap()).assert_code(2);
            let named = refused.stderr.contains(&format!("{option}: ")) && refused.stderr.contains(says);
            assert!(named, "{command} {option} {file}: {}", refused.stderr);
        }
    }
}
