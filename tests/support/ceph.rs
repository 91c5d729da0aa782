//! A pool of a test's own in the cluster that `scripts/services.sh up` starts.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};

use rustix::process::{Pid, Signal, kill_process};
use seaf_migrate::conf::backend::Location;
use seaf_migrate::conf::{BackendConf, CephConf, StoreConf};
use seaf_migrate::object::ObjectKind;
use seaf_migrate::store::StoreError;
use seaf_migrate::store::backend::ceph::{CephOptions, CephStore};

use super::skip::{Missing, skip, variable};

/// The cluster's ceph.conf; why there is none otherwise.
pub fn conf_file() -> Result<PathBuf, Missing> {
    variable("SEAF_TEST_CEPH_CONF").map(PathBuf::from)
}

/// How many tests use the cluster now.
struct Users {
    sharing: usize,
    is_one_alone: bool,
}

static USERS: (Mutex<Users>, Condvar) = (Mutex::new(Users { sharing: 0, is_one_alone: false }), Condvar::new());

/// Waits until the users allow it, and changes them.
fn change_users(is_in_the_way: impl Fn(&Users) -> bool, change: impl Fn(&mut Users)) {
    let users = USERS.0.lock().unwrap_or_else(PoisonError::into_inner);
    let mut users = USERS.1.wait_while(users, |users| is_in_the_way(users)).unwrap_or_else(PoisonError::into_inner);
    change(&mut users);
    USERS.1.notify_all();
}

/// The cluster in use by a test that others may use it beside: none of them stops its OSD meanwhile.
pub struct Shared(());

impl Shared {
    /// Waits for a test that has the cluster alone.
    pub fn new() -> Self {
        change_users(|users| users.is_one_alone, |users| users.sharing += 1);
        Self(())
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        change_users(|_| false, |users| users.sharing -= 1);
    }
}

/// The cluster in use by one test alone, which may stop its OSD.
pub struct Alone(());

impl Alone {
    /// Waits for every other test.
    pub fn new() -> Self {
        change_users(|users| users.is_one_alone || users.sharing > 0, |users| users.is_one_alone = true);
        Self(())
    }

    /// A pool for this test, or `None` after saying why it is skipped.
    pub fn pool_or_skip(&self) -> Option<Pool> {
        Pool::make(None).map_err(|Missing(why)| skip("ceph", why)).ok()
    }

    /// Stops the OSD until the value is dropped.
    pub fn freeze_osd(&self) -> Frozen {
        let pid = variable("SEAF_TEST_CEPH_OSD_PID").unwrap().parse().unwrap();
        let osd = Pid::from_raw(pid).unwrap();
        kill_process(osd, Signal::STOP).unwrap();
        Frozen(osd)
    }
}

impl Drop for Alone {
    fn drop(&mut self) {
        change_users(|_| false, |users| users.is_one_alone = false);
    }
}

/// The OSD, standing still until the value is dropped.
pub struct Frozen(Pid);

impl Drop for Frozen {
    fn drop(&mut self) {
        kill_process(self.0, Signal::CONT).unwrap();
    }
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
    /// `None` where the test has the cluster alone.
    _cluster: Option<Shared>,
}

impl Pool {
    pub fn new() -> Result<Self, Missing> {
        Self::make(Some(Shared::new()))
    }

    fn make(cluster: Option<Shared>) -> Result<Self, Missing> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let config_file = conf_file()?;
        let prefix = variable("SEAF_TEST_CEPH_POOL_PREFIX").unwrap_or_else(|_| String::new());
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("{prefix}{}-{number}", std::process::id());
        run("ceph", &config_file, &["osd", "pool", "create", &name]);
        Ok(Self { conf: CephConf { config_file, pool: name, client_id: None }, _cluster: cluster })
    }

    /// A pool, or `None` after saying why the test is skipped.
    pub fn or_skip() -> Option<Self> {
        Self::new().map_err(|Missing(why)| skip("ceph", why)).ok()
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
    StoreConf::new(ObjectKind::Blocks, BackendConf::Ceph(conf.clone())).location()
}

pub fn open(conf: &CephConf, options: &CephOptions) -> Result<CephStore, StoreError> {
    CephStore::open(conf, location(conf), options)
}
