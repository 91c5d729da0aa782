//! The heads and `fsck` are the same whichever database the server keeps its libraries in.

use std::path::Path;
use std::process::Command;

use mysql::prelude::Queryable;
use seaf_migrate::conf::DatabaseConf;
use seaf_migrate::database;
use seaf_migrate::database::DatabaseError;
use seaf_migrate::database::heads::Roots;
use seaf_migrate::object::{ObjectKey, ObjectKind};
use serde_json::Value;

use crate::support::library::output::object_path;
use crate::support::library::{Params, Store};
use crate::support::mariadb::{MariaDb, TABLES};
use crate::support::sample;

/// Exit code, report, and what was printed, the lines with a time left out.
fn fsck(dir: &Path, db: &str) -> (Option<i32>, Value, String) {
    let (conf, report) = (dir.join("conf"), dir.join("report.json"));
    let mut command = Command::new(env!("CARGO_BIN_EXE_seaf-migrate"));
    command.env_clear().env("PATH", "/usr/bin:/bin").args(["fsck", "--content", "--db", db, "--conf"]).arg(&conf);
    command.arg("--data-dir").arg(dir.join("seafile-data")).arg("--report").arg(&report);
    let output = command.output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
    // Only one of the two is named with a password.
    let is_same = |line: &&str| !line.starts_with('[') && !line.contains(database::PASSWORD_IN_URL);
    let said = text.lines().filter(is_same).collect::<Vec<_>>().join("\n");
    let mut report: Value = serde_json::from_slice(&std::fs::read(report).unwrap()).unwrap();
    let head = report.as_object_mut().unwrap();
    for time in ["started", "finished", "seconds"] {
        assert!(head.remove(time).is_some(), "{time}");
    }
    head["warnings"].as_array_mut().unwrap().retain(|line| !line.as_str().unwrap().contains(database::PASSWORD_IN_URL));
    (output.status.code(), report, said)
}

#[test]
fn sqlite_and_a_real_mariadb_lead_to_the_same_result() {
    let Some(server) = MariaDb::start() else { return };
    let folder = sample::sample_store();
    let dir = folder.path();
    std::fs::create_dir(dir.join("conf")).unwrap();
    std::fs::write(dir.join("conf/seafile.conf"), "").unwrap();
    let sqlite = dir.join("seafile-data/seafile.db");
    server.copy_tables(&sqlite, &TABLES);
    let (sqlite, url) = (sqlite.to_str().unwrap().to_owned(), server.url());

    let whole = fsck(dir, &sqlite);
    assert_eq!(whole.0, Some(0), "{}", whole.2);
    assert_eq!(whole.1["libraries"].as_array().unwrap().len(), 10);
    assert_eq!(fsck(dir, &url), whole);

    // One object of each kind is lost: some block, some tree, some head.
    let connection = rusqlite::Connection::open(&sqlite).unwrap();
    let head = "SELECT repo_id || '/' || commit_id FROM Branch ORDER BY 1 LIMIT 1";
    let head: String = connection.query_row(head, [], |row| row.get(0)).unwrap();
    let objects = sample::sample_objects();
    let any = |kind: ObjectKind| objects.iter().find(|(other, ..)| *other == kind).unwrap().1;
    let lost = [
        (ObjectKind::Commits, head.parse::<ObjectKey>().unwrap()),
        (ObjectKind::Fs, any(ObjectKind::Fs)),
        (ObjectKind::Blocks, any(ObjectKind::Blocks)),
    ];
    for (kind, key) in lost {
        std::fs::remove_file(object_path(&dir.join("seafile-data"), kind, &key)).unwrap();
    }
    let broken = fsck(dir, &sqlite);
    assert_eq!(broken.0, Some(1));
    assert!(broken.2.contains("head missing"), "{}", broken.2);
    assert_eq!(fsck(dir, &url), broken);
}

fn roots(text: &str) -> Result<Roots, DatabaseError> {
    Roots::from_conf(&database::parse(text)?)
}

fn roots_of(path: &Path) -> Result<Roots, DatabaseError> {
    roots(path.to_str().unwrap())
}

#[test]
fn sqlite_and_a_real_mariadb_agree() {
    let Some(server) = MariaDb::start() else { return };
    let sample = sample::sample_store();
    let db = sample.path().join("seafile-data/seafile.db");
    server.copy_tables(&db, &TABLES);
    assert_eq!(roots(&server.url()).unwrap(), roots_of(&db).unwrap());

    let second = server.another();
    let dir = tempfile::tempdir().unwrap();
    let generated = dir.path().join("seafile.db");
    Store::generate(&Params::default()).write_db(&generated);
    let connection = rusqlite::Connection::open(&generated).unwrap();
    connection.execute_batch("INSERT INTO RepoHistoryLimit SELECT repo_id, 30 FROM Repo").unwrap();
    second.copy_tables(&generated, &TABLES);
    let expected = roots_of(&generated).unwrap();
    assert!(expected.libraries.iter().filter(|library| library.history_days == Some(30)).count() > 5);
    assert_eq!(roots(&second.url()).unwrap(), expected);

    // A server whose tables are not Seafile's, a database that is not there, and a login that is not right.
    second.connect().query_drop("DROP TABLE Repo").unwrap();
    let error = roots(&second.url()).unwrap_err().to_string();
    assert!(error.contains("Repo"), "{error}");
    let error = roots(&format!("{}x", second.url())).unwrap_err().to_string();
    assert!(error.contains("seaf_migrate_"), "{error}");
    let wrong = second.url().replace("@127", "wrong@127");
    let error = roots(&wrong).unwrap_err().to_string();
    let password = wrong.split(['/', ':', '@']).nth(4).unwrap();
    assert!(error.contains("seafile@127.0.0.1") && !error.contains(password), "{error}");
}

