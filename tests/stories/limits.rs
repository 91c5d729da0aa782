//! A machine that holds fewer threads and files than workers were asked for: there are fewer of them and it is said, or
//! nothing is begun. The program never ends in a panic.

use std::os::unix::process::CommandExt;
use std::process::Command;

use crate::support::skip;
use crate::world::{Outcome, World};

/// The program in a shell that sets limits first.
fn limited(world: &World, limits: &str, arguments: &[&str]) -> Command {
    let program = world.program();
    let mut command = Command::new("/bin/sh");
    command.env_clear().envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.args(["-c", &format!("{limits} && exec \"$0\" \"$@\"")]).arg(program.get_program()).args(arguments);
    command.stdin(std::process::Stdio::null());
    command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
    command
}

fn fsck_with(world: &World, limits: &str, workers: &str) -> Command {
    let (conf, data) = (world.at("old").display().to_string(), world.at("old/seafile-data").display().to_string());
    limited(world, limits, &["fsck", "--conf", &conf, "--data-dir", &data, "--nworker", workers])
}

#[test]
fn four_thousand_workers_over_a_few_objects_come_to_an_end() {
    let world = World::with_sample();
    let db = world.at("old/seafile-data/seafile.db").display().to_string();
    let run = world.run(&["--nworker", "4096", "--check-heads", "--db", &db]).assert_code(0);
    assert!(run.stdout.contains("Safe to switch: yes"), "{}", run.stdout);
    world.verify(&["--nworker", "4096", "--content"]).assert_code(0);
    let fsck = fsck_with(&world, "true", "4096");
    world.finish({ fsck }.spawn().unwrap()).assert_code(0);
}

#[test]
fn with_few_files_there_are_fewer_workers_and_with_very_few_none() {
    let world = World::with_sample();
    let checked = |limits: &str| world.finish(fsck_with(&world, limits, "64").spawn().unwrap());
    let few = checked("ulimit -n 200").assert_code(0);
    assert!(few.stderr.contains("Warning: --nworker: 15 instead of 64 workers: only 200 files may be open"), "{few:?}");
    let very_few = checked("ulimit -n 60").assert_code(2);
    assert!(very_few.stderr.contains("--nworker: there is no room for a single worker"), "{very_few:?}");
    assert!(very_few.stderr.contains("raise that limit"), "{very_few:?}");
}

#[test]
fn a_soft_limit_of_files_is_raised_without_a_word() {
    let world = World::with_sample();
    // The hard limit of a machine for tests is far above this.
    let checked = world.finish(fsck_with(&world, "ulimit -S -n 60", "64").spawn().unwrap()).assert_code(0);
    assert!(!checked.stderr.contains("workers"), "{}", checked.stderr);
}

#[test]
fn with_few_threads_there_are_fewer_workers_or_nothing_is_begun() {
    if !rustix::process::getuid().is_root() {
        return skip::skip("limits of threads", "only root can start a program as a user with a limit");
    }
    let world = World::with_sample();
    // A database is read from a copy, for which that user has no place.
    world.lose_database();
    // The user `nobody` must be able to read it.
    let readable = Command::new("chmod").args(["-R", "a+rX"]).arg(world.at("")).status().unwrap();
    assert!(readable.success());
    for threads in [1, 3, 12, 40, 200] {
        // Shells differ in how they call it.
        let limit = format!("{{ ulimit -u {threads} || ulimit -p {threads}; }} 2>&-");
        let mut command = fsck_with(&world, &limit, "2000");
        let Outcome { code, stderr, .. } = world.finish(command.uid(65_534).gid(65_534).spawn().unwrap());
        // How many threads that user has elsewhere is not known here.
        match code {
            Some(0) => assert!(stderr.contains(" instead of 2000 workers: the system starts only"), "{stderr}"),
            Some(2) => assert!(stderr.contains("there is no room for a single worker"), "{stderr}"),
            code => panic!("{code:?} with {threads} threads: {stderr}"),
        }
    }
}
