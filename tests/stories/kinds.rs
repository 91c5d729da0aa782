//! Migrations of some kinds: the others stay where they are, are looked at there, and are never touched.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use seaf_migrate::object::ObjectKind;

use crate::world::{Outcome, World, assert_same_objects, bucket_of, objects_below, objects_in_buckets, s3_section};
use crate::world::{SECRET, wait_for_line};

type Objects = BTreeMap<PathBuf, Vec<u8>>;

/// The whole of the old side's `storage`, this program's own objects and all other files included.
fn old(world: &World) -> Objects {
    objects_below(&world.source())
}

fn of_kind(objects: &Objects, kind: &str) -> Objects {
    objects.iter().filter(|(path, _)| path.starts_with(kind)).map(|(path, data)| (path.clone(), data.clone())).collect()
}

/// A new side whose seafile.conf names a folder for blocks alone.
fn only_blocks() -> World {
    let world = World::with_whole_sample();
    let target = world.at("target");
    fs::write(world.at("new/seafile.conf"), format!("[block_backend]\nname = fs\ndir = {}\n", target.display()))
        .unwrap();
    world
}

#[track_caller]
fn assert_only_blocks_are_there(world: &World, before: &Objects) {
    assert_same_objects(before, &old(world));
    let there = objects_below(&world.at("target/storage"));
    let objects: Objects =
        there.into_iter().filter(|(path, _)| !path.to_str().unwrap().contains("00000000-0000")).collect();
    assert_same_objects(&of_kind(before, "blocks"), &of_kind(&objects, "blocks"));
    for kind in ["commits", "fs"] {
        assert!(!world.at("target/storage").join(kind).exists(), "{kind}");
    }
}

#[track_caller]
fn next_of(outcome: &Outcome) -> String {
    let verdict = &outcome.report.as_ref().unwrap()["safe_to_switch"];
    assert_eq!(verdict["yes"], true, "{verdict}");
    verdict["next"].as_str().unwrap().to_owned()
}

#[test]
fn a_new_conf_that_names_blocks_alone_moves_those_and_counts_all_three() {
    let world = only_blocks();
    let before = old(&world);
    let outcome = world.run(&[]).assert_code(0);
    assert_only_blocks_are_there(&world, &before);
    let count = |kind: &str| of_kind(&before, kind).len() as u64;
    for kind in ["commits", "fs", "blocks"] {
        assert_eq!(outcome.number(kind, "listed"), count(kind), "{kind}");
    }
    assert_eq!(outcome.total("copied"), count("blocks"));
    assert!(outcome.stdout.contains("[commits] stays in fs:"), "{}", outcome.stdout);
    let next = next_of(&outcome);
    assert!(next.starts_with("Put only [block_backend] of the new seafile.conf into that of the server"), "{next}");
    assert!(next.contains("commits stay in fs:") && next.contains("old/seafile-data/storage/fs"), "{next}");
    // Again, with nothing to do.
    let again = world.run(&[]).assert_code(0);
    assert_eq!((again.total("copied"), again.number("blocks", "held")), (0, count("blocks")));
    assert_only_blocks_are_there(&world, &before);
}

#[test]
fn the_option_does_the_same_with_a_conf_that_names_all_and_says_so() {
    let world = World::with_whole_sample();
    let before = old(&world);
    let outcome = world.run(&["--kind", "blocks"]).assert_code(0);
    assert_only_blocks_are_there(&world, &before);
    assert!(outcome.stderr.contains("[commit_object_backend]: names fs:"), "{}", outcome.stderr);
    next_of(&outcome);
    let wrong = world.run(&["--kind", "block"]).assert_code(2);
    assert!(wrong.stderr.contains("commits, fs, blocks"), "{}", wrong.stderr);
    // The rest may follow later.
    let rest = world.run(&["--kind", "commits", "--kind", "fs"]).assert_code(0);
    assert_eq!(rest.number("blocks", "copied"), 0);
    world.assert_same(&world.at("target/storage"));
}

#[test]
fn an_object_of_a_kind_that_stays_is_missed_by_the_verdict() {
    for kind in ["commits", "fs"] {
        let world = only_blocks();
        let heads = objects_below(&world.source().join(kind));
        for (path, _) in heads {
            if path.to_str().unwrap().starts_with("93564ac2") {
                fs::remove_file(world.source().join(kind).join(path)).unwrap();
            }
        }
        let outcome = world.run(&[]).assert_code(1);
        let verdict = &outcome.report.as_ref().unwrap()["safe_to_switch"];
        assert_eq!(verdict["yes"], false, "{verdict}");
        assert!(verdict["why"].as_str().unwrap().contains("missing in the source as well"), "{verdict}");
    }
    // A kind that lists nothing ends it, wherever it is.
    let world = only_blocks();
    fs::rename(world.source().join("commits"), world.at("unmounted")).unwrap();
    fs::create_dir(world.source().join("commits")).unwrap();
    let outcome = world.run(&[]).assert_code(3);
    assert!(outcome.stderr.contains("commits"), "{}", outcome.stderr);
}

