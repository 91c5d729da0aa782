//! `run --retry-failed REPORT` copies all objects that had failed, and no others.

mod reports;

use std::fs;
use std::path::{Path, PathBuf};

use rustix::process::{Pid, Signal, kill_process};
use seaf_migrate::object::ObjectKind;
use serde_json::{Value, json};

use crate::support::s3_server::S3Server;
use crate::support::schema::read_report;
use crate::world::{Outcome, World, objects_below, objects_in_buckets, pause};

/// How many requests of a sort the check before every pass makes.
fn of_check(world: &World, server: &S3Server, method: &str) -> u64 {
    let before = server.faults().count(method);
    let mut command = world.program();
    command.args(["check", "--from"]).arg(world.at("old")).arg("--to").arg(world.at("new"));
    command.arg("--data-dir").arg(world.at("old/seafile-data"));
    world.finish(command.spawn().unwrap()).assert_code(0);
    server.faults().count(method) - before
}

/// The path of an object below `storage`, as its row in a report names it.
fn path_of(row: &Value) -> PathBuf {
    let text = |name: &str| row[name].as_str().unwrap().to_owned();
    let id = text("object");
    [text("kind"), text("library"), id[..2].to_owned(), id[2..].to_owned()].iter().collect()
}

/// Some objects of a kind, spread over the store.
fn some(world: &World, kind: ObjectKind, count: usize) -> Vec<PathBuf> {
    let all = objects_below(&world.source().join(kind.as_str()));
    let step = all.len() / count;
    all.into_keys().step_by(step).take(count).map(|path| Path::new(kind.as_str()).join(path)).collect()
}

/// Takes an object out of the source and puts a folder there, which cannot be read, for as long as the value lives.
struct Unreadable(PathBuf, Vec<u8>);

impl Unreadable {
    fn new(world: &World, object: &Path) -> Self {
        let path = world.source().join(object);
        let data = fs::read(&path).unwrap();
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        Self(path, data)
    }

    fn restore(self) {
        fs::remove_dir(&self.0).unwrap();
        fs::write(&self.0, &self.1).unwrap();
    }
}

/// A pass in which these objects failed, and its report kept as `failed.json`.
fn failed(world: &World, objects: &[PathBuf], options: &[&str]) -> Vec<Unreadable> {
    let broken: Vec<_> = objects.iter().map(|object| Unreadable::new(world, object)).collect();
    let outcome = world.run(options).assert_code(1);
    assert_eq!(outcome.total("failed"), objects.len() as u64);
    keep(world, outcome.report.as_ref().unwrap());
    broken
}

fn keep(world: &World, report: &Value) {
    fs::write(world.at("failed.json"), serde_json::to_vec(report).unwrap()).unwrap();
}

fn retry(world: &World, options: &[&str]) -> Outcome {
    let report = world.at("failed.json").display().to_string();
    world.run(&[&["--retry-failed", &report], options].concat())
}

/// As [`failed`], with everything in order again.
fn failed_and_mended(world: &World, objects: &[PathBuf], options: &[&str]) {
    failed(world, objects, options).into_iter().for_each(Unreadable::restore);
}

#[test]
fn what_had_failed_arrives_and_nothing_else_is_looked_at() {
    let world = World::with_sample();
    let mut objects = some(&world, ObjectKind::Blocks, 5);
    objects.extend(some(&world, ObjectKind::Commits, 3));
    failed_and_mended(&world, &objects, &[]);
    // Missing as well, but not in the report.
    let other = world.at("target/storage").join(&some(&world, ObjectKind::Fs, 1)[0]);
    fs::remove_file(&other).unwrap();

    let outcome = retry(&world, &[]).assert_code(0);
    assert_eq!((outcome.number("blocks", "copied"), outcome.number("commits", "copied")), (5, 3));
    assert_eq!((outcome.total("listed"), outcome.total("to_copy"), outcome.number("fs", "listed")), (8, 8, 0));
    assert!(!other.exists());
    for object in &objects {
        assert!(world.at("target/storage").join(object).exists(), "{}", object.display());
    }
    assert!(outcome.stdout.contains("Only the failures of "), "{}", outcome.stdout);
    assert!(!outcome.stdout.contains("every object of the source"), "{}", outcome.stdout);
    // The full pass finds what the retry never claimed.
    assert_eq!(world.run(&[]).assert_code(0).total("copied"), 1);
    world.assert_same(&world.at("target/storage"));
}

