//! Objects in an archive (GLACIER): each class is told once, with how many and what to do, whatever command meets them. In
//! the report every one of them is named.

use std::fs;
use std::path::Path;

use crate::support::s3_server::{S3Server, WrongGet};
use crate::world::{Outcome, World};

/// A line for each class that is told, and no other that names an object.
fn assert_told_by_class(outcome: &Outcome, list: &str, then: &str) {
    let rows = outcome.rows(list);
    let of_class = |class: &str| rows.iter().filter(|row| row["archive_class"] == class).count();
    assert_eq!(of_class("GLACIER") + of_class("DEEP_ARCHIVE"), rows.len(), "{rows:?}");
    // Of the summary alone: what comes up meanwhile is told with its first object.
    let summary = || outcome.stderr.lines().filter(|line| line.starts_with("  ["));
    let lines = |text: &str| summary().filter(|line| line.contains(text)).collect::<Vec<_>>();
    for class in ["GLACIER", "DEEP_ARCHIVE"] {
        assert!(of_class(class) > 3, "too few to tell anything: {rows:?}");
        let told = lines(&format!("in the archive class {class}: restore"));
        assert!((1..=3).contains(&told.len()), "a line a kind: {}", outcome.stderr);
        assert!(told.iter().all(|line| line.contains(&format!("first, then {then} (the first: "))), "{told:?}");
        let numbers = told.iter().map(|line| line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap());
        assert_eq!(numbers.sum::<usize>(), of_class(class), "{told:?}");
    }
    assert_eq!(lines(": object archived: ").len(), 0, "{}", outcome.stderr);
}

/// The sample, copied to S3 from where some of it goes to an archive later.
fn at_s3() -> (World, S3Server) {
    let world = World::with_sample();
    let server = world.s3_server();
    world.new_side_is_s3(&server);
    world.run(&[]).assert_code(0);
    (world, server)
}

fn pair(world: &World, command: &str, sides: [&str; 2], options: &[&str]) -> Outcome {
    let mut program = world.program();
    program.arg(command).arg("--from").arg(world.at(sides[0])).arg("--to").arg(world.at(sides[1]));
    program.arg("--data-dir").arg(world.at("old/seafile-data"));
    program.arg("--report").arg(world.at("report.json")).args(options);
    world.finish(program.spawn().unwrap())
}

#[test]
fn a_verification_by_content_tells_each_class_once_with_what_to_restore() {
    let (world, server) = at_s3();
    server.faults().wrong_gets(WrongGet::Archived, u64::MAX);
    let outcome = world.verify(&["--content"]).assert_code(1);
    assert_told_by_class(&outcome, "findings", "verify again");
    // Nothing is wrong with their sizes, which an archive tells, too.
    world.verify(&[]).assert_code(0);
    server.faults().clear();
    world.verify(&["--content"]).assert_code(0);
}

#[test]
fn a_removal_keeps_what_it_cannot_read_and_tells_each_class_once() {
    let (world, server) = at_s3();
    let db = world.at("old/seafile-data/seafile.db").display().to_string();
    world.verify(&["--content", "--db", &db]).assert_code(0);
    server.faults().wrong_gets(WrongGet::Archived, u64::MAX);
    let journal = world.at("journal").display().to_string();
    let options = ["--content", "--server-is-stopped", "--journal", &journal, "--db", &db];
    let outcome = pair(&world, "remove", ["old", "new"], &options).assert_code(1);
    assert_told_by_class(&outcome, "kept", "remove again");
}

#[test]
fn what_a_run_could_not_copy_a_repair_leaves_and_tells_each_class_once() {
    let (world, server) = at_s3();
    let back = world.at("back").display().to_string();
    fs::create_dir(&back).unwrap();
    world.write_conf("third", |_| format!("name = fs\ndir = {back}\n"));
    server.faults().wrong_gets(WrongGet::Archived, u64::MAX);
    let outcome = pair(&world, "run", ["new", "third"], &[]).assert_code(1);
    assert_told_by_class(&outcome, "failures", "run again");
    let of_run = world.at("of-run.json");
    fs::write(&of_run, outcome.report.as_ref().unwrap().to_string()).unwrap();
    let repair = |report: &Path| pair(&world, "repair", ["new", "third"], &[&report.display().to_string()]);
    assert_told_by_class(&repair(&of_run).assert_code(1), "left", "repair again");
    // Restored, they are there to be had.
    server.faults().clear();
    repair(&of_run).assert_code(0);
    world.assert_same(&world.at("back/storage"));
}
