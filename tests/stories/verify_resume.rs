//! An interrupted verification continues where it was; one that fails does not count as a verification.

mod broken;
mod changed;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Child;
use std::sync::OnceLock;

use rustix::process::{Pid, Signal, kill_process};
use seaf_migrate::object::ObjectKind;
use seaf_migrate::report::header::moment;
use serde_json::Value;

use crate::support::library::bulk::bulk_to_dir;
use crate::support::s3_server::S3Server;
use crate::support::sample::WHOLE_COUNT;
use crate::support::tree::Tree;
use crate::verify::{name, named, verified};
use crate::world::{Outcome, World, bucket_of, objects_below, pause, wait_for_line};

const ALL: u64 = WHOLE_COUNT;

/// How many objects the check of the destination reads before a verification: what it wrote there, once a kind.
const CHECK: u64 = 3;
/// How many requests the identity of the destination takes: of each kind, before the listing and after the comparison.
const IDENTITY: u64 = 6;
/// How many requests it takes to note at the destination that something is wrong: of each kind, to read what it says and
/// what was written.
const REVOCATION: u64 = 6;

/// The whole sample, copied to S3; requests are slow from now on.
fn slow_copy(ms: u32) -> (World, S3Server) {
    let world = World::with_whole_sample();
    // Copied by one run for all tests, because what they look at begins after it.
    static BUCKETS: OnceLock<Tree> = OnceLock::new();
    BUCKETS
        .get_or_init(|| {
            let first = World::with_whole_sample();
            let server = first.s3_server();
            first.new_side_is_s3(&server);
            first.run(&[]).assert_code(0);
            Tree::read(&first.at("buckets"))
        })
        .write(&world.at("buckets"));
    let server = world.s3_server();
    world.new_side_is_s3(&server);
    server.faults().delay(ms);
    (world, server)
}

/// How many objects the checkpoint says are settled.
fn settled(dir: &Path) -> u64 {
    kept(dir, "objects")
}

/// A number of the checkpoint, summed over the kinds.
fn kept(dir: &Path, number: &str) -> u64 {
    let Ok(text) = fs::read(dir.join("verify.json")) else { return 0 };
    // Replaced as a whole, so that whoever reads it at any time reads a whole one.
    let state: Value = serde_json::from_slice(&text).unwrap();
    state["kinds"].as_array().unwrap().iter().map(|kind| kind[number].as_u64().unwrap()).sum()
}

fn wait_until_settled(dir: &Path, child: &mut Child, objects: u64) {
    while settled(dir) < objects {
        assert!(child.try_wait().unwrap().is_none(), "it ended before {objects} objects were settled");
        pause();
    }
}

fn kill(mut child: Child) {
    child.kill().unwrap();
    child.wait().unwrap();
}

/// Flips a bit of an object in a bucket; what it is called.
fn flip(world: &World, kind: &str, n: usize) -> String {
    let bucket = world.at("buckets").join(bucket_of(kind.parse().unwrap()));
    let is_object = |path: &Path| !path.file_name().unwrap().to_str().unwrap().starts_with('.');
    let mut files = objects_below(&bucket).into_iter().filter(|(path, _)| is_object(path));
    let (path, mut data) = files.nth(n).unwrap();
    let at = data.len() / 2;
    data[at] ^= 1;
    fs::write(bucket.join(&path), data).unwrap();
    let (library, id) = path.to_str().unwrap().split_once('/').unwrap();
    name(&format!("{kind}/{library}/{}/{}", &id[..2], &id[2..]))
}

