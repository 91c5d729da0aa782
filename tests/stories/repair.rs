//! `repair`: what reports name is made right at the destination, from whichever source has it right.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::verify::{name, named, nth, there};
use crate::world::{Outcome, World, objects_below, pause};

/// Both sides folders, all of it copied.
fn migrated() -> World {
    let world = World::with_sample();
    world.run(&[]).assert_code(0);
    world
}

/// Keeps the report of an outcome under a name.
fn keep(world: &World, outcome: &Outcome, name: &str) -> PathBuf {
    let path = world.at(name);
    fs::write(&path, serde_json::to_vec(outcome.report.as_ref().unwrap()).unwrap()).unwrap();
    path
}

fn repairing(world: &World, reports: &[&Path], sources: &[&str], options: &[&str]) -> Command {
    let mut command = world.program();
    command.arg("repair").args(reports).arg("--to").arg(world.at("new"));
    for source in sources {
        command.arg("--from").arg(world.at(source));
    }
    command.arg("--data-dir").arg(world.at("old/seafile-data"));
    command.arg("--report").arg(world.at("report.json")).args(options);
    command
}

fn repair(world: &World, reports: &[&Path], sources: &[&str], options: &[&str]) -> Outcome {
    world.finish(repairing(world, reports, sources, options).spawn().unwrap())
}

/// A second source: a copy of the old side as it is now, in a folder that a configuration names.
fn backup(world: &World) {
    let dir = world.at("backup-store");
    for (path, data) in objects_below(&world.source()) {
        let path = dir.join("storage").join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, data).unwrap();
    }
    let dir = dir.display().to_string();
    world.write_conf("backup", |_| format!("name = fs\ndir = {dir}\n"));
}

/// Takes an object away, cuts one, and flips a bit of one of each kind at the destination; what they are called.
fn harm(world: &World) -> Vec<String> {
    let mut harmed = Vec::new();
    for kind in ["commits", "fs", "blocks"] {
        let paths = [0, 1, 2].map(|n| nth(world, kind, n));
        fs::remove_file(there(world, &paths[0])).unwrap();
        let data = fs::read(there(world, &paths[1])).unwrap();
        fs::write(there(world, &paths[1]), &data[..data.len() / 2]).unwrap();
        let mut data = fs::read(there(world, &paths[2])).unwrap();
        let middle = data.len() / 2;
        data[middle] ^= 1;
        fs::write(there(world, &paths[2]), data).unwrap();
        harmed.extend(paths.map(|path| name(&path)));
    }
    harmed.sort();
    harmed
}

/// `kind library object` of each row of a list.
fn objects(outcome: &Outcome, list: &str) -> Vec<String> {
    named(outcome, list).into_iter().map(|row| row.split(": ").next().unwrap().to_owned()).collect()
}

#[test]
fn what_a_verification_found_wrong_is_right_after_a_repair() {
    let world = migrated();
    let harmed = harm(&world);
    let found = world.verify(&["--content"]).assert_code(1);
    let report = keep(&world, &found, "verify.json");

    let before = objects_below(&world.at("target/storage"));
    let dry = repair(&world, &[&report], &["old"], &["--dry-run"]).assert_code(0);
    assert_eq!((objects(&dry, "repaired"), dry.total("repaired")), (harmed.clone(), 9));
    assert_eq!(objects_below(&world.at("target/storage")), before, "a dry run wrote");

    let repaired = repair(&world, &[&report], &["old"], &[]).assert_code(0);
    assert_eq!((objects(&repaired, "repaired"), repaired.rows("left").len()), (harmed, 0));
    assert!(
        repaired.stdout.lines().all(|line| line.chars().count() <= 80 || !line.contains("  ")),
        "{}",
        repaired.stdout
    );
    world.assert_same(&world.at("target/storage"));
    world.verify(&["--content"]).assert_code(0);

    // Again: there is nothing to do, and it says so.
    let again = repair(&world, &[&report], &["old"], &[]).assert_code(0);
    assert_eq!((again.total("looked_at"), again.total("right"), again.total("repaired")), (9, 9, 0));
}

#[test]
fn what_one_source_has_damaged_comes_from_another_one() {
    let world = World::with_sample();
    backup(&world);
    let blocks = world.source().join("blocks");
    let (path, data) = objects_below(&blocks).into_iter().nth(5).unwrap();
    let mut bad = data.clone();
    bad[0] ^= 1;
    fs::write(blocks.join(&path), &bad).unwrap();
    let run = world.run(&[]).assert_code(0);
    assert_eq!(run.total("damaged"), 1);
    let report = keep(&world, &run, "run.json");
    let copy = world.at("target/storage/blocks").join(&path);
    assert_eq!(fs::read(&copy).unwrap(), bad);

    let left = repair(&world, &[&report], &["old"], &[]).assert_code(1);
    assert_eq!(named(&left, "left")[0].split(": ").nth(1).unwrap(), "damaged in every source that has it");
    assert_eq!(fs::read(&copy).unwrap(), bad, "what nobody has right is left");
    let repaired = repair(&world, &[&report], &["old", "backup"], &[]).assert_code(0);
    assert!(repaired.rows("repaired")[0]["cause"].as_str().unwrap().contains("backup-store"));
    assert_eq!(fs::read(&copy).unwrap(), data);
    // What is right at the destination is not replaced by what the source has, whatever a later pass finds.
    world.run(&[]).assert_code(0);
    assert_eq!(fs::read(&copy).unwrap(), data);
}

