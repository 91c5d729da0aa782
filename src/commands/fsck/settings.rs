//! The options of `fsck`, and what they and the configuration files come to.

use std::path::PathBuf;

use clap::{Args, ValueHint};

use crate::commands::common::flags::{DatabaseLoginFlags, MemoryFlags, StoreFlags};
use crate::commands::common::placing::{ClassSource, place_side};
use crate::commands::common::settings::{
    SettingsError, StoreSettings, guessed_database, require_folder_of, require_two_files, resolve_database,
    resolve_memory, resolve_store, resolve_with_side, warn_of_guess,
};
use crate::conf::{DatabaseConf, Environment, Role, SideConf, SideSource};
use crate::object::LibraryId;

/// The options of `fsck`.
#[derive(Clone, Debug, Args)]
pub struct FsckFlags {
    /// The side to check: a seafile.conf, a .env file, or the folder that holds them
    #[arg(long, value_name = "CONF", value_hint = ValueHint::AnyPath)]
    pub conf: PathBuf,

    /// The seafile-data folder, for kinds that are on a filesystem without `dir`
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub data_dir: Option<PathBuf>,

    /// The database that names the newest commit (the head) of each library: an SQLite file, or
    /// mysql://user@host:port/name [default: what the conf says; without any, the heads are worked out from the
    /// commits]
    #[arg(long, value_name = "DATABASE")]
    pub db: Option<String>,

    #[command(flatten)]
    #[expect(missing_docs, reason = "the flattened group carries its own")]
    pub login: DatabaseLoginFlags,

    /// Ask no database for the heads, whatever --db or the conf says, and work them out from the commits
    #[arg(long)]
    pub no_check_heads: bool,

    /// Check only the newest commit of each library, not its history
    #[arg(long)]
    pub head_only: bool,

    /// Read every block and compare it with its id, not only ask for its size
    #[arg(long)]
    pub content: bool,

    /// Check only this library; may be repeated
    #[arg(long, value_name = "UUID")]
    pub library: Vec<LibraryId>,

    /// Write the result as JSON to FILE
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub report: Option<PathBuf>,

    /// Write the result as a page for a browser to FILE; nothing in it is fetched from anywhere
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub html: Option<PathBuf>,

    #[command(flatten)]
    #[expect(missing_docs, reason = "the flattened group carries its own")]
    pub store: StoreFlags,

    #[command(flatten)]
    #[expect(missing_docs, reason = "the flattened group carries its own")]
    pub memory: MemoryFlags,
}

/// Everything that a check of one side needs.
#[derive(Clone, Debug)]
pub struct FsckSettings {
    /// The side to check.
    pub side: SideConf,
    /// Where the heads are; `None` works them out from the commits.
    pub database: Option<DatabaseConf>,
    /// Whether nothing names that database, so that one which cannot be read is no reason not to look.
    pub database_is_guessed: bool,
    /// How to talk to the stores.
    pub store: StoreSettings,
    /// How many bytes the objects that are read may take in memory.
    pub memory: u64,
    /// Only the newest commit of each library.
    pub head_only: bool,
    /// Read and hash every block.
    pub content: bool,
    /// Only these libraries; all when empty.
    pub libraries: Vec<LibraryId>,
    /// Where the result goes as JSON.
    pub report: Option<PathBuf>,
    /// Where the page goes.
    pub html: Option<PathBuf>,
}

/// What `fsck` needs.
///
/// # Errors
/// All that is wrong with the configuration at once, or an option that cannot be as it is.
pub fn resolve(flags: &FsckFlags, env: &Environment) -> Result<FsckSettings, SettingsError> {
    let source = SideSource { path: flags.conf.clone(), data_dir: flags.data_dir.clone() };
    // A side is checked as a source is: only read, and its folders must be there.
    resolve_with_side(&source, Role::Source, env, |side| resolve_options(flags, env, side))
}

fn resolve_options(flags: &FsckFlags, env: &Environment, side: &mut SideConf) -> Result<FsckSettings, SettingsError> {
    require_folder_of("--report", flags.report.as_deref())?;
    require_folder_of("--html", flags.html.as_deref())?;
    require_two_files(flags.report.as_deref(), flags.html.as_deref())?;
    let guessed = guessed_database(flags.db.as_deref(), side);
    let database = resolve_database(flags.db.as_deref(), &flags.login, side, env)?;
    place_side(side, ClassSource { database: database.as_ref(), guessed: guessed.as_deref() })?;
    if flags.no_check_heads {
        side.database = None;
    }
    let database_is_guessed = warn_of_guess(flags.db.as_deref(), side).is_some();
    Ok(FsckSettings {
        database_is_guessed,
        database: database.filter(|_| !flags.no_check_heads),
        side: side.clone(),
        store: resolve_store(&flags.store, env)?,
        memory: resolve_memory(&flags.memory)?,
        head_only: flags.head_only,
        content: flags.content,
        libraries: flags.library.clone(),
        report: flags.report.clone(),
        html: flags.html.clone(),
    })
}
