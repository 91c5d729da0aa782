//! Flags, environment and configuration files resolved into what a pass needs.
//!
//! Everything that can be found wrong without touching a store is found here.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::commands::common::flags::{CheckFlags, HeadsFlags, ListFlags, PairFlags, PlanFlags, RunFlags, StoreFlags};
use crate::commands::common::size::ByteSize;
use crate::conf::{Backend, ConfErrors, DatabaseConf, Environment, SideConf, SideSource, StoreConf, load_pair};
use crate::database;
use crate::history::StateDir;
use crate::store::layer::retry::RetryPolicy;
use crate::store::open::OpenOptions;
use crate::sys::shutdown::Shutdown;

/// How many listings run at once where each waits for a network.
const REMOTE_LISTERS: usize = 32;

/// The least that `--memory` may be: below it, single blocks hardly fit.
const LEAST_MEMORY: u64 = 16 << 20;

/// A usage or configuration error: exit code 2.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// What is wrong in the configuration files, one line each.
    #[error(transparent)]
    Conf(#[from] ConfErrors),
    /// An option that cannot be as it is.
    #[error("{option}: {what}")]
    Option {
        /// The option's name on the command line.
        option: &'static str,
        /// What is wrong, and what to do.
        what: String,
    },
}

/// How to talk to the stores.
#[derive(Clone, Debug)]
pub struct StoreSettings {
    /// How many objects to copy at once.
    pub workers: usize,
    /// How many listings to run at once; `None` leaves it to the backend.
    pub listers: Option<usize>,
    /// How often and how patiently to repeat.
    pub retry: RetryPolicy,
    /// How long to wait for an answer.
    pub timeout: Duration,
}

/// Where the pass remembers what the destination holds.
#[derive(Clone, Debug)]
pub struct ListSettings {
    /// `PATH` of the files `PATH.<kind>`; `None` keeps nothing beyond the pass.
    pub prefix: Option<PathBuf>,
    /// List the destination whatever the files say.
    pub relist: bool,
    /// How much of a list to ask the destination for before it is believed, in percent.
    pub recheck: f64,
    /// Where temporary files go.
    pub temp_dir: PathBuf,
}

/// Everything that a check needs.
#[derive(Clone, Debug)]
pub struct CheckSettings {
    /// The old side.
    pub from: SideConf,
    /// The new side.
    pub to: SideConf,
    /// How to talk to the stores.
    pub store: StoreSettings,
}

/// Everything that a dry run needs.
#[derive(Clone, Debug)]
pub struct PlanSettings {
    /// The old side.
    pub from: SideConf,
    /// The new side.
    pub to: SideConf,
    /// How to talk to the stores.
    pub store: StoreSettings,
    /// What is known of the destination.
    pub list: ListSettings,
}

/// Everything that a pass needs.
#[derive(Clone, Debug)]
pub struct RunSettings {
    /// Both sides, and how to list them.
    pub plan: PlanSettings,
    /// How many objects may wait for a worker.
    pub queue: usize,
    /// How many bytes the objects in flight may take.
    pub memory: u64,
    /// Where the report goes.
    pub report: Option<PathBuf>,
    /// Where the page goes.
    pub html: Option<PathBuf>,
    /// Whether damage in the source makes the pass fail.
    pub strict: bool,
    /// Whether to see that every library's head is whole at the destination.
    pub heads: HeadsSettings,
    /// The report of an earlier pass, of which only the failures are to be copied.
    pub retry_failed: Option<PathBuf>,
    /// Where the pass notes its beginning and its end; `None` notes nothing.
    pub proofs: Option<StateDir>,
}

/// When to look for the heads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhenHeads {
    /// Not at all.
    Never,
    /// When there is a database that answers.
    Possible,
    /// Always: without an answer there is no pass.
    Demanded,
}

/// Whether and how to see that every library's head is whole at the destination.
#[derive(Clone, Debug)]
pub struct HeadsSettings {
    /// When to look.
    pub when: WhenHeads,
    /// The server's database, where it is known.
    pub database: Option<DatabaseConf>,
}

impl StoreSettings {
    /// The options to open stores with.
    pub fn open_options(&self, stop: &Shutdown) -> OpenOptions {
        OpenOptions::new(self.workers, self.timeout, self.retry, stop)
    }

    /// How many listings to run at once in a store.
    pub fn listers_for(&self, conf: &StoreConf) -> usize {
        self.listers.unwrap_or_else(|| match conf.location().backend {
            Backend::Fs => std::thread::available_parallelism().map_or(2, usize::from),
            _ => REMOTE_LISTERS,
        })
    }
}

/// What `run` needs.
///
/// # Errors
/// All that is wrong with the configuration at once, or an option that cannot be as it is.
pub fn resolve_run(flags: &RunFlags, env: &Environment) -> Result<RunSettings, SettingsError> {
    if flags.decrypt {
        return Err(SettingsError::Option {
            option: "--decrypt",
            what: "decrypting a store while it is migrated is not supported yet; nothing was done".to_owned(),
        });
    }
    require_memory(flags.memory)?;
    for (option, file) in [("--report", &flags.report), ("--html", &flags.html)] {
        file.as_deref().map_or(Ok(()), |file| require_parent(option, file))?;
    }
    let plan = resolve_pair(&flags.pair, &flags.store, &flags.list, env)?;
    Ok(RunSettings {
        heads: resolve_heads(&flags.heads, plan.from.database.as_ref())?,
        plan,
        queue: flags.maxsize as usize,
        memory: flags.memory.0,
        report: flags.report.clone(),
        html: flags.html.clone(),
        strict: flags.strict,
        retry_failed: flags.retry_failed.clone(),
        proofs: Some(StateDir::from_environment(env)),
    })
}