#[test]
fn what_stays_has_no_list_and_no_lease_and_lists_of_other_migrations_are_left_alone() {
    let world = World::with_whole_sample();
    let list = world.at("objects").display().to_string();
    // All kinds to one place, and then blocks alone to it, with the same lists.
    world.run(&["--object-list", &list]).assert_code(0);
    let before = fs::read(world.at("objects.commits")).unwrap();
    let outcome = world.run(&["--object-list", &list, "--kind", "blocks"]).assert_code(0);
    assert_eq!(outcome.total("copied"), 0);
    assert_eq!(fs::read(world.at("objects.commits")).unwrap(), before);
    next_of(&outcome);

    let world = only_blocks();
    let list = world.at("objects").display().to_string();
    world.run(&["--object-list", &list]).assert_code(0);
    assert!(world.at("objects.blocks").is_file());
    for name in ["objects.commits", "objects.fs", "objects.heads"] {
        assert!(!world.at(name).exists(), "{name}");
    }
    let again = world.run(&["--object-list", &list]).assert_code(0);
    assert!(!again.stdout.contains("Start to list [blocks] object from destination"), "{}", again.stdout);
    next_of(&again);
}

#[test]
fn damage_of_all_kinds_is_remembered_over_a_pass_of_one() {
    let world = World::with_whole_sample();
    for kind in ["fs", "blocks"] {
        let (path, data) = objects_below(&world.source().join(kind)).pop_first().unwrap();
        fs::write(world.source().join(kind).join(path), [&data[..], b"x"].concat()).unwrap();
    }
    let list = world.at("objects").display().to_string();
    let strict = ["--object-list", &list, "--strict"];
    let named = world.run(&strict).assert_code(5).rows("damaged");
    assert_eq!(named.len(), 2);
    for kind in ["blocks", "commits"] {
        world.run(&["--object-list", &list, "--kind", kind]).assert_code(0);
        let later = world.run(&strict).assert_code(5).rows("damaged");
        assert!(later.len() == 2 && named.iter().all(|row| later.contains(row)), "{kind}: {later:?}");
    }
}

#[test]
fn what_stays_keeps_the_lists_of_the_passes_that_move_it() {
    let world = World::with_whole_sample();
    let list = world.at("objects").display().to_string();
    world.run(&["--object-list", &list]).assert_code(0);
    for kinds in ["blocks", "commits,fs"] {
        world.run(&["--object-list", &list, "--kind", kinds]).assert_code(0);
        let full = world.run(&["--object-list", &list]).assert_code(0);
        assert!(!full.stderr.contains("made anew") && !full.stderr.contains("cannot be used"), "{}", full.stderr);
        assert!(!full.stdout.contains("Start to list"), "{}", full.stdout);
        next_of(&full);
    }
}

#[test]
fn a_repair_with_the_same_kinds_mends_what_moved_and_never_what_stays() {
    let world = World::with_whole_sample();
    let blocks = ["--kind", "blocks"];
    world.run(&blocks).assert_code(0);
    // A second source, in which nothing stays for this migration: it is only read.
    for (path, data) in old(&world) {
        let path = world.at("backup-store/storage").join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, data).unwrap();
    }
    let backup = world.at("backup-store").display().to_string();
    world.write_conf("backup", |_| format!("name = fs\ndir = {backup}\n"));
    let (moved, good) = of_kind(&old(&world), "blocks").pop_first().unwrap();
    let (stays, right) = of_kind(&old(&world), "fs").pop_first().unwrap();
    let whole = old(&world);
    fs::write(world.at("target/storage").join(&moved), b"bad").unwrap();
    fs::write(world.source().join(&stays), b"bad").unwrap();
    let found = world.verify(&[&blocks[..], &["--content"]].concat()).assert_code(1);
    let report = world.at("verify.json");
    fs::write(&report, serde_json::to_vec(found.report.as_ref().unwrap()).unwrap()).unwrap();

    let repair = |options: &[&str]| {
        let mut command = world.program();
        command.arg("repair").arg(&report).arg("--to").arg(world.at("new"));
        command.arg("--from").arg(world.at("old")).arg("--from").arg(world.at("backup"));
        command.arg("--data-dir").arg(world.at("old/seafile-data")).arg("--report").arg(world.at("report.json"));
        world.finish(command.args(options).spawn().unwrap())
    };
    let other = repair(&[]).assert_code(2);
    assert!(other.stderr.contains("it is about"), "{}", other.stderr);
    for options in [&["--kind", "blocks", "--dry-run"][..], &blocks] {
        let outcome = repair(options).assert_code(1);
        assert_eq!((outcome.number("blocks", "repaired"), outcome.number("fs", "left")), (1, 1));
        let left = &outcome.rows("left")[0];
        assert!(left["cause"].as_str().unwrap().contains("never written"), "{left}");
    }
    assert_eq!(fs::read(world.at("target/storage").join(&moved)).unwrap(), good);
    assert_eq!(fs::read(world.source().join(&stays)).unwrap(), b"bad");
    fs::write(world.source().join(&stays), right).unwrap();
    assert_only_blocks_are_there(&world, &whole);
}

