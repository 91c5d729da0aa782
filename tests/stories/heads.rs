//! Whether every library is whole at the destination, asked at the end of a run.

mod meanwhile;
mod memory;

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use rusqlite::{Connection, params};
use seaf_migrate::object::{ObjectId, ObjectKey, ObjectKind};
use serde_json::Value;

use crate::support::library::{Library, Params, Snapshot, Store, output::object_path};
use crate::world::{Outcome, World, objects_below, wait_for_line};

/// A world whose old side is a generated store with its database, and what is in it.
pub fn world_of(params: &Params) -> (World, Store) {
    let (world, store) = (World::with_database(), Store::generate(params));
    store.write_to_dir(&world.at("old/seafile-data"));
    store.write_db(&db(&world));
    (world, store)
}

fn small() -> Params {
    Params { files: 6, large_dir: 5, libraries: 1, commits: 3, ..Params::default() }
}

pub fn db(world: &World) -> PathBuf {
    world.at("old/seafile-data/seafile.db")
}

/// A run that knows the database.
pub fn run(world: &World, options: &[&str]) -> Outcome {
    let db = db(world).display().to_string();
    world.run(&[&["--db", &db], options].concat())
}

pub fn set_head(world: &World, library: &Library, commit: ObjectId) {
    let db = Connection::open(db(world)).unwrap();
    let changed = db.execute(
        "UPDATE Branch SET commit_id = ? WHERE repo_id = ?",
        params![commit.to_string(), library.id.to_string()],
    );
    assert_eq!(changed.unwrap(), 1);
}

fn heads(outcome: &Outcome) -> &Value {
    &outcome.report.as_ref().expect("a report was written")["heads"]
}

#[track_caller]
fn assert_verdict(outcome: &Outcome, yes: bool, why: &str) {
    let verdict = &outcome.report.as_ref().unwrap()["safe_to_switch"];
    assert_eq!(verdict["yes"], yes, "{verdict}");
    assert!(verdict["why"].as_str().unwrap().contains(why), "{verdict}");
    let line = format!("Safe to switch: {}: ", if yes { "yes" } else { "no" });
    assert!(outcome.stdout.contains(&line), "{}", outcome.stdout);
}

/// A block that the head of a library needs, and a path that it is at.
fn some_block(library: &Library) -> (ObjectKey, String) {
    let (path, file) = library.head().tree.files.iter().find(|(_, file)| !file.blocks.is_empty()).unwrap();
    (ObjectKey::new(library.store_id(), file.blocks[0]), path.clone())
}

fn lose(world: &World, side: &str, kind: ObjectKind, key: &ObjectKey) {
    fs::remove_file(object_path(&world.at(side), kind, key)).unwrap();
}

/// Two runs to a server: a whole one, and one in which these blocks go from the destination after it was asked what of
/// the list is there.
fn run_while_losing(world: &World, blocks: &[ObjectKey]) -> Outcome {
    let server = world.s3_server();
    world.new_side_is_s3(&server);
    let list = world.at("objects").display().to_string();
    world.run(&["--object-list", &list, "--no-check-heads"]).assert_code(0);
    server.faults().delay(50);
    let db = db(world).display().to_string();
    let mut child = world.command(&["--db", &db, "--object-list", &list]).spawn().unwrap();
    // Several requests come between this line and the first look for a block.
    let head = wait_for_line(&mut child, "objects exist in destination");
    let bucket = world.at("buckets").join("seafile-blocks");
    for key in blocks {
        fs::remove_file(bucket.join(key.library.to_string()).join(key.id.to_string())).unwrap();
    }
    server.faults().clear();
    let outcome = world.finish(child);
    let again = run(world, &["--object-list", &list]).assert_code(0);
    assert_eq!(again.total("copied"), blocks.len() as u64, "{}", again.stderr);
    assert_verdict(&again, true, "");
    Outcome { stdout: head + &outcome.stdout, ..outcome }
}

