//! What list files remember is of one state of the destination. Where that is another one now, they are not believed.

use std::fs;

use seaf_migrate::object::ObjectKind;
use seaf_migrate::store::control;

use crate::support::sample::SMALL_COUNT;
use crate::world::{Outcome, World, objects_below};

/// A world that was migrated once, with list files.
fn migrated() -> (World, String) {
    let world = World::with_sample();
    let list = world.at("objects").display().to_string();
    world.run(&["--object-list", &list]).assert_code(0);
    (world, list)
}

fn rerun(world: &World, list: &str) -> Outcome {
    let outcome = world.run(&["--object-list", list]).assert_code(0);
    world.assert_same(&world.at("target/storage"));
    outcome
}

fn copy_tree(from: &std::path::Path, to: &std::path::Path) {
    for entry in walkdir::WalkDir::new(from).into_iter().map(Result::unwrap) {
        let there = to.join(entry.path().strip_prefix(from).unwrap());
        match entry.file_type().is_dir() {
            true => fs::create_dir_all(there).unwrap(),
            false => drop(fs::copy(entry.path(), there).unwrap()),
        }
    }
}

#[test]
fn a_destination_that_was_emptied_is_filled_again() {
    let (world, list) = migrated();
    fs::remove_dir_all(world.at("target/storage")).unwrap();
    let again = rerun(&world, &list);
    assert_eq!((again.total("held"), again.total("copied")), (0, SMALL_COUNT));
    assert!(again.stderr.contains("the lists of [commits] [fs] [blocks] cannot be used"), "{}", again.stderr);
    assert!(again.stderr.contains("carries no identity"), "{}", again.stderr);
}

#[test]
fn of_a_destination_that_lost_one_kind_only_that_kind_is_listed_again() {
    let (world, list) = migrated();
    fs::remove_dir_all(world.at("target/storage/blocks")).unwrap();
    let again = rerun(&world, &list);
    assert_eq!((again.number("blocks", "held"), again.number("fs", "copied")), (0, 0));
    assert!(again.stderr.contains("the list of [blocks] cannot be used"), "{}", again.stderr);
}

#[test]
fn a_destination_restored_from_an_older_backup_gets_what_it_lacks() {
    let world = World::with_sample();
    let list = world.at("objects").display().to_string();
    // A backup of a time when some libraries were not there yet.
    let library = fs::read_dir(world.source().join("blocks")).unwrap().next().unwrap().unwrap().file_name();
    fs::rename(world.source().join("blocks").join(&library), world.at("later")).unwrap();
    world.run(&["--object-list", &list, "--no-check-heads"]).assert_code(0);
    copy_tree(&world.at("target"), &world.at("backup"));
    fs::rename(world.at("later"), world.source().join("blocks").join(&library)).unwrap();
    world.run(&["--object-list", &list]).assert_code(0);

    fs::remove_dir_all(world.at("target")).unwrap();
    fs::rename(world.at("backup"), world.at("target")).unwrap();
    let again = rerun(&world, &list);
    assert!(again.total("copied") > 0);
    assert!(again.stderr.contains("an older state was restored"), "{}", again.stderr);
}

#[test]
fn lists_of_a_destination_that_was_made_anew_are_not_used_even_when_it_was_migrated_to_again() {
    let (world, list) = migrated();
    fs::rename(world.at("target"), world.at("first")).unwrap();
    fs::create_dir(world.at("target")).unwrap();
    world.run(&[]).assert_code(0);
    let blocks = world.at("target/storage/blocks");
    let (lost, _) = objects_below(&blocks).pop_first().unwrap();
    fs::remove_file(blocks.join(lost)).unwrap();
    let again = rerun(&world, &list);
    assert_eq!(again.total("copied"), 1);
    assert!(again.stderr.contains("made anew"), "{}", again.stderr);
}

#[test]
fn another_run_between_two_passes_makes_the_lists_of_the_first_out_of_date() {
    let (world, list) = migrated();
    world.run(&[]).assert_code(0);
    let again = rerun(&world, &list);
    assert!(again.stderr.contains("another run wrote to it"), "{}", again.stderr);
    assert!(!rerun(&world, &list).stderr.contains("cannot be used"));
}

#[test]
fn lists_without_a_state_or_with_one_that_cannot_be_read_are_not_used() {
    let (world, list) = migrated();
    let state = world.at("objects.state");
    for damage in [None, Some("{"), Some("{\"version\": 9, \"stores\": []}"), Some("")] {
        match damage {
            None => fs::remove_file(&state).unwrap(),
            Some(text) => fs::write(&state, text).unwrap(),
        }
        let again = rerun(&world, &list);
        assert!(again.stderr.contains("objects.state"), "{damage:?}: {}", again.stderr);
        assert!(!rerun(&world, &list).stderr.contains("objects.state"), "{damage:?}");
    }
}

#[test]
fn an_unfinished_list_of_another_state_is_not_gone_on_with() {
    let world = World::with_sample();
    let list = world.at("objects").display().to_string();
    world.run(&[]).assert_code(0);
    // Lists all that is there, which the list of a first pass does not have but in its journal.
    world.run(&["--object-list", &list]).assert_code(0);
    for kind in ObjectKind::ALL {
        let at = |end: &str| world.at(&format!("objects.{kind}{end}"));
        fs::rename(at(""), at(".building")).unwrap();
    }
    fs::remove_dir_all(world.at("target/storage")).unwrap();
    assert_eq!(rerun(&world, &list).total("copied"), SMALL_COUNT);
}

#[test]
fn a_plan_does_not_go_by_lists_of_another_state_either_and_keeps_them() {
    let (world, list) = migrated();
    fs::remove_dir_all(world.at("target/storage")).unwrap();
    let before = fs::read(world.at("objects.blocks")).unwrap();
    let mut command = world.program();
    command.args(["plan", "--from"]).arg(world.at("old")).arg("--to").arg(world.at("new"));
    command.arg("--data-dir").arg(world.at("old/seafile-data")).args(["--object-list", &list]);
    let planned = world.finish(command.spawn().unwrap()).assert_code(0);
    assert!(planned.stdout.contains(&format!("{SMALL_COUNT} objects")), "{}", planned.stdout);
    assert!(planned.stderr.contains("carries no identity"), "{}", planned.stderr);
    assert_eq!(fs::read(world.at("objects.blocks")).unwrap(), before);
}

#[test]
fn a_destination_that_becomes_a_source_keeps_its_identity_to_itself() {
    let (world, _) = migrated();
    fs::create_dir(world.at("third")).unwrap();
    fs::create_dir(world.at("second")).unwrap();
    fs::rename(world.at("new"), world.at("second/conf")).unwrap();
    world.new_side_is_a_folder("third");
    let mut command = world.program();
    command.args(["run", "--from"]).arg(world.at("second/conf")).arg("--to").arg(world.at("new"));
    command.arg("--report").arg(world.at("report.json"));
    let copied = world.finish(command.spawn().unwrap()).assert_code(0);
    assert_eq!((copied.total("listed"), copied.total("ignored")), (SMALL_COUNT, 0));
    for kind in ObjectKind::ALL {
        let own = |side: &str| {
            let id = control::INCARNATION.id.to_string();
            let folder = world.at(side).join("storage").join(kind.as_str()).join(control::LIBRARY.to_string());
            fs::read(folder.join(&id[..2]).join(&id[2..])).unwrap()
        };
        assert_ne!(own("target"), own("third"));
    }
}
