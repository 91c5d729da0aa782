//! Signals: objects in flight are finished, what was done is kept, the next run continues.

use std::process::{Child, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use crate::world::{Outcome, World, pause, wait_for_line};

fn signal(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).unwrap();
}

/// Starts a run against a slow server, so that the signal comes in the middle.
fn interrupted(world: &World, with: Signal) -> Outcome {
    let server = world.s3_server();
    world.new_side_is_s3(&server);
    server.faults().delay(30);
    let mut child = world.command(&["--nworker", "4"]).spawn().unwrap();
    wait_for_line(&mut child, "Start to migrate [blocks]");
    while server.faults().count("PUT") < 20 {
        pause();
    }
    signal(&child, with);
    let stopped = world.finish(child);
    server.faults().clear();

    let rest = world.run(&[]).assert_code(0);
    let there = stopped.total("copied");
    assert_eq!((rest.total("held"), rest.total("copied")), (there, rest.total("listed") - there));
    stopped
}

#[test]
fn sigint_ends_with_130_and_nothing_that_was_copied_is_copied_again() {
    let stopped = interrupted(&World::with_whole_sample(), Signal::INT).assert_code(130);
    assert!(stopped.stderr.contains("interrupted; what was copied is saved"), "{}", stopped.stderr);
    assert!(stopped.total("copied") > 0);
    assert_eq!(stopped.total("failed"), 0, "an object in flight was given up: {}", stopped.stderr);
}

#[test]
fn sigterm_ends_with_143() {
    interrupted(&World::with_whole_sample(), Signal::TERM).assert_code(143);
}

#[test]
fn a_second_signal_ends_the_program_at_once() {
    let world = World::with_sample();
    let server = world.s3_server();
    world.new_side_is_s3(&server);
    // The server answers no request while this test runs.
    server.faults().delay(600_000);
    let child = world.command(&[]).spawn().unwrap();
    while server.faults().count_all() == 0 {
        pause();
    }
    signal(&child, Signal::INT);
    // Signals of one sort do not queue, so the second is sent until it has arrived after the first.
    let mut child = child;
    while child.try_wait().unwrap().is_none() {
        signal(&child, Signal::INT);
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    assert_eq!(world.finish(child).code, Some(130));
}

#[test]
fn a_server_that_does_not_answer_keeps_nobody_waiting_who_asked_for_the_end() {
    let world = World::with_sample();
    let server = world.s3_server();
    world.new_side_is_s3(&server);
    // Longer than any test runs: what ends this is that the requests are given up.
    server.faults().delay(600_000);
    let child = world.command(&["--timeout", "3000"]).spawn().unwrap();
    while server.faults().count_all() == 0 {
        std::thread::yield_now();
    }
    signal(&child, Signal::TERM);
    let stopped = world.finish(child).assert_code(143);
    let said = |text: &str| stopped.stderr.lines().any(|line| line.starts_with("Stopping; ") && line.contains(text));
    assert!(said("under way") && said("again to quit at once"), "{}", stopped.stderr);
    let report = stopped.report.unwrap();
    assert_eq!((report["result"].as_str(), report["exit_code"].as_u64()), (Some("interrupted"), Some(143)));
}

#[test]
fn a_signal_that_the_program_was_started_to_ignore_and_one_that_means_nothing_end_no_run() {
    let world = World::with_whole_sample();
    let server = world.s3_server();
    world.new_side_is_s3(&server);
    server.faults().delay(30);
    let run = world.command(&["--nworker", "4"]);
    let mut command = world.program();
    // As nohup does it.
    command.args(["-c", "trap '' HUP; exec \"$@\"", "sh"]).arg(run.get_program()).args(run.get_args());
    let mut by_shell = std::process::Command::new("sh");
    by_shell.args(command.get_args()).env_clear();
    by_shell.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    by_shell.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = by_shell.spawn().unwrap();
    wait_for_line(&mut child, "Start to migrate [blocks]");
    signal(&child, Signal::HUP);
    signal(&child, Signal::USR1);
    while server.faults().count("PUT") < 20 {
        std::thread::yield_now();
    }
    signal(&child, Signal::HUP);
    signal(&child, Signal::USR2);
    server.faults().clear();
    let whole = world.finish(child).assert_code(0);
    assert!(!whole.stderr.contains("Stopping"), "{}", whole.stderr);
}
