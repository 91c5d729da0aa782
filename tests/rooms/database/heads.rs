//! The heads come out of the server's database, whichever it is, and a database that cannot be read says why.

use std::path::Path;

use seaf_migrate::conf::{DatabaseConf, MysqlConf, MysqlServer, MysqlTls};
use seaf_migrate::database;
use seaf_migrate::database::DatabaseError;
use seaf_migrate::database::heads::Roots;

use crate::support::library::{Params, Store};
use crate::support::mariadb::TABLES;
use crate::support::sample;

fn roots(text: &str) -> Result<Roots, DatabaseError> {
    Roots::from_conf(&database::parse(text)?)
}

fn roots_of(path: &Path) -> Result<Roots, DatabaseError> {
    roots(path.to_str().unwrap())
}

#[test]
fn rows_that_hold_anything_are_named_and_the_others_count() {
    let dir = tempfile::tempdir().unwrap();
    let db = dir.path().join("seafile.db");
    let store = Store::generate(&Params::default());
    store.write_db(&db);
    let expected = roots_of(&db).unwrap();
    let connection = rusqlite::Connection::open(&db).unwrap();
    let long = "x".repeat(100_000);
    connection.execute("INSERT INTO Repo VALUES (?)", [&long]).unwrap();
    connection.execute("INSERT INTO Repo VALUES (x'ff1b5b324a00')", []).unwrap();
    connection.execute("INSERT INTO GarbageRepos VALUES ('\u{202e}no id')", []).unwrap();
    let id = expected.libraries[0].id.to_string();
    connection.execute("INSERT INTO RepoHistoryLimit VALUES (?, 'for ever')", [&id]).unwrap();
    connection.execute("INSERT OR REPLACE INTO RepoInfo (repo_id, name) VALUES (?, x'00ff1b')", [&id]).unwrap();
    let roots = roots_of(&db).unwrap();
    assert_eq!(roots.libraries.len(), expected.libraries.len());
    assert_eq!(roots.garbage, expected.garbage);
    assert_eq!(roots.ignored.len(), expected.ignored.len() + 4, "{:?}", roots.ignored);
    for (row, says) in roots.ignored.iter().zip([
        "Repo: \"xxx",
        "Repo: \"\u{fffd}",
        "RepoHistoryLimit: \"for ever\"",
        "GarbageRepos: ",
    ]) {
        assert!(row.starts_with(says) && row.len() < 200 && !row.contains(['\u{1b}', '\0', '\u{202e}']), "{row:?}");
    }
}

#[test]
fn the_heads_of_the_real_store_are_those_of_its_tables() {
    let sample = sample::sample_store();
    let roots = roots_of(&sample.path().join("seafile-data/seafile.db")).unwrap();
    assert_eq!((roots.libraries.len(), roots.garbage.len(), roots.ignored.len()), (10, 1, 0));
    assert_eq!(roots.libraries.iter().filter(|library| library.origin.is_some()).count(), 3);
    assert_eq!(roots.libraries.iter().filter(|library| library.trashed).count(), 1);
    assert_eq!(roots.libraries.iter().map(|library| library.base_commits.len()).sum::<usize>(), 3);
    assert!(roots.libraries.iter().all(|library| library.heads.len() == 1 && library.name.is_some()));
}

#[test]
fn old_databases_lack_tables() {
    let dir = tempfile::tempdir().unwrap();
    let db = dir.path().join("seafile.db");
    let store = Store::generate(&Params { special: false, ..Params::default() });
    store.write_db(&db);
    let connection = rusqlite::Connection::open(&db).unwrap();
    for table in &TABLES[2..] {
        connection.execute_batch(&format!("DROP TABLE {table}")).unwrap();
    }
    let roots = roots_of(&db).unwrap();
    assert_eq!(roots.libraries.len(), 2);
    assert!(roots.libraries.iter().all(|library| library.heads.len() == 1 && library.name.is_none()));
}

#[test]
fn a_virtual_library_has_the_history_limit_of_its_origin() {
    let dir = tempfile::tempdir().unwrap();
    let db = dir.path().join("seafile.db");
    let store = Store::generate(&Params::default());
    store.write_db(&db);
    let (origin, own) = (store.library("virtual").store_id(), store.library("virtual").id);
    let connection = rusqlite::Connection::open(&db).unwrap();
    let insert = |id: seaf_migrate::object::LibraryId, days: i64| {
        connection.execute("INSERT INTO RepoHistoryLimit VALUES (?, ?)", (id.to_string(), days)).unwrap();
    };
    insert(origin, 7);
    insert(own, 90);
    let roots = roots_of(&db).unwrap();
    let of = |id| roots.libraries.iter().find(|library| library.id == id).unwrap();
    assert_eq!((of(origin).history_days, of(own).history_days), (Some(7), Some(7)));
    assert_eq!(of(own).origin, Some(origin));
}

