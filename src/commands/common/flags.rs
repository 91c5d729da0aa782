//! The options that several commands have, typed but not yet checked against anything.

use std::path::PathBuf;

use clap::builder::{OsStringValueParser, TypedValueParser};
use clap::{Args, ValueHint};

use crate::commands::common::class_rename::ClassRename;
use crate::commands::common::nworker::Nworker;
use crate::commands::common::patience::Patience;
use crate::commands::common::size::ByteSize;
use crate::object::ObjectKind;

/// Which two sides to work on.
#[derive(Clone, Debug, Args)]
pub struct PairFlags {
    /// Old side: a seafile.conf, a .env file, or the folder that holds them
    #[arg(long, value_name = "OLD_CONF", value_hint = ValueHint::AnyPath)]
    pub from: PathBuf,

    /// New side: a seafile.conf, a .env file, or the folder that holds them
    #[arg(long, value_name = "NEW_CONF", value_hint = ValueHint::AnyPath)]
    pub to: PathBuf,

    /// The old server's seafile-data folder, for kinds that are on a filesystem without `dir`
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub data_dir: Option<PathBuf>,

    /// Move only this kind of object, one of commits, fs and blocks, and leave the others where they are; may be repeated
    /// [default: every kind that the new side names]
    #[arg(long, value_name = "KIND", value_delimiter = ',')]
    pub kind: Vec<ObjectKind>,

    #[command(flatten)]
    #[expect(missing_docs, reason = "the flattened group carries its own")]
    pub classes: ClassFlags,
}

/// Storage classes of the new side that have other names than in the database.
#[derive(Clone, Debug, Default, Args)]
pub struct ClassFlags {
    /// Put the libraries that the database has in storage class OLD into the class NEW of the new side; may be repeated
    /// [default: the class of the same id]
    #[arg(long, value_name = "OLD=NEW")]
    pub map: Vec<ClassRename>,
}

/// How much memory to use.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Speed and patience")]
pub struct MemoryFlags {
    /// How much memory the objects that are read may take
    #[arg(long, value_name = "SIZE", default_value = "256M", env = "SEAF_MIGRATE_MEMORY")]
    pub memory: ByteSize,
}

/// How to talk to the stores.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Speed and patience")]
pub struct StoreFlags {
    /// How many objects to work on at once, 1 to 4096; with auto 64, and up to 512 where copying and verifying get more
    /// done by more
    #[arg(long, value_name = "N", default_value = "auto", env = "SEAF_MIGRATE_NWORKER")]
    pub nworker: Nworker,

    /// How many listings to run at once [default: 32; on filesystems the number of processors]
    #[arg(long, value_name = "N", env = "SEAF_MIGRATE_LISTERS", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub listers: Option<u16>,

    /// How many listings the machine has room for; found out, and no option.
    #[arg(skip = usize::MAX)]
    pub most_listers: usize,

    /// How often to try a request that fails for a passing reason while the store answers others
    #[arg(long, value_name = "N", default_value_t = 10, env = "SEAF_MIGRATE_ATTEMPTS",
          value_parser = clap::value_parser!(u32).range(1..=100))]
    pub attempts: u32,

    /// How long to go on asking a store that has answered and gives no good answer any more: 10m, 90s, 2h; at least
    /// 1s. One that refuses whom it knew before is asked for a fifth of it
    #[arg(long, value_name = "DURATION", default_value = "10m", env = "SEAF_MIGRATE_PATIENCE")]
    pub patience: Patience,

    /// How many seconds to wait for a store's answer, each time
    #[arg(long, value_name = "SECONDS", default_value_t = 60, env = "SEAF_MIGRATE_TIMEOUT",
          value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub timeout: u64,

    /// Ask every store directly, whatever https_proxy, http_proxy and all_proxy say in the environment
    #[arg(long)]
    pub no_proxy: bool,
}

/// What logs in at the server's database.
#[derive(Clone, Debug, Default, Args)]
pub struct DatabaseLoginFlags {
    /// Read the password of the database from FILE, which holds one line; without it SEAF_MIGRATE_DB_PASSWORD is the
    /// password, else what --db or the conf says
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub db_password_file: Option<PathBuf>,
}

/// Where it is remembered what the destination holds.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "List files")]
pub struct ListFlags {
    /// Keep what the destination holds in PATH.commits, PATH.fs and PATH.blocks, so that a rerun
    /// need not list the destination again
    #[arg(long, value_name = "PATH", env = "OBJECT_LIST_FILE_PATH", value_hint = ValueHint::FilePath,
          // Not the parser of paths, because it refuses an empty variable, which here means the same as none.
          value_parser = OsStringValueParser::new().map(PathBuf::from))]
    pub object_list: Option<PathBuf>,

    /// List the destination again even if a list file says what it holds
    #[arg(long)]
    pub relist: bool,

    /// Ask the destination for this share of each list file before it is used, and for 1000 random objects at least; where
    /// one is not there as the list says, everything is listed again
    #[arg(long, value_name = "PERCENT", default_value = "0", value_parser = percent)]
    pub recheck: f64,

    /// Where temporary files go [default: the list files' folder, else the system's]
    #[arg(long, value_name = "DIR", env = "SEAF_MIGRATE_TEMP_DIR", value_hint = ValueHint::DirPath)]
    pub temp_dir: Option<PathBuf>,
}

/// Who may write to the destination.
#[derive(Clone, Copy, Debug, Default, Args)]
pub struct LeaseFlags {
    /// Take the destination over from a run of which you know that it has ended, on another machine or in a container
    /// that is gone; without this option such a run is waited for until it is surely gone, some minutes
    #[arg(long)]
    pub take_over: bool,
}

/// A share written as `5` or `5%`, from 0 to 100.
pub(crate) fn percent(text: &str) -> Result<f64, String> {
    let number = text.strip_suffix('%').unwrap_or(text).parse();
    number.ok().filter(|share| (0.0..=100.0).contains(share)).ok_or_else(|| "not a share from 0% to 100%".to_owned())
}
