//! The page that a run writes: the verdict first, then numbers, findings and what to do.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use rusqlite::{Connection, params};
use rustix::process::{Pid, Signal, kill_process};
use seaf_migrate::object::{ObjectKey, ObjectKind};

use crate::heads::{db, run, world_of};
use crate::support::library::{Params, output::object_path};
use crate::support::page::PageText;
use crate::world::{Outcome, SECRET, World, objects_below, pause, wait_for_line};

fn options(world: &World) -> [String; 2] {
    ["--html".to_owned(), world.at("page.html").display().to_string()]
}

/// A run that knows the database and writes a page.
fn run_to_page(world: &World, more: &[&str], code: i32) -> (Outcome, PageText) {
    let [html, file] = options(world);
    let outcome = run(world, &[&[html.as_str(), &file], more].concat()).assert_code(code);
    (outcome, page(world))
}

fn page(world: &World) -> PageText {
    let path = world.at("page.html");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    PageText::parse(&fs::read_to_string(path).unwrap())
}

/// The numbers on top, by their labels.
fn figure<'a>(page: &'a PageText, label: &str) -> &'a str {
    let found = page.of("li").find_map(|figure| figure.text.strip_prefix(label));
    found.unwrap_or_else(|| panic!("no figure {label}"))
}

fn small() -> Params {
    Params { files: 6, large_dir: 5, libraries: 1, commits: 3, ..Params::default() }
}

fn rename(world: &World, library: &str, name: &str) {
    let db = Connection::open(db(world)).unwrap();
    assert_eq!(db.execute("UPDATE RepoInfo SET name = ? WHERE name = ?", params![name, library]).unwrap(), 1);
}

#[test]
fn a_whole_run_says_yes_and_what_was_done() {
    let (world, store) = world_of(&Params::default());
    let (outcome, page) = run_to_page(&world, &[], 0);
    assert_eq!(page.text("h1"), "Safe to switch: yes");
    assert!(page.text("next").contains("Put the new seafile.conf in place"), "{}", page.text("next"));
    let reachable = store.libraries.len() - 1;
    assert_eq!(figure(&page, "Libraries whole"), format!("{reachable}of {reachable} libraries"));
    assert!(
        figure(&page, "Failed").starts_with('0')
            && figure(&page, "Copied").starts_with(&outcome.total("copied").to_string()[..1])
    );
    let facts = page.text("facts");
    for text in ["old/seafile-data/storage/blocks", "target/storage/blocks", "exit code 0", "objects/s"] {
        assert!(facts.contains(text), "{text}: {facts}");
    }
    for heading in
        ["The newest state", "By kind", "Throughput", "The slowest objects", "The last verification", "Libraries: "]
    {
        page.part(heading);
    }
    assert!(!page.headings().iter().any(|heading| heading.contains("Not ") || heading.contains("Damaged")));
    assert!(page.part("The slowest").matches("blocks").count() + page.part("The slowest").matches("fs").count() > 5);
    assert!(page.part("The last verification").contains("not verified yet"));
    let row = page.of("tr").find(|row| row.text.contains("plain 0 ✓") && row.text.contains("whole"));
    assert!(row.is_some(), "{}", page.part("Libraries: "));
    assert_eq!(outcome.report.as_ref().unwrap()["safe_to_switch"]["yes"], true);
    let garbage = store.library("garbage").id.to_string();
    assert!(page.of("tr").any(|row| row.text.contains(&garbage) && row.text.ends_with("no\u{a0}head")));
}

#[test]
fn page_report_and_terminal_give_the_same_verdict() {
    let world = World::with_sample();
    world.lose_database();
    let [html, file] = options(&world);
    let outcome = world.run(&[&html, &file]).assert_code(0);
    let page = page(&world);
    let verdict = &outcome.report.as_ref().unwrap()["safe_to_switch"];
    assert_eq!((page.text("h1"), &verdict["yes"]), ("Safe to switch: no", &false.into()));
    let why = verdict["why"].as_str().unwrap();
    assert!(why.contains("no database") && page.text("verdict bad").contains(&why[1..]), "{why}");
    assert!(outcome.stdout.contains(why) && page.text("next") == verdict["next"], "{}", outcome.stdout);
    assert_eq!(figure(&page, "Libraries whole"), "not checked");
}

