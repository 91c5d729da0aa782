//! The options of `clean`, and what they and the configuration file come to.

use std::path::PathBuf;

use clap::{Args, ValueHint};

use crate::commands::common::flags::{LeaseFlags, StoreFlags};
use crate::commands::common::lease::{LeaseSettings, resolve_lease};
use crate::commands::common::settings::{SettingsError, StoreSettings, resolve_store, resolve_with_side};
use crate::conf::{Environment, Role, SideConf, SideSource};

/// The options of `clean`.
#[derive(Clone, Debug, Args)]
pub struct CleanFlags {
    /// The side to clean: a seafile.conf, a .env file, or the folder that holds them
    #[arg(long, value_name = "CONF", value_hint = ValueHint::AnyPath)]
    pub conf: PathBuf,

    /// The seafile-data folder, for kinds that are on a filesystem without `dir`
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub data_dir: Option<PathBuf>,

    /// Remove them; without this option nothing is removed, and the command says what it would remove
    #[arg(long)]
    pub yes: bool,

    #[command(flatten)]
    #[expect(missing_docs, reason = "the flattened group carries its own")]
    pub lease: LeaseFlags,

    #[command(flatten)]
    #[expect(missing_docs, reason = "the flattened group carries its own")]
    pub store: StoreFlags,
}

/// Everything that cleaning needs.
#[derive(Clone, Debug)]
pub struct CleanSettings {
    /// The side to clean.
    pub side: SideConf,
    /// Whether to remove, and not only to say what would be removed.
    pub yes: bool,
    /// How the lease is acquired.
    pub lease: LeaseSettings,
    /// How to talk to the stores.
    pub store: StoreSettings,
}

/// What `clean` needs.
///
/// # Errors
/// All that is wrong with the configuration at once, or an option that cannot be as it is.
pub fn resolve(flags: &CleanFlags, env: &Environment) -> Result<CleanSettings, SettingsError> {
    let source = SideSource { path: flags.conf.clone(), data_dir: flags.data_dir.clone() };
    resolve_with_side(&source, Role::Destination, env, |side| {
        Ok(CleanSettings {
            side: side.clone(),
            yes: flags.yes,
            lease: resolve_lease(&flags.lease, env)?,
            store: resolve_store(&flags.store, env)?,
        })
    })
}
