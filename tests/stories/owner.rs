//! Whose the results are: what root writes is root's alone, and a server that runs as another user cannot read it.

use std::fs;
use std::os::unix::fs::chown;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::support::skip::skip;
use crate::world::{Outcome, World};

const NOBODY: u32 = 65534;

fn ownership(outcome: &Outcome) -> Vec<Value> {
    outcome.rows("ownership")
}

fn is_root() -> bool {
    let is_root = rustix::process::geteuid().is_root();
    if !is_root {
        skip("the owner of a folder", "giving a folder to another user needs root");
    }
    is_root
}

/// Gives a folder and all that is in it to nobody.
fn give_away(folder: &Path) {
    for entry in walkdir::WalkDir::new(folder) {
        chown(entry.unwrap().path(), Some(NOBODY), Some(NOBODY)).unwrap();
    }
}

#[test]
fn what_root_wrote_for_another_user_is_said_beside_the_verdict_of_every_run_until_it_is_mended() {
    if !is_root() {
        return;
    }
    let world = World::with_sample();
    // A name that a shell would take for two.
    let target = world.at("the target");
    world.new_side_is_a_folder("the target");
    chown(&target, Some(NOBODY), Some(NOBODY)).unwrap();
    let storage = target.join("storage").display().to_string();
    let line = format!("chown -R {NOBODY}:{NOBODY} '{storage}'");
    let page = world.at("page.html").display().to_string();
    for _ in 0..2 {
        let outcome = world.run(&["--html", &page]).assert_code(0);
        let told: Vec<_> = outcome.stderr.lines().filter(|told| told.ends_with(&line)).collect();
        assert_eq!(told.len(), 1, "{}", outcome.stderr);
        assert!(told[0].contains("belongs to root") && told[0].contains("runs as nobody"), "{}", told[0]);
        let [row] = &ownership(&outcome)[..] else { panic!("{:?}", outcome.report) };
        assert_eq!(
            (&row["owner"], &row["expected"], &row["mend"]),
            (&"root".into(), &"nobody".into(), &line.clone().into())
        );
        assert!(fs::read_to_string(&page).unwrap().contains("Before the server is started"));
    }
    // The line that it prints helps.
    assert!(Command::new("sh").args(["-c", &line]).status().unwrap().success());
    let mended = world.run(&[]).assert_code(0);
    assert!(ownership(&mended).is_empty() && !mended.stderr.contains("chown -R 65534:"), "{}", mended.stderr);

    // One object that another run adds is found among the others.
    let added = "blocks/3f8a9c1e-7b42-4d0e-9a55-0c1d2e3f4a5b/ab";
    fs::create_dir_all(world.source().join(added)).unwrap();
    fs::write(world.source().join(added).join("0".repeat(38)), "new").unwrap();
    let again = world.run(&[]).assert_code(0);
    assert_eq!(ownership(&again).len(), 1, "{}", again.stderr);
}

#[test]
fn the_user_of_the_old_side_is_the_one_who_is_to_read_the_new_one() {
    if !is_root() {
        return;
    }
    let world = World::with_sample();
    give_away(&world.at("old/seafile-data"));
    let outcome = world.run(&[]).assert_code(0);
    let [row] = &ownership(&outcome)[..] else { panic!("{:?}", outcome.report) };
    assert_eq!((&row["owner"], &row["expected"]), (&"root".into(), &"nobody".into()));
    give_away(&world.at("target/storage"));
    assert!(ownership(&world.run(&[]).assert_code(0)).is_empty());
}

#[test]
fn results_of_the_user_who_is_to_have_them_are_not_spoken_of() {
    let outcome = World::with_sample().run(&[]).assert_code(0);
    assert!(ownership(&outcome).is_empty());
    assert_eq!(outcome.stderr, "");
}
