//! Compares the objects of a source with those of a destination, one by one.
//!
//! [`merge`] compares the two listings and returns the objects that they do not settle; [`Examiner::examine`] compares
//! such an object in the stores. A listing alone is no proof: before an object is reported as missing or of another
//! size, both stores are asked again, because a live server writes and collects garbage after the listing.

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
    /// Neither side holds it any more.
    Vanished,
    /// The object has a fault at the destination; the text gives the cause.
    Finding(Fault, String),
    /// Its bytes do not have its id, and the source has the same bytes, so the migration did not damage it.
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

impl Examiner<'_> {
    /// Compares one object in both stores.
    pub fn examine(&self, object: &Object) -> Examined {
        match self.inspect_destination(object) {
            Ok(None) => Examined { outcome: self.absent(&object.key), read: None },
            Ok(Some(seen)) => {
                let outcome = self.judge(object, &seen).unwrap_or_else(|outcome| outcome);
                Examined { outcome, read: seen.content.map(|_| seen.size) }
            }
            Err(outcome) => Examined { outcome, read: None },
        }
    }

    /// The object as found at the destination; `None` when it is missing there.
    fn inspect_destination(&self, object: &Object) -> Result<Option<Seen>, Comparison> {
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
        // The listed size is used unless it differs from the source's: then the store is asked.
        let is_believed = matches!(SizeMatch::of(listed, object.from), SizeMatch::Same | SizeMatch::Unknown);
        let believed = listed.filter(|_| is_believed);
        let size = match believed {
            Some(size) => Some(size),
            None => found(to.size(&object.key), "the destination")?,
        };
        Ok(size.map(|size| Seen { size, content: None }))
    }

    /// The result for an object that the destination does not hold.
    fn absent(&self, key: &ObjectKey) -> Comparison {
        match store::found(self.from.size(key)) {
            Ok(None) => Comparison::Vanished,
            Err(error) if must_be_asked_again(&error) => Comparison::Unchecked(error),
            // An object that the source cannot read is missing as well.
            Ok(Some(_)) | Err(_) => Comparison::Finding(Fault::Missing, "not at the destination".to_owned()),
        }
    }

    fn judge(&self, object: &Object, seen: &Seen) -> Result<Comparison, Comparison> {
        let size = self.source_size(object, seen)?;
        let fault = match SizeMatch::of(Some(seen.size), size) {
            SizeMatch::Shorter => Fault::Shorter,
            SizeMatch::Longer => Fault::Longer,
            SizeMatch::Same | SizeMatch::Unknown => {
                return seen
                    .content
                    .as_ref()
                    .map_or(Ok(Comparison::Good), |read| self.compare(&object.key, seen.size, read));
            }
        };
        let mut cause = format!("{} bytes at the destination, {} in the source", seen.size, size.unwrap_or_default());
        if let Some(damage) = seen.content.as_ref().and_then(|content| content.damage.as_ref()) {
            cause += &format!("; {damage}");
        }
        Ok(Comparison::Finding(fault, cause))
    }

    /// The size of the object in the source; `None` when its content proves it good, or the source no longer holds it
    /// and its listing gave no size.
    fn source_size(&self, object: &Object, seen: &Seen) -> Result<Option<u64>, Comparison> {
        let is_good = seen.content.as_ref().is_some_and(|content| content.damage.is_none());
        let is_proven = is_good && self.kind == ObjectKind::Blocks;
        match SizeMatch::of(Some(seen.size), object.from) {
            SizeMatch::Same => return Ok(object.from),
            SizeMatch::Unknown if is_proven => return Ok(None),
            SizeMatch::Unknown | SizeMatch::Shorter | SizeMatch::Longer => {}
        }
        // The listed size is used when the object is no longer in the source.
        Ok(found(self.from.size(&object.key), "the source")?.or(object.from))
    }

    /// Compares the bytes with the source's when their id does not prove them good, and tells damage in the source from
    /// damage at the destination.
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
                "its bytes are not the source's, though its id fits: they differ in a field that the id of a \
                                commit does not cover, such as its parents"
                    .to_owned()
            }
            (Some(damage), None) => {
                format!("{damage}; the source no longer has the object, so its bytes cannot be compared")
            }
            (Some(damage), Some(data)) => match content::check(self.kind, &key.id, &data) {
                IdCheck::Good => format!("{damage}; the source's bytes are good"),
                IdCheck::Damaged(other) => {
                    format!("{damage}; the source's bytes differ and are damaged as well: {other}")
                }
            },
        };
        Ok(Comparison::Finding(Fault::Damaged, why))
    }
}

/// The result of a call on a store; `None` when the object does not exist. The error is the comparison's result for a
/// failed call.
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

/// Whether the error concerns the store and not the object.
const fn must_be_asked_again(error: &StoreError) -> bool {
    error.kind().may_be_outage() || error.kind().is_fatal() || matches!(error.kind(), ErrorKind::Interrupted)
}
