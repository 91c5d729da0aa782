//! The main use: a first pass, a rerun, new objects between passes.

use std::fs;

use crate::support::sample::WHOLE_COUNT;
use crate::world::{SECRET, World, assert_same_objects, bucket_of, objects_below, objects_in_buckets, s3_section};

#[test]
fn a_real_store_moves_to_another_folder_and_a_rerun_copies_nothing() {
    let world = World::with_whole_sample();
    let first = world.run(&[]).assert_code(0);
    assert_eq!((first.total("listed"), first.total("copied")), (WHOLE_COUNT, WHOLE_COUNT));
    world.assert_same(&world.at("target/storage"));

    let second = world.run(&[]).assert_code(0);
    assert_eq!((second.total("held"), second.total("copied")), (WHOLE_COUNT, 0));
    world.assert_same(&world.at("target/storage"));
}

#[test]
fn a_real_store_goes_to_s3_and_comes_back_the_same() {
    let world = World::with_whole_sample();
    let server = world.s3_server();
    world.new_side_is_s3(&server);
    world.run(&[]).assert_code(0);
    assert_same_objects(&objects_below(&world.source()), &objects_in_buckets(&world.at("buckets")));
    let rerun = world.run(&[]).assert_code(0);
    assert_eq!(rerun.total("copied"), 0);

    // Back: what was the new side is the old one now.
    let back = world.at("back").display().to_string();
    fs::create_dir(&back).unwrap();
    world.write_conf("third", |_| format!("name = fs\ndir = {back}\n"));
    let mut command = world.program();
    command.args(["run", "--from"]).arg(world.at("new")).arg("--to").arg(world.at("third"));
    world.finish(command.spawn().unwrap()).assert_code(0);
    world.assert_same(&world.at("back/storage"));
}

#[test]
fn each_kind_may_go_to_a_backend_of_its_own() {
    let world = World::with_sample();
    let server = world.s3_server();
    let folder = world.at("target").display().to_string();
    world.write_conf("new", |kind| match kind.as_str() {
        "blocks" => s3_section(&server, &bucket_of(kind), SECRET),
        _ => format!("name = fs\ndir = {folder}\n"),
    });
    world.run(&[]).assert_code(0);
    let mut there = objects_below(&world.at("target/storage"));
    there.extend(objects_in_buckets(&world.at("buckets")));
    assert_same_objects(&objects_below(&world.source()), &there);
}

#[test]
fn objects_that_appear_between_passes_are_copied_by_the_next() {
    let world = World::with_sample();
    // What the server wrote after the first pass: one library less at first.
    let held_back = fs::read_dir(world.source().join("commits")).unwrap().next().unwrap().unwrap().path();
    let aside = world.at("aside");
    let count = objects_below(&held_back).len() as u64;
    fs::rename(&held_back, &aside).unwrap();
    world.run(&["--no-check-heads"]).assert_code(0);
    fs::rename(&aside, &held_back).unwrap();

    let second = world.run(&[]).assert_code(0);
    assert_eq!((second.number("commits", "copied"), second.total("copied")), (count, count));
    world.assert_same(&world.at("target/storage"));
}

#[test]
fn the_log_has_the_lines_that_users_of_the_old_script_know() {
    let world = World::with_sample();
    let outcome = world.run(&[]).assert_code(0);
    for line in [
        "Start to fetch [fs] object from destination",
        "[fs] [0] objects exist in destination",
        "Start to migrate [fs] object",
        "[blocks] task: ",
        " objects written to destination.",
        "Complete migrate [commits] object",
    ] {
        assert!(outcome.stdout.contains(line), "{line:?} is missing from\n{}", outcome.stdout);
    }
    let first = outcome.stdout.lines().next().unwrap();
    assert!(first.starts_with("[20") && first.contains("] "), "no timestamp: {first}");
    assert!(outcome.stdout.contains("Result: every object of the source is at the destination."));
    assert_eq!(outcome.stderr, "");
}

#[test]
fn blocks_come_before_the_trees_and_trees_before_the_commits_that_name_them() {
    let world = World::with_sample();
    let outcome = world.run(&[]).assert_code(0);
    let at = |kind: &str| outcome.stdout.find(&format!("Start to migrate [{kind}]")).unwrap();
    assert!(at("blocks") < at("fs") && at("fs") < at("commits"));
}

#[test]
fn a_generated_store_with_every_kind_of_library_moves_whole() {
    let world = World::new();
    let store = crate::support::library::Store::generate(&crate::support::library::Params::default());
    store.write_to_dir(&world.at("old/seafile-data"));
    let outcome = world.run(&[]).assert_code(0);
    assert_eq!(outcome.total("copied"), store.all().count() as u64);
    assert_eq!(outcome.total("damaged"), 0);
    world.assert_same(&world.at("target/storage"));
}

#[test]
fn the_plan_counts_without_writing_anything() {
    let world = World::with_whole_sample();
    let list = world.at("objects").display().to_string();
    let mut command = world.program();
    command.args(["plan", "--libraries", "--from"]).arg(world.at("old")).arg("--to").arg(world.at("new"));
    command.arg("--data-dir").arg(world.at("old/seafile-data")).args(["--object-list", &list]);
    let plan = world.finish(command.spawn().unwrap()).assert_code(0);
    let total = plan.stdout.lines().find(|line| line.starts_with("total")).unwrap();
    assert_eq!(total.split_whitespace().filter(|word| *word == "1,029").count(), 2, "{total}");
    assert!(plan.stdout.contains("1b3e01d1-05cb-4d33-b1a1-c2beb5e1ab18  fs"), "{}", plan.stdout);
    assert_eq!(objects_below(&world.at("target")).len(), 0, "the plan wrote to the destination");
    assert!(!world.at("target/storage").exists());
    let left: Vec<_> = fs::read_dir(world.at("")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(!left.iter().any(|name| name.to_str().unwrap().starts_with("objects")), "list files written: {left:?}");
}
