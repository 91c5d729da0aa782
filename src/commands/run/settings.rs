//! The options of `run`, and what they and the configuration files come to.

use std::collections::BTreeSet;
use std::path::PathBuf;

use clap::{Args, ValueHint};

use crate::commands::common::encryption::require_consent;
use crate::commands::common::flags::{DatabaseLoginFlags, LeaseFlags, ListFlags, MemoryFlags, PairFlags, StoreFlags};
use crate::commands::common::lease::{LeaseSettings, resolve_lease};
use crate::commands::common::placing::{ClassSource, Placed, place_pair};
use crate::commands::common::selecting::{SelectFlags, Wanted};
use crate::commands::common::settings::{
    PairSettings, SettingsError, guessed_database, require_folder_of, require_two_files, resolve_database,
    resolve_memory, resolve_pair, resolve_with_sides, warn_of_guess,
};
use crate::commands::run::accepted;
use crate::commands::run::switching::how_to_switch;
use crate::conf::{DatabaseConf, Environment, SideConf};
use crate::history::StateDir;
use crate::object::LibraryId;

/// Whether to see that every library is whole at the destination.
#[derive(Clone, Debug, Args)]
pub struct HeadsFlags {
    /// The old server's database: an SQLite file, or mysql://user@host:port/name; named here, it must answer, or nothing is
    /// copied [default: what the old conf says]
    #[arg(long, value_name = "DATABASE")]
    pub db: Option<String>,

    #[command(flatten)]
    #[expect(missing_docs, reason = "the flattened group carries its own")]
    pub login: DatabaseLoginFlags,

    /// At the end, see that the newest state of every library is whole at the destination; done anyway when there is a
    /// database that answers, and with this option nothing is copied when there is none
    #[arg(long)]
    pub check_heads: bool,

    /// Do not look whether the libraries are whole at the destination
    #[arg(long, conflicts_with = "check_heads")]
    pub no_check_heads: bool,

    /// Go on without objects that the newest state of this library needs and that the source lacks, too; with the report
    /// of a run or of fsck, of all libraries that it names as damaged in the source; may be repeated
    #[arg(long, value_name = "LIBRARY|REPORT", value_hint = ValueHint::FilePath)]
    pub accept_damage: Vec<String>,
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
          conflicts_with_all = ["relist", "check_heads", "library", "exclude_library"])]
    pub retry_failed: Option<PathBuf>,

    /// Exit with code 5 when all was copied but the source itself holds damaged objects
    #[arg(long)]
    pub strict: bool,

    #[command(flatten)]
    #[expect(missing_docs, reason = "the flattened group carries its own")]
    pub select: SelectFlags,

    /// Write the objects of an encrypted store ([store_crypt] of the old seafile.conf) without encryption; without this option such a
    /// store only goes to one whose seafile.conf has a [store_crypt], too
    #[arg(long)]
    pub decrypt: bool,

    #[command(flatten)]
    #[expect(missing_docs, reason = "the flattened group carries its own")]
    pub lease: LeaseFlags,

    #[command(flatten)]
    #[expect(missing_docs, reason = "the flattened group carries its own")]
    pub store: StoreFlags,

    /// How many objects may wait for a worker
    #[arg(long, value_name = "N", default_value_t = 2000, env = "SEAF_MIGRATE_MAXSIZE",
          value_parser = clap::value_parser!(u32).range(1..=10_000_000), help_heading = "Speed and patience")]
    pub maxsize: u32,

    #[command(flatten)]
    #[expect(missing_docs, reason = "the flattened group carries its own")]
    pub memory: MemoryFlags,

    #[command(flatten)]
    #[expect(missing_docs, reason = "the flattened group carries its own")]
    pub list: ListFlags,
}

