//! The options of `plan`, and what they and the configuration files come to.

use std::path::PathBuf;

use clap::{Args, ValueHint};

use crate::commands::common::flags::{ListFlags, PairFlags, StoreFlags};
use crate::commands::common::selecting::{SelectFlags, Wanted};
use crate::commands::common::settings::{
    PairSettings, SettingsError, require_folder_of, resolve_pair, resolve_with_sides,
};
use crate::conf::Environment;

/// The options of `plan`.
#[derive(Clone, Debug, Args)]
pub struct PlanFlags {
    #[command(flatten)]
    #[expect(missing_docs, reason = "the flattened group carries its own")]
    pub pair: PairFlags,

    #[command(flatten)]
    #[expect(missing_docs, reason = "the flattened group carries its own")]
    pub select: SelectFlags,

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
        let pair = resolve_pair(from, to, &flags.store, &flags.list, env)?;
        Ok(PlanSettings {
            pair,
            wanted: Wanted::of(&flags.select),
            libraries: flags.libraries,
            report: flags.report.clone(),
        })
    })
}
