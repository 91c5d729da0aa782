//! Servers with storage classes: each library's objects go to and come from the store of its class, and what the server's
//! database says of that is not guessed.

mod changes;
mod matrix;
mod refusals;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use rusqlite::Connection;
use seaf_migrate::object::ObjectKind;

use crate::support::sample::WHOLE_COUNT;
use crate::world::{Outcome, World, assert_same_objects, objects_below};

pub type Objects = BTreeMap<PathBuf, Vec<u8>>;

/// A library with two virtual ones, whose objects are its own.
pub const ORIGIN: &str = "1b3e01d1-05cb-4d33-b1a1-c2beb5e1ab18";
/// The virtual ones, which have commits of their own.
pub const VIRTUAL: [&str; 2] = ["73cd3eb7-9a5d-4332-96da-b49496486635", "9efd396f-bdb3-42fb-a22b-4930699a8dba"];
/// A library by itself, of which the small sample is made, too.
pub const LONE: &str = "93564ac2-265b-4063-b8cb-46462dbe3667";
/// A library in the trash.
pub const TRASHED: &str = "271958c1-1579-4620-a69e-184ad2633c05";

/// Who is in which class; all others are in the default class.
pub const ROWS: [(&str, &str); 3] = [(ORIGIN, "cold"), (LONE, "ice"), (TRASHED, "cold")];

pub fn db(world: &World) -> PathBuf {
    world.at("old/seafile-data/seafile.db")
}

/// Sets the storage class of libraries in the server's database.
pub fn set_rows(world: &World, rows: &[(&str, &str)]) {
    let connection = Connection::open(db(world)).unwrap();
    connection.execute("DELETE FROM RepoStorageId", []).unwrap();
    for (library, class) in rows {
        connection.execute("INSERT INTO RepoStorageId (repo_id, storage_id) VALUES (?, ?)", [library, class]).unwrap();
    }
}

/// An entry of a file of storage classes, each of whose stores has these options.
pub fn entry(id: &str, is_default: bool, options: impl Fn(ObjectKind) -> String) -> String {
    let kinds = ObjectKind::ALL.map(|kind| format!("\"{kind}\": {{{}}}", options(kind)));
    format!("{{\"storage_id\": \"{id}\", \"name\": \"{id}\", \"is_default\": {is_default},\n {}}}", kinds.join(",\n "))
}

/// Makes a side of classes in folders `<prefix><id>`, the first of which is the default.
pub fn classes_in_folders(world: &World, side: &str, prefix: &str, ids: &[&str]) {
    let class = |(at, id): (usize, &&str)| {
        let dir = world.at(&format!("{prefix}{id}"));
        fs::create_dir_all(dir.join("storage")).unwrap();
        entry(id, at == 0, |_| format!("\"backend\": \"fs\", \"dir\": \"{}\"", dir.display()))
    };
    let entries: Vec<String> = ids.iter().enumerate().map(class).collect();
    write_classes(world, side, &entries);
}

/// Writes the conf of a side of classes and the file that it names.
pub fn write_classes(world: &World, side: &str, entries: &[String]) {
    fs::write(world.at(side).join("classes.json"), format!("[{}]", entries.join(",\n"))).unwrap();
    let database = if side == "old" { "[database]\ntype = sqlite\n" } else { "" };
    let storage = "[storage]\nenable_storage_classes = true\nstorage_classes_file = classes.json\n";
    fs::write(world.at(side).join("seafile.conf"), format!("{storage}{database}")).unwrap();
}

/// The library of an object's path `<kind>/<library>/…`.
fn library_of(path: &Path) -> String {
    path.components().nth(1).unwrap().as_os_str().to_str().unwrap().to_owned()
}

/// The class of a library by [`ROWS`].
fn class_of(library: &str) -> &'static str {
    let library = if VIRTUAL.contains(&library) { ORIGIN } else { library };
    ROWS.iter().find(|(other, _)| *other == library).map_or("hot", |(_, class)| class)
}