#[test]
fn after_a_whole_run_with_the_server_stopped_it_is_safe_to_switch() {
    let world = World::with_whole_sample();
    let outcome = run(&world, &[]).assert_code(0);
    assert!(outcome.stdout.contains("heads: 10 of 10 libraries whole at the destination"), "{}", outcome.stdout);
    assert_eq!((&heads(&outcome)["state"], &heads(&outcome)["whole"]), (&"checked".into(), &10.into()));
    assert_verdict(&outcome, true, "10 libraries are whole");
    assert_eq!(outcome.stderr, "");
}

#[test]
fn the_database_is_found_in_the_old_conf() {
    let world = World::with_whole_sample();
    fs::write(world.at("old/seafile.conf"), "[database]\ntype = sqlite\n").unwrap();
    assert_verdict(&world.run(&[]).assert_code(0), true, "10 libraries are whole");
    let unasked = world.run(&["--no-check-heads"]).assert_code(0);
    assert!(!unasked.stdout.contains("heads:"), "{}", unasked.stdout);
    assert_eq!(heads(&unasked)["state"], "not checked");
    assert_verdict(&unasked, false, "--no-check-heads was given");
}

#[test]
fn the_file_in_the_data_folder_is_the_database_where_the_old_conf_names_none() {
    let world = World::with_whole_sample();
    fs::write(world.at("old/seafile.conf"), "").unwrap();
    let page = world.at("page.html").display().to_string();
    let outcome = world.run(&["--html", &page]).assert_code(0);
    assert_verdict(&outcome, true, "10 libraries are whole");
    // It may be a leftover, so whoever decides by any of the results reads that first.
    let guess = "seafile-data/seafile.db is taken for it. It may be a leftover";
    let report = outcome.report.as_ref().unwrap();
    assert!(report["warnings"].to_string().contains(guess), "{}", report["warnings"]);
    assert!(outcome.stderr.contains(guess) && fs::read_to_string(page).unwrap().contains(guess), "{}", outcome.stderr);
    let next = report["safe_to_switch"]["next"].as_str().unwrap();
    assert!(next.starts_with("First see that ") && next.contains("seafile.db is this server's database"), "{next}");
    assert!(next.contains("Put the new seafile.conf in place"), "{next}");
    // One that is named is not guessed, nor is one that nobody reads.
    let database = world.at("old/seafile-data/seafile.db").display().to_string();
    for options in [&["--db", &database][..], &["--no-check-heads"]] {
        let outcome = world.run(options).assert_code(0);
        assert!(!outcome.stderr.contains("leftover"), "{}", outcome.stderr);
        let next = outcome.report.as_ref().unwrap()["safe_to_switch"]["next"].to_string();
        assert!(!next.contains("First see"), "{next}");
    }
}

#[test]
fn without_a_database_nothing_is_claimed() {
    let world = World::with_whole_sample();
    world.lose_database();
    let outcome = world.run(&[]).assert_code(0);
    assert_verdict(&outcome, false, "no database of the server is configured");
    assert_eq!(outcome.stderr, "");
}

#[test]
fn a_store_with_every_kind_of_library_is_whole_from_a_folder_to_s3() {
    let (world, store) = world_of(&Params::default());
    let server = world.s3_server();
    world.new_side_is_s3(&server);
    let outcome = run(&world, &[]).assert_code(0);
    let reachable = store.libraries.iter().filter(|library| library.name != "garbage").count();
    assert_eq!(heads(&outcome)["whole"], reachable);
    assert_verdict(&outcome, true, "libraries are whole");
}

#[test]
fn a_virtual_library_lacks_what_its_origin_lacks() {
    let (world, store) = world_of(&small());
    let (key, _) = some_block(store.library("virtual"));
    let broken = run_while_losing(&world, &[key]).assert_code(1);
    assert_eq!(heads(&broken)["not_whole"]["count"], 2);
    for name in ["plain 0 ✓", "virtual"] {
        let line = broken.stderr.lines().find(|line| line.contains("NOT WHOLE") && line.contains(name));
        assert!(line.is_some(), "{name}: {}", broken.stderr);
    }
}

