//! Compares the objects of a source with those of a destination, one by one.
//!
//! [`merge`] compares the two listings and returns the objects that they do not settle; [`Examiner::examine`] compares
//! such an object in the stores. A listing alone is no proof: before an object is reported as missing or of another
//! size, both stores are asked again, because a live server writes and collects garbage after the listing. And one answer
//! is none either: what speaks against an object is asked twice ([`crate::store::checked`]), on both sides.

use crate::content::{self, Damage};
use crate::flow::Budget;
use crate::index::IndexEntry;
use crate::metrics::findings::archive_class;
use crate::object::{ObjectId, ObjectKey, ObjectKind};
use crate::store::checked::{CheckedRead, CheckedReader, found_or_gone};
use crate::store::pieces::IN_PIECES;
use crate::store::{self, ErrorKind, ReadStore, SizeForm, SizeForms, SizeMatch, StoreError};

pub mod merge;
pub mod sample;
pub mod tally;

pub use merge::{Step, Steps};
pub use sample::Sample;
pub use tally::Tally;

/// The bytes of the budget that are reserved to read an object of unknown size: the largest block that Seafile's
/// chunking makes.
const UNKNOWN: u64 = 10 << 20;

/// An object of the source to compare in the stores, because the listings do not settle it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Object {
    /// Its name.
    pub key: ObjectKey,
    /// Its size in bytes in the source's listing; `None` when that gives no size.
    pub from: Option<u64>,
    /// Its entry in the destination's listing; `None` when it was not listed.
    pub to: Option<IndexEntry>,
    /// Whether its content is read at the destination and its id recomputed.
    pub content: bool,
}

/// What is wrong with an object at the destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// The source has it and the destination does not.
    Missing,
    /// It has fewer bytes than in the source.
    Shorter,
    /// It has more bytes than in the source.
    Longer,
    /// Its bytes differ from the source's, and they do not have its id or it is a commit.
    Damaged,
    /// A store that has it cannot read it.
    Unreadable,
}

impl Fault {
    /// Every fault, in the order of tables.
    pub const ALL: [Self; 5] = [Self::Missing, Self::Shorter, Self::Longer, Self::Damaged, Self::Unreadable];

    /// The name in reports and tables.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Shorter => "shorter",
            Self::Longer => "longer",
            Self::Damaged => "damaged",
            Self::Unreadable => "unreadable",
        }
    }
}

/// The result of comparing an object.
#[derive(Debug)]
pub enum Comparison {
    /// The destination holds the same object as the source.
    Good,
    /// Neither side holds it any more: the source neither gives nor lists it.
    Vanished,
    /// The object has a fault at the destination; the text gives the cause.
    Finding(Fault, String),
    /// A store has it in an archive, from where it cannot be read: [`Fault::Unreadable`], and how to mend it is known.
    Archived {
        /// The class of the archive, as a [`Finding`](crate::metrics::Finding) has it.
        class: Option<String>,
        /// Which store, and what it said.
        cause: String,
    },
    /// Its bytes in the source do not have its id, and the migration did not damage it: the destination has the same bytes,
    /// or the right ones.
    SourceDamage(Damage),
    /// A store did not answer, so the object is unchecked.
    Unchecked(StoreError),
}

/// The result of comparing an object, and the bytes read for it.
#[derive(Debug)]
pub struct Examined {
    /// The result.
    pub outcome: Comparison,
    /// The number of bytes that were read at the destination and hashed; `None` when it was not read.
    pub read: Option<u64>,
    /// The answers that were wrong before another one was good: whose, and what it said.
    pub wrong_once: Vec<String>,
}

/// The two stores of one kind.
#[derive(Clone, Copy, Debug)]
pub struct Examiner<'a> {
    /// The kind of the objects.
    pub kind: ObjectKind,
    /// The store of the source.
    pub from: &'a dyn ReadStore,
    /// The store of the destination; `None` when its folder does not exist yet.
    pub to: Option<&'a dyn ReadStore>,
    /// The memory that all workers together may use.
    pub budget: &'a Budget,
}

/// The object as found at the destination.
struct Seen {
    /// Its size in the form of the destination's sizes.
    size: u64,
    content: Option<Content>,
}