#[test]
fn a_kill_while_contents_are_read_loses_a_second_of_work_and_no_finding() {
    let (world, server) = slow_copy(20);
    let mut planted: Vec<String> = [("commits", 2), ("commits", 140), ("fs", 30), ("blocks", 100)]
        .map(|(kind, n)| format!("{}: damaged", flip(&world, kind, n)))
        .into();
    planted.sort();
    let dir = world.at("checkpoint");
    let checkpoint = dir.display().to_string();
    let options = ["--content", "--checkpoint", &checkpoint, "--nworker", "4"];
    let gets = || server.faults().count("GET");
    let mut done = 0;
    // Three kills, each after something more was kept.
    for _ in 0..3 {
        let mut child = world.verifying(&options).spawn().unwrap();
        wait_until_settled(&dir, &mut child, done + 40);
        kill(child);
        done = settled(&dir);
        assert!(verified(&world).is_none(), "a verification that was killed was noted");
    }
    server.faults().delay(0);
    let before = gets();
    // What is wrong is read twice.
    let twice = planted.len() as u64 - kept(&dir, "damaged");
    let outcome = world.verify(&options).assert_code(1);
    assert_eq!(named(&outcome, "findings"), planted);
    assert_eq!((outcome.total("read"), outcome.total("objects")), (ALL, ALL));
    assert_eq!(
        gets() - before,
        ALL - done + twice + CHECK + IDENTITY + REVOCATION,
        "what was settled was read again, or not all of the rest"
    );
    assert!(outcome.stdout.contains("Going on with the verification that began at"), "{}", outcome.stdout);
    assert!(!dir.exists(), "the checkpoint was left behind");
    // It counts from the moment when the first of them listed.
    let note = verified(&world).unwrap();
    assert_eq!((note.findings, note.objects), (4, ALL));
    let report = outcome.report.as_ref().unwrap();
    assert_eq!(report["began"], moment(note.began));
    assert!(note.began < report["started"].as_str().unwrap().parse::<jiff::Timestamp>().unwrap());
}

#[test]
fn an_interrupted_verification_says_how_to_go_on() {
    let (world, server) = slow_copy(20);
    let dir = world.at("checkpoint");
    let checkpoint = dir.display().to_string();
    let options = ["--sample", "60", "--checkpoint", &checkpoint, "--nworker", "4"];
    let mut child = world.verifying(&options).spawn().unwrap();
    wait_until_settled(&dir, &mut child, 50);
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    let stopped = world.finish(child).assert_code(130);
    let expected = format!("NOT verified to the end; the same command goes on from the checkpoint {checkpoint}");
    assert!(stopped.stderr.contains(&expected), "{}", stopped.stderr);
    assert_eq!(stopped.report.as_ref().unwrap()["result"], "interrupted");
    let first = stopped.total("objects");
    assert!((50..ALL).contains(&first), "{first}");
    server.faults().delay(0);
    let outcome = world.verify(&options).assert_code(0);
    // The same share as before: nothing is read twice, nothing left out.
    assert_eq!(outcome.total("objects"), ALL);
    assert!((500..740).contains(&outcome.total("read")), "{}", outcome.total("read"));
    assert_eq!(verified(&world).unwrap().content_percent, 60.0);
}

#[test]
fn a_kill_while_listing_keeps_the_listings_of_the_source_that_were_finished() {
    let world = World::new();
    bulk_to_dir(&world.at("old/seafile-data"), 3, 6_000, 200..=300);
    let server = world.s3_server();
    world.new_side_is_s3(&server);
    world.run(&[]).assert_code(0);
    let dir = world.at("checkpoint");
    let checkpoint = dir.display().to_string();
    server.faults().delay(200);
    let mut child = world.verifying(&["--checkpoint", &checkpoint]).spawn().unwrap();
    wait_for_line(&mut child, "Start to list [blocks]");
    kill(child);
    for kind in [ObjectKind::Commits, ObjectKind::Fs] {
        assert!(dir.join(format!("to.{kind}")).exists() && dir.join(format!("from.{kind}")).exists());
    }
    server.faults().delay(0);
    // It came after the source was listed, and is none of what is verified.
    let (path, data) = objects_below(&world.source().join("commits")).pop_first().unwrap();
    let later = world.source().join("commits").join(path.parent().unwrap()).join("0".repeat(38));
    fs::write(later, data).unwrap();
    let outcome = world.verify(&["--checkpoint", &checkpoint]).assert_code(0);
    assert_eq!(outcome.total("objects"), 6_000);
    assert!(!dir.exists());
}

/// The verification of a copy on a server that fails from some point on.
fn failing(world: &World, server: &S3Server, options: &[&str]) -> Outcome {
    let dir = world.at("checkpoint");
    let checkpoint = dir.display().to_string();
    let options = [options, &["--checkpoint", &checkpoint, "--patience", "1s", "--nworker", "4"]].concat();
    let mut child = world.verifying(&options).spawn().unwrap();
    wait_until_settled(&dir, &mut child, 60);
    server.faults().fail(100, 500);
    server.faults().delay(0);
    let failed = world.finish(child).assert_code(3);
    assert!(failed.stderr.contains("NOT verified to the end"), "{}", failed.stderr);
    assert!(verified(world).is_none(), "a verification that failed was noted");
    assert!(dir.exists());
    failed
}

