//! Decorators for stores in tests: one counts the calls for each object and can make chosen objects fail, one lists in
//! descending order.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use seaf_migrate::conf::backend::Location;
use seaf_migrate::object::{KeyRange, ObjectKey, ObjectKind};
use seaf_migrate::store::backend::memory::MemoryStore;
use seaf_migrate::store::{ErrorKind, Ignored, Page, Part, ReadStore, RemoveStore, StoreError, WriteStore};

/// How many objects a page of the listing has; few, so that libraries are cut by page ends.
const PAGE: usize = 7;

/// A store that counts how often each object is read or asked for its size.
#[derive(Debug)]
pub struct Watched<S> {
    pub inner: S,
    failing: Mutex<HashMap<ObjectKey, ErrorKind>>,
    asked: Mutex<HashMap<ObjectKey, usize>>,
    /// Bytes to give once, and after how many right ones.
    wrong_once: Mutex<HashMap<ObjectKey, (usize, Bytes)>>,
    huge: Mutex<HashMap<ObjectKey, u64>>,
}

impl<S> Watched<S> {
    pub fn new(inner: S) -> Self {
        Self {
            inner,
            failing: Mutex::default(),
            asked: Mutex::default(),
            wrong_once: Mutex::default(),
            huge: Mutex::default(),
        }
    }

    /// Makes every later read and size of this object fail with `kind`.
    pub fn fail(&self, key: ObjectKey, kind: ErrorKind) {
        self.failing.lock().unwrap().insert(key, kind);
    }

    /// Gives these bytes for the next read of this object, and its own ones from then on.
    pub fn give_once(&self, key: ObjectKey, data: Bytes) {
        self.give_after(key, 0, data);
    }

    /// Gives these bytes once, after so many reads that give the object's own ones.
    pub fn give_after(&self, key: ObjectKey, reads: usize, data: Bytes) {
        self.wrong_once.lock().unwrap().insert(key, (reads, data));
    }

    /// Says from now on that the object has `size` bytes. To take them is an error of whoever does.
    pub fn say_huge(&self, key: ObjectKey, size: u64) {
        self.huge.lock().unwrap().insert(key, size);
    }

    fn wrong(&self, key: &ObjectKey) -> Option<Bytes> {
        let mut all = self.wrong_once.lock().unwrap();
        let (reads, _) = all.get_mut(key)?;
        match reads.checked_sub(1) {
            Some(left) => {
                *reads = left;
                None
            }
            None => all.remove(key).map(|(_, data)| data),
        }
    }

    /// How often each object was asked for.
    pub fn asked(&self) -> HashMap<ObjectKey, usize> {
        self.asked.lock().unwrap().clone()
    }

    /// How often objects were asked for since the last call.
    pub fn asked_since(&self) -> usize {
        self.asked.lock().unwrap().drain().map(|(_, count)| count).sum()
    }

    fn ask(&self, action: &'static str, key: &ObjectKey) -> Result<(), StoreError> {
        *self.asked.lock().unwrap().entry(*key).or_default() += 1;
        match self.failing.lock().unwrap().get(key) {
            Some(kind) => Err(StoreError::object(*kind, action, key, "made to fail by the test")),
            None => Ok(()),
        }
    }
}

/// Changes that a test makes directly in the store, without counting.
impl Watched<MemoryStore> {
    /// A store in memory that has these objects.
    pub fn holding(kind: ObjectKind, objects: BTreeMap<ObjectKey, Bytes>) -> Arc<Self> {
        let store = MemoryStore::new(kind, "watched").with_page_size(PAGE);
        objects.into_iter().for_each(|(key, data)| store.write(&key, data).unwrap());
        Arc::new(Self::new(store))
    }

    pub fn get(&self, key: &ObjectKey) -> Bytes {
        self.inner.read(key).unwrap()
    }

    pub fn put(&self, key: ObjectKey, data: Bytes) {
        self.inner.write(&key, data).unwrap();
    }

    pub fn take(&self, key: &ObjectKey) -> Bytes {
        let data = self.get(key);
        self.inner.remove(key).unwrap();
        data
    }

    /// Makes every later read and size of the objects that are there now fail with `kind`.
    pub fn fail_all(&self, kind: ErrorKind) {
        self.keys().into_iter().for_each(|key| self.fail(key, kind));
    }

    /// Removes every object whose key `is_one` accepts.
    pub fn remove_all(&self, is_one: impl Fn(&ObjectKey) -> bool) {
        self.keys().iter().filter(|key| is_one(key)).for_each(|key| self.inner.remove(key).unwrap());
    }

    fn keys(&self) -> Vec<ObjectKey> {
        let (mut keys, mut next) = (Vec::new(), Some(Part::new(KeyRange::ALL)));
        while let Some(part) = next {
            let page = self.inner.list(&part).unwrap();
            keys.extend(page.objects.iter().map(|object| object.key));
            next = page.rest;
        }
        keys
    }
}

impl<S: ReadStore> ReadStore for Watched<S> {
    fn location(&self) -> &Location {
        self.inner.location()
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
        self.ask("read", key)?;
        assert!(!self.huge.lock().unwrap().contains_key(key), "{key} was read though it is larger than any memory");
        self.wrong(key).map_or_else(|| self.inner.read(key), Ok)
    }

    fn read_at_most(&self, key: &ObjectKey, most: u64) -> Result<Option<Bytes>, StoreError> {
        let huge = self.huge.lock().unwrap().get(key).copied();
        if huge.is_some_and(|size| size > most) {
            return self.ask("read", key).map(|()| None);
        }
        self.read(key).map(|data| (data.len() as u64 <= most).then_some(data))
    }

    fn size(&self, key: &ObjectKey) -> Result<u64, StoreError> {
        self.ask("size", key)?;
        let huge = self.huge.lock().unwrap().get(key).copied();
        huge.map_or_else(|| self.inner.size(key), Ok)
    }
}

impl<S: WriteStore> WriteStore for Watched<S> {
    fn write(&self, key: &ObjectKey, data: Bytes) -> Result<(), StoreError> {
        self.inner.write(key, data)
    }

    fn sync(&self) -> Result<(), StoreError> {
        self.inner.sync()
    }
}

impl<S: RemoveStore> RemoveStore for Watched<S> {
    fn remove(&self, key: &ObjectKey) -> Result<(), StoreError> {
        self.inner.remove(key)
    }
}

/// A store whose listing has one page for each part, in descending order.
#[derive(Debug)]
pub struct Unordered<S>(pub S);

impl<S: ReadStore> ReadStore for Unordered<S> {
    fn location(&self) -> &Location {
        self.0.location()
    }

    fn is_ordered(&self) -> bool {
        false
    }

    fn list(&self, part: &Part) -> Result<Page, StoreError> {
        let (mut objects, mut ignored, mut next) = (Vec::new(), Ignored::default(), Some(part.clone()));
        while let Some(part) = next {
            let page = self.0.list(&part)?;
            objects.extend(page.objects);
            ignored.merge(page.ignored);
            next = page.rest;
        }
        objects.reverse();
        Ok(Page { objects, ignored, rest: None })
    }

    fn read(&self, key: &ObjectKey) -> Result<Bytes, StoreError> {
        self.0.read(key)
    }

    fn size(&self, key: &ObjectKey) -> Result<u64, StoreError> {
        self.0.size(key)
    }
}
