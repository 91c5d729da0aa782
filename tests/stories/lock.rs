//! Two runs at the same destination.

use seaf_migrate::object::ObjectKind;
use seaf_migrate::sys::lock;

use crate::world::{World, bucket_of, pause};

#[test]
fn the_second_run_on_a_destination_is_told_who_has_it() {
    let world = World::with_sample();
    let server = world.s3_server();
    world.new_side_is_s3(&server);
    server.faults().delay(600_000);
    let mut first = world.command(&[]).spawn().unwrap();
    while server.faults().count_all() == 0 {
        pause();
    }
    let second = world.run(&[]).assert_code(4);
    assert!(second.stderr.contains(&format!("process {}", first.id())), "{}", second.stderr);
    assert_eq!(second.total("copied"), 0);

    // The kernel releases the lock when its holder is killed.
    first.kill().unwrap();
    first.wait().unwrap();
    server.faults().clear();
    world.run(&[]).assert_code(0);
}

#[test]
fn what_killed_runs_leave_is_taken_again_by_the_next_and_goes_with_it() {
    let world = World::with_sample();
    let server = world.s3_server();
    world.new_side_is_s3(&server);
    // Where a run has its locks: one file a store, by the store's name, whoever runs.
    let files = ObjectKind::ALL.map(|kind| {
        let place = format!("s3:{}/{}", server.endpoint(), bucket_of(kind));
        lock::file_of(&place).unwrap()
    });
    let there = || files.each_ref().map(|file| file.exists());
    for _ in 0..3 {
        server.faults().delay(600_000);
        let asked = server.faults().count_all();
        let mut run = world.command(&[]).spawn().unwrap();
        while server.faults().count_all() == asked {
            pause();
        }
        run.kill().unwrap();
        run.wait().unwrap();
        server.faults().clear();
        assert_eq!(there(), [true; 3], "a killed run cannot remove its files");
    }
    world.run(&[]).assert_code(0);
    assert_eq!(there(), [false; 3], "nothing piles up");
}
