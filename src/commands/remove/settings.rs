//! The options of `remove`, and what they and the configuration files come to.

use std::path::{Path, PathBuf};

use clap::{Args, ValueHint};
use serde::Serialize;

use crate::commands::common::flags::{DatabaseLoginFlags, LeaseFlags, PairFlags, StoreFlags};
use crate::commands::common::lease::{LeaseSettings, resolve_lease};
use crate::commands::common::placing::{ClassSource, place_pair};
use crate::commands::common::settings::{
    SettingsError, StoreSettings, guessed_database, in_order, require_folder_of, resolve_database, resolve_store,
    resolve_with_sides, temporary_folder,
};
use crate::conf::{BackendConf, DatabaseConf, Environment, SideConf, StoreConf};
use crate::history::{Pair, StateDir, VerifyNote};
use crate::object::LibraryId;
use crate::sys::private_file::parent_of;

/// The options of `remove`.
#[derive(Clone, Debug, Args)]
pub struct RemoveFlags {
    #[command(flatten)]
    #[expect(missing_docs, reason = "the flattened group carries its own")]
    pub pair: PairFlags,

    /// Delete; without this option nothing is deleted, and the command says what it would delete
    #[arg(long)]
    pub yes: bool,

    /// Delete for good what an earlier removal moved to the quarantine of a folder store, after asking the destination for
    /// each object once more
    #[arg(long, conflicts_with = "restore")]
    pub purge: bool,

    /// Move back to the old side what is in quarantine
    #[arg(long)]
    pub restore: bool,

    /// Delete only what belongs to this library; may be repeated
    #[arg(long, value_name = "UUID")]
    pub library: Vec<LibraryId>,

    /// Read each object at the destination and compare it with its id before the source's is removed, not only its size
    #[arg(long)]
    pub content: bool,

    /// Remove at most N objects a second
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub rate: Option<u32>,

    /// Note each object in FILE before it is removed; FILE is only ever appended to
    /// [default: beside the notes about the pair, in SEAF_MIGRATE_STATE_DIR]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub journal: Option<PathBuf>,

    /// The server's database: an SQLite file, or mysql://user@host:port/name [default: what the old conf says]
    #[arg(long, value_name = "DATABASE")]
    pub db: Option<String>,

    #[command(flatten)]
    #[expect(missing_docs, reason = "the flattened group carries its own")]
    pub login: DatabaseLoginFlags,

    /// State that no server works on the old stores; needed where no database can tell
    #[arg(long)]
    pub server_is_stopped: bool,

    /// Write a JSON report with every count and every object that was kept to FILE
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub report: Option<PathBuf>,

    /// Where temporary files go [default: the system's folder for them]
    #[arg(long, value_name = "DIR", env = "SEAF_MIGRATE_TEMP_DIR", value_hint = ValueHint::DirPath)]
    pub temp_dir: Option<PathBuf>,

    #[command(flatten)]
    #[expect(missing_docs, reason = "the flattened group carries its own")]
    pub lease: LeaseFlags,

    #[command(flatten)]
    #[expect(missing_docs, reason = "the flattened group carries its own")]
    pub store: StoreFlags,
}

/// What a removal does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// Moves the objects of folders to the quarantine, and deletes those of other stores.
    Remove,
    /// Deletes for good what is in quarantine.
    Purge,
    /// Moves back what is in quarantine.
    Restore,
}

impl RemoveFlags {
    const fn stage(&self) -> Stage {
        match (self.purge, self.restore) {
            (true, _) => Stage::Purge,
            (false, true) => Stage::Restore,
            (false, false) => Stage::Remove,
        }
    }
}

