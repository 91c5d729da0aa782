//! What several commands make of flags, environment and configuration files.
//!
//! Everything that can be found wrong without touching a store is found here.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::commands::common::flags::{DatabaseLoginFlags, ListFlags, MemoryFlags, PairFlags, StoreFlags};
use crate::conf::{
    Backend, ConfErrors, DatabaseConf, Environment, Role, SideConf, SideSource, StoreConf, load_pair_of, load_side,
};
use crate::database::{self, DatabaseError};
use crate::flow::pool::Workers;
use crate::object::LibraryId;
use crate::report::Console;
use crate::store::http::proxy::Proxies;
use crate::store::layer::retry::RetryPolicy;
use crate::store::open::OpenOptions;
use crate::sys::private_file::parent_of;
use crate::sys::shutdown::Shutdown;

/// How many listings run at once where each waits for a network.
pub(crate) const REMOTE_LISTERS: usize = 32;

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
    /// The server's database, which says which library is in which storage class, does not answer.
    #[error("{0}. It says which library is in which storage class, so nothing was done")]
    Database(#[from] DatabaseError),
    /// The same, and what is to be known of the configurations, which were read before.
    #[error("{error}\n{}", warnings.iter().map(|warning| format!("warning: {warning}")).collect::<Vec<_>>().join("\n"))]
    Told {
        /// What is wrong.
        error: Box<Self>,
        /// The warnings of both sides.
        warnings: Vec<String>,
    },
}

/// How to talk to the stores.
#[derive(Clone, Debug)]
pub struct StoreSettings {
    /// How many objects to copy at once.
    pub workers: Workers,
    /// How many listings to run at once; `None` leaves it to the backend.
    pub listers: Option<usize>,
    /// How many the machine has room for.
    pub most_listers: usize,
    /// How often and how patiently to repeat.
    pub retry: RetryPolicy,
    /// How long to wait for an answer.
    pub timeout: Duration,
    /// The proxies to go through.
    pub proxies: Proxies,
}

/// Where it is remembered what the destination holds.
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

/// Both sides, how to talk to them, and what is known of the destination.
#[derive(Clone, Debug)]
pub struct PairSettings {
    /// The old side.
    pub from: SideConf,
    /// The new side.
    pub to: SideConf,
    /// How to talk to the stores.
    pub store: StoreSettings,
    /// What is known of the destination.
    pub list: ListSettings,
}

impl SettingsError {
    /// An option that cannot be as it is: what is wrong, and what to do.
    pub fn option(option: &'static str, what: impl Into<String>) -> Self {
        Self::Option { option, what: what.into() }
    }

    /// The process's exit code: 3 for a database that does not answer, 2 for all others.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Conf(_) | Self::Option { .. } => 2,
            Self::Database(_) => 3,
            Self::Told { error, .. } => error.exit_code(),
        }
    }

    /// The same error, and the warnings of sides that were read by then.
    #[must_use]
    pub(crate) fn telling(self, sides: &[&SideConf]) -> Self {
        let warnings: Vec<String> = sides.iter().flat_map(|side| side.warnings.clone()).collect();
        if warnings.is_empty() { self } else { Self::Told { error: Box::new(self), warnings } }
    }
}

impl StoreSettings {
    /// How many objects are looked at or moved at once where their number is fixed.
    pub const fn workers(&self) -> usize {
        self.workers.count()
    }

    /// The options to open stores with. That a store is waited for is told on the console.
    pub fn open_options(&self, console: &Console, shutdown: &Shutdown) -> OpenOptions {
        let console = console.clone();
        let tell = move |sentence: &str| console.warning(format_args!("{sentence}"));
        let options = OpenOptions::new(self.workers.most(), self.timeout, self.retry, shutdown);
        options.telling(tell).through(self.proxies.clone())
    }

    /// How many listings to run at once in a store.
    pub fn listers_for(&self, conf: &StoreConf) -> usize {
        let is_folder = |leaf: &StoreConf| leaf.location().backend == Backend::Fs;
        let wanted = self.listers.unwrap_or_else(|| match conf.leaves().iter().all(is_folder) {
            true => std::thread::available_parallelism().map_or(2, usize::from),
            false => REMOTE_LISTERS,
        });
        wanted.min(self.most_listers)
    }
}

