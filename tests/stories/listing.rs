//! Listings that fail or are cut short are not taken for complete.

use crate::support::library::bulk::bulk_to_dir;
use crate::world::{World, objects_in_buckets};

/// How many pages of each side the check before a pass lists, and how many objects it writes: one a kind.
const CHECK: u64 = 3;
/// How many objects a pass writes to claim and to release the lease: two a kind.
const LEASE: u64 = 6;

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
    let puts = server.faults().count("PUT");
    server.faults().list_cut_after(CHECK + 2);
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
    world.new_side_is_s3(&server);
    world.run(&[]).assert_code(0);

    // Now the server is the old side.
    std::fs::rename(world.at("new"), world.at("old-s3")).unwrap();
    world.new_side_is_a_folder("target");
    server.faults().list_cut_after(CHECK + 3);
    let mut command = world.program();
    command.args(["run", "--attempts", "2", "--from"]).arg(world.at("old-s3")).arg("--to").arg(world.at("new"));
    let cut = world.finish(command.spawn().unwrap()).assert_code(3);
    assert!(!cut.stdout.contains("Result:"), "{}", cut.stdout);
}