/// Moves the old side's objects into the folders `old-<class>` of their libraries' classes, as a server with classes has
/// them. Returns all of them.
pub fn spread(world: &World) -> Objects {
    let all = objects_below(&world.source());
    for path in all.keys() {
        let to = world.at(&format!("old-{}", class_of(&library_of(path)))).join("storage").join(path);
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::rename(world.source().join(path), to).unwrap();
    }
    fs::remove_dir_all(world.source()).unwrap();
    set_rows(world, &ROWS);
    for kind in ["commits", "fs", "blocks"] {
        ["hot", "cold", "ice"]
            .iter()
            .for_each(|class| fs::create_dir_all(world.at(&format!("old-{class}/storage/{kind}"))).unwrap());
    }
    all
}

/// The objects below a folder; none where it is not there.
pub fn objects_in(folder: &Path) -> Objects {
    if folder.exists() { objects_below(folder) } else { Objects::new() }
}

/// Panics unless each of the folders `<prefix><class>` has the objects of its libraries and no others.
#[track_caller]
pub fn assert_spread(world: &World, all: &Objects, prefix: &str, folder_of: impl Fn(&str) -> String) {
    let mut expected: BTreeMap<String, Objects> = BTreeMap::new();
    for (path, data) in all {
        let folder = folder_of(class_of(&library_of(path)));
        expected.entry(folder).or_default().insert(path.clone(), data.clone());
    }
    for (folder, objects) in expected {
        assert_same_objects(&objects, &objects_in(&world.at(&format!("{prefix}{folder}")).join("storage")));
    }
}

/// A server with the classes hot (the default), cold and ice, and all of its objects.
pub fn many() -> (World, Objects) {
    let world = World::with_whole_sample();
    let all = spread(&world);
    classes_in_folders(&world, "old", "old-", &["hot", "cold", "ice"]);
    (world, all)
}

/// Runs one of the commands between both sides, with a report.
pub fn command(world: &World, verb: &str, options: &[&str]) -> Outcome {
    let mut command = world.program();
    command.args([verb, "--from"]).arg(world.at("old")).arg("--to").arg(world.at("new"));
    command.arg("--data-dir").arg(world.at("old/seafile-data"));
    command.arg("--report").arg(world.at("report.json")).args(options);
    world.finish(command.spawn().unwrap())
}

pub fn fsck(world: &World, side: &str, options: &[&str]) -> Outcome {
    let mut command = world.program();
    command.args(["fsck", "--content", "--conf"]).arg(world.at(side)).arg("--db").arg(db(world)).args(options);
    world.finish(command.spawn().unwrap())
}

#[track_caller]
pub fn assert_safe(outcome: &Outcome, is_safe: bool) -> String {
    let verdict = &outcome.report.as_ref().unwrap()["safe_to_switch"];
    assert_eq!(verdict["yes"], is_safe, "{verdict}");
    let word = if is_safe { "next" } else { "why" };
    verdict[word].as_str().unwrap().to_owned()
}

#[test]
fn a_server_with_classes_moves_to_one_store_with_every_library() {
    let (world, all) = many();
    let planned = command(&world, "plan", &[]).assert_code(0);
    assert_eq!(planned.total("to_copy"), WHOLE_COUNT);
    fsck(&world, "old", &[]).assert_code(0);
    let outcome = world.run(&[]).assert_code(0);
    assert_eq!((outcome.total("copied"), outcome.total("listed")), (WHOLE_COUNT, WHOLE_COUNT));
    assert_eq!(assert_safe(&outcome, true).find("Put the new seafile.conf in place"), Some(0));
    assert_same_objects(&all, &objects_in(&world.at("target/storage")));
    let verified = command(&world, "verify", &["--content"]).assert_code(0);
    assert!(verified.stdout.contains("1,029"), "{}", verified.stdout);
    assert_eq!(world.run(&[]).assert_code(0).total("copied"), 0);
    assert_spread(&world, &all, "old-", str::to_owned);
}

