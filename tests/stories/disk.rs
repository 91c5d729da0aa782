//! Full disks, read-only disks, unreadable files.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use crate::support::folder::Tmpfs;
use crate::support::library::bulk::bulk_to_dir;
use crate::support::program::write_program;
use crate::world::{World, assert_same_objects, objects_below};

/// Any user but root, for whom permissions count.
const NOBODY: u32 = 65534;

fn mount(at: &Path, options: &str) -> Option<Tmpfs> {
    fs::create_dir_all(at).unwrap();
    Tmpfs::mount(at, options)
}

#[test]
fn a_full_destination_ends_early_and_a_rerun_with_room_completes() {
    let world = World::new();
    bulk_to_dir(&world.at("old/seafile-data"), 3, 3_000, 3000..=4000);
    let Some(disk) = mount(&world.at("target"), "size=4m") else { return };
    let full = world.run(&[]).assert_code(1);
    assert!(full.stderr.contains("stopped early, no space left in a store: "), "{}", full.stderr);
    assert!(full.total("failed") > 0 && full.total("failed") < 1000, "{} failed", full.total("failed"));
    assert_eq!(full.rows("failures").len() as u64, full.total("failed"));
    for (path, data) in objects_below(&world.at("target/storage")) {
        let whole = fs::read(world.source().join(&path)).unwrap();
        assert!(whole == data, "{} is half written", path.display());
    }
    disk.resize("size=64m");
    let rest = world.run(&[]).assert_code(0);
    assert_eq!(rest.total("held") + rest.total("copied"), rest.total("listed"));
    world.assert_same(&world.at("target/storage"));
}

#[test]
fn a_full_disk_under_the_list_file_ends_the_run_and_loses_nothing() {
    let world = World::new();
    bulk_to_dir(&world.at("old/seafile-data"), 4, 4_000, 200..=300);
    let Some(disk) = mount(&world.at("lists"), "size=64k") else { return };
    let list = world.at("lists/objects").display().to_string();
    let temp = world.at("").display().to_string();
    let options = ["--object-list", list.as_str(), "--temp-dir", temp.as_str()];
    let full = world.run(&options);
    assert_eq!(full.code, Some(1), "{}", full.stderr);
    assert!(
        full.stderr.contains("a file of this machine failed: ") && full.stderr.contains("objects"),
        "{}",
        full.stderr
    );
    assert!(!full.stderr.contains("no space left in a store"), "{}", full.stderr);
    disk.resize("size=64m");
    world.run(&options).assert_code(0);
    world.assert_same(&world.at("target/storage"));
}

#[test]
fn a_read_only_destination_is_said_at_once() {
    let world = World::with_sample();
    let Some(disk) = mount(&world.at("target"), "size=4m") else { return };
    disk.make_read_only();
    let refused = world.run(&[]).assert_code(3);
    // Said once for all kinds, before any object was tried.
    assert_eq!(refused.stderr.matches(": read-only: ").count(), 1, "{}", refused.stderr);
    assert!(refused.stderr.contains("; the same of new fs in ") && refused.stderr.contains(" and new blocks in "));
    assert_eq!(refused.total("listed"), 0);
    assert!(refused.stderr.lines().count() <= 13, "{}", refused.stderr);
}

#[test]
fn an_unreadable_object_is_named_and_everything_else_arrives() {
    let world = World::with_sample();
    let blocks = world.source().join("blocks");
    let all = objects_below(&world.source());
    let (path, _) = objects_below(&blocks).into_iter().nth(4).unwrap();
    fs::set_permissions(blocks.join(&path), fs::Permissions::from_mode(0o000)).unwrap();

    // Root can read anything, so the program runs as another user, from a folder in which that user can start it.
    let mut command = world.command(&[]);
    let as_root = rustix::process::geteuid().is_root();
    if as_root {
        let binary = world.at("seaf-migrate");
        write_program(&binary, &fs::read(env!("CARGO_BIN_EXE_seaf-migrate")).unwrap());
        for entry in walkdir::WalkDir::new(world.at("")) {
            chown(entry.unwrap().path(), Some(NOBODY), Some(NOBODY)).unwrap();
        }
        let mut unprivileged = Command::new(&binary);
        unprivileged
            .args(command.get_args())
            .env_clear()
            .env("TMPDIR", world.at(""))
            .env("SEAF_MIGRATE_STATE_DIR", world.at("state"))
            .uid(NOBODY)
            .gid(NOBODY);
        unprivileged.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
        command = unprivileged;
    }
    let outcome = world.finish(command.spawn().unwrap()).assert_code(1);

    let failures = outcome.rows("failures");
    assert_eq!(failures.len(), 1);
    let row = &failures[0];
    let object = path.iter().skip(1).map(|part| part.to_str().unwrap()).collect::<String>();
    assert_eq!((row["kind"].as_str(), row["object"].as_str()), (Some("blocks"), Some(object.as_str())));
    assert_eq!((row["step"].as_str(), row["error"].as_str()), (Some("read"), Some("unreadable")));
    assert!(outcome.stderr.contains(&object), "{}", outcome.stderr);

    let mut expected = all;
    expected.remove(&Path::new("blocks").join(&path)).unwrap();
    assert_same_objects(&expected, &objects_below(&world.at("target/storage")));
}