#[test]
fn what_the_destination_cannot_read_back_is_found() {
    let (world, store) = world_of(&small());
    world.run(&[]).assert_code(0);
    let library = store.library("plain 0 ✓");
    let key = ObjectKey::new(library.id, library.head().tree.dirs["/shared"]);
    let file = object_path(&world.at("target"), ObjectKind::Fs, &key);
    // As long as before, so that no listing sees it.
    let length = fs::metadata(&file).unwrap().len();
    fs::write(&file, vec![7; usize::try_from(length).unwrap()]).unwrap();
    let broken = run(&world, &[]).assert_code(1);
    assert!(broken.stderr.contains("/shared/") && broken.stderr.contains("damaged"), "{}", broken.stderr);
    let next = broken.report.as_ref().unwrap()["safe_to_switch"]["next"].as_str().unwrap().to_owned();
    assert!(next.contains("Remove the damaged objects"), "{next}");

    // The advice that it prints helps.
    fs::remove_file(file).unwrap();
    assert_verdict(&run(&world, &["--relist"]).assert_code(0), true, "");
}

#[test]
fn what_has_wrong_bytes_in_the_source_is_named_as_the_sources_damage() {
    let (world, store) = world_of(&small());
    let library = store.library("plain 0 ✓");
    let root = ObjectKey::new(library.id, library.head().tree.dirs["/"]);
    // Another library may have the same file.
    lose(&world, "old/seafile-data", ObjectKind::Fs, &root);
    fs::write(object_path(&world.at("old/seafile-data"), ObjectKind::Fs, &root), "no directory").unwrap();
    let outcome = run(&world, &[]).assert_code(0);
    assert!(outcome.stderr.contains("heads: damaged in the source already"), "{}", outcome.stderr);
    assert!(!outcome.stderr.contains("NOT WHOLE"), "{}", outcome.stderr);
    assert_eq!(heads(&outcome)["damaged_in_source"]["libraries"][0]["name"], "plain 0 ✓");
    assert_verdict(&outcome, true, "damaged in the source already, and no worse at the destination");
    run(&world, &["--strict"]).assert_code(5);
}

#[test]
fn what_a_head_needs_and_the_source_lacks_forbids_the_switch_until_its_user_accepts_it() {
    let (world, store) = world_of(&small());
    let library = store.library("plain 0 ✓");
    let (key, path) = some_block(library);
    lose(&world, "old/seafile-data", ObjectKind::Blocks, &key);
    let refused = run(&world, &[]).assert_code(1);
    assert!(
        refused.stderr.contains("heads: MISSING in the source as well") && refused.stderr.contains(&path),
        "{}",
        refused.stderr
    );
    assert_eq!(refused.report.as_ref().unwrap()["result"], "source incomplete");
    assert_eq!(heads(&refused)["missing_in_source"]["libraries"][0]["name"], "plain 0 ✓");
    assert_verdict(&refused, false, "missing in the source as well: plain 0 ✓");
    let report = world.at("refused.json").display().to_string();
    fs::write(&report, refused.report.as_ref().unwrap().to_string()).unwrap();

    // Another library's damage is not this one's.
    let other = store.library("legacy").id.to_string();
    assert_verdict(&run(&world, &["--accept-damage", &other]).assert_code(1), false, "missing in the source as well");

    let by_id = library.id.to_string();
    for value in [&by_id, &report] {
        let accepted = run(&world, &["--accept-damage", value]).assert_code(0);
        assert_verdict(&accepted, true, &format!("--accept-damage accepts: plain 0 ✓ ({})", library.id));
        assert_eq!(heads(&accepted)["accepted"]["count"], 1);
    }
    run(&world, &["--accept-damage", &by_id, "--strict"]).assert_code(5);
}

