//! A store whose errors say which one it is: its side, its kind and its place. Whoever sees one line of a migration, which has six
//! stores, knows from it where to look.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;

use crate::conf::StoreConf;
use crate::conf::backend::Location;
use crate::object::{KeyRange, ObjectKey};
use crate::store::exclusion::Exclusion;
use crate::store::{
    Listed, Page, Part, Piece, Pieced, Pieces, ReadStore, Reading, RemoveStore, SizeForm, StoreError, StoreName,
    WriteStore,
};

/// A store that puts its name into its errors.
#[derive(Debug)]
pub struct Named<S> {
    inner: S,
    name: Arc<StoreName>,
}

impl<S> Named<S> {
    /// What `open` makes of the store that `conf` describes.
    ///
    /// # Errors
    /// Those of `open`, with the store's name in them.
    pub fn open(conf: &StoreConf, open: impl FnOnce() -> Result<S, StoreError>) -> Result<Self, StoreError> {
        let name = Arc::new(StoreName::of(conf));
        match open() {
            Ok(inner) => Ok(Self { inner, name }),
            Err(error) => Err(error.of_store(&name)),
        }
    }

    /// As [`Self::open`], where `open` may find no store.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_if_there(
        conf: &StoreConf,
        open: impl FnOnce() -> Result<Option<S>, StoreError>,
    ) -> Result<Option<Self>, StoreError> {
        let Named { inner, name } = Named::open(conf, open)?;
        Ok(inner.map(|inner| Self { inner, name }))
    }

    fn told<T>(&self, answer: Result<T, StoreError>) -> Result<T, StoreError> {
        answer.map_err(|error| error.of_store(&self.name))
    }
}

#[deny(clippy::missing_trait_methods)]
impl<S: ReadStore> ReadStore for Named<S> {
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
        self.told(self.inner.parts(within))
    }

    fn list(&self, part: &Part) -> Result<Page, StoreError> {
        self.told(self.inner.list(part))
    }

    fn read(&self, key: &ObjectKey) -> Result<Bytes, StoreError> {
        self.told(self.inner.read(key))
    }

    fn read_again(&self, key: &ObjectKey) -> Result<Bytes, StoreError> {
        self.told(self.inner.read_again(key))
    }

    fn read_at_most(&self, key: &ObjectKey, most: u64) -> Result<Option<Bytes>, StoreError> {
        self.told(self.inner.read_at_most(key, most))
    }

    fn read_piece(&self, key: &ObjectKey, at: u64, reading: Reading) -> Result<Option<Piece>, StoreError> {
        self.told(self.inner.read_piece(key, at, reading))
    }

    fn size(&self, key: &ObjectKey) -> Result<u64, StoreError> {
        self.told(self.inner.size(key))
    }

    fn list_one(&self, key: &ObjectKey) -> Result<Option<Listed>, StoreError> {
        self.told(self.inner.list_one(key))
    }

    fn make_listed_durable(&self) -> Result<(), StoreError> {
        self.told(self.inner.make_listed_durable())
    }
}

#[deny(clippy::missing_trait_methods)]
impl<S: WriteStore> WriteStore for Named<S> {
    fn write(&self, key: &ObjectKey, data: Bytes) -> Result<(), StoreError> {
        self.told(self.inner.write(key, data))
    }

    fn write_pieces(&self, key: &ObjectKey, pieces: &mut Pieces<'_>) -> Result<Pieced, StoreError> {
        self.told(self.inner.write_pieces(key, pieces))
    }

    fn sync(&self) -> Result<(), StoreError> {
        self.told(self.inner.sync())
    }

    fn durability_note(&self) -> Option<String> {
        self.inner.durability_note()
    }

    fn exclude_others(&self) -> Result<Exclusion, StoreError> {
        self.told(self.inner.exclude_others())
    }
}

#[deny(clippy::missing_trait_methods)]
impl<S: RemoveStore> RemoveStore for Named<S> {
    fn remove(&self, key: &ObjectKey) -> Result<(), StoreError> {
        self.told(self.inner.remove(key))
    }

    fn written_at(&self, key: &ObjectKey) -> Result<Option<SystemTime>, StoreError> {
        self.told(self.inner.written_at(key))
    }

    fn remove_empty_folders(&self, within: &KeyRange) -> Result<u64, StoreError> {
        self.told(self.inner.remove_empty_folders(within))
    }

    fn quarantine(&self) -> Vec<PathBuf> {
        self.inner.quarantine()
    }

    fn put_back(&self, key: &ObjectKey) -> Result<bool, StoreError> {
        self.told(self.inner.put_back(key))
    }
}
