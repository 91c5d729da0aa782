//! The objects that the report names one by one: those that failed, and those damaged in the source.
//!
//! There may be millions of them, so only the first few are kept in memory. All of them are written to an unnamed
//! temporary file, a line of JSON each.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Seek, Write};
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use crate::object::{LibraryId, ObjectId, ObjectKey, ObjectKind};
use crate::store::{ErrorKind, StoreError};
use crate::sys::private_file::in_folder;

/// The number of findings that the summary shows.
pub const SHOWN: usize = 10;

/// How many storage classes of archives are told apart.
const CLASSES: usize = 20;

/// The storage class of an object in an archive where the store named none.
pub const UNNAMED_CLASS: &str = "unknown";

/// An object and its failure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// The kind of the object.
    pub kind: ObjectKind,
    /// The library that the object belongs to.
    pub library: LibraryId,
    /// The object's id.
    pub object: ObjectId,
    /// The step that failed: `read`, `check`, `write`, `sync`, …
    pub step: String,
    /// The kind of failure, in a few words.
    pub error: String,
    /// The answer of the store, or the result of the check.
    pub cause: String,
    /// The storage class of an object that is in an archive, [`UNNAMED_CLASS`] where the store named none; `None` for every
    /// other object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub archive_class: Option<String>,
}

impl Finding {
    /// A finding about one object.
    pub fn new(kind: ObjectKind, key: &ObjectKey, step: &str, error: &str, cause: impl ToString) -> Self {
        Self {
            kind,
            library: key.library,
            object: key.id,
            step: step.to_owned(),
            error: error.to_owned(),
            cause: cause.to_string(),
            archive_class: None,
        }
    }

    /// The name of the object.
    pub const fn key(&self) -> ObjectKey {
        ObjectKey::new(self.library, self.object)
    }

    /// The finding for a call on a store that failed.
    pub fn from_error(kind: ObjectKind, key: &ObjectKey, error: &StoreError) -> Self {
        let archive_class = archive_class(error);
        Self { archive_class, ..Self::new(kind, key, error.action(), error.kind().as_str(), error.cause()) }
    }

    /// The same finding, about an object of this class of an archive.
    #[must_use]
    pub fn in_archive(self, archive_class: Option<String>) -> Self {
        Self { archive_class, ..self }
    }
}

/// The class of the archive that an object is in, as [`Finding::archive_class`] has it.
pub fn archive_class(error: &StoreError) -> Option<String> {
    let is_archived = error.kind() == ErrorKind::Archived;
    is_archived.then(|| error.archive_class().unwrap_or(UNNAMED_CLASS).to_owned())
}

/// What a summary tells of findings: the first few, and those in archives by storage class, because restoring is done for a
/// class, and there may be millions.
#[derive(Clone, Debug, Default)]
pub struct Shown {
    first: Vec<Finding>,
    archived: BTreeMap<(ObjectKind, Option<String>), FindingSort>,
    count: u64,
}

impl Shown {
    /// Takes one in.
    pub fn add(&mut self, finding: Finding) {
        self.count += 1;
        if finding.archive_class.is_some() {
            self.add_archived(finding);
        } else if self.first.len() < SHOWN {
            self.first.push(finding);
        }
    }

    /// Adds an object to those of its class; where there are very many classes, to those of none.
    fn add_archived(&mut self, mut finding: Finding) {
        let is_new = !self.archived.contains_key(&(finding.kind, finding.archive_class.clone()));
        if self.archived.len() >= CLASSES && is_new {
            finding.archive_class = Some(UNNAMED_CLASS.to_owned());
        }
        let sort = (finding.kind, finding.archive_class.clone());
        self.archived.entry(sort).or_insert(FindingSort { first: finding, count: 0 }).count += 1;
    }

    /// The first [`SHOWN`] of those that are in no archive.
    pub fn first(&self) -> &[Finding] {
        &self.first
    }

    /// Those in archives, by kind and class.
    pub fn archived(&self) -> impl Iterator<Item = &FindingSort> {
        self.archived.values()
    }

    /// How many are in neither.
    pub fn untold(&self) -> u64 {
        let archived: u64 = self.archived().map(|sort| sort.count).sum();
        self.count - archived - self.first.len() as u64
    }
}

