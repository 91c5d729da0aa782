//! The options of `remove`, and what they and the configuration files come to.

use std::path::{Path, PathBuf};

use clap::{Args, ValueHint};

use crate::commands::common::flags::{PairFlags, StoreFlags};
use crate::commands::common::settings::{
    SettingsError, StoreSettings, load_sides, parent_of, require_parent, resolve_store, temporary_folder,
};
use crate::conf::{DatabaseConf, Environment, SideConf};
use crate::database;
use crate::history::{Pair, StateDir};
use crate::object::LibraryId;

/// The options of `remove`.
#[derive(Clone, Debug, Args)]
pub struct RemoveFlags {
    #[command(flatten)]
    #[expect(missing_docs, reason = "the flattened group carries its own")]
    pub pair: PairFlags,

    /// Remove; without it, only what would be removed is said
    #[arg(long)]
    pub yes: bool,

    /// Only this library; may be repeated
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

    /// The server's database: an SQLite file, or mysql://user:password@host:port/name [default: what the old conf says]
    #[arg(long, value_name = "DATABASE")]
    pub db: Option<String>,

    /// You vouch that no server works on the old stores; needed where no database can tell
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
    pub store: StoreFlags,
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
    /// Whether to remove, and not only to say what would be.
    pub yes: bool,
    /// Only these libraries, ascending; all when empty.
    pub libraries: Vec<LibraryId>,
    /// Whether the destination's objects are read and not only measured.
    pub content: bool,
    /// Objects a second at most.
    pub rate: Option<u32>,
    /// Where each object is noted before it is removed.
    pub journal: PathBuf,
    /// Where the heads are.
    pub database: Option<DatabaseConf>,
    /// Whether the user vouches that no server works on the old stores.
    pub server_is_stopped: bool,
    /// Where the report goes.
    pub report: Option<PathBuf>,
    /// Where temporary files go.
    pub temp_dir: PathBuf,
    /// Where the pair's verification is noted.
    pub proofs: StateDir,
}

/// What `remove` needs.
///
/// # Errors
/// All that is wrong with the configuration at once, or an option that cannot be as it is.
pub fn resolve_remove(flags: &RemoveFlags, env: &Environment) -> Result<RemoveSettings, SettingsError> {
    let (from, to) = load_sides(&flags.pair, env)?;
    let proofs = StateDir::from_environment(env);
    let journal = match &flags.journal {
        Some(journal) => {
            require_parent("--journal", journal)?;
            journal.clone()
        }
        None => proofs.removals(&Pair::new(&from, &to)),
    };
    if let Some(report) = &flags.report {
        require_parent("--report", report)?;
        if is_same_file(report, &journal) {
            let what = "the report would replace the journal; name another file".to_owned();
            return Err(SettingsError::Option { option: "--report", what });
        }
    }
    let temp_dir = temporary_folder(flags.temp_dir.as_deref())?;
    let named = flags.db.as_deref().map(database::parse).transpose();
    let named = named.map_err(|error| SettingsError::Option { option: "--db", what: error.to_string() })?;
    let mut libraries = flags.library.clone();
    libraries.sort_unstable();
    libraries.dedup();
    Ok(RemoveSettings {
        database: named.or_else(|| from.database.clone()),
        from,
        to,
        store: resolve_store(&flags.store),
        yes: flags.yes,
        libraries,
        content: flags.content,
        rate: flags.rate,
        journal,
        server_is_stopped: flags.server_is_stopped,
        report: flags.report.clone(),
        temp_dir,
        proofs,
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
