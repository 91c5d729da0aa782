//! One kind's objects in one configured place: the traits that every backend keeps.
//!
//! Reading and writing are separate traits, so a source cannot be written by mistake: the pass
//! holds it as a [`ReadStore`] and nothing else. Deleting is a third one, for the command that
//! deletes.
//!
//! All calls block, may be made from any number of threads at once, and return errors as
//! [`StoreError`], which says what kind of failure it was, so that callers need not know the
//! backend.

use std::any::Any;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;

use crate::conf::backend::Location;
use crate::object::{KeyRange, ObjectKey};

mod at_once;
pub mod backend;
pub mod checked;
pub mod control;
pub mod error;
mod exclusion;
pub mod http;
mod ignored;
pub mod layer;
mod listing;
pub mod names;
pub mod open;
pub mod pieces;
pub mod replay;
mod sizes;
mod within;
mod witness;

pub use at_once::{at_once, each_at_once};
pub use error::{ErrorKind, StoreError, StoreName, found};
pub use exclusion::{Exclusion, KernelLock};
pub use ignored::{Ignored, IgnoredNames, NameSort};
pub use pieces::{Piece, Pieced, Pieces, Reading};
pub use sizes::{SizeForm, SizeForms, SizeMatch};
pub use within::{
    BLOCK_MAX, COMMIT_MAX, Within, first_room, read_again_in_room, read_in_room, read_within, refuse_oversized,
};

/// An object as a listing shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its name.
    pub key: ObjectKey,
    /// Its stored size in bytes, in the form of the store ([`ReadStore::size_form`]); `None` where the backend's listing does not say (RADOS).
    pub size: Option<u64>,
}

/// A part of a store that can be listed on its own.
#[derive(Clone)]
pub struct Part {
    /// The keys it covers. For an unordered store this is the range asked for, whatever the part.
    pub range: KeyRange,
    /// What the backend wants to remember between pages, opaque to everybody else. A part without
    /// it is as good, if slower.
    pub memo: Option<Arc<dyn Any + Send + Sync>>,
}

impl Part {
    /// The part that `range` says.
    pub const fn new(range: KeyRange) -> Self {
        Self { range, memo: None }
    }

    /// The same memory for another range.
    #[must_use]
    pub fn with_range(&self, range: KeyRange) -> Self {
        Self { range, memo: self.memo.clone() }
    }
}

impl fmt::Debug for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Part({:?})", self.range)
    }
}

/// One answer of a listing.
#[derive(Clone, Debug, Default)]
pub struct Page {
    /// The objects found, in ascending key order where the store is ordered.
    pub objects: Vec<Listed>,
    /// The names that were seen and are not objects: temporary files, strangers.
    pub ignored: Ignored,
    /// What of the part is still to be listed; `None` only when the store said that it was the end.
    pub rest: Option<Part>,
}

/// A store that can be listed and read.
pub trait ReadStore: Send + Sync + fmt::Debug {
    /// Where the store is.
    fn location(&self) -> &Location;

    /// Whether pages come in ascending key order, and a part may be cut at any key into two that
    /// are listed separately. Only RADOS is not.
    fn is_ordered(&self) -> bool {
        true
    }

    /// What the sizes are of that this store tells, in listings and by [`ReadStore::size`].
    fn size_form(&self) -> SizeForm {
        SizeForm::Exact
    }

    /// Parts that together hold every object of `within`, disjoint, in ascending order where the
    /// store is ordered, and then covering `within` without a gap. A store with nothing better to say
    /// answers with `within` itself: whoever lists will cut it further.
    ///
    /// # Errors
    /// When the store cannot be listed.
    fn parts(&self, within: &KeyRange) -> Result<Vec<Part>, StoreError> {
        Ok(vec![Part::new(*within)])
    }

    /// Lists the beginning of `part`: about a thousand objects, more where the backend gives more.
    /// In an ordered store, `rest` is the part after the last key that this page settles.
    ///
    /// # Errors
    /// When the store cannot be listed. A listing that broke off never looks like one that ended.
    fn list(&self, part: &Part) -> Result<Page, StoreError>;

    /// The whole object, its bytes as the server has them.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] when it is not there; a short read is an error, never a short object.
    fn read(&self, key: &ObjectKey) -> Result<Bytes, StoreError>;

    /// The whole object, read anew: the second witness, to be asked when the first answer was wrong. Nothing that was
    /// kept of an earlier read answers in place of the store. From a service it is a request of its own, which caches on
    /// the way are asked not to answer; from a folder the file is opened anew, and what the kernel keeps in memory of
    /// what is on the disk is dropped first.
    ///
    /// # Errors
    /// As [`ReadStore::read`].
    fn read_again(&self, key: &ObjectKey) -> Result<Bytes, StoreError> {
        self.read(key)
    }

    /// The whole object when it has at most `most` bytes, `None` when it has more. A store that learns the length before
    /// the bytes does not take the bytes of a larger one into memory, because a stranger may have made it large.
    ///
    /// # Errors
    /// As [`ReadStore::read`].
    fn read_at_most(&self, key: &ObjectKey, most: u64) -> Result<Option<Bytes>, StoreError> {
        self.read(key).map(|data| (data.len() as u64 <= most).then_some(data))
    }

    /// The bytes of the object from byte `at` on: as many as the store likes to give at once, at least one where there is one,
    /// and at most [`pieces::PIECE_MAX`]; with them the size of the whole object. `None` when the store gives objects only
    /// whole. Pieces that are read one after the other may be of different objects of that name, so that all bytes together
    /// are to be checked.
    ///
    /// # Errors
    /// As [`ReadStore::read`].
    fn read_piece(&self, _key: &ObjectKey, _at: u64, _reading: Reading) -> Result<Option<Piece>, StoreError> {
        Ok(None)
    }

