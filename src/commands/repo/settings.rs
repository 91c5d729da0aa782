//! The options of `repo`, and what they and the configuration file come to.

use std::path::PathBuf;

use clap::{Args, ValueHint};

use crate::commands::common::flags::{DatabaseLoginFlags, LeaseFlags, MemoryFlags, StoreFlags};
use crate::commands::common::lease::{LeaseSettings, resolve_lease};
use crate::commands::common::settings::{
    SettingsError, StoreSettings, guessed_database, resolve_database, resolve_memory, resolve_store, resolve_with_side,
    temporary_folder,
};
use crate::conf::{BackendConf, DatabaseConf, Environment, Role, SideConf, SideSource, StoreConf};
use crate::history::StateDir;
use crate::object::{LibraryId, PerKind};

/// The options of `repo`.
#[derive(Clone, Debug, Args)]
pub struct RepoFlags {
    /// The libraries to move (all of ORIGIN when none is named), then the class that they are in, then the class that they
    /// go to: [LIBRARY...] ORIGIN DESTINATION
    #[arg(value_name = "LIBRARY|CLASS", required_unless_present = "status")]
    pub words: Vec<String>,

    /// The server: its seafile.conf, its .env file, or the folder that holds them
    #[arg(long, value_name = "CONF", value_hint = ValueHint::AnyPath, required_unless_present = "status")]
    pub conf: Option<PathBuf>,

    /// The seafile-data folder, for kinds that are on a filesystem without `dir`
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub data_dir: Option<PathBuf>,

    /// Say what would be moved, and move nothing
    #[arg(long)]
    pub dry_run: bool,

    /// Say which libraries are on their way, and how far each is
    #[arg(long, conflicts_with_all = ["words", "dry_run"])]
    pub status: bool,

    /// Remove from a class what is left of a library that moved away from it: LIBRARY CLASS. Every object is read at the library's own
    /// class first; without --yes nothing is removed
    #[arg(long, conflicts_with_all = ["dry_run", "status", "settle"])]
    pub remove: bool,

    /// With --remove: remove, and not only say what would be removed
    #[arg(long, requires = "remove")]
    pub yes: bool,

    /// How many seconds to wait after a library became read-only, so that what is being written to it ends
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u64).range(0..=3600))]
    pub settle: u64,

    /// The server's database: an SQLite file, or mysql://user@host:port/name [default: what the conf says]
    #[arg(long, value_name = "DATABASE")]
    pub db: Option<String>,

    #[command(flatten)]
    #[expect(missing_docs, reason = "the flattened group carries its own")]
    pub login: DatabaseLoginFlags,

    #[command(flatten)]
    #[expect(missing_docs, reason = "the flattened group carries its own")]
    pub lease: LeaseFlags,

    #[command(flatten)]
    #[expect(missing_docs, reason = "the flattened group carries its own")]
    pub store: StoreFlags,

    #[command(flatten)]
    #[expect(missing_docs, reason = "the flattened group carries its own")]
    pub memory: MemoryFlags,

    /// Where temporary files go [default: the system's folder]
    #[arg(long, value_name = "DIR", env = "SEAF_MIGRATE_TEMP_DIR", value_hint = ValueHint::DirPath)]
    pub temp_dir: Option<PathBuf>,
}

/// What `repo` is to do.
#[derive(Clone, Debug)]
pub enum RepoSettings {
    /// Move libraries.
    Move(Box<MoveSettings>),
    /// Remove what is left of a library in a class that it left.
    Remove(Box<RemainsSettings>),
    /// Say which are on their way.
    Status(StateDir),
}

/// Everything that removing the remains of a library needs.
#[derive(Clone, Debug)]
pub struct RemainsSettings {
    /// The library.
    pub library: LibraryId,
    /// The class that it left.
    pub class: String,
    /// The server.
    pub side: SideConf,
    /// The server's tables.
    pub database: DatabaseConf,
    /// Whether to remove, and not only to say what would be removed.
    pub yes: bool,
    /// How the lease is acquired.
    pub lease: LeaseSettings,
    /// How to talk to the stores.
    pub store: StoreSettings,
    /// How many bytes the objects in flight may take.
    pub memory: u64,
    /// Where temporary files go.
    pub temp_dir: PathBuf,
    /// Where removals are noted.
    pub state: StateDir,
}

/// Everything that moving libraries needs.
#[derive(Clone, Debug)]
pub struct MoveSettings {
    /// The libraries that are named; all of the class when empty.
    pub libraries: Vec<LibraryId>,
    /// The class that they leave.
    pub origin: String,
    /// The class that they go to.
    pub destination: String,
    /// The class of libraries without a row.
    pub default_class: String,
    /// The stores of the class that they leave, as an old side.
    pub from: SideConf,
    /// The stores of the class that they go to, as a new side.
    pub to: SideConf,
    /// The server's tables.
    pub database: DatabaseConf,
    /// Whether to say only what would be moved.
    pub dry_run: bool,
    /// How long to wait after a library became read-only, in seconds.
    pub settle: u64,
    /// How the lease is acquired.
    pub lease: LeaseSettings,
    /// How to talk to the stores.
    pub store: StoreSettings,
    /// How many bytes the objects in flight may take.
    pub memory: u64,
    /// Where temporary files go.
    pub temp_dir: PathBuf,
    /// Where it is kept how far each library is.
    pub state: StateDir,
}

