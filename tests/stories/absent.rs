//! What is not there: a disk that is not mounted, a bucket that is the wrong one, a library that nobody has. None of it ends
//! as "all is well".

use std::fs;
use std::path::Path;

use seaf_migrate::object::ObjectKind;

use crate::heads::db;
use crate::support::library::output::empty_library_to_dir;
use crate::world::{Outcome, SECRET, World, objects_below, s3_section};

const NOBODY: &str = "3f8a9c1e-7b42-4d0e-9a55-0c1d2e3f4a5b";

/// Runs a command of two sides.
fn pair(world: &World, command: &str, options: &[&str]) -> Outcome {
    let mut program = world.program();
    program.args([command, "--from"]).arg(world.at("old")).arg("--to").arg(world.at("new"));
    program.arg("--data-dir").arg(world.at("old/seafile-data")).args(options);
    world.finish(program.spawn().unwrap())
}

fn fsck(world: &World, options: &[&str]) -> Outcome {
    let mut program = world.program();
    program.args(["fsck", "--conf"]).arg(world.at("old")).arg("--data-dir").arg(world.at("old/seafile-data"));
    world.finish(program.args(options).spawn().unwrap())
}

fn run_with_heads(world: &World, options: &[&str]) -> Outcome {
    let db = db(world).display().to_string();
    world.run(&[&["--db", &db], options].concat())
}

/// Empties a folder and leaves it, as an unmounted disk does.
fn unmount(folder: &Path) {
    fs::remove_dir_all(folder).unwrap();
    fs::create_dir(folder).unwrap();
}

#[track_caller]
fn assert_no_verdict(outcome: &Outcome) {
    assert!(!outcome.stdout.contains("Safe to switch: yes"), "{}", outcome.stdout);
}

#[test]
fn a_kind_of_the_source_that_is_not_mounted_ends_every_command_with_3() {
    for kind in ObjectKind::ALL {
        let world = World::with_whole_sample();
        unmount(&world.source().join(kind.as_str()));
        let asks = |outcome: &Outcome, what: &str| {
            let told = outcome.stderr.contains(&format!("the {kind} store of {what}"));
            assert!(told && outcome.stderr.contains("is the disk mounted?"), "{kind}: {}", outcome.stderr);
        };
        for outcome in [world.run(&[]), run_with_heads(&world, &[])] {
            let outcome = outcome.assert_code(3);
            asks(&outcome, "the source");
            assert_no_verdict(&outcome);
            assert_eq!(outcome.report.as_ref().unwrap()["safe_to_switch"]["yes"], false);
        }
        for options in [&[][..], &["--content"]] {
            asks(&world.verify(options).assert_code(3), "the source");
        }
        asks(&pair(&world, "plan", &[]).assert_code(3), "the source");
        asks(&fsck(&world, &[]).assert_code(3), "the checked side");
        let db = db(&world).display().to_string();
        asks(&fsck(&world, &["--db", &db]).assert_code(3), "the checked side");
    }
}

#[test]
fn a_bucket_that_exists_and_is_the_wrong_one_ends_with_3() {
    let world = World::with_whole_sample();
    let server = world.s3_server();
    world.new_side_is_s3(&server);
    world.run(&[]).assert_code(0);
    fs::create_dir_all(world.at("buckets/other")).unwrap();
    let data = world.at("old/seafile-data").display().to_string();
    world.write_conf("old", |kind| match kind {
        ObjectKind::Blocks => s3_section(&server, "other", SECRET),
        _ => format!("name = fs\ndir = {data}\n"),
    });
    world.new_side_is_a_folder("elsewhere");
    let outcome = run_with_heads(&world, &[]).assert_code(3);
    assert!(outcome.stderr.contains("is the bucket the right one?"), "{}", outcome.stderr);
    assert_no_verdict(&outcome);
    // The bucket of another server, which holds something, does not pass either.
    let foreign = world.at("buckets/other").join(NOBODY);
    fs::create_dir_all(&foreign).unwrap();
    fs::write(foreign.join("ab".repeat(20)), "of another server").unwrap();
    let outcome = run_with_heads(&world, &[]).assert_code(1);
    assert!(outcome.stderr.contains("MISSING in the source as well"), "{}", outcome.stderr);
    assert_no_verdict(&outcome);
}

