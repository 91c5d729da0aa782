//! The options of `check`, and what they and the configuration files come to.

use clap::Args;

use crate::commands::common::flags::{PairFlags, StoreFlags};
use crate::commands::common::settings::{SettingsError, StoreSettings, load_sides, resolve_store};
use crate::conf::{Environment, SideConf};

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

/// Everything that a check needs.
#[derive(Clone, Debug)]
pub struct CheckSettings {
    /// The old side.
    pub from: SideConf,
    /// The new side.
    pub to: SideConf,
    /// How to talk to the stores.
    pub store: StoreSettings,
}

/// What `check` needs.
///
/// # Errors
/// All that is wrong with the configuration at once.
pub fn resolve(flags: &CheckFlags, env: &Environment) -> Result<CheckSettings, SettingsError> {
    let (from, to) = load_sides(&flags.pair, env)?;
    Ok(CheckSettings { from, to, store: resolve_store(&flags.store, env)? })
}
