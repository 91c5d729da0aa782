//! The destination as this pass may vouch for it: an object that is in no list and that the pass did not write is not
//! there, whatever the store says; a size that the pass has seen itself need not be asked for again.

use std::sync::Arc;

use bytes::Bytes;

use crate::conf::backend::Location;
use crate::index::{Index, ListLock};
use crate::object::ObjectKey;
use crate::store::{ErrorKind, Page, Part, Piece, ReadStore, Reading, SizeForm, StoreError};

/// What the destination holds of one kind, at the end of a pass.
#[derive(Debug)]
pub struct DestinationSnapshot {
    /// What it held when the pass began.
    pub before: Index,
    /// The same with what the pass wrote.
    pub now: Index,
    /// Whether `before` was listed by this pass, not by an earlier one.
    pub listed_now: bool,
    /// Keeps other runs away from the list.
    pub lock: ListLock,
    /// The folder of a temporary set, removed with it.
    pub temporary: Option<tempfile::TempDir>,
}

/// A destination seen through what is known of it.
#[derive(Debug)]
pub struct VerifiedView {
    store: Arc<dyn ReadStore>,
    holdings: DestinationSnapshot,
}

impl VerifiedView {
    /// `store`, of which `holdings` is known.
    pub fn new(store: Arc<dyn ReadStore>, holdings: DestinationSnapshot) -> Self {
        Self { store, holdings }
    }

    fn not_known(&self, action: &'static str, key: &ObjectKey) -> StoreError {
        StoreError::object(ErrorKind::NotFound, action, key, "it is not known to be at the destination")
    }
}

impl ReadStore for VerifiedView {
    fn location(&self) -> &Location {
        self.store.location()
    }

    fn size_form(&self) -> SizeForm {
        self.store.size_form()
    }

    fn is_ordered(&self) -> bool {
        self.store.is_ordered()
    }

    fn parts(&self, within: &crate::object::KeyRange) -> Result<Vec<Part>, StoreError> {
        self.store.parts(within)
    }

    fn list(&self, part: &Part) -> Result<Page, StoreError> {
        self.store.list(part)
    }

    fn read(&self, key: &ObjectKey) -> Result<Bytes, StoreError> {
        if self.holdings.now.find(key).is_none() {
            return Err(self.not_known("read", key));
        }
        self.store.read(key)
    }

    fn read_again(&self, key: &ObjectKey) -> Result<Bytes, StoreError> {
        if self.holdings.now.find(key).is_none() {
            return Err(self.not_known("read", key));
        }
        self.store.read_again(key)
    }

    fn read_at_most(&self, key: &ObjectKey, most: u64) -> Result<Option<Bytes>, StoreError> {
        if self.holdings.now.find(key).is_none() {
            return Err(self.not_known("read", key));
        }
        self.store.read_at_most(key, most)
    }

    fn read_piece(&self, key: &ObjectKey, at: u64, reading: Reading) -> Result<Option<Piece>, StoreError> {
        if self.holdings.now.find(key).is_none() {
            return Err(self.not_known("read", key));
        }
        self.store.read_piece(key, at, reading)
    }

    /// Asks the store for what only an older list says, because that is a memory, and memories can be wrong.
    fn size(&self, key: &ObjectKey) -> Result<u64, StoreError> {
        let Some(held) = self.holdings.now.find(key) else { return Err(self.not_known("size", key)) };
        let seen = self.holdings.listed_now || self.holdings.before.find(key).is_none();
        match held.size {
            Some(size) if seen => Ok(size),
            _ => self.store.size(key),
        }
    }
}
