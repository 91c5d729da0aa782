//! Reads an object with two witnesses: what one answer says against an object is believed only when a second one says
//! the same.
//!
//! The bytes of one read may be those of a proxy, of a cache or of a bad memory module, and a single 404 those of a server
//! that is behind the others. So bytes without the id, or of another length than listed, are read again, and a 404 for a
//! listed object is settled by listing that key. A good object costs one read and one comparison of lengths.

use bytes::Bytes;

use super::pieces::{self, Digest, WHOLE_UP_TO};
use super::{ErrorKind, ReadStore, Reading, StoreError};
use crate::content::{self, Damage, IdCheck};
use crate::object::{ObjectId, ObjectKey, ObjectKind};

/// What is said of an object that a store lists and does not give.
const LISTED_AND_GONE: &str = "the store lists it and says that it is not there";

/// The store of one kind, read with two witnesses.
#[derive(Clone, Copy, Debug)]
pub struct CheckedReader<'a> {
    /// The kind of the objects.
    pub kind: ObjectKind,
    /// Where they are.
    pub store: &'a dyn ReadStore,
}

/// What reading an object came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CheckedRead {
    /// Bytes that have the id.
    Good {
        /// The bytes.
        data: Bytes,
        /// What an earlier answer said that was wrong; `None` when there was none.
        wrong_once: Option<String>,
    },
    /// Bytes that two reads gave, and that do not have the id.
    Damaged {
        /// The bytes.
        data: Bytes,
        /// What is wrong with them.
        damage: Damage,
    },
    /// The store says that it is not there, and does not list it.
    Gone,
}

/// The first of the two answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FirstRead {
    /// Bytes that have the id, and the length that was listed where one was.
    Good(Bytes),
    /// Something that a second answer must settle. The bytes are not kept, so that both together take no more memory than
    /// one.
    Doubtful(Doubt),
    /// The store says that it is not there, and does not list it.
    Gone,
}

/// What is wrong with a first answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Doubt {
    listed: Option<u64>,
    first: First,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum First {
    /// Bytes with this SHA-1, of this length in the form of the store's sizes, and what is wrong with them beside their length.
    Bytes { digest: ObjectId, length: u64, damage: Option<Damage> },
    /// [`LISTED_AND_GONE`].
    NotThere,
}

impl Doubt {
    /// Whether bytes came, so that the object may be damaged.
    pub const fn has_bytes(&self) -> bool {
        matches!(self.first, First::Bytes { .. })
    }

    /// What the first answer said.
    fn told(&self) -> String {
        match (&self.first, self.listed) {
            (First::NotThere, _) => LISTED_AND_GONE.to_owned(),
            (First::Bytes { length, damage, .. }, Some(listed)) if *length != listed => {
                let damage = damage.as_ref().map_or(String::new(), |damage| format!(", {damage}"));
                format!("{length} bytes came of an object that is listed with {listed}{damage}")
            }
            (First::Bytes { damage, length, .. }, _) => {
                damage.as_ref().map_or_else(|| format!("{length} bytes"), ToString::to_string)
            }
        }
    }
}

