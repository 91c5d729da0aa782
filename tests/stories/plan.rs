//! A plan names what a run then does, and writes nothing.

use std::collections::BTreeMap;
use std::fs;

use rustix::process::{Pid, Signal, kill_process};
use seaf_migrate::conf::backend::{Backend, Location};
use seaf_migrate::index::{ListLock, ListPaths};
use seaf_migrate::object::ObjectKind;
use seaf_migrate::sys::lock::DestinationLock;

use crate::support::sample::SMALL_COUNT;
use crate::world::{Outcome, World, objects_below, pause};

fn plan(world: &World, options: &[&str]) -> Outcome {
    let mut command = world.program();
    command.args(["plan", "--from"]).arg(world.at("old")).arg("--to").arg(world.at("new"));
    command.arg("--data-dir").arg(world.at("old/seafile-data")).args(options);
    world.finish(command.spawn().unwrap())
}

/// The numbers of a row: objects in the source, and how many of them are to be copied.
fn row(outcome: &Outcome, name: &str) -> (u64, u64) {
    let line = outcome.stdout.lines().find(|line| line.split_whitespace().next() == Some(name)).unwrap();
    // Sizes have a unit behind them, counts stand alone.
    let words: Vec<&str> = line.split_whitespace().skip(1).collect();
    let count = |word: &str| word.replace(',', "").parse().unwrap();
    (count(words[0]), count(words[3]))
}

#[test]
fn a_run_copies_what_the_plan_said_and_then_there_is_nothing_left_to_plan() {
    let world = World::with_sample();
    let planned = plan(&world, &[]).assert_code(0);
    let copied = world.run(&[]).assert_code(0);
    for kind in ["commits", "fs", "blocks"] {
        let (listed, to_copy) = row(&planned, kind);
        assert_eq!((copied.number(kind, "listed"), copied.number(kind, "copied")), (listed, to_copy), "{kind}");
    }
    let after = plan(&world, &[]).assert_code(0);
    assert_eq!(row(&after, "total"), (SMALL_COUNT, 0));
}

#[test]
fn what_the_destination_lost_is_planned_by_library() {
    let world = World::with_sample();
    world.run(&[]).assert_code(0);
    let fs_objects = world.at("target/storage/fs");
    let mut lost: BTreeMap<String, u64> = BTreeMap::new();
    for path in objects_below(&fs_objects).into_keys().step_by(5) {
        *lost.entry(path.to_str().unwrap()[..36].to_owned()).or_default() += 1;
        fs::remove_file(fs_objects.join(path)).unwrap();
    }
    let planned = plan(&world, &["--libraries"]).assert_code(0);
    assert_eq!(row(&planned, "fs").1, lost.values().sum::<u64>());
    for (library, count) in lost {
        let line = planned.stdout.lines().find(|line| line.starts_with(&format!("{library}  fs"))).unwrap();
        assert!(line.contains(&format!(" {count} ")), "{count} objects of {library} are lost: {line}");
    }
}

#[test]
fn a_plan_needs_no_lock_and_takes_none() {
    let world = World::with_sample();
    let list = world.at("objects").display().to_string();
    world.run(&["--object-list", &list]).assert_code(0);
    let locks: Vec<_> = ObjectKind::ALL
        .into_iter()
        .map(|kind| {
            let place = world.at("target/storage").join(kind.as_str()).display().to_string();
            let location = Location { backend: Backend::Fs, kind, place };
            let paths = ListPaths::new(&world.at("objects"), kind, None);
            (DestinationLock::take(&location.to_string()).unwrap(), ListLock::acquire(&paths).unwrap())
        })
        .collect();
    let planned = plan(&world, &["--object-list", &list]).assert_code(0);
    assert_eq!(row(&planned, "total"), (SMALL_COUNT, 0));
    // They are the locks that a run needs.
    world.run(&["--object-list", &list]).assert_code(4);
    drop(locks);
}

#[test]
fn a_plan_goes_by_the_list_file_unless_it_is_told_to_list() {
    let world = World::with_sample();
    let list = world.at("objects").display().to_string();
    world.run(&["--object-list", &list]).assert_code(0);
    let blocks = world.at("target/storage/blocks");
    let (lost, _) = objects_below(&blocks).pop_first().unwrap();
    fs::remove_file(blocks.join(lost)).unwrap();
    let before = fs::read(world.at("objects.blocks")).unwrap();
    assert_eq!(row(&plan(&world, &["--object-list", &list]).assert_code(0), "total").1, 0);
    assert_eq!(row(&plan(&world, &["--object-list", &list, "--relist"]).assert_code(0), "total").1, 1);
    assert_eq!(fs::read(world.at("objects.blocks")).unwrap(), before, "a plan changes no list");
}

#[test]
fn a_plan_that_is_interrupted_says_that_there_is_none_and_nothing_of_copies() {
    let world = World::with_sample();
    let server = world.s3_server();
    world.new_side_is_s3(&server);
    server.faults().delay(600_000);
    let mut command = world.program();
    command.args(["plan", "--from"]).arg(world.at("old")).arg("--to").arg(world.at("new"));
    command.arg("--data-dir").arg(world.at("old/seafile-data")).args(["--timeout", "2"]);
    let child = command.spawn().unwrap();
    while server.faults().count_all() == 0 {
        pause();
    }
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    let stopped = world.finish(child).assert_code(130);
    assert!(stopped.stderr.contains("Result: no plan: interrupted"), "{}", stopped.stderr);
    assert!(!stopped.stderr.contains("copied") && !stopped.stdout.contains("To copy"), "{stopped:?}");
}

#[test]
fn without_a_whole_listing_there_is_no_plan() {
    let world = World::with_sample();
    fs::remove_dir_all(world.source().join("blocks")).unwrap();
    let failed = plan(&world, &[]).assert_code(3);
    assert!(failed.stderr.contains("Result: no plan: stopped early, a store failed:"), "{}", failed.stderr);
    assert!(failed.stderr.contains("seafile-data/storage/blocks"), "{}", failed.stderr);
    assert!(!failed.stdout.contains("To copy"), "no table that leaves something out: {}", failed.stdout);
}
