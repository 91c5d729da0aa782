//! Libraries move from one storage class to another while the server is at work, and whatever ends a move early leaves them usable.

mod killed;
mod refusals;
mod remains;

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use rusqlite::Connection;

use crate::classes::{LONE, ORIGIN, Objects, TRASHED, VIRTUAL, db, fsck, many, objects_in};
use crate::world::{Outcome, World, wait_for_line};

/// `repo` with these words and options.
pub fn command(world: &World, words: &[&str]) -> Command {
    settling(world, words, 0)
}

/// As [`command`], waiting so many seconds once a library is read-only.
pub fn settling(world: &World, words: &[&str], seconds: u32) -> Command {
    let mut command = world.program();
    command.args(["repo", "--settle", &seconds.to_string(), "--nworker", "4", "--conf"]).arg(world.at("old"));
    command.arg("--data-dir").arg(world.at("old/seafile-data")).args(words);
    command
}

pub fn repo(world: &World, words: &[&str]) -> Outcome {
    world.finish(command(world, words).spawn().unwrap())
}

/// The class of each library with a row.
pub fn rows(world: &World) -> BTreeMap<String, String> {
    let connection = Connection::open(db(world)).unwrap();
    let mut rows = connection.prepare("SELECT repo_id, storage_id FROM RepoStorageId").unwrap();
    rows.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap().map(Result::unwrap).collect()
}

/// The status of each library.
pub fn statuses(world: &World) -> BTreeMap<String, i64> {
    let connection = Connection::open(db(world)).unwrap();
    let mut rows = connection.prepare("SELECT repo_id, coalesce(status, 0) FROM RepoInfo").unwrap();
    rows.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap().map(Result::unwrap).collect()
}

/// The objects of some libraries in a class, this program's own ones aside.
pub fn of(world: &World, class: &str, libraries: &[&str]) -> Objects {
    let mut objects = objects_in(&world.at(&format!("old-{class}/storage")));
    let is_of =
        |path: &PathBuf| libraries.iter().any(|library| path.iter().nth(1).is_some_and(|name| name == *library));
    objects.retain(|path, _| is_of(path));
    objects
}

/// What is left of moves in the state folder, but for the locks of killed processes.
pub fn on_the_way(world: &World) -> Vec<String> {
    let entries = fs::read_dir(world.at("state/moves")).into_iter().flatten();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| !name.ends_with(".lock")).collect()
}

/// Panics unless the family of [`ORIGIN`] is in a class, whole, usable, and not on its way.
#[track_caller]
pub fn assert_moved(world: &World, class: &str, before: &Objects) {
    let family = [ORIGIN, VIRTUAL[0], VIRTUAL[1]];
    let there = objects_in(&world.at(&format!("old-{class}/storage")));
    assert!(before.iter().all(|(path, data)| there.get(path) == Some(data)), "something did not arrive in {class}");
    let rows = rows(world);
    assert!(family.iter().all(|library| rows.get(*library).map(String::as_str) == Some(class)), "{rows:?}");
    assert!(statuses(world).values().all(|status| *status == 0), "a library is still read-only");
    assert_eq!(on_the_way(world), Vec::<String>::new());
    fsck(world, "old", &["--head-only"]).assert_code(0);
}

#[test]
fn a_library_goes_to_another_class_with_its_virtual_ones_and_can_be_written_to_again() {
    let (world, _) = many();
    let before = of(&world, "cold", &[ORIGIN, VIRTUAL[0], VIRTUAL[1]]);
    assert!(!before.is_empty());
    let dry = repo(&world, &[ORIGIN, "cold", "ice", "--dry-run"]).assert_code(0);
    assert!(dry.stdout.contains(&format!("{ORIGIN}, and its 2 virtual libraries")), "{}", dry.stdout);
    assert_eq!((rows(&world)[ORIGIN].as_str(), of(&world, "ice", &[ORIGIN]).len()), ("cold", 0));
    let moved = repo(&world, &[ORIGIN, "cold", "ice"]).assert_code(0);
    assert!(moved.stdout.contains("1 library moved, each read back"), "{}", moved.stdout);
    assert_moved(&world, "ice", &before);
    // What is not moved is as it was.
    assert_eq!((rows(&world)[TRASHED].as_str(), rows(&world)[LONE].as_str()), ("cold", "ice"));
    // And again: there is nothing to move any more.
    let again = repo(&world, &["cold", "ice", "--dry-run"]).assert_code(0);
    assert!(!again.stdout.contains(ORIGIN) && again.stdout.contains(TRASHED), "{}", again.stdout);
}