#[test]
fn a_source_that_lists_nothing_at_all_ends_every_command_with_3() {
    let world = World::new();
    let asks = |outcome: Outcome| {
        let outcome = outcome.assert_code(3);
        assert!(outcome.stderr.contains("lists no object in any of its stores"), "{}", outcome.stderr);
        assert!(outcome.stderr.contains("is the disk mounted?"), "{}", outcome.stderr);
        assert_no_verdict(&outcome);
    };
    asks(world.run(&[]));
    asks(world.verify(&[]));
    asks(world.verify(&["--content"]));
    asks(pair(&world, "plan", &[]));
    asks(fsck(&world, &[]));
}

#[test]
fn libraries_that_are_all_empty_need_no_trees_and_no_blocks() {
    let world = World::new();
    empty_library_to_dir(&world.at("old/seafile-data"));
    assert_eq!(world.run(&[]).assert_code(0).total("copied"), 1);
    world.verify(&["--content"]).assert_code(0);
    pair(&world, "plan", &[]).assert_code(0);
    fsck(&world, &[]).assert_code(0);
}

#[test]
fn a_verification_goes_on_once_the_disk_is_mounted_again_and_believes_no_listing_of_before() {
    let world = World::with_whole_sample();
    world.run(&[]).assert_code(0);
    let (blocks, away) = (world.source().join("blocks"), world.at("away"));
    fs::rename(&blocks, &away).unwrap();
    fs::create_dir(&blocks).unwrap();
    let checkpoint = world.at("checkpoint").display().to_string();
    world.verify(&["--checkpoint", &checkpoint]).assert_code(3);
    fs::remove_dir(&blocks).unwrap();
    fs::rename(&away, &blocks).unwrap();
    let count = objects_below(&blocks).len() as u64;
    let verified = world.verify(&["--checkpoint", &checkpoint]).assert_code(0);
    assert_eq!((verified.number("blocks", "objects"), verified.number("blocks", "in_source")), (count, count));
}

#[test]
fn a_source_that_an_earlier_removal_emptied_is_told_from_one_that_is_not_mounted() {
    let world = World::with_whole_sample();
    world.run(&[]).assert_code(0);
    world.verify(&["--content"]).assert_code(0);
    let remove = |options: &[&str]| {
        let db = db(&world).display().to_string();
        pair(&world, "remove", &[&["--db", &db, "--server-is-stopped"], options].concat())
    };
    let (blocks, away) = (world.source().join("blocks"), world.at("away"));
    fs::rename(&blocks, &away).unwrap();
    fs::create_dir(&blocks).unwrap();
    for options in [&[][..], &["--yes"]] {
        let refused = remove(options).assert_code(3);
        assert!(refused.stderr.contains("is the disk mounted?"), "{}", refused.stderr);
    }
    assert!(!objects_below(&world.source().join("commits")).is_empty(), "commits were removed");
    fs::remove_dir(&blocks).unwrap();
    fs::rename(&away, &blocks).unwrap();
    remove(&["--yes"]).assert_code(0);
    let is_left = |path: &std::path::PathBuf| !path.iter().any(|name| name == "removed-by-seaf-migrate");
    assert_eq!(objects_below(&world.source()).keys().filter(|path| is_left(path)).count(), 0);
    remove(&["--yes"]).assert_code(0);
    let other_journal = world.at("other").display().to_string();
    remove(&["--yes", "--journal", &other_journal]).assert_code(3);
}

#[test]
fn a_library_that_nobody_has_is_a_mistake_of_the_command_line() {
    let world = World::with_whole_sample();
    world.run(&[]).assert_code(0);
    world.verify(&["--content"]).assert_code(0);
    let database = db(&world).display().to_string();
    for outcome in [
        world.verify(&["--library", NOBODY]),
        world.verify(&["--library", NOBODY, "--content"]),
        fsck(&world, &["--library", NOBODY]),
        fsck(&world, &["--library", NOBODY, "--db", &database]),
        pair(&world, "remove", &["--library", NOBODY, "--db", &database]),
        pair(&world, "remove", &["--library", NOBODY, "--db", &database, "--yes"]),
    ] {
        let outcome = outcome.assert_code(2);
        assert!(outcome.stderr.contains("--library") && outcome.stderr.contains(NOBODY), "{}", outcome.stderr);
        assert!(!outcome.stdout.contains("whole"), "{}", outcome.stdout);
    }
    // One that is there does not excuse the other.
    let known = fs::read_dir(world.source().join("blocks")).unwrap().next().unwrap().unwrap().file_name();
    let both = world.verify(&["--library", known.to_str().unwrap(), "--library", NOBODY]).assert_code(2);
    assert!(!both.stderr.contains(known.to_str().unwrap()), "{}", both.stderr);
    world.verify(&["--library", known.to_str().unwrap()]).assert_code(0);
}
