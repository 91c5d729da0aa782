//! Moves one object: read it, check its id, write it, and say what came of it.
//!
//! Nothing is said of an object on the word of one answer ([`crate::store::checked`]). And this is the one place that
//! writes what is known to be damaged, so it is here that the destination is asked first whether it has it right.

use std::time::Instant;

use bytes::Bytes;

use crate::content::Damage;
use crate::flow::Budget;
use crate::metrics::slowest::Timing;
use crate::object::{ObjectKey, ObjectKind};
use crate::store::checked::{CheckedRead, CheckedReader, FirstRead};
use crate::store::pieces::{Fault, IN_PIECES, WHOLE_UP_TO};
use crate::store::{Listed, Pieced, Pieces, ReadStore, SizeForm, StoreError, WriteStore};

/// What an object of unknown size may take of the budget while it is read, in bytes: the largest
/// block that Seafile's chunking makes, and far more than most trees and commits need.
const UNKNOWN_BLOCK: u64 = 10 << 20;
const UNKNOWN_OTHER: u64 = 1 << 20;

/// What came of one object.
#[derive(Debug)]
pub enum CopyOutcome {
    /// The destination took it. Whether it is durable there is known after the next sync.
    Copied {
        /// The size in bytes that the destination keeps, in the form of its sizes.
        size: u64,
        /// What was wrong with it already in the source; its bytes were copied unchanged.
        damage: Option<Damage>,
        /// What an answer of the source said that was wrong, before another one was good.
        wrong_once: Option<String>,
        /// How long it took.
        spent: Timing,
    },
    /// It is damaged in the source, and the destination holds it with the right id. Nothing was written.
    KeptAtDestination(Damage),
    /// It was listed and then gone, as on a live server whose garbage collection runs: the source neither gives nor lists
    /// it any more.
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

/// What reading an object came to.
enum Read {
    Write { data: Bytes, damage: Option<Damage>, wrong_once: Option<String> },
    Nothing(CopyOutcome),
}

/// What copying in pieces came to.
enum InPieces {
    Done(CopyOutcome),
    /// It is to be copied whole, and nothing was written. With what was read that speaks against it.
    Whole(Option<String>),
}

impl Copier<'_> {
    /// Copies one object.
    ///
    /// | source's answers | destination | then |
    /// |---|---|---|
    /// | its id is right, the first time or the second | | written |
    /// | the same damaged bytes twice | has not the right id, or nothing | written as they are: a wrong id can stand in a healthy store, and "repairing" would lose what users have |
    /// | the same damaged bytes twice | has the right id | nothing is written |
    /// | the same damaged bytes twice | does not answer, or contradicts itself | failed, nothing is written |
    /// | different bytes, all of them wrong | | failed |
    /// | not there, and not listed any more | | vanished |
    /// | not there, and still listed | | failed |
    ///
    /// A large block goes in pieces, so that it is not in memory as a whole; what is not right with it at once is settled by
    /// the table.
    pub fn copy(&self, object: &Listed) -> CopyOutcome {
        self.try_copy(object).unwrap_or_else(CopyOutcome::Failed)
    }

    fn try_copy(&self, object: &Listed) -> Result<CopyOutcome, StoreError> {
        let doubt = match self.in_pieces(object)? {
            InPieces::Done(outcome) => return Ok(outcome),
            InPieces::Whole(doubt) => doubt,
        };
        let told = object.size.unwrap_or(match self.kind {
            ObjectKind::Blocks => UNKNOWN_BLOCK,
            ObjectKind::Commits | ObjectKind::Fs => UNKNOWN_OTHER,
        });
        let mut share = self.budget.acquire(self.in_memory(told));
        let began = Instant::now();
        let (data, damage, wrong_once) = match self.read(object)? {
            Read::Write { data, damage, wrong_once } => (data, damage, wrong_once),
            Read::Nothing(outcome) => return Ok(outcome),
        };
        let wrong_once = wrong_once.or_else(|| doubt.filter(|_| damage.is_none()));
        let (size, read) = (data.len() as u64, began.elapsed());
        share.shrink(self.in_memory(size));
        let began = Instant::now();
        self.destination.write(&object.key, data)?;
        let size = self.destination.size_form().of(size);
        Ok(CopyOutcome::Copied { size, damage, wrong_once, spent: Timing { read, write: began.elapsed() } })
    }

    /// How many bytes of memory an object of `size` bytes takes on its way: an encrypted store makes bytes of its own of those that it is given.
    fn in_memory(&self, size: u64) -> u64 {
        match self.destination.size_form() {
            SizeForm::Exact => size,
            SizeForm::Padded => size.saturating_mul(2),
        }
    }

    /// Copies a large block in pieces, unless one of the stores does not do it, or something about the object is in doubt.
    fn in_pieces(&self, object: &Listed) -> Result<InPieces, StoreError> {
        let is_large = object.size.is_none_or(|size| size > WHOLE_UP_TO);
        if self.kind != ObjectKind::Blocks || !is_large {
            return Ok(InPieces::Whole(None));
        }
        let _share = self.budget.acquire(IN_PIECES);
        let began = Instant::now();
        let mut pieces = Pieces::new(self.source, &object.key, object.size);
        match self.destination.write_pieces(&object.key, &mut pieces)? {
            Pieced::Written => {
                let (size, read) = (self.destination.size_form().of(pieces.size()), pieces.spent());
                let spent = Timing { read, write: began.elapsed().saturating_sub(read) };
                Ok(InPieces::Done(CopyOutcome::Copied { size, damage: None, wrong_once: None, spent }))
            }
            Pieced::NotOffered => Ok(InPieces::Whole(None)),
            Pieced::Broken => match pieces.into_fault() {
                Fault::Doubt(told) => Ok(InPieces::Whole(told)),
                Fault::Source(error) => Err(error),
            },
        }
    }

    fn read(&self, object: &Listed) -> Result<Read, StoreError> {
        let key = &object.key;
        let source = CheckedReader { kind: self.kind, store: self.source };
        let doubt = match source.first(key, object.size)? {
            FirstRead::Good(data) => return Ok(Read::Write { data, damage: None, wrong_once: None }),
            FirstRead::Gone => return Ok(Read::Nothing(CopyOutcome::Vanished)),
            FirstRead::Doubtful(doubt) => doubt,
        };
        // The destination is read between the two reads of the source, and not after them, so that the bytes of one at a
        // time are in memory.
        let is_right = doubt.has_bytes().then(|| self.is_right_at_destination(key));
        Ok(match source.again(key, &doubt)? {
            CheckedRead::Good { data, wrong_once } => Read::Write { data, damage: None, wrong_once },
            CheckedRead::Gone => Read::Nothing(CopyOutcome::Vanished),
            CheckedRead::Damaged { data, damage } => match is_right.unwrap_or(Ok(false))? {
                true => Read::Nothing(CopyOutcome::KeptAtDestination(damage)),
                false => Read::Write { data, damage: Some(damage), wrong_once: None },
            },
        })
    }

    fn is_right_at_destination(&self, key: &ObjectKey) -> Result<bool, StoreError> {
        let destination = CheckedReader { kind: self.kind, store: self.destination };
        Ok(matches!(destination.read(key, None)?, CheckedRead::Good { .. }))
    }
}
