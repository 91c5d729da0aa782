//! Libraries move between storage classes of a server whose tables are in a real MariaDB, killed once at every step.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use mysql::prelude::Queryable;
use tempfile::TempDir;

use crate::support::mariadb::{MariaDb, TABLES};
use crate::support::sample;

/// What the command says at the beginning of each step of a library.
const STEPS: [&str; 6] = [
    "pass 1, the library is in use",
    "Start to compare [fs]",
    "is read-only from now on",
    "last pass 1",
    "read back just now",
    "is in class cold now",
];

/// A server with the classes hot, where everything is, and cold.
struct Server {
    dir: TempDir,
    database: MariaDb,
}

impl Server {
    fn new() -> Option<Self> {
        let database = MariaDb::start()?;
        let dir = sample::sample_store();
        let at = |name: &str| dir.path().join(name);
        let sqlite = at("seafile-data/seafile.db");
        database.copy_tables(&sqlite, &[&TABLES[..], &["RepoStorageId"]].concat());
        fs::create_dir_all(at("hot")).unwrap();
        fs::rename(at("seafile-data/storage"), at("hot/storage")).unwrap();
        ["commits", "fs", "blocks"].iter().for_each(|kind| fs::create_dir_all(at("cold/storage").join(kind)).unwrap());
        fs::create_dir_all(at("conf")).unwrap();
        let class = |id: &str, is_default: bool| {
            let kind = |kind: &str| format!("\"{kind}\": {{\"backend\": \"fs\", \"dir\": \"{}\"}}", at(id).display());
            let kinds = ["commits", "fs", "blocks"].map(kind).join(", ");
            format!("{{\"storage_id\": \"{id}\", \"name\": \"{id}\", \"is_default\": {is_default}, {kinds}}}")
        };
        fs::write(at("conf/classes.json"), format!("[{}, {}]", class("hot", true), class("cold", false))).unwrap();
        let storage = "[storage]\nenable_storage_classes = true\nstorage_classes_file = classes.json\n";
        fs::write(at("conf/seafile.conf"), storage).unwrap();
        Some(Self { dir, database })
    }

    fn at(&self, name: &str) -> std::path::PathBuf {
        self.dir.path().join(name)
    }

    fn command(&self, verb: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_seaf-migrate"));
        command.env_clear().env("PATH", "/usr/bin:/bin").env("TMPDIR", self.dir.path());
        command.env("SEAF_MIGRATE_STATE_DIR", self.at("state")).env("SEAF_MIGRATE_LEASE_SETTLE_MS", "0");
        command.args([verb, "--db", &self.database.url(), "--conf"]).arg(self.at("conf"));
        command.arg("--data-dir").arg(self.at("seafile-data"));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    fn repo(&self, words: &[&str]) -> Child {
        let mut command = self.command("repo");
        command.args(["--settle", "0", "--nworker", "4"]).args(words);
        command.spawn().unwrap()
    }

    fn rows(&self) -> BTreeMap<String, String> {
        let rows: Vec<(String, String)> =
            self.database.connect().query("SELECT repo_id, storage_id FROM RepoStorageId").unwrap();
        rows.into_iter().collect()
    }

    fn read_only(&self) -> Vec<String> {
        self.database.connect().query("SELECT repo_id FROM RepoInfo WHERE coalesce(status, 0) <> 0").unwrap()
    }
}

/// Reads what a command says until a line has the text, and goes on reading in the background.
fn wait_for(child: &mut Child, text: &str) -> bool {
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let found = lines.any(|line| line.is_ok_and(|line| line.contains(text)));
    std::thread::spawn(move || lines.for_each(drop));
    found
}

fn finish(child: Child, code: i32) {
    let output = child.wait_with_output().unwrap();
    let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert_eq!(output.status.code(), Some(code), "{}\n{}", said(&output.stdout), said(&output.stderr));
}

fn files(dir: &Path) -> usize {
    let entries = fs::read_dir(dir).into_iter().flatten().map(|entry| entry.unwrap().path());
    entries.map(|path| if path.is_dir() { files(&path) } else { 1 }).sum()
}

#[test]
fn libraries_move_with_a_real_mariadb_killed_at_every_step_and_nothing_is_lost() {
    let Some(server) = Server::new() else { return };
    let libraries: u64 = server.database.connect().query_first("SELECT count(*) FROM Repo").unwrap().unwrap();
    let virtual_ones: u64 = server.database.connect().query_first("SELECT count(*) FROM VirtualRepo").unwrap().unwrap();
    assert!(libraries >= 9 && virtual_ones >= 2, "{libraries} libraries, {virtual_ones} virtual ones");
    let objects = files(&server.at("hot/storage"));
    for (number, step) in STEPS.iter().enumerate() {
        let mut child = server.repo(&["hot", "cold"]);
        assert!(wait_for(&mut child, step), "step {number}: {step:?} was not said");
        child.kill().unwrap();
        child.wait().unwrap();
        // Whatever the step: what is in use is whole where its class says.
        finish(server.command("fsck").arg("--head-only").spawn().unwrap(), 0);
    }
    finish(server.repo(&["hot", "cold"]), 0);
    assert_eq!(server.read_only(), Vec::<String>::new());
    let rows = server.rows();
    assert!(rows.len() as u64 >= libraries && rows.values().all(|class| class == "cold"), "{rows:?}");
    finish(server.command("fsck").arg("--content").spawn().unwrap(), 0);
    assert_eq!(files(&server.at("hot/storage")), objects, "nothing is removed from the class that they left");
    let left = fs::read_dir(server.at("state/moves")).unwrap().map(|entry| entry.unwrap().file_name());
    let left: Vec<_> = left.filter(|name| name.to_str().unwrap().ends_with(".json")).collect();
    assert!(left.is_empty(), "{left:?}");
}
