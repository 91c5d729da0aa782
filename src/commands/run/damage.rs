//! What earlier passes found damaged in the source, kept as `PATH.damaged` beside the list files, so that every later pass
//! names it as well and ends with the same exit code. What is kept is not believed: each object is read again.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use serde::{Deserialize, Serialize};

use crate::commands::common::destination::DestinationIndex;
use crate::commands::common::failure::Failure;
use crate::commands::run::settings::RunSettings;
use crate::conf::SideId;
use crate::flow::pool::{self, Queue};
use crate::flow::{Budget, breaker::CircuitBreaker};
use crate::metrics::{Counters, Finding, Findings, ObjectFindings};
use crate::object::{ObjectKey, ObjectKind};
use crate::store::checked::{CheckedRead, CheckedReader};
use crate::store::{ErrorKind, ReadStore};
use crate::sys::private_file;
use crate::transfer::record::Recorder;

/// The version of the file's fields.
const VERSION: u32 = 1;

/// How many objects are remembered at most, so that they fit in memory.
const MOST: usize = 100_000;

/// What a read may take of the budget, in bytes: the largest block that Seafile's chunking makes.
const ROOM: u64 = 10 << 20;

/// The file, and between which sides what is in it was found.
#[derive(Clone, Debug)]
pub(super) struct DamageMemory {
    path: PathBuf,
    from: SideId,
    to: SideId,
}

#[derive(Serialize, Deserialize)]
struct Document {
    version: u32,
    from: SideId,
    to: SideId,
    objects: Vec<Finding>,
}

impl DamageMemory {
    /// That of a pass; `None` when the pass keeps no list files.
    pub(super) fn of(settings: &RunSettings) -> Option<Self> {
        let mut path = settings.plan.list.prefix.as_deref()?.as_os_str().to_owned();
        path.push(".damaged");
        Some(Self { path: path.into(), from: settings.plan.from.id(), to: settings.plan.to.id() })
    }

    /// The file.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// What is remembered of these sides, no object twice; nothing when there is no file that can be understood.
    pub(super) fn load(&self) -> Vec<Finding> {
        let text = private_file::read_if_there(&self.path).ok().flatten();
        let read = text.and_then(|text| serde_json::from_slice::<Document>(&text).ok());
        let fits = |read: &Document| (read.version, &read.from, &read.to) == (VERSION, &self.from, &self.to);
        let objects = read.filter(fits).map(|read| read.objects).unwrap_or_default();
        let by_key: BTreeMap<(ObjectKind, ObjectKey), Finding> =
            objects.into_iter().map(|object| ((object.kind, object.key()), object)).collect();
        by_key.into_values().collect()
    }

    /// Keeps what this pass found damaged, and what an earlier one did and nobody read again, in place of what was
    /// remembered.
    ///
    /// # Errors
    /// When the file cannot be written; what was there then stands.
    pub(super) fn save(&self, earlier: &[Finding], found: &Findings) -> io::Result<()> {
        let mut objects = found.take(MOST)?;
        let known: BTreeSet<(ObjectKind, ObjectKey)> = objects.iter().map(|found| (found.kind, found.key())).collect();
        let others = earlier.iter().filter(|object| !known.contains(&(object.kind, object.key())));
        objects.extend(others.take(MOST - known.len().min(MOST)).cloned());
        if objects.is_empty() {
            return private_file::remove_if_there(&self.path);
        }
        let (from, to) = (self.from.clone(), self.to.clone());
        let document = Document { version: VERSION, from, to, objects };
        private_file::replace(&self.path, |out: &mut dyn Write| Ok(serde_json::to_writer(out, &document)?))
    }
}

/// What reads again what is remembered of one kind.
#[derive(Clone, Copy, Debug)]
pub(super) struct Again<'a> {
    pub(super) kind: ObjectKind,
    pub(super) source: &'a dyn ReadStore,
    pub(super) destination: &'a dyn ReadStore,
    /// What the destination holds. What it lacks is copied, and named by that.
    pub(super) held: &'a DestinationIndex,
    pub(super) workers: usize,
    pub(super) budget: &'a Budget,
    pub(super) counters: &'a Counters,
    pub(super) findings: &'a ObjectFindings,
    pub(super) breaker: &'a CircuitBreaker,
}

impl Again<'_> {
    /// Reads each object in the source, and names it when it is still damaged there, or cannot be read.
    ///
    /// # Errors
    /// When the threads cannot be started, or so many reads fail that the store is taken for gone.
    pub(super) fn name<'f>(
        &self,
        remembered: &'f [Finding],
        is_over: &(dyn Fn() -> bool + Sync),
    ) -> Result<(), Failure> {
        let gone: OnceLock<Failure> = OnceLock::new();
        let there = |object: &&Finding| object.kind == self.kind && self.held.set.find(&object.key()).is_some();
        let fill = |queue: Queue<&'f Finding>| {
            let mut objects = remembered.iter().filter(there);
            let _ = objects.all(|object| !is_over() && gone.get().is_none() && queue.put(object));
            Ok::<(), io::Error>(())
        };
        let look = |object: &'f Finding| {
            if let Err(failure) = self.look(object) {
                // When one came first, that is the one to tell.
                let _ = gone.set(failure);
            }
        };
        let run = pool::run(self.workers, self.workers, fill, look);
        run.and_then(|filled| filled).map_err(|error| Failure::local("start a worker thread", &error))?;
        gone.into_inner().map_or(Ok(()), Err)
    }

    fn look(&self, object: &Finding) -> Result<(), Failure> {
        let key = object.key();
        let (kind, counters, findings) = (self.kind, self.counters, self.findings);
        let record = Recorder { kind, counters, findings, breaker: self.breaker };
        let _share = self.budget.acquire(ROOM);
        match (CheckedReader { kind, store: self.source }).read(&key, None) {
            Ok(CheckedRead::Damaged { damage, .. }) => record.damaged(&key, &damage),
            Ok(CheckedRead::Gone) => {}
            Ok(CheckedRead::Good { .. }) => self.require_right(&key, &record)?,
            // Not read again, so it stays as it is remembered.
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind().is_fatal() => return Err(error.into()),
            Err(error) => {
                counters.kind(kind).damaged.add(1);
                let cause = format!("{}, as an earlier pass found; now it cannot be read: {error}", object.cause);
                findings.damage.add(Finding { cause, ..object.clone() });
            }
        }
        Ok(())
    }

    /// The source has it right by now: somebody mended it. The destination has what was copied of it before, unless that was
    /// mended, too.
    fn require_right(&self, key: &ObjectKey, record: &Recorder<'_>) -> Result<(), Failure> {
        let destination = CheckedReader { kind: self.kind, store: self.destination };
        match destination.read(key, None) {
            Ok(CheckedRead::Good { .. }) => Ok(()),
            Ok(CheckedRead::Damaged { .. } | CheckedRead::Gone) => {
                let cause = "it was damaged in the source when it was copied, and the source has it right now: repair with \
                             the report of this run writes it anew";
                self.counters.kind(self.kind).to_copy.add(1);
                record.wrong_at_destination(*key, cause);
                Ok(())
            }
            Err(error) => {
                self.counters.kind(self.kind).to_copy.add(1);
                record.failed(*key, error).map_err(Failure::from)
            }
        }
    }
}
