//! Libraries that change their class between two runs, and objects that stand in another class than their library's.

use std::fs;

use seaf_migrate::object::ObjectKind;

use super::{
    LONE, ORIGIN, ROWS, VIRTUAL, assert_safe, assert_spread, classes_in_folders, command, fsck, many, set_rows,
};
use crate::world::{World, objects_below};

/// How many files there are of some libraries below a folder.
fn count(world: &World, folder: &str, libraries: &[&str]) -> u64 {
    let objects = objects_below(&world.at(folder).join("storage"));
    objects.keys().filter(|path| libraries.iter().any(|library| path.to_str().unwrap().contains(library))).count()
        as u64
}

#[test]
fn a_library_that_moves_to_another_class_is_looked_for_there_by_the_next_run() {
    let world = World::with_whole_sample();
    set_rows(&world, &ROWS);
    classes_in_folders(&world, "new", "new-", &["hot", "cold", "ice"]);
    let list = world.at("list").display().to_string();
    let lists = ["--object-list", list.as_str()];
    world.run(&lists).assert_code(0);
    let unchanged = world.run(&lists).assert_code(0);
    assert!(!unchanged.stderr.contains("listed again"), "{}", unchanged.stderr);
    let mine = count(&world, "new-ice", &[LONE]);
    set_rows(&world, &[(ORIGIN, "cold"), (LONE, "cold"), (super::TRASHED, "cold")]);
    let planned = command(&world, "plan", &lists).assert_code(0);
    assert_eq!(planned.total("to_copy"), mine, "the list that says otherwise is not believed");
    let again = world.run(&lists).assert_code(0);
    assert!(
        again.stderr.contains("libraries are in other storage classes than when it was listed"),
        "{}",
        again.stderr
    );
    assert_eq!((again.total("copied"), count(&world, "new-cold", &[LONE])), (mine, mine));
    assert_safe(&again, true);
    fsck(&world, "new", &[]).assert_code(0);
}

#[test]
fn virtual_libraries_go_with_their_origin_whatever_their_own_rows_say() {
    let world = World::with_whole_sample();
    set_rows(&world, &[(ORIGIN, "cold"), (VIRTUAL[0], "hot")]);
    classes_in_folders(&world, "new", "new-", &["hot", "cold"]);
    world.run(&[]).assert_code(0);
    let all = [ORIGIN, VIRTUAL[0], VIRTUAL[1]];
    assert_eq!(count(&world, "new-hot", &all), 0);
    assert_eq!(count(&world, "new-cold", &all), count(&world, "old/seafile-data", &all));
}

#[test]
fn what_stands_in_another_class_is_told_and_not_copied() {
    let (world, all) = many();
    // Left behind by a move of the library between classes; and damaged, so that nobody takes it for the object.
    let stale = world.at("old-hot/storage/blocks").join(ORIGIN);
    for path in all.keys().filter(|path| path.starts_with(format!("blocks/{ORIGIN}"))) {
        let copy = world.at("old-hot/storage").join(path);
        fs::create_dir_all(copy.parent().unwrap()).unwrap();
        fs::write(copy, "stale").unwrap();
    }
    let strays = objects_below(&stale).len() as u64;
    let outcome = world.run(&[]).assert_code(0);
    assert_safe(&outcome, true);
    crate::world::assert_same_objects(&all, &super::objects_in(&world.at("target/storage")));
    assert_eq!(outcome.number("blocks", "ignored"), strays);
    let report = outcome.report.unwrap();
    let row = report["kinds"].as_array().unwrap().iter().find(|row| row["kind"] == "blocks").unwrap().clone();
    let strays_of = &row["ignored_names"]["other_class"];
    assert_eq!(strays_of["count"], strays);
    assert!(strays_of["examples"][0].as_str().unwrap().ends_with("in class hot"), "{strays_of}");
    let said = format!("{strays} of objects in another storage class than the database has their library in");
    assert!(outcome.stdout.contains(&said), "{}", outcome.stdout);
    assert_eq!(objects_below(&stale).len() as u64, strays, "and left alone");
}

#[test]
fn the_key_of_an_encrypted_side_is_that_of_all_of_its_classes() {
    let world = World::with_whole_sample();
    let all = objects_below(&world.source());
    set_rows(&world, &ROWS);
    classes_in_folders(&world, "new", "new-", &["hot", "cold", "ice"]);
    let key = world.at("key.conf");
    fs::write(&key, format!("[store_crypt]\nenc_key = {}\nenc_iv = {}\n", "01".repeat(32), "23".repeat(16))).unwrap();
    let conf = fs::read_to_string(world.at("new/seafile.conf")).unwrap();
    let crypt = format!("[store_crypt]\nkey_path = {}\n", key.display());
    fs::write(world.at("new/seafile.conf"), format!("{conf}{crypt}")).unwrap();
    world.run(&[]).assert_code(0);
    for class in ["hot", "cold", "ice"] {
        let kept = super::objects_in(&world.at(&format!("new-{class}/storage")));
        assert!(kept.iter().all(|(path, data)| all[path] != *data && data.len() % 16 == 0), "{class}");
    }
    command(&world, "verify", &["--content"]).assert_code(0);
    fsck(&world, "new", &[]).assert_code(0);
    // And back into one plain store.
    fs::rename(world.at("new/classes.json"), world.at("old/classes.json")).unwrap();
    let old = format!("{conf}{crypt}[database]\ntype = sqlite\n");
    fs::write(world.at("old/seafile.conf"), old).unwrap();
    world.new_side_is_a_folder("back");
    let refused = world.run(&[]).assert_code(2);
    assert!(refused.stderr.contains("--decrypt: is missing"), "{}", refused.stderr);
    world.run(&["--decrypt"]).assert_code(0);
    crate::world::assert_same_objects(&all, &super::objects_in(&world.at("back/storage")));
}