#[test]
fn what_is_missing_everywhere_is_left_and_named_and_the_rest_is_repaired() {
    let world = migrated();
    let [gone, lost] = [3, 4].map(|n| nth(&world, "fs", n));
    for path in [&gone, &lost] {
        fs::remove_file(there(&world, path)).unwrap();
    }
    let report = keep(&world, &world.verify(&[]).assert_code(1), "verify.json");
    fs::remove_file(world.source().join(&gone)).unwrap();
    let outcome = repair(&world, &[&report], &["old"], &[]).assert_code(1);
    assert_eq!(named(&outcome, "left"), [format!("{}: missing in every source", name(&gone))]);
    assert_eq!(objects(&outcome, "repaired"), [name(&lost)]);
    assert!(outcome.stderr.contains(&name(&gone).replace("fs ", "").replace(' ', "/")), "{}", outcome.stderr);
    assert!(there(&world, &lost).exists());
}

#[test]
fn what_a_check_of_the_new_side_names_is_repaired_down_to_the_block_that_is_too_short() {
    let world = migrated();
    let fsck = || {
        let mut command = world.program();
        command.args(["fsck", "--conf"]).arg(world.at("new")).arg("--report").arg(world.at("report.json"));
        command.arg("--db").arg(world.at("old/seafile-data/seafile.db"));
        world.finish(command.spawn().unwrap())
    };
    fsck().assert_code(0);
    // Without reading contents, a short block shows only in the length of its file.
    let blocks = world.at("target/storage/blocks");
    let short = objects_below(&blocks).into_iter().find_map(|(path, data)| {
        fs::write(blocks.join(&path), &data[..data.len() / 2]).unwrap();
        let found = fsck();
        let is_needed = found.code == Some(1) && found.stdout.contains("wrong size");
        if !is_needed {
            fs::write(blocks.join(&path), data).unwrap();
        }
        is_needed.then_some((path, found))
    });
    let (path, found) = short.expect("some file has a block");
    let short = keep(&world, &found, "short.json");
    // What is below a directory that is missing shows only in the next check.
    let tree = nth(&world, "fs", 0);
    fs::remove_file(there(&world, &tree)).unwrap();
    let missing = keep(&world, &fsck().assert_code(1), "missing.json");
    repair(&world, &[&short, &missing], &["old"], &[]).assert_code(0);
    fsck().assert_code(0);
    assert_eq!(fs::read(blocks.join(&path)).unwrap(), fs::read(world.source().join("blocks").join(&path)).unwrap());
    world.assert_same(&world.at("target/storage"));
}

#[test]
fn an_object_that_several_reports_name_is_looked_at_once() {
    let world = migrated();
    let harmed = harm(&world);
    let found = world.verify(&["--content"]).assert_code(1);
    let (one, two) = (keep(&world, &found, "one.json"), keep(&world, &found, "two.json"));
    let repaired = repair(&world, &[&one, &two], &["old"], &[]).assert_code(0);
    assert_eq!((repaired.total("looked_at"), objects(&repaired, "repaired")), (9, harmed));
}

#[test]
fn a_verification_before_a_repair_is_no_proof_after_it() {
    let world = migrated();
    let report = keep(&world, &world.verify(&["--content"]).assert_code(0), "verify.json");
    let remove = |options: &[&str]| {
        let mut command = world.program();
        command.args(["remove", "--from"]).arg(world.at("old")).arg("--to").arg(world.at("new"));
        command.arg("--data-dir").arg(world.at("old/seafile-data")).args(options);
        world.finish(command.spawn().unwrap())
    };
    remove(&["--server-is-stopped"]).assert_code(0);
    // It names nothing, so that nothing is written and the proof stands.
    let nothing = repair(&world, &[&report], &["old"], &[]).assert_code(0);
    assert!(nothing.stdout.contains("name no object"), "{}", nothing.stdout);
    remove(&["--server-is-stopped"]).assert_code(0);

    let path = nth(&world, "blocks", 0);
    let mut named = nothing.report.clone().unwrap();
    named["command"] = "verify".into();
    named["from"] = named["to"].clone();
    let [kind, library, object] = name(&path).split(' ').map(str::to_owned).collect::<Vec<_>>().try_into().unwrap();
    named["findings"] = serde_json::json!([
        {"kind": kind, "library": library, "object": object, "step": "verify", "error": "missing", "cause": ""}
    ]);
    let report = world.at("named.json");
    fs::write(&report, named.to_string()).unwrap();
    fs::remove_file(there(&world, &path)).unwrap();
    repair(&world, &[&report], &["old"], &[]).assert_code(0);
    remove(&["--server-is-stopped"]).assert_code(2);
}

