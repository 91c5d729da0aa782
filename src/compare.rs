//! Whether a destination holds what the source does, object by object.
//!
//! [`merge`] goes through two listings and says which objects need a look; [`Examiner::examine`] takes that look. A
//! listing only raises a suspicion: before anything is called missing or of another size, both stores are asked anew,
//! because a live server writes and collects garbage meanwhile.

use crate::content::{self, Damage, IdCheck};
use crate::flow::Budget;
use crate::index::IndexEntry;
use crate::object::{ObjectId, ObjectKey, ObjectKind};
use crate::store::{self, ErrorKind, ReadStore, SizeMatch, StoreError};

pub mod merge;
pub mod sample;
pub mod tally;

pub use merge::{Step, Steps};
pub use sample::Sample;
pub use tally::Tally;

/// What an object of unknown size may take of the budget while it is read, in bytes: the largest block that Seafile's
/// chunking makes.
const UNKNOWN: u64 = 10 << 20;

/// An object of the source that a listing alone does not settle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Object {
    /// Its name.
    pub key: ObjectKey,
    /// Its size in bytes, where the source's listing told it.
    pub from: Option<u64>,
    /// What the destination's listing told; `None` when it was not in it.
    pub to: Option<IndexEntry>,
    /// Whether to read it at the destination and recompute its id.
    pub content: bool,
}

/// What is wrong with an object at the destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// It is not there, and the source has it.
    Missing,
    /// It has fewer bytes than in the source.
    Shorter,
    /// It has more bytes than in the source.
    Longer,
    /// Its bytes do not have its id, or are a commit's, and they are not the source's bytes.
    Damaged,
    /// It is there, on one side or both, and cannot be read.
    Unreadable,
}

impl Fault {
    /// Every fault, in the order of tables.
    pub const ALL: [Self; 5] = [Self::Missing, Self::Shorter, Self::Longer, Self::Damaged, Self::Unreadable];

    /// The word in reports and tables.
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

/// What a look at an object came to.
#[derive(Debug)]
pub enum Comparison {
    /// The destination has it as the source does.
    Good,
    /// It is on neither side any more.
    Vanished,
    /// The destination lacks it or holds it wrongly.
    Finding(Fault, String),
    /// Its bytes do not have its id, and the source has the same bytes: nothing that the migration did.
    SourceDamage(Damage),
    /// A store did not answer, so that nothing is known about it.
    Unchecked(StoreError),
}

/// An outcome, and what it cost.
#[derive(Debug)]
pub struct Examined {
    /// What it came to.
    pub outcome: Comparison,
    /// How many bytes of it were read at the destination and hashed; `None` when it was not read.
    pub read: Option<u64>,
}

/// The two stores of one kind.
#[derive(Clone, Copy, Debug)]
pub struct Examiner<'a> {
    /// Which kind of object the stores hold.
    pub kind: ObjectKind,
    /// Where the objects came from.
    pub from: &'a dyn ReadStore,
    /// Where they should be; `None` when that folder does not exist yet.
    pub to: Option<&'a dyn ReadStore>,
    /// The bytes that all workers together may hold.
    pub budget: &'a Budget,
}

/// What was found at the destination.
struct Seen {
    size: u64,
    content: Option<Content>,
}

/// What was read there.
struct Content {
    /// Why the bytes do not have their id; `None` when they do.
    damage: Option<Damage>,
    /// The SHA-1 of the bytes as stored, by which they are compared with the source's: holding both at once could make
    /// all workers wait for each other's memory. Only where they are to be compared.
    digest: Option<ObjectId>,
}