/// What `repo` needs.
///
/// # Errors
/// All that is wrong with the configuration at once, or an option that cannot be as it is.
pub fn resolve(flags: &RepoFlags, env: &Environment) -> Result<RepoSettings, SettingsError> {
    let state = StateDir::from_environment(env);
    let (false, Some(conf)) = (flags.status, &flags.conf) else { return Ok(RepoSettings::Status(state)) };
    let source = SideSource { path: conf.clone(), data_dir: flags.data_dir.clone() };
    resolve_with_side(&source, Role::Destination, env, |side| {
        let guessed = guessed_database(flags.db.as_deref(), side);
        let database = resolve_database(flags.db.as_deref(), &flags.login, side, env)?;
        let Some(database) = database.filter(|_| guessed.is_none()) else {
            let what = "the class of a library is changed in the server's database, and nothing names it; name it here, or in [database] of the conf";
            return Err(SettingsError::option("--db", what));
        };
        if flags.remove {
            return Ok(RepoSettings::Remove(Box::new(remains(flags, env, side, database)?)));
        }
        let (libraries, origin, destination) = words(&flags.words)?;
        let (from, to) = (of_class(side, &origin, Role::Source)?, of_class(side, &destination, Role::Destination)?);
        if from.stores.iter().any(|(kind, store)| store.backend == to.store(kind).backend) {
            let what = format!("{origin} and {destination} share a store, so that there is nothing to move");
            return Err(SettingsError::option("ORIGIN DESTINATION", what));
        }
        let default_class =
            side.stores.values().find_map(StoreConf::classes).map(|classes| classes.default_id().to_owned());
        Ok(RepoSettings::Move(Box::new(MoveSettings {
            libraries,
            default_class: default_class.unwrap_or_default(),
            from,
            to,
            database,
            origin,
            destination,
            dry_run: flags.dry_run,
            settle: flags.settle,
            lease: resolve_lease(&flags.lease, env)?,
            store: resolve_store(&flags.store, env)?,
            memory: resolve_memory(&flags.memory)?,
            temp_dir: temporary_folder(flags.temp_dir.as_deref())?,
            state,
        })))
    })
}

fn remains(
    flags: &RepoFlags,
    env: &Environment,
    side: &SideConf,
    database: DatabaseConf,
) -> Result<RemainsSettings, SettingsError> {
    let refused = |what: String| SettingsError::option("LIBRARY CLASS --remove", what);
    let [library, class] = &flags.words[..] else {
        return Err(refused("a library and the storage class that it left must be named".to_owned()));
    };
    let id = LibraryId::parse(library.as_bytes()).ok_or_else(|| refused(format!("{library:?} is no library id")))?;
    // That there is such a class, before anybody is asked.
    of_class(side, class, Role::Source)?;
    Ok(RemainsSettings {
        library: id,
        class: class.clone(),
        side: side.clone(),
        database,
        yes: flags.yes,
        lease: resolve_lease(&flags.lease, env)?,
        store: resolve_store(&flags.store, env)?,
        memory: resolve_memory(&flags.memory)?,
        temp_dir: temporary_folder(flags.temp_dir.as_deref())?,
        state: StateDir::from_environment(env),
    })
}

/// The libraries, and the two classes that are named last.
fn words(words: &[String]) -> Result<(Vec<LibraryId>, String, String), SettingsError> {
    let refused = |what: String| SettingsError::option("[LIBRARY...] ORIGIN DESTINATION", what);
    let [libraries @ .., origin, destination] = words else {
        return Err(refused("two storage classes must be named: the one to leave and the one to go to".to_owned()));
    };
    if origin == destination {
        return Err(refused(format!(
            "the libraries are to leave {origin} and to go to {destination}, which is the same class"
        )));
    }
    let library = |word: &String| {
        LibraryId::parse(word.as_bytes())
            .ok_or_else(|| refused(format!("{word:?} is no library id; the two storage classes come last")))
    };
    Ok((libraries.iter().map(library).collect::<Result<_, _>>()?, origin.clone(), destination.clone()))
}

/// The side that has the stores of one class alone.
pub(super) fn of_class(side: &SideConf, class: &str, role: Role) -> Result<SideConf, SettingsError> {
    let store = |kind| {
        let store = side.store(kind);
        let Some(classes) = store.classes() else {
            let what =
                "this server has no storage classes ([storage] enable_storage_classes = true in its seafile.conf)"
                    .to_owned();
            return Err(SettingsError::option("--conf", what));
        };
        let Some(found) = classes.classes.iter().find(|one| one.id == class) else {
            let known: Vec<&str> = classes.ids().into_iter().collect();
            let what = format!("there is no storage class {class}, only {}", known.join(", "));
            return Err(SettingsError::option("ORIGIN DESTINATION", what));
        };
        let backend: BackendConf = found.backend.clone();
        Ok(StoreConf { backend, class: Some(class.into()), side: Some(role), ..store.clone() })
    };
    Ok(SideConf { stores: PerKind::try_from_fn(store)?, warnings: Vec::new(), ..side.clone() })
}
