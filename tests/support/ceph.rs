//! A pool of a test's own in the cluster that `scripts/services.sh up` starts.
//! Use it with `#[path = "support/ceph.rs"] mod ceph;` (or `"../support/ceph.rs"` from a folder).

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use seaf_migrate::conf::backend::Location;
use seaf_migrate::conf::{BackendConf, CephConf, StoreConf};
use seaf_migrate::object::ObjectKind;
use seaf_migrate::store::StoreError;
use seaf_migrate::store::backend::ceph::{CephOptions, CephStore};

/// The cluster's ceph.conf; why there is none otherwise.
pub fn conf_file() -> Result<PathBuf, String> {
    let file = std::env::var_os("SEAF_TEST_CEPH_CONF");
    file.map(PathBuf::from).ok_or_else(|| "SEAF_TEST_CEPH_CONF is not set; see scripts/services.sh".to_owned())
}

/// Runs one of Ceph's programs on the cluster; returns what it prints.
pub fn run(program: &str, conf: &Path, arguments: &[&str]) -> String {
    let mut command = Command::new(program);
    let output = command.env_remove("CEPH_ARGS").arg("-c").arg(conf).args(arguments).stdin(Stdio::null()).output();
    let output = output.unwrap();
    assert!(output.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// A pool that is deleted with the value.
pub struct Pool {
    pub conf: CephConf,
}

impl Pool {
    pub fn new() -> Result<Self, String> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let config_file = conf_file()?;
        let prefix = std::env::var("SEAF_TEST_CEPH_POOL_PREFIX").unwrap_or_default();
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("{prefix}{}-{number}", std::process::id());
        run("ceph", &config_file, &["osd", "pool", "create", &name]);
        Ok(Self { conf: CephConf { config_file, pool: name, client_id: None } })
    }

    /// A pool, or `None` and a line that says why the test is skipped; where nothing may be skipped, a failure.
    pub fn or_skip() -> Option<Self> {
        let pool = Self::new();
        if let Err(why) = &pool {
            let required = std::env::var_os("SEAF_MIGRATE_REQUIRE_ALL").is_some_and(|value| value == "1");
            assert!(!required, "SKIPPED ceph: {why}, but SEAF_MIGRATE_REQUIRE_ALL=1");
            println!("SKIPPED ceph: {why}");
        }
        pool.ok()
    }

    pub fn open(&self) -> CephStore {
        open(&self.conf, &CephOptions::default()).unwrap()
    }

    /// Runs the `rados` program on the pool.
    pub fn rados(&self, arguments: &[&str]) -> String {
        run("rados", &self.conf.config_file, &[&["-p", &self.conf.pool], arguments].concat())
    }

    /// Writes a ceph.conf into `folder` that is the cluster's with other values for these options.
    pub fn conf_with(&self, folder: &Path, changes: &[(&str, &str)]) -> CephConf {
        let text = fs::read_to_string(&self.conf.config_file).unwrap();
        let kept = text.lines().filter(|line| {
            let option = line.split('=').next().unwrap().trim();
            changes.iter().all(|(changed, _)| *changed != option)
        });
        let changed: String = changes.iter().map(|(option, value)| format!("{option} = {value}\n")).collect();
        let text =
            (kept.collect::<Vec<_>>().join("\n") + "\n").replacen("[global]\n", &format!("[global]\n{changed}"), 1);
        let config_file = folder.join("ceph.conf");
        fs::write(&config_file, text).unwrap();
        CephConf { config_file, ..self.conf.clone() }
    }

    /// A ceph.conf in `folder` whose key for `client.admin` is not the cluster's.
    pub fn conf_with_wrong_key(&self, folder: &Path) -> CephConf {
        let keyring = folder.join("keyring");
        let key = Command::new("ceph-authtool").arg("--gen-print-key").output().unwrap().stdout;
        fs::write(&keyring, format!("[client.admin]\n\tkey = {}", String::from_utf8(key).unwrap())).unwrap();
        self.conf_with(folder, &[("keyring", keyring.to_str().unwrap())])
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        let name = &self.conf.pool;
        let delete = ["osd", "pool", "delete", name, name, "--yes-i-really-really-mean-it"];
        run("ceph", &self.conf.config_file, &delete);
    }
}

pub fn location(conf: &CephConf) -> Location {
    StoreConf { kind: ObjectKind::Blocks, backend: BackendConf::Ceph(conf.clone()) }.location()
}

pub fn open(conf: &CephConf, options: &CephOptions) -> Result<CephStore, StoreError> {
    CephStore::open(conf, location(conf), options)
}