#[test]
fn a_run_with_failures_says_no_and_names_them() {
    let (world, store) = world_of(&small());
    let library = store.library("plain 0 ✓");
    let file = library.head().tree.files.values().find(|file| !file.blocks.is_empty()).unwrap();
    let key = ObjectKey::new(library.id, file.blocks[0]);
    // A folder in the place of an object, and an object that is damaged in the source.
    fs::create_dir_all(object_path(&world.at("target"), ObjectKind::Blocks, &key).join("in the way")).unwrap();
    let old = ObjectKey::new(library.id, library.snapshots[0].commit);
    fs::write(object_path(&world.at("old/seafile-data"), ObjectKind::Commits, &old), "not a commit").unwrap();
    let (_, page) = run_to_page(&world, &[], 1);
    assert_eq!(page.text("h1"), "Safe to switch: no");
    let failed = page.part("Not at the destination: 1 object");
    assert!(failed.contains(&key.to_string()) && failed.contains("write"), "{failed}");
    assert!(page.part("Damaged in the source: 1 object").contains(&old.to_string()));
    let broken = page.part("Not whole at the destination: 1 library");
    assert!(broken.contains("plain 0 ✓") && broken.contains(&key.id.to_string()), "{broken}");
    assert!(figure(&page, "Failed").starts_with('1') && figure(&page, "Damaged").starts_with('1'));
    assert!(page.of("tr").any(|row| row.text.contains("plain 0 ✓") && row.text.ends_with("not whole")));
    // The worst finding comes first.
    assert_eq!(page.headings()[..2], ["Not at the destination: 1 object", "Not whole at the destination: 1 library"]);
}

#[test]
fn of_very_many_failures_a_thousand_are_named_and_the_report_is_pointed_to() {
    let world = World::with_sample();
    // Blocks of an empty library, none of which can be put where a folder stands.
    let (library, target) = ("11111111-1111-4111-8111-111111111111", world.at("target/storage/blocks"));
    for number in 0..1010 {
        let id = format!("{number:040x}");
        let place = format!("{library}/{}/{}", &id[..2], &id[2..]);
        let source = world.source().join("blocks").join(&place);
        fs::create_dir_all(source.parent().unwrap()).unwrap();
        fs::write(source, "x").unwrap();
        fs::create_dir_all(target.join(&place).join("in the way")).unwrap();
    }
    let (outcome, page) = run_to_page(&world, &[], 1);
    assert_eq!(outcome.rows("failures").len(), 1010);
    let failed = page.part("Not at the destination: 1,010 objects");
    assert_eq!(failed.matches(&format!("{library}/")).count(), 1000);
    assert!(failed.contains("And 10 more; --report FILE names every one of them"), "{}", &failed[failed.len() - 200..]);
}

#[test]
fn an_interrupted_run_says_so_and_leaves_a_page() {
    let (world, _) = world_of(&small());
    let server = world.s3_server();
    world.new_side_is_s3(&server);
    server.faults().delay(30);
    let [html, file] = options(&world);
    let mut child = world.command(&["--nworker", "2", &html, &file]).spawn().unwrap();
    wait_for_line(&mut child, "Start to migrate [blocks]");
    while server.faults().count("PUT") < 5 {
        pause();
    }
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    let outcome = world.finish(child).assert_code(130);
    let page = page(&world);
    assert_eq!(page.text("h1"), "Safe to switch: no");
    assert!(page.text("verdict bad").contains("interrupted") && page.text("next").contains("goes on"));
    assert!(page.text("facts").contains("exit code 130"));
    assert!(!page.text("html").contains(SECRET) && !page.text("html").contains(crate::world::ACCESS));
    assert_eq!(outcome.report.unwrap()["safe_to_switch"]["yes"], false);
}

#[test]
fn of_many_libraries_the_largest_have_a_row_and_the_others_share_one() {
    let params = Params { libraries: 300, files: 2, commits: 1, large_dir: 0, special: false, ..Params::default() };
    let (world, _) = world_of(&params);
    let (outcome, page) = run_to_page(&world, &[], 0);
    let rows: Vec<_> =
        page.of("tr").filter(|row| row.text.contains("plain ") || row.text.starts_with("100 others")).collect();
    assert_eq!(rows.len(), 201);
    let last = rows.last().unwrap();
    assert!(last.text.starts_with("100 others"), "{}", last.text);
    // Together they are all of it.
    let objects = |row: &str| -> u64 {
        let cell = row.split("data-name=\"Objects\"><span>").nth(1).unwrap();
        cell[..cell.find('<').unwrap()].replace(',', "").parse().unwrap()
    };
    let text = fs::read_to_string(world.at("page.html")).unwrap();
    let part = &text[text.find("<h2>Libraries: 300</h2>").unwrap()..];
    let all: u64 = part.lines().filter(|line| line.starts_with("<tr><td")).map(objects).sum();
    assert_eq!(all, outcome.total("listed"));
}

