//! `verify` after a migration: everything is there, or what is missing is named.

mod proof;

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use seaf_migrate::commands::common::incarnations;
use seaf_migrate::conf::{Environment, SideSource, load_pair};
use seaf_migrate::history::{Pair, PairHistory, StateDir, VerifyNote};
use seaf_migrate::object::ObjectKind;
use seaf_migrate::store::layer::retry::RetryPolicy;
use seaf_migrate::store::open::OpenOptions;
use seaf_migrate::sys::lock::DestinationLock;
use seaf_migrate::sys::shutdown::Shutdown;
use serde_json::Value;

use crate::support::sample::SMALL_COUNT;
use crate::world::{Outcome, SECRET, World, objects_below};

const ALL: u64 = SMALL_COUNT;

/// A migrated world, both sides folders.
fn migrated() -> World {
    let world = World::with_sample();
    world.run(&[]).assert_code(0);
    world
}

/// The path of the nth object of a kind below the folder, as `kind/library/ab/cdef…`.
pub fn nth(world: &World, kind: &str, n: usize) -> String {
    let files = objects_below(&world.at("target/storage").join(kind));
    format!("{kind}/{}", files.keys().nth(n).unwrap().display())
}

pub fn there(world: &World, path: &str) -> PathBuf {
    world.at("target/storage").join(path)
}

/// `kind library object` of a path.
pub fn name(path: &str) -> String {
    let [kind, library, two, rest] = path.split('/').collect::<Vec<_>>()[..] else { panic!("{path}") };
    format!("{kind} {library} {two}{rest}")
}

/// `kind library object: what` of each row.
pub fn named(outcome: &Outcome, list: &str) -> Vec<String> {
    let text = |row: &Value, field: &str| row[field].as_str().unwrap().to_owned();
    let name = |row: Value| {
        format!("{} {} {}: {}", text(&row, "kind"), text(&row, "library"), text(&row, "object"), text(&row, "error"))
    };
    let mut named: Vec<_> = outcome.rows(list).into_iter().map(name).collect();
    named.sort();
    named
}

/// What is noted about the two sides.
fn noted(world: &World) -> Option<PairHistory> {
    let side = |name: &str| SideSource { path: world.at(name), data_dir: Some(world.at("old/seafile-data")) };
    let (from, to) = load_pair(&side("old"), &side("new"), &Environment::default()).unwrap();
    StateDir::new(world.at("state")).load(&Pair::new(&from, &to)).unwrap()
}

/// Why the last verification does not allow a removal.
fn why_unproven(world: &World) -> Option<String> {
    let side = |name: &str| SideSource { path: world.at(name), data_dir: Some(world.at("old/seafile-data")) };
    let (_, to) = load_pair(&side("old"), &side("new"), &Environment::default()).unwrap();
    let options = OpenOptions::new(1, Duration::from_secs(30), RetryPolicy::default(), &Shutdown::new());
    noted(world).unwrap().why_unproven(&incarnations::read(&to, &options).unwrap())
}

pub fn verified(world: &World) -> Option<VerifyNote> {
    noted(world).and_then(|record| record.verified)
}

#[test]
fn a_clean_copy_in_a_folder_has_no_findings() {
    let world = migrated();
    for (options, read) in [(&[][..], 0), (&["--content"], ALL), (&["--sample", "100%"], ALL), (&["--sample", "0"], 0)]
    {
        let outcome = world.verify(options).assert_code(0);
        assert_eq!((outcome.total("objects"), outcome.total("read"), outcome.total("extra")), (ALL, read, 0));
        assert!(outcome.rows("findings").is_empty() && outcome.rows("damaged").is_empty());
        assert!(outcome.stdout.contains("Result: everything that the source has is at the destination"));
        let note = verified(&world).unwrap();
        assert_eq!((note.objects, note.findings), (ALL, 0));
        assert_eq!(note.content_percent, if read > 0 { 100.0 } else { 0.0 });
        assert_eq!(why_unproven(&world), None);
    }
}

#[test]
fn a_clean_copy_on_s3_has_no_findings() {
    let world = World::with_sample();
    let server = world.s3_server();
    world.new_side_is_s3(&server);
    world.run(&[]).assert_code(0);
    let outcome = world.verify(&["--content"]).assert_code(0);
    assert_eq!((outcome.total("objects"), outcome.total("read")), (ALL, ALL));
    let text = outcome.report.as_ref().unwrap().to_string() + &outcome.stdout + &outcome.stderr;
    assert!(!text.contains(SECRET));
    assert_eq!(outcome.report_mode, Some(0o600));
}

