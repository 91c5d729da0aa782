//! What one process leaves for the next about a pair of sides: when a pass last ran between them, and what a
//! verification of them found.
//!
//! Deleting the source is allowed only on proof, and a proof is worth something only while nothing was written since.
//! So every pass notes its beginning here before it writes anything, and a verification what it saw. One small JSON
//! file a pair, named after both places, replaced as a whole, mode 0600.

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

/// Names the folder that overrides the usual one.
pub const STATE_DIR: &str = "SEAF_MIGRATE_STATE_DIR";

/// Which sides something is noted about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pair {
    /// The old side.
    pub from: SideId,
    /// The new side.
    pub to: SideId,
}

impl Pair {
    /// The pair that two configurations say. The same places make the same pair, however they are configured.
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

/// All that is noted about a pair.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PairHistory {
    /// [`VERSION`] of the program that wrote it.
    pub version: u32,
    /// Which pair; compared when the file is read, because the file's name is only a digest.
    pub pair: Pair,
    /// The newest pass.
    pub last_run: Option<RunNote>,
    /// The newest verification that came to an end.
    pub verified: Option<VerifyNote>,
}

/// One pass between the two sides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunNote {
    /// When it began.
    pub began: Timestamp,
    /// When it ended; `None` while it is under way, and for good when it was killed.
    pub ended: Option<Timestamp>,
    /// The exit code it ended with.
    pub exit_code: Option<u8>,
}

/// One verification that came to its end.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VerifyNote {
    /// When it began to list; for one that was resumed, when it was first begun.
    pub began: Timestamp,
    /// When it ended.
    pub ended: Timestamp,
    /// Which share of the objects was read and hashed, in percent; 0 when only ids and sizes were compared.
    pub content_percent: f64,
    /// Objects of the source that the destination lacks or holds wrongly.
    pub findings: u64,
    /// Objects compared.
    pub objects: u64,
    /// The newest commit of each library when it began, out of the database; `None` without a database.
    pub heads: Option<BTreeMap<LibraryId, ObjectId>>,
}

/// Why a note could not be read or written.
#[derive(Debug, thiserror::Error)]
#[error("cannot {step} the notes about this pair of stores, {path}: {cause}. Set {STATE_DIR} to a folder to write")]
pub struct HistoryError {
    step: &'static str,
    path: PathBuf,
    cause: io::Error,
}

/// The folder of the notes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateDir {
    dir: PathBuf,
}

impl StateDir {
    /// Notes in `dir`, which is made when the first one is written.
    pub const fn new(dir: PathBuf) -> Self {
        Self { dir }
    }

    /// The folder that the environment says: `SEAF_MIGRATE_STATE_DIR`, else for root `/var/lib/seaf-migrate`, else
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

    /// The file that holds what is noted about `pair`.
    pub fn path(&self, pair: &Pair) -> PathBuf {
        self.dir.join(pair.file_name())
    }

    /// Where the removals of `pair` are noted unless another file is named.
    pub fn removals(&self, pair: &Pair) -> PathBuf {
        self.path(pair).with_extension("removed")
    }

    /// What is noted about `pair`; `None` when nothing is.
    ///
    /// # Errors
    /// When there is a file and it cannot be read, understood, or is about another pair.
    pub fn load(&self, pair: &Pair) -> Result<Option<PairHistory>, HistoryError> {
        let path = self.path(pair);
        let failed = |cause| HistoryError { step: "read", path: path.clone(), cause };
        let Some(text) = private_file::read_if_there(&path).map_err(failed)? else { return Ok(None) };
        let record: PairHistory = serde_json::from_slice(&text).map_err(|error| failed(error.into()))?;
        let fits = record.version == VERSION && record.pair == *pair;
        fits.then_some(Some(record)).ok_or_else(|| failed(io::Error::other("it is of another version or pair")))
    }

    /// Notes a pass: once before it writes anything, and once at its end.
    ///
    /// # Errors
    /// When the note cannot be kept; an older verification would then look newer than this pass.
    pub fn note_run(&self, pair: &Pair, run: RunNote) -> Result<(), HistoryError> {
        self.change(pair, |record| record.last_run = Some(run))
    }

    /// Notes a verification that came to its end. One that was limited to some libraries is not to be noted: it would
    /// be taken for one of all.
    ///
    /// # Errors
    /// When the note cannot be kept.
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
    /// Why the newest verification does not say that all that the newest pass left is good; `None` when it does.
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
                Some(format!("a run that began at {} never noted its end", run.began))
            }
            None => Some(format!("a run began at {}, after the verification of {}", run.began, verified.ended)),
        }
    }
}
