//! One object: what the destination holds, and which source has it right.

use bytes::Bytes;

use crate::content::sha1_of;
use crate::flow::Budget;
use crate::metrics::findings::archive_class;
use crate::object::{ObjectId, ObjectKey, ObjectKind};
use crate::store::checked::{CheckedRead, CheckedReader};
use crate::store::{ErrorKind, ReadStore, StoreError, WriteStore};

/// What reading an object reserves of the memory, in bytes: the largest block that Seafile's chunking makes, and far more
/// than most trees and commits need.
const BLOCK: u64 = 10 << 20;
const OTHER: u64 = 1 << 20;

/// What came of one object.
#[derive(Debug)]
pub enum Mended {
    /// The destination has it right.
    Right,
    /// Right bytes were written, or in a dry run would be.
    Written(Written),
    /// It is left as it is.
    Left(Left),
}

/// Why an object is left as it is.
#[derive(Debug, PartialEq, Eq)]
pub struct Left {
    /// The cause in a few words.
    pub why: &'static str,
    /// What the destination and the sources have.
    pub cause: String,
    /// The class of the archive that a source, or else the destination, has it in: restored there, it may be had.
    pub archive_class: Option<String>,
}

/// An object that was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// The SHA-1 of its bytes, by which it is seen that they come back.
    pub digest: ObjectId,
    /// Its size in bytes.
    pub size: u64,
    /// What the destination had.
    pub was: String,
    /// The number of the source that had it right.
    pub source: usize,
}

/// Both sides of one kind.
#[derive(Clone, Copy, Debug)]
pub struct Mender<'a> {
    /// The kind of the objects.
    pub kind: ObjectKind,
    /// Where right bytes may be; the first that has them counts.
    pub sources: &'a [&'a dyn ReadStore],
    /// What is to be repaired; `None` when its folder does not exist yet.
    pub destination: Option<&'a dyn ReadStore>,
    /// The same, to be written; `None` in a dry run.
    pub writer: Option<&'a dyn WriteStore>,
    /// The bytes that all workers together may hold.
    pub budget: &'a Budget,
}

/// What the destination has.
enum There {
    /// Bytes with this SHA-1 that have the id.
    Right(ObjectId),
    /// Nothing right.
    Wrong(Wrong),
}

/// What the destination has that is not right.
struct Wrong {
    /// In words.
    told: String,
    /// The class of the archive that it is in.
    archive_class: Option<String>,
}

impl Wrong {
    fn new(told: impl Into<String>) -> Self {
        Self { told: told.into(), archive_class: None }
    }
}

