//! A machine with an old and a new side, and the program to run on it.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Once};
use std::time::Duration;

use seaf_migrate::commands::demo;
use seaf_migrate::object::ObjectKind;
use serde_json::Value;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;
use tempfile::TempDir;

use crate::support::s3_server::S3Server;
use crate::support::sample;
use crate::support::schema::read_report;

pub const ACCESS: &str = "STORYACCESSKEY";
pub const SECRET: &str = "StorySecretKey0123456789";

pub struct World {
    dir: TempDir,
}

/// Makes the programs that this one starts heed signals, though whoever started the tests may ignore them, as shells do for
/// what runs in the background: what is ignored is inherited, what is handled is not.
fn heed_signals() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        for signal in [SIGINT, SIGTERM, SIGHUP] {
            flag::register_conditional_default(signal, Arc::new(AtomicBool::new(true))).unwrap();
        }
    });
}

/// Lets others work for a moment, while a test waits for something that another process does.
pub fn pause() {
    std::thread::sleep(Duration::from_millis(2));
}

/// How a run ended and what it said.
#[derive(Debug)]
pub struct Outcome {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
    /// The report, when one was written.
    pub report: Option<Value>,
    /// The permissions of the report's file.
    pub report_mode: Option<u32>,
}

impl World {
    /// An old side that is empty, a folder for the new one, nothing else.
    pub fn new() -> Self {
        let dir = tempfile::Builder::new().prefix("story-").tempdir().unwrap();
        let world = Self { dir };
        for name in ["old", "new", "old/seafile-data/storage", "target"] {
            fs::create_dir_all(world.at(name)).unwrap();
        }
        for kind in ObjectKind::ALL {
            fs::create_dir_all(world.source().join(kind.as_str())).unwrap();
        }
        fs::write(world.at("old/seafile.conf"), "").unwrap();
        world.new_side_is_a_folder("target");
        world
    }

    /// As [`World::new`], and the old side's conf says that its database is the file in its data folder.
    pub fn with_database() -> Self {
        let world = Self::new();
        fs::write(world.at("old/seafile.conf"), "[database]\ntype = sqlite\n").unwrap();
        world
    }

    /// As [`World::new`], with a small store that real servers wrote as the old side.
    pub fn with_sample() -> Self {
        let world = Self::with_database();
        sample::unpack_small(&world.at("old"));
        world
    }

    /// As [`World::with_sample`], with a thousand objects in libraries of every kind.
    pub fn with_whole_sample() -> Self {
        let world = Self::with_database();
        demo::unpack_sample(&world.at("old")).unwrap();
        world
    }

    /// Takes the server's database away, of which the old side's conf says nothing any more.
    pub fn lose_database(&self) {
        fs::write(self.at("old/seafile.conf"), "").unwrap();
        fs::remove_file(self.at("old/seafile-data/seafile.db")).unwrap();
    }

