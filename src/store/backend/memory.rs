//! A store in memory: the reference that the conformance suite judges every backend by.

use std::collections::BTreeMap;
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use bytes::{Bytes, BytesMut};

use crate::conf::Backend;
use crate::conf::backend::Location;
use crate::object::{ObjectKey, ObjectKind};
use crate::store::pieces::Broken;
use crate::store::{
    ErrorKind, Ignored, Listed, Page, Part, Piece, Pieced, Pieces, ReadStore, Reading, RemoveStore, StoreError,
    WriteStore,
};

/// How many bytes it gives at once, of an object that is read in pieces.
const PIECE: usize = 64 << 10;

/// The objects of one kind, in memory.
#[derive(Debug)]
pub struct MemoryStore {
    location: Location,
    page_size: usize,
    objects: RwLock<BTreeMap<ObjectKey, Bytes>>,
}

impl MemoryStore {
    /// An empty store that lists a thousand objects a page. `name` tells it from other ones; since
    /// Seafile has no such backend, its location is shown as that of a folder `memory:<name>`.
    pub fn new(kind: ObjectKind, name: &str) -> Self {
        let location = Location { backend: Backend::Fs, kind, place: format!("memory:{name}") };
        Self { location, page_size: 1000, objects: RwLock::default() }
    }

    /// The same store with at most `objects` a page, at least one.
    #[must_use]
    pub fn with_page_size(mut self, objects: usize) -> Self {
        self.page_size = objects.max(1);
        self
    }

    // Poison is ignored, because each change is one step: a thread that panicked while it held the lock left a whole
    // map.
    fn objects(&self) -> RwLockReadGuard<'_, BTreeMap<ObjectKey, Bytes>> {
        self.objects.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn objects_mut(&self) -> RwLockWriteGuard<'_, BTreeMap<ObjectKey, Bytes>> {
        self.objects.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn get(&self, action: &'static str, key: &ObjectKey) -> Result<Bytes, StoreError> {
        let found = self.objects().get(key).cloned();
        found.ok_or_else(|| StoreError::object(ErrorKind::NotFound, action, key, "no such object"))
    }
}

impl ReadStore for MemoryStore {
    fn location(&self) -> &Location {
        &self.location
    }

    fn list(&self, part: &Part) -> Result<Page, StoreError> {
        let held = self.objects();
        let mut after = held.range(part.range.first()..=part.range.last());
        let objects: Vec<Listed> = (after.by_ref().take(self.page_size))
            .map(|(key, data)| Listed { key: *key, size: Some(data.len() as u64) })
            .collect();
        let more = after.next().and(objects.last()).and_then(|last| part.range.after(last.key));
        Ok(Page { objects, ignored: Ignored::default(), rest: more.map(Part::new) })
    }

    fn read(&self, key: &ObjectKey) -> Result<Bytes, StoreError> {
        self.get("read", key)
    }

    fn read_piece(&self, key: &ObjectKey, at: u64, _: Reading) -> Result<Option<Piece>, StoreError> {
        let data = self.get("read", key)?;
        let (size, at) = (data.len() as u64, usize::try_from(at).unwrap_or(usize::MAX).min(data.len()));
        Ok(Some(Piece { data: data.slice(at..data.len().min(at + PIECE)), size }))
    }

    fn size(&self, key: &ObjectKey) -> Result<u64, StoreError> {
        Ok(self.get("size", key)?.len() as u64)
    }
}

impl WriteStore for MemoryStore {
    fn write(&self, key: &ObjectKey, data: Bytes) -> Result<(), StoreError> {
        self.objects_mut().insert(*key, data);
        Ok(())
    }

    fn write_pieces(&self, key: &ObjectKey, pieces: &mut Pieces<'_>) -> Result<Pieced, StoreError> {
        let mut data = BytesMut::new();
        if pieces.begin().is_err() {
            return Ok(Pieced::Broken);
        }
        loop {
            match pieces.next_piece() {
                Ok(Some(piece)) => data.extend_from_slice(&piece),
                Ok(None) => break,
                Err(Broken) => return Ok(Pieced::Broken),
            }
        }
        self.write(key, data.freeze())?;
        Ok(Pieced::Written)
    }

    fn sync(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

impl RemoveStore for MemoryStore {
    fn remove(&self, key: &ObjectKey) -> Result<(), StoreError> {
        self.objects_mut().remove(key);
        Ok(())
    }
}