#[test]
fn a_server_without_classes_gets_them_by_the_rows_of_its_database() {
    let world = World::with_whole_sample();
    let all = objects_below(&world.source());
    set_rows(&world, &ROWS);
    classes_in_folders(&world, "new", "new-", &["hot", "cold", "ice"]);
    let outcome = world.run(&[]).assert_code(0);
    assert_eq!(outcome.total("copied"), WHOLE_COUNT);
    let next = assert_safe(&outcome, true);
    assert!(next.contains("the new seafile.conf and the storage classes file that it names in place"), "{next}");
    assert_spread(&world, &all, "new-", str::to_owned);
    assert_same_objects(&all, &objects_below(&world.source()));
    fsck(&world, "new", &[]).assert_code(0);
    command(&world, "verify", &["--content"]).assert_code(0);
    let planned = command(&world, "plan", &[]).assert_code(0);
    assert_eq!(planned.total("to_copy"), 0);
}

#[test]
fn classes_become_other_classes_by_map_and_the_rows_are_to_be_changed_before_the_switch() {
    let (world, all) = many();
    // The new side calls cold what was ice, and has what was cold in one with a new name.
    classes_in_folders(&world, "new", "new-", &["fast", "cold", "frozen"]);
    let map = ["--map", "cold=frozen", "--map", "ice=cold", "--map", "hot=fast"];
    let new_name = |class: &str| match class {
        "cold" => "frozen".to_owned(),
        "ice" => "cold".to_owned(),
        _ => "fast".to_owned(),
    };
    let refused = world.run(&[]).assert_code(2);
    assert!(refused.stderr.contains(&format!("library {LONE} in class ice")), "{}", refused.stderr);
    let outcome = world.run(&map).assert_code(0);
    assert_eq!(outcome.total("copied"), WHOLE_COUNT);
    assert_spread(&world, &all, "new-", new_name);
    command(&world, "verify", &[&map[..], &["--content"]].concat()).assert_code(0);
    // What the verdict says is to be done makes a server with the new side find everything.
    let next = assert_safe(&outcome, true);
    let (_, statement) = next.split_once("UPDATE").expect("the rows are to be changed");
    let statement = format!("UPDATE{}", statement.split_once("; ").unwrap().0);
    Connection::open(db(&world)).unwrap().execute(&statement, []).unwrap();
    fsck(&world, "new", &[]).assert_code(0);
}

#[test]
fn the_variable_multiple_says_on_either_side_that_there_are_classes() {
    let (world, all) = many();
    classes_in_folders(&world, "new", "new-", &["hot", "cold", "ice"]);
    for side in ["old", "new"] {
        let conf = world.at(side).join("seafile.conf");
        let text = fs::read_to_string(&conf).unwrap().replace("enable_storage_classes = true\n", "");
        fs::write(conf, text).unwrap();
    }
    // Without the variable they are folders beside the database, of which there are none.
    let refused = world.run(&[]).assert_code(2);
    assert!(refused.stderr.contains("storage: No such file"), "{}", refused.stderr);
    fs::write(world.at("new/.env"), "SEAF_SERVER_STORAGE_TYPE=multiple\n").unwrap();
    let mut command = world.command(&[]);
    command.env("SEAF_SERVER_STORAGE_TYPE", "multiple");
    let outcome = world.finish(command.spawn().unwrap()).assert_code(0);
    let next = assert_safe(&outcome, true);
    assert!(
        next.contains("SEAF_SERVER_STORAGE_TYPE = multiple among them, the new seafile.conf and the storage"),
        "{next}"
    );
    assert_spread(&world, &all, "new-", str::to_owned);
}