/// The database that the user named, else the one that the side's conf says, with its password. A password on the
/// command line is one more warning of the side.
///
/// # Errors
/// When what the user named is no database, or the password cannot be read.
pub(crate) fn resolve_database(
    named: Option<&str>,
    login: &DatabaseLoginFlags,
    side: &mut SideConf,
    env: &Environment,
) -> Result<Option<DatabaseConf>, SettingsError> {
    let password = database::password(login.db_password_file.as_deref(), env.get(database::PASSWORD_VARIABLE));
    let password = password.map_err(|what| SettingsError::option("--db-password-file", what))?;
    let choice = database::choose(named, side.database.as_ref(), password);
    let choice = choice.map_err(|error| SettingsError::option("--db", error.to_string()))?;
    side.warnings.extend(choice.warning.map(str::to_owned));
    Ok(choice.database)
}

/// The file that is taken for the database because nothing names one, neither `named`, which the user did, nor the side's
/// conf: what a server without `[database]` uses, or the leftover of one that has another database by now.
pub(crate) fn guessed_database(named: Option<&str>, side: &SideConf) -> Option<PathBuf> {
    match &side.database {
        Some(DatabaseConf::Sqlite { path }) if named.is_none() && side.database_is_guessed => Some(path.clone()),
        _ => None,
    }
}

/// Adds to the warnings of a side that a file is taken for its database ([`guessed_database`]). Returns the file.
pub(crate) fn warn_of_guess(named: Option<&str>, side: &mut SideConf) -> Option<PathBuf> {
    let file = guessed_database(named, side)?;
    side.warnings.push(format!(
        "nothing names the server's database, so {} is taken for it. It may be a leftover: if it is, name the database with \
         --db, or with a type in [database] of the conf",
        file.display()
    ));
    Some(file)
}

/// Both sides, how to talk to them, and what is known of the destination.
///
/// # Errors
/// An option that cannot be as it is.
pub(crate) fn resolve_pair(
    from: &SideConf,
    to: &SideConf,
    store: &StoreFlags,
    list: &ListFlags,
    env: &Environment,
) -> Result<PairSettings, SettingsError> {
    let (store, list) = (resolve_store(store, env)?, resolve_list(list)?);
    Ok(PairSettings { from: from.clone(), to: to.clone(), store, list })
}

/// What `options` makes of the options of a command with two sides. The sides are read first, so that what is to be known
/// of them is told whatever is wrong with an option.
///
/// # Errors
/// All that is wrong with the configuration at once, or an option that cannot be as it is.
pub(crate) fn resolve_with_sides<T>(
    pair: &PairFlags,
    env: &Environment,
    options: impl FnOnce(&mut SideConf, &mut SideConf) -> Result<T, SettingsError>,
) -> Result<T, SettingsError> {
    let (mut from, mut to) = load_sides(pair, env)?;
    options(&mut from, &mut to).map_err(|error| error.telling(&[&from, &to]))
}

/// As [`resolve_with_sides`], for a command with one side.
///
/// # Errors
/// As [`resolve_with_sides`].
pub(crate) fn resolve_with_side<T>(
    source: &SideSource,
    role: Role,
    env: &Environment,
    options: impl FnOnce(&mut SideConf) -> Result<T, SettingsError>,
) -> Result<T, SettingsError> {
    let mut side = load_side(source, role, env)?;
    options(&mut side).map_err(|error| error.telling(&[&side]))
}

/// Both sides, as their configuration files say.
///
/// # Errors
/// All that is wrong with them at once.
pub(crate) fn load_sides(pair: &PairFlags, env: &Environment) -> Result<(SideConf, SideConf), ConfErrors> {
    let from = SideSource { path: pair.from.clone(), data_dir: pair.data_dir.clone() };
    let to = SideSource { path: pair.to.clone(), data_dir: pair.data_dir.clone() };
    load_pair_of(&from, &to, &pair.kind, env)
}

