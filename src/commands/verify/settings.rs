//! The options of `verify`, and what they and the configuration files come to.

use std::path::PathBuf;

use clap::{Args, ValueHint};

use crate::commands::common::flags::{DatabaseLoginFlags, MemoryFlags, PairFlags, StoreFlags, percent};
use crate::commands::common::placing::{ClassSource, place_pair};
use crate::commands::common::settings::{
    SettingsError, StoreSettings, in_order, require_folder_of, require_two_files, resolve_database, resolve_memory,
    resolve_store, resolve_with_sides, temporary_folder, warn_of_guess,
};
use crate::commands::common::size::ByteSize;
use crate::conf::{DatabaseConf, Environment, SideConf};
use crate::history::StateDir;
use crate::object::LibraryId;

/// The options of `verify`.
#[derive(Clone, Debug, Args)]
pub struct VerifyFlags {
    #[command(flatten)]
    #[expect(missing_docs, reason = "the flattened group carries its own")]
    pub pair: PairFlags,

    /// Read every object at the destination and compare its content with its id (a commit's with the source, too), not
    /// only ids and sizes
    #[arg(long, conflicts_with = "sample")]
    pub content: bool,

    /// Read a random share of the objects at the destination, and compare their content with their ids
    #[arg(long, value_name = "PERCENT", default_value = "0", value_parser = percent)]
    pub sample: f64,

    /// Verify only this library; may be repeated
    #[arg(long, value_name = "UUID")]
    pub library: Vec<LibraryId>,

    /// The old server's database: an SQLite file, or mysql://user@host:port/name [default: what the old conf
    /// says]; the newest commit of each library is noted for whoever deletes the old side later
    #[arg(long, value_name = "DATABASE")]
    pub db: Option<String>,

    #[command(flatten)]
    #[expect(missing_docs, reason = "the flattened group carries its own")]
    pub login: DatabaseLoginFlags,

    /// Do not note the newest commits, and do not ask the database for them; whoever deletes the old side later needs them
    #[arg(long)]
    pub no_check_heads: bool,

    /// Keep in DIR what is known, so that an interrupted verification goes on from there; removed at its end
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub checkpoint: Option<PathBuf>,

    /// Write a JSON report with every count and every finding to FILE
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub report: Option<PathBuf>,

    /// Write the result as a page for a browser to FILE; nothing in it is fetched from anywhere
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub html: Option<PathBuf>,

    /// Exit with code 5 when the only damage is that of the source itself
    #[arg(long)]
    pub strict: bool,

    /// Where temporary files go without a checkpoint [default: the system's folder]
    #[arg(long, value_name = "DIR", env = "SEAF_MIGRATE_TEMP_DIR", value_hint = ValueHint::DirPath)]
    pub temp_dir: Option<PathBuf>,

    #[command(flatten)]
    #[expect(missing_docs, reason = "the flattened group carries its own")]
    pub store: StoreFlags,

    /// How much may be read in a second, by all workers together [default: no limit]
    #[arg(long, value_name = "SIZE", help_heading = "Speed and patience")]
    pub bandwidth: Option<ByteSize>,

    #[command(flatten)]
    #[expect(missing_docs, reason = "the flattened group carries its own")]
    pub memory: MemoryFlags,
}

/// Everything that a verification needs.
#[derive(Clone, Debug)]
pub struct VerifySettings {
    /// The old side.
    pub from: SideConf,
    /// The new side.
    pub to: SideConf,
    /// How to talk to the stores.
    pub store: StoreSettings,
    /// How many bytes the objects in flight may take.
    pub memory: u64,
    /// Which share of the objects to read and hash, in percent.
    pub content_percent: f64,
    /// How many bytes a second may be read; `None` is no limit.
    pub bandwidth: Option<u64>,
    /// Only these libraries, ascending, none twice; all when empty.
    pub libraries: Vec<LibraryId>,
    /// The server's tables; `None` notes no newest commits.
    pub database: Option<DatabaseConf>,
    /// Whether the user named that database, so that it must answer.
    pub database_is_named: bool,
    /// Where to keep what is known, so that it can be gone on with.
    pub checkpoint: Option<PathBuf>,
    /// Where temporary files go without a checkpoint.
    pub temp_dir: PathBuf,
    /// Where the report goes.
    pub report: Option<PathBuf>,
    /// Where the page goes.
    pub html: Option<PathBuf>,
    /// Whether damage in the source makes the verification fail.
    pub strict: bool,
    /// Where the result is noted for `remove`.
    pub state_dir: StateDir,
}

/// What `verify` needs.
///
/// # Errors
/// All that is wrong with the configuration at once, or an option that cannot be as it is.
pub fn resolve(flags: &VerifyFlags, env: &Environment) -> Result<VerifySettings, SettingsError> {
    resolve_with_sides(&flags.pair, env, |from, to| resolve_options(flags, env, from, to))
}

fn resolve_options(
    flags: &VerifyFlags,
    env: &Environment,
    from: &mut SideConf,
    to: &mut SideConf,
) -> Result<VerifySettings, SettingsError> {
    require_folder_of("--report", flags.report.as_deref())?;
    require_folder_of("--html", flags.html.as_deref())?;
    require_two_files(flags.report.as_deref(), flags.html.as_deref())?;
    // The folder itself is made when it is not there yet.
    require_folder_of("--checkpoint", flags.checkpoint.as_deref().filter(|dir| !dir.is_dir()))?;
    let bandwidth = flags.bandwidth.map(|size| size.0);
    if bandwidth == Some(0) {
        return Err(SettingsError::option("--bandwidth", "must be more than 0; leave it out for no limit"));
    }
    let temp_dir = temporary_folder(flags.temp_dir.as_deref())?;
    let guessed = warn_of_guess(flags.db.as_deref(), from);
    let database = resolve_database(flags.db.as_deref(), &flags.login, from, env)?;
    let source = ClassSource { database: database.as_ref(), guessed: guessed.as_deref() };
    place_pair(from, to, &flags.pair.classes.map, source)?;
    Ok(VerifySettings {
        database: database.filter(|_| !flags.no_check_heads),
        database_is_named: flags.db.is_some(),
        from: from.clone(),
        to: to.clone(),
        store: resolve_store(&flags.store, env)?,
        memory: resolve_memory(&flags.memory)?,
        content_percent: if flags.content { 100.0 } else { flags.sample },
        bandwidth,
        libraries: in_order(&flags.library),
        checkpoint: flags.checkpoint.clone(),
        temp_dir,
        report: flags.report.clone(),
        html: flags.html.clone(),
        strict: flags.strict,
        state_dir: StateDir::from_environment(env),
    })
}