#[test]
fn the_report_says_what_was_retried_and_claims_no_listing() {
    let world = World::with_sample();
    failed_and_mended(&world, &some(&world, ObjectKind::Blocks, 2), &[]);
    let report = retry(&world, &[]).assert_code(0).report.unwrap();
    assert_eq!(report["retried"], world.at("failed.json").display().to_string());
    assert_eq!((&report["safe_to_switch"]["yes"], &report["heads"]["state"]), (&json!(false), &json!("not checked")));
    assert_eq!((report["result"].as_str(), report["exit_code"].as_u64()), (Some("retried"), Some(0)));
    assert!(report["kinds"].as_array().unwrap().iter().all(|row| row["source_listed_to_the_end"] == false));
    assert_eq!(world.run(&[]).assert_code(0).report.unwrap()["retried"], Value::Null);
}

#[test]
fn what_fails_again_is_named_again_in_a_report_that_may_be_the_same_file() {
    let world = World::with_sample();
    let objects = some(&world, ObjectKind::Blocks, 3);
    let mut broken = failed(&world, &objects, &[]);
    broken.remove(0).restore();
    // The report of the retry replaces the one that it reads.
    let report = world.at("failed.json").display().to_string();
    for (left, code) in [(2, 1), (0, 0)] {
        let mut command = world.program();
        command.args(["run", "--from"]).arg(world.at("old")).arg("--to").arg(world.at("new"));
        command.arg("--data-dir").arg(world.at("old/seafile-data"));
        command.args(["--retry-failed", &report, "--report", &report]);
        world.finish(command.spawn().unwrap()).assert_code(code);
        let written: Value = read_report(&fs::read(&report).unwrap());
        let rows = written["failures"].as_array().unwrap();
        assert_eq!(rows.len(), left);
        assert!(rows.iter().all(|row| objects.contains(&path_of(row))));
        broken.drain(..).for_each(Unreadable::restore);
    }
    world.assert_same(&world.at("target/storage"));
}

#[test]
fn what_vanished_meanwhile_is_counted_so() {
    let world = World::with_sample();
    let objects = some(&world, ObjectKind::Fs, 4);
    failed_and_mended(&world, &objects, &[]);
    fs::remove_file(world.source().join(&objects[0])).unwrap();
    let outcome = retry(&world, &[]).assert_code(0);
    assert_eq!((outcome.number("fs", "vanished"), outcome.number("fs", "copied")), (1, 3));
    assert!(!world.at("target/storage").join(&objects[0]).exists());
}

#[test]
fn what_is_there_by_now_is_not_copied_and_what_is_short_there_is() {
    let world = World::with_sample();
    let objects = some(&world, ObjectKind::Blocks, 3);
    failed_and_mended(&world, &objects, &[]);
    for (object, cut) in objects.iter().zip([0, 1]) {
        let mut data = fs::read(world.source().join(object)).unwrap();
        data.truncate(data.len() - cut);
        let target = world.at("target/storage").join(object);
        fs::create_dir_all(target.parent().unwrap()).unwrap();
        fs::write(target, data).unwrap();
    }
    let outcome = retry(&world, &[]).assert_code(0);
    assert_eq!((outcome.total("listed"), outcome.total("to_copy"), outcome.total("copied")), (3, 2, 2));
    world.assert_same(&world.at("target/storage"));
}

