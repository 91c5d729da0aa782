//! Configurations, passes of the real program between them, and what is at a destination afterwards.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::Mutex;

use bytes::Bytes;
use seaf_migrate::conf::{Environment, Role, SideConf, SideSource, load_side};
use seaf_migrate::object::{KeyRange, ObjectKey, ObjectKind};
use seaf_migrate::store::layer::retry::RetryPolicy;
use seaf_migrate::store::open::{OpenOptions, open_destination_to_check, open_source};
use seaf_migrate::store::{ReadStore, StoreError, control};
use seaf_migrate::sys::shutdown::Shutdown;
use tempfile::TempDir;

use super::sample::{is_in_small, sample_objects};

/// What a store of all kinds holds.
pub type Objects = BTreeMap<(ObjectKind, ObjectKey), Bytes>;

/// How many calls a test makes at once.
const AT_ONCE: usize = 8;

/// The libraries that [`unpack_small`](super::sample::unpack_small) unpacks.
pub fn small_sample() -> Objects {
    let objects = sample_objects().into_iter().filter(|(_, key, _)| is_in_small(key));
    objects.map(|(kind, key, data)| ((kind, key), data.into())).collect()
}

pub fn whole_sample() -> Objects {
    sample_objects().into_iter().map(|(kind, key, data)| ((kind, key), data.into())).collect()
}

/// A folder with a seafile.conf that has this section for each kind.
pub fn conf(section: impl Fn(ObjectKind) -> String) -> TempDir {
    let folder = tempfile::Builder::new().prefix("pairs-").tempdir().unwrap();
    let names = ["commit_object_backend", "fs_object_backend", "block_backend"];
    let sections = ObjectKind::ALL.into_iter().zip(names);
    let text: String = sections.map(|(kind, name)| format!("[{name}]\n{}\n", section(kind))).collect();
    fs::write(folder.path().join("seafile.conf"), text).unwrap();
    folder
}

fn side(conf: &Path) -> SideConf {
    let source = SideSource { path: conf.to_owned(), data_dir: None };
    load_side(&source, Role::Destination, &Environment::default()).unwrap()
}

fn options() -> OpenOptions {
    OpenOptions::new(AT_ONCE, std::time::Duration::from_secs(60), RetryPolicy::default(), &Shutdown::new())
}

/// `seaf-migrate COMMAND` from one side to the other, with a report beside the new side's seafile.conf.
pub fn start(command: &str, from: &TempDir, to: &TempDir, options: &[&str]) -> Child {
    let mut program = Command::new(env!("CARGO_BIN_EXE_seaf-migrate"));
    program.env_clear().env("PATH", "/usr/bin:/bin").env("TMPDIR", to.path()).env("SEAF_MIGRATE_STATE_DIR", to.path());
    program.args([command, "--from"]).arg(from.path()).arg("--to").arg(to.path()).args(options);
    if command == "run" {
        program.arg("--report").arg(to.path().join("report.json"));
    }
    program.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Waits for the program and wants this exit code.
#[track_caller]
pub fn finish(child: Child, code: i32) -> Output {
    let output = child.wait_with_output().unwrap();
    let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert_eq!(output.status.code(), Some(code), "\n{}\n{}", said(&output.stdout), said(&output.stderr));
    output
}

#[track_caller]
pub fn run(from: &TempDir, to: &TempDir) {
    finish(start("run", from, to, &[]), 0);
}

/// The program's own word that everything arrived, beside that of [`assert_holds`].
#[track_caller]
pub fn verify(from: &TempDir, to: &TempDir) {
    finish(start("verify", from, to, &["--sample", "20"]), 0);
}

/// A number of the last pass's report.
pub fn reported(to: &TempDir, name: &str) -> u64 {
    let report: serde_json::Value = serde_json::from_slice(&fs::read(to.path().join("report.json")).unwrap()).unwrap();
    report[name].as_u64().unwrap()
}

/// A folder that holds these objects as a server has them.
pub fn folder_of(objects: &Objects) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for ((kind, key), data) in objects {
        let id = key.id.to_string();
        let shard = folder.path().join(format!("storage/{kind}/{}/{}", key.library, &id[..2]));
        fs::create_dir_all(&shard).unwrap();
        fs::write(shard.join(&id[2..]), data).unwrap();
    }
    folder
}

/// Every object in the stores of this configuration but those of the program.
pub fn objects_of(conf: &TempDir) -> Objects {
    let (side, options) = (side(conf.path()), options());
    let found = Mutex::new(Objects::new());
    for kind in ObjectKind::ALL {
        let store = open_source(side.store(kind), &options).unwrap();
        let mut keys = keys(&*store);
        // The program's own objects are nobody's.
        keys.retain(|key| !control::is_control(key));
        each(&keys, |key| {
            let data = store.read(key)?;
            found.lock().unwrap().insert((kind, *key), data);
            Ok(())
        });
    }
    found.into_inner().unwrap()
}

/// Panics unless the stores of this configuration hold just these objects, every byte of them.
#[track_caller]
pub fn assert_holds(conf: &TempDir, expected: &Objects) {
    let found = objects_of(conf);
    let missing = expected.keys().filter(|name| !found.contains_key(name)).count();
    let foreign = found.keys().filter(|name| !expected.contains_key(name)).count();
    assert_eq!((missing, foreign), (0, 0), "missing, foreign; {} are expected", expected.len());
    for (name, data) in expected {
        assert!(found[name] == *data, "{name:?} differs");
    }
}

/// Removes every object from the stores of these sections.
pub fn empty(section: impl Fn(ObjectKind) -> String) {
    let (conf, options) = (conf(section), options());
    let side = side(conf.path());
    for kind in ObjectKind::ALL {
        let store = open_destination_to_check(side.store(kind), &options).unwrap();
        each(&keys(&*store), |key| store.remove(key));
    }
}

fn keys(store: &(impl ReadStore + ?Sized)) -> Vec<ObjectKey> {
    let mut keys = Vec::new();
    for part in store.parts(&KeyRange::ALL).unwrap() {
        let mut next = Some(part);
        while let Some(part) = next {
            let page = store.list(&part).unwrap();
            keys.extend(page.objects.iter().map(|object| object.key));
            next = page.rest;
        }
    }
    keys
}

fn each(keys: &[ObjectKey], call: impl Fn(&ObjectKey) -> Result<(), StoreError> + Sync) {
    let call = &call;
    std::thread::scope(|scope| {
        for mine in keys.chunks(keys.len().div_ceil(AT_ONCE).max(1)) {
            scope.spawn(move || mine.iter().for_each(|key| call(key).unwrap()));
        }
    });
}
