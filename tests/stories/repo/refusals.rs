//! Moves that are refused before anything is done.

use rusqlite::Connection;

use super::{LONE, ORIGIN, VIRTUAL, many, of, repo, rows};
use crate::classes::db;
use crate::world::World;

#[test]
fn what_cannot_be_moved_is_named_and_nothing_is_done() {
    let (world, _) = many();
    let before = rows(&world);
    for (words, says) in [
        (&["cold"][..], "two storage classes must be named"),
        (&["cold", "cold"], "which is the same class"),
        (&["cold", "tape"], "there is no storage class tape, only cold, hot, ice"),
        (&["x", "cold", "ice"], "\"x\" is no library id"),
        (&["12345678-1234-4234-8234-123456789abc", "cold", "ice"], "the database names no library 12345678"),
        (&[LONE, "cold", "hot"], "is in class ice, not in cold"),
        (&[VIRTUAL[0], "cold", "ice"], "is a part of library 1b3e01d1"),
    ] {
        let refused = repo(&world, words).assert_code(2);
        assert!(refused.stderr.contains(says), "{says}:\n{}", refused.stderr);
    }
    assert_eq!(rows(&world), before);
    assert_eq!(of(&world, "ice", &[ORIGIN]).len(), 0);
}

#[test]
fn a_server_without_classes_or_with_old_tables_is_told_so() {
    let world = World::with_sample();
    let refused = repo(&world, &["cold", "ice"]).assert_code(2);
    assert!(refused.stderr.contains("this server has no storage classes"), "{}", refused.stderr);
    let (world, _) = many();
    let connection = Connection::open(db(&world)).unwrap();
    connection.execute_batch("ALTER TABLE RepoInfo DROP COLUMN status").unwrap();
    let refused = repo(&world, &["cold", "ice"]).assert_code(2);
    assert!(refused.stderr.contains("there is no column status in RepoInfo"), "{}", refused.stderr);
    connection.execute_batch("DROP TABLE RepoStorageId").unwrap();
    let refused = repo(&world, &["cold", "ice"]).assert_code(2);
    assert!(refused.stderr.contains("there is no table RepoStorageId"), "{}", refused.stderr);
}