/// The content of an object that was read at the destination.
struct Content {
    /// Why the bytes do not have their id; `None` when they do.
    damage: Option<Damage>,
    /// The SHA-1 of the stored bytes, which is compared with that of the source's bytes; `None` when they need not be
    /// compared. The bytes are not kept, because workers that hold both sides' bytes could all wait for each other's
    /// memory.
    digest: Option<ObjectId>,
}

/// What the source gives for an object, its bytes no longer kept.
enum Source {
    Gone,
    Good { digest: ObjectId },
    Damaged { digest: ObjectId, damage: Damage },
}

impl Examiner<'_> {
    /// Compares one object in both stores.
    pub fn examine(&self, object: &Object) -> Examined {
        let mut look = Look { examiner: self, object, wrong_once: Vec::new() };
        let (outcome, read) = match look.inspect_destination() {
            Ok(None) => (look.absent(), None),
            Ok(Some(seen)) => {
                let outcome = look.judge(&seen).unwrap_or_else(|outcome| outcome);
                (outcome, seen.content.map(|_| seen.size))
            }
            Err(outcome) => (outcome, None),
        };
        Examined { outcome, read, wrong_once: look.wrong_once }
    }
}

/// One object being compared.
struct Look<'a> {
    examiner: &'a Examiner<'a>,
    object: &'a Object,
    wrong_once: Vec<String>,
}

