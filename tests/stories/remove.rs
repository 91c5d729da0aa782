//! Deleting the old side: nothing is removed unless every condition holds, and then every object is.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant, SystemTime};

use jiff::Timestamp;
use rusqlite::{Connection, params};
use rustix::process::{Pid, Signal, kill_process};
use seaf_migrate::conf::{Environment, SideSource, load_pair};
use seaf_migrate::history::{Pair, RunNote, StateDir, VerifyNote};
use seaf_migrate::object::ObjectKind;
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
    world.verify(&["--db", &db(world)]).assert_code(0);
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
    objects_below(&world.source()).into_keys().filter(|path| !is_probe(path)).collect()
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

#[test]
fn everything_that_the_new_side_holds_goes_and_the_new_side_stays_whole() {
    let world = ready();
    let before = left(&world);
    assert_eq!(before.len() as u64, OBJECTS);
    let outcome = go(&world, &["--content"]).assert_code(0);
    assert_eq!((sum(&outcome, "removed"), sum(&outcome, "kept")), (OBJECTS, 0));
    assert!(left(&world).is_empty());
    assert!(outcome.stdout.contains(&format!("{OBJECTS} objects removed from the source")), "{}", outcome.stdout);
    // Every object is in the journal once, the pointing kinds first.
    let names = journalled(&world);
    assert_eq!(names.iter().cloned().collect::<BTreeSet<_>>(), before);
    let kinds: Vec<_> = names.iter().map(|name| name.iter().next().unwrap()).collect();
    assert!(kinds.is_sorted_by_key(|kind| ["commits", "fs", "blocks"].iter().position(|name| name == kind)));
    // The folders of the objects went with them, those of the kinds did not.
    for kind in ObjectKind::ALL {
        assert_eq!(fs::read_dir(world.source().join(kind.as_str())).unwrap().count(), 0);
    }
    let mut fsck = world.program();
    fsck.args(["fsck", "--content", "--db", &db(&world), "--conf"]).arg(world.at("new"));
    world.finish(fsck.spawn().unwrap()).assert_code(0);
    // Once more finds nothing to do.
    assert_eq!(sum(&go(&world, &[]).assert_code(0), "removed"), 0);
}

#[test]
fn without_yes_it_is_said_what_would_go_and_nothing_does() {
    let world = ready();
    let before = left(&world);
    let dry = remove(&world, &[]).assert_code(0);
    assert_eq!((sum(&dry, "removed"), dry.report.as_ref().unwrap()["dry_run"].as_bool()), (OBJECTS, Some(true)));
    assert!(dry.stdout.contains("nothing was removed, this was a dry run"), "{}", dry.stdout);
    let library = before.iter().next().unwrap().iter().nth(1).unwrap().to_str().unwrap();
    assert!(dry.stdout.contains(library), "no line a library:\n{}", dry.stdout);
    assert_eq!(left(&world), before);
    assert!(!proofs(&world).removals(&pair(&world)).exists(), "a dry run made a journal");
}

#[test]
fn without_a_verification_nothing_goes() {
    let world = World::with_sample();
    let before = left(&world);
    assert_refused(&world, &before, go(&world, &[]), 2, "never verified");
    world.run(&[]).assert_code(0);
    assert_refused(&world, &before, go(&world, &[]), 2, "Run seaf-migrate verify");
    // A dry run refuses for the same reason.
    assert_refused(&world, &before, remove(&world, &[]), 2, "never verified");
    // The verification of one library does not count for all.
    let library = before.iter().next().unwrap().iter().nth(1).unwrap().to_str().unwrap();
    world.verify(&["--library", library]).assert_code(0);
    assert_refused(&world, &before, go(&world, &[]), 2, "never verified");
}

#[test]
fn after_a_verification_with_findings_nothing_goes() {
    let world = World::with_sample();
    world.run(&[]).assert_code(0);
    let before = left(&world);
    fs::remove_file(world.at("target/storage").join(nth(&world, "blocks", 7))).unwrap();
    world.verify(&["--db", &db(&world)]).assert_code(1);
    assert_refused(&world, &before, go(&world, &[]), 2, "had 1 findings");
}