/// The findings of one kind with the same sort of failure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FindingSort {
    /// The first of them.
    pub first: Finding,
    /// How many there are.
    pub count: u64,
}

/// A list of findings of one sort. Engines add to it, from many threads; summary and report read it.
#[derive(Debug, Default)]
pub struct Findings(Mutex<Held>);

#[derive(Debug, Default)]
struct Held {
    first: Vec<Finding>,
    shown: Shown,
    sorts: BTreeMap<(ObjectKind, String), FindingSort>,
    count: u64,
    spool: Option<BufWriter<File>>,
    /// Why a finding could not be kept.
    lost: Option<String>,
}

impl Findings {
    /// Adds a finding. When it cannot be kept, [`Self::write_json`] says so later.
    pub fn add(&self, finding: Finding) {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        held.count += 1;
        if let Err(error) = held.keep(&finding) {
            held.lost.get_or_insert(error.to_string());
        }
        held.sort(&finding);
        if held.first.len() < SHOWN {
            held.first.push(finding.clone());
        }
        held.shown.add(finding);
    }

    /// The findings by kind and sort of failure, for whoever tells them as they come.
    pub fn sorts(&self) -> Vec<FindingSort> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).sorts.values().cloned().collect()
    }

    /// What a summary tells of them.
    pub fn shown(&self) -> Shown {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).shown.clone()
    }

    /// How many findings were added.
    pub fn count(&self) -> u64 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).count
    }

    /// The first [`SHOWN`] findings, for a page.
    pub fn first(&self) -> Vec<Finding> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).first.clone()
    }

    /// The first `most` findings, read back from the temporary file.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn take(&self, most: usize) -> io::Result<Vec<Finding>> {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(spool) = &mut held.spool else { return Ok(Vec::new()) };
        spool.flush()?;
        let file = spool.get_mut();
        file.rewind()?;
        let lines = BufReader::new(&*file).lines().take(most);
        let taken = lines.map(|line| Ok(serde_json::from_str(&line?)?)).collect();
        file.seek(io::SeekFrom::End(0))?;
        taken
    }

    /// Shows each finding to `see`, read back from the temporary file.
    ///
    /// # Errors
    /// When they cannot be read, or when some could not be kept.
    pub fn each(&self, mut see: impl FnMut(Finding)) -> io::Result<()> {
        self.read_back(|_, line| {
            see(serde_json::from_str(&line)?);
            Ok(())
        })
    }

    fn read_back(&self, mut see: impl FnMut(usize, String) -> io::Result<()>) -> io::Result<()> {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(cause) = &held.lost {
            return Err(io::Error::other(format!("some findings could not be kept in a temporary file: {cause}")));
        }
        let Some(spool) = &mut held.spool else { return Ok(()) };
        spool.flush()?;
        let file = spool.get_mut();
        file.rewind()?;
        for (n, line) in BufReader::new(&*file).lines().enumerate() {
            see(n, line?)?;
        }
        file.seek(io::SeekFrom::End(0)).map(drop)
    }

    /// Writes all findings as the elements of a JSON array, without its brackets.
    ///
    /// # Errors
    /// When they cannot be read or written, or when some could not be kept.
    pub fn write_json(&self, out: &mut dyn Write) -> io::Result<()> {
        if self.count() == 0 {
            return Ok(());
        }
        self.read_back(|n, line| write!(out, "{}    {line}", if n == 0 { "\n" } else { ",\n" }))?;
        out.write_all(b"\n  ")
    }
}

impl Held {
    fn sort(&mut self, finding: &Finding) {
        let sort = (finding.kind, finding.error.clone());
        let new = || FindingSort { first: finding.clone(), count: 0 };
        self.sorts.entry(sort).or_insert_with(new).count += 1;
    }

    fn keep(&mut self, finding: &Finding) -> io::Result<()> {
        let spool = match &mut self.spool {
            Some(spool) => spool,
            None => self.spool.insert(BufWriter::new(temporary()?)),
        };
        serde_json::to_writer(&mut *spool, finding)?;
        spool.write_all(b"\n")
    }
}

fn temporary() -> io::Result<File> {
    let dir = tempfile::env::temp_dir();
    tempfile::tempfile_in(&dir).map_err(|error| in_folder(&dir, &error))
}
