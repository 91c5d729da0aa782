//! Only some libraries are moved: by id, by name, and all but some.

use std::collections::BTreeSet;
use std::path::PathBuf;

use serde_json::json;

use crate::world::{Outcome, World, objects_below};

/// The ids of the libraries below a folder, this program's own one aside.
fn libraries_below(world: &World, storage: &str) -> BTreeSet<String> {
    let library = |path: PathBuf| Some(path.iter().nth(1)?.to_str()?.to_owned());
    let below = objects_below(&world.at(storage));
    below.into_keys().filter_map(library).filter(|library| !library.starts_with("ffffffff-ffff")).collect()
}

/// What the database says: id, name and origin of each library.
fn libraries(world: &World) -> Vec<(String, String, Option<String>)> {
    let database = rusqlite::Connection::open(world.at("old/seafile-data/seafile.db")).unwrap();
    let mut rows = database
        .prepare(
            "SELECT Repo.repo_id, RepoInfo.name, VirtualRepo.origin_repo FROM Repo JOIN RepoInfo ON RepoInfo.repo_id = Repo.repo_id \
             LEFT JOIN VirtualRepo ON VirtualRepo.repo_id = Repo.repo_id",
        )
        .unwrap();
    let rows = rows.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).unwrap();
    rows.map(Result::unwrap).collect()
}

fn plan(world: &World, options: &[&str]) -> Outcome {
    let mut command = world.program();
    command.args(["plan", "--from"]).arg(world.at("old")).arg("--to").arg(world.at("new"));
    command.arg("--data-dir").arg(world.at("old/seafile-data")).args(options);
    world.finish(command.spawn().unwrap())
}

/// The name of a library that no other one has, and its id.
fn one_of_a_name(world: &World) -> (String, String) {
    let all = libraries(world);
    let alone = |(id, name, origin): &(String, String, Option<String>)| {
        let is_alone = all.iter().filter(|(_, other, _)| other == name).count() == 1;
        let has_parts = all.iter().any(|(_, _, other)| other.as_ref() == Some(id));
        (is_alone && origin.is_none() && !has_parts).then(|| (name.clone(), id.clone()))
    };
    all.iter().find_map(alone).expect("the sample has a library whose name no other has")
}

#[test]
fn a_library_is_moved_alone_by_its_id_and_by_its_name_and_that_is_not_safe_to_switch() {
    for by_name in [false, true] {
        let world = World::with_whole_sample();
        let (name, id) = one_of_a_name(&world);
        let outcome = world.run(&["--library", if by_name { &name } else { &id }]).assert_code(0);
        assert_eq!(libraries_below(&world, "target/storage"), [id.clone()].into());
        assert_eq!(outcome.report.as_ref().unwrap()["selection"], json!({ "only": [id] }));
        assert!(outcome.stdout.contains("Safe to switch: no: objects of 1 library alone"), "{}", outcome.stdout);
        assert!(outcome.stdout.contains("heads: 1 of 1 libraries whole"), "{}", outcome.stdout);
        // All the rest, and then nothing is missing.
        let rest = world.run(&["--exclude-library", &id]).assert_code(0);
        assert_eq!(rest.report.as_ref().unwrap()["selection"], json!({ "without": [id] }));
        let whole = world.run(&[]).assert_code(0);
        assert_eq!(whole.total("copied"), 0);
        world.assert_same(&world.at("target/storage"));
        assert!(whole.stdout.contains("Safe to switch: yes"), "{}", whole.stdout);
    }
}

#[test]
fn a_virtual_library_and_its_origin_go_together() {
    let world = World::with_whole_sample();
    let all = libraries(&world);
    let (virtual_one, _, origin) = all.iter().find(|(_, _, origin)| origin.is_some()).unwrap().clone();
    let origin = origin.unwrap();
    let family: BTreeSet<String> = all
        .iter()
        .filter(|(id, _, of)| *id == origin || of.as_ref() == Some(&origin))
        .map(|(id, ..)| id.clone())
        .collect();
    assert!(family.contains(&virtual_one) && family.len() > 1);
    for named in [&virtual_one, &origin] {
        world.new_side_is_a_folder(named);
        world.run(&["--library", named, "--relist"]).assert_code(0);
        assert_eq!(libraries_below(&world, &format!("{named}/storage")), family);
    }
}

#[test]
fn the_lists_that_are_kept_hold_what_all_passes_copied() {
    let world = World::with_whole_sample();
    let (_, id) = one_of_a_name(&world);
    let list = world.at("objects").display().to_string();
    let some = world.run(&["--object-list", &list, "--library", &id]).assert_code(0).total("copied");
    let others = world.run(&["--object-list", &list, "--exclude-library", &id]).assert_code(0).total("copied");
    let all = world.run(&["--object-list", &list]).assert_code(0);
    assert_eq!((all.total("held"), all.total("copied")), (some + others, 0));
    assert!(all.stdout.contains("Safe to switch: yes"), "{}", all.stdout);
}

#[test]
fn a_library_that_nobody_has_is_refused_and_nothing_is_written() {
    let world = World::with_sample();
    let strange = "12345678-1234-4234-8234-123456789abc";
    for (options, says) in [
        (&["--library", strange][..], "no store of the source has any object of library 12345678"),
        (&["--library", "No such name"], "--library: the database names no library \"No such name\""),
        (&["--exclude-library", "No such name"], "--exclude-library: the database names no library"),
    ] {
        let refused = world.run(options).assert_code(2);
        assert!(refused.stderr.contains(says), "{says}:\n{}", refused.stderr);
        assert_eq!(libraries_below(&world, "target").len(), 0);
    }
    let (_, id) = one_of_a_name(&world);
    let refused = world.run(&["--library", &id, "--exclude-library", &id]).assert_code(2);
    assert!(refused.stderr.contains("leaves out every library"), "{}", refused.stderr);
    world.lose_database();
    let refused = world.run(&["--library", "A name"]).assert_code(2);
    assert!(refused.stderr.contains("there is no database to look for"), "{}", refused.stderr);
    // An id needs none.
    world.run(&["--library", &id]).assert_code(0);
}

#[test]
fn a_plan_says_what_the_options_leave_out() {
    let world = World::with_whole_sample();
    let (_, id) = one_of_a_name(&world);
    let whole = plan(&world, &[]).assert_code(0);
    assert!(!whole.stdout.contains("Left out"), "{}", whole.stdout);
    let without = plan(&world, &["--exclude-library", &id]).assert_code(0);
    assert!(without.stdout.contains("Left out by --library and --exclude-library:"), "{}", without.stdout);
    assert!(without.stdout.contains(" of 1 library,"), "{}", without.stdout);
}
