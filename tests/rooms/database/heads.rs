//! The heads come out of the server's database, whichever it is, and a database that cannot be read says why.

use std::path::Path;

use seaf_migrate::conf::DatabaseConf;
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
fn the_heads_of_the_real_store_are_those_of_its_tables() {
    let sample = sample::sample_store();
    let roots = roots_of(&sample.path().join("seafile-data/seafile.db")).unwrap();
    assert_eq!((roots.libraries.len(), roots.garbage, roots.ignored.len()), (10, 1, 0));
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
fn a_database_that_another_process_writes_can_be_read() {
    let sample = sample::sample_store();
    let db = sample.path().join("seafile-data/seafile.db");
    let writer = rusqlite::Connection::open(&db).unwrap();
    writer.execute_batch("BEGIN IMMEDIATE; DELETE FROM Branch").unwrap();
    assert!(roots_of(&db).unwrap().libraries.iter().all(|library| library.heads.len() == 1));
    writer.execute_batch("ROLLBACK").unwrap();
}

#[test]
fn a_database_in_write_ahead_mode_can_be_read_where_nothing_can_be_written() {
    let sample = sample::sample_store();
    let db = sample.path().join("seafile-data/seafile.db");
    let expected = roots_of(&db).unwrap();
    rusqlite::Connection::open(&db).unwrap().pragma_update(None, "journal_mode", "wal").unwrap();
    let odd = sample.path().join("a dir? with #odd% characters");
    std::fs::create_dir(&odd).unwrap();
    let copy = odd.join("seafile.db");
    std::fs::copy(&db, &copy).unwrap();
    // A link to nowhere keeps even root from making the file that the mode needs.
    std::os::unix::fs::symlink("nowhere/to/be", odd.join("seafile.db-shm")).unwrap();
    assert_eq!(roots_of(&copy).unwrap(), expected);
    // With a log there may be more than the file says, so that the file alone must not be believed.
    std::fs::write(odd.join("seafile.db-wal"), "something").unwrap();
    let error = roots_of(&copy).unwrap_err().to_string();
    assert!(error.contains("with its -wal file"), "{error}");
}

#[test]
fn a_locked_database_is_waited_for() {
    let sample = sample::sample_store();
    let db = sample.path().join("seafile-data/seafile.db");
    let writer = rusqlite::Connection::open(&db).unwrap();
    writer.execute_batch("BEGIN EXCLUSIVE").unwrap();
    let reader = std::thread::spawn(move || roots_of(&db).map(|roots| roots.libraries.len()));
    std::thread::sleep(std::time::Duration::from_millis(200));
    writer.execute_batch("COMMIT").unwrap();
    assert_eq!(reader.join().unwrap(), Ok(10));
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
        let text = |text: &str| text.to_owned();
        let (host, user, db_name) = (text(host), text(user), text(db_name));
        let password = seaf_migrate::conf::Secret::new(password);
        DatabaseConf::Mysql { host, port, user, password, db_name, charset: text("utf8mb4") }
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
