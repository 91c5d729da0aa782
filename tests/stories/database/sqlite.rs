//! A database of SQLite is read as it was at one moment, however its server works or died, and the server is not disturbed.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use rusqlite::Connection;
use seaf_migrate::database::DatabaseError;
use seaf_migrate::database::heads::Roots;
use tempfile::TempDir;

use super::writer::{Role, Writer};
use seaf_migrate::conf::DatabaseConf;

/// As many libraries as fill some thousand pages.
const LIBRARIES: usize = 20_000;

fn read(path: &Path) -> Result<Roots, DatabaseError> {
    Roots::from_conf(&DatabaseConf::Sqlite { path: path.to_owned() })
}

/// A server's database with this many libraries, each with a head of its own.
fn database(folder: &TempDir, libraries: usize) -> PathBuf {
    let path = folder.path().join("seafile.db");
    let mut connection = Connection::open(&path).unwrap();
    let schema = "CREATE TABLE Repo (repo_id CHAR(37) PRIMARY KEY);
                  CREATE TABLE Branch (name VARCHAR(10), repo_id CHAR(41), commit_id CHAR(41),
                                       PRIMARY KEY (repo_id, name));";
    connection.execute_batch(schema).unwrap();
    let transaction = connection.transaction().unwrap();
    for number in 0..libraries {
        let id = format!("aaaaaaaa-0000-4000-8000-{number:012x}");
        transaction.execute("INSERT INTO Repo VALUES (?)", [&id]).unwrap();
        let head = format!("{:040x}", number + 1);
        transaction.execute("INSERT INTO Branch VALUES ('master', ?, ?)", [&id, &head]).unwrap();
    }
    transaction.commit().unwrap();
    path
}

/// The names of all files in the folder, and what is in them.
fn files(folder: &TempDir) -> BTreeMap<PathBuf, Vec<u8>> {
    let paths = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path());
    paths.map(|path| (path.clone(), fs::read(&path).unwrap_or_default())).collect()
}

/// Changes every head, with so little memory that uncommitted pages are written into the file.
const SPILL: &str =
    "PRAGMA cache_size = 10; BEGIN; UPDATE Branch SET commit_id = '0123456789012345678901234567890123456789'";

#[test]
fn heads_that_were_never_committed_are_not_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = database(&folder, LIBRARIES);
    let committed = read(&path).unwrap();
    assert_eq!(committed.libraries.len(), LIBRARIES);
    Writer::start(&path, Role::Run(SPILL)).kill();
    let left = files(&folder);
    assert_eq!(left.len(), 2, "a journal was left: {:?}", left.keys());
    assert!(
        left[&path].windows(20).any(|bytes| bytes == b"01234567890123456789"),
        "the file has what was not committed"
    );
    assert_eq!(read(&path).unwrap(), committed);
    assert_eq!(files(&folder), left, "nothing was written");
    // The journal lies beside the file that a link leads to.
    let elsewhere = tempfile::tempdir().unwrap();
    let link = elsewhere.path().join("linked.db");
    symlink(&path, &link).unwrap();
    assert_eq!(read(&link).unwrap(), committed);
    // And without the journal it is not committed, but nobody can know: this is why it must be taken along.
    fs::remove_file(folder.path().join("seafile.db-journal")).unwrap();
    assert_ne!(read(&path).ok(), Some(committed));
}

#[test]
fn a_journal_that_cannot_be_read_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = database(&folder, LIBRARIES);
    Writer::start(&path, Role::Run(SPILL)).kill();
    // Neither root nor anybody else can read a folder as a file.
    let journal = folder.path().join("seafile.db-journal");
    fs::remove_file(&journal).unwrap();
    fs::create_dir(&journal).unwrap();
    let error = read(&path).unwrap_err().to_string();
    assert!(error.contains("seafile.db-journal cannot be read"), "{error}");
}

