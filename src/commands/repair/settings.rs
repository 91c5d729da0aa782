//! The options of `repair`, and what they and the configuration files come to.

use std::path::PathBuf;

use clap::builder::{OsStringValueParser, TypedValueParser};
use clap::{Args, ValueHint};

use crate::commands::common::flags::{ClassFlags, DatabaseLoginFlags, LeaseFlags, MemoryFlags, PairFlags, StoreFlags};
use crate::commands::common::lease::{LeaseSettings, resolve_lease};
use crate::commands::common::placing::{ClassSource, place_pair};
use crate::commands::common::settings::{
    SettingsError, StoreSettings, guessed_database, load_sides, require_folder_of, resolve_database, resolve_memory,
    resolve_store, temporary_folder,
};
use crate::conf::{Environment, SideConf};
use crate::history::StateDir;
use crate::object::ObjectKind;

/// The options of `repair`.
#[derive(Clone, Debug, Args)]
pub struct RepairFlags {
    /// JSON reports of run, verify or fsck: the objects that they name are looked at
    #[arg(value_name = "REPORT", required = true, value_hint = ValueHint::FilePath)]
    pub reports: Vec<PathBuf>,

    /// A side that may have the objects right: a seafile.conf, a .env file, or the folder that holds them; may be
    /// repeated, and the first that has an object right counts
    #[arg(long, value_name = "OLD_CONF", required = true, value_hint = ValueHint::AnyPath)]
    pub from: Vec<PathBuf>,

    /// The side to repair: a seafile.conf, a .env file, or the folder that holds them
    #[arg(long, value_name = "NEW_CONF", value_hint = ValueHint::AnyPath)]
    pub to: PathBuf,

    /// The old server's seafile-data folder, for kinds that are on a filesystem without `dir`
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub data_dir: Option<PathBuf>,

    /// Repair the destination of a migration that moves only this kind of object, one of commits, fs and blocks, and leaves
    /// the others where the first --from has them; may be repeated [default: every kind that the new side names]
    #[arg(long, value_name = "KIND", value_delimiter = ',')]
    pub kind: Vec<ObjectKind>,

    #[command(flatten)]
    #[expect(missing_docs, reason = "the flattened group carries its own")]
    pub classes: ClassFlags,

    /// The old server's database, which says which library is in which storage class; asked only where a side has storage
    /// classes: an SQLite file, or mysql://user@host:port/name [default: what
    /// the conf of the first --from says]
    #[arg(long, value_name = "DATABASE")]
    pub db: Option<String>,

    #[command(flatten)]
    #[expect(missing_docs, reason = "the flattened group carries its own")]
    pub login: DatabaseLoginFlags,

    /// Say what would be repaired, and write nothing
    #[arg(long)]
    pub dry_run: bool,

    /// Write a JSON report that names what was repaired and what is left to FILE
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub report: Option<PathBuf>,

    /// The list files of earlier runs (PATH of PATH.commits, PATH.fs and PATH.blocks): those of a kind of which something
    /// is repaired are forgotten, so that the next run lists the destination again
    #[arg(long, value_name = "PATH", env = "OBJECT_LIST_FILE_PATH", value_hint = ValueHint::FilePath,
          // Not the parser of paths, because it refuses an empty variable, which here means the same as none.
          value_parser = OsStringValueParser::new().map(PathBuf::from))]
    pub object_list: Option<PathBuf>,

    /// Where temporary files go [default: the system's folder]
    #[arg(long, value_name = "DIR", env = "SEAF_MIGRATE_TEMP_DIR", value_hint = ValueHint::DirPath)]
    pub temp_dir: Option<PathBuf>,

    #[command(flatten)]
    #[expect(missing_docs, reason = "the flattened group carries its own")]
    pub lease: LeaseFlags,

    #[command(flatten)]
    #[expect(missing_docs, reason = "the flattened group carries its own")]
    pub store: StoreFlags,

    #[command(flatten)]
    #[expect(missing_docs, reason = "the flattened group carries its own")]
    pub memory: MemoryFlags,
}

/// Everything that a repair needs.
#[derive(Clone, Debug)]
pub struct RepairSettings {
    /// The reports that name objects.
    pub reports: Vec<PathBuf>,
    /// The sides that may have them right, at least one.
    pub from: Vec<SideConf>,
    /// The side to repair.
    pub to: SideConf,
    /// How to talk to the stores.
    pub store: StoreSettings,
    /// How many bytes the objects in flight may take.
    pub memory: u64,
    /// Whether nothing is to be written.
    pub dry_run: bool,
    /// Where the report goes.
    pub report: Option<PathBuf>,
    /// `PATH` of the list files; `None` when none are kept.
    pub lists: Option<PathBuf>,
    /// Where temporary files go.
    pub temp_dir: PathBuf,
    /// How the lease on the destination is acquired.
    pub lease: LeaseSettings,
    /// Where it is noted that the destination was written.
    pub proofs: StateDir,
}

/// What `repair` needs.
///
/// # Errors
/// All that is wrong with the configuration at once, or an option that cannot be as it is.
pub fn resolve(flags: &RepairFlags, env: &Environment) -> Result<RepairSettings, SettingsError> {
    let (mut sources, mut destination, mut database) = (Vec::new(), None, None);
    for from in &flags.from {
        let (data_dir, kind, classes) = (flags.data_dir.clone(), flags.kind.clone(), flags.classes.clone());
        let pair = PairFlags { from: from.clone(), to: flags.to.clone(), data_dir, kind, classes };
        let (mut from, mut to) = load_sides(&pair, env)?;
        if database.is_none() {
            let guessed = guessed_database(flags.db.as_deref(), &from);
            let resolved = resolve_database(flags.db.as_deref(), &flags.login, &mut from, env);
            database = Some((resolved.map_err(|error| error.telling(&[&from, &to]))?, guessed));
        }
        let (conf, guessed) =
            database.as_ref().map_or((None, None), |(conf, guessed)| (conf.as_ref(), guessed.as_deref()));
        place_pair(&mut from, &mut to, &flags.classes.map, ClassSource { database: conf, guessed })
            .map_err(|error| error.telling(&[&from, &to]))?;
        sources.push(from);
        // What stays is where the first one has it; the others are only read.
        destination.get_or_insert(to);
    }
    let to = destination.ok_or_else(|| SettingsError::option("--from", "name a side that has the objects right"))?;
    let settings = resolve_options(flags, env, &sources, &to);
    settings.map_err(|error| error.telling(&sources.iter().chain([&to]).collect::<Vec<_>>()))
}

fn resolve_options(
    flags: &RepairFlags,
    env: &Environment,
    from: &[SideConf],
    to: &SideConf,
) -> Result<RepairSettings, SettingsError> {
    require_folder_of("--report", flags.report.as_deref())?;
    let lists = flags.object_list.clone().filter(|path| !path.as_os_str().is_empty());
    require_folder_of("OBJECT_LIST_FILE_PATH (--object-list)", lists.as_deref())?;
    Ok(RepairSettings {
        reports: flags.reports.clone(),
        from: from.to_vec(),
        to: to.clone(),
        store: resolve_store(&flags.store, env)?,
        memory: resolve_memory(&flags.memory)?,
        dry_run: flags.dry_run,
        report: flags.report.clone(),
        lists,
        temp_dir: temporary_folder(flags.temp_dir.as_deref())?,
        lease: resolve_lease(&flags.lease, env)?,
        proofs: StateDir::from_environment(env),
    })
}