impl Look<'_> {
    /// The forms of the sizes on both sides.
    fn sizes(&self) -> SizeForms {
        SizeForms { held: self.held_form(), expected: self.examiner.from.size_form() }
    }

    fn held_form(&self) -> SizeForm {
        self.examiner.to.map_or_else(SizeForm::default, |to| to.size_form())
    }

    /// The object as found at the destination; `None` when it is missing there.
    fn inspect_destination(&mut self) -> Result<Option<Seen>, Comparison> {
        let (Some(to), key) = (self.examiner.to, &self.object.key) else { return Ok(None) };
        let listed = match self.object.to {
            Some(held) => held.size,
            // Not listed and not there are two witnesses, so that nothing is asked further.
            None => match found(to.size(key), DESTINATION)? {
                None => return Ok(None),
                size => size,
            },
        };
        if self.object.content {
            return self.read_destination(to, listed);
        }
        // The listed size is used unless it differs from the source's: then the store is asked.
        let is_believed =
            matches!(self.sizes().compare(listed, self.object.from), SizeMatch::Same | SizeMatch::Unknown);
        let believed = listed.filter(|_| is_believed);
        let size = match believed {
            Some(size) => Some(size),
            None => asked(found_or_gone(to, key, to.size(key)), DESTINATION)?,
        };
        Ok(size.map(|size| Seen { size, content: None }))
    }

    fn read_destination(&mut self, to: &dyn ReadStore, listed: Option<u64>) -> Result<Option<Seen>, Comparison> {
        let (kind, key) = (self.examiner.kind, &self.object.key);
        if let Some(size) = self.good_in_pieces(to, listed, DESTINATION)? {
            return Ok(Some(Seen { size, content: Some(Content { damage: None, digest: None }) }));
        }
        let mut share = self.examiner.budget.acquire(listed.or(self.object.from).unwrap_or(UNKNOWN));
        let (data, damage) = match asked(CheckedReader { kind, store: to }.read(key, listed), DESTINATION)? {
            CheckedRead::Gone => return Ok(None),
            CheckedRead::Good { data, wrong_once } => {
                self.note(DESTINATION, wrong_once);
                (data, None)
            }
            CheckedRead::Damaged { data, damage } => (data, Some(damage)),
        };
        share.shrink(data.len() as u64);
        // A commit's id covers neither its parents nor the key of an encrypted library, so its bytes are compared.
        let is_compared = damage.is_some() || kind == ObjectKind::Commits;
        let digest = is_compared.then(|| content::sha1_of(&data));
        Ok(Some(Seen { size: to.size_form().of(data.len() as u64), content: Some(Content { damage, digest }) }))
    }

    /// The size of a large block that is good, in the form of its store's sizes; `None` where it is to be read whole.
    fn good_in_pieces(
        &self,
        store: &dyn ReadStore,
        listed: Option<u64>,
        whose: &str,
    ) -> Result<Option<u64>, Comparison> {
        let reader = CheckedReader { kind: self.examiner.kind, store };
        if !reader.goes_in_pieces(listed) {
            return Ok(None);
        }
        let _share = self.examiner.budget.acquire(IN_PIECES);
        Ok(asked(reader.good_in_pieces(&self.object.key, listed), whose)?.map(|read| store.size_form().of(read.size)))
    }

    /// The result for an object that the destination does not hold.
    fn absent(&self) -> Comparison {
        let (from, key) = (self.examiner.from, &self.object.key);
        let missing = "not at the destination";
        match found_or_gone(from, key, from.size(key)) {
            Ok(None) => Comparison::Vanished,
            Err(error) if must_be_asked_again(&error) => Comparison::Unchecked(error),
            Err(error) if error.kind() == ErrorKind::Contradiction => {
                Comparison::Finding(Fault::Missing, format!("{missing}; of the source: {}", error.cause()))
            }
            // An object that the source cannot read is missing as well.
            Ok(Some(_)) | Err(_) => Comparison::Finding(Fault::Missing, missing.to_owned()),
        }
    }

    fn judge(&mut self, seen: &Seen) -> Result<Comparison, Comparison> {
        let size = self.source_size(seen)?;
        let fault = match self.sizes().compare(Some(seen.size), size) {
            SizeMatch::Shorter => Fault::Shorter,
            SizeMatch::Longer => Fault::Longer,
            SizeMatch::Same | SizeMatch::Unknown => {
                return seen.content.as_ref().map_or(Ok(Comparison::Good), |read| self.compare(seen.size, read));
            }
        };
        if let Some(result) = self.is_undecryptable(seen)? {
            return Ok(result);
        }
        let mut cause = format!("{} bytes at the destination, {} in the source", seen.size, size.unwrap_or_default());
        match seen.content.as_ref().map(|content| &content.damage) {
            Some(Some(damage)) => cause += &format!("; {damage}"),
            // The destination has it right, so it may be the source that is damaged.
            Some(None) => {
                if let Source::Damaged { damage, .. } = self.read_source(size)? {
                    return Ok(Comparison::SourceDamage(damage));
                }
            }
            None => {}
        }
        Ok(Comparison::Finding(fault, cause))
    }

    /// The result for an object of another size where one side is encrypted and the other is not: bytes that cannot be decrypted are
    /// copied as they are, and then only reading them on both sides tells that they are the same. `None` when they are not.
    fn is_undecryptable(&mut self, seen: &Seen) -> Result<Option<Comparison>, Comparison> {
        let (Some(to), sizes) = (self.examiner.to, self.sizes()) else { return Ok(None) };
        if sizes.held == sizes.expected {
            return Ok(None);
        }
        let held = match &seen.content {
            Some(content) => content.digest,
            None => self.read_destination(to, None)?.and_then(|seen| seen.content?.digest),
        };
        Ok(match (held, self.read_source(self.object.from)?) {
            (Some(held), Source::Damaged { digest, damage }) if held == digest => {
                Some(Comparison::SourceDamage(damage))
            }
            _ => None,
        })
    }

    /// The size of the object in the source; `None` when its content proves it good, or the source no longer holds it
    /// and its listing gave no size.
    fn source_size(&self, seen: &Seen) -> Result<Option<u64>, Comparison> {
        let (from, key, listed) = (self.examiner.from, &self.object.key, self.object.from);
        let is_good = seen.content.as_ref().is_some_and(|content| content.damage.is_none());
        let is_proven = is_good && self.examiner.kind == ObjectKind::Blocks;
        match self.sizes().compare(Some(seen.size), listed) {
            SizeMatch::Same => return Ok(listed),
            SizeMatch::Unknown if is_proven => return Ok(None),
            SizeMatch::Unknown | SizeMatch::Shorter | SizeMatch::Longer => {}
        }
        // The listed size is used when the object is no longer in the source.
        Ok(asked(found_or_gone(from, key, from.size(key)), SOURCE)?.or(listed))
    }

    /// Compares the bytes with the source's when their id does not prove them good, and tells damage in the source from
    /// damage at the destination.
    fn compare(&mut self, size: u64, read: &Content) -> Result<Comparison, Comparison> {
        let Some(digest) = read.digest else { return Ok(Comparison::Good) };
        let source = self.read_source(Some(size))?;
        let is_same = match &source {
            Source::Gone => false,
            Source::Good { digest: others } | Source::Damaged { digest: others, .. } => *others == digest,
        };
        let why = match (&read.damage, source) {
            (None, Source::Gone) => return Ok(Comparison::Good),
            (None, _) if is_same => return Ok(Comparison::Good),
            (Some(damage), _) if is_same => return Ok(Comparison::SourceDamage(damage.clone())),
            (None, Source::Damaged { damage, .. }) => return Ok(Comparison::SourceDamage(damage)),
            (None, Source::Good { digest: others, .. }) => return self.compare_again(digest, others),
            (Some(damage), Source::Gone) => {
                format!("{damage}; the source no longer has the object, so its bytes cannot be compared")
            }
            (Some(damage), Source::Good { .. }) => format!("{damage}; the source's bytes are good"),
            (Some(damage), Source::Damaged { damage: other, .. }) => {
                format!("{damage}; the source's bytes differ and are damaged as well: {other}")
            }
        };
        Ok(Comparison::Finding(Fault::Damaged, why))
    }

    /// Reads a commit once more on both sides, whose bytes have its id and differ: one of the reads may have been wrong in
    /// what the id does not cover.
    fn compare_again(&mut self, to: ObjectId, from: ObjectId) -> Result<Comparison, Comparison> {
        let key = &self.object.key;
        let again = |store: &dyn ReadStore, whose: &str| -> Result<Option<ObjectId>, Comparison> {
            Ok(found(store.read_again(key), whose)?.map(|data| content::sha1_of(&data)))
        };
        let Some(destination) = self.examiner.to else { return Ok(self.absent()) };
        let (to_again, from_again) = (again(destination, DESTINATION)?, again(self.examiner.from, SOURCE)?);
        let is_good = to_again.is_some() && to_again == from_again;
        if !is_good {
            let why = "its bytes are not the source's, though its id fits: they differ in a field that the id of a commit \
                       does not cover, such as its parents";
            return Ok(Comparison::Finding(Fault::Damaged, why.to_owned()));
        }
        for (whose, is_other) in [(DESTINATION, to_again != Some(to)), (SOURCE, from_again != Some(from))] {
            if is_other {
                let what = "the bytes had the id and differed in what the id of a commit does not cover";
                self.note(whose, Some(what.to_owned()));
            }
        }
        Ok(Comparison::Good)
    }

    fn read_source(&mut self, size: Option<u64>) -> Result<Source, Comparison> {
        let Examiner { kind, from, budget, .. } = *self.examiner;
        if self.good_in_pieces(from, self.object.from, SOURCE)?.is_some() {
            return Ok(Source::Good { digest: self.object.key.id });
        }
        let _share = budget.acquire(size.unwrap_or(UNKNOWN));
        let reader = CheckedReader { kind, store: from };
        Ok(match asked(reader.read(&self.object.key, self.object.from), SOURCE)? {
            CheckedRead::Gone => Source::Gone,
            CheckedRead::Good { data, wrong_once } => {
                self.note(SOURCE, wrong_once);
                Source::Good { digest: content::sha1_of(&data) }
            }
            CheckedRead::Damaged { data, damage } => Source::Damaged { digest: content::sha1_of(&data), damage },
        })
    }

    fn note(&mut self, whose: &str, wrong_once: Option<String>) {
        self.wrong_once.extend(wrong_once.map(|told| format!("{whose}: {told}")));
    }
}

const SOURCE: &str = "the source";
const DESTINATION: &str = "the destination";

/// The result of a call on a store; `None` when the object does not exist. The error is the comparison's result for a
/// failed call.
fn found<T>(answer: Result<T, StoreError>, whose: &str) -> Result<Option<T>, Comparison> {
    asked(store::found(answer), whose)
}

/// The result of a call on a store. The error is the comparison's result for a failed call.
fn asked<T>(answer: Result<T, StoreError>, whose: &str) -> Result<T, Comparison> {
    match answer {
        Ok(value) => Ok(value),
        Err(error) if must_be_asked_again(&error) => Err(Comparison::Unchecked(error)),
        Err(error) => {
            let (kind, cause) = (error.kind().as_str(), error.cause());
            let cause = format!("{whose} cannot {} it: {kind}: {cause}", error.action());
            Err(match archive_class(&error) {
                None => Comparison::Finding(Fault::Unreadable, cause),
                class => Comparison::Archived { class, cause },
            })
        }
    }
}

/// Whether the error concerns the store and not the object.
const fn must_be_asked_again(error: &StoreError) -> bool {
    error.kind().may_be_outage() || error.kind().is_fatal() || matches!(error.kind(), ErrorKind::Interrupted)
}
