//! `fsck` of the new side: whether every file of every library can be opened.

use std::fs;

use crate::support::schema::read_report;
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
    assert!(whole.stdout.lines().last().unwrap().starts_with("Result: all of "), "{}", whole.stdout);

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
    world.lose_database();
    let mut command = world.program();
    command.args(["fsck", "--conf"]).arg(world.at("old")).arg("--data-dir").arg(world.at("old/seafile-data"));
    let checked = world.finish(command.spawn().unwrap()).assert_code(0);
    assert!(checked.stdout.contains("worked out from the commits"), "{}", checked.stdout);
}

#[test]
fn a_leftover_that_nothing_names_as_the_database_is_no_reason_not_to_look() {
    let world = World::with_sample();
    fs::write(world.at("old/seafile.conf"), "").unwrap();
    fs::write(world.at("old/seafile-data/seafile.db"), "no database").unwrap();
    let check = |options: &[&str]| {
        let mut command = world.program();
        command.args(["fsck", "--conf"]).arg(world.at("old")).arg("--data-dir").arg(world.at("old/seafile-data"));
        world.finish(command.args(options).spawn().unwrap())
    };
    let page = world.at("fsck.html");
    let checked = check(&["--html", page.to_str().unwrap()]).assert_code(0);
    assert!(checked.stderr.contains("Nothing names this database, so it is left alone"), "{}", checked.stderr);
    assert!(checked.stdout.contains("worked out from the commits"), "{}", checked.stdout);
    assert!(!checked.stdout.contains("No database is configured"), "{}", checked.stdout);
    let page = fs::read_to_string(page).unwrap();
    assert!(page.contains("worked out from the commits, because no database was read"), "{page}");
    assert!(!page.contains("from the database"), "{page}");
    // One that is named must answer.
    check(&["--db", world.at("old/seafile-data/seafile.db").to_str().unwrap()]).assert_code(3);
}

#[test]
fn findings_are_counted_in_the_last_line_and_the_files_that_name_them_are_told() {
    let world = World::with_sample();
    world.run(&[]).assert_code(0);
    // All but one, because a store that lists nothing is taken for one that is not mounted.
    let blocks = world.at("target/storage/blocks");
    objects_below(&blocks).keys().skip(1).for_each(|path| fs::remove_file(blocks.join(path)).unwrap());
    let (report, page) = (world.at("fsck.json").display().to_string(), world.at("fsck.html").display().to_string());
    let found = fsck(&world, "new", &["--report", &report, "--html", &page]).assert_code(1);
    let result = read_report(&fs::read(&report).unwrap());
    let libraries = result["libraries"].as_array().unwrap();
    let named = libraries.iter().map(|library| library["findings"].as_array().unwrap().len());
    let (findings, broken) = (named.clone().sum::<usize>(), named.filter(|count| *count > 0).count());
    let line = format!(
        "Result: {findings} findings in {broken} of {} libraries, named on standard output and in {report} and in {page} \
         (exit code 1).",
        libraries.len()
    );
    assert!(found.stderr.lines().any(|told| told == line), "{line} is not in:\n{}", found.stderr);
}

#[test]
fn a_database_that_does_not_answer_is_called_a_database() {
    let world = World::with_sample();
    let mut command = world.program();
    command.args(["fsck", "--conf"]).arg(world.at("old")).arg("--data-dir").arg(world.at("old/seafile-data"));
    command.arg("--db").arg(world.at("no-such.db"));
    let failed = world.finish(command.spawn().unwrap()).assert_code(3);
    assert!(failed.stderr.contains("Result: stopped early, the database failed:"), "{}", failed.stderr);
    assert!(!failed.stderr.contains("a store failed"), "{}", failed.stderr);
}
