//! All that is wrong with either side is printed at once, before anything is copied.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use crate::support::skip::skip;
use crate::world::{Outcome, SECRET, World, bucket_of, objects_below, objects_in_buckets, pause, s3_section};

fn check(world: &World, from: &str) -> Outcome {
    let mut command = world.program();
    command.args(["check", "--from"]).arg(world.at(from)).arg("--to").arg(world.at("new"));
    command.arg("--data-dir").arg(world.at("old/seafile-data")).args(["--timeout", "5", "--attempts", "3"]);
    world.finish(command.spawn().unwrap())
}

/// The row of a store: what it says about reaching, listing, reading and writing it, each as one word or two.
#[track_caller]
fn row(outcome: &Outcome, kind: &str, side: &str) -> String {
    let is_of = |line: &&str| line.split_whitespace().take(2).eq([kind, side]);
    let mut rows = outcome.stdout.lines().chain(outcome.stderr.lines()).filter(is_of);
    let row = rows.next().unwrap_or_else(|| panic!("no row of {kind} {side}: {outcome:?}"));
    let words: Vec<&str> = row.split_whitespace().skip(2).collect();
    // The last is its place.
    words[..words.len() - 1].join(" ")
}

/// How many files are below `folder`.
fn files_below(folder: &Path) -> usize {
    let files = walkdir::WalkDir::new(folder).into_iter().map(Result::unwrap);
    files.filter(|entry| entry.file_type().is_file()).count()
}

/// A port that nobody listens on.
fn closed_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

#[test]
fn two_good_sides_are_ready_and_nothing_is_left_behind() {
    let world = World::with_sample();
    let outcome = check(&world, "old").assert_code(0);
    for kind in ["commits", "fs", "blocks"] {
        assert_eq!(
            (row(&outcome, kind, "old"), row(&outcome, kind, "new")),
            ("ok ok ok -".into(), "ok ok - ok".into())
        );
    }
    assert_eq!(outcome.stderr, "");
    assert_eq!(fs::read_dir(world.at("target")).unwrap().count(), 0, "a folder was left behind");

    let server = world.s3_server();
    world.new_side_is_s3(&server);
    check(&world, "old").assert_code(0);
    assert_eq!((server.faults().count("PUT"), server.faults().count("DELETE")), (3, 3));
    assert_eq!(objects_in_buckets(&world.at("buckets")).len(), 0);
}

#[test]
fn the_database_has_a_row_and_one_that_is_named_must_answer() {
    let world = World::with_whole_sample();
    let checking = |db: &[&str]| {
        let mut command = world.program();
        command.args(["check", "--from"]).arg(world.at("old")).arg("--to").arg(world.at("new"));
        command.arg("--data-dir").arg(world.at("old/seafile-data")).args(db);
        world.finish(command.spawn().unwrap())
    };
    let (there, gone) = (world.at("old/seafile-data/seafile.db"), world.at("gone.db"));
    let good = checking(&["--db", there.to_str().unwrap()]).assert_code(0);
    assert_eq!(row(&good, "database", "old"), "ok - ok -");
    assert!(good.stdout.contains("The database names "), "{}", good.stdout);
    let bad = checking(&["--db", gone.to_str().unwrap()]).assert_code(3);
    assert_eq!(row(&bad, "database", "old"), "failed - - -");
    assert!(bad.stderr.contains("the database failed") && bad.stderr.contains("gone.db"), "{}", bad.stderr);
}

#[test]
fn a_destination_that_forbids_removals_is_warned_of_and_migrated_to() {
    for status in [403, 405] {
        let world = World::with_sample();
        let server = world.s3_server();
        world.new_side_is_s3(&server);
        server.faults().refuse("DELETE", status);
        let mut left = Vec::new();
        for _ in 0..2 {
            let outcome = check(&world, "old").assert_code(0);
            assert_eq!(row(&outcome, "blocks", "new"), "ok ok - ok");
            assert!(
                outcome.stderr.contains("Warning: ") && outcome.stderr.contains("lets nothing be deleted"),
                "{outcome:?}"
            );
            left.push(files_below(&world.at("buckets")));
        }
        assert!(left[0] > 0 && left[0] == left[1], "test objects pile up: {left:?}");
        let run = world.run(&[]).assert_code(0);
        assert!(run.stderr.contains("lets nothing be deleted"), "{run:?}");
    }
}

