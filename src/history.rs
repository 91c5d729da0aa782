//! The history of a pair of sides, kept between processes: the newest pass and the newest verification.
//!
//! Objects of the source may be deleted only after a verification without findings, and only while no pass wrote since.
//! So every pass records its beginning here before it writes anything, and a verification records its result. Each pair
//! has one small JSON file, named after the places of both sides, replaced as a whole, with mode 0600.

use std::collections::BTreeMap;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::{fs, io};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha1::{Digest, Sha1};

use crate::conf::{Environment, SideConf, SideId};
use crate::object::{LibraryId, ObjectId};
use crate::sys::private_file;

pub mod incarnation;

pub use incarnation::{Incarnation, Incarnations};

/// The version of the file's fields.
pub const VERSION: u32 = 1;

/// The environment variable that overrides the default folder.
pub const STATE_DIR: &str = "SEAF_MIGRATE_STATE_DIR";

/// A pair of sides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pair {
    /// The old side.
    pub from: SideId,
    /// The new side.
    pub to: SideId,
}

impl Pair {
    /// The pair of two configurations. Configurations of the same places make the same pair.
    pub fn new(from: &SideConf, to: &SideConf) -> Self {
        Self { from: from.id(), to: to.id() }
    }

    fn file_name(&self) -> String {
        let mut digest = Sha1::new();
        for place in self.from.places().chain(self.to.places()) {
            digest.update(place.as_bytes());
            digest.update([0]);
        }
        let name: String = digest.finalize().iter().take(10).map(|byte| format!("{byte:02x}")).collect();
        format!("pair-{name}.json")
    }
}

/// The history of a pair.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PairHistory {
    /// [`VERSION`] of the program that wrote it.
    pub version: u32,
    /// The pair. It is compared when the file is read, because the file's name is only a digest.
    pub pair: Pair,
    /// The newest pass.
    pub last_run: Option<RunNote>,
    /// The newest verification that reached its end.
    pub verified: Option<VerifyNote>,
}

/// One pass between the two sides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunNote {
    /// When it began.
    pub began: Timestamp,
    /// When it ended; `None` while it runs, and when it was killed.
    pub ended: Option<Timestamp>,
    /// The exit code it ended with.
    pub exit_code: Option<u8>,
}

/// One verification that reached its end.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VerifyNote {
    /// When its listing began; for a resumed verification, when it was first started.
    pub began: Timestamp,
    /// When it ended.
    pub ended: Timestamp,
    /// The share of the objects whose content was read and hashed, in percent; 0 when only ids and sizes were compared.
    pub content_percent: f64,
    /// The number of source objects with a fault at the destination.
    pub findings: u64,
    /// The number of objects that were compared.
    pub objects: u64,
    /// The newest commit of each library when it began, read from the database; `None` without a database.
    pub heads: Option<BTreeMap<LibraryId, ObjectId>>,
}

/// Why the history of a pair could not be read or written.
#[derive(Debug, thiserror::Error)]
#[error("cannot {step} the history of this pair of sides, {path}: {cause}. Set {STATE_DIR} to a writable folder")]
pub struct HistoryError {
    step: &'static str,
    path: PathBuf,
    cause: io::Error,
}

/// The folder of the history files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateDir {
    dir: PathBuf,
}

impl StateDir {
    /// Uses `dir`, which is created when the first file is written.
    pub const fn new(dir: PathBuf) -> Self {
        Self { dir }
    }

    /// The folder that the environment names: `SEAF_MIGRATE_STATE_DIR`, else for root `/var/lib/seaf-migrate`, else
    /// `seaf-migrate` below `XDG_STATE_HOME` or `~/.local/state` (XDG Base Directory Specification).
    pub fn from_environment(environment: &Environment) -> Self {
        let named = |name: &str| environment.get(name).map(PathBuf::from);
        let own = || {
            let state = named("XDG_STATE_HOME").or_else(|| named("HOME").map(|home| home.join(".local/state")));
            state.unwrap_or_else(tempfile::env::temp_dir).join("seaf-migrate")
        };
        let usual = || if rustix::process::geteuid().is_root() { "/var/lib/seaf-migrate".into() } else { own() };
        Self::new(named(STATE_DIR).unwrap_or_else(usual))
    }

    /// The history file of `pair`.
    pub fn path(&self, pair: &Pair) -> PathBuf {
        self.dir.join(pair.file_name())
    }

    /// The default file that records the removals of `pair`.
    pub fn removals(&self, pair: &Pair) -> PathBuf {
        self.path(pair).with_extension("removed")
    }

    /// Reads the history of `pair`; `None` when there is none.
    ///
    /// # Errors
    /// When the file cannot be read or parsed, or belongs to another pair.
    pub fn load(&self, pair: &Pair) -> Result<Option<PairHistory>, HistoryError> {
        let path = self.path(pair);
        let failed = |cause| HistoryError { step: "read", path: path.clone(), cause };
        let Some(text) = private_file::read_if_there(&path).map_err(failed)? else { return Ok(None) };
        let record: PairHistory = serde_json::from_slice(&text).map_err(|error| failed(error.into()))?;
        let fits = record.version == VERSION && record.pair == *pair;
        fits.then_some(Some(record))
            .ok_or_else(|| failed(io::Error::other("it has another version or belongs to another pair")))
    }

    /// Records a pass: once before it writes anything, and once at its end.
    ///
    /// # Errors
    /// When the file cannot be written; an older verification would then look newer than this pass.
    pub fn note_run(&self, pair: &Pair, run: RunNote) -> Result<(), HistoryError> {
        self.change(pair, |record| record.last_run = Some(run))
    }

    /// Records a verification that reached its end. A verification of some libraries must not be recorded, because it
    /// would be taken for one of all libraries.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn note_verify(&self, pair: &Pair, verified: VerifyNote) -> Result<(), HistoryError> {
        self.change(pair, |record| record.verified = Some(verified))
    }

    fn change(&self, pair: &Pair, change: impl FnOnce(&mut PairHistory)) -> Result<(), HistoryError> {
        let empty = || PairHistory { version: VERSION, pair: pair.clone(), last_run: None, verified: None };
        let mut record = self.load(pair)?.unwrap_or_else(empty);
        change(&mut record);
        let path = self.path(pair);
        self.replace(&path, &record).map_err(|cause| HistoryError { step: "write", path, cause })
    }

    fn replace(&self, path: &Path, record: &PairHistory) -> io::Result<()> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.dir)?;
        private_file::replace(path, |out| Ok(serde_json::to_writer_pretty(out, record)?))
    }
}

impl PairHistory {
    /// Why the newest verification does not prove that the destination is good as the newest pass left it; `None` when
    /// it does.
    ///
    /// | last verification | newest pass | |
    /// |---|---|---|
    /// | none | | no proof |
    /// | had findings | | no proof |
    /// | good | began or ended after the verification began, or never ended | no proof |
    /// | good | ended before it, or there was none | proof |
    pub fn why_unproven(&self) -> Option<String> {
        let Some(verified) = &self.verified else { return Some("these stores were never verified".to_owned()) };
        if verified.findings > 0 {
            return Some(format!("the verification of {} had {} findings", verified.ended, verified.findings));
        }
        let run = self.last_run.as_ref()?;
        match run.ended {
            Some(ended) if ended <= verified.began => None,
            Some(ended) => Some(format!("a run ended at {ended}, after the verification of {} began", verified.began)),
            None if run.began <= verified.ended => {
                Some(format!("a run that began at {} did not record its end", run.began))
            }
            None => Some(format!("a run began at {}, after the verification of {}", run.began, verified.ended)),
        }
    }
}
