//! A limit on the bytes a second that are read, shared by all who read.
//!
//! How large an object is shows when it has been read, so each is paid for afterwards: whoever read waits until the
//! rate has caught up with everything read so far. Over any time the bytes read are at most the rate times that time,
//! and what the workers hold in flight.

use std::sync::Arc;

use bytes::Bytes;

use crate::conf::backend::Location;
use crate::flow::RateLimiter;
use crate::object::{KeyRange, ObjectKey};
use crate::store::{Listed, Page, Part, Piece, ReadStore, Reading, SizeForm, StoreError};

/// A store whose reads share a limit with others.
#[derive(Debug)]
pub struct Limited {
    inner: Arc<dyn ReadStore>,
    limit: Arc<RateLimiter>,
}

impl Limited {
    /// Puts `limit`, in bytes a second, around `inner`. Listings and sizes are not counted.
    pub fn new(inner: Arc<dyn ReadStore>, limit: Arc<RateLimiter>) -> Self {
        Self { inner, limit }
    }

    /// The bytes, once they are paid for.
    fn charged(&self, data: Bytes) -> Bytes {
        // A wait that was cut short changes nothing: the data is there, and whoever works on it is asked to end.
        let _waited = self.limit.charge(data.len() as u64);
        data
    }
}

#[deny(clippy::missing_trait_methods)]
impl ReadStore for Limited {
    fn location(&self) -> &Location {
        self.inner.location()
    }

    fn size_form(&self) -> SizeForm {
        self.inner.size_form()
    }

    fn is_ordered(&self) -> bool {
        self.inner.is_ordered()
    }

    fn parts(&self, within: &KeyRange) -> Result<Vec<Part>, StoreError> {
        self.inner.parts(within)
    }

    fn list(&self, part: &Part) -> Result<Page, StoreError> {
        self.inner.list(part)
    }

    fn read(&self, key: &ObjectKey) -> Result<Bytes, StoreError> {
        self.inner.read(key).map(|data| self.charged(data))
    }

    fn read_again(&self, key: &ObjectKey) -> Result<Bytes, StoreError> {
        self.inner.read_again(key).map(|data| self.charged(data))
    }

    fn read_at_most(&self, key: &ObjectKey, most: u64) -> Result<Option<Bytes>, StoreError> {
        self.inner.read_at_most(key, most).map(|data| data.map(|data| self.charged(data)))
    }

    fn read_piece(&self, key: &ObjectKey, at: u64, reading: Reading) -> Result<Option<Piece>, StoreError> {
        let piece = self.inner.read_piece(key, at, reading)?;
        Ok(piece.map(|piece| Piece { data: self.charged(piece.data), ..piece }))
    }

    fn size(&self, key: &ObjectKey) -> Result<u64, StoreError> {
        self.inner.size(key)
    }

    fn list_one(&self, key: &ObjectKey) -> Result<Option<Listed>, StoreError> {
        self.inner.list_one(key)
    }

    fn make_listed_durable(&self) -> Result<(), StoreError> {
        self.inner.make_listed_durable()
    }
}
