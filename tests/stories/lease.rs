//! One run at a time writes to a destination, by whatever name, from whatever machine.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};

use rustix::process::{Pid, Signal, kill_process};
use seaf_migrate::object::ObjectKind;
use seaf_migrate::store::control;
use serde_json::{Value, json};

use crate::world::{World, bucket_of, objects_below, objects_in_buckets, pause, wait_for_line};

/// Where the lease is in each store of a folder.
fn leases_in_folder(folder: &Path) -> Vec<PathBuf> {
    let id = control::LEASE.id.to_string();
    let at = |kind: ObjectKind| {
        let library = folder.join("storage").join(kind.as_str()).join(control::LIBRARY.to_string());
        library.join(&id[..2]).join(&id[2..])
    };
    ObjectKind::ALL.map(at).into()
}

/// Where the lease is in each bucket of a world's server.
fn leases_in_buckets(world: &World) -> Vec<PathBuf> {
    let at = |kind| world.at("buckets").join(bucket_of(kind)).join(control::LEASE.to_string());
    ObjectKind::ALL.map(at).into()
}

/// Puts the lease of a run on another machine there, renewed a moment ago.
fn lease_of_another_machine(leases: &[PathBuf]) {
    let holder = json!({"host": "other", "boot": "b", "namespace": "n", "process": 7, "began": 1});
    let renewed = jiff::Timestamp::now().to_string();
    let note = json!({"holder": holder, "token": "t", "beat": 3, "renewed": renewed, "released": false});
    for lease in leases {
        fs::create_dir_all(lease.parent().unwrap()).unwrap();
        fs::write(lease, note.to_string()).unwrap();
    }
}

fn is_released(lease: &Path) -> bool {
    serde_json::from_slice::<Value>(&fs::read(lease).unwrap()).unwrap()["released"] == true
}

fn signal(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).unwrap();
}

/// A run to a server that stands still in the middle of copying.
fn halted(world: &World, mut command: Command) -> Child {
    let mut child = command.args(["--nworker", "2"]).spawn().unwrap();
    wait_for_line(&mut child, "Start to migrate [blocks]");
    signal(&child, Signal::STOP);
    assert!(!is_released(&leases_in_buckets(world)[0]));
    child
}

#[test]
fn two_names_of_one_bucket_are_one_destination() {
    let world = World::with_whole_sample();
    let server = world.s3_server();
    world.new_side_is_s3(&server);
    server.faults().delay(30);
    let mut first = halted(&world, world.command(&[]));
    server.faults().clear();

    let conf = world.at("new/seafile.conf");
    let text = fs::read_to_string(&conf).unwrap();
    fs::write(&conf, text.replace("127.0.0.1", "localhost")).unwrap();
    let before = objects_in_buckets(&world.at("buckets"));
    let second = world.run(&[]).assert_code(4);
    assert!(second.stderr.contains(&format!("process {} on ", first.id())), "{}", second.stderr);
    assert_eq!((second.total("copied"), objects_in_buckets(&world.at("buckets")).len()), (0, before.len()));

    // It has ended, and that can be seen on this machine.
    first.kill().unwrap();
    first.wait().unwrap();
    world.run(&[]).assert_code(0);
    assert!(leases_in_buckets(&world).iter().all(|lease| is_released(lease)));
}

#[test]
fn two_names_of_one_folder_are_one_destination_and_a_run_that_lives_is_never_taken_over() {
    let world = World::with_sample();
    // The first run comes from a server, which can be slow.
    let server = world.s3_server();
    world.new_side_is_s3(&server);
    world.run(&[]).assert_code(0);
    fs::rename(world.at("new"), world.at("slow")).unwrap();
    world.new_side_is_a_folder("target");
    let mut command = world.program();
    command.args(["run", "--from"]).arg(world.at("slow")).arg("--to").arg(world.at("new"));
    let mut first = command.spawn().unwrap();
    wait_for_line(&mut first, "Checked: all stores answer");
    server.faults().delay(600_000);
    while leases_in_folder(&world.at("target")).iter().any(|lease| !lease.exists()) {
        assert!(first.try_wait().unwrap().is_none(), "it ended by itself");
        pause();
    }

    fs::create_dir(world.at("alias")).unwrap();
    std::os::unix::fs::symlink(world.at("target/storage"), world.at("alias/storage")).unwrap();
    world.new_side_is_a_folder("alias");
    for options in [&[][..], &["--take-over"]] {
        let second = world.run(options).assert_code(4);
        assert!(second.stderr.contains(&format!("process {} on ", first.id())), "{}", second.stderr);
        assert_eq!(objects_below(&world.at("target")).len(), 0, "{options:?}");
    }
    first.kill().unwrap();
    first.wait().unwrap();
    world.run(&[]).assert_code(0);
    world.assert_same(&world.at("target/storage"));
}

