//! A generated server on a folder, its copy on any backend, and the program between them.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use seaf_migrate::conf::{Backend, Environment, Role, SideSource, load_side};
use seaf_migrate::object::{ObjectKey, ObjectKind};
use seaf_migrate::store::layer::retry::RetryPolicy;
use seaf_migrate::store::open::{OpenOptions, Store, open_destination_to_check};
use seaf_migrate::sys::shutdown::Shutdown;
use serde_json::Value;
use tempfile::TempDir;

use crate::support::ceph::Pool;
use crate::support::library;
use crate::support::oss_server::{self, OssServer};
use crate::support::s3_server::S3Server;
use crate::support::schema::read_report;

/// What holds the copy; removed when dropped.
enum Held {
    Folder,
    Server(S3Server),
    Oss(OssServer),
    Pools([Pool; 3]),
}

/// Both sides, and the stores of the copy, in which faults are planted.
pub struct Place {
    dir: TempDir,
    held: Held,
    stores: [Arc<dyn Store>; 3],
}

/// The exit code, the report, and all that was said.
pub struct Said {
    pub code: Option<i32>,
    pub report: Value,
    pub text: String,
}

impl Place {
    /// The generated store, copied by the program; `None` where the backend cannot be had, which is then said.
    pub fn migrated(backend: Backend, store: &library::Store) -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        for name in ["old", "new", "target", "buckets"] {
            std::fs::create_dir(dir.path().join(name)).unwrap();
        }
        store.write_to_dir(&dir.path().join("old"));
        store.write_db(&dir.path().join("old/seafile.db"));
        let held = match backend {
            Backend::Fs => Held::Folder,
            Backend::S3 => {
                ObjectKind::ALL
                    .iter()
                    .for_each(|kind| std::fs::create_dir(dir.path().join(format!("buckets/b-{kind}"))).unwrap());
                Held::Server(S3Server::start(&dir.path().join("buckets"), "access", "secret"))
            }
            Backend::Ceph => Held::Pools([Pool::or_skip()?, Pool::or_skip()?, Pool::or_skip()?]),
            Backend::Oss => {
                let server = OssServer::start();
                ObjectKind::ALL.iter().for_each(|kind| server.create_bucket(&format!("b-{kind}")));
                Held::Oss(server)
            }
            other => panic!("{other} is not tested here"),
        };
        let section = |kind: ObjectKind| match &held {
            Held::Folder => format!("name = fs\ndir = {}", dir.path().join("target").display()),
            Held::Server(server) => format!(
                "name = s3\nbucket = b-{kind}\nkey_id = access\nkey = secret\nhost = {}\nuse_v4_signature = true\n\
                 aws_region = us-east-1\npath_style_request = true",
                server.endpoint()
            ),
            Held::Oss(server) => format!(
                "name = oss\nbucket = b-{kind}\nkey_id = {}\nkey = {}\nendpoint = 127.0.0.1:{}\nregion = {}\nsignature_version = v4",
                oss_server::KEY_ID,
                oss_server::SECRET,
                server.port(),
                oss_server::REGION
            ),
            Held::Pools(pools) => {
                let conf = &pools[kind.index()].conf;
                format!("name = ceph\nceph_config = {}\npool = {}", conf.config_file.display(), conf.pool)
            }
        };
        let names = ["commit_object_backend", "fs_object_backend", "block_backend"];
        let conf: String = ObjectKind::ALL
            .into_iter()
            .zip(names)
            .map(|(kind, name)| format!("[{name}]\n{}\n", section(kind)))
            .collect();
        std::fs::write(dir.path().join("new/seafile.conf"), conf).unwrap();
        std::fs::write(dir.path().join("old/seafile.conf"), "").unwrap();
        let side = SideSource { path: dir.path().join("new"), data_dir: None };
        let side = load_side(&side, Role::Destination, &Environment::default()).unwrap();
        let options = OpenOptions::new(8, Duration::from_secs(60), RetryPolicy::default(), &Shutdown::new());
        let stores = ObjectKind::ALL.map(|kind| open_destination_to_check(side.store(kind), &options).unwrap());
        let place = Self { dir, held, stores };
        assert_eq!(place.between("run", &["--no-check-heads"]).code, Some(0));
        Some(place)
    }

    /// The server, where it is the stand-in for OSS.
    pub fn oss(&self) -> &OssServer {
        match &self.held {
            Held::Oss(server) => server,
            _ => panic!("not on OSS"),
        }
    }

    pub fn store(&self, kind: ObjectKind) -> &dyn Store {
        &*self.stores[kind.index()]
    }

    pub fn at(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// A command from the old side to the new one.
    pub fn between(&self, command: &str, options: &[&str]) -> Said {
        let (old, new) = (self.at("old"), self.at("new"));
        let sides = ["--from", old.to_str().unwrap(), "--to", new.to_str().unwrap()];
        self.say(&[&[command], &sides[..], &["--data-dir", old.to_str().unwrap(), "--nworker", "8"], options].concat())
    }

    /// `fsck` of the new side.
    pub fn fsck(&self, options: &[&str]) -> Said {
        let (new, db) = (self.at("new"), self.at("old/seafile.db"));
        let side = ["fsck", "--conf", new.to_str().unwrap(), "--db", db.to_str().unwrap(), "--nworker", "8"];
        self.say(&[&side, options].concat())
    }

    /// The program with a report.
    pub fn say(&self, arguments: &[&str]) -> Said {
        let report = self.at("report.json");
        let mut command = Command::new(env!("CARGO_BIN_EXE_seaf-migrate"));
        command.env_clear().env("PATH", "/usr/bin:/bin").env("TMPDIR", self.dir.path());
        command.env("SEAF_MIGRATE_STATE_DIR", self.at("state")).args(arguments).arg("--report").arg(&report);
        let output = command.stdin(Stdio::null()).output().unwrap();
        let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        let written = std::fs::read(&report).ok().map(|text| read_report(&text));
        let _ = std::fs::remove_file(&report);
        Said { code: output.status.code(), report: written.unwrap_or_default(), text }
    }

    /// Puts these bytes there, or takes the object away.
    pub fn set(&self, kind: ObjectKind, key: &ObjectKey, data: Option<&Bytes>) {
        let store = self.store(kind);
        // Removed first in any case, because a store may leave an object alone that has the right name and size.
        store.remove(key).unwrap();
        if let Some(data) = data {
            store.write(key, data.clone()).unwrap();
        }
        store.sync().unwrap();
    }
}

impl Said {
    #[track_caller]
    pub fn assert_code(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{}", self.text);
        self
    }

    /// `kind library object error` of each row of a list.
    pub fn rows(&self, list: &str) -> Vec<[String; 4]> {
        let text = |row: &Value, field: &str| row[field].as_str().unwrap().to_owned();
        let rows = self.report[list].as_array().unwrap_or_else(|| panic!("no {list}: {}", self.text)).iter();
        rows.map(|row| ["kind", "library", "object", "error"].map(|field| text(row, field))).collect()
    }

    /// The sum of a number over the kinds.
    pub fn total(&self, number: &str) -> u64 {
        self.report["kinds"].as_array().unwrap().iter().map(|kind| kind[number].as_u64().unwrap()).sum()
    }
}
