//! The store of a class that is not there yet: a folder that the first pass makes, a quarantine to which nothing was moved.

use bytes::Bytes;

use crate::conf::backend::Location;
use crate::object::{KeyRange, ObjectKey};
use crate::store::{ErrorKind, Listed, Page, Part, Piece, ReadStore, Reading, RemoveStore, SizeForm, StoreError};

/// A store that holds nothing.
#[derive(Debug)]
pub struct Absent(Location);

impl Absent {
    /// The store that will be at `location`.
    pub const fn new(location: Location) -> Self {
        Self(location)
    }

    fn nothing<T>(&self, action: &'static str, key: &ObjectKey) -> Result<T, StoreError> {
        Err(StoreError::object(ErrorKind::NotFound, action, key, format!("{} is not there yet", self.0)))
    }
}

#[deny(clippy::missing_trait_methods)]
impl ReadStore for Absent {
    fn location(&self) -> &Location {
        &self.0
    }

    fn size_form(&self) -> SizeForm {
        SizeForm::Exact
    }

    fn is_ordered(&self) -> bool {
        true
    }

    fn parts(&self, within: &KeyRange) -> Result<Vec<Part>, StoreError> {
        Ok(vec![Part::new(*within)])
    }

    fn list(&self, _part: &Part) -> Result<Page, StoreError> {
        Ok(Page::default())
    }

    fn read(&self, key: &ObjectKey) -> Result<Bytes, StoreError> {
        self.nothing("read", key)
    }

    fn read_again(&self, key: &ObjectKey) -> Result<Bytes, StoreError> {
        self.nothing("read", key)
    }

    fn read_at_most(&self, key: &ObjectKey, _most: u64) -> Result<Option<Bytes>, StoreError> {
        self.nothing("read", key)
    }

    fn read_piece(&self, key: &ObjectKey, _at: u64, _reading: Reading) -> Result<Option<Piece>, StoreError> {
        self.nothing("read", key)
    }

    fn size(&self, key: &ObjectKey) -> Result<u64, StoreError> {
        self.nothing("size", key)
    }

    fn list_one(&self, _key: &ObjectKey) -> Result<Option<Listed>, StoreError> {
        Ok(None)
    }

    fn make_listed_durable(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

impl RemoveStore for Absent {
    fn remove(&self, _key: &ObjectKey) -> Result<(), StoreError> {
        Ok(())
    }
}