#[test]
fn what_a_class_lacks_is_found_by_fsck_and_verify_and_brought_by_the_next_run() {
    let world = World::with_whole_sample();
    set_rows(&world, &ROWS);
    classes_in_folders(&world, "new", "new-", &["hot", "cold", "ice"]);
    world.run(&[]).assert_code(0);
    let commits = world.at("new-ice/storage/commits").join(LONE);
    let lost = objects_below(&commits).len() as u64;
    fs::rename(&commits, world.at("new-hot/storage/commits").join(LONE)).unwrap();
    // It is on the new side, in a class in which no server looks for it.
    let checked = fsck(&world, "new", &[]).assert_code(1);
    assert!(checked.stdout.contains(LONE), "{}", checked.stdout);
    let verified = command(&world, "verify", &[]).assert_code(1);
    assert!(verified.stdout.contains("in another storage class"), "{}", verified.stdout);
    let again = world.run(&[]).assert_code(0);
    assert_eq!(again.total("copied"), lost);
    fsck(&world, "new", &[]).assert_code(0);
}

#[test]
fn the_old_classes_are_emptied_by_remove_and_filled_again_by_restore() {
    let (world, all) = many();
    let db = db(&world).display().to_string();
    world.run(&[]).assert_code(0);
    command(&world, "verify", &["--content", "--db", &db]).assert_code(0);
    let removed = command(&world, "remove", &["--yes", "--db", &db]).assert_code(0);
    assert!(removed.stdout.contains("1,029"), "{}", removed.stdout);
    for class in ["hot", "cold", "ice"] {
        let mut left = objects_in(&world.at(&format!("old-{class}/storage"))).into_keys();
        // What is in a quarantine is no object of the server's any more.
        assert_eq!(left.find(|path| !path.to_str().unwrap().contains("removed-by-seaf-migrate")), None);
    }
    assert_same_objects(&all, &objects_in(&world.at("target/storage")));
    command(&world, "remove", &["--yes", "--restore", "--db", &db]).assert_code(0);
    assert_spread(&world, &all, "old-", str::to_owned);
}

#[test]
fn a_check_shows_a_row_for_each_class_and_what_is_wrong_with_it() {
    let (world, _) = many();
    let check = |options: &[&str]| {
        let mut command = world.program();
        command.args(["check", "--from"]).arg(world.at("old")).arg("--to").arg(world.at("new"));
        command.arg("--data-dir").arg(world.at("old/seafile-data")).args(options);
        world.finish(command.spawn().unwrap())
    };
    let good = check(&[]).assert_code(0);
    for class in ["hot", "cold", "ice"] {
        let row = format!("class {class}: fs:{}", world.at(&format!("old-{class}/storage/blocks")).display());
        assert!(good.stdout.contains(&row), "{row} is not in {}", good.stdout);
    }
    // A library's folder of the destination is that of a class of the old side.
    let (library, of_cold) = (world.at("target/storage/blocks"), world.at("old-cold/storage/blocks").join(ORIGIN));
    fs::create_dir_all(&library).unwrap();
    std::os::unix::fs::symlink(of_cold, library.join(ORIGIN)).unwrap();
    let same = check(&[]).assert_code(2);
    assert!(same.stderr.contains("one and the same"), "{}", same.stderr);
    fs::remove_file(library.join(ORIGIN)).unwrap();
    fs::rename(world.at("old-ice/storage/fs"), world.at("unmounted")).unwrap();
    let bad = check(&[]).assert_code(3);
    assert!(bad.stdout.contains("old fs of class ice"), "{}", bad.stdout);
}

#[test]
fn clean_takes_this_programs_objects_from_every_class() {
    let world = World::with_whole_sample();
    set_rows(&world, &ROWS);
    classes_in_folders(&world, "new", "new-", &["hot", "cold", "ice"]);
    world.run(&[]).assert_code(0);
    let own = || {
        let folder =
            |class: &&str| world.at(&format!("new-{class}/storage/commits/ffffffff-ffff-ffff-ffff-ffffffffffff"));
        ["hot", "cold", "ice"].iter().map(folder).filter(|folder| folder.exists()).count()
    };
    assert_eq!(own(), 3);
    let mut command = world.program();
    command.args(["clean", "--yes", "--conf"]).arg(world.at("new"));
    world.finish(command.spawn().unwrap()).assert_code(0);
    assert_eq!(own(), 0);
}
