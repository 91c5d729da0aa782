//! A move that is killed, or interrupted, at each of its steps.

use super::{ORIGIN, VIRTUAL, assert_moved, command, many, of, on_the_way, repo, rows, settling, statuses};
use crate::world::wait_for_line;

/// What the command says at the beginning of each step.
const STEPS: [&str; 7] = [
    "1 library to move",
    "pass 1, the library is in use",
    "Start to compare [fs]",
    "is read-only from now on",
    "last pass 1",
    "read back just now",
    "is in class ice now",
];

#[test]
fn a_move_that_was_killed_at_any_step_is_gone_on_with_and_nothing_is_lost() {
    for step in STEPS {
        let (world, _) = many();
        let before = of(&world, "cold", &[ORIGIN, VIRTUAL[0], VIRTUAL[1]]);
        let mut child = command(&world, &[ORIGIN, "cold", "ice"]).spawn().unwrap();
        wait_for_line(&mut child, step);
        child.kill().unwrap();
        child.wait().unwrap();
        let is_there = rows(&world)[ORIGIN] == "ice";
        if !is_there {
            assert_eq!(of(&world, "cold", &[ORIGIN, VIRTUAL[0], VIRTUAL[1]]), before, "after {step:?}");
        }
        let status = repo(&world, &["--status"]).assert_code(0);
        let is_on_the_way = on_the_way(&world).iter().any(|name| name.ends_with(".json"));
        assert_eq!(
            status.stdout.contains(&format!("{ORIGIN}: from cold to ice since")),
            is_on_the_way,
            "{}",
            status.stdout
        );
        repo(&world, &[ORIGIN, "cold", "ice"]).assert_code(0);
        assert_moved(&world, "ice", &before);
    }
}

#[test]
fn a_move_that_is_interrupted_while_the_library_is_read_only_gives_it_its_status_back() {
    let (world, _) = many();
    let mut child = settling(&world, &[ORIGIN, "cold", "ice"], 3600).spawn().unwrap();
    wait_for_line(&mut child, "is read-only from now on");
    assert!(statuses(&world).values().any(|status| *status == 1));
    let signal = rustix::process::Signal::INT;
    rustix::process::kill_process(rustix::process::Pid::from_child(&child), signal).unwrap();
    let ended = world.finish(child).assert_code(130);
    assert!(ended.stdout.contains("has its status back"), "{}", ended.stdout);
    assert_eq!(rows(&world)[ORIGIN], "cold");
    assert!(statuses(&world).values().all(|status| *status == 0));
}