#[test]
fn a_store_that_fails_in_the_middle_is_no_good_news() {
    let (world, server) = slow_copy(20);
    let planted = format!("{}: damaged", flip(&world, "commits", 1));
    let failed = failing(&world, &server, &["--content"]);
    assert!(failed.stderr.contains("taken for gone"), "{}", failed.stderr);
    // What was found until then is told all the same, and nothing is said of what could not be asked.
    assert_eq!(named(&failed, "findings"), std::slice::from_ref(&planted));
    assert!(failed.total("objects") < ALL);

    // It is asked again when the server is back.
    server.faults().clear();
    let checkpoint = world.at("checkpoint").display().to_string();
    let outcome = world.verify(&["--content", "--checkpoint", &checkpoint]).assert_code(1);
    assert_eq!(named(&outcome, "findings"), [planted]);
    assert!(outcome.rows("unchecked").is_empty());
    assert_eq!((outcome.total("objects"), outcome.total("read")), (ALL, ALL));
    let rows = outcome.rows("libraries");
    let sum: u64 =
        rows.iter().flat_map(|row| ["commits", "fs", "blocks"].map(|kind| row[kind]["read"].as_u64().unwrap())).sum();
    assert_eq!(sum, ALL, "the libraries' numbers do not add up");
}

#[test]
fn a_few_objects_that_cannot_be_asked_for_leave_the_result_open() {
    let (world, server) = slow_copy(0);
    // Two of a hundred requests fail and are not repeated, which is not counted as an outage.
    server.faults().fail(2, 500);
    let checkpoint = world.at("checkpoint").display().to_string();
    let options = ["--content", "--checkpoint", &checkpoint, "--attempts", "1"];
    let mut outcome = world.verify(&options);
    // A listing may be among the two.
    while outcome.code == Some(3) && outcome.rows("unchecked").is_empty() {
        outcome = world.verify(&options);
    }
    let outcome = outcome.assert_code(3);
    let left = outcome.rows("unchecked").len() as u64;
    assert!((1..60).contains(&left), "{left}");
    assert_eq!(outcome.total("objects"), ALL - left);
    assert!(outcome.stderr.contains("could not be checked"), "{}", outcome.stderr);
    assert!(verified(&world).is_none());

    server.faults().clear();
    let before = server.faults().count("GET");
    let rest = world.verify(&options).assert_code(0);
    assert_eq!(rest.total("objects"), ALL);
    assert_eq!(server.faults().count("GET") - before, left + CHECK + IDENTITY, "only those are asked for again");
    assert_eq!(verified(&world).unwrap().findings, 0);
}

#[test]
fn a_listing_that_breaks_off_is_no_small_store() {
    for side in ["new", "old"] {
        let (world, server) = slow_copy(0);
        if side == "old" {
            fs::rename(world.at("old"), world.at("folder")).unwrap();
            fs::rename(world.at("new"), world.at("old")).unwrap();
            fs::create_dir_all(world.at("old/seafile-data")).unwrap();
            world.new_side_is_a_folder("folder/seafile-data");
        }
        server.faults().list_cut_after(1);
        let cut = world.verify(&["--attempts", "2"]).assert_code(3);
        assert!(cut.stderr.contains("NOT verified to the end") && cut.stderr.contains("list"), "{}", cut.stderr);
        assert!(verified(&world).is_none());
        server.faults().clear();
        world.verify(&["--content", "--bandwidth", "1G"]).assert_code(0);
    }
}