/// Everything that a removal needs.
#[derive(Clone, Debug)]
pub struct RemoveSettings {
    /// The old side, which is removed from.
    pub from: SideConf,
    /// The new side, which must hold what is removed.
    pub to: SideConf,
    /// How to talk to the stores.
    pub store: StoreSettings,
    /// What is done.
    pub stage: Stage,
    /// Whether to do it, and not only to say what would be done.
    pub yes: bool,
    /// Only these libraries, ascending, none twice; all when empty.
    pub libraries: Vec<LibraryId>,
    /// Whether the destination's objects are read and not only measured.
    pub content: bool,
    /// Objects a second at most.
    pub rate: Option<u32>,
    /// Where each object is noted before it is removed.
    pub journal: PathBuf,
    /// Where the heads are; `None` also where nothing names the database.
    pub database: Option<DatabaseConf>,
    /// Whether the user vouches that no server works on the old stores.
    pub server_is_stopped: bool,
    /// Where the report goes.
    pub report: Option<PathBuf>,
    /// Where temporary files go.
    pub temp_dir: PathBuf,
    /// How the lease on the destination is acquired.
    pub lease: LeaseSettings,
    /// Where the verification of these two sides is noted.
    pub state_dir: StateDir,
    /// What vouches for the destination.
    pub proof: Proof,
}

/// What vouches for the destination before anything is removed.
#[derive(Clone, Debug)]
pub enum Proof {
    /// The newest verification of all libraries, as it is noted.
    Noted,
    /// A verification of the libraries of this removal alone, that ended just now and read every object.
    JustVerified(Box<VerifyNote>),
}

impl RemoveSettings {
    /// Whether anything that is removed goes to a quarantine: an object of a folder, in the first stage.
    pub fn quarantines(&self) -> bool {
        let is_folder = |store: StoreConf| matches!(store.backend, BackendConf::Fs(_)) && !store.stays;
        self.stage == Stage::Remove && self.from.stores.values().flat_map(StoreConf::leaves).any(is_folder)
    }
}

/// What `remove` needs.
///
/// # Errors
/// All that is wrong with the configuration at once, or an option that cannot be as it is.
pub fn resolve(flags: &RemoveFlags, env: &Environment) -> Result<RemoveSettings, SettingsError> {
    resolve_with_sides(&flags.pair, env, |from, to| resolve_options(flags, env, from, to))
}

fn resolve_options(
    flags: &RemoveFlags,
    env: &Environment,
    from: &mut SideConf,
    to: &mut SideConf,
) -> Result<RemoveSettings, SettingsError> {
    require_folder_of("--journal", flags.journal.as_deref())?;
    require_folder_of("--report", flags.report.as_deref())?;
    let temp_dir = temporary_folder(flags.temp_dir.as_deref())?;
    let state_dir = StateDir::from_environment(env);
    let journal = flags.journal.clone().unwrap_or_else(|| state_dir.removals(&Pair::new(from, to)));
    if flags.report.as_ref().is_some_and(|report| is_same_file(report, &journal)) {
        let what = "the report would replace the journal; name another file";
        return Err(SettingsError::option("--report", what));
    }
    let named = flags.db.as_deref();
    let guessed = guessed_database(named, from);
    let database = resolve_database(named, &flags.login, from, env)?;
    let source = ClassSource { database: database.as_ref(), guessed: guessed.as_deref() };
    place_pair(from, to, &flags.pair.classes.map, source)?;
    Ok(RemoveSettings {
        // The heads of a leftover rest for ever, whatever the server does: it is no witness.
        database: database.filter(|_| guessed.is_none()),
        from: from.clone(),
        to: to.clone(),
        store: resolve_store(&flags.store, env)?,
        stage: flags.stage(),
        yes: flags.yes,
        libraries: in_order(&flags.library),
        content: flags.content,
        rate: flags.rate,
        journal,
        server_is_stopped: flags.server_is_stopped,
        report: flags.report.clone(),
        temp_dir,
        lease: resolve_lease(&flags.lease, env)?,
        state_dir,
        proof: Proof::Noted,
    })
}

/// Whether two paths name one file, whether or not it is there.
fn is_same_file(one: &Path, other: &Path) -> bool {
    let real = |path: &Path| {
        let folder = parent_of(path).canonicalize().ok()?;
        let path = folder.join(path.file_name()?);
        Some(path.canonicalize().unwrap_or(path))
    };
    real(one).is_some_and(|path| Some(path) == real(other))
}