#[test]
fn a_log_that_is_not_in_the_file_yet_is_read_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = database(&folder, 100);
    Writer::start(
        &path,
        Role::Run("PRAGMA journal_mode = wal; PRAGMA wal_autocheckpoint = 0; DELETE FROM Repo WHERE repo_id > 'aaaaaaaa-0000-4000-8000-000000000007'"),
    )
    .kill();
    fs::remove_file(folder.path().join("seafile.db-shm")).unwrap();
    // A link to nowhere keeps even root from making the file that SQLite wants beside a log.
    symlink("nowhere/to/be", folder.path().join("seafile.db-shm")).unwrap();
    let left = files(&folder);
    assert!(!left[&folder.path().join("seafile.db-wal")].is_empty());
    assert_eq!(read(&path).unwrap().libraries.len(), 8);
    assert_eq!(files(&folder), left);
    // A transaction of which the last page is torn was never committed.
    let log = folder.path().join("seafile.db-wal");
    let bytes = fs::read(&log).unwrap();
    fs::write(&log, &bytes[..bytes.len() - 1]).unwrap();
    assert_eq!(read(&path).unwrap().libraries.len(), 100);
}

#[test]
fn names_are_taken_as_they_are_and_nothing_is_made_beside() {
    let folder = tempfile::tempdir().unwrap();
    let path = database(&folder, 10);
    Connection::open(&path).unwrap().pragma_update(None, "journal_mode", "wal").unwrap();
    let odd = folder.path().join("a dir? with #odd% characters");
    fs::create_dir(&odd).unwrap();
    fs::copy(&path, odd.join("seafile.db")).unwrap();
    assert_eq!(read(&odd.join("seafile.db")).unwrap().libraries.len(), 10);
    assert_eq!(fs::read_dir(&odd).unwrap().count(), 1);
}

#[test]
fn changes_that_wait_for_their_end_are_not_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = database(&folder, 100);
    let writer = Writer::start(&path, Role::Run("BEGIN IMMEDIATE; DELETE FROM Branch"));
    assert!(read(&path).unwrap().libraries.iter().all(|library| library.heads.len() == 1));
    writer.end();
}

#[test]
fn a_database_that_is_locked_is_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let path = database(&folder, 100);
    let writer = Writer::start(&path, Role::Run("BEGIN EXCLUSIVE; DELETE FROM Repo"));
    let reader = std::thread::spawn(move || read(&path).map(|roots| roots.libraries.len()));
    std::thread::sleep(std::time::Duration::from_millis(200));
    assert!(!reader.is_finished(), "it is not read while it is written");
    // The connection is closed with the transaction open, which takes everything back.
    writer.end();
    assert_eq!(reader.join().unwrap(), Ok(100));
}

/// Reads a database again and again while another process adds libraries to it.
fn read_while_libraries_are_added(journal: &'static str) {
    let folder = tempfile::tempdir().unwrap();
    let path = database(&folder, LIBRARIES);
    let writer = Writer::start(&path, Role::Add { journal });
    let mut seen = LIBRARIES;
    for _ in 0..10 {
        let roots = read(&path).unwrap();
        assert!(roots.libraries.len() >= seen, "{} after {seen}", roots.libraries.len());
        assert!(roots.libraries.iter().all(|library| library.heads.len() == 1), "half a transaction was read");
        seen = roots.libraries.len();
    }
    let written = writer.end();
    assert_eq!(written.failed, 0, "{written:?}");
    let last = read(&path).unwrap().libraries.len();
    assert_eq!(last as u64, LIBRARIES as u64 + written.added);
    assert!(seen > LIBRARIES && seen <= last);
}

#[test]
fn no_write_of_the_server_fails_while_it_is_read() {
    read_while_libraries_are_added("delete");
}

#[test]
fn no_write_of_the_server_fails_while_it_is_read_with_a_journal_that_stays() {
    read_while_libraries_are_added("persist");
}

#[test]
fn no_write_of_the_server_fails_while_it_is_read_with_a_log() {
    read_while_libraries_are_added("wal");
}
