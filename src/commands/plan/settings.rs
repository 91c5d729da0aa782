//! The options of `plan`, and what they and the configuration files come to.

use std::path::PathBuf;

use clap::{Args, ValueHint};

use crate::commands::common::flags::{DatabaseLoginFlags, ListFlags, PairFlags, StoreFlags};
use crate::commands::common::placing::{ClassSource, place_pair};
use crate::commands::common::selecting::{SelectFlags, Wanted};
use crate::commands::common::settings::{
    PairSettings, SettingsError, guessed_database, require_folder_of, resolve_database, resolve_pair,
    resolve_with_sides,
};
use crate::conf::{DatabaseConf, Environment};

/// The options of `plan`.
#[derive(Clone, Debug, Args)]
pub struct PlanFlags {
    #[command(flatten)]
    #[expect(missing_docs, reason = "the flattened group carries its own")]
    pub pair: PairFlags,

    #[command(flatten)]
    #[expect(missing_docs, reason = "the flattened group carries its own")]
    pub select: SelectFlags,

    /// The old server's database, which says which library is in which storage class and what libraries are called; asked
    /// only where that matters: an SQLite file, or mysql://user@host:port/name [default: what the old conf says]
    #[arg(long, value_name = "DATABASE")]
    pub db: Option<String>,

    #[command(flatten)]
    #[expect(missing_docs, reason = "the flattened group carries its own")]
    pub login: DatabaseLoginFlags,

    /// Print one line for each library and kind, too
    #[arg(long)]
    pub libraries: bool,

    /// Write the plan as JSON to FILE
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub report: Option<PathBuf>,

    #[command(flatten)]
    #[expect(missing_docs, reason = "the flattened group carries its own")]
    pub store: StoreFlags,

    #[command(flatten)]
    #[expect(missing_docs, reason = "the flattened group carries its own")]
    pub list: ListFlags,
}

/// Everything that a plan needs.
#[derive(Clone, Debug)]
pub struct PlanSettings {
    /// Both sides, and how to list them.
    pub pair: PairSettings,
    /// Which libraries a run would copy.
    pub wanted: Wanted,
    /// The server's tables; `None` when none are known.
    pub database: Option<DatabaseConf>,
    /// Whether each library has a row.
    pub libraries: bool,
    /// Where the plan goes as JSON.
    pub report: Option<PathBuf>,
}

/// What `plan` needs.
///
/// # Errors
/// All that is wrong with the configuration at once, or an option that cannot be as it is.
pub fn resolve(flags: &PlanFlags, env: &Environment) -> Result<PlanSettings, SettingsError> {
    resolve_with_sides(&flags.pair, env, |from, to| {
        require_folder_of("--report", flags.report.as_deref())?;
        let guessed = guessed_database(flags.db.as_deref(), from);
        let database = resolve_database(flags.db.as_deref(), &flags.login, from, env)?;
        let source = ClassSource { database: database.as_ref(), guessed: guessed.as_deref() };
        place_pair(from, to, &flags.pair.classes.map, source)?;
        let pair = resolve_pair(from, to, &flags.store, &flags.list, env)?;
        Ok(PlanSettings {
            pair,
            wanted: Wanted::of(&flags.select),
            database,
            libraries: flags.libraries,
            report: flags.report.clone(),
        })
    })
}