fn resolve_heads(flags: &HeadsFlags, configured: Option<&DatabaseConf>) -> Result<HeadsSettings, SettingsError> {
    let database = resolve_database(flags.db.as_deref(), configured)?;
    let when = match (flags.check_heads, flags.no_check_heads) {
        (_, true) => WhenHeads::Never,
        (true, _) => WhenHeads::Demanded,
        _ => WhenHeads::Possible,
    };
    if when == WhenHeads::Demanded && database.is_none() {
        let what = "no database is configured; name it with --db, or in [database] of the old seafile.conf".to_owned();
        return Err(SettingsError::Option { option: "--check-heads", what });
    }
    Ok(HeadsSettings { when, database })
}

/// The database that the user named, else the one that the conf says.
pub(crate) fn resolve_database(
    named: Option<&str>,
    configured: Option<&DatabaseConf>,
) -> Result<Option<DatabaseConf>, SettingsError> {
    let parsed = named.map(database::parse).transpose();
    let named = parsed.map_err(|error| SettingsError::Option { option: "--db", what: error.to_string() })?;
    Ok(named.or_else(|| configured.cloned()))
}

/// What `plan` needs.
///
/// # Errors
/// As [`resolve_run`].
pub fn resolve_plan(flags: &PlanFlags, env: &Environment) -> Result<PlanSettings, SettingsError> {
    resolve_pair(&flags.pair, &flags.store, &flags.list, env)
}

/// What `check` needs.
///
/// # Errors
/// As [`resolve_run`].
pub fn resolve_check(flags: &CheckFlags, env: &Environment) -> Result<CheckSettings, SettingsError> {
    let (from, to) = load_sides(&flags.pair, env)?;
    Ok(CheckSettings { from, to, store: resolve_store(&flags.store) })
}

fn resolve_pair(
    pair: &PairFlags,
    store: &StoreFlags,
    list: &ListFlags,
    env: &Environment,
) -> Result<PlanSettings, SettingsError> {
    let (from, to) = load_sides(pair, env)?;
    Ok(PlanSettings { from, to, store: resolve_store(store), list: resolve_list(list)? })
}

pub(crate) fn load_sides(pair: &PairFlags, env: &Environment) -> Result<(SideConf, SideConf), ConfErrors> {
    let from = SideSource { path: pair.from.clone(), data_dir: pair.data_dir.clone() };
    let to = SideSource { path: pair.to.clone(), data_dir: pair.data_dir.clone() };
    load_pair(&from, &to, env)
}

/// How to talk to the stores.
pub fn resolve_store(flags: &StoreFlags) -> StoreSettings {
    StoreSettings {
        workers: flags.nworker.into(),
        listers: flags.listers.map(usize::from),
        retry: RetryPolicy { attempts: flags.attempts, ..RetryPolicy::default() },
        timeout: Duration::from_secs(flags.timeout),
    }
}

fn resolve_list(flags: &ListFlags) -> Result<ListSettings, SettingsError> {
    // An empty variable must mean the same as none at all, because it does to the old script.
    let prefix = flags.object_list.clone().filter(|path| !path.as_os_str().is_empty());
    if let Some(prefix) = &prefix {
        require_parent("OBJECT_LIST_FILE_PATH (--object-list)", prefix)?;
    }
    let temp_dir = match (&flags.temp_dir, &prefix) {
        (None, Some(prefix)) => parent_of(prefix).to_owned(),
        (flag, _) => temporary_folder(flag.as_deref())?,
    };
    Ok(ListSettings { prefix, relist: flags.relist, recheck: flags.recheck, temp_dir })
}

pub(crate) fn require_memory(memory: ByteSize) -> Result<(), SettingsError> {
    if memory.0 < LEAST_MEMORY {
        return Err(SettingsError::Option { option: "--memory", what: "must be at least 16M".to_owned() });
    }
    Ok(())
}

/// Where temporary files go: where `--temp-dir` says, else `TMPDIR`, else `/tmp`.
pub(crate) fn temporary_folder(flag: Option<&Path>) -> Result<PathBuf, SettingsError> {
    let (option, dir) = match flag {
        Some(dir) => ("--temp-dir", dir.to_owned()),
        None => ("TMPDIR (or --temp-dir)", tempfile::env::temp_dir()),
    };
    if dir.is_dir() {
        return Ok(dir);
    }
    Err(SettingsError::Option { option, what: format!("{} is not a folder", dir.display()) })
}

pub(crate) fn require_parent(option: &'static str, file: &Path) -> Result<(), SettingsError> {
    let parent = parent_of(file);
    if file.is_dir() {
        let what = format!("{} is a folder; name a file in it", file.display());
        return Err(SettingsError::Option { option, what });
    }
    if parent.is_dir() {
        return Ok(());
    }
    let what = format!("the folder {} does not exist; create it, or name a file elsewhere", parent.display());
    Err(SettingsError::Option { option, what })
}

pub(crate) fn parent_of(file: &Path) -> &Path {
    file.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."))
}