#[test]
fn a_share_of_the_objects_is_read() {
    let world = migrated();
    let read = world.verify(&["--sample", "30"]).assert_code(0).total("read");
    assert!((3..60).contains(&read), "{read}");
    assert_eq!(verified(&world).unwrap().content_percent, 30.0);
}

#[test]
fn what_a_list_file_says_is_not_believed() {
    let world = World::with_sample();
    let list = world.at("objects").display().to_string();
    world.run(&["--object-list", &list]).assert_code(0);
    let lost = nth(&world, "blocks", 4);
    fs::remove_file(there(&world, &lost)).unwrap();
    let mut command = world.verifying(&[]);
    command.env("OBJECT_LIST_FILE_PATH", &list);
    let outcome = world.finish(command.spawn().unwrap()).assert_code(1);
    assert_eq!(named(&outcome, "findings"), [format!("{}: missing", name(&lost))]);
}

#[test]
fn each_finding_is_named_on_the_terminal_and_in_the_report() {
    let world = migrated();
    let [lost, cut, long, flipped] =
        [("blocks", 1), ("fs", 2), ("blocks", 3), ("fs", 30)].map(|(kind, n)| nth(&world, kind, n));
    fs::remove_file(there(&world, &lost)).unwrap();
    let change = |path: &str, change: fn(&mut Vec<u8>)| {
        let mut data = fs::read(there(&world, path)).unwrap();
        change(&mut data);
        fs::write(there(&world, path), data).unwrap();
    };
    change(&cut, |data| data.truncate(data.len() - 1));
    change(&long, |data| data.push(0));
    change(&flipped, |data| *data.last_mut().unwrap() ^= 1);

    // Sizes alone do not show the bit.
    let sizes = world.verify(&[]).assert_code(1);
    let mut expected = [(&lost, "missing"), (&cut, "shorter"), (&long, "longer")]
        .map(|(path, what)| format!("{}: {what}", name(path)));
    expected.sort();
    assert_eq!(named(&sizes, "findings"), expected);

    let content = world.verify(&["--content"]).assert_code(1);
    let mut expected = [&expected[..], &[format!("{}: damaged", name(&flipped))]].concat();
    expected.sort();
    assert_eq!(named(&content, "findings"), expected);
    for path in [&lost, &cut, &long, &flipped] {
        let object = name(path).split(' ').next_back().unwrap().to_owned();
        assert!(content.stderr.contains(&object), "{object} is not on the terminal: {}", content.stderr);
    }
    assert!(content.stderr.contains("4 objects of the source NOT at the destination"), "{}", content.stderr);
    let numbers = ["missing", "shorter", "longer", "damaged", "unreadable"].map(|number| content.total(number));
    assert_eq!(numbers, [1, 1, 1, 1, 0]);
    let libraries = content.rows("libraries");
    let sum: u64 = libraries.iter().map(|row| row["blocks"]["missing"].as_u64().unwrap()).sum();
    assert_eq!(sum, 1);
    assert_eq!(verified(&world).unwrap().findings, 4);
    assert!(why_unproven(&world).unwrap().contains("4 findings"));

    // A run repairs what is missing or shorter; what is longer or flipped has a good size or a better one.
    world.run(&["--no-check-heads"]).assert_code(0);
    let left = named(&world.verify(&["--content"]).assert_code(1), "findings");
    assert!(left.iter().all(|finding| !finding.ends_with("missing") && !finding.ends_with("shorter")), "{left:?}");
}

#[test]
fn many_findings_are_shown_in_part_and_reported_in_full() {
    let world = World::with_whole_sample();
    world.run(&[]).assert_code(0);
    fs::remove_dir_all(world.at("target/storage/blocks")).unwrap();
    let outcome = world.verify(&[]).assert_code(1);
    assert_eq!(named(&outcome, "findings").len(), 105);
    assert_eq!(outcome.stderr.lines().filter(|line| line.starts_with("  [blocks]")).count(), 10);
    assert!(outcome.stderr.contains("and 95 more"), "{}", outcome.stderr);
}

#[test]
fn what_only_the_new_side_has_is_counted_and_no_finding() {
    let world = migrated();
    let gone = nth(&world, "blocks", 0);
    fs::remove_file(world.source().join(&gone)).unwrap();
    let outcome = world.verify(&["--content"]).assert_code(0);
    assert_eq!((outcome.total("extra"), outcome.total("objects")), (1, ALL - 1));
    assert!(outcome.rows("findings").is_empty());
}

