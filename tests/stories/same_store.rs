//! Both sides are one store under two names. Nothing may be called copied or verified then, and nothing deleted.

use std::fs;
use std::os::unix::fs::symlink;

use seaf_migrate::object::ObjectKind;
use seaf_migrate::store::control;

use crate::support::mounts::Mounted;
use crate::world::{ACCESS, Outcome, SECRET, World, bucket_of, objects_below, s3_section};

fn remove(world: &World) -> Outcome {
    let mut command = world.program();
    command.args(["remove", "--from"]).arg(world.at("old")).arg("--to").arg(world.at("new"));
    command.arg("--data-dir").arg(world.at("old/seafile-data"));
    command.args(["--content", "--yes", "--server-is-stopped"]);
    world.finish(command.spawn().unwrap())
}

/// Runs every command between the two sides: each refuses with exit code 2, says why, and leaves all as it was.
fn every_command_refuses(world: &World, why: &str) {
    let before = objects_below(&world.source());
    let mut check = world.program();
    check.args(["check", "--from"]).arg(world.at("old")).arg("--to").arg(world.at("new"));
    check.arg("--data-dir").arg(world.at("old/seafile-data"));
    let check = world.finish(check.spawn().unwrap());
    for outcome in [check, world.run(&[]), world.verify(&["--content"])] {
        let outcome = outcome.assert_code(2);
        let said = outcome.stdout + &outcome.stderr;
        assert!(said.contains("both sides are one store under two names") && said.contains(why), "{said}");
        assert!(!said.contains("Safe to switch: yes"), "{said}");
    }
    // No verification is noted, so that a removal has nothing to go by.
    let refused = remove(world).code;
    assert!(matches!(refused, Some(2 | 3)), "{refused:?}");
    assert!(objects_below(&world.source()) == before, "something was written or deleted");
}

#[test]
fn a_folder_that_is_mounted_at_a_second_place() {
    let world = World::with_sample();
    let elsewhere = world.at("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    let old = world.at("old/seafile-data").display().to_string();
    let Some(_mounted) = Mounted::on(&elsewhere, &["--bind", &old]) else { return };
    world.new_side_is_a_folder("elsewhere");
    every_command_refuses(&world, "elsewhere/storage/blocks");
}

#[test]
fn two_names_of_one_s3_server() {
    let world = World::with_sample();
    let server = world.s3_server();
    world.new_side_is_s3(&server);
    world.run(&[]).assert_code(0);
    let port = server.endpoint().rsplit_once(':').unwrap().1.to_owned();
    world.write_conf("old", |kind| s3_section(&server, &bucket_of(kind), SECRET));
    world.write_conf("new", |kind| {
        format!(
            "name = s3\nbucket = {}\nkey_id = {ACCESS}\nkey = {SECRET}\nhost = localhost:{port}\n\
             use_v4_signature = true\naws_region = us-east-1\npath_style_request = true\n",
            bucket_of(kind)
        )
    });
    let before = objects_below(&world.at("buckets"));
    every_command_refuses(&world, "localhost");
    let after = objects_below(&world.at("buckets"));
    assert!(before.keys().all(|path| after.contains_key(path)), "an object is gone");
}

#[test]
fn one_library_is_a_link_into_the_old_store() {
    let world = World::with_sample();
    let blocks = world.source().join("blocks");
    let library = fs::read_dir(&blocks).unwrap().next().unwrap().unwrap().file_name();
    fs::create_dir_all(world.at("target/storage/blocks")).unwrap();
    symlink(blocks.join(&library), world.at("target/storage/blocks").join(&library)).unwrap();
    every_command_refuses(&world, library.to_str().unwrap());
}

#[test]
fn a_shard_folder_that_both_sides_share_is_noticed_before_anything_is_deleted() {
    let world = World::with_sample();
    world.run(&[]).assert_code(0);
    world.verify(&["--content"]).assert_code(0);
    let library = fs::read_dir(world.source().join("blocks")).unwrap().next().unwrap().unwrap().path();
    let shard = fs::read_dir(&library).unwrap().next().unwrap().unwrap().file_name();
    let copy = world.at("target/storage/blocks").join(library.file_name().unwrap()).join(&shard);
    fs::remove_dir_all(&copy).unwrap();
    symlink(library.join(&shard), &copy).unwrap();
    let before = objects_below(&world.source());
    let said = remove(&world).assert_code(2);
    assert!((said.stdout + &said.stderr).contains("one store under two names"));
    assert!(objects_below(&world.source()) == before, "something was deleted");
}

#[test]
fn two_stores_of_the_same_content_are_two() {
    let world = World::with_sample();
    world.run(&[]).assert_code(0);
    world.run(&[]).assert_code(0);
    world.verify(&["--content"]).assert_code(0);
    for kind in ObjectKind::ALL {
        let own = world.at("target/storage").join(kind.as_str()).join(control::LIBRARY.to_string()).join("00");
        let probe = control::PROBE.id.to_string();
        assert!(own.is_dir() && !own.join(&probe[2..]).exists(), "the object of the check is still there");
    }
}