impl Mender<'_> {
    /// Looks at one object and repairs it where it must be.
    ///
    /// | destination, read anew | the first source that has it right | then |
    /// |---|---|---|
    /// | its id is right, no commit | | nothing to do |
    /// | a commit whose id is right | has the same bytes, or there is none | nothing to do |
    /// | a commit whose id is right | has other bytes | written |
    /// | missing, damaged or unreadable | there is one | written |
    /// | missing, damaged or unreadable | there is none | left |
    ///
    /// # Errors
    /// When a store does not answer: the destination, or a source while no other one has it right.
    pub fn mend(&self, key: &ObjectKey) -> Result<Mended, StoreError> {
        let there = self.look(key)?;
        if matches!(there, There::Right(_)) && self.kind != ObjectKind::Commits {
            return Ok(Mended::Right);
        }
        let _share = self.budget.acquire(self.reserved());
        let mut found = Found::default();
        for (source, store) in self.sources.iter().enumerate() {
            match (CheckedReader { kind: self.kind, store: *store }).read(key, None) {
                Ok(CheckedRead::Good { data, .. }) => return self.put(key, data, source, &there),
                Ok(CheckedRead::Damaged { damage, .. }) => found.damaged(*store, &damage.to_string()),
                Ok(CheckedRead::Gone) => found.missing(*store),
                Err(error) if is_of_the_store(&error) => found.unanswered(error),
                Err(error) => found.unreadable(*store, &error),
            }
        }
        match there {
            There::Right(_) => Ok(Mended::Right),
            There::Wrong(was) => found.left(was),
        }
    }

    fn reserved(&self) -> u64 {
        match self.kind {
            ObjectKind::Blocks => BLOCK,
            ObjectKind::Commits | ObjectKind::Fs => OTHER,
        }
    }

    /// What the destination has, read anew.
    fn look(&self, key: &ObjectKey) -> Result<There, StoreError> {
        let Some(store) = self.destination else { return Ok(There::Wrong(Wrong::new("missing"))) };
        let _share = self.budget.acquire(self.reserved());
        match (CheckedReader { kind: self.kind, store }).read_fresh(key) {
            Ok(CheckedRead::Good { data, .. }) => Ok(There::Right(sha1_of(&data))),
            Ok(CheckedRead::Damaged { damage, .. }) => Ok(There::Wrong(Wrong::new(format!("damaged: {damage}")))),
            Ok(CheckedRead::Gone) => Ok(There::Wrong(Wrong::new("missing"))),
            Err(error) if is_of_the_store(&error) => Err(error),
            Err(error) => Ok(There::Wrong(Wrong {
                told: format!("{}: {}", error.kind().as_str(), error.cause()),
                archive_class: archive_class(&error),
            })),
        }
    }

    /// Writes right bytes, unless the destination has the very same.
    fn put(&self, key: &ObjectKey, data: Bytes, source: usize, there: &There) -> Result<Mended, StoreError> {
        let (digest, size) = (sha1_of(&data), data.len() as u64);
        let was = match there {
            There::Right(held) if *held == digest => return Ok(Mended::Right),
            There::Right(_) => "other bytes than the source in what the id of a commit does not cover".to_owned(),
            There::Wrong(was) => was.told.clone(),
        };
        if let Some(writer) = self.writer {
            writer.write(key, data)?;
        }
        Ok(Mended::Written(Written { digest, size, was, source }))
    }

    /// Bytes of the object that have its id, from the destination or else from a source; `None` when nobody has them.
    ///
    /// # Errors
    /// When a store does not answer.
    pub fn right_bytes(&self, key: &ObjectKey) -> Result<Option<Bytes>, StoreError> {
        let _share = self.budget.acquire(self.reserved());
        for store in self.destination.into_iter().chain(self.sources.iter().copied()) {
            match (CheckedReader { kind: self.kind, store }).read(key, None) {
                Ok(CheckedRead::Good { data, .. }) => return Ok(Some(data)),
                Err(error) if is_of_the_store(&error) => return Err(error),
                Ok(_) | Err(_) => {}
            }
        }
        Ok(None)
    }

    /// Whether what was written comes back, read anew. One read that gives it proves it.
    ///
    /// # Errors
    /// When the destination does not answer.
    pub fn comes_back(&self, key: &ObjectKey, written: &Written) -> Result<bool, StoreError> {
        let Some(destination) = self.destination else { return Ok(false) };
        let _share = self.budget.acquire(written.size);
        for _ in 0..2 {
            match destination.read_again(key) {
                Ok(data) if sha1_of(&data) == written.digest => return Ok(true),
                Ok(_) => {}
                Err(error) if is_of_the_store(&error) => return Err(error),
                Err(_) => {}
            }
        }
        Ok(false)
    }
}

/// What the sources have that do not have it right.
#[derive(Default)]
struct Found {
    told: Vec<String>,
    is_damaged: bool,
    is_unreadable: bool,
    archive_class: Option<String>,
    unanswered: Option<StoreError>,
}

impl Found {
    fn missing(&mut self, store: &dyn ReadStore) {
        self.told.push(format!("{}: missing", store.location()));
    }

    fn damaged(&mut self, store: &dyn ReadStore, damage: &str) {
        self.is_damaged = true;
        self.told.push(format!("{}: damaged, {damage}", store.location()));
    }

    fn unreadable(&mut self, store: &dyn ReadStore, error: &StoreError) {
        self.is_unreadable = true;
        self.archive_class = self.archive_class.take().or_else(|| archive_class(error));
        self.told.push(format!("{}: {}, {}", store.location(), error.kind().as_str(), error.cause()));
    }

    fn unanswered(&mut self, error: StoreError) {
        self.unanswered.get_or_insert(error);
    }

    /// What is to be said when no source has it right.
    fn left(self, was: Wrong) -> Result<Mended, StoreError> {
        if let Some(error) = self.unanswered {
            return Err(error);
        }
        let why = match self {
            Self { is_damaged: true, .. } => "damaged in every source that has it",
            Self { is_unreadable: true, .. } => "readable in no source",
            _ => "missing in every source",
        };
        let cause = format!("at the destination: {}; {}", was.told, self.told.join("; "));
        Ok(Mended::Left(Left { why, cause, archive_class: self.archive_class.or(was.archive_class) }))
    }
}

/// Whether the error concerns the store and not the object.
const fn is_of_the_store(error: &StoreError) -> bool {
    error.kind().may_be_outage() || error.kind().is_fatal() || matches!(error.kind(), ErrorKind::Interrupted)
}