#[test]
fn the_room_that_a_plan_counts_is_that_of_each_class() {
    let world = World::with_whole_sample();
    set_rows(&world, &ROWS);
    classes_in_folders(&world, "new", "new-", &["hot", "cold", "ice"]);
    let planned = command(&world, "plan", &[]).assert_code(0);
    let report = planned.report.unwrap();
    let space = report["space"].as_array().unwrap();
    let bytes: u64 = objects_below(&world.source()).values().map(|data| data.len() as u64).sum();
    // All are on one file system here, so that they are one row, whose need is that of all classes together.
    assert_eq!((space.len(), space[0]["needed"].as_u64().unwrap()), (1, bytes));
}

#[test]
fn a_library_whose_row_is_wrong_is_no_reason_to_say_yes() {
    let (world, _) = many();
    set_rows(&world, &[(ORIGIN, "cold"), (LONE, "hot"), (super::TRASHED, "cold")]);
    let outcome = world.run(&[]).assert_code(1);
    let why = assert_safe(&outcome, false);
    assert!(why.contains("missing in the source"), "{why}");
    assert!(outcome.stdout.contains(LONE) || outcome.stderr.contains(LONE), "{}\n{}", outcome.stdout, outcome.stderr);
}

#[test]
fn the_store_of_a_class_that_another_run_wrote_to_is_another_state_of_the_whole() {
    let world = World::with_whole_sample();
    set_rows(&world, &ROWS);
    classes_in_folders(&world, "new", "new-", &["hot", "cold", "ice"]);
    let list = world.at("list").display().to_string();
    world.run(&["--object-list", &list]).assert_code(0);
    let conf = fs::read_to_string(world.at("new/seafile.conf")).unwrap();
    // A run that has the folder of one class as its whole destination.
    world.new_side_is_a_folder("new-ice");
    world.run(&[]).assert_code(0);
    fs::write(world.at("new/seafile.conf"), conf).unwrap();
    let again = world.run(&["--object-list", &list]).assert_code(0);
    assert!(again.stderr.contains("the destination is listed again"), "{}", again.stderr);
    assert!(again.stdout.contains("in another storage class") || again.total("copied") == 0, "{}", again.stdout);
    let all = objects_below(&world.source());
    let own = |class: &str| class.to_owned();
    let of_ice = super::objects_in(&world.at("new-ice/storage")).len();
    assert_eq!(of_ice, all.len(), "what the other run brought is left alone");
    fs::remove_dir_all(world.at("new-ice")).unwrap();
    classes_in_folders(&world, "new", "new-", &["hot", "cold", "ice"]);
    world.run(&["--object-list", &list]).assert_code(0);
    assert_spread(&world, &all, "new-", own);
}

#[test]
fn blocks_alone_move_to_other_stores_of_the_same_classes() {
    let (world, all) = many();
    let class = |id: &str| {
        let [old, new] = ["old", "new"].map(|side| world.at(&format!("{side}-{id}")));
        fs::create_dir_all(new.join("storage")).unwrap();
        super::entry(id, id == "hot", |kind| {
            let dir = if kind == ObjectKind::Blocks { &new } else { &old };
            format!("\"backend\": \"fs\", \"dir\": \"{}\"", dir.display())
        })
    };
    super::write_classes(&world, "new", &["hot", "cold", "ice"].map(class));
    let outcome = world.run(&["--kind", "blocks"]).assert_code(0);
    let blocks = all.keys().filter(|path| path.starts_with("blocks")).count() as u64;
    assert_eq!(outcome.total("copied"), blocks);
    let next = assert_safe(&outcome, true);
    assert!(next.starts_with("Put the new seafile.conf and the storage classes file that it names in place"), "{next}");
    fsck(&world, "new", &[]).assert_code(0);
    command(&world, "verify", &["--content", "--kind", "blocks"]).assert_code(0);
    for class in ["hot", "cold", "ice"] {
        let there = super::objects_in(&world.at(&format!("new-{class}/storage")));
        assert!(there.keys().all(|path| path.starts_with("blocks")), "{class}");
    }
    assert_spread(&world, &all, "old-", str::to_owned);
    let refused = world.run(&["--kind", "blocks", "--map", "cold=ice"]).assert_code(2);
    assert!(
        refused.stderr.contains("--map: puts libraries into other classes with all of their kinds"),
        "{}",
        refused.stderr
    );
}

#[test]
fn what_is_damaged_in_a_class_is_repaired_in_that_class() {
    let (world, all) = many();
    classes_in_folders(&world, "new", "new-", &["hot", "cold", "ice"]);
    world.run(&[]).assert_code(0);
    let path = all.keys().find(|path| path.starts_with(format!("blocks/{LONE}"))).unwrap();
    let damaged = world.at("new-ice/storage").join(path);
    let data = vec![b'x'; all[path].len()];
    fs::write(&damaged, &data).unwrap();
    let verified = command(&world, "verify", &["--content"]).assert_code(1);
    fs::write(world.at("found.json"), serde_json::to_vec(&verified.report.unwrap()).unwrap()).unwrap();
    let repair = |options: &[&str]| {
        let mut command = world.program();
        command.arg("repair").arg(world.at("found.json")).arg("--from").arg(world.at("old"));
        command.arg("--to").arg(world.at("new")).arg("--data-dir").arg(world.at("old/seafile-data")).args(options);
        world.finish(command.spawn().unwrap())
    };
    repair(&["--dry-run"]).assert_code(0);
    assert_eq!(fs::read(&damaged).unwrap(), data, "a dry run writes nothing");
    repair(&[]).assert_code(0);
    assert_spread(&world, &all, "new-", str::to_owned);
}