#[test]
fn ids_that_were_wrong_in_the_source_are_told_apart_from_damage_on_the_way() {
    let world = World::with_sample();
    let mut planted = Vec::new();
    for (kind, n) in [("blocks", 5), ("commits", 3), ("fs", 7)] {
        let (path, data) = objects_below(&world.source().join(kind)).into_iter().nth(n).unwrap();
        let mut data = data;
        let at = data.len() / 2;
        data[at] ^= 1;
        fs::write(world.source().join(kind).join(&path), data).unwrap();
        planted.push(format!("{}: damaged in the source", name(&format!("{kind}/{}", path.display()))));
    }
    planted.sort();
    world.run(&[]).assert_code(0);
    let outcome = world.verify(&["--content"]).assert_code(0);
    assert_eq!(named(&outcome, "damaged"), planted);
    assert!(outcome.rows("findings").is_empty());
    assert_eq!(outcome.total("source_damaged"), 3);
    assert!(outcome.stderr.contains("WARNING: 3 OBJECTS DAMAGED in the source"), "{}", outcome.stderr);
    world.verify(&["--content", "--strict"]).assert_code(5);
    // Ids and sizes alone do not see it, and it is no finding of the migration.
    assert_eq!(verified(&world).unwrap().findings, 0);

    // The same object, damaged further on the way.
    let id = planted[0].split(' ').nth(2).unwrap().trim_end_matches(':').to_owned();
    let (path, data) = objects_below(&world.at("target/storage/blocks"))
        .into_iter()
        .find(|(path, _)| path.ends_with(&id[2..]))
        .unwrap();
    fs::write(world.at("target/storage/blocks").join(path), vec![0; data.len()]).unwrap();
    let outcome = world.verify(&["--content"]).assert_code(1);
    let rows = outcome.rows("findings");
    assert_eq!((rows.len(), outcome.rows("damaged").len()), (1, 2));
    assert!(
        rows[0]["cause"].as_str().unwrap().contains("the source's bytes differ and are damaged as well"),
        "{rows:?}"
    );
}

#[test]
fn a_new_side_that_is_not_there_lacks_everything() {
    let world = World::with_sample();
    let outcome = world.verify(&["--content"]).assert_code(1);
    assert_eq!((outcome.total("missing"), outcome.total("objects")), (ALL, ALL));
    assert!(!world.at("target/storage").exists(), "a verification writes nothing");
}

#[test]
fn a_run_under_way_is_warned_of() {
    let world = migrated();
    let side = |name: &str| SideSource { path: world.at(name), data_dir: Some(world.at("old/seafile-data")) };
    let (_, to) = load_pair(&side("old"), &side("new"), &Environment::default()).unwrap();
    let location = to.store(ObjectKind::Fs).location().to_string();
    let held = DestinationLock::take(&location).unwrap();
    let outcome = world.verify(&[]).assert_code(0);
    let expected = format!("a run is writing to the destination ({location}: process {}", std::process::id());
    assert!(outcome.stderr.contains(&expected), "{}", outcome.stderr);
    drop(held);
    // A child that another test is about to start has the lock for a moment more.
    while DestinationLock::holder(&location).is_some() {
        std::thread::sleep(Duration::from_millis(1));
    }
    assert!(!world.verify(&[]).assert_code(0).stderr.contains("a run is writing"));
}

#[test]
fn options_that_make_no_sense_are_refused() {
    let world = migrated();
    let file = world.at("a-file");
    fs::write(&file, "").unwrap();
    let file = file.display().to_string();
    for (options, said) in [
        (&["--content", "--sample", "5"][..], "cannot be used with"),
        (&["--sample", "101"], "not a share from 0% to 100%"),
        (&["--bandwidth", "0"], "--bandwidth: must be more than 0"),
        (&["--bandwidth", "fast"], "not a size"),
        (&["--library", "photos"], "not a library id"),
        (&["--memory", "1M"], "--memory: must be at least 16M"),
        (&["--temp-dir", "/no/such/folder"], "--temp-dir: /no/such/folder is not a folder"),
        (&["--checkpoint", "/no/such/folder/here"], "--checkpoint: the folder /no/such/folder does not exist"),
        (&["--checkpoint", &file], "a-file"),
        (&["--checkpoint", "/usr"], "holds"),
    ] {
        let outcome = world.verify(options).assert_code(2);
        assert!(outcome.stderr.contains(said), "{options:?}: {}", outcome.stderr);
        // None where the command line is wrong; else one that says why.
        assert!(outcome.report.is_none_or(|report| report["result"] == "refused"), "{options:?}");
    }
    let mut command = world.verifying(&[]);
    command.arg("--report").arg("/no/such/folder/report.json");
    assert!(command.output().unwrap().status.code() == Some(2));
    assert!(verified(&world).is_none());
}

#[test]
fn a_folder_for_temporary_files_that_is_none_is_told_and_an_empty_one_is_the_usual_one() {
    let world = migrated();
    let with = |folder: &str| {
        let mut command = world.verifying(&[]);
        world.finish(command.env("TMPDIR", folder).spawn().unwrap())
    };
    let refused = with("/no/such/folder").assert_code(2);
    assert!(refused.stderr.contains("TMPDIR (or --temp-dir): /no/such/folder is not a folder"), "{}", refused.stderr);
    with("").assert_code(0);
}