#[test]
fn a_real_mariadb_is_read_over_its_socket_and_encrypted() {
    let Some(server) = MariaDb::start_own() else { return };
    let sample = sample::sample_store();
    let db = sample.path().join("seafile-data/seafile.db");
    server.copy_tables(&db, &TABLES);
    let expected = roots_of(&db).unwrap();
    let socket = format!("socket={}", server.socket().display());
    let over_socket = server.url().replace(&server.url()[server.url().rfind('@').unwrap()..], "");
    assert_eq!(roots(&format!("{over_socket}@/{}?{socket}", server.name)).unwrap(), expected);
    // Without a user it is the system's, whom the server knows by the socket.
    let DatabaseConf::Mysql(mut conf) = database::parse(&format!("mysql://x@/{}?{socket}", server.name)).unwrap()
    else {
        panic!("a URL of MySQL")
    };
    conf.user.clear();
    assert_eq!(Roots::from_conf(&DatabaseConf::Mysql(conf)).unwrap(), expected);

    let ca = concat!("ssl-ca=", env!("CARGO_MANIFEST_DIR"), "/tests/data/tls/ca.pem");
    server.connect().query_drop("ALTER USER seafile@'127.0.0.1' REQUIRE SSL").unwrap();
    for options in [&format!("ssl-mode=VERIFY_IDENTITY&{ca}"), ca, "ssl-mode=REQUIRED"] {
        assert_eq!(roots(&format!("{}?{options}", server.url())).unwrap(), expected, "{options}");
    }
    // The server itself says that it was encrypted: it takes nothing else now.
    let error = roots(&format!("{}?ssl-mode=DISABLED", server.url())).unwrap_err().to_string();
    assert!(error.contains("Access denied"), "{error}");
    let error = roots(&format!("{}?ssl-mode=VERIFY_CA", server.url())).unwrap_err().to_string();
    assert!(error.contains("certificate"), "{error}");
}

#[test]
fn all_tables_of_a_real_mariadb_are_read_as_they_were_at_one_moment() {
    let Some(server) = MariaDb::start_own() else { return };
    let sample = sample::sample_store();
    server.copy_tables(&sample.path().join("seafile-data/seafile.db"), &TABLES);
    // As many a server is set up; without a word of ours it would take no snapshot.
    server.connect().query_drop("SET GLOBAL TRANSACTION ISOLATION LEVEL READ COMMITTED").unwrap();
    let mut tables = database::open(&database::parse(&server.url()).unwrap()).unwrap();
    let mut other = server.connect();
    other.query_drop("DELETE FROM Repo").unwrap();
    other.query_drop("DELETE FROM RepoTrash").unwrap();
    let before = Roots::from_database(&mut *tables).unwrap();
    assert_eq!(before.libraries.len(), 10);
    assert_eq!(roots(&server.url()).unwrap().libraries.len(), 0);
}

#[test]
fn a_table_that_may_not_be_read_is_not_taken_for_one_that_is_not_there() {
    let Some(server) = MariaDb::start_own() else { return };
    let sample = sample::sample_store();
    server.copy_tables(&sample.path().join("seafile-data/seafile.db"), &TABLES);
    let mut admin = server.connect();
    admin.query_drop("CREATE USER reader@'127.0.0.1'").unwrap();
    let url = format!("mysql://reader@{}", server.url().rsplit_once('@').unwrap().1);
    for table in TABLES.iter().filter(|table| **table != "VirtualRepo") {
        admin.query_drop(format!("GRANT SELECT ON {}.{table} TO reader@'127.0.0.1'", server.name)).unwrap();
    }
    let error = roots(&url).unwrap_err().to_string();
    assert!(error.contains("denied") && error.contains("VirtualRepo"), "{error}");
    admin.query_drop(format!("GRANT SELECT ON {}.VirtualRepo TO reader@'127.0.0.1'", server.name)).unwrap();
    // A server without storage classes has no use for RepoStorageId, and may forbid it, or not have it.
    let known = roots(&url).unwrap();
    assert_eq!(known.libraries.len(), 10);
    let unread = known.classes_unread.expect("the account may not read that table").to_string();
    assert!(unread.contains("denied") && unread.contains("RepoStorageId"), "{unread}");
}
