//! The history of a pair of sides, kept between processes: the newest pass and the newest verification.
//!
//! Objects of the source may be deleted only after a verification without findings, and only while no pass wrote since.
//! A verification revokes the earlier one when it begins and records its result when it ends, with the generations that
//! the destination's stores had then ([`incarnation`]). A pass on whatever machine begins another generation, so the
//! proof is bound to what was verified and not to a clock. Each pair has one small JSON file, named after the places of
//! both sides, changed under a lock, replaced as a whole, with mode 0600.

use std::collections::BTreeMap;
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;
use std::time::Duration;
use std::{fs, io};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha1::{Digest, Sha1};

use crate::conf::{Environment, SideConf, SideId};
use crate::object::{LibraryId, ObjectId, PerKind};
use crate::sys::file_lock::FileLock;
use crate::sys::private_file;

pub mod incarnation;

pub use incarnation::{Incarnation, Incarnations};

/// The version of the file's fields. A file of version 1 bound a verification to a time and not to a generation; it is
/// read, and proves nothing.
pub const VERSION: u32 = 2;

/// How long a process waits for another one that is changing the same file, which takes milliseconds.
const LOCK_PATIENCE: Duration = Duration::from_secs(10);

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
    /// When the verifications began that came after `verified` and have not reached their end.
    #[serde(default)]
    pub unfinished: Vec<Timestamp>,
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
    /// The destination's incarnations, which were the same before the first object was listed and after the last one was
    /// compared; `None` when they were not, or a store has none.
    #[serde(default)]
    pub destination: Option<PerKind<Incarnation>>,
}

impl VerifyNote {
    /// Whether every object was read at the destination and compared with its id.
    pub fn is_of_all_contents(&self) -> bool {
        self.content_percent >= 100.0
    }
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

    /// A folder of this name beside the history files.
    pub fn folder(&self, name: &str) -> PathBuf {
        self.dir.join(name)
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
        let fits = (1..=VERSION).contains(&record.version) && record.pair == *pair;
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

    /// Records that a verification begins: until it has ended, nothing is proved.
    ///
    /// # Errors
    /// When the file cannot be written; an earlier verification would then still look valid.
    pub fn note_verify_begun(&self, pair: &Pair, began: Timestamp) -> Result<(), HistoryError> {
        self.change(pair, |record| {
            if !record.unfinished.contains(&began) {
                record.unfinished.push(began);
            }
        })
    }

    /// Records the end of a verification that is no proof, as one of some libraries, which began at `began`. Without
    /// findings, the earlier verification of all libraries counts again; with findings it does not.
    ///
    /// # Errors
    /// When the file cannot be written; nothing is proved then.
    pub fn note_partial_verify(&self, pair: &Pair, began: Timestamp, findings: u64) -> Result<(), HistoryError> {
        self.change(pair, |record| {
            record.unfinished.retain(|other| *other != began);
            if let Some(verified) = &mut record.verified {
                verified.findings += findings;
            }
        })
    }

    /// Records a verification of all libraries that reached its end. It settles those that began before it and did not,
    /// because it looked at each object later.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn note_verify(&self, pair: &Pair, verified: VerifyNote) -> Result<(), HistoryError> {
        self.change(pair, |record| {
            record.unfinished.retain(|began| *began > verified.began);
            record.verified = Some(verified);
        })
    }

    /// Reads, changes and writes the history of a pair, which no other process does meanwhile.
    fn change(&self, pair: &Pair, change: impl FnOnce(&mut PairHistory)) -> Result<(), HistoryError> {
        let path = self.path(pair);
        let failed = |cause| HistoryError { step: "write", path: path.clone(), cause };
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.dir).map_err(failed)?;
        let _lock = FileLock::acquire_within(&path.with_extension("lock"), LOCK_PATIENCE)
            .map_err(|error| failed(io::Error::other(error.to_string())))?;
        let mut record = self.load(pair)?.unwrap_or_else(|| PairHistory::new(pair.clone()));
        change(&mut record);
        record.version = VERSION;
        private_file::replace(&path, |out| Ok(serde_json::to_writer_pretty(out, &record)?)).map_err(failed)
    }
}

impl PairHistory {
    /// A history in which nothing happened yet.
    pub const fn new(pair: Pair) -> Self {
        Self { version: VERSION, pair, last_run: None, verified: None, unfinished: Vec::new() }
    }

    /// Why the newest verification does not prove that the destination is good as it is now; `None` when it does. `now`
    /// are the incarnations that the destination's stores have now.
    ///
    /// | newest verification | destination now | |
    /// |---|---|---|
    /// | none, or with findings | | no proof |
    /// | good, and another one began later that did not end | | no proof |
    /// | good | has another incarnation, in any of its stores | no proof |
    /// | good | is as it was, and its newest pass was killed, or ended with failures | no proof |
    /// | good | is as it was, and its newest pass ended well | proof |
    pub fn why_unproven(&self, now: &Incarnations) -> Option<String> {
        let Some(verified) = &self.verified else { return Some("these stores were never verified".to_owned()) };
        let VerifyNote { ended, findings, destination, .. } = verified;
        if *findings > 0 {
            return Some(format!("the verification of {ended} had {}", plural_findings(*findings)));
        }
        if let Some(began) = self.unfinished.last() {
            return Some(format!("a later verification, which began at {began}, did not come to its end"));
        }
        let Some(destination) = destination else {
            return Some(format!(
                "during the verification of {ended} a run wrote to the destination, or no run ever did"
            ));
        };
        destination.iter().find_map(|(kind, then)| {
            let why = why_not(then, now[kind].as_ref(), ended)?;
            Some(format!("the destination's {kind} store {why}"))
        })
    }
}

/// Why what was verified as `then` is not proved by it `now`, as what a store did.
fn why_not(then: &Incarnation, now: Option<&Incarnation>, ended: &Timestamp) -> Option<String> {
    let Some(now) = now else { return Some("carries no mark of a run: it was emptied, or is another one".to_owned()) };
    if !now.is_same_store(then) {
        return Some(format!("is another one than at the verification of {ended}: it was made anew, or replaced"));
    }
    if now != then {
        return Some(match now.generation() > then.generation() {
            true => format!("was written by a run, or found wrong, since the verification of {ended}"),
            false => format!("is older than at the verification of {ended}: a backup was put in its place"),
        });
    }
    match now.last_pass() {
        Some(0 | 5) => None,
        Some(code) => Some(format!("was last written by a run that ended with exit code {code}")),
        None => Some("was last written by a run that did not come to its end".to_owned()),
    }
}

fn plural_findings(count: u64) -> String {
    format!("{count} {}", if count == 1 { "finding" } else { "findings" })
}