    pub fn at(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The old side's `storage` folder.
    pub fn source(&self) -> PathBuf {
        self.at("old/seafile-data/storage")
    }

    pub fn new_side_is_a_folder(&self, name: &str) {
        fs::create_dir_all(self.at(name)).unwrap();
        let dir = self.at(name).display().to_string();
        self.write_conf("new", |_| format!("name = fs\ndir = {dir}\n"));
    }

    /// An S3 server whose buckets are folders of this world.
    pub fn s3_server(&self) -> S3Server {
        for kind in ObjectKind::ALL {
            fs::create_dir_all(self.at("buckets").join(bucket_of(kind))).unwrap();
        }
        S3Server::start(&self.at("buckets"), ACCESS, SECRET)
    }

    pub fn new_side_is_s3(&self, server: &S3Server) {
        self.write_conf("new", |kind| s3_section(server, &bucket_of(kind), SECRET));
    }

    /// Puts the old side's objects into the buckets of [`World::s3_server`], as if they had always been there.
    pub fn fill_buckets(&self) {
        for (path, data) in objects_below(&self.source()) {
            let text = path.to_str().unwrap();
            let (rest, id) = text.rsplit_once('/').unwrap();
            let (library, start) = rest.rsplit_once('/').unwrap();
            let place = self.at("buckets").join(format!("seafile-{library}/{start}{id}"));
            fs::create_dir_all(place.parent().unwrap()).unwrap();
            fs::write(place, data).unwrap();
        }
    }

    /// Writes `<side>/seafile.conf` with a section for each kind.
    pub fn write_conf(&self, side: &str, section: impl Fn(ObjectKind) -> String) {
        let names = ["commit_object_backend", "fs_object_backend", "block_backend"];
        let sections = ObjectKind::ALL.into_iter().zip(names);
        let conf: String = sections.map(|(kind, name)| format!("[{name}]\n{}\n", section(kind))).collect();
        fs::create_dir_all(self.at(side)).unwrap();
        fs::write(self.at(side).join("seafile.conf"), conf).unwrap();
    }

    /// `seaf-migrate run` from old to new, with a report.
    pub fn command(&self, options: &[&str]) -> Command {
        let mut command = self.program();
        command.args(["run", "--from"]).arg(self.at("old")).arg("--to").arg(self.at("new"));
        command.arg("--data-dir").arg(self.at("old/seafile-data"));
        command.arg("--report").arg(self.at("report.json")).args(options);
        command
    }

    /// The program in an environment that holds nothing but what it needs.
    pub fn program(&self) -> Command {
        heed_signals();
        let mut command = Command::new(env!("CARGO_BIN_EXE_seaf-migrate"));
        command
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("TMPDIR", self.dir.path())
            .env("SEAF_MIGRATE_STATE_DIR", self.at("state"))
            // Nobody else begins to write in the same instant.
            .env("SEAF_MIGRATE_LEASE_SETTLE_MS", "0");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    pub fn run(&self, options: &[&str]) -> Outcome {
        self.finish(self.command(options).spawn().unwrap())
    }

    /// `seaf-migrate verify` between the sides, with a report.
    pub fn verifying(&self, options: &[&str]) -> Command {
        let mut command = self.program();
        command.args(["verify", "--from"]).arg(self.at("old")).arg("--to").arg(self.at("new"));
        command.arg("--data-dir").arg(self.at("old/seafile-data"));
        command.arg("--report").arg(self.at("report.json")).args(options);
        command
    }

    pub fn verify(&self, options: &[&str]) -> Outcome {
        self.finish(self.verifying(options).spawn().unwrap())
    }

    /// Waits for a run that was started.
    pub fn finish(&self, child: Child) -> Outcome {
        let output = child.wait_with_output().unwrap();
        let file = self.at("report.json");
        let report_mode = fs::metadata(&file).ok().map(|metadata| metadata.permissions().mode() & 0o777);
        let report = fs::read(&file).ok().map(|text| read_report(&text));
        let _ = fs::remove_file(&file);
        Outcome {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
            report,
            report_mode,
        }
    }

    /// Panics with the first difference between the old side's objects and those below `storage`.
    pub fn assert_same(&self, storage: &Path) {
        assert_same_objects(&objects_below(&self.source()), &objects_below(storage));
    }
}

/// The bucket that a kind is in.
pub fn bucket_of(kind: ObjectKind) -> String {
    format!("seafile-{kind}")
}

pub fn s3_section(server: &S3Server, bucket: &str, secret: &str) -> String {
    let host = server.endpoint();
    format!(
        "name = s3\nbucket = {bucket}\nkey_id = {ACCESS}\nkey = {secret}\nhost = {host}\n\
         use_v4_signature = true\naws_region = us-east-1\npath_style_request = true\n"
    )
}

impl Outcome {
    /// Panics unless the run ended with this exit code; shows all that it said.
    #[track_caller]
    pub fn assert_code(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "\n--- stdout\n{}\n--- stderr\n{}", self.stdout, self.stderr);
        self
    }

    /// A number of a kind in the report.
    #[track_caller]
    pub fn number(&self, kind: &str, name: &str) -> u64 {
        let report = self.report.as_ref().expect("a report was written");
        let rows = report["kinds"].as_array().unwrap();
        rows.iter().find(|row| row["kind"] == kind).unwrap()[name].as_u64().unwrap()
    }

    /// The sum of a number over the kinds.
    #[track_caller]
    pub fn total(&self, name: &str) -> u64 {
        ObjectKind::ALL.iter().map(|kind| self.number(kind.as_str(), name)).sum()
    }

    /// The rows of `failures` or `damaged`.
    #[track_caller]
    pub fn rows(&self, list: &str) -> Vec<Value> {
        self.report.as_ref().expect("a report was written")[list].as_array().unwrap().clone()
    }
}

/// The bytes of every file below `dir`, by its path from there.
pub fn objects_below(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    demo::files_below(dir).unwrap()
}

/// As [`objects_below`], for a folder of buckets: `<kind>/<library>/<40 digits>` becomes the path
/// that the object has in a filesystem store.
pub fn objects_in_buckets(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let split = |path: &Path| {
        let text = path.to_str().unwrap();
        let (rest, id) = text.strip_prefix("seafile-").unwrap().rsplit_once('/').unwrap();
        PathBuf::from(format!("{rest}/{}/{}", &id[..2], &id[2..]))
    };
    let files = objects_below(dir).into_iter();
    // `s3s-fs` keeps metadata of an object beside it, in files whose names begin with a dot.
    files
        .filter(|(path, _)| !path.file_name().unwrap().to_str().unwrap().starts_with('.'))
        .map(|(path, data)| (split(&path), data))
        .collect()
}

#[track_caller]
pub fn assert_same_objects(here: &BTreeMap<PathBuf, Vec<u8>>, there: &BTreeMap<PathBuf, Vec<u8>>) {
    for (path, data) in here {
        match there.get(path) {
            None => panic!("{} is missing", path.display()),
            Some(copy) => assert!(copy == data, "{} differs", path.display()),
        }
    }
    let extra: Vec<_> = there.keys().filter(|path| !here.contains_key(*path)).collect();
    assert!(extra.is_empty(), "more than there should be: {extra:?}");
}

/// Reads what a running child prints until a line contains `text`.
pub fn wait_for_line(child: &mut Child, text: &str) -> String {
    let (mut seen, mut byte) = (Vec::new(), [0]);
    let out = child.stdout.as_mut().unwrap();
    while out.read(&mut byte).unwrap() == 1 {
        seen.push(byte[0]);
        if byte[0] == b'\n' && String::from_utf8_lossy(&seen).lines().last().unwrap().contains(text) {
            return String::from_utf8(seen).unwrap();
        }
    }
    panic!("the program ended without saying {text:?}:\n{}", String::from_utf8_lossy(&seen));
}