/// Everything that a pass needs.
#[derive(Clone, Debug)]
pub struct RunSettings {
    /// Both sides, and how to list them.
    pub plan: PairSettings,
    /// How many objects may wait for a worker.
    pub queue: usize,
    /// How many bytes the objects in flight may take.
    pub memory: u64,
    /// Where the report goes.
    pub report: Option<PathBuf>,
    /// Where the page goes.
    pub html: Option<PathBuf>,
    /// Which libraries to copy.
    pub wanted: Wanted,
    /// Whether damage in the source makes the pass fail.
    pub strict: bool,
    /// Whether to see that every library's head is whole at the destination.
    pub heads: HeadsSettings,
    /// The report of an earlier pass, of which only the failures are to be copied.
    pub retry_failed: Option<PathBuf>,
    /// How the lease on the destination is acquired.
    pub lease: LeaseSettings,
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
    /// Its file, where nothing names it.
    pub guessed: Option<PathBuf>,
    /// The libraries whose damage in the source the user accepts.
    pub accepted: BTreeSet<LibraryId>,
    /// What the database said of storage classes.
    pub placed: Placed,
}

impl RunSettings {
    /// How to switch the server when that is safe.
    pub(super) fn how_to_switch(&self) -> String {
        let renames = &self.heads.placed.renames;
        how_to_switch(&self.plan.from, &self.plan.to, self.heads.guessed.as_deref(), renames)
    }
}

/// What `run` needs.
///
/// # Errors
/// All that is wrong with the configuration at once, or an option that cannot be as it is.
pub fn resolve(flags: &RunFlags, env: &Environment) -> Result<RunSettings, SettingsError> {
    resolve_with_sides(&flags.pair, env, |from, to| resolve_options(flags, env, from, to))
}

fn resolve_options(
    flags: &RunFlags,
    env: &Environment,
    from: &mut SideConf,
    to: &mut SideConf,
) -> Result<RunSettings, SettingsError> {
    require_folder_of("--report", flags.report.as_deref())?;
    require_folder_of("--html", flags.html.as_deref())?;
    require_two_files(flags.report.as_deref(), flags.html.as_deref())?;
    require_consent(flags.decrypt, from, to)?;
    let guessed = guessed_database(flags.heads.db.as_deref(), from);
    let mut heads = resolve_heads(&flags.heads, from, env)?;
    let source = ClassSource { database: heads.database.as_ref(), guessed: guessed.as_deref() };
    heads.placed = place_pair(from, to, &flags.pair.classes.map, source)?;
    Ok(RunSettings {
        heads,
        plan: resolve_pair(from, to, &flags.store, &flags.list, env)?,
        queue: flags.maxsize as usize,
        memory: resolve_memory(&flags.memory)?,
        report: flags.report.clone(),
        html: flags.html.clone(),
        wanted: Wanted::of(&flags.select),
        strict: flags.strict,
        retry_failed: flags.retry_failed.clone(),
        lease: resolve_lease(&flags.lease, env)?,
        proofs: Some(StateDir::from_environment(env)),
    })
}

fn resolve_heads(flags: &HeadsFlags, from: &mut SideConf, env: &Environment) -> Result<HeadsSettings, SettingsError> {
    let database = resolve_database(flags.db.as_deref(), &flags.login, from, env)?;
    // One that was named and does not answer is a mistake in the name, or no moment to begin.
    let is_demanded = flags.check_heads || flags.db.is_some();
    let when = match (is_demanded, flags.no_check_heads) {
        (_, true) => WhenHeads::Never,
        (true, _) => WhenHeads::Demanded,
        _ => WhenHeads::Possible,
    };
    if when == WhenHeads::Demanded && database.is_none() {
        let what = "no database is configured; name it with --db, or in [database] of the old seafile.conf";
        return Err(SettingsError::option("--check-heads", what));
    }
    let accepted = accepted::resolve(&flags.accept_damage, from)?;
    let guessed = if when == WhenHeads::Never { None } else { warn_of_guess(flags.db.as_deref(), from) };
    Ok(HeadsSettings { when, database, guessed, accepted, placed: Placed::default() })
}