#[test]
fn blocks_alone_go_to_s3_while_the_rest_stays_in_its_folder() {
    let world = World::with_whole_sample();
    let before = old(&world);
    let server = world.s3_server();
    let section = s3_section(&server, &bucket_of(ObjectKind::Blocks), SECRET);
    fs::write(world.at("new/seafile.conf"), format!("[block_backend]\n{section}")).unwrap();
    let mut child = world.command(&[]).spawn().unwrap();
    wait_for_line(&mut child, "[fs] stays in fs:");
    next_of(&world.finish(child).assert_code(0));
    assert_same_objects(&before, &old(&world));
    let there = objects_in_buckets(&world.at("buckets"));
    let blocks: Objects =
        there.into_iter().filter(|(path, _)| !path.to_str().unwrap().contains("00000000-0000")).collect();
    assert_same_objects(&of_kind(&before, "blocks"), &blocks);
}

fn command(world: &World, name: &str, options: &[&str]) -> Outcome {
    let mut command = world.program();
    command.args([name, "--from"]).arg(world.at("old")).arg("--to").arg(world.at("new"));
    command.arg("--data-dir").arg(world.at("old/seafile-data")).args(options);
    world.finish(command.spawn().unwrap())
}

#[test]
fn check_and_plan_say_what_stays_and_write_nothing_there() {
    let world = only_blocks();
    let before = old(&world);
    let check = command(&world, "check", &[]).assert_code(0);
    let words = |line: &'static str| line.split_whitespace().collect::<Vec<_>>();
    let rows: Vec<Vec<&str>> = check.stdout.lines().map(|line| line.split_whitespace().collect()).collect();
    let row = rows.iter().find(|row| row.starts_with(&words("commits new"))).unwrap();
    assert!(row[2..].starts_with(&words("- - - -")), "{row:?}");
    let plan = command(&world, "plan", &[]).assert_code(0);
    assert!(plan.stdout.contains("[fs] stays in fs:"), "{}", plan.stdout);
    let blocks = of_kind(&before, "blocks").len();
    assert!(plan.stdout.lines().last().unwrap_or_default().contains(&blocks.to_string()), "{}", plan.stdout);
    assert_same_objects(&before, &old(&world));
}

#[test]
fn a_removal_after_it_never_touches_what_stays() {
    let world = only_blocks();
    let before = old(&world);
    world.run(&[]).assert_code(0);
    let verified = world.verify(&["--content"]).assert_code(0);
    assert_eq!(verified.total("objects"), before.len() as u64, "what stays is read where it is");
    assert_same_objects(&before, &old(&world));

    let removed = command(&world, "remove", &["--yes"]).assert_code(0);
    assert!(removed.stdout.contains("[commits] stays where it is: nothing of it is removed"), "{}", removed.stdout);
    let objects = |kind: &str| of_kind(&old(&world), kind);
    for kind in ["commits", "fs"] {
        assert_same_objects(&of_kind(&before, kind), &objects(kind));
    }
    command(&world, "remove", &["--purge", "--yes"]).assert_code(0);
    assert_eq!(objects("blocks").len(), 0);
    for kind in ["commits", "fs"] {
        assert_same_objects(&of_kind(&before, kind), &objects(kind));
    }
    // Nor does a removal that names other kinds go by that verification.
    let refused = command(&world, "remove", &["--yes", "--kind", "commits"]).code;
    assert_ne!(refused, Some(0));
    assert_same_objects(&of_kind(&before, "commits"), &objects("commits"));
}

#[test]
fn a_removal_needs_what_moved_to_be_at_its_new_place() {
    let world = only_blocks();
    let before = old(&world);
    world.run(&[]).assert_code(0);
    world.verify(&["--content"]).assert_code(0);
    fs::remove_dir_all(world.at("target/storage/blocks")).unwrap();
    let refused = command(&world, "remove", &["--yes"]);
    assert_ne!(refused.code, Some(0), "{}", refused.stdout);
    assert_same_objects(&before, &old(&world));
}