#[test]
fn what_was_written_but_not_made_durable_is_copied_whatever_the_destination_shows() {
    let world = World::with_sample();
    let outcome = world.run(&[]).assert_code(0);
    let object = &some(&world, ObjectKind::Blocks, 1)[0];
    let target = world.at("target/storage").join(object);
    let length = fs::read(&target).unwrap().len();
    // The right length with zeros for content, as after a power loss that lost the page cache.
    fs::write(&target, vec![0; length]).unwrap();
    let mut report = outcome.report.unwrap();
    let id: String = object.iter().skip(2).map(|part| part.to_str().unwrap()).collect();
    let library = object.iter().nth(1).unwrap().to_str().unwrap();
    report["failures"] = json!([{ "kind": "blocks", "library": library, "object": id, "step": "sync",
                                  "error": "not durable", "cause": "Input/output error" }]);
    keep(&world, &report);
    assert_eq!(retry(&world, &[]).assert_code(0).total("copied"), 1);
    world.assert_same(&world.at("target/storage"));
}

#[test]
fn a_remote_destination_is_asked_for_the_failures_and_never_listed() {
    let world = World::with_sample();
    let server = world.s3_server();
    world.new_side_is_s3(&server);
    failed_and_mended(&world, &some(&world, ObjectKind::Blocks, 7), &[]);
    let own = of_check(&world, &server, "HEAD");
    let heads = server.faults().count("HEAD") + own;
    let outcome = retry(&world, &[]).assert_code(0);
    assert_eq!(outcome.total("copied"), 7);
    assert_eq!(server.faults().count("HEAD"), heads + 7, "each failure is asked for once");
    assert_eq!(outcome.total("held"), 0);
    assert!(!outcome.stdout.contains("Start to fetch"), "the destination was listed: {}", outcome.stdout);
    assert_eq!(objects_below(&world.source()), objects_in_buckets(&world.at("buckets")));
}

#[test]
fn the_list_file_answers_for_the_destination_and_remembers_what_is_retried() {
    let world = World::with_sample();
    let server = world.s3_server();
    world.new_side_is_s3(&server);
    let list = world.at("objects").display().to_string();
    let options = ["--object-list", list.as_str()];
    failed_and_mended(&world, &some(&world, ObjectKind::Fs, 4), &options);
    assert_eq!(retry(&world, &options).assert_code(0).total("copied"), 4);
    // A second retry of the same report finds them in the journal, and so does a full pass.
    assert_eq!(retry(&world, &options).assert_code(0).total("to_copy"), 0);
    let own = of_check(&world, &server, "LIST");
    let lists = server.faults().count("LIST");
    let full = world.run(&options).assert_code(0);
    assert_eq!((full.total("copied"), full.total("held")), (0, full.total("listed")));
    assert_eq!(server.faults().count("LIST"), lists + own, "the list file was not believed");
}

#[test]
fn a_report_without_failures_says_so_and_nothing_is_touched() {
    let world = World::with_sample();
    let server = world.s3_server();
    world.new_side_is_s3(&server);
    keep(&world, &world.run(&[]).assert_code(0).report.unwrap());
    let asked = server.faults().count_all();
    let outcome = retry(&world, &[]).assert_code(0);
    assert!(outcome.stdout.contains("there is nothing to retry"), "{}", outcome.stdout);
    assert_eq!((server.faults().count_all(), outcome.report), (asked, None));
}

#[test]
fn a_pass_that_ended_early_is_said_to_have_left_more_than_its_failures() {
    let world = World::with_sample();
    let mut report = world.run(&[]).assert_code(0).report.unwrap();
    for (result, warned) in [("interrupted", true), ("destination full", true), ("complete", false), ("retried", false)]
    {
        report["result"] = json!(result);
        keep(&world, &report);
        let outcome = retry(&world, &[]).assert_code(0);
        assert_eq!(outcome.stderr.contains("more may be missing"), warned, "{result}: {}", outcome.stderr);
    }
}

#[test]
fn with_strict_damage_among_the_failures_ends_with_5() {
    let world = World::with_sample();
    let objects = some(&world, ObjectKind::Blocks, 2);
    failed_and_mended(&world, &objects, &[]);
    fs::write(world.source().join(&objects[0]), "not what its name says").unwrap();
    let outcome = retry(&world, &["--strict"]).assert_code(5);
    assert_eq!((outcome.total("copied"), outcome.total("damaged")), (2, 1));
    assert!(outcome.stderr.contains("all that had failed"), "{}", outcome.stderr);
}

