//! Two runs at the same destination.

use crate::world::{World, pause};

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