/// How to talk to the stores.
///
/// # Errors
/// When the environment names a proxy that cannot be used.
pub fn resolve_store(flags: &StoreFlags, env: &Environment) -> Result<StoreSettings, SettingsError> {
    let proxies = match flags.no_proxy {
        true => Ok(Proxies::default()),
        false => Proxies::of_environment(env),
    };
    let proxies = proxies.map_err(|(variable, what)| SettingsError::option(variable, what))?;
    Ok(StoreSettings {
        workers: flags.nworker.workers(),
        listers: flags.listers.map(usize::from),
        most_listers: flags.most_listers,
        retry: RetryPolicy { attempts: flags.attempts, patience: flags.patience.0, ..RetryPolicy::default() },
        timeout: Duration::from_secs(flags.timeout),
        proxies,
    })
}

fn resolve_list(flags: &ListFlags) -> Result<ListSettings, SettingsError> {
    // An empty variable must mean the same as none at all, because it does to the old script.
    let prefix = flags.object_list.clone().filter(|path| !path.as_os_str().is_empty());
    require_folder_of("OBJECT_LIST_FILE_PATH (--object-list)", prefix.as_deref())?;
    let temp_dir = match (&flags.temp_dir, &prefix) {
        (None, Some(prefix)) => parent_of(prefix).to_owned(),
        (flag, _) => temporary_folder(flag.as_deref())?,
    };
    Ok(ListSettings { prefix, relist: flags.relist, recheck: flags.recheck, temp_dir })
}

/// The least that `--memory` may be: below it, single blocks hardly fit.
const LEAST_MEMORY: u64 = 16 << 20;

/// How many bytes the objects in memory may take.
///
/// # Errors
/// When it is below 16 MiB.
pub(crate) fn resolve_memory(flags: &MemoryFlags) -> Result<u64, SettingsError> {
    let bytes = flags.memory.0;
    (bytes >= LEAST_MEMORY).then_some(bytes).ok_or_else(|| SettingsError::option("--memory", "must be at least 16M"))
}

/// Where temporary files go: where `--temp-dir` says, else `TMPDIR`, else `/tmp`.
///
/// # Errors
/// When that is not a folder.
pub(crate) fn temporary_folder(flag: Option<&Path>) -> Result<PathBuf, SettingsError> {
    let (option, dir) = match flag {
        Some(dir) => ("--temp-dir", dir.to_owned()),
        None => ("TMPDIR (or --temp-dir)", tempfile::env::temp_dir()),
    };
    if dir.is_dir() {
        return Ok(dir);
    }
    Err(SettingsError::option(option, format!("{} is not a folder", dir.display())))
}

/// Refuses a file to be written that is a folder, or is in a folder that is not there. `None` is an option that was not
/// given.
///
/// # Errors
/// When it is such a file.
pub(crate) fn require_folder_of(option: &'static str, file: Option<&Path>) -> Result<(), SettingsError> {
    let Some(file) = file else { return Ok(()) };
    if file.is_dir() {
        let what = format!("{} is a folder; name a file in it", file.display());
        return Err(SettingsError::option(option, what));
    }
    let parent = parent_of(file);
    if parent.is_dir() {
        return Ok(());
    }
    let what = format!("the folder {} does not exist; create it, or name a file elsewhere", parent.display());
    Err(SettingsError::option(option, what))
}

/// Refuses a report and a page of one name: the later would replace the earlier.
///
/// # Errors
/// When they are one file.
pub(crate) fn require_two_files(report: Option<&Path>, html: Option<&Path>) -> Result<(), SettingsError> {
    let place = |path: &Path| (parent_of(path).canonicalize().ok(), path.file_name().map(ToOwned::to_owned));
    match (report, html) {
        (Some(report), Some(html)) if report == html || place(report) == place(html) => {
            let what = format!("{} is the file of --report, too; name two files", html.display());
            Err(SettingsError::option("--html", what))
        }
        _ => Ok(()),
    }
}

/// The libraries ascending, none twice.
pub(crate) fn in_order(libraries: &[LibraryId]) -> Vec<LibraryId> {
    libraries.iter().copied().collect::<BTreeSet<_>>().into_iter().collect()
}