#[test]
fn a_run_on_another_machine_is_waited_for_unless_the_user_knows_that_it_has_ended() {
    let world = World::with_sample();
    world.run(&[]).assert_code(0);
    fs::remove_dir_all(world.at("target/storage/blocks")).unwrap();
    let leases = leases_in_folder(&world.at("target"));
    lease_of_another_machine(&leases);
    let refused = world.run(&[]).assert_code(4);
    for text in ["process 7 on other", "last renewed its lease at", "--take-over"] {
        assert!(refused.stderr.contains(text), "{text:?}: {}", refused.stderr);
    }
    assert_eq!((refused.total("copied"), is_released(&leases[0])), (0, false));
    world.run(&["--take-over"]).assert_code(0);
    world.assert_same(&world.at("target/storage"));
    assert!(leases.iter().all(|lease| is_released(lease)));
}

#[test]
fn a_run_whose_lease_was_taken_over_does_not_end_well() {
    let world = World::with_whole_sample();
    let server = world.s3_server();
    world.new_side_is_s3(&server);
    server.faults().delay(10);
    let mut child = world.command(&["--nworker", "2"]).spawn().unwrap();
    wait_for_line(&mut child, "Start to migrate [blocks]");
    lease_of_another_machine(&leases_in_buckets(&world));
    server.faults().clear();
    let lost = world.finish(child).assert_code(4);
    assert!(lost.stderr.contains("process 7 on other took over the lease"), "{}", lost.stderr);
    assert!(!lost.stdout.contains("Safe to switch: yes"), "{}", lost.stdout);
    assert!(!is_released(&leases_in_buckets(&world)[0]), "it released what another run holds");
    world.run(&[]).assert_code(4);
    world.run(&["--take-over"]).assert_code(0);
}

#[test]
fn nothing_is_removed_while_another_machine_writes_to_the_new_side() {
    let world = World::with_sample();
    world.run(&[]).assert_code(0);
    world.verify(&["--content"]).assert_code(0);
    let before = objects_below(&world.source());
    lease_of_another_machine(&leases_in_folder(&world.at("target")));
    let remove = |options: &[&str]| {
        let mut command = world.program();
        command.args(["remove", "--from"]).arg(world.at("old")).arg("--to").arg(world.at("new"));
        command.arg("--data-dir").arg(world.at("old/seafile-data")).args(["--yes", "--server-is-stopped"]);
        world.finish(command.args(options).spawn().unwrap())
    };
    let refused = remove(&[]).assert_code(4);
    assert!(refused.stderr.contains("process 7 on other"), "{}", refused.stderr);
    assert!(objects_below(&world.source()) == before, "something was removed");
    remove(&["--take-over"]).assert_code(0);
    let is_kept = |path: &PathBuf| path.iter().any(|name| name == "removed-by-seaf-migrate");
    let left: Vec<_> = objects_below(&world.source()).into_keys().filter(|path| !is_kept(path)).collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn a_settle_time_that_is_no_number_is_a_mistake() {
    let world = World::with_sample();
    let mut command = world.command(&[]);
    command.env("SEAF_MIGRATE_LEASE_SETTLE_MS", "soon");
    let refused = world.finish(command.spawn().unwrap()).assert_code(2);
    assert!(refused.stderr.contains("SEAF_MIGRATE_LEASE_SETTLE_MS: must be a number"), "{}", refused.stderr);
}