#[test]
fn what_vanished_on_both_sides_is_no_finding() {
    let (world, server) = slow_copy(20);
    let mut child = world.verifying(&["--content", "--nworker", "4"]).spawn().unwrap();
    wait_for_line(&mut child, "Start to compare [commits]");
    // Both listings have it. Then the garbage collection of the old side, and a clean-up of the new one.
    let source = world.source().join("blocks");
    let (path, _) = objects_below(&source).into_iter().next_back().unwrap();
    fs::remove_file(source.join(&path)).unwrap();
    let [library, two, rest] = path.to_str().unwrap().split('/').collect::<Vec<_>>()[..] else { panic!() };
    fs::remove_file(world.at("buckets/seafile-blocks").join(library).join(format!("{two}{rest}"))).unwrap();
    server.faults().delay(0);
    let outcome = world.finish(child).assert_code(0);
    assert_eq!((outcome.total("vanished"), outcome.total("missing"), outcome.total("objects")), (1, 0, ALL));
    assert!(outcome.rows("findings").is_empty());
}

#[test]
fn kills_at_random_instants_count_nothing_twice_and_forget_nothing() {
    let mut dice = fastrand::Rng::with_seed(11);
    let world = World::new();
    bulk_to_dir(&world.at("old/seafile-data"), 5, 3_000, 500..=1500);
    world.run(&[]).assert_code(0);
    // Every hundredth object is damaged on the way, in all kinds; the size stays.
    let target = world.at("target/storage");
    let mut planted = Vec::new();
    for (path, mut data) in objects_below(&target).into_iter().step_by(100) {
        *data.last_mut().unwrap() ^= 0x55;
        fs::write(target.join(&path), data).unwrap();
        planted.push(format!("{}: damaged", name(path.to_str().unwrap())));
    }
    planted.sort();
    let checkpoint = world.at("checkpoint").display().to_string();
    let options = ["--content", "--checkpoint", &checkpoint, "--nworker", "4"];
    let mut killed = 0;
    while killed < 8 {
        // 3 MB at this rate take some seconds.
        let slow = [&options[..], &["--bandwidth", "500K"]].concat();
        let mut child = world.verifying(&slow).spawn().unwrap();
        std::thread::sleep(std::time::Duration::from_millis(dice.u64(0..1500)));
        if child.try_wait().unwrap().is_some() {
            break;
        }
        kill(child);
        killed += 1;
    }
    assert!(killed > 0 && verified(&world).is_none());
    let outcome = world.verify(&options).assert_code(1);
    assert_eq!(named(&outcome, "findings"), planted);
    assert_eq!((outcome.total("objects"), outcome.total("read")), (3_000, 3_000));
    let rows = outcome.rows("libraries");
    for (kind, expected) in [("commits", 300), ("fs", 900), ("blocks", 1_800)] {
        let sum: u64 = rows.iter().map(|row| row[kind]["objects"].as_u64().unwrap()).sum();
        assert_eq!((sum, outcome.number(kind, "objects")), (expected, expected), "{kind}");
    }
}

#[test]
fn an_interruption_while_listing_is_gone_on_with() {
    // Slow enough that a listing is under way when the server is told to answer nothing more.
    let (world, server) = slow_copy(100);
    let dir = world.at("checkpoint");
    let checkpoint = dir.display().to_string();
    let mut child =
        world.verifying(&["--checkpoint", &checkpoint, "--attempts", "1", "--timeout", "1"]).spawn().unwrap();
    wait_for_line(&mut child, "Start to list [commits]");
    server.faults().delay(600_000);
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    let stopped = world.finish(child);
    assert!(matches!(stopped.code, Some(143)), "{:?} {}", stopped.code, stopped.stderr);
    let report = stopped.report.as_ref().unwrap();
    assert!(report["kinds"][2]["in_source"].is_null(), "{report}");
    server.faults().delay(0);
    assert_eq!(world.verify(&["--checkpoint", &checkpoint]).assert_code(0).total("objects"), ALL);
    assert!(!dir.exists());
}

#[test]
fn the_log_tells_how_fast_it_goes_and_when_it_will_be_done() {
    let (world, _server) = slow_copy(100);
    let mut child = world.verifying(&["--content", "--nworker", "4"]).spawn().unwrap();
    let seen = wait_for_line(&mut child, "objects verified");
    let line = seen.lines().last().unwrap();
    for part in [" of 1,029 objects verified, ", " read, 0 findings, ", " objects/s, ", "/s"] {
        assert!(line.contains(part), "{part}: {line}");
    }
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    let stopped = world.finish(child).assert_code(130);
    assert!(stopped.stderr.contains("with --checkpoint DIR, the next one could go on from here"), "{}", stopped.stderr);
}
