//! What is left of a library in the class that it left is removed, and only once the library's own class has all of it.

use std::fs;

use super::{LONE, ORIGIN, TRASHED, VIRTUAL, assert_moved, fsck, many, of, repo, rows};

const FAMILY: [&str; 3] = [ORIGIN, VIRTUAL[0], VIRTUAL[1]];

#[test]
fn what_a_move_left_is_removed_and_everything_else_stays() {
    let (world, _) = many();
    let before = of(&world, "cold", &FAMILY);
    let others = of(&world, "cold", &[TRASHED]);
    repo(&world, &[ORIGIN, "cold", "ice"]).assert_code(0);
    let dry = repo_plain(&world, &[ORIGIN, "cold", "--remove"]).assert_code(0);
    assert!(dry.stdout.contains("dry run"), "{}", dry.stdout);
    assert_eq!(of(&world, "cold", &FAMILY), before);
    repo_plain(&world, &[ORIGIN, "cold", "--remove", "--yes"]).assert_code(0);
    assert!(of(&world, "cold", &FAMILY).is_empty());
    assert_eq!(of(&world, "cold", &[TRASHED]), others);
    assert_moved(&world, "ice", &before);
}

#[test]
fn nothing_is_removed_of_a_library_that_is_at_home_or_not_whole_elsewhere() {
    let (world, _) = many();
    let refused = repo_plain(&world, &[ORIGIN, "cold", "--remove", "--yes"]).assert_code(2);
    assert!(refused.stderr.contains("is in class cold: nothing is left over"), "{}", refused.stderr);
    let before = of(&world, "ice", &[LONE]);
    repo(&world, &[LONE, "ice", "cold"]).assert_code(0);
    // One block has other bytes in the new class by now.
    let there = of(&world, "cold", &[LONE]);
    let (path, data) = there.iter().find(|(path, data)| path.starts_with("blocks") && data.len() > 1).unwrap();
    fs::write(world.at("old-cold/storage").join(path), vec![0; data.len()]).unwrap();
    let refused = repo_plain(&world, &[LONE, "ice", "--remove", "--yes"]).assert_code(1);
    let said = format!("{}{}", refused.stdout, refused.stderr);
    assert!(said.contains("not every object that class ice has of library"), "{said}");
    assert_eq!(of(&world, "ice", &[LONE]), before);
    assert_eq!(rows(&world)[LONE], "cold");
    fs::write(world.at("old-cold/storage").join(path), data).unwrap();
    repo_plain(&world, &[LONE, "ice", "--remove", "--yes"]).assert_code(0);
    assert!(of(&world, "ice", &[LONE]).is_empty());
    fsck(&world, "old", &["--head-only"]).assert_code(0);
}

/// `repo` with these words and options and no others.
fn repo_plain(world: &crate::world::World, words: &[&str]) -> crate::world::Outcome {
    let mut command = world.program();
    command.args(["repo", "--conf"]).arg(world.at("old")).arg("--data-dir").arg(world.at("old/seafile-data"));
    world.finish(command.args(words).spawn().unwrap())
}
