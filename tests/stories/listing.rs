//! Listings that fail or are cut short are not taken for complete.

use crate::support::library::bulk::bulk_to_dir;
use crate::support::s3_server::{S3Server, WrongList};
use crate::world::{World, assert_same_objects, objects_below, objects_in_buckets};

/// How many objects the check before a pass writes: one a kind.
const CHECK: u64 = 3;
/// How many objects a pass writes to claim and to release the lease: two a kind.
const LEASE: u64 = 6;

/// How many listing requests the check before every pass makes.
fn lists_of_check(world: &World, server: &S3Server, from: &str) -> u64 {
    let before = server.faults().count("LIST");
    let mut command = world.program();
    command.args(["check", "--from"]).arg(world.at(from)).arg("--to").arg(world.at("new"));
    command.arg("--data-dir").arg(world.at("old/seafile-data"));
    world.finish(command.spawn().unwrap()).assert_code(0);
    server.faults().count("LIST") - before
}

#[test]
fn a_source_that_says_once_too_early_that_it_was_all_is_copied_whole() {
    let world = World::new();
    bulk_to_dir(&world.at("old/seafile-data"), 3, 4_000, 200..=300);
    let server = world.s3_server();
    world.fill_buckets();
    world.new_side_is_s3(&server);
    std::fs::rename(world.at("new"), world.at("old-s3")).unwrap();
    world.new_side_is_a_folder("target");
    let own = lists_of_check(&world, &server, "old-s3");
    server.faults().wrong_list_once(WrongList::Half, own + 1);
    let mut command = world.program();
    command.args(["run", "--from"]).arg(world.at("old-s3")).arg("--to").arg(world.at("new"));
    world.finish(command.spawn().unwrap()).assert_code(0);
    assert!(server.faults().was_listed_wrongly());
    assert_same_objects(&objects_below(&world.source()), &objects_below(&world.at("target/storage")));
}

#[test]
fn a_source_that_lists_fewer_than_were_copied_before_is_told() {
    let world = World::with_sample();
    assert!(!world.run(&[]).assert_code(0).stderr.contains("lists now"));
    let said = world.run(&[]).assert_code(0).stderr;
    assert!(!said.contains("lists now"), "{said}");
    let gone = objects_below(&world.source()).into_keys().find(|path| path.starts_with("blocks")).unwrap();
    std::fs::remove_file(world.source().join(&gone)).unwrap();
    let page = world.at("page.html").display().to_string();
    let outcome = world.run(&["--no-check-heads", "--html", &page]).assert_code(0);
    let (said, warnings) = (&outcome.stderr, outcome.report.as_ref().unwrap()["warnings"].to_string());
    for told in [said, &warnings, &std::fs::read_to_string(page).unwrap()] {
        assert!(told.contains("held 1 object of [blocks] more than") && told.contains("lists now"), "{told}");
    }
    assert_eq!(said.matches("lists now").count(), 1, "{said}");
}

#[test]
fn a_destination_that_lists_half_and_then_errors_gets_nothing_and_is_listed_again() {
    let world = World::new();
    bulk_to_dir(&world.at("old/seafile-data"), 1, 5_000, 200..=300);
    let server = world.s3_server();
    world.new_side_is_s3(&server);
    let list = world.at("objects").display().to_string();
    let options = ["--object-list", &list, "--attempts", "2"];
    world.run(&options).assert_code(0);
    let before = objects_in_buckets(&world.at("buckets"));

    // The list files are lost, and the destination can only be listed half-way.
    for entry in std::fs::read_dir(world.at("")).unwrap().map(Result::unwrap) {
        if entry.file_name().to_str().unwrap().starts_with("objects.") {
            std::fs::remove_file(entry.path()).unwrap();
        }
    }
    let own = lists_of_check(&world, &server, "old");
    let puts = server.faults().count("PUT");
    server.faults().list_cut_after(own + 2);
    let cut = world.run(&options).assert_code(3);
    assert!(cut.stderr.contains("list"), "{}", cut.stderr);
    assert_eq!(
        server.faults().count("PUT"),
        puts + CHECK + LEASE,
        "objects were copied although the destination was not known"
    );

    server.faults().clear();
    let whole = world.run(&options).assert_code(0);
    assert_eq!((whole.total("held"), whole.total("copied")), (whole.total("listed"), 0));
    assert_eq!(objects_in_buckets(&world.at("buckets")), before);
}

#[test]
fn a_source_that_lists_half_and_then_errors_is_not_taken_for_a_small_one() {
    let world = World::new();
    bulk_to_dir(&world.at("old/seafile-data"), 2, 4_000, 200..=300);
    let server = world.s3_server();
    world.fill_buckets();
    world.new_side_is_s3(&server);

    // Now the server is the old side.
    std::fs::rename(world.at("new"), world.at("old-s3")).unwrap();
    world.new_side_is_a_folder("target");
    let own = lists_of_check(&world, &server, "old-s3");
    server.faults().list_cut_after(own + 3);
    let mut command = world.program();
    command.args(["run", "--attempts", "2", "--from"]).arg(world.at("old-s3")).arg("--to").arg(world.at("new"));
    let cut = world.finish(command.spawn().unwrap()).assert_code(3);
    assert!(!cut.stdout.contains("Result:"), "{}", cut.stdout);
}