#[test]
fn after_a_run_that_came_later_nothing_goes() {
    let world = ready();
    let before = left(&world);
    world.run(&[]).assert_code(0);
    assert_refused(&world, &before, go(&world, &[]), 2, "after the verification");
    verify(&world);
    go(&world, &[]).assert_code(0);
}

#[test]
fn after_a_run_that_was_killed_nothing_goes() {
    let world = ready();
    let before = left(&world);
    let run = RunNote { began: Timestamp::now(), ended: None, exit_code: None };
    proofs(&world).note_run(&pair(&world), run).unwrap();
    assert_refused(&world, &before, go(&world, &[]), 2, "a run began at");
}

#[test]
fn while_a_run_is_under_way_nothing_goes() {
    let world = World::with_sample();
    let server = world.s3_server();
    world.new_side_is_s3(&server);
    world.run(&[]).assert_code(0);
    verify(&world);
    let before = left(&world);
    server.faults().delay(600_000);
    let asked = server.faults().count_all();
    let mut run = world.command(&[]).spawn().unwrap();
    while server.faults().count_all() == asked {
        std::thread::yield_now();
    }
    assert_refused(&world, &before, go(&world, &[]), 4, &format!("process {}", run.id()));
    run.kill().unwrap();
    run.wait().unwrap();
}

#[test]
fn while_somebody_writes_to_the_old_side_nothing_goes() {
    let world = ready();
    let before = left(&world);
    // A migration that writes into the old side, from a slow server.
    let server = world.s3_server();
    world.write_conf("third", |kind| s3_section(&server, &format!("seafile-{kind}"), crate::world::SECRET));
    let dir = world.at("old/seafile-data").display().to_string();
    world.write_conf("back", |_| format!("name = fs\ndir = {dir}\n"));
    server.faults().delay(600_000);
    let mut run = world.program();
    run.args(["run", "--from"]).arg(world.at("third")).arg("--to").arg(world.at("back"));
    let mut run = run.spawn().unwrap();
    while server.faults().count_all() == 0 {
        std::thread::yield_now();
    }
    assert_refused(&world, &before, go(&world, &[]), 4, "old/seafile-data/storage/");
    run.kill().unwrap();
    run.wait().unwrap();
}

