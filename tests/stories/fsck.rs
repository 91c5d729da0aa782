//! Whether every file of every library can be opened on the new side.

use std::fs;

use crate::world::{Outcome, World, objects_below};

fn fsck(world: &World, side: &str, options: &[&str]) -> Outcome {
    let mut command = world.program();
    command.args(["fsck", "--conf"]).arg(world.at(side)).args(options);
    command.arg("--db").arg(world.at("old/seafile-data/seafile.db"));
    world.finish(command.spawn().unwrap())
}

#[test]
fn a_migrated_store_is_whole_and_a_lost_block_is_named_with_the_files_that_suffer() {
    let world = World::with_sample();
    world.run(&[]).assert_code(0);
    let whole = fsck(&world, "new", &["--content"]).assert_code(0);
    assert!(whole.stdout.contains("OK"), "{}", whole.stdout);

    // A block that some file of some head needs: lose them one by one until one is missed.
    let blocks = world.at("target/storage/blocks");
    let missed = objects_below(&blocks).into_iter().find_map(|(path, data)| {
        fs::remove_file(blocks.join(&path)).unwrap();
        let found = fsck(&world, "new", &["--head-only"]);
        fs::write(blocks.join(&path), data).unwrap();
        (found.code != Some(0)).then_some((path, found))
    });
    let (path, found) = missed.expect("some head has a file with a block");
    let found = found.assert_code(1);
    let id: String = path.iter().skip(1).map(|part| part.to_str().unwrap()).collect();
    assert!(found.stdout.contains(&id) && found.stdout.contains("missing"), "{}", found.stdout);
    assert!(
        found.stdout.lines().any(|line| line.contains(" /") || line.trim_start().starts_with('/')),
        "{}",
        found.stdout
    );
}

#[test]
fn without_a_database_the_heads_come_from_the_commits() {
    let world = World::with_sample();
    let mut command = world.program();
    command.args(["fsck", "--conf"]).arg(world.at("old")).arg("--data-dir").arg(world.at("old/seafile-data"));
    let checked = world.finish(command.spawn().unwrap()).assert_code(0);
    assert!(checked.stdout.contains("worked out from the commits"), "{}", checked.stdout);
}
