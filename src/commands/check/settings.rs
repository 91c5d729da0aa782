//! The options of `check`, and what they and the configuration files come to.

use clap::Args;

use crate::commands::common::flags::{DatabaseLoginFlags, PairFlags, StoreFlags};
use crate::commands::common::placing::{ClassSource, place_pair};
use crate::commands::common::settings::{
    SettingsError, StoreSettings, resolve_database, resolve_store, resolve_with_sides, warn_of_guess,
};
use crate::conf::{DatabaseConf, Environment, SideConf};

/// The options of `check`.
#[derive(Clone, Debug, Args)]
pub struct CheckFlags {
    #[command(flatten)]
    #[expect(missing_docs, reason = "the flattened group carries its own")]
    pub pair: PairFlags,

    /// The old server's database, to see whether it answers: an SQLite file, or mysql://user@host:port/name [default: what
    /// the old conf says]
    #[arg(long, value_name = "DATABASE")]
    pub db: Option<String>,

    #[command(flatten)]
    #[expect(missing_docs, reason = "the flattened group carries its own")]
    pub login: DatabaseLoginFlags,

    #[command(flatten)]
    #[expect(missing_docs, reason = "the flattened group carries its own")]
    pub store: StoreFlags,
}

/// Everything that a check needs.
#[derive(Clone, Debug)]
pub struct CheckSettings {
    /// The old side.
    pub from: SideConf,
    /// The new side.
    pub to: SideConf,
    /// The server's database, where one is configured.
    pub database: Option<DatabaseConf>,
    /// Whether the command line names it, so that a run would not begin without it.
    pub is_database_named: bool,
    /// How to talk to the stores.
    pub store: StoreSettings,
}

/// What `check` needs.
///
/// # Errors
/// All that is wrong with the configuration at once, or an option that cannot be as it is.
pub fn resolve(flags: &CheckFlags, env: &Environment) -> Result<CheckSettings, SettingsError> {
    resolve_with_sides(&flags.pair, env, |from, to| {
        let guessed = warn_of_guess(flags.db.as_deref(), from);
        let database = resolve_database(flags.db.as_deref(), &flags.login, from, env)?;
        let source = ClassSource { database: database.as_ref(), guessed: guessed.as_deref() };
        place_pair(from, to, &flags.pair.classes.map, source)?;
        let (is_database_named, store) = (flags.db.is_some(), resolve_store(&flags.store, env)?);
        Ok(CheckSettings { from: from.clone(), to: to.clone(), database, is_database_named, store })
    })
}
