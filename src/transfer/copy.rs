//! Moves one object: read it, check its id, write it, and say what came of it.

use std::time::Instant;

use crate::content::{self, Damage, IdCheck};
use crate::flow::Budget;
use crate::metrics::slowest::Timing;
use crate::object::{ObjectKey, ObjectKind};
use crate::store::{Listed, ReadStore, StoreError, WriteStore, found};

/// What an object of unknown size may take of the budget while it is read, in bytes: the largest
/// block that Seafile's chunking makes, and far more than most trees and commits need.
const UNKNOWN_BLOCK: u64 = 10 << 20;
const UNKNOWN_OTHER: u64 = 1 << 20;

/// What came of one object.
#[derive(Debug)]
pub enum CopyOutcome {
    /// The destination took it. Whether it is durable there is known after the next sync.
    Copied {
        /// The size in bytes.
        size: u64,
        /// What was wrong with it already in the source; its bytes were copied unchanged.
        damage: Option<Damage>,
        /// How long it took.
        spent: Timing,
    },
    /// It was listed and then gone, as on a live server whose garbage collection runs.
    Vanished,
    /// It is not at the destination.
    Failed(StoreError),
}

/// The two stores of one kind, and what copying between them may use.
#[derive(Clone, Copy, Debug)]
pub struct Copier<'a> {
    /// Which kind of object the stores hold.
    pub kind: ObjectKind,
    /// Where objects come from.
    pub source: &'a dyn ReadStore,
    /// Where they go.
    pub destination: &'a dyn WriteStore,
    /// The bytes that all workers together may hold.
    pub budget: &'a Budget,
}

impl Copier<'_> {
    /// Copies one object. The bytes are written as they were read, whatever the check says: a
    /// wrong id can stand in a healthy store, and "repairing" would lose what users have.
    pub fn copy(&self, object: &Listed) -> CopyOutcome {
        let mut share = self.budget.acquire(object.size.unwrap_or(match self.kind {
            ObjectKind::Blocks => UNKNOWN_BLOCK,
            ObjectKind::Commits | ObjectKind::Fs => UNKNOWN_OTHER,
        }));
        let began = Instant::now();
        let data = match found(self.source.read(&object.key)) {
            Ok(Some(data)) => data,
            Ok(None) => return CopyOutcome::Vanished,
            Err(error) => return CopyOutcome::Failed(error),
        };
        let (size, read) = (data.len() as u64, began.elapsed());
        share.shrink(size);
        let damage = self.damage(&object.key, &data);
        let began = Instant::now();
        match self.destination.write(&object.key, data) {
            Ok(()) => CopyOutcome::Copied { size, damage, spent: Timing { read, write: began.elapsed() } },
            Err(error) => CopyOutcome::Failed(error),
        }
    }

    fn damage(&self, key: &ObjectKey, data: &[u8]) -> Option<Damage> {
        match content::check(self.kind, &key.id, data) {
            IdCheck::Good => None,
            IdCheck::Damaged(damage) => Some(damage),
        }
    }
}
