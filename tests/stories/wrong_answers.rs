//! A source whose answers about single objects are wrong: once, or always. What was copied is right, or the pass says what
//! it could not copy.

use std::collections::BTreeSet;
use std::fs;

use crate::support::s3_server::{S3Server, WrongGet};
use crate::world::{Outcome, World, objects_below};

/// A store on S3 that is to go to a folder.
struct Moving {
    world: World,
    server: S3Server,
}

impl Moving {
    fn new() -> Self {
        let world = World::with_sample();
        let server = world.s3_server();
        world.new_side_is_s3(&server);
        world.run(&[]).assert_code(0);
        let back = world.at("back").display().to_string();
        fs::create_dir(&back).unwrap();
        world.write_conf("third", |_| format!("name = fs\ndir = {back}\n"));
        Self { world, server }
    }

    /// A command from the store on S3 to the folder, with a report.
    fn command(&self, command: &str, options: &[&str]) -> Outcome {
        let mut program = self.world.program();
        program.args([command, "--from"]).arg(self.world.at("new")).arg("--to").arg(self.world.at("third"));
        program.arg("--report").arg(self.world.at("report.json")).args(options);
        self.world.finish(program.spawn().unwrap())
    }

    fn assert_moved(&self) {
        self.world.assert_same(&self.world.at("back/storage"));
    }

    /// The objects of which a GET was answered wrongly, as `library/object`.
    fn wrongly_given(&self) -> BTreeSet<String> {
        let paths = self.server.faults().wrongly_given();
        let keys = paths.iter().map(|path| path.splitn(3, '/').nth(2).unwrap().to_owned());
        let keys: BTreeSet<String> = keys.collect();
        assert!(keys.len() > 3, "the server answered only {keys:?} wrongly");
        keys
    }
}

fn named(outcome: &Outcome, list: &str) -> BTreeSet<String> {
    let text = |row: &serde_json::Value, name: &str| row[name].as_str().unwrap().to_owned();
    outcome.rows(list).iter().map(|row| format!("{}/{}", text(row, "library"), text(row, "object"))).collect()
}

#[test]
fn a_first_answer_that_is_wrong_is_not_copied_and_is_told() {
    for wrong in [WrongGet::Zeros, WrongGet::Half, WrongGet::NotFound] {
        let moving = Moving::new();
        moving.server.faults().wrong_gets(wrong, 1);
        let outcome = moving.command("run", &[]).assert_code(0);
        moving.assert_moved();
        assert_eq!(named(&outcome, "wrong_once"), moving.wrongly_given(), "{wrong:?}");
        assert_eq!((outcome.total("damaged"), outcome.total("vanished")), (0, 0), "{wrong:?}");
        assert!(outcome.stderr.contains("wrong once and right the second time"), "{wrong:?}: {}", outcome.stderr);
        // What is there is what the source has, whatever its answers.
        moving.server.faults().clear();
        moving.command("verify", &["--content"]).assert_code(0);
    }
}

#[test]
fn the_page_of_a_proxy_is_asked_past_without_a_word_about_the_object() {
    let moving = Moving::new();
    moving.server.faults().wrong_gets(WrongGet::Page, 2);
    let outcome = moving.command("run", &[]).assert_code(0);
    moving.assert_moved();
    assert!(moving.wrongly_given().len() as u64 <= outcome.report.unwrap()["retries"].as_u64().unwrap());
}

#[test]
fn objects_that_the_source_lists_and_never_gives_fail_the_pass_and_are_named() {
    let moving = Moving::new();
    moving.server.faults().wrong_gets(WrongGet::NotFound, u64::MAX);
    let outcome = moving.command("run", &[]).assert_code(1);
    assert_eq!(named(&outcome, "failures"), moving.wrongly_given());
    assert!(outcome.stderr.contains("the store lists it and says that it is not there"), "{}", outcome.stderr);
    assert_eq!(outcome.total("vanished"), 0);
    // A verification that looks for them says so, too: the destination lacks them.
    let verified = moving.command("verify", &["--content"]).assert_code(1);
    assert_eq!(named(&verified, "findings"), named(&outcome, "failures"));
    assert_eq!(verified.total("vanished"), 0);
    // And so does a retry of the failures alone.
    let report = moving.world.at("failed.json");
    fs::write(&report, serde_json::to_vec(outcome.report.as_ref().unwrap()).unwrap()).unwrap();
    let again = moving.command("run", &["--retry-failed", report.to_str().unwrap()]).assert_code(1);
    assert_eq!(named(&again, "failures"), named(&outcome, "failures"));
    moving.server.faults().clear();
    moving.command("run", &[]).assert_code(0);
    moving.assert_moved();
}

#[test]
fn bytes_that_are_others_each_time_fail_and_are_not_called_damage_of_the_source() {
    let moving = Moving::new();
    moving.server.faults().wrong_gets(WrongGet::OtherEachTime, u64::MAX);
    let outcome = moving.command("run", &[]).assert_code(1);
    assert_eq!(named(&outcome, "failures"), moving.wrongly_given());
    assert!(named(&outcome, "damaged").is_empty());
    moving.server.faults().clear();
    moving.command("run", &[]).assert_code(0);
    moving.assert_moved();
}

#[test]
fn a_verification_is_not_deceived_by_the_first_answers_of_the_destination() {
    let world = World::with_sample();
    let server = world.s3_server();
    world.new_side_is_s3(&server);
    world.run(&[]).assert_code(0);
    server.faults().wrong_gets(WrongGet::Zeros, 1);
    let outcome = world.verify(&["--content"]).assert_code(0);
    assert!(outcome.total("wrong_once") > 3, "{}", outcome.stderr);
    assert_eq!(named(&outcome, "wrong_once").len() as u64, outcome.total("wrong_once"));
}

#[test]
fn damage_of_a_source_after_the_first_pass_does_not_reach_the_destination() {
    let world = World::with_sample();
    world.run(&[]).assert_code(0);
    let good = objects_below(&world.at("target/storage"));
    // Longer, so that the destination's seems to be what a crash left.
    let blocks = world.source().join("blocks");
    let (path, data) = objects_below(&blocks).into_iter().nth(5).unwrap();
    fs::write(blocks.join(&path), [&data[..], b"!"].concat()).unwrap();
    for options in [&[][..], &["--relist"]] {
        let outcome = world.run(options).assert_code(0);
        assert_eq!((outcome.total("copied"), outcome.total("kept"), outcome.total("damaged")), (0, 1, 1));
        assert_eq!(objects_below(&world.at("target/storage")), good);
        assert!(outcome.stderr.contains("the destination has it right and keeps it"), "{}", outcome.stderr);
    }
    let verified = world.verify(&["--content"]).assert_code(0);
    assert_eq!((verified.total("source_damaged"), verified.total("longer") + verified.total("shorter")), (1, 0));
}