#[test]
fn what_the_destination_holds_stays_and_what_a_kill_left_goes() {
    let world = World::with_sample();
    world.run(&[]).assert_code(0);
    let left = world.at("target/storage/fs/ffffffff-ffff-ffff-ffff-ffffffffffff/00");
    fs::create_dir_all(&left).unwrap();
    fs::write(left.join("0".repeat(38)), "of a check that was killed").unwrap();
    check(&world, "old").assert_code(0);
    world.assert_same(&world.at("target/storage"));
    assert!(!left.join("0".repeat(38)).exists());
}

#[test]
fn everything_that_is_wrong_is_told_at_once_with_every_store_in_one_table() {
    let world = World::with_sample();
    let server = world.s3_server();
    let closed = closed_port();
    world.write_conf("new", |kind| match kind.as_str() {
        "commits" => s3_section(&server, &bucket_of(kind), "NotTheRightSecret"),
        "fs" => s3_section(&server, "no-such-bucket", SECRET),
        _ => s3_section(&server, &bucket_of(kind), SECRET).replace(&server.endpoint(), &format!("127.0.0.1:{closed}")),
    });
    fs::remove_dir_all(world.source().join("blocks")).unwrap();
    let outcome = check(&world, "old").assert_code(3);
    assert_eq!(row(&outcome, "commits", "old"), "ok ok ok -");
    assert_eq!(row(&outcome, "commits", "new"), "ok credentials refused - -");
    assert_eq!(row(&outcome, "fs", "new"), "ok bucket, container, pool or folder missing - -");
    assert_eq!(row(&outcome, "blocks", "old"), "bucket, container, pool or folder missing - - -");
    assert_eq!(row(&outcome, "blocks", "new"), "connection failed - - -");
    for text in ["no-such-bucket", &format!("127.0.0.1:{closed}"), "NotTheRightSecret"] {
        assert_eq!(outcome.stdout.contains(text), text != "NotTheRightSecret", "{text}: {}", outcome.stdout);
    }
    assert_eq!(server.faults().count("PUT"), 0);

    // A pass says the same, and copies nothing.
    let refused = world.run(&["--attempts", "3"]).assert_code(3);
    assert_eq!(row(&refused, "blocks", "new"), "connection failed - - -");
    assert_eq!((refused.total("listed"), server.faults().count("PUT")), (0, 0));
}

#[test]
fn a_destination_that_refuses_writing_is_found_by_the_probe() {
    let world = World::with_sample();
    let server = world.s3_server();
    world.new_side_is_s3(&server);
    // The server keeps a library in a folder, and cannot make one where a file is.
    fs::write(world.at("buckets/seafile-fs/ffffffff-ffff-ffff-ffff-ffffffffffff"), "in the way").unwrap();
    let outcome = check(&world, "old").assert_code(3);
    assert!(row(&outcome, "fs", "new").starts_with("ok ok - ") && !row(&outcome, "fs", "new").ends_with("ok"));
    assert_eq!(row(&outcome, "blocks", "new"), "ok ok - ok");
}

#[test]
fn a_pass_checks_without_a_table() {
    let outcome = World::with_sample().run(&[]).assert_code(0);
    assert!(outcome.stdout.contains("Checked: all stores answer"), "{}", outcome.stdout);
    assert!(!outcome.stdout.contains("Reachable"), "{}", outcome.stdout);
}

