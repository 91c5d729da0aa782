//! `fsck` says the same whichever database the server keeps its heads in.

use std::path::Path;
use std::process::Command;

use seaf_migrate::object::{ObjectKey, ObjectKind};
use serde_json::Value;

use crate::support::library::output::object_path;
use crate::support::mariadb::MariaDb;
use crate::support::sample;

const TABLES: [&str; 9] = [
    "Branch",
    "Repo",
    "RepoHead",
    "VirtualRepo",
    "RepoTrash",
    "GarbageRepos",
    "RepoInfo",
    "RepoHistoryLimit",
    "RepoValidSince",
];

/// Exit code, report, and what was printed, the lines with a time left out.
fn fsck(dir: &Path, db: &str) -> (Option<i32>, Value, String) {
    let (conf, report) = (dir.join("conf"), dir.join("report.json"));
    let mut command = Command::new(env!("CARGO_BIN_EXE_seaf-migrate"));
    command.env_clear().env("PATH", "/usr/bin:/bin").args(["fsck", "--content", "--db", db, "--conf"]).arg(&conf);
    command.arg("--data-dir").arg(dir.join("seafile-data")).arg("--report").arg(&report);
    let output = command.output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
    let said = text.lines().filter(|line| !line.starts_with('[')).collect::<Vec<_>>().join("\n");
    let report = serde_json::from_slice(&std::fs::read(report).unwrap()).unwrap();
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
