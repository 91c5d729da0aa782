//! Deleting the old side: nothing is removed unless every condition holds, and then every object is.

mod conditions;
mod endings;
mod objects;
mod quarantine;

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant, SystemTime};

use rusqlite::Connection;
use rustix::process::{Pid, Signal, kill_process};
use seaf_migrate::conf::backend::Location;
use seaf_migrate::conf::{Backend, Environment, FsConf, SideSource, load_pair};
use seaf_migrate::history::{Incarnation, Pair, StateDir, VerifyNote};
use seaf_migrate::object::ObjectKind;
use seaf_migrate::store::backend::fs::FsStore;
use serde_json::Value;

use crate::support::folder::Tmpfs;
use crate::support::library::bulk::bulk_to_dir;
use crate::support::library::{Params, Store};
use crate::support::s3_server::S3Server;
use crate::support::sample::{SMALL_COUNT, WHOLE_COUNT};
use crate::world::{Outcome, World, objects_below, objects_in_buckets, s3_section, wait_for_line};

const OBJECTS: u64 = SMALL_COUNT;

/// The sample, copied to the new side and verified there, with the server's database at hand.
fn ready() -> World {
    let world = World::with_sample();
    world.run(&[]).assert_code(0);
    verify(&world);
    world
}

fn db(world: &World) -> String {
    world.at("old/seafile-data/seafile.db").display().to_string()
}

fn verify(world: &World) {
    world.verify(&["--content", "--db", &db(world)]).assert_code(0);
}

/// `seaf-migrate remove` from old to new, without a database.
fn command(world: &World, options: &[&str]) -> Command {
    let mut command = world.program();
    command.args(["remove", "--from"]).arg(world.at("old")).arg("--to").arg(world.at("new"));
    command.arg("--data-dir").arg(world.at("old/seafile-data"));
    command.arg("--report").arg(world.at("report.json")).args(options);
    command
}

fn without_database(world: &World, options: &[&str]) -> Outcome {
    world.finish(command(world, options).spawn().unwrap())
}

fn remove(world: &World, options: &[&str]) -> Outcome {
    without_database(world, &[&["--db", &db(world)], options].concat())
}

/// Removes for real.
fn go(world: &World, options: &[&str]) -> Outcome {
    remove(world, &[&["--yes"], options].concat())
}

fn pair(world: &World) -> Pair {
    let side = |name: &str| SideSource { path: world.at(name), data_dir: Some(world.at("old/seafile-data")) };
    let (from, to) = load_pair(&side("old"), &side("new"), &Environment::default()).unwrap();
    Pair::new(&from, &to)
}

fn proofs(world: &World) -> StateDir {
    StateDir::new(world.at("state"))
}

/// Changes what the verification noted.
fn change_note(world: &World, change: impl FnOnce(&mut VerifyNote)) {
    let (proofs, pair) = (proofs(world), pair(world));
    let mut note = proofs.load(&pair).unwrap().unwrap().verified.unwrap();
    change(&mut note);
    proofs.note_verify(&pair, note).unwrap();
}

/// The objects of the old side, as paths below `storage`.
fn left(world: &World) -> BTreeSet<PathBuf> {
    // But for what a check writes there for a moment and removes.
    let is_probe = |path: &PathBuf| path.to_str().unwrap().contains("/ffffffff-ffff-ffff-ffff-ffffffffffff/");
    let is_kept = |path: &PathBuf| path.iter().any(|name| name == "removed-by-seaf-migrate");
    objects_below(&world.source()).into_keys().filter(|path| !is_probe(path) && !is_kept(path)).collect()
}

/// The number of objects in the report: `removed` or `kept`, of all kinds.
fn sum(outcome: &Outcome, what: &str) -> u64 {
    let report = outcome.report.as_ref().expect("a report was written");
    report["kinds"].as_array().unwrap().iter().map(|row| row[what]["objects"].as_u64().unwrap()).sum()
}

/// `kind/library/ab/cdef…: why` of each object that was kept.
fn kept(outcome: &Outcome) -> BTreeSet<String> {
    let text = |row: &Value, name: &str| row[name].as_str().unwrap().to_owned();
    let name = |row: Value| {
        let id = text(&row, "object");
        format!("{}/{}/{}/{}: {}", text(&row, "kind"), text(&row, "library"), &id[..2], &id[2..], text(&row, "error"))
    };
    outcome.rows("kept").into_iter().map(name).collect()
}

/// The objects that the journal names, as paths below `storage`.
fn journalled(world: &World) -> Vec<PathBuf> {
    let Ok(text) = fs::read_to_string(proofs(world).removals(&pair(world))) else { return Vec::new() };
    let objects = text.lines().filter(|line| !line.starts_with('#')).map(|line| {
        let [_, kind, name, _] = line.split(' ').collect::<Vec<_>>()[..] else { panic!("{line}") };
        let (library, id) = name.split_once('/').unwrap();
        [kind, library, &id[..2], &id[2..]].iter().collect()
    });
    objects.collect()
}

/// One object of a kind, as a path below `storage`.
fn nth(world: &World, kind: &str, n: usize) -> PathBuf {
    Path::new(kind).join(objects_below(&world.source().join(kind)).into_keys().nth(n).unwrap())
}

/// Refused with this exit code and these words, and nothing happened to the old side, nor to the journal.
#[track_caller]
fn assert_refused(world: &World, before: &BTreeSet<PathBuf>, outcome: Outcome, code: i32, says: &str) {
    let outcome = outcome.assert_code(code);
    assert!(outcome.stderr.contains(says), "{says:?} is not in:\n{}", outcome.stderr);
    assert_eq!(&left(world), before);
    assert_eq!(journalled(world), Vec::<PathBuf>::new());
    if outcome.report.is_some() {
        assert_eq!(sum(&outcome, "removed"), 0);
    }
}