#[test]
fn a_check_while_a_pass_runs_is_told_who_has_the_destination() {
    let world = World::with_sample();
    let server = world.s3_server();
    world.new_side_is_s3(&server);
    server.faults().delay(600_000);
    let mut first = world.command(&[]).spawn().unwrap();
    while server.faults().count_all() == 0 {
        pause();
    }
    let second = check(&world, "old").assert_code(4);
    assert!(second.stderr.contains(&format!("process {}", first.id())), "{}", second.stderr);
    first.kill().unwrap();
    first.wait().unwrap();
}

#[test]
fn a_folder_of_another_user_is_warned_about_once_with_both_names() {
    if !rustix::process::geteuid().is_root() {
        return skip("the owner of a folder", "giving a folder to another user needs root");
    }
    let world = World::with_sample();
    chown(world.at("target"), Some(65534), Some(65534)).unwrap();
    let outcome = check(&world, "old").assert_code(0);
    assert_eq!(outcome.stderr.lines().count(), 1, "{}", outcome.stderr);
    for text in ["Warning: ", "belongs to nobody", "runs as root", "chown -R nobody: "] {
        assert!(outcome.stderr.contains(text), "{text} is missing: {}", outcome.stderr);
    }
}

#[test]
fn a_configuration_that_is_wrong_is_not_checked() {
    let world = World::new();
    fs::write(world.at("new/seafile.conf"), "[commit_object_backend]\nname = s4\n").unwrap();
    let outcome = check(&world, "old").assert_code(2);
    assert!(outcome.stderr.contains("s4"), "{}", outcome.stderr);
}

#[test]
fn a_source_that_can_be_listed_and_not_read_is_not_ready() {
    if !rustix::process::geteuid().is_root() {
        return skip("files of another user", "running as another user needs root");
    }
    let world = World::with_sample();
    // As a server that runs as root leaves them: folders that everybody may list, files that root alone may read.
    let mut command = Command::new("chmod");
    command.args(["-R", "a+rX", "."]).current_dir(world.at("."));
    assert!(command.status().unwrap().success());
    for (path, _) in objects_below(&world.source()) {
        fs::set_permissions(world.source().join(path), fs::Permissions::from_mode(0o600)).unwrap();
    }
    for folder in ["target", "."] {
        fs::set_permissions(world.at(folder), fs::Permissions::from_mode(0o777)).unwrap();
    }
    let as_nobody = |command: &str| {
        let mut program = world.program();
        program.args([command, "--from"]).arg(world.at("old")).arg("--to").arg(world.at("new"));
        program.arg("--data-dir").arg(world.at("old/seafile-data")).uid(65534).gid(65534);
        world.finish(program.spawn().unwrap())
    };
    let outcome = as_nobody("check").assert_code(3);
    for kind in ["commits", "fs", "blocks"] {
        assert!(row(&outcome, kind, "old").starts_with("ok ok ") && row(&outcome, kind, "old").ends_with(" -"));
        assert_ne!(row(&outcome, kind, "old"), "ok ok ok -");
    }
    assert!(outcome.stdout.contains("Permission denied"), "{}", outcome.stdout);
    as_nobody("run").assert_code(3);
    assert_eq!(objects_below(&world.at("target")).len(), 0);
}

#[test]
fn one_bad_object_of_the_source_is_told_and_is_no_reason_not_to_begin() {
    let world = World::with_sample();
    let (first, _) = objects_below(&world.source().join("blocks")).pop_first().unwrap();
    fs::write(world.source().join("blocks").join(&first), "other bytes").unwrap();
    let outcome = check(&world, "old").assert_code(0);
    let line = outcome.stderr.lines().find(|line| line.contains("Warning: the blocks object")).unwrap();
    assert!(line.contains("is damaged: content has the id"), "{line}");
    // Nor is one that cannot be read at all.
    fs::remove_file(world.source().join("blocks").join(&first)).unwrap();
    fs::create_dir(world.source().join("blocks").join(&first)).unwrap();
    assert_eq!(row(&check(&world, "old").assert_code(0), "blocks", "old"), "ok ok ok -");
}
