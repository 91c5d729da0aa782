//! The options of the command line, typed but not yet checked against anything.

use std::path::PathBuf;

use clap::builder::{OsStringValueParser, TypedValueParser};
use clap::{Args, ValueHint};

use super::size::ByteSize;
use crate::object::LibraryId;

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
}

/// How to talk to the stores.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Speed and patience")]
pub struct StoreFlags {
    /// How many objects to copy at once
    #[arg(long, value_name = "N", default_value_t = 64, env = "SEAF_MIGRATE_NWORKER",
          value_parser = clap::value_parser!(u16).range(1..=4096))]
    pub nworker: u16,

    /// How many listings to run at once [default: 32; on filesystems the number of processors]
    #[arg(long, value_name = "N", env = "SEAF_MIGRATE_LISTERS", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub listers: Option<u16>,

    /// How often to try a request that fails for a passing reason
    #[arg(long, value_name = "N", default_value_t = 10, env = "SEAF_MIGRATE_ATTEMPTS",
          value_parser = clap::value_parser!(u32).range(1..=100))]
    pub attempts: u32,

    /// How many seconds to wait for a store's answer, each time
    #[arg(long, value_name = "SECONDS", default_value_t = 60, env = "SEAF_MIGRATE_TIMEOUT",
          value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub timeout: u64,
}

/// Where the pass remembers what the destination holds.
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

    /// Ask the destination for a random share of what the list file says, and list again what proves wrong
    #[arg(long, value_name = "PERCENT", default_value = "0", value_parser = percent)]
    pub recheck: f64,

    /// Where temporary files go [default: the list files' folder, else the system's]
    #[arg(long, value_name = "DIR", env = "SEAF_MIGRATE_TEMP_DIR", value_hint = ValueHint::DirPath)]
    pub temp_dir: Option<PathBuf>,
}

/// A share written as `5` or `5%`, from 0 to 100.
fn percent(text: &str) -> Result<f64, String> {
    let number = text.strip_suffix('%').unwrap_or(text).parse();
    number.ok().filter(|share| (0.0..=100.0).contains(share)).ok_or_else(|| "not a share from 0% to 100%".to_owned())
}

/// Whether to see that every library is whole at the destination.
#[derive(Clone, Debug, Args)]
pub struct HeadsFlags {
    /// The old server's database: an SQLite file, or mysql://user:password@host:port/name [default: what the old conf says]
    #[arg(long, value_name = "DATABASE")]
    pub db: Option<String>,

    /// At the end, see that the newest state of every library is whole at the destination; done anyway when there is a
    /// database that answers, and with this option nothing is copied when there is none
    #[arg(long)]
    pub check_heads: bool,

    /// Do not
    #[arg(long, conflicts_with = "check_heads")]
    pub no_check_heads: bool,
}

/// The options of `run`.
#[derive(Clone, Debug, Args)]
pub struct RunFlags {
    #[command(flatten)]
    #[expect(missing_docs, reason = "the flattened group carries its own")]
    pub pair: PairFlags,

    /// Write a JSON report with every count and every failure to FILE
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub report: Option<PathBuf>,

    /// Write the result as a page for a browser to FILE; nothing in it is fetched from anywhere
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub html: Option<PathBuf>,

    #[command(flatten)]
    #[expect(missing_docs, reason = "the flattened group carries its own")]
    pub heads: HeadsFlags,
    /// Copy only what REPORT, the JSON report of an earlier run between the same sides, names as failed
    #[arg(long, value_name = "REPORT", value_hint = ValueHint::FilePath,
          conflicts_with_all = ["relist", "check_heads"])]
    pub retry_failed: Option<PathBuf>,

    /// Exit with code 5 when all was copied but the source itself holds damaged objects
    #[arg(long)]
    pub strict: bool,

    /// Accepted because the old script has it; refused until decryption works
    #[arg(long)]
    pub decrypt: bool,

    #[command(flatten)]
    #[expect(missing_docs, reason = "the flattened group carries its own")]
    pub store: StoreFlags,

    /// How many objects may wait for a worker
    #[arg(long, value_name = "N", default_value_t = 2000, env = "SEAF_MIGRATE_MAXSIZE",
          value_parser = clap::value_parser!(u32).range(1..=10_000_000), help_heading = "Speed and patience")]
    pub maxsize: u32,

    /// How much memory the objects in flight may take
    #[arg(
        long,
        value_name = "SIZE",
        default_value = "256M",
        env = "SEAF_MIGRATE_MEMORY",
        help_heading = "Speed and patience"
    )]
    pub memory: ByteSize,

    #[command(flatten)]
    #[expect(missing_docs, reason = "the flattened group carries its own")]
    pub list: ListFlags,
}

/// The options of `check`.
#[derive(Clone, Debug, Args)]
pub struct CheckFlags {
    #[command(flatten)]
    #[expect(missing_docs, reason = "the flattened group carries its own")]
    pub pair: PairFlags,

    #[command(flatten)]
    #[expect(missing_docs, reason = "the flattened group carries its own")]
    pub store: StoreFlags,
}

/// The options of `plan`.
#[derive(Clone, Debug, Args)]
pub struct PlanFlags {
    #[command(flatten)]
    #[expect(missing_docs, reason = "the flattened group carries its own")]
    pub pair: PairFlags,

    /// Print one line a library, too
    #[arg(long)]
    pub libraries: bool,

    #[command(flatten)]
    #[expect(missing_docs, reason = "the flattened group carries its own")]
    pub store: StoreFlags,

    #[command(flatten)]
    #[expect(missing_docs, reason = "the flattened group carries its own")]
    pub list: ListFlags,
}

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

    /// Only this library; may be repeated
    #[arg(long, value_name = "UUID")]
    pub library: Vec<LibraryId>,

    /// The old server's database: an SQLite file, or mysql://user:password@host:port/name [default: what the old conf
    /// says]; the newest commit of each library is noted for whoever deletes the old side later
    #[arg(long, value_name = "DATABASE")]
    pub db: Option<String>,

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

    /// How much memory the objects in flight may take
    #[arg(
        long,
        value_name = "SIZE",
        default_value = "256M",
        env = "SEAF_MIGRATE_MEMORY",
        help_heading = "Speed and patience"
    )]
    pub memory: ByteSize,
}

/// The options of `fsck`.
#[derive(Clone, Debug, Args)]
pub struct FsckFlags {
    /// The side to check: a seafile.conf, a .env file, or the folder that holds them
    #[arg(long, value_name = "CONF", value_hint = ValueHint::AnyPath)]
    pub conf: PathBuf,

    /// The seafile-data folder, for kinds that are on a filesystem without `dir`
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub data_dir: Option<PathBuf>,

    /// Where the heads are: an SQLite file, or mysql://user:password@host:port/name
    /// [default: what the conf says; without any, the heads are worked out from the commits]
    #[arg(long, value_name = "DATABASE")]
    pub db: Option<String>,

    /// Only the newest commit of each library, not its history
    #[arg(long)]
    pub head_only: bool,

    /// Read every block and compare it with its id, not only ask for its size
    #[arg(long)]
    pub content: bool,

    /// Only this library; may be repeated
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
}