    /// The object's stored size in bytes, in the form of [`ReadStore::size_form`].
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] when it is not there.
    fn size(&self, key: &ObjectKey) -> Result<u64, StoreError>;

    /// What the listing says about one key; `None` when it does not name it. Settles what a
    /// [`ErrorKind::NotFound`] for a listed key means: still listed is a failure of the store, no longer listed is an
    /// object that vanished.
    ///
    /// # Errors
    /// As [`ReadStore::list`].
    fn list_one(&self, key: &ObjectKey) -> Result<Option<Listed>, StoreError> {
        let mut next = KeyRange::new(*key, *key).map(Part::new);
        while let Some(part) = next {
            let page = self.list(&part)?;
            if let Some(listed) = page.objects.into_iter().find(|listed| listed.key == *key) {
                return Ok(Some(listed));
            }
            next = page.rest;
        }
        Ok(None)
    }

    /// Returns once every object that the store holds now would survive a power loss, whoever wrote it. A run that was
    /// killed leaves objects that are listed and stand in the memory of the machine alone: to be called before a
    /// listing is believed for good, and before anything is removed because of what this store holds.
    ///
    /// Nothing to do, and no request, where the service answers a write only when it is safe; a store on a disk does
    /// the work.
    ///
    /// # Errors
    /// When that cannot be promised; then the listing proves nothing.
    fn make_listed_durable(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

/// A store that objects can be put into.
///
/// No write is believed on the word of one witness. `Ok` means: the success was the store's own answer (it carried
/// what the service always gives, and was no page of a proxy), and a second witness says that the bytes kept are the
/// bytes sent. That witness is
///
/// - on S3, OSS and Swift the MD5: sent with the object, for the service to refuse what arrived otherwise, and compared
///   with the ETag of the answer where that is an MD5 (where it is not, because of encryption, the service's own
///   check of the MD5 sent is the witness; where it cannot be told, the object is read back);
/// - on RADOS the checksums that librados and the OSDs put on every message, and the OSDs' on what they store;
/// - on a filesystem the kernel, which must have taken every byte, closed the file without an error and, by
///   [`WriteStore::sync`] or `fsync`, put it on the disk.
pub trait WriteStore: ReadStore {
    /// Puts the whole object there, replacing what has that name. It is never seen half written.
    ///
    /// # Errors
    /// When the store did not take it, or it is not known that it did. Then the name holds what it held before, or
    /// nothing, or these bytes. Bytes that are known to be others are removed, and so is what cannot be told after an
    /// answer that was not the service's, because a later pass would take it for the object; where that fails too, the
    /// error says so.
    fn write(&self, key: &ObjectKey, data: Bytes) -> Result<(), StoreError>;

    /// As [`WriteStore::write`], of an object that is read as it is written and never in memory as a whole. The store has
    /// all of it or nothing new: where `pieces` end before their last one, nothing was written.
    ///
    /// # Errors
    /// As [`WriteStore::write`]. What fails while `pieces` are read is no error of this store: that is
    /// [`Pieced::Broken`].
    fn write_pieces(&self, _key: &ObjectKey, _pieces: &mut Pieces<'_>) -> Result<Pieced, StoreError> {
        Ok(Pieced::NotOffered)
    }

    /// Returns once everything whose [`WriteStore::write`] or [`WriteStore::write_pieces`] returned before this call began would
    /// survive a power loss.
    ///
    /// # Errors
    /// When that cannot be promised; every write since the last good `sync` is then in doubt.
    fn sync(&self) -> Result<(), StoreError>;

    /// What is to be said once, to whoever runs this, about how writes to this store are made durable: a sentence
    /// where it is slow or unusual, `None` where there is nothing to say.
    fn durability_note(&self) -> Option<String> {
        None
    }

    /// Tries to be the only process of this kernel that has this, whatever names the others have for the store: another
    /// mount, another container, a link. Without waiting.
    ///
    /// # Errors
    /// When the store cannot be asked.
    fn exclude_others(&self) -> Result<Exclusion, StoreError> {
        Ok(Exclusion::NotOffered)
    }
}

/// A store that objects can be deleted from.
pub trait RemoveStore: ReadStore {
    /// Deletes the object, or moves it to the store's quarantine. One that is not there is deleted.
    ///
    /// # Errors
    /// When the store did not delete it.
    fn remove(&self, key: &ObjectKey) -> Result<(), StoreError>;

    /// When the object was written, where asking costs next to nothing; `None` elsewhere.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] when it is not there.
    fn written_at(&self, _key: &ObjectKey) -> Result<Option<SystemTime>, StoreError> {
        Ok(None)
    }

    /// The folders where removed objects are until they are deleted for good; none where they are deleted at once.
    fn quarantine(&self) -> Vec<PathBuf> {
        Vec::new()
    }

    /// Moves an object of a quarantine back to where it was removed from; `false` when one is there already, or there is
    /// no such object. Only for a store that is a quarantine.
    ///
    /// # Errors
    /// When the store did not move it; it is then still in the quarantine.
    fn put_back(&self, _key: &ObjectKey) -> Result<bool, StoreError> {
        Ok(false)
    }

    /// Removes the folders that hold no object any more and lie in `within`, a range of whole libraries; never the one
    /// that holds all libraries. Returns how many. Only folders on a disk outlive their objects.
    ///
    /// # Errors
    /// When the store cannot be listed, or refuses.
    fn remove_empty_folders(&self, _within: &KeyRange) -> Result<u64, StoreError> {
        Ok(0)
    }
}
