//! A store of any size that holds nothing: every object is made up when it is listed, always the same.

use bytes::Bytes;
use seaf_migrate::conf::backend::{Backend, Location};
use seaf_migrate::object::{LibraryId, ObjectId, ObjectKey, ObjectKind};
use seaf_migrate::store::{ErrorKind, Listed, Page, Part, ReadStore, StoreError, WriteStore};

/// Objects in a page, as S3 gives them.
const PAGE: usize = 1000;

/// Made-up objects: as many libraries, each with as many objects, in ascending order of their keys.
#[derive(Clone, Copy, Debug)]
pub struct Keys {
    pub libraries: u64,
    /// Objects a library.
    pub objects: u64,
}

impl Keys {
    pub fn new(total: u64, libraries: u64) -> Self {
        Self { libraries, objects: total / libraries }
    }

    pub const fn total(&self) -> u64 {
        self.libraries * self.objects
    }

    fn library(&self, library: u64) -> LibraryId {
        let mut uuid = [0; 16];
        uuid[..8].copy_from_slice(&(library * (u64::MAX / self.libraries)).to_be_bytes());
        fastrand::Rng::with_seed(library).fill(&mut uuid[6..]);
        LibraryId::from_bytes(uuid)
    }

    /// Object number `at` of a library: ids spread evenly, with a random rest, so that they ascend with `at`.
    fn listed(&self, library: u64, uuid: LibraryId, at: u64) -> Listed {
        let mut random = fastrand::Rng::with_seed(library << 40 ^ at);
        let step = u64::MAX / self.objects;
        let mut id = [0; 20];
        id[..8].copy_from_slice(&(at * step + random.u64(..step)).to_be_bytes());
        random.fill(&mut id[8..]);
        // Mostly small, some megabytes: the median of real blocks is under 1 KB.
        let size = 200 << random.u32(..6) | random.u64(..200) << (random.u32(..64) / 12);
        Listed { key: ObjectKey::new(uuid, ObjectId::from_bytes(id)), size: Some(size) }
    }

    pub fn object(&self, library: u64, at: u64) -> Listed {
        self.listed(library, self.library(library), at)
    }

    /// The objects from the first one at or after `key`.
    pub fn from(self, key: ObjectKey) -> impl Iterator<Item = Listed> {
        let library = first_not(self.libraries, |library| self.library(library) < key.library);
        let here = library < self.libraries && self.library(library) == key.library;
        let at = if here { first_not(self.objects, |at| self.object(library, at).key < key) } else { 0 };
        (library..self.libraries).flat_map(move |number| {
            let (uuid, begin) = (self.library(number), if number == library { at } else { 0 });
            (begin..self.objects).map(move |at| self.listed(number, uuid, at))
        })
    }
}

/// The first of `0..count` that does not go before.
fn first_not(count: u64, goes_before: impl Fn(u64) -> bool) -> u64 {
    let (mut low, mut high) = (0, count);
    while low < high {
        let middle = low + (high - low) / 2;
        if goes_before(middle) { low = middle + 1 } else { high = middle }
    }
    low
}

/// The store whose listing the keys are. Writing to it is an error: a benchmark that wrote would measure nothing real.
#[derive(Debug)]
pub struct Synthetic {
    keys: Keys,
    location: Location,
}

impl Synthetic {
    pub fn new(keys: Keys, place: &str) -> Self {
        Self { keys, location: Location { backend: Backend::S3, kind: ObjectKind::Blocks, place: place.to_owned() } }
    }
}

impl ReadStore for Synthetic {
    fn location(&self) -> &Location {
        &self.location
    }

    fn list(&self, part: &Part) -> Result<Page, StoreError> {
        let mut objects = Vec::with_capacity(PAGE);
        objects.extend(self.keys.from(part.range.first()).take(PAGE).take_while(|o| o.key <= part.range.last()));
        let last = (objects.len() == PAGE).then(|| objects[PAGE - 1].key);
        Ok(Page { rest: last.and_then(|last| part.range.after(last)).map(Part::new), objects, ..Page::default() })
    }

    fn read(&self, key: &ObjectKey) -> Result<Bytes, StoreError> {
        Err(StoreError::object(ErrorKind::Setup, "read", key, "there are no bytes in a made-up store"))
    }

    fn size(&self, key: &ObjectKey) -> Result<u64, StoreError> {
        let found = self.keys.from(*key).next().filter(|object| object.key == *key);
        let missing = || StoreError::object(ErrorKind::NotFound, "size", key, "not there");
        found.and_then(|object| object.size).ok_or_else(missing)
    }
}

impl WriteStore for Synthetic {
    fn write(&self, key: &ObjectKey, _: Bytes) -> Result<(), StoreError> {
        Err(StoreError::object(ErrorKind::Setup, "write", key, "a made-up store takes nothing"))
    }

    fn sync(&self) -> Result<(), StoreError> {
        Ok(())
    }
}
