//! Keys and passwords stay with the process: neither its command line nor what a crash leaves shows them.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::Child;

use rustix::process::{Pid, Resource, Rlimit, Signal, getrlimit, kill_process, setrlimit};

use crate::support::skip::skip;
use crate::world::World;

const PASSWORD: &str = "hunter2@:secret";

/// The program while it waits for a database, with the password on its command line. It may leave a core dump if it wants,
/// in a folder of its own.
struct Waiting {
    world: World,
    child: Child,
    _database: (TcpListener, TcpStream),
}

fn waiting(options: &[&str]) -> Waiting {
    let (world, database) = (World::with_sample(), TcpListener::bind("127.0.0.1:0").unwrap());
    let url = format!("mysql://u:{PASSWORD}@{}/d", database.local_addr().unwrap());
    fs::create_dir(world.at("crash")).unwrap();
    let mut command = world.program();
    command.args(["fsck", "--db", &url, "--conf"]).arg(world.at("old")).args(options).current_dir(world.at("crash"));
    command.arg("--data-dir").arg(world.at("old/seafile-data"));
    // As high as it may be, because a limit of 0 would be no proof.
    let most = getrlimit(Resource::Core).maximum;
    let unlimited = move || Ok(setrlimit(Resource::Core, Rlimit { current: most, maximum: most })?);
    // SAFETY: only a system call is made between fork and exec.
    let child = unsafe { command.pre_exec(unlimited) }.spawn().unwrap();
    let connection = database.accept().unwrap().0;
    Waiting { world, child, _database: (database, connection) }
}

/// Whether the process left a core dump when it was made to crash.
fn crash(mut waiting: Waiting) -> bool {
    let process = Pid::from_raw(waiting.child.id().try_into().unwrap()).unwrap();
    kill_process(process, Signal::ABORT).unwrap();
    let status = waiting.child.wait().unwrap();
    assert_eq!(status.signal(), Some(Signal::ABORT.as_raw()), "{status}");
    status.core_dumped() || fs::read_dir(waiting.world.at("crash")).unwrap().next().is_some()
}

#[test]
fn a_crash_leaves_no_core_dump_unless_it_is_allowed() {
    assert!(!crash(waiting(&[])), "keys are in it");
    let pattern = fs::read_to_string("/proc/sys/kernel/core_pattern").unwrap();
    if getrlimit(Resource::Core).maximum == Some(0) || pattern.starts_with(['|', '/']) || pattern.trim().is_empty() {
        skip("--allow-core", "this machine keeps core dumps elsewhere, or none");
        return;
    }
    assert!(crash(waiting(&["--allow-core"])), "the machine would have kept one");
}

#[test]
fn a_password_on_the_command_line_is_blanked_and_warned_of() {
    let Waiting { world, mut child, _database } = waiting(&[]);
    let shown = fs::read(format!("/proc/{}/cmdline", child.id())).unwrap();
    let shown = String::from_utf8(shown).unwrap();
    let arguments: Vec<_> = shown.split('\0').collect();
    assert!(!shown.contains("hunter2") && !shown.contains("secret"), "{shown}");
    assert!(arguments.contains(&"--db") && shown.contains("mysql://u:***************@127.0.0.1:"), "{shown}");
    child.kill().unwrap();
    let told = world.finish(child);
    let text = told.stdout + &told.stderr;
    assert!(text.contains("--db-password-file") && !text.contains("hunter2"), "{text}");
}