#[test]
fn names_that_users_gave_are_shown_as_they_are_and_run_nothing() {
    let (world, _) = world_of(&small());
    let long = "very long name ".repeat(16);
    let names = ["<script>alert(\"x\")</script>", "Käse & <b>Brot</b> 'n' \"more\"", long.as_str()];
    for (library, name) in ["plain 0 ✓", "legacy", "twin"].iter().zip(names) {
        rename(&world, library, name);
    }
    let (_, page) = run_to_page(&world, &[], 0);
    let bold: Vec<_> = page.of("b").map(|name| name.text.as_str()).collect();
    for name in names {
        assert!(bold.contains(&name), "{name}: {bold:?}");
    }
}

#[test]
fn what_is_broken_in_the_source_does_not_forbid_the_switch_and_is_named() {
    let (world, store) = world_of(&small());
    let library = store.library("plain 0 ✓");
    let root = ObjectKey::new(library.id, library.head().tree.dirs["/"]);
    // Such bytes are copied as they are, and are the same on both sides then. Another library may have the same file.
    let file = object_path(&world.at("old/seafile-data"), ObjectKind::Fs, &root);
    fs::remove_file(&file).unwrap();
    fs::write(&file, "no directory").unwrap();
    let (_, page) = run_to_page(&world, &[], 0);
    assert_eq!(page.text("h1"), "Safe to switch: yes");
    assert!(page.text("verdict good").contains("damaged in the source already"));
    assert!(page.part("Broken in the source: 1 library").contains(&root.id.to_string()));
}

#[test]
fn a_page_that_cannot_be_written_is_a_failure_and_a_folder_in_its_place_a_mistake() {
    let world = World::with_sample();
    let nowhere = world.at("no/such/page.html").display().to_string();
    let refused = world.run(&["--html", &nowhere]).assert_code(2);
    assert!(refused.stderr.contains("--html") && refused.stderr.contains("does not exist"), "{}", refused.stderr);
    let folder = world.at("old").display().to_string();
    assert!(world.run(&["--html", &folder]).assert_code(2).stderr.contains("is a folder"));
    assert_eq!(objects_below(&world.at("target")).len(), 0);
}

#[test]
fn a_run_that_never_began_leaves_a_page_that_says_why() {
    let (world, _) = world_of(&small());
    fs::remove_dir_all(world.source().join("fs")).unwrap();
    let (_, page) = run_to_page(&world, &[], 3);
    assert_eq!(page.text("h1"), "Safe to switch: no");
    assert!(page.text("verdict bad").contains("did not come to its end"));
}

fn fsck(world: &World, more: &[&str], code: i32) -> PageText {
    let mut command = world.program();
    command.args(["fsck", "--conf"]).arg(world.at("old")).arg("--data-dir").arg(world.at("old/seafile-data"));
    world.finish(command.args(options(world)).args(more).spawn().unwrap()).assert_code(code);
    page(world)
}

#[test]
fn a_check_of_one_side_has_a_page_as_well() {
    let (world, store) = world_of(&small());
    let db = db(&world).display().to_string();
    let sound = fsck(&world, &["--db", &db, "--head-only"], 0);
    assert_eq!((sound.text("h1"), figure(&sound, "Findings")), ("Whole: yes", "0"));
    assert!(sound.text("facts").contains("from the database") && sound.text("facts").contains("the newest commit"));
    assert!(sound.of("tr").any(|row| row.text.contains("plain 0 ✓") && row.text.ends_with("whole")));

    let library = store.library("plain 0 ✓");
    let (path, file) = library.head().tree.files.iter().find(|(_, file)| !file.blocks.is_empty()).unwrap();
    let key = ObjectKey::new(library.id, file.blocks[0]);
    fs::remove_file(object_path(&world.at("old/seafile-data"), ObjectKind::Blocks, &key)).unwrap();
    let broken = fsck(&world, &["--db", &db], 1);
    assert_eq!(broken.text("h1"), "Whole: no");
    let found = broken.part("What is wrong");
    assert!(found.contains(path) && found.contains(&key.id.to_string()), "{found}");
    assert!(broken.of("tr").any(|row| row.text.contains("plain 0 ✓") && row.text.ends_with("1 finding")));
    world.lose_database();
    assert!(fsck(&world, &[], 1).text("facts").contains("worked out from the commits"));
}