/// Moves the head of some library, to the newest of its older commits' ids changed in their last digit.
fn move_head(world: &World) -> (String, String) {
    let connection = Connection::open(db(world)).unwrap();
    let row = "SELECT repo_id, commit_id FROM Branch WHERE name = 'master' ORDER BY repo_id LIMIT 1";
    let (library, head): (String, String) =
        connection.query_row(row, [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    let digit = if head.ends_with('0') { '1' } else { '0' };
    let moved = format!("{}{digit}", &head[..39]);
    let update = "UPDATE Branch SET commit_id = ? WHERE repo_id = ?";
    assert_eq!(connection.execute(update, params![moved, library]).unwrap(), 1);
    (library, moved)
}

/// Puts a commit below a `storage` folder, with nothing but `{}` in it.
fn put_commit(storage: &Path, library: &str, commit: &str) {
    let path = storage.join("commits").join(library).join(&commit[..2]).join(&commit[2..]);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, "{}").unwrap();
}

#[test]
fn when_a_head_moved_on_the_old_side_nothing_goes() {
    let world = ready();
    let (library, head) = move_head(&world);
    assert_refused(&world, &left(&world), go(&world, &[]), 2, "which neither side holds");
    put_commit(&world.source(), &library, &head);
    let before = left(&world);
    assert_refused(&world, &before, go(&world, &[]), 2, "a server works on them");
    // `--server-is-stopped` does not help against a change that can be seen.
    assert_refused(&world, &before, go(&world, &["--server-is-stopped"]), 2, &library);
    put_commit(&world.at("target/storage"), &library, &head);
    assert_refused(&world, &before, go(&world, &[]), 2, "a server works on them");
}

#[test]
fn when_heads_moved_on_the_new_side_alone_the_old_one_may_go() {
    let world = ready();
    let (library, head) = move_head(&world);
    put_commit(&world.at("target/storage"), &library, &head);
    let outcome = go(&world, &[]).assert_code(0);
    assert!(outcome.stdout.contains("the server works there"), "{}", outcome.stdout);
    assert_eq!(sum(&outcome, "removed"), OBJECTS);
}

#[test]
fn the_database_of_another_server_vouches_for_nothing() {
    let world = ready();
    let before = left(&world);
    let other = world.at("other.db").display().to_string();
    let params = Params { seed: 99, special: false, commits: 1, files: 1, large_dir: 0, ..Params::default() };
    Store::generate(&params).write_db(Path::new(&other));
    assert_refused(
        &world,
        &before,
        without_database(&world, &["--yes", "--db", &other]),
        2,
        "which neither side holds",
    );
    // Nor when the verification took it for the right one.
    world.verify(&["--db", &other]).assert_code(0);
    for options in [&["--yes", "--db", &other][..], &["--yes", "--server-is-stopped", "--db", &other]] {
        assert_refused(&world, &before, without_database(&world, options), 2, "the database of this server");
    }
}

#[test]
fn without_a_database_the_user_must_vouch_that_the_server_is_stopped() {
    let world = ready();
    let before = left(&world);
    assert_refused(&world, &before, without_database(&world, &["--yes"]), 2, "add --server-is-stopped");
    let outcome = without_database(&world, &["--yes", "--server-is-stopped"]).assert_code(0);
    assert!(outcome.stderr.contains("was not checked, because --server-is-stopped says"), "{}", outcome.stderr);
    assert_eq!(sum(&outcome, "removed"), OBJECTS);
}

#[test]
fn a_verification_without_the_database_does_not_tell_whether_a_head_moved() {
    let world = ready();
    change_note(&world, |note| note.heads = None);
    let before = left(&world);
    assert_refused(&world, &before, go(&world, &[]), 2, "noted no heads");
    go(&world, &["--server-is-stopped"]).assert_code(0);
}

#[test]
fn when_the_database_does_not_answer_nothing_goes() {
    let world = ready();
    let before = left(&world);
    let gone = world.at("gone.db").display().to_string();
    let outcome = without_database(&world, &["--yes", "--server-is-stopped", "--db", &gone]);
    assert_refused(&world, &before, outcome, 3, "gone.db");
}

#[test]
fn the_verification_of_another_pair_is_no_proof() {
    let world = ready();
    let before = left(&world);
    let first = pair(&world);
    world.new_side_is_a_folder("elsewhere");
    fs::create_dir_all(world.at("elsewhere")).unwrap();
    for kind in ObjectKind::ALL {
        fs::create_dir_all(world.at("elsewhere/storage").join(kind.as_str())).unwrap();
    }
    assert_refused(&world, &before, go(&world, &[]), 2, "never verified");
    // Also when the other pair's notes are copied over this one's.
    fs::copy(proofs(&world).path(&first), proofs(&world).path(&pair(&world))).unwrap();
    assert_refused(&world, &before, go(&world, &[]), 2, "belongs to another pair");
}

#[test]
fn notes_that_cannot_be_read_are_no_proof() {
    let world = ready();
    let before = left(&world);
    let path = proofs(&world).path(&pair(&world));
    fs::write(&path, "{").unwrap();
    assert_refused(&world, &before, go(&world, &[]), 2, "cannot read the history of this pair of sides");
}

#[test]
fn without_a_journal_that_can_be_written_nothing_goes() {
    let world = ready();
    let before = left(&world);
    fs::create_dir(world.at("folder")).unwrap();
    for (journal, says) in [
        (world.at("no/such/folder/journal"), "does not exist"),
        (world.at("folder"), "is a folder"),
        ("/dev/full".into(), "is not a regular file"),
        ("/dev/null".into(), "is not a regular file"),
        (world.at("report.json"), "the report would replace the journal"),
        (world.at("folder/../report.json"), "the report would replace the journal"),
    ] {
        let journal = journal.display().to_string();
        assert_refused(&world, &before, go(&world, &["--journal", &journal]), 2, says);
    }
}

#[test]
fn what_the_new_side_lacks_or_holds_otherwise_is_kept_and_named() {
    let world = ready();
    let [missing, short, long] = [nth(&world, "blocks", 3), nth(&world, "fs", 10), nth(&world, "commits", 0)];
    let target = |object: &Path| world.at("target/storage").join(object);
    fs::remove_file(target(&missing)).unwrap();
    let data = fs::read(target(&short)).unwrap();
    fs::write(target(&short), &data[1..]).unwrap();
    fs::write(target(&long), [&fs::read(target(&long)).unwrap()[..], b" "].concat()).unwrap();

    let expected = [
        format!("{}: missing at the destination", missing.display()),
        format!("{}: another size at the destination", short.display()),
        format!("{}: another size at the destination", long.display()),
    ];
    // The dry run and the real one say the same.
    for options in [&[][..], &["--yes"]] {
        let outcome = remove(&world, options).assert_code(1);
        assert_eq!(kept(&outcome), expected.iter().cloned().collect());
        assert_eq!((sum(&outcome, "removed"), sum(&outcome, "kept")), (OBJECTS - 3, 3));
        for word in ["KE", "missing at the destination", &missing.file_name().unwrap().to_string_lossy()] {
            assert!(outcome.stderr.contains(word), "{}", outcome.stderr);
        }
    }
    assert_eq!(left(&world), [missing, short, long].into());
}

#[test]
fn damage_at_the_destination_is_seen_when_it_is_read() {
    let world = ready();
    let object = nth(&world, "blocks", 5);
    let target = world.at("target/storage").join(&object);
    let mut data = fs::read(&target).unwrap();
    data[0] ^= 1;
    fs::write(&target, &data).unwrap();
    let outcome = go(&world, &["--content"]).assert_code(1);
    assert_eq!(kept(&outcome), [format!("{}: damaged at the destination", object.display())].into());
    assert_eq!(left(&world), [object.clone()].into());
    // With the same damage on both sides nothing is lost.
    fs::write(world.source().join(&object), &data).unwrap();
    let old = SystemTime::now() - Duration::from_secs(3600);
    fs::File::open(world.source().join(&object)).unwrap().set_modified(old).unwrap();
    assert_eq!(sum(&go(&world, &["--content"]).assert_code(0), "removed"), 1);
}

#[test]
fn without_reading_the_destination_the_user_is_told_what_rests_on_sizes() {
    let world = ready();
    let says = |outcome: Outcome| outcome.assert_code(0).stderr.contains("not all contents");
    assert!(says(remove(&world, &[])));
    assert!(!says(remove(&world, &["--content"])));
    change_note(&world, |note| note.content_percent = 100.0);
    assert!(!says(remove(&world, &[])));
}

#[test]
fn what_is_newer_than_the_verification_is_kept() {
    let world = ready();
    let object = nth(&world, "fs", 30);
    let later = SystemTime::now() + Duration::from_secs(1);
    fs::File::open(world.source().join(&object)).unwrap().set_modified(later).unwrap();
    let outcome = go(&world, &[]).assert_code(1);
    assert_eq!(kept(&outcome), [format!("{}: newer than the verification", object.display())].into());
    assert_eq!(left(&world), [object].into());
}

#[test]
fn only_the_libraries_that_are_named_are_touched() {
    let world = ready();
    let before = left(&world);
    let library_of = |path: &Path| path.iter().nth(1).unwrap().to_str().unwrap().to_owned();
    let all: BTreeSet<_> = before.iter().map(|path| library_of(path)).collect();
    let named: Vec<_> = all.iter().skip(1).step_by(3).cloned().collect();
    let mut options: Vec<_> = named.iter().flat_map(|library| ["--library", library]).collect();
    // A library named twice counts once.
    options.extend(["--library", &named[0]]);
    let outcome = go(&world, &options).assert_code(0);
    let expected: BTreeSet<_> = before.iter().filter(|path| !named.contains(&library_of(path))).cloned().collect();
    assert_eq!(left(&world), expected);
    assert_eq!(sum(&outcome, "removed") as usize, before.len() - expected.len());
    let rows = outcome.report.as_ref().unwrap()["libraries"].as_array().unwrap();
    assert!(rows.iter().all(|row| named.contains(&row["library"].as_str().unwrap().to_owned())));
}

#[test]
fn a_library_that_the_source_does_not_have_any_more_is_said_and_one_that_nobody_has_is_refused() {
    let world = ready();
    let nobody = "00000000-0000-4000-8000-000000000000";
    let outcome = go(&world, &["--library", nobody]).assert_code(2);
    assert!(outcome.stderr.contains(nobody), "{}", outcome.stderr);
    assert_eq!(left(&world).len() as u64, OBJECTS);
    let library = left(&world).first().unwrap().to_str().unwrap().split('/').nth(1).unwrap().to_owned();
    go(&world, &["--library", &library]).assert_code(0);
    let again = go(&world, &["--library", &library]).assert_code(0);
    assert!(again.stderr.contains(&format!("nothing of library {library}")), "{}", again.stderr);
    assert_eq!(sum(&again, "removed"), 0);
    assert!(go(&world, &["--library", "not-a-uuid"]).assert_code(2).stderr.contains("not a library id"));
}

#[test]
fn a_file_that_two_libraries_share_loses_one_name_and_keeps_the_other() {
    let world = ready();
    let object = nth(&world, "blocks", 0);
    let other = world.at("a second name");
    fs::hard_link(world.source().join(&object), &other).unwrap();
    let data = fs::read(&other).unwrap();
    go(&world, &[]).assert_code(0);
    assert_eq!(fs::read(&other).unwrap(), data);
    assert!(!world.source().join(&object).exists());
}

#[test]
fn nothing_goes_that_is_behind_a_symbolic_link() {
    let world = ready();
    let blocks = world.source().join("blocks");
    let outside = world.at("another disk");
    fs::create_dir(&outside).unwrap();
    let move_out = |path: &Path, name: &str| {
        fs::rename(path, outside.join(name)).unwrap();
        symlink(outside.join(name), path).unwrap();
    };
    // A whole library, a shard of another, and a single object.
    let objects: Vec<_> = objects_below(&blocks).into_keys().collect();
    let library = |path: &Path| path.iter().next().unwrap().to_owned();
    let first = library(&objects[0]);
    let rest: Vec<_> = objects.iter().filter(|path| library(path) != first).collect();
    let (shard, object) =
        (rest[0].parent().unwrap(), rest.iter().find(|path| path.parent() != rest[0].parent()).unwrap());
    move_out(&blocks.join(&first), "library");
    move_out(&blocks.join(shard), "shard");
    move_out(&blocks.join(object), "object");
    let outside_before = objects_below(&outside);
    let behind = outside_before.len() as u64 - 1;

    let outcome = go(&world, &[]).assert_code(1);
    assert_eq!(objects_below(&outside), outside_before, "something was deleted outside of the store");
    assert_eq!((sum(&outcome, "kept"), outcome.rows("kept").len() as u64), (behind, behind));
    assert!(outcome.rows("kept").iter().all(|row| row["cause"].as_str().unwrap().contains("symbolic link")));
    assert_eq!(sum(&outcome, "removed"), OBJECTS - behind);
    for link in [blocks.join(&first), blocks.join(shard)] {
        assert!(link.is_symlink(), "{} was removed", link.display());
    }
    // The name of a single object goes, and what it leads to stays, as with any other link of a file.
    assert!(!blocks.join(object).is_symlink());
}

#[test]
fn folders_with_anything_else_in_them_stay() {
    let world = ready();
    let object = nth(&world, "fs", 0);
    let stranger = world.source().join(&object).with_file_name("notes.txt");
    fs::write(&stranger, "somebody's").unwrap();
    let outcome = go(&world, &[]).assert_code(0);
    assert_eq!(
        objects_below(&world.source()).into_keys().collect::<Vec<_>>(),
        [stranger.strip_prefix(world.source()).unwrap()]
    );
    assert!(outcome.report.unwrap()["folders_removed"].as_u64().unwrap() > 40);
}

#[test]
fn the_journal_and_the_report_are_the_owners_alone_and_the_journal_only_grows() {
    let world = ready();
    let journal = world.at("my journal");
    let path = journal.display().to_string();
    let libraries: BTreeSet<_> = left(&world).iter().map(|path| path.iter().nth(1).unwrap().to_owned()).collect();
    let mut before = String::new();
    for library in libraries.iter().take(3) {
        let outcome = go(&world, &["--journal", &path, "--library", library.to_str().unwrap()]).assert_code(0);
        assert_eq!(outcome.report_mode, Some(0o600));
        assert_eq!(outcome.report.as_ref().unwrap()["journal"], path.as_str());
        let now = fs::read_to_string(&journal).unwrap();
        assert!(now.len() > before.len() && now.starts_with(&before));
        assert_eq!(now[before.len()..].lines().count() as u64, 1 + sum(&outcome, "removed"));
        before = now;
    }
    assert_eq!(fs::metadata(&journal).unwrap().permissions().mode() & 0o777, 0o600);
}

/// The sample in `world` moved to buckets of a server, which are the old side then, and the new one a folder, migrated
/// and verified.
fn from_s3(world: World) -> (World, S3Server) {
    let server = world.s3_server();
    world.new_side_is_s3(&server);
    world.run(&[]).assert_code(0);
    world.write_conf("old", |kind| s3_section(&server, &format!("seafile-{kind}"), crate::world::SECRET));
    world.new_side_is_a_folder("target");
    world.run(&[]).assert_code(0);
    verify(&world);
    (world, server)
}

fn in_buckets(world: &World) -> BTreeSet<PathBuf> {
    objects_in_buckets(&world.at("buckets")).into_keys().collect()
}

#[test]
fn a_remote_old_side_goes_the_same_way_and_a_server_with_trouble_loses_nothing() {
    let (world, server) = from_s3(World::with_sample());
    let before = in_buckets(&world);
    // One that the destination lacks stays whatever the server does.
    let missing = before.iter().nth(50).unwrap().clone();
    fs::remove_file(world.at("target/storage").join(&missing)).unwrap();
    server.faults().fail(10, 500);
    server.faults().lose_answers(5);
    let outcome = go(&world, &["--content"]).assert_code(1);
    assert_eq!((sum(&outcome, "removed"), in_buckets(&world)), (OBJECTS - 1, [missing].into()));
    assert_eq!(journalled(&world).len() as u64, OBJECTS - 1);
    assert!(outcome.report.unwrap()["retries"].as_u64().unwrap() > 5);
}

#[test]
fn a_destination_that_is_gone_ends_it_before_anything_goes() {
    let world = World::with_sample();
    let server = world.s3_server();
    world.new_side_is_s3(&server);
    world.run(&[]).assert_code(0);
    verify(&world);
    let before = left(&world);
    drop(server);
    let outcome = go(&world, &["--attempts", "1"]).assert_code(3);
    assert_eq!((sum(&outcome, "removed"), left(&world)), (0, before));
}

#[test]
fn a_folder_that_is_gone_from_the_new_side_ends_it_before_anything_goes() {
    let world = ready();
    let before = left(&world);
    fs::rename(world.at("target/storage/blocks"), world.at("unmounted")).unwrap();
    assert_refused(&world, &before, go(&world, &[]), 3, "target/storage/blocks");
}

#[test]
fn an_interruption_ends_it_cleanly_and_the_next_run_goes_on() {
    let (world, server) = from_s3(World::with_whole_sample());
    let before = in_buckets(&world);
    server.faults().delay(20);
    let options = ["--db", &db(&world), "--yes", "--nworker", "4", "--rate", "200"];
    let child = command(&world, &options).spawn().unwrap();
    while server.faults().count("DELETE") < 60 {
        std::thread::yield_now();
    }
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    let stopped = world.finish(child).assert_code(130);
    assert!(stopped.stderr.contains("the next run goes on from here"), "{}", stopped.stderr);
    // The journal names exactly the removed objects, and others are left.
    let left = in_buckets(&world);
    let gone: BTreeSet<_> = before.difference(&left).cloned().collect();
    assert_eq!(journalled(&world).into_iter().collect::<BTreeSet<_>>(), gone);
    assert_eq!(sum(&stopped, "removed"), gone.len() as u64);
    assert!(gone.len() >= 60 && !left.is_empty());
    server.faults().clear();
    let rest = go(&world, &[]).assert_code(0);
    assert_eq!((sum(&rest, "removed"), in_buckets(&world)), (left.len() as u64, BTreeSet::new()));
}

#[test]
fn an_interruption_before_the_first_object_leaves_everything() {
    let (world, server) = from_s3(World::with_sample());
    let before = in_buckets(&world);
    // Every request takes half a second, so that the check of both sides ends and the listing after it is waited for.
    server.faults().delay(500);
    let mut child = command(&world, &["--db", &db(&world), "--yes"]).spawn().unwrap();
    wait_for_line(&mut child, "Start to remove [commits]");
    let asked = server.faults().count_all();
    server.faults().delay(600_000);
    while server.faults().count_all() == asked {
        std::thread::yield_now();
    }
    // The second signal ends it at once, because the server never answers.
    while child.try_wait().unwrap().is_none() {
        kill_process(Pid::from_child(&child), Signal::INT).unwrap();
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(world.finish(child).code, Some(130));
    assert_eq!((in_buckets(&world), journalled(&world)), (before, Vec::new()));
}

#[test]
fn killed_at_any_instant_the_journal_is_never_short_of_what_went() {
    let mut dice = fastrand::Rng::with_seed(11);
    let world = ready();
    let before = left(&world);
    let mut kills = 0;
    while !left(&world).is_empty() {
        let mut child = command(&world, &["--db", &db(&world), "--yes", "--rate", "60"]).spawn().unwrap();
        wait_for_line(&mut child, "Start to remove [commits]");
        std::thread::sleep(Duration::from_millis(dice.u64(..400)));
        child.kill().unwrap();
        child.wait().unwrap();
        kills += 1;
        let gone: BTreeSet<_> = before.difference(&left(&world)).cloned().collect();
        let named: BTreeSet<_> = journalled(&world).into_iter().collect();
        assert!(named.is_superset(&gone), "{:?} went unnoted", gone.difference(&named).next());
        // A kill may leave a batch noted and not removed, and no more than one.
        assert!(named.len() - gone.len() <= 150);
    }
    assert!(kills > 2, "nothing was killed in the middle");
    assert_eq!(journalled(&world).into_iter().collect::<BTreeSet<_>>(), before);
    go(&world, &[]).assert_code(0);
}

#[test]
fn a_migration_on_top_of_a_removal_copies_nothing_and_loses_nothing() {
    let world = ready();
    let there = objects_below(&world.at("target/storage"));
    go(&world, &[]).assert_code(0);
    // A source that lists nothing is none to go by, though this one was emptied by right.
    let run = world.run(&["--no-check-heads"]).assert_code(3);
    assert_eq!((run.total("listed"), objects_below(&world.at("target/storage"))), (0, there));
}

/// A generated old side of many small objects, migrated and verified.
fn bulk(objects: usize) -> World {
    let world = World::new();
    bulk_to_dir(&world.at("old/seafile-data"), 21, objects, 200..=400);
    world.run(&[]).assert_code(0);
    world.verify(&[]).assert_code(0);
    world
}

/// Removes for real where there is no database.
fn go_bulk(world: &World, options: &[&str]) -> Outcome {
    without_database(world, &[&["--yes", "--server-is-stopped"], options].concat())
}

#[test]
fn whatever_the_new_side_lacks_is_what_stays_and_nothing_else() {
    let mut dice = fastrand::Rng::with_seed(5);
    let world = bulk(3_500);
    let mut expected = BTreeSet::new();
    for (path, mut data) in objects_below(&world.at("target/storage")) {
        let target = world.at("target/storage").join(&path);
        let what = match dice.u8(..20) {
            0 => {
                fs::remove_file(&target).unwrap();
                "missing at the destination"
            }
            1 => {
                data.truncate(dice.usize(..data.len()));
                fs::write(&target, data).unwrap();
                "another size at the destination"
            }
            2 => {
                let at = dice.usize(..data.len());
                data[at] ^= 1 << dice.u8(..8);
                fs::write(&target, data).unwrap();
                "damaged at the destination"
            }
            _ => continue,
        };
        expected.insert((path, what));
    }
    let dry = without_database(&world, &["--server-is-stopped", "--content"]).assert_code(1);
    let outcome = go_bulk(&world, &["--content", "--nworker", "7"]).assert_code(1);
    let named: BTreeSet<_> = expected.iter().map(|(path, what)| format!("{}: {what}", path.display())).collect();
    for said in [kept(&dry), kept(&outcome)] {
        assert_eq!(said.symmetric_difference(&named).next(), None);
    }
    assert_eq!(left(&world), expected.iter().map(|(path, _)| path.clone()).collect());
    assert_eq!(sum(&outcome, "removed") + sum(&outcome, "kept"), 3_500);
    // Copied again and verified again, the rest goes.
    world.run(&["--relist"]).assert_code(0);
    for (path, _) in expected.iter().filter(|(_, what)| what.starts_with("damaged")) {
        fs::copy(world.source().join(path), world.at("target/storage").join(path)).unwrap();
    }
    world.verify(&["--content"]).assert_code(0);
    let rest = go_bulk(&world, &["--content"]).assert_code(0);
    assert_eq!((sum(&rest, "removed") as usize, left(&world).len()), (expected.len(), 0));
}

#[test]
fn when_the_disk_under_the_journal_is_full_nothing_goes_that_is_not_noted() {
    let world = bulk(4_000);
    let before = left(&world);
    // Room for some batches, of 128 bytes a line.
    let folder = tempfile::tempdir().unwrap();
    let Some(disk) = Tmpfs::mount(folder.path(), "size=200k") else { return };
    let journal = folder.path().join("journal");
    let full = go_bulk(&world, &["--journal", &journal.display().to_string()]).assert_code(1);
    assert!(full.stderr.contains("note in the journal"), "{}", full.stderr);
    let text = fs::read_to_string(&journal).unwrap();
    let gone: Vec<_> = before.difference(&left(&world)).cloned().collect();
    assert!(!gone.is_empty() && gone.len() < before.len(), "{} gone", gone.len());
    assert_eq!(sum(&full, "removed") as usize, gone.len());
    for path in &gone {
        let parts: Vec<_> = path.iter().map(|part| part.to_str().unwrap()).collect();
        let name = format!(" {} {}/{}{} ", parts[0], parts[1], parts[2], parts[3]);
        assert!(text.contains(&name), "{name} went unnoted");
    }
    disk.resize("size=8m");
    let rest = go_bulk(&world, &["--journal", &journal.display().to_string()]).assert_code(0);
    assert_eq!((sum(&rest, "removed") as usize, left(&world).len()), (before.len() - gone.len(), 0));
    // The line that the full disk cut short did not run into the first line of the next run.
    assert_eq!(fs::read_to_string(&journal).unwrap().matches("# ").count(), 2);
}

#[test]
fn a_server_that_goes_away_in_the_middle_ends_it_and_the_rest_stays() {
    let (world, server) = from_s3(World::with_whole_sample());
    server.faults().delay(10);
    let options = ["--db", &db(&world), "--yes", "--nworker", "4", "--rate", "400", "--attempts", "1"];
    let child = command(&world, &options).spawn().unwrap();
    while server.faults().count("DELETE") < 60 {
        std::thread::yield_now();
    }
    drop(server);
    let gone = world.finish(child).assert_code(3);
    assert!(gone.stderr.contains("stopped early, a store failed"), "{}", gone.stderr);
    let left = in_buckets(&world);
    let named: BTreeSet<_> = journalled(&world).into_iter().collect();
    assert!(!left.is_empty() && left.len() as u64 + named.len() as u64 >= WHOLE_COUNT);
    // Every removed object is at the destination.
    let copies = objects_below(&world.at("target/storage"));
    assert!(named.iter().all(|path| copies.contains_key(path)));
}

#[test]
fn sigterm_ends_it_with_143_and_a_dry_run_too() {
    for (yes, says) in [(true, "the next run goes on"), (false, "nothing was removed")] {
        let world = bulk(1_000);
        let before = left(&world);
        let options = ["--server-is-stopped", "--rate", "20", "--yes"];
        let mut child = command(&world, &options[..3 + usize::from(yes)]).spawn().unwrap();
        wait_for_line(&mut child, "Start to");
        kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
        let stopped = world.finish(child).assert_code(143);
        assert!(stopped.stderr.contains(says), "{}", stopped.stderr);
        assert!(left(&world).len() + 100 > before.len(), "20 a second were not kept to");
        assert!(yes || left(&world) == before);
    }
}

#[test]
fn a_rate_is_kept_to() {
    let world = bulk(60);
    let began = Instant::now();
    go_bulk(&world, &["--rate", "40"]).assert_code(0);
    // Sixty objects, the first of each kind's at once: at least fifty-nine fortieths of a second.
    assert!(began.elapsed() >= Duration::from_millis(1_400), "{:?}", began.elapsed());
    for rate in ["0", "-1", "fast", "1000001"] {
        go_bulk(&world, &["--rate", rate]).assert_code(2);
    }
}