#[test]
fn what_fsck_named_can_be_accepted_with_its_report() {
    let (world, store) = world_of(&small());
    let library = store.library("plain 0 ✓");
    let (key, _) = some_block(library);
    lose(&world, "old/seafile-data", ObjectKind::Blocks, &key);
    let report = world.at("fsck.json");
    let mut command = world.program();
    command.args(["fsck", "--conf"]).arg(world.at("old")).arg("--data-dir").arg(world.at("old/seafile-data"));
    command.arg("--db").arg(db(&world)).args(["--head-only", "--report"]).arg(&report);
    world.finish(command.spawn().unwrap()).assert_code(1);
    let accepted = run(&world, &["--accept-damage", report.to_str().unwrap()]).assert_code(0);
    assert_verdict(&accepted, true, "plain 0 ✓");
}

#[test]
fn what_is_no_library_and_no_report_of_damage_is_a_mistake_of_the_command_line() {
    let (world, _) = world_of(&small());
    let whole = world.run(&[]).assert_code(0).report.unwrap();
    let file = |name: &str, text: &str| {
        fs::write(world.at(name), text).unwrap();
        world.at(name).display().to_string()
    };
    let mut other_side = whole.clone();
    other_side["from"][0] = "fs:/elsewhere/storage/commits".into();
    for (value, why) in [
        (world.at("no/such").display().to_string(), "no library id, and cannot be read as a report"),
        (file("text", "no JSON"), "no report of a run or of fsck"),
        (file("empty", "{}"), "no report of a run or of fsck"),
        (file("verify", r#"{"command": "verify", "libraries": []}"#), "the report of `verify`"),
        (file("other", &other_side.to_string()), "not about this old side"),
        (file("fsck", r#"{"command": "fsck", "libraries": []}"#), "not about this old side"),
        (file("cut", r#"{"command": "run"}"#), "no whole report of `run`"),
        (file("whole", &whole.to_string()), "names no library that is damaged in the source"),
    ] {
        let refused = run(&world, &["--accept-damage", &value]).assert_code(2);
        assert!(refused.stderr.contains("--accept-damage") && refused.stderr.contains(&value), "{}", refused.stderr);
        assert!(refused.stderr.contains(why), "{why}: {}", refused.stderr);
    }
}

#[test]
fn a_database_that_is_gone_is_a_warning_unless_it_was_demanded_or_named() {
    let world = World::with_whole_sample();
    let gone = world.at("no such.db").display().to_string();
    let demanded = world.run(&["--db", &gone, "--check-heads"]).assert_code(3);
    assert!(demanded.stderr.contains("no such.db"), "{}", demanded.stderr);
    assert_eq!(objects_below(&world.at("target")).len(), 0, "it copied all the same");
    let named = world.run(&["--db", &gone]).assert_code(3);
    assert!(named.stderr.contains("no such.db"), "{}", named.stderr);
    assert_eq!(objects_below(&world.at("target")).len(), 0, "it copied all the same");
    let unchecked = world.run(&["--db", &gone, "--no-check-heads"]).assert_code(0);
    assert_verdict(&unchecked, false, "--no-check-heads");
    let database = "[database]\ntype = mysql\nhost = 127.0.0.1\nport = 1\nuser = u\npassword = p\ndb_name = d\n";
    fs::write(world.at("old/seafile.conf"), database).unwrap();
    let warned = world.run(&[]).assert_code(0);
    assert_eq!(warned.stderr.lines().count(), 1, "{}", warned.stderr);
    assert!(warned.stderr.contains("127.0.0.1:1"), "{}", warned.stderr);
    assert_verdict(&warned, false, "127.0.0.1:1");
    world.assert_same(&world.at("target/storage"));
}

#[test]
fn a_demand_without_a_database_is_a_mistake_of_the_command_line() {
    let world = World::with_whole_sample();
    world.lose_database();
    let refused = world.run(&["--check-heads"]).assert_code(2);
    assert!(refused.stderr.contains("--check-heads") && refused.stderr.contains("--db"), "{}", refused.stderr);
    let both = world.run(&["--check-heads", "--no-check-heads"]).assert_code(2);
    assert!(both.stderr.contains("--no-check-heads"), "{}", both.stderr);
    let url = world.run(&["--db", "http://host/name"]).assert_code(2);
    assert!(url.stderr.contains("--db"), "{}", url.stderr);
}

#[test]
fn a_password_in_the_database_argument_is_shown_nowhere() {
    let world = World::with_whole_sample();
    let outcome = world.run(&["--db", "mysql://seafile:hunter2secret@127.0.0.1:1/seafile_db"]).assert_code(3);
    assert!(outcome.stderr.contains("mysql://seafile@127.0.0.1:1/seafile_db"), "{}", outcome.stderr);
    let report = outcome.report.as_ref().unwrap().to_string();
    for text in [&outcome.stdout, &outcome.stderr, &report] {
        assert!(!text.contains("hunter2secret"), "{text}");
    }
}

#[test]
fn a_run_with_failures_is_not_safe_and_says_which_library_suffers() {
    let (world, store) = world_of(&small());
    let library = store.library("plain 0 ✓");
    let (key, _) = some_block(library);
    // A folder in the place of an object: it can be listed, and not be read.
    let file = object_path(&world.at("target"), ObjectKind::Blocks, &key);
    fs::create_dir_all(file.join("in the way")).unwrap();
    let outcome = run(&world, &[]).assert_code(1);
    assert_verdict(&outcome, false, "some objects are not at the destination");
    assert_eq!(heads(&outcome)["not_whole"]["libraries"][0]["id"], library.id.to_string());
}

#[test]
fn fsck_keeps_as_much_history_as_the_conf_says() {
    let (world, store) = world_of(&small());
    let limited = store.library("limited");
    let db = Connection::open(db(&world)).unwrap();
    db.execute("DELETE FROM RepoValidSince", []).unwrap();
    drop(db);
    let fsck = |conf: &str| {
        fs::write(world.at("old/seafile.conf"), conf).unwrap();
        let mut command = world.program();
        command.args(["fsck", "--conf"]).arg(world.at("old")).arg("--data-dir").arg(world.at("old/seafile-data"));
        command.arg("--db").arg(self::db(&world)).args(["--library", &limited.id.to_string()]);
        world.finish(command.spawn().unwrap())
    };
    // The trees of old commits were collected: a finding when all history is kept, and none when no history is.
    fsck("").assert_code(1);
    fsck("[history]\nkeep_days = -1\n").assert_code(1);
    fsck("[history]\nkeep_days = 0\n").assert_code(0);
    fsck("[history]\nkeep_days = 1\n").assert_code(0);
}

#[test]
fn the_database_of_another_server_vouches_for_nothing() {
    let world = World::with_whole_sample();
    let other = world.at("other.db");
    let params = Params { seed: 99, special: false, commits: 1, files: 1, large_dir: 0, ..Params::default() };
    Store::generate(&params).write_db(&other);
    let outcome = world.run(&["--db", other.to_str().unwrap()]).assert_code(1);
    assert_eq!((&heads(&outcome)["whole"], &heads(&outcome)["missing_in_source"]["count"]), (&0.into(), &2.into()));
    assert_verdict(&outcome, false, "names no library that is whole on either side");
}

#[test]
fn of_many_broken_libraries_the_terminal_names_a_few() {
    let params = Params { libraries: 30, files: 8, large_dir: 0, commits: 1, special: false, ..Params::default() };
    let (world, store) = world_of(&params);
    let blocks: Vec<ObjectKey> = store.objects[ObjectKind::Blocks.index()].keys().copied().collect();
    let outcome = run_while_losing(&world, &blocks).assert_code(1);
    assert_eq!(outcome.stderr.matches("heads: NOT WHOLE").count(), 11);
    assert!(outcome.stderr.contains("and 20 libraries more"), "{}", outcome.stderr);
    // Three findings each, and the report has all of them.
    assert_eq!(outcome.stderr.matches(": missing").count(), 30);
    let libraries = heads(&outcome)["not_whole"]["libraries"].as_array().unwrap();
    assert_eq!(libraries.len(), 30);
    assert!(libraries.iter().all(|library| library["findings"].as_array().unwrap().len() > 3));
}
