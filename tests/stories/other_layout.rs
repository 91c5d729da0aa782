//! Stores filled by a tool that copies names as they are: no server finds the objects there, and no command passes over
//! that.

use std::fs;
use std::path::{Path, PathBuf};

use seaf_migrate::object::ObjectKind;

use crate::world::{Outcome, SECRET, World, bucket_of, objects_below, s3_section};

fn command(world: &World, command: &str, options: &[&str]) -> Outcome {
    let mut program = world.program();
    program.args([command, "--from"]).arg(world.at("old")).arg("--to").arg(world.at("new"));
    program.arg("--data-dir").arg(world.at("old/seafile-data")).args(options);
    world.finish(program.spawn().unwrap())
}

fn fsck(world: &World, side: &str) -> Outcome {
    let mut program = world.program();
    program.args(["fsck", "--conf"]).arg(world.at(side)).arg("--data-dir").arg(world.at("old/seafile-data"));
    world.finish(program.spawn().unwrap())
}

/// Copies the old side's files of a kind into its bucket under their own names, below `prefix`.
fn copy_names(world: &World, kind: ObjectKind, prefix: &str) -> usize {
    let files = objects_below(&world.source().join(kind.as_str()));
    for (path, data) in &files {
        put(&world.at("buckets").join(bucket_of(kind)).join(prefix).join(path), data);
    }
    files.len()
}

fn put(file: &Path, data: &[u8]) {
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(file, data).unwrap();
}

#[track_caller]
fn assert_explained(outcome: Outcome, texts: &[&str]) {
    let outcome = outcome.assert_code(2);
    let said = outcome.stderr.clone() + &outcome.stdout;
    for text in texts {
        assert!(said.contains(text), "{text:?} is missing: {said}");
    }
    assert!(!outcome.stdout.contains("Safe to switch: yes"), "{}", outcome.stdout);
}

#[test]
fn a_bucket_that_holds_the_names_of_a_folder_is_refused_on_either_side() {
    for prefix in ["", "storage/blocks"] {
        let world = World::with_sample();
        let server = world.s3_server();
        let count = copy_names(&world, ObjectKind::Blocks, prefix);
        let texts = ["the blocks store of the destination", "the layout of a folder store", "aws s3 cp", "rclone"];
        let names = format!("holds {count} names like {prefix}");
        let all = [&texts[..], &[&names]].concat();
        world.new_side_is_s3(&server);
        assert_explained(command(&world, "check", &[]), &all);
        assert_explained(world.run(&[]), &all);
        assert_explained(world.verify(&[]), &all);
        assert_explained(command(&world, "plan", &[]), &all);
        assert_explained(
            fsck(&world, "new"),
            &["the blocks store of the checked side", "the layout of a folder store"],
        );
        assert_eq!(server.faults().count("PUT"), 3 * 3, "more was written than the probes of three commands");

        // The same bucket as the old side.
        let data = world.at("old/seafile-data").display().to_string();
        world.write_conf("old", |kind| match kind {
            ObjectKind::Blocks => s3_section(&server, &bucket_of(kind), SECRET),
            _ => format!("name = fs\ndir = {data}\n"),
        });
        world.new_side_is_a_folder("elsewhere");
        let all = [&["the blocks store of the source"], &all[1..]].concat();
        for name in ["check", "run", "verify", "plan"] {
            assert_explained(command(&world, name, &[]), &all);
        }
        assert_explained(fsck(&world, "old"), &["the layout of a folder store"]);
    }
}

#[test]
fn names_of_a_folder_behind_thousands_of_objects_are_found_before_anything_is_claimed() {
    let world = World::with_sample();
    let server = world.s3_server();
    world.new_side_is_s3(&server);
    world.run(&[]).assert_code(0);
    let bucket = world.at("buckets").join(bucket_of(ObjectKind::Blocks));
    for number in 0..1200 {
        put(&bucket.join(format!("00000000-0000-4000-8000-000000000000/{number:040x}")), b"x");
    }
    let last = format!("storage/blocks/fffffffe-0000-4000-8000-000000000000/ab/{}", "0".repeat(38));
    put(&bucket.join(&last), b"x");
    world.write_conf("old", |kind| s3_section(&server, &bucket_of(kind), SECRET));
    world.new_side_is_a_folder("elsewhere");
    for name in ["run", "verify", "plan"] {
        assert_explained(command(&world, name, &[]), &["the blocks store of the source", "1 names like", &last]);
    }
}

#[test]
fn a_folder_that_holds_the_names_of_a_bucket_is_refused() {
    let world = World::with_sample();
    let blocks = world.source().join("blocks");
    for (path, data) in objects_below(&blocks) {
        let text = path.to_str().unwrap();
        let (library, id) = text.split_once('/').unwrap();
        fs::remove_file(blocks.join(&path)).unwrap();
        put(&blocks.join(library).join(id.replace('/', "")), &data);
    }
    for name in ["check", "run", "verify", "plan"] {
        let texts = ["the blocks store of the source", "the layout of a bucket", "files like"];
        assert_explained(command(&world, name, &[]), &texts);
    }
    assert_explained(fsck(&world, "old"), &["the layout of a bucket"]);
}

#[test]
fn names_that_are_no_objects_are_counted_by_what_they_look_like_and_shown() {
    let world = World::with_sample();
    let (first, data) = objects_below(&world.source().join("blocks")).pop_first().unwrap();
    let blocks = world.source().join("blocks");
    let temporary = PathBuf::from(format!("{}.a8Xk2Q", first.display()));
    put(&blocks.join(&temporary), &data);
    put(&blocks.join("lost+found"), b"");
    put(&blocks.join(first.parent().unwrap()).join("README"), b"");
    let outcome = world.run(&[]).assert_code(0);
    let rows = outcome.report.as_ref().unwrap()["kinds"].as_array().unwrap();
    let row = rows.iter().find(|row| row["kind"] == "blocks").unwrap();
    assert_eq!((&row["ignored"], &row["ignored_names"]["temporary"]["count"]), (&3.into(), &1.into()));
    assert_eq!(row["ignored_names"]["temporary"]["examples"][0], temporary.to_str().unwrap());
    assert_eq!(row["ignored_names"]["other"]["count"], 2);
    assert_eq!(row["ignored_names"]["other_layout"]["count"], 0);
    let line = outcome.stdout.lines().find(|line| line.starts_with("[blocks] 3 names")).unwrap();
    assert!(line.contains("1 of unfinished files") && line.contains("2 of something else, like lost+found"), "{line}");

    // A verification says it of either side.
    put(&world.at("target/storage/blocks/stranger"), b"");
    let outcome = world.verify(&[]).assert_code(0);
    let rows = outcome.report.as_ref().unwrap()["kinds"].as_array().unwrap();
    let row = rows.iter().find(|row| row["kind"] == "blocks").unwrap();
    assert_eq!(row["ignored_in_source"]["temporary"]["examples"][0], temporary.to_str().unwrap());
    assert_eq!(row["ignored_in_source"]["other"]["count"], 2);
    assert_eq!(row["ignored_at_destination"]["other"]["examples"], serde_json::json!(["stranger"]));
    for said in ["[blocks] 3 names in the source that are no objects", "[blocks] 1 name in the destination"] {
        let line = outcome.stdout.lines().find(|line| line.contains(said)).unwrap_or_else(|| panic!("{said}"));
        assert!(line.contains("of something else, like "), "{line}");
    }
}
