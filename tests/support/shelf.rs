//! A store in memory for tests that plant faults: objects can be changed behind the back of whoever reads, calls are
//! counted, and it can be told to fail.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use seaf_migrate::conf::backend::{Backend, Location};
use seaf_migrate::object::{ObjectKey, ObjectKind};
use seaf_migrate::store::{ErrorKind, Listed, Page, Part, ReadStore, StoreError, WriteStore};

/// How many objects a page of the listing has; few, so that libraries are cut by page ends.
const PAGE: usize = 7;

#[derive(Debug)]
pub struct Shelf {
    location: Location,
    pub ordered: bool,
    pub objects: Mutex<BTreeMap<ObjectKey, Bytes>>,
    /// What reading or sizing an object answers instead.
    pub failing: Mutex<HashMap<ObjectKey, ErrorKind>>,
    /// How often each object was read or asked for its size.
    pub asked: Mutex<HashMap<ObjectKey, usize>>,
}

impl Shelf {
    pub fn new(kind: ObjectKind, objects: BTreeMap<ObjectKey, Bytes>) -> Arc<Self> {
        let location = Location { backend: Backend::Fs, kind, place: "shelf".to_owned() };
        let (objects, failing, asked) = (Mutex::new(objects), Mutex::default(), Mutex::default());
        Arc::new(Self { location, ordered: true, objects, failing, asked })
    }

    pub fn get(&self, key: &ObjectKey) -> Bytes {
        self.objects.lock().unwrap()[key].clone()
    }

    pub fn put(&self, key: ObjectKey, data: Bytes) {
        self.objects.lock().unwrap().insert(key, data);
    }

    pub fn take(&self, key: &ObjectKey) -> Bytes {
        self.objects.lock().unwrap().remove(key).unwrap()
    }

    fn ask(&self, action: &'static str, key: &ObjectKey) -> Result<Bytes, StoreError> {
        *self.asked.lock().unwrap().entry(*key).or_default() += 1;
        if let Some(kind) = self.failing.lock().unwrap().get(key) {
            return Err(StoreError::object(*kind, action, key, "told to fail"));
        }
        let found = self.objects.lock().unwrap().get(key).cloned();
        found.ok_or_else(|| StoreError::object(ErrorKind::NotFound, action, key, "not on the shelf"))
    }
}

impl ReadStore for Shelf {
    fn location(&self) -> &Location {
        &self.location
    }

    fn is_ordered(&self) -> bool {
        self.ordered
    }

    fn list(&self, part: &Part) -> Result<Page, StoreError> {
        let objects = self.objects.lock().unwrap();
        let listed = |(key, data): (&ObjectKey, &Bytes)| Listed { key: *key, size: Some(data.len() as u64) };
        let mut found: Vec<Listed> = objects.range(part.range.first()..=part.range.last()).map(listed).collect();
        if !self.ordered {
            found.reverse();
            return Ok(Page { objects: found, ignored: 0, rest: None });
        }
        let more = found.len() > PAGE;
        found.truncate(PAGE);
        let rest = if more { part.range.after(found[PAGE - 1].key).map(|range| part.with_range(range)) } else { None };
        Ok(Page { objects: found, ignored: 0, rest })
    }

    fn read(&self, key: &ObjectKey) -> Result<Bytes, StoreError> {
        self.ask("read", key)
    }

    fn size(&self, key: &ObjectKey) -> Result<u64, StoreError> {
        Ok(self.ask("size", key)?.len() as u64)
    }
}

impl WriteStore for Shelf {
    fn write(&self, key: &ObjectKey, data: Bytes) -> Result<(), StoreError> {
        self.put(*key, data);
        Ok(())
    }

    fn sync(&self) -> Result<(), StoreError> {
        Ok(())
    }
}