impl CheckedReader<'_> {
    /// Reads an object, which was listed with `listed` bytes where that is known; a second time, anew, when the first
    /// answer is wrong.
    ///
    /// # Errors
    /// Those of the store; [`ErrorKind::Contradiction`] when its two answers exclude each other and neither is good.
    pub fn read(&self, key: &ObjectKey, listed: Option<u64>) -> Result<CheckedRead, StoreError> {
        match self.first(key, listed)? {
            FirstRead::Good(data) => Ok(CheckedRead::Good { data, wrong_once: None }),
            FirstRead::Doubtful(doubt) => self.again(key, &doubt),
            FirstRead::Gone => Ok(CheckedRead::Gone),
        }
    }

    /// As [`CheckedReader::read`], of an object that was measured with `most` bytes just before: more are not taken into memory.
    ///
    /// # Errors
    /// As [`CheckedReader::read`]; [`ErrorKind::Contradiction`] when it has more bytes.
    pub fn read_at_most(&self, key: &ObjectKey, most: u64) -> Result<CheckedRead, StoreError> {
        let read = self.store.read_at_most(key, most).and_then(|data| {
            let cause = format!("the store said that it has {most} bytes, and it has more");
            data.ok_or_else(|| StoreError::object(ErrorKind::Contradiction, "read", key, cause))
        });
        match self.judge(key, None, read)? {
            FirstRead::Good(data) => Ok(CheckedRead::Good { data, wrong_once: None }),
            FirstRead::Doubtful(doubt) => self.again(key, &doubt),
            FirstRead::Gone => Ok(CheckedRead::Gone),
        }
    }

    /// Whether an object of so many bytes, where that is known, is one to read in pieces.
    pub fn goes_in_pieces(&self, listed: Option<u64>) -> bool {
        self.kind == ObjectKind::Blocks && listed.is_none_or(|listed| listed > WHOLE_UP_TO)
    }

    /// Reads a large block in pieces, which are not kept. `None` where it is to be read whole: what this finds is good, or is
    /// nothing; whether an object is not there or damaged is for [`CheckedReader::read`] to say.
    ///
    /// # Errors
    /// Those of the store, but for what says something of the object alone that a whole reading settles.
    pub fn good_in_pieces(&self, key: &ObjectKey, listed: Option<u64>) -> Result<Option<Digest>, StoreError> {
        if !self.goes_in_pieces(listed) {
            return Ok(None);
        }
        match pieces::digest(self.store, key, Reading::Usual) {
            Ok(Some(read)) => {
                let is_good = read.size > 0
                    && read.id == key.id
                    && listed.is_none_or(|listed| listed == self.store.size_form().of(read.size));
                Ok(is_good.then_some(read))
            }
            Ok(None) => Ok(None),
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::TooLarge) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Reads an object anew, whatever was kept of an earlier read; a second time when the first answer is wrong.
    ///
    /// # Errors
    /// As [`CheckedReader::read`].
    pub fn read_fresh(&self, key: &ObjectKey) -> Result<CheckedRead, StoreError> {
        match self.judge(key, None, self.store.read_again(key))? {
            FirstRead::Good(data) => Ok(CheckedRead::Good { data, wrong_once: None }),
            FirstRead::Doubtful(doubt) => self.again(key, &doubt),
            FirstRead::Gone => Ok(CheckedRead::Gone),
        }
    }

    /// The first answer.
    ///
    /// # Errors
    /// Those of the store.
    pub fn first(&self, key: &ObjectKey, listed: Option<u64>) -> Result<FirstRead, StoreError> {
        self.judge(key, listed, self.store.read(key))
    }

    fn judge(
        &self,
        key: &ObjectKey,
        listed: Option<u64>,
        answer: Result<Bytes, StoreError>,
    ) -> Result<FirstRead, StoreError> {
        let data = match answer {
            Ok(data) => data,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return Ok(match self.store.list_one(key)? {
                    None => FirstRead::Gone,
                    Some(_) => FirstRead::Doubtful(Doubt { listed, first: First::NotThere }),
                });
            }
            Err(error) => return Err(error),
        };
        let (length, damage) = (self.size_of(&data), self.damage(key, &data));
        if damage.is_none() && listed.is_none_or(|listed| listed == length) {
            return Ok(FirstRead::Good(data));
        }
        let first = First::Bytes { digest: content::sha1_of(&data), length, damage };
        Ok(FirstRead::Doubtful(Doubt { listed, first }))
    }

    /// The second answer, and what both come to.
    ///
    /// # Errors
    /// As [`CheckedReader::read`].
    pub fn again(&self, key: &ObjectKey, doubt: &Doubt) -> Result<CheckedRead, StoreError> {
        let data = match self.store.read_again(key) {
            Ok(data) => data,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return confirm_absent(self.store, "read", key).map(|()| CheckedRead::Gone);
            }
            Err(error) => return Err(error),
        };
        let is_same = matches!(&doubt.first, First::Bytes { digest, .. } if *digest == content::sha1_of(&data));
        match self.damage(key, &data) {
            Some(damage) if is_same => Ok(CheckedRead::Damaged { data, damage }),
            Some(damage) => Err(contradiction(key, doubt, &damage.to_string())),
            // The same good bytes twice: it is the listing that is old.
            None if is_same => Ok(CheckedRead::Good { data, wrong_once: None }),
            // The id of a commit does not cover all of its bytes, so that its length must speak for them, too.
            None if self.kind == ObjectKind::Commits && doubt.listed.is_some_and(|n| n != self.size_of(&data)) => {
                Err(contradiction(key, doubt, &format!("{} bytes", data.len())))
            }
            None => Ok(CheckedRead::Good { data, wrong_once: Some(doubt.told()) }),
        }
    }

    /// The size with which the store lists an object of these bytes.
    fn size_of(&self, data: &[u8]) -> u64 {
        self.store.size_form().of(data.len() as u64)
    }

    fn damage(&self, key: &ObjectKey, data: &[u8]) -> Option<Damage> {
        match content::check(self.kind, &key.id, data) {
            IdCheck::Good => None,
            IdCheck::Damaged(damage) => Some(damage),
        }
    }
}

fn contradiction(key: &ObjectKey, doubt: &Doubt, second: &str) -> StoreError {
    let cause = format!("two reads gave different answers, and neither is good: {}; then {second}", doubt.told());
    StoreError::object(ErrorKind::Contradiction, "read", key, cause)
}

/// Settles what it means that a store says of a listed object that it is not there: the key is listed again.
///
/// # Errors
/// [`ErrorKind::Contradiction`] when it is still listed, and whatever listing fails with.
pub fn confirm_absent(
    store: &(impl ReadStore + ?Sized),
    action: &'static str,
    key: &ObjectKey,
) -> Result<(), StoreError> {
    match store.list_one(key)? {
        None => Ok(()),
        Some(_) => Err(StoreError::object(ErrorKind::Contradiction, action, key, LISTED_AND_GONE)),
    }
}

/// What a call about a listed object found; `None` when the store says that it is not there and does not list it.
///
/// # Errors
/// Every failure but [`ErrorKind::NotFound`], and those of [`confirm_absent`].
pub fn found_or_gone<T>(
    store: &(impl ReadStore + ?Sized),
    key: &ObjectKey,
    answer: Result<T, StoreError>,
) -> Result<Option<T>, StoreError> {
    match answer {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == ErrorKind::NotFound => confirm_absent(store, error.action(), key).map(|()| None),
        Err(error) => Err(error),
    }
}