#[test]
fn what_is_no_database_of_a_server_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let missing = roots_of(&dir.path().join("none.db")).unwrap_err().to_string();
    assert!(missing.contains("no such file"), "{missing}");
    assert!(!dir.path().join("none.db").exists());
    std::fs::write(dir.path().join("text"), "not a database, and long enough to be looked at".repeat(50)).unwrap();
    let text = roots_of(&dir.path().join("text")).unwrap_err().to_string();
    assert!(text.contains("give the server's seafile.db"), "{text}");
    rusqlite::Connection::open(dir.path().join("other.db")).unwrap().execute_batch("CREATE TABLE T (x)").unwrap();
    let other = roots_of(&dir.path().join("other.db")).unwrap_err().to_string();
    assert!(other.contains("no such table"), "{other}");
}

#[test]
fn a_database_is_named_by_a_url_or_a_path() {
    let mysql = |host: &str, port: u16, user: &str, password: &str, db_name: &str| {
        let server = MysqlServer::Tcp { host: host.to_owned(), port };
        let password = seaf_migrate::conf::Secret::new(password);
        let (user, db_name) = (user.to_owned(), db_name.to_owned());
        DatabaseConf::Mysql(MysqlConf { server, user, password, db_name, tls: MysqlTls::default() })
    };
    let sqlite = |path: &str| DatabaseConf::Sqlite { path: path.into() };
    for (text, expected) in [
        ("mysql://seafile:pw@db.example:3307/seafile_db", mysql("db.example", 3307, "seafile", "pw", "seafile_db")),
        ("mysql://seafile@db/seafile_db", mysql("db", 3306, "seafile", "", "seafile_db")),
        ("mysql://s:p%40%2F@[::1]:1/d", mysql("::1", 1, "s", "p@/", "d")),
        ("mysql://s:p@w:d@h/d?x=1", mysql("h", 3306, "s", "p@w:d", "d")),
        ("mariadb://s:@h/d", mysql("h", 3306, "s", "", "d")),
        ("/opt/seafile-data/seafile.db", sqlite("/opt/seafile-data/seafile.db")),
        ("sqlite:///opt/seafile.db", sqlite("/opt/seafile.db")),
        ("sqlite:seafile.db", sqlite("seafile.db")),
    ] {
        assert_eq!(database::parse(text).unwrap(), expected, "{text}");
    }
    for text in
        ["", "mysql://", "mysql://h/d", "mysql://u:sesame@h", "mysql://u:sesame@h:0/d", "postgres://u:sesame@h/d"]
    {
        let error = database::parse(text).unwrap_err().to_string();
        assert!(!error.contains("sesame"), "{error}");
    }
}

#[test]
fn the_storage_classes_of_libraries_are_read_where_there_is_a_table_of_them() {
    let dir = tempfile::tempdir().unwrap();
    let db = dir.path().join("seafile.db");
    let store = Store::generate(&Params::default());
    store.write_db(&db);
    let connection = rusqlite::Connection::open(&db).unwrap();
    connection.execute_batch("DROP TABLE IF EXISTS RepoStorageId").unwrap();
    let without = roots_of(&db).unwrap();
    assert_eq!(without.classes.placed().count(), 0);
    connection.execute_batch("CREATE TABLE RepoStorageId (repo_id CHAR(40), storage_id VARCHAR(255))").unwrap();
    let virtual_one = without.libraries.iter().find(|library| library.origin.is_some()).unwrap();
    let (origin, garbage) = (virtual_one.store_id(), *without.garbage.first().unwrap());
    let add = |library: &str, class: Option<&str>| {
        connection.execute("INSERT INTO RepoStorageId VALUES (?, ?)", (library, class)).unwrap();
    };
    add(&origin.to_string(), Some(" cold "));
    add(&garbage.to_string(), Some("ice"));
    add("no id", Some("cold"));
    let other = without.libraries.iter().find(|library| library.store_id() != origin).unwrap();
    add(&other.id.to_string(), None);
    let roots = roots_of(&db).unwrap();
    let class = |library| roots.classes.of(library).map(|class| class.to_string());
    assert_eq!(class(origin).as_deref(), Some("cold"));
    assert_eq!(class(virtual_one.id).as_deref(), Some("cold"), "a virtual library is stored with its origin");
    assert_eq!(class(garbage).as_deref(), Some("ice"), "the objects of a deleted library are there still");
    assert_eq!(class(other.id), None);
    assert_eq!(roots.ignored.len(), without.ignored.len() + 2, "{:?}", roots.ignored);
    assert_eq!((roots.libraries, roots.garbage), (without.libraries, without.garbage));
}