#[test]
fn a_retry_ends_an_older_verification_as_any_pass_does() {
    let world = World::with_sample();
    failed_and_mended(&world, &some(&world, ObjectKind::Blocks, 1), &[]);
    let note = || -> Value {
        // Beside it is the file that is locked while it changes.
        let mut files = fs::read_dir(world.at("state")).unwrap().map(|entry| entry.unwrap().path());
        let file = files.find(|file| file.extension().is_some_and(|extension| extension == "json")).unwrap();
        serde_json::from_slice(&fs::read(file).unwrap()).unwrap()
    };
    let (first, _) = (note(), retry(&world, &[]).assert_code(0));
    let second = note();
    assert_ne!(first["last_run"]["began"], second["last_run"]["began"]);
    assert_eq!((&first["last_run"]["exit_code"], &second["last_run"]["exit_code"]), (&json!(1), &json!(0)));
}

#[test]
fn a_damaged_list_file_or_a_store_that_is_gone_ends_a_retry_as_a_pass() {
    let world = World::with_sample();
    let server = world.s3_server();
    world.new_side_is_s3(&server);
    let list = world.at("objects").display().to_string();
    failed_and_mended(&world, &some(&world, ObjectKind::Blocks, 2), &["--object-list", &list]);
    let blocks = world.at("objects.blocks");
    let mut bytes = fs::read(&blocks).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&blocks, bytes).unwrap();
    let damaged = retry(&world, &["--object-list", &list]).assert_code(2);
    assert!(damaged.stderr.contains("objects.blocks"), "{}", damaged.stderr);
    drop(server);
    let gone = retry(&world, &["--attempts", "1"]).assert_code(3);
    assert_eq!(gone.total("copied"), 0);
}

#[test]
fn an_interrupted_retry_keeps_what_it_did_and_the_same_call_goes_on() {
    let world = World::with_whole_sample();
    let server = world.s3_server();
    world.new_side_is_s3(&server);
    let list = world.at("objects").display().to_string();
    let objects = some(&world, ObjectKind::Fs, 300);
    failed_and_mended(&world, &objects, &["--object-list", &list]);
    server.faults().delay(30);
    let report = world.at("failed.json").display().to_string();
    let puts = server.faults().count("PUT");
    let options = ["--object-list", &list, "--retry-failed", &report, "--nworker", "2"];
    let child = world.command(&options).spawn().unwrap();
    while server.faults().count("PUT") < puts + 20 {
        pause();
    }
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    let stopped = world.finish(child).assert_code(130);
    server.faults().clear();
    let (done, rest) = (stopped.total("copied"), retry(&world, &["--object-list", &list]).assert_code(0));
    assert!(done > 0 && done < 300, "{done}");
    assert_eq!((rest.total("copied"), rest.total("listed")), (300 - done, 300));
    assert_eq!(objects_below(&world.source()), objects_in_buckets(&world.at("buckets")));
}

#[test]
fn a_server_with_trouble_loses_no_retry() {
    let world = World::with_whole_sample();
    let server = world.s3_server();
    world.new_side_is_s3(&server);
    failed_and_mended(&world, &some(&world, ObjectKind::Blocks, 40), &[]);
    server.faults().fail(20, 503);
    server.faults().lose_answers(5);
    let outcome = retry(&world, &[]).assert_code(0);
    assert_eq!(outcome.total("copied") + outcome.total("listed") - outcome.total("to_copy"), 40);
    assert_eq!(objects_below(&world.source()), objects_in_buckets(&world.at("buckets")));
}

#[test]
fn a_retry_waits_for_nobody_who_has_the_destination() {
    let world = World::with_sample();
    let server = world.s3_server();
    world.new_side_is_s3(&server);
    failed_and_mended(&world, &some(&world, ObjectKind::Blocks, 2), &[]);
    server.faults().delay(600_000);
    let asked = server.faults().count_all();
    let mut first = world.command(&[]).spawn().unwrap();
    while server.faults().count_all() == asked {
        pause();
    }
    let locked = retry(&world, &[]).assert_code(4);
    assert_eq!(locked.total("copied"), 0);
    first.kill().unwrap();
    first.wait().unwrap();
}