#[test]
fn what_has_the_name_of_an_object_and_is_none_is_found() {
    let world = migrated();
    let [folder, link] = [3, 9].map(|n| nth(&world, "blocks", n));
    for path in [&folder, &link] {
        fs::remove_file(there(&world, path)).unwrap();
    }
    fs::create_dir(there(&world, &folder)).unwrap();
    std::os::unix::fs::symlink("nowhere", there(&world, &link)).unwrap();
    for options in [&[][..], &["--content"]] {
        let outcome = world.verify(options).assert_code(1);
        let findings = named(&outcome, "findings");
        assert_eq!(findings.len(), 2, "{findings:?}");
        assert!(
            findings.iter().all(|finding| finding.starts_with(&name(&folder)) || finding.starts_with(&name(&link)))
        );
    }
}

#[test]
fn the_help_tells_how_to_read_a_store_over_days() {
    let world = World::new();
    let help = |options: &[&str]| world.finish(world.program().args(options).spawn().unwrap()).assert_code(0).stdout;
    let options = help(&["verify", "--help"]);
    for option in [
        "--content",
        "--sample",
        "--checkpoint",
        "--bandwidth",
        "--library",
        "--report",
        "--strict",
        "--db",
        "--memory",
    ] {
        assert!(options.contains(option), "{option}");
    }
    let whole = help(&["--help"]).replace(" \\\n        ", " ");
    assert!(whole.contains("verify --from … --to … --content --bandwidth 50M --checkpoint"), "{whole}");
}

#[test]
fn a_plain_log_says_what_goes_on() {
    let world = migrated();
    let outcome = world.verify(&["--content"]).assert_code(0);
    for line in [
        "Start to list [blocks] object of both sides",
        "[blocks] 21 objects in the source, 21 at the destination",
        "Start to compare [fs] object",
        "[fs] 42 objects compared, 0 findings",
    ] {
        assert!(outcome.stdout.contains(line), "{line}: {}", outcome.stdout);
    }
    assert!(outcome.stderr.is_empty(), "{}", outcome.stderr);
    // Nothing temporary is left behind.
    let left = |entry: &std::io::Result<fs::DirEntry>| {
        entry.as_ref().unwrap().file_name().to_str().unwrap().starts_with("seaf-migrate")
    };
    assert!(!fs::read_dir(world.at("")).unwrap().any(|entry| left(&entry)));
}

#[test]
fn findings_weigh_more_than_damage_of_the_source() {
    let world = World::with_sample();
    let source = world.source().join("blocks");
    let (path, data) = objects_below(&source).into_iter().next().unwrap();
    fs::write(source.join(&path), vec![b'x'; data.len()]).unwrap();
    world.run(&[]).assert_code(0);
    world.verify(&["--content", "--strict"]).assert_code(5);
    fs::remove_file(there(&world, &nth(&world, "fs", 0))).unwrap();
    let both = world.verify(&["--content", "--strict"]).assert_code(1);
    assert_eq!((both.rows("findings").len(), both.rows("damaged").len()), (1, 1));
    // Without a look at the contents, the damage is not seen and not claimed to be absent.
    let sizes = world.verify(&["--strict"]).assert_code(1);
    assert!(sizes.rows("damaged").is_empty() && sizes.stderr.contains("no content read"), "{}", sizes.stderr);
}

#[test]
fn a_library_that_only_the_new_side_has_is_counted() {
    let world = migrated();
    let libraries = world.verify(&[]).assert_code(0).rows("libraries");
    let library = libraries.iter().find(|row| row["fs"]["objects"].as_u64() > Some(0)).unwrap();
    let (id, fs_objects) = (library["library"].as_str().unwrap(), library["fs"]["objects"].as_u64().unwrap());
    fs::remove_dir_all(world.source().join("fs").join(id)).unwrap();
    let outcome = world.verify(&["--content"]).assert_code(0);
    assert_eq!(outcome.total("extra"), fs_objects);
    let rows = outcome.rows("libraries");
    let row = rows.iter().find(|row| row["library"] == id).unwrap();
    assert_eq!((&row["fs"]["extra"], &row["fs"]["objects"]), (&fs_objects.into(), &0.into()));
}

#[test]
fn a_folder_of_the_source_that_is_gone_is_told() {
    let world = migrated();
    fs::remove_dir_all(world.source().join("blocks")).unwrap();
    let gone = world.verify(&[]).assert_code(3);
    assert!(gone.stderr.contains("NOT verified to the end"), "{}", gone.stderr);
}