#[test]
fn the_lists_of_a_kind_of_which_something_was_repaired_are_made_anew() {
    let world = World::with_sample();
    let list = world.at("objects").display().to_string();
    world.run(&["--object-list", &list]).assert_code(0);
    let path = nth(&world, "blocks", 1);
    fs::remove_file(there(&world, &path)).unwrap();
    let report = keep(&world, &world.verify(&[]).assert_code(1), "verify.json");
    world.run(&["--object-list", &list, "--relist"]).assert_code(0);
    fs::remove_file(there(&world, &path)).unwrap();
    repair(&world, &[&report], &["old"], &["--object-list", &list]).assert_code(0);
    assert!(!world.at("objects.blocks").exists() && world.at("objects.fs").exists());
    assert_eq!(world.run(&["--object-list", &list]).assert_code(0).total("copied"), 0);
}

#[test]
fn a_report_that_is_of_no_use_is_refused_before_anything_is_done() {
    let world = migrated();
    harm(&world);
    let found = world.verify(&["--content"]).assert_code(1);
    let before = objects_below(&world.at("target/storage"));
    let whole = found.report.clone().unwrap();
    let changed = |change: &dyn Fn(&mut Value)| {
        let mut report = whole.clone();
        change(&mut report);
        report.to_string()
    };
    let text = whole.to_string();
    let cases = [
        (changed(&|report| report["to"][2] = "fs:/elsewhere/storage/blocks".into()), "fs:/elsewhere/storage/blocks"),
        (changed(&|report| report["command"] = "remove".into()), "it is the report of `remove`"),
        (changed(&|report| report["version"] = 7.into()), "it is of version 7"),
        (changed(&|report| drop(report.as_object_mut().unwrap().remove("command"))), "it has no field `command`"),
        (text[..text.len() - 20].to_owned(), "it ends in the middle"),
        ("not a report".to_owned(), "it is not JSON"),
    ];
    for (text, told) in cases {
        let report = world.at("bad.json");
        fs::write(&report, text).unwrap();
        let refused = repair(&world, &[&report], &["old"], &[]).assert_code(2);
        assert!(refused.stderr.contains(told) && refused.stderr.contains("bad.json"), "{told}: {}", refused.stderr);
    }
    let missing = repair(&world, &[&world.at("none.json")], &["old"], &[]).assert_code(2);
    assert!(missing.stderr.contains("none.json"), "{}", missing.stderr);
    assert_eq!(objects_below(&world.at("target/storage")), before);

    // A retry does not take it, and says who does.
    let report = keep(&world, &found, "verify.json");
    let refused = world.run(&["--retry-failed", report.to_str().unwrap()]).assert_code(2);
    assert!(refused.stderr.contains("`seaf-migrate repair`"), "{}", refused.stderr);
}

#[test]
fn a_repair_waits_for_nobody_who_has_the_destination() {
    let world = World::with_sample();
    let server = world.s3_server();
    world.new_side_is_s3(&server);
    world.run(&[]).assert_code(0);
    let block = objects_below(&world.at("buckets/seafile-blocks"))
        .into_keys()
        .find(|path| !path.file_name().unwrap().to_str().unwrap().starts_with('.'));
    let block = world.at("buckets/seafile-blocks").join(block.unwrap());
    let data = fs::read(&block).unwrap();
    fs::remove_file(&block).unwrap();
    let report = keep(&world, &world.verify(&[]).assert_code(1), "verify.json");
    let seen = server.faults().count_all();
    server.faults().delay(600_000);
    let mut first = world.command(&[]).spawn().unwrap();
    while server.faults().count_all() == seen {
        pause();
    }
    let second = repair(&world, &[&report], &["old"], &[]).assert_code(4);
    assert!(second.stderr.contains(&format!("process {}", first.id())), "{}", second.stderr);
    first.kill().unwrap();
    first.wait().unwrap();
    server.faults().clear();
    repair(&world, &[&report], &["old"], &[]).assert_code(0);
    assert_eq!(fs::read(&block).unwrap(), data);
}

#[test]
fn a_source_that_is_gone_is_said_before_anything_is_written() {
    let world = migrated();
    harm(&world);
    let report = keep(&world, &world.verify(&["--content"]).assert_code(1), "verify.json");
    let before = objects_below(&world.at("target/storage"));
    world.write_conf("backup", |_| format!("name = fs\ndir = {}\n", world.at("not-mounted").display()));
    let failed = repair(&world, &[&report], &["old", "backup"], &[]);
    assert!(matches!(failed.code, Some(2 | 3)), "{:?}\n{}", failed.code, failed.stderr);
    assert!(failed.stderr.contains("not-mounted"), "{}", failed.stderr);
    assert_eq!(objects_below(&world.at("target/storage")), before);
}