impl Examiner<'_> {
    /// Looks at one object in both stores.
    pub fn examine(&self, object: &Object) -> Examined {
        match self.look(object) {
            Ok(None) => Examined { outcome: self.absent(&object.key), read: None },
            Ok(Some(seen)) => {
                let outcome = self.judge(object, &seen).unwrap_or_else(|outcome| outcome);
                Examined { outcome, read: seen.content.map(|_| seen.size) }
            }
            Err(outcome) => Examined { outcome, read: None },
        }
    }

    /// What the destination has; `None` when it has nothing.
    fn look(&self, object: &Object) -> Result<Option<Seen>, Comparison> {
        let Some(to) = self.to else { return Ok(None) };
        let listed = object.to.and_then(|held| held.size);
        if object.content {
            let mut share = self.budget.acquire(listed.or(object.from).unwrap_or(UNKNOWN));
            let Some(data) = found(to.read(&object.key), "the destination")? else { return Ok(None) };
            share.shrink(data.len() as u64);
            let damage = match content::check(self.kind, &object.key.id, &data) {
                IdCheck::Good => None,
                IdCheck::Damaged(damage) => Some(damage),
            };
            // A commit's id covers neither its parents nor the key of an encrypted library, so its bytes are compared.
            let is_compared = damage.is_some() || self.kind == ObjectKind::Commits;
            let digest = is_compared.then(|| content::sha1_of(&data));
            return Ok(Some(Seen { size: data.len() as u64, content: Some(Content { damage, digest }) }));
        }
        // A listing is believed unless it is the only witness against the object.
        let is_believed = matches!(SizeMatch::of(listed, object.from), SizeMatch::Same | SizeMatch::Unknown);
        let believed = listed.filter(|_| is_believed);
        let size = match believed {
            Some(size) => Some(size),
            None => found(to.size(&object.key), "the destination")?,
        };
        Ok(size.map(|size| Seen { size, content: None }))
    }

    /// What is to be said of an object that the destination lacks.
    fn absent(&self, key: &ObjectKey) -> Comparison {
        match store::found(self.from.size(key)) {
            Ok(None) => Comparison::Vanished,
            Err(error) if must_be_asked_again(&error) => Comparison::Unchecked(error),
            // One that the source cannot read is missing all the same.
            Ok(Some(_)) | Err(_) => Comparison::Finding(Fault::Missing, "not at the destination".to_owned()),
        }
    }

    fn judge(&self, object: &Object, seen: &Seen) -> Result<Comparison, Comparison> {
        let (size, here) = (self.source_size(object, seen)?, seen.size);
        let fault = match SizeMatch::of(Some(here), size) {
            SizeMatch::Shorter => Fault::Shorter,
            SizeMatch::Longer => Fault::Longer,
            SizeMatch::Same | SizeMatch::Unknown => {
                return seen
                    .content
                    .as_ref()
                    .map_or(Ok(Comparison::Good), |read| self.compare(&object.key, here, read));
            }
        };
        let mut cause = format!("{here} bytes at the destination, {} in the source", size.unwrap_or_default());
        if let Some(damage) = seen.content.as_ref().and_then(|content| content.damage.as_ref()) {
            cause += &format!("; {damage}");
        }
        Ok(Comparison::Finding(fault, cause))
    }

    /// The size that the object has in the source; `None` when it does not matter or the source no longer has it.
    fn source_size(&self, object: &Object, seen: &Seen) -> Result<Option<u64>, Comparison> {
        let is_good = seen.content.as_ref().is_some_and(|content| content.damage.is_none());
        let is_proven = is_good && self.kind == ObjectKind::Blocks;
        match SizeMatch::of(Some(seen.size), object.from) {
            SizeMatch::Same => return Ok(object.from),
            SizeMatch::Unknown if is_proven => return Ok(None),
            SizeMatch::Unknown | SizeMatch::Shorter | SizeMatch::Longer => {}
        }
        // What the listing said counts when the object is gone by now.
        Ok(found(self.from.size(&object.key), "the source")?.or(object.from))
    }

    /// Whether the bytes are the source's, where their id does not say so, and whose damage it is otherwise.
    fn compare(&self, key: &ObjectKey, size: u64, read: &Content) -> Result<Comparison, Comparison> {
        let Some(digest) = read.digest else { return Ok(Comparison::Good) };
        let _share = self.budget.acquire(size);
        let source = found(self.from.read(key), "the source")?;
        let is_same = source.as_ref().is_some_and(|data| data.len() as u64 == size && content::sha1_of(data) == digest);
        let why = match (&read.damage, source) {
            (None, None) => return Ok(Comparison::Good),
            (None, Some(_)) if is_same => return Ok(Comparison::Good),
            (Some(damage), Some(_)) if is_same => return Ok(Comparison::SourceDamage(damage.clone())),
            (None, Some(_)) => {
                "its bytes are not the source's, though its id fits: something that a commit's id does not \
                                cover, as its parents"
                    .to_owned()
            }
            (Some(damage), None) => {
                format!("{damage}; the source no longer has the object, so its bytes cannot be compared")
            }
            (Some(damage), Some(data)) => match content::check(self.kind, &key.id, &data) {
                IdCheck::Good => format!("{damage}; the source's bytes are good"),
                IdCheck::Damaged(other) => {
                    format!("{damage}; the source's bytes are others, and damaged, too: {other}")
                }
            },
        };
        Ok(Comparison::Finding(Fault::Damaged, why))
    }
}

/// What a call found; `None` for an object that is not there. An error is what it makes of the comparison.
fn found<T>(answer: Result<T, StoreError>, whose: &str) -> Result<Option<T>, Comparison> {
    match store::found(answer) {
        Ok(value) => Ok(value),
        Err(error) if must_be_asked_again(&error) => Err(Comparison::Unchecked(error)),
        Err(error) => {
            let (kind, cause) = (error.kind().as_str(), error.cause());
            Err(Comparison::Finding(
                Fault::Unreadable,
                format!("{whose} cannot {} it: {kind}: {cause}", error.action()),
            ))
        }
    }
}

/// Whether an error says nothing about the object itself.
const fn must_be_asked_again(error: &StoreError) -> bool {
    error.kind().may_be_outage() || error.kind().is_fatal() || matches!(error.kind(), ErrorKind::Interrupted)
}
