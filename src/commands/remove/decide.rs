//! Whether the destination vouches for one object right now.

use std::time::SystemTime;

use crate::commands::remove::report::Reason;
use crate::flow::Budget;
use crate::object::{ObjectKey, ObjectKind};
use crate::store::checked::{CheckedRead, CheckedReader, found_or_gone};
use crate::store::pieces::IN_PIECES;
use crate::store::{Listed, ReadStore, RemoveStore, SizeForm, SizeForms, SizeMatch, StoreError, found};

/// What is to become of an object.
#[derive(Debug)]
pub enum Decision {
    /// The destination has it: it may be removed. The bytes it takes in the source.
    Remove(u64),
    /// The source does not have it any more.
    Gone,
    /// It stays: why, in a few words and in full.
    Keep(Reason, String),
    /// It stays, because a store did not answer.
    Unknown(StoreError),
}

/// Who asks.
#[derive(Clone, Copy, Debug)]
pub struct Asker<'a> {
    /// Which kind of object.
    pub kind: ObjectKind,
    /// The store that is to lose it.
    pub source: &'a dyn RemoveStore,
    /// The store that must have it.
    pub destination: &'a dyn ReadStore,
    /// Whether to read it there.
    pub content: bool,
    /// The bytes that all askers together may hold.
    pub budget: &'a Budget,
    /// When the verification began.
    pub verified: SystemTime,
}

impl Asker<'_> {
    /// Decides on one object.
    ///
    /// What speaks against an object is asked twice ([`crate::store::checked`]).
    ///
    /// | source | destination | |
    /// |---|---|---|
    /// | gone, and not listed any more | | nothing to do |
    /// | gone, and still listed | | kept |
    /// | written after the verification began | | kept |
    /// | there | missing | kept |
    /// | there | another size | kept |
    /// | there | same size, not read | removed |
    /// | there | same size, read, its id is right, no commit | removed |
    /// | there | a commit of the same size, read, its id is right, the source's bytes are the same | removed |
    /// | there | a commit of the same size, read, its id is right, the source's bytes differ | kept |
    /// | there | same size, read, its id is wrong, the source's bytes are the same | removed |
    /// | there | same size, read, its id is wrong, the source's bytes differ | kept |
    /// | either does not answer | | kept |
    pub fn ask(&self, object: &Listed) -> Decision {
        match self.compare(object) {
            Ok(decision) => decision,
            Err(error) => Decision::Unknown(error),
        }
    }

    fn compare(&self, object: &Listed) -> Result<Decision, StoreError> {
        let key = &object.key;
        let Some(here) = self.size_in_source(object)? else { return Ok(Decision::Gone) };
        let written = found_or_gone(self.source, key, self.source.written_at(key))?;
        let Some(written) = written else { return Ok(Decision::Gone) };
        if written.is_some_and(|written| written >= self.verified) {
            let cause = "it was written after the verification began, so a server may still work here";
            return Ok(Decision::Keep(Reason::Newer, cause.to_owned()));
        }
        let Some(there) = found(self.destination.size(key))? else {
            return Ok(Decision::Keep(Reason::Missing, "no such object".to_owned()));
        };
        if !self.is_same_size(self.destination.size_form(), there, here) {
            return Ok(other_size(here, there));
        }
        if self.content { self.read(key, here) } else { Ok(Decision::Remove(here)) }
    }

    /// Whether the source's listed size is that of what is at the destination, in the form `held`.
    fn is_same_size(&self, held: SizeForm, there: u64, here: u64) -> bool {
        let sizes = SizeForms { held, expected: self.source.size_form() };
        sizes.compare(Some(there), Some(here)) == SizeMatch::Same
    }

    fn size_in_source(&self, object: &Listed) -> Result<Option<u64>, StoreError> {
        match object.size {
            Some(size) => Ok(Some(size)),
            None => found_or_gone(self.source, &object.key, self.source.size(&object.key)),
        }
    }

    fn read(&self, key: &ObjectKey, here: u64) -> Result<Decision, StoreError> {
        // The source's size says how long the answer must be where both stores tell sizes of one form.
        let listed = (self.destination.size_form() == self.source.size_form()).then_some(here);
        let reader = self.reader(self.destination);
        if reader.goes_in_pieces(listed) {
            let _share = self.budget.acquire(IN_PIECES);
            if reader.good_in_pieces(key, listed)?.is_some() {
                return Ok(Decision::Remove(here));
            }
        }
        // Twice the size, because a damaged object is read on both sides.
        let _share = self.budget.acquire(here.saturating_mul(2));
        let (copy, damage) = match reader.read(key, listed)? {
            CheckedRead::Gone => return Ok(Decision::Keep(Reason::Missing, "no such object".to_owned())),
            CheckedRead::Good { data, .. } => (data, None),
            CheckedRead::Damaged { data, damage } => (data, Some(damage)),
        };
        let there = copy.len() as u64;
        if !self.is_same_size(SizeForm::Exact, there, here) {
            return Ok(other_size(here, there));
        }
        let damage = match damage {
            Some(damage) => damage.to_string(),
            // A commit's id covers neither its parents nor the key of an encrypted library, so its bytes are compared.
            None if self.kind == ObjectKind::Commits => "its id is right".to_owned(),
            None => return Ok(Decision::Remove(here)),
        };
        let own = match self.reader(self.source).read(key, Some(here))? {
            CheckedRead::Gone => return Ok(Decision::Gone),
            CheckedRead::Good { data, .. } | CheckedRead::Damaged { data, .. } => data,
        };
        if own == copy {
            return Ok(Decision::Remove(here));
        }
        Ok(Decision::Keep(Reason::Damaged, format!("{damage}, and the source's bytes are others")))
    }

    const fn reader<'s>(&self, store: &'s dyn ReadStore) -> CheckedReader<'s> {
        CheckedReader { kind: self.kind, store }
    }
}

fn other_size(here: u64, there: u64) -> Decision {
    Decision::Keep(Reason::OtherSize, format!("{here} bytes in the source, {there} at the destination"))
}
