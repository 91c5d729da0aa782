//! What a verification needs.

use std::path::PathBuf;

use crate::commands::common::flags::VerifyFlags;
use crate::commands::common::settings::{
    SettingsError, StoreSettings, load_sides, require_memory, require_parent, resolve_database, resolve_store,
    temporary_folder,
};
use crate::conf::{DatabaseConf, Environment, SideConf};
use crate::history::StateDir;
use crate::object::LibraryId;

/// Everything that a verification needs.
#[derive(Clone, Debug)]
pub struct VerifySettings {
    /// The old side.
    pub from: SideConf,
    /// The new side.
    pub to: SideConf,
    /// How to talk to the stores.
    pub store: StoreSettings,
    /// How many bytes the objects in flight may take.
    pub memory: u64,
    /// Which share of the objects to read and hash, in percent.
    pub content_percent: f64,
    /// How many bytes a second may be read; `None` is no limit.
    pub bandwidth: Option<u64>,
    /// Only these libraries, ascending, none twice; all when empty.
    pub libraries: Vec<LibraryId>,
    /// The server's tables; `None` notes no newest commits.
    pub database: Option<DatabaseConf>,
    /// Where to keep what is known, so that it can be gone on with.
    pub checkpoint: Option<PathBuf>,
    /// Where temporary files go without a checkpoint.
    pub temp_dir: PathBuf,
    /// Where the report goes.
    pub report: Option<PathBuf>,
    /// Where the page goes.
    pub html: Option<PathBuf>,
    /// Whether damage in the source makes the verification fail.
    pub strict: bool,
    /// Where the result is noted; `None` notes nothing.
    pub proofs: Option<StateDir>,
}

/// What `verify` needs.
///
/// # Errors
/// All that is wrong with the configuration at once, or an option that cannot be as it is.
pub fn resolve(flags: &VerifyFlags, env: &Environment) -> Result<VerifySettings, SettingsError> {
    require_memory(flags.memory)?;
    let files = [("--report", &flags.report), ("--html", &flags.html), ("--checkpoint", &flags.checkpoint)];
    for (option, path) in files {
        if let Some(path) = path.as_ref().filter(|path| option != "--checkpoint" || !path.is_dir()) {
            require_parent(option, path)?;
        }
    }
    let bandwidth = flags.bandwidth.map(|size| size.0);
    if bandwidth == Some(0) {
        let what = "must be more than 0; leave it out for no limit".to_owned();
        return Err(SettingsError::Option { option: "--bandwidth", what });
    }
    let temp_dir = temporary_folder(flags.temp_dir.as_deref())?;
    let (from, to) = load_sides(&flags.pair, env)?;
    let mut libraries = flags.library.clone();
    libraries.sort_unstable();
    libraries.dedup();
    Ok(VerifySettings {
        database: resolve_database(flags.db.as_deref(), from.database.as_ref())?,
        from,
        to,
        store: resolve_store(&flags.store),
        memory: flags.memory.0,
        content_percent: if flags.content { 100.0 } else { flags.sample },
        bandwidth,
        libraries,
        checkpoint: flags.checkpoint.clone(),
        temp_dir,
        report: flags.report.clone(),
        html: flags.html.clone(),
        strict: flags.strict,
        proofs: Some(StateDir::from_environment(env)),
    })
}
