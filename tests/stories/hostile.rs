//! Objects that a user of the server wrote to do harm: whoever runs `fsck` or `run` over them needs no more memory than
//! for others.

use std::fs;
use std::process::{Child, Command};
use std::time::Duration;

use crate::support::library::hostile::Hostile;
use crate::support::repeat::is_thorough;
use crate::world::{Outcome, World};

/// What a program may have had in memory at its most, in MB, with many workers. One that held what these objects stand for
/// would have had thousands.
const PEAK_MAX: u64 = 300;

fn world_of(made: &Hostile) -> World {
    let world = World::new();
    made.write_to_dir(&world.at("old/seafile-data"));
    world
}

/// Waits for a program; also answers how much memory it had at its most, in MB.
fn finished(world: &World, mut command: Command) -> (Outcome, u64) {
    // Into files, because a pipe that nobody reads would stop it.
    let (out, errors) = (world.at("stdout"), world.at("stderr"));
    command.stdout(fs::File::create(&out).unwrap()).stderr(fs::File::create(&errors).unwrap());
    let mut child = command.spawn().unwrap();
    let mut peak = 0;
    while child.try_wait().unwrap().is_none() {
        peak = peak_of(&child).unwrap_or(0).max(peak);
        std::thread::sleep(Duration::from_millis(2));
    }
    let mut outcome = world.finish(child);
    outcome.stdout = fs::read_to_string(out).unwrap();
    outcome.stderr = fs::read_to_string(errors).unwrap();
    (outcome, peak)
}

/// The most that a child had in memory so far, in MB; `None` when it has ended.
fn peak_of(child: &Child) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() >> 10)
}

#[track_caller]
fn assert_modest(what: &str, peak: u64) {
    assert!(peak > 1, "the memory of {what} was not measured");
    assert!(peak < PEAK_MAX, "{what} took {peak} MB");
}

fn checked(made: &Hostile) -> Outcome {
    let world = world_of(made);
    let mut command = world.program();
    command.args(["fsck", "--nworker", "64", "--conf"]).arg(world.at("old"));
    command.arg("--data-dir").arg(world.at("old/seafile-data"));
    let (outcome, peak) = finished(&world, command);
    assert_modest("fsck", peak);
    outcome
}

/// A pass with the check of the heads.
fn copied(made: &Hostile) -> Outcome {
    let world = world_of(made);
    let mut command = world.command(&["--nworker", "64", "--check-heads"]);
    command.arg("--db").arg(world.at("old/seafile-data/seafile.db"));
    let (outcome, peak) = finished(&world, command);
    assert_modest("run", peak);
    outcome
}

#[test]
fn directories_that_unpack_to_a_gigabyte_and_more_are_checked_in_little_memory() {
    // Held at once, these would be a gigabyte, three times of what is allowed; more of them only where there is time.
    let bombs = Hostile::bombs(if is_thorough() { 32 } else { 16 }, 64);
    let stored: usize = bombs.objects.iter().map(|(_, _, data)| data.len()).sum();
    assert!(stored < 32 << 20, "{stored} bytes");
    checked(&bombs).assert_code(0);
    let run = copied(&bombs).assert_code(0);
    assert!(run.stdout.contains("Safe to switch: yes"), "{}", run.stdout);
}

#[test]
fn a_directory_below_itself_is_named_and_is_the_source_s_own_damage() {
    let loops = Hostile::loops(2000);
    let fsck = checked(&loops).assert_code(1);
    assert!(fsck.stdout.contains("loops: the directory is somewhere below itself"), "{}", fsck.stdout);
    let run = copied(&loops).assert_code(0);
    assert!(run.stdout.contains("Safe to switch: yes"), "{}", run.stdout);
    assert!(run.stdout.contains("damaged in the source already"), "{}", run.stdout);
}

#[test]
fn one_missing_block_in_more_files_than_can_be_counted_is_one_finding() {
    let wide = Hostile::wide(2000, 5);
    let fsck = checked(&wide).assert_code(1);
    assert!(fsck.stdout.contains("and 31,999,999,999,999,980 more paths than are named"), "{}", fsck.stdout);
    let run = copied(&wide).assert_code(1);
    assert!(run.stdout.contains("Safe to switch: no"), "{}", run.stdout);
}

#[test]
fn a_tree_twenty_thousand_deep_is_followed_to_its_end() {
    let fsck = checked(&Hostile::deep(20_000, true)).assert_code(1);
    assert!(fsck.stdout.contains("too deep: the directory is below more than 10000 others"), "{}", fsck.stdout);
    assert!(fsck.stdout.contains(": missing\n"), "{}", fsck.stdout);
    // All of it is there, so nothing is lost by switching.
    let run = copied(&Hostile::deep(20_000, false)).assert_code(0);
    assert!(run.stdout.contains("Safe to switch: yes"), "{}", run.stdout);
}
