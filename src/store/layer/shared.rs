//! A shared pointer to a store is a store, so that a decorator may wrap one that others hold too,
//! or one whose backend is not known at compile time.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;

use crate::conf::backend::Location;
use crate::object::{KeyRange, ObjectKey};
use crate::store::{
    Exclusion, Listed, Page, Part, Piece, Pieced, Pieces, ReadStore, Reading, RemoveStore, SizeForm, StoreError,
    WriteStore,
};

#[deny(clippy::missing_trait_methods)]
impl<S: ReadStore + ?Sized> ReadStore for Arc<S> {
    fn location(&self) -> &Location {
        (**self).location()
    }

    fn size_form(&self) -> SizeForm {
        (**self).size_form()
    }

    fn is_ordered(&self) -> bool {
        (**self).is_ordered()
    }

    fn parts(&self, within: &KeyRange) -> Result<Vec<Part>, StoreError> {
        (**self).parts(within)
    }

    fn list(&self, part: &Part) -> Result<Page, StoreError> {
        (**self).list(part)
    }

    fn read(&self, key: &ObjectKey) -> Result<Bytes, StoreError> {
        (**self).read(key)
    }

    fn read_again(&self, key: &ObjectKey) -> Result<Bytes, StoreError> {
        (**self).read_again(key)
    }

    fn read_at_most(&self, key: &ObjectKey, most: u64) -> Result<Option<Bytes>, StoreError> {
        (**self).read_at_most(key, most)
    }

    fn read_piece(&self, key: &ObjectKey, at: u64, reading: Reading) -> Result<Option<Piece>, StoreError> {
        (**self).read_piece(key, at, reading)
    }

    fn size(&self, key: &ObjectKey) -> Result<u64, StoreError> {
        (**self).size(key)
    }

    fn list_one(&self, key: &ObjectKey) -> Result<Option<Listed>, StoreError> {
        (**self).list_one(key)
    }

    fn make_listed_durable(&self) -> Result<(), StoreError> {
        (**self).make_listed_durable()
    }
}

#[deny(clippy::missing_trait_methods)]
impl<S: WriteStore + ?Sized> WriteStore for Arc<S> {
    fn write(&self, key: &ObjectKey, data: Bytes) -> Result<(), StoreError> {
        (**self).write(key, data)
    }

    fn write_pieces(&self, key: &ObjectKey, pieces: &mut Pieces<'_>) -> Result<Pieced, StoreError> {
        (**self).write_pieces(key, pieces)
    }

    fn sync(&self) -> Result<(), StoreError> {
        (**self).sync()
    }

    fn durability_note(&self) -> Option<String> {
        (**self).durability_note()
    }

    fn exclude_others(&self) -> Result<Exclusion, StoreError> {
        (**self).exclude_others()
    }
}

#[deny(clippy::missing_trait_methods)]
impl<S: RemoveStore + ?Sized> RemoveStore for Arc<S> {
    fn remove(&self, key: &ObjectKey) -> Result<(), StoreError> {
        (**self).remove(key)
    }

    fn written_at(&self, key: &ObjectKey) -> Result<Option<SystemTime>, StoreError> {
        (**self).written_at(key)
    }

    fn remove_empty_folders(&self, within: &KeyRange) -> Result<u64, StoreError> {
        (**self).remove_empty_folders(within)
    }

    fn quarantine(&self) -> Vec<PathBuf> {
        (**self).quarantine()
    }

    fn put_back(&self, key: &ObjectKey) -> Result<bool, StoreError> {
        (**self).put_back(key)
    }
}