#[test]
fn all_libraries_of_a_class_go_when_none_is_named_those_without_a_row_too() {
    let (world, _) = many();
    let before = of(&world, "cold", &[ORIGIN, VIRTUAL[0], VIRTUAL[1], TRASHED]);
    repo(&world, &["cold", "hot"]).assert_code(0);
    assert_moved(&world, "hot", &before);
    assert_eq!(rows(&world)[TRASHED], "hot");
    // Out of the default class, in which most libraries are without a row.
    let moved = repo(&world, &["hot", "ice"]).assert_code(0);
    assert!(moved.stdout.contains(" libraries moved, each read back"), "{}", moved.stdout);
    assert!(rows(&world).values().all(|class| class == "ice"), "{:?}", rows(&world));
    fsck(&world, "old", &[]).assert_code(0);
}

#[test]
fn what_is_written_while_a_library_is_copied_goes_with_it() {
    let (world, _) = many();
    let connection = Connection::open(db(&world)).unwrap();
    let head: String = connection
        .query_row("SELECT commit_id FROM Branch WHERE repo_id = ? AND name = 'master'", [LONE], |row| row.get(0))
        .unwrap();
    let file = world.at(&format!("old-ice/storage/commits/{LONE}/{}/{}", &head[..2], &head[2..]));
    let text = fs::read(&file).unwrap();
    let commit: serde_json::Value = serde_json::from_slice(&text).unwrap();
    let parent = commit["parent_id"].as_str().unwrap().to_owned();
    let set = |commit: &str| {
        connection.execute("UPDATE Branch SET commit_id = ? WHERE repo_id = ?", [commit, LONE]).unwrap();
    };
    // The newest commit is not written yet.
    set(&parent);
    fs::rename(&file, world.at("aside")).unwrap();
    let mut child = command(&world, &[LONE, "ice", "cold"]).spawn().unwrap();
    wait_for_line(&mut child, "Start to compare [commits]");
    fs::rename(world.at("aside"), &file).unwrap();
    set(&head);
    let moved = world.finish(child).assert_code(0);
    assert!(!moved.stdout.contains("although it is read-only"), "{}", moved.stdout);
    let new = of(&world, "cold", &[LONE]);
    assert_eq!(new.get(&PathBuf::from(format!("commits/{LONE}/{}/{}", &head[..2], &head[2..]))), Some(&text));
    assert_eq!(rows(&world)[LONE], "cold");
    fsck(&world, "old", &[]).assert_code(0);
}

#[test]
fn a_library_that_is_damaged_in_its_new_class_stays_where_it_is_and_is_usable() {
    let (world, _) = many();
    // One block is at the new place with other bytes of the same length: sizes do not tell it.
    let blocks = of(&world, "ice", &[LONE]);
    let (path, data) = blocks.iter().find(|(path, data)| path.starts_with("blocks") && data.len() > 1).unwrap();
    let there = world.at("old-cold/storage").join(path);
    fs::create_dir_all(there.parent().unwrap()).unwrap();
    fs::write(&there, vec![0; data.len()]).unwrap();
    let refused = repo(&world, &[LONE, "ice", "cold"]).assert_code(1);
    let said = format!("{}{}", refused.stdout, refused.stderr);
    assert!(said.contains("not every object of library") && said.contains("It stays in its class"), "{said}");
    assert_eq!((rows(&world)[LONE].as_str(), statuses(&world)[LONE]), ("ice", 0));
    // Once it is gone, the same command goes on.
    fs::remove_file(&there).unwrap();
    repo(&world, &[LONE, "ice", "cold"]).assert_code(0);
    assert_eq!(rows(&world)[LONE], "cold");
}

#[test]
fn a_library_that_was_read_only_before_is_so_afterwards() {
    let (world, _) = many();
    let connection = Connection::open(db(&world)).unwrap();
    connection.execute("UPDATE RepoInfo SET status = 1 WHERE repo_id = ?", [LONE]).unwrap();
    repo(&world, &[LONE, "ice", "cold"]).assert_code(0);
    assert_eq!((rows(&world)[LONE].as_str(), statuses(&world)[LONE]), ("cold", 1));
}