fn verify(world: &World, more: &[&str], code: i32) -> (Outcome, PageText) {
    let [html, file] = options(world);
    let outcome = world.verify(&[&[html.as_str(), &file], more].concat()).assert_code(code);
    (outcome, page(world))
}

#[test]
fn a_verification_has_a_page_that_says_whether_everything_is_there() {
    let (world, store) = world_of(&small());
    world.run(&[]).assert_code(0);
    let (outcome, good) = verify(&world, &["--content"], 0);
    assert_eq!((good.text("h1"), figure(&good, "Missing")), ("Everything is there: yes", "0at the destination"));
    assert!(figure(&good, "Read and hashed").starts_with(&outcome.total("read").to_string()));
    assert!(good.text("facts").contains("100 % of the objects read") && good.text("facts").contains("Librariesall"));
    assert_eq!(good.headings(), ["By kind".to_owned(), format!("Libraries: {}", store.libraries.len())]);

    let library = store.library("plain 0 ✓").id;
    let (_, some) = verify(&world, &["--library", &library.to_string()], 0);
    assert_eq!(some.text("h1"), "Everything is there: yes, of these libraries");
    assert!(some.text("next").contains("without --library") && some.text("facts").contains(&library.to_string()));
}

#[test]
fn a_verification_names_on_its_page_what_is_not_as_in_the_source() {
    let (world, store) = world_of(&small());
    let old = ObjectKey::new(store.library("twin").id, store.library("twin").head().commit);
    fs::write(object_path(&world.at("old/seafile-data"), ObjectKind::Commits, &old), "not a commit").unwrap();
    world.run(&[]).assert_code(0);
    let library = store.library("plain 0 ✓");
    let file = library.head().tree.files.values().find(|file| file.blocks.len() > 1).unwrap();
    let [gone, other] = [file.blocks[0], file.blocks[1]].map(|id| ObjectKey::new(library.id, id));
    fs::remove_file(object_path(&world.at("target"), ObjectKind::Blocks, &gone)).unwrap();
    fs::write(object_path(&world.at("target"), ObjectKind::Blocks, &other), "short").unwrap();
    let (_, bad) = verify(&world, &["--content"], 1);
    assert_eq!(bad.text("h1"), "Everything is there: no");
    assert!(bad.text("next").contains("run again with --relist") && bad.text("facts").contains("Exit code1"));
    let found = bad.part("Not as in the source: 2 objects");
    assert!(found.contains(&gone.to_string()) && found.contains(&other.to_string()), "{found}");
    assert!(bad.part("Damaged in the source: 1 object").contains(&old.to_string()));
    // The library that suffers comes first.
    let first = bad.of("tr").find(|row| row.text.starts_with(&library.id.to_string()));
    assert!(
        bad.part("Libraries: ").contains(&format!("Only new\n\n{}", first.unwrap().text)),
        "{}",
        bad.part("Libraries: ")
    );
}

#[test]
fn a_verification_that_could_not_end_claims_nothing() {
    let (world, _) = world_of(&small());
    world.run(&[]).assert_code(0);
    fs::remove_dir_all(world.source().join("fs")).unwrap();
    let (_, page) = verify(&world, &[], 3);
    assert_eq!(page.text("h1"), "Everything is there: not known");
}

#[test]
fn a_page_of_a_run_tells_of_the_last_verification_and_that_the_run_came_after_it() {
    let (world, _) = world_of(&small());
    world.run(&[]).assert_code(0);
    world.verify(&["--sample", "100%"]).assert_code(0);
    let (_, page) = run_to_page(&world, &[], 0);
    let told = page.part("The last verification");
    assert!(told.contains("0 findings") && told.contains("100 % of the objects read"), "{told}");
    assert!(told.contains("verify again before anything is removed"), "{told}");
}
