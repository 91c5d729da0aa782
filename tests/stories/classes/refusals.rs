//! What is refused because it cannot be known where a library is.

use std::fs;

use super::{LONE, ORIGIN, ROWS, VIRTUAL, classes_in_folders, command, db, fsck, many, set_rows};
use crate::world::{World, objects_below};

/// Every command that opens stores of classes, and what it says when it cannot place the libraries.
fn all_refuse(world: &World, options: &[&str], code: i32, said: &[&str]) {
    for verb in ["check", "plan", "run", "verify", "remove"] {
        let mut command = world.program();
        command.args([verb, "--from"]).arg(world.at("old")).arg("--to").arg(world.at("new")).args(options);
        command.arg("--data-dir").arg(world.at("old/seafile-data"));
        let refused = world.finish(command.spawn().unwrap()).assert_code(code);
        for part in said {
            assert!(refused.stderr.contains(part), "{verb}: {part:?} is not in {}", refused.stderr);
        }
    }
    assert!(objects_below(&world.at("target")).is_empty(), "nothing was written");
}

#[test]
fn a_row_with_a_class_that_the_conf_lacks_names_library_and_class() {
    let (world, _) = many();
    set_rows(&world, &[(ORIGIN, "cold"), (LONE, "lost")]);
    let said =
        format!("has library {LONE} in class lost, and the old side has no such storage class, only cold, hot, ice");
    all_refuse(&world, &[], 2, &[&said]);
    let refused = fsck(&world, "old", &[]).assert_code(2);
    assert!(refused.stderr.contains(&format!("library {LONE} in class lost")), "{}", refused.stderr);
    // Also of a virtual library, though its objects are where its origin is.
    set_rows(&world, &[(VIRTUAL[0], "lost")]);
    all_refuse(&world, &[], 2, &[VIRTUAL[0]]);
}

#[test]
fn a_library_in_two_classes_is_in_none() {
    let (world, _) = many();
    let connection = rusqlite::Connection::open(db(&world)).unwrap();
    connection.execute_batch("DROP TABLE RepoStorageId").unwrap();
    connection.execute_batch("CREATE TABLE RepoStorageId (repo_id CHAR(40), storage_id VARCHAR(255))").unwrap();
    set_rows(&world, &[(ORIGIN, "cold"), (LONE, "ice"), (LONE, "hot")]);
    all_refuse(&world, &[], 2, &[&format!("has library {LONE} in two classes")]);
    set_rows(&world, &[(ORIGIN, "cold"), (LONE, "ice"), (LONE, "ice"), (super::TRASHED, "cold")]);
    world.run(&[]).assert_code(0);
}

#[test]
fn without_a_database_nothing_is_guessed() {
    let (world, _) = many();
    let conf = fs::read_to_string(world.at("old/seafile.conf")).unwrap();
    // The file in the data folder may be a leftover of a server that has another database by now.
    fs::write(world.at("old/seafile.conf"), conf.replace("[database]\ntype = sqlite\n", "")).unwrap();
    all_refuse(&world, &[], 2, &["--db: ", "which library is in which storage class", "leftover"]);
    let named = db(&world).display().to_string();
    fs::rename(world.at("old/seafile-data/seafile.db"), world.at("seafile.db")).unwrap();
    all_refuse(&world, &[], 2, &["--db: ", "which library is in which storage class", "none is configured"]);
    fs::rename(world.at("seafile.db"), world.at("old/seafile-data/seafile.db")).unwrap();
    world.run(&["--db", &named]).assert_code(0);
}

#[test]
fn a_database_that_does_not_answer_ends_every_command_with_code_3() {
    let (world, _) = many();
    let gone = ["--db", "mysql://seafile:x@127.0.0.1:1/seafile_db"];
    all_refuse(&world, &gone, 3, &["database mysql://seafile@127.0.0.1:1/seafile_db", "so nothing was done"]);
}

#[test]
fn a_map_that_cannot_be_meant_is_refused() {
    let (world, _) = many();
    let refuse = |map: &[&str], said: &str| {
        let refused = world.run(map).assert_code(2);
        assert!(refused.stderr.contains(said), "{said:?} is not in {}", refused.stderr);
    };
    refuse(&["--map", "cold=ice"], "--map: the new side has no storage classes");
    classes_in_folders(&world, "new", "new-", &["hot", "cold", "ice"]);
    refuse(&["--map", "cold=frozen"], "--map: the new side has no storage class frozen, only cold, hot, ice");
    refuse(&["--map", "cold=ice", "--map", "cold=hot"], "--map: the class cold is given twice");
    refuse(&["--map", "clod=ice"], "--map: neither the old side nor a row of the database has a storage class clod");
    for wrong in ["cold", "cold=", "=ice", "="] {
        refuse(&["--map", wrong], "not OLD=NEW");
    }
    // A default that is renamed takes no library along that has no row.
    let warned = command(&world, "plan", &["--map", "hot=cold"]).assert_code(0);
    assert!(warned.stderr.contains("libraries without a row in RepoStorageId"), "{}", warned.stderr);
}

#[test]
fn both_sides_with_one_of_their_classes_in_one_folder_are_refused() {
    let (world, _) = many();
    classes_in_folders(&world, "new", "old-", &["cold", "other"]);
    set_rows(&world, &ROWS);
    let refused = world.run(&[]).assert_code(2);
    let said = "[class cold, blocks]: is the same store as on the old side (fs:";
    assert!(refused.stderr.contains(said), "{}", refused.stderr);
}
