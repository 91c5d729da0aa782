//! The store of a kind that a migration leaves where it is, in the place of a destination: it is read, and never written.
//!
//! What this program keeps at a destination for itself (the lease, the identity and generation, the probe of a check) is
//! kept in memory instead, as long as the store is open: nobody else writes there for this migration, and whether anybody
//! does on behalf of the server is seen when the heads are looked for.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

use crate::conf::backend::Location;
use crate::object::{KeyRange, ObjectKey};
use crate::store::control::is_control;
use crate::store::exclusion::Exclusion;
use crate::store::{
    ErrorKind, Listed, Page, Part, Piece, Pieced, Pieces, ReadStore, Reading, RemoveStore, SizeForm, StoreError,
    WriteStore,
};

/// A store that is only read, in the place of one that is written.
#[derive(Debug)]
pub struct Staying {
    inner: Arc<dyn ReadStore>,
    /// This program's own objects.
    own: Mutex<BTreeMap<ObjectKey, Bytes>>,
}

impl Staying {
    /// `inner`, never written.
    pub fn new(inner: Arc<dyn ReadStore>) -> Self {
        Self { inner, own: Mutex::default() }
    }

    // Poison is ignored, because each change is one step.
    fn own(&self) -> MutexGuard<'_, BTreeMap<ObjectKey, Bytes>> {
        self.own.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One of this program's own objects, or what `ask` says of any other.
    fn own_or<T>(
        &self,
        action: &'static str,
        key: &ObjectKey,
        own: impl FnOnce(Bytes) -> T,
        ask: impl FnOnce() -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        if !is_control(key) {
            return ask();
        }
        let held = self.own().get(key).cloned();
        held.map(own).ok_or_else(|| StoreError::object(ErrorKind::NotFound, action, key, "no such object"))
    }

    fn refused(&self, action: &'static str, key: &ObjectKey) -> StoreError {
        let kind = self.location().kind;
        let cause =
            format!("this migration leaves {kind} where they are ({}), and never changes them", self.location());
        StoreError::object(ErrorKind::Setup, action, key, cause)
    }
}

#[deny(clippy::missing_trait_methods)]
impl ReadStore for Staying {
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
        self.own_or("read", key, |data| data, || self.inner.read(key))
    }

    fn read_again(&self, key: &ObjectKey) -> Result<Bytes, StoreError> {
        self.own_or("read", key, |data| data, || self.inner.read_again(key))
    }

    fn read_at_most(&self, key: &ObjectKey, most: u64) -> Result<Option<Bytes>, StoreError> {
        let fits = |data: Bytes| (data.len() as u64 <= most).then_some(data);
        self.own_or("read", key, fits, || self.inner.read_at_most(key, most))
    }

    /// This program's own objects come whole.
    fn read_piece(&self, key: &ObjectKey, at: u64, reading: Reading) -> Result<Option<Piece>, StoreError> {
        if is_control(key) { Ok(None) } else { self.inner.read_piece(key, at, reading) }
    }

    fn size(&self, key: &ObjectKey) -> Result<u64, StoreError> {
        self.own_or("size", key, |data| data.len() as u64, || self.inner.size(key))
    }

    fn list_one(&self, key: &ObjectKey) -> Result<Option<Listed>, StoreError> {
        self.inner.list_one(key)
    }

    /// Nothing to do: what stays was not copied, and its server made it durable.
    fn make_listed_durable(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

#[deny(clippy::missing_trait_methods)]
impl WriteStore for Staying {
    fn write(&self, key: &ObjectKey, data: Bytes) -> Result<(), StoreError> {
        if !is_control(key) {
            return Err(self.refused("write", key));
        }
        self.own().insert(*key, data);
        Ok(())
    }

    fn write_pieces(&self, key: &ObjectKey, _pieces: &mut Pieces<'_>) -> Result<Pieced, StoreError> {
        if is_control(key) { Ok(Pieced::NotOffered) } else { Err(self.refused("write", key)) }
    }

    fn sync(&self) -> Result<(), StoreError> {
        Ok(())
    }

    fn durability_note(&self) -> Option<String> {
        None
    }

    fn exclude_others(&self) -> Result<Exclusion, StoreError> {
        Ok(Exclusion::NotOffered)
    }
}

#[deny(clippy::missing_trait_methods)]
impl RemoveStore for Staying {
    fn remove(&self, key: &ObjectKey) -> Result<(), StoreError> {
        if !is_control(key) {
            return Err(self.refused("remove", key));
        }
        self.own().remove(key);
        Ok(())
    }

    fn written_at(&self, key: &ObjectKey) -> Result<Option<std::time::SystemTime>, StoreError> {
        Err(self.refused("remove", key))
    }

    fn quarantine(&self) -> Vec<std::path::PathBuf> {
        Vec::new()
    }

    fn put_back(&self, key: &ObjectKey) -> Result<bool, StoreError> {
        Err(self.refused("write", key))
    }

    fn remove_empty_folders(&self, _within: &KeyRange) -> Result<u64, StoreError> {
        Ok(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::ObjectKind;
    use crate::store::backend::memory::MemoryStore;
    use crate::store::control;

    #[test]
    fn objects_are_read_and_never_changed_and_our_own_stay_in_memory() {
        let inner = Arc::new(MemoryStore::new(ObjectKind::Blocks, "old"));
        let (key, old, new) = (ObjectKey::MIN, Bytes::from_static(b"old"), Bytes::from_static(b"new"));
        inner.write(&key, old.clone()).unwrap();
        let staying = Staying::new(Arc::clone(&inner) as Arc<dyn ReadStore>);
        assert_eq!((staying.read(&key).unwrap(), staying.size(&key).unwrap()), (old.clone(), 3));
        let refused = staying.write(&key, new.clone()).unwrap_err().to_string();
        assert!(refused.contains("leaves blocks where they are"), "{refused}");
        staying.remove(&key).unwrap_err();
        staying.put_back(&key).unwrap_err();
        assert_eq!(inner.read(&key).unwrap(), old);
        let own = &control::LEASE;
        assert_eq!(staying.read(own).unwrap_err().kind(), ErrorKind::NotFound);
        staying.write(own, new.clone()).unwrap();
        assert_eq!((staying.read(own).unwrap(), staying.read_at_most(own, 2).unwrap()), (new, None));
        assert_eq!(inner.read(own).unwrap_err().kind(), ErrorKind::NotFound);
        staying.remove(own).unwrap();
        assert_eq!(staying.size(own).unwrap_err().kind(), ErrorKind::NotFound);
    }
}
