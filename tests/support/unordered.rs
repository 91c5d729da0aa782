//! A store in memory that lists as RADOS does: in no order, and with each part covering all that was asked for.
#![allow(dead_code, unreachable_pub, missing_docs)]

use std::sync::Arc;

use bytes::Bytes;
use seaf_migrate::conf::backend::Location;
use seaf_migrate::object::{KeyRange, ObjectKey};
use seaf_migrate::store::backend::memory::MemoryStore;
use seaf_migrate::store::{Page, Part, ReadStore, RemoveStore, StoreError, WriteStore};

#[derive(Debug)]
pub struct Unordered(pub MemoryStore);

/// What is still to be listed, and of which range.
struct Place(KeyRange);

impl Unordered {
    fn part(asked: KeyRange, rest: KeyRange) -> Part {
        Part { range: asked, memo: Some(Arc::new(Place(rest))) }
    }
}

impl ReadStore for Unordered {
    fn location(&self) -> &Location {
        self.0.location()
    }

    fn is_ordered(&self) -> bool {
        false
    }

    fn parts(&self, within: &KeyRange) -> Result<Vec<Part>, StoreError> {
        let halves = within.halves().map_or_else(|| vec![*within], |(low, high)| vec![high, low]);
        Ok(halves.into_iter().map(|half| Self::part(*within, half)).collect())
    }

    fn list(&self, part: &Part) -> Result<Page, StoreError> {
        let place =
            part.memo.as_ref().and_then(|memo| memo.downcast_ref::<Place>()).map_or(part.range, |place| place.0);
        let mut page = self.0.list(&Part::new(place))?;
        page.objects.reverse();
        page.rest = page.rest.map(|rest| Self::part(part.range, rest.range));
        Ok(page)
    }

    fn read(&self, key: &ObjectKey) -> Result<Bytes, StoreError> {
        self.0.read(key)
    }

    fn size(&self, key: &ObjectKey) -> Result<u64, StoreError> {
        self.0.size(key)
    }
}

impl WriteStore for Unordered {
    fn write(&self, key: &ObjectKey, data: Bytes) -> Result<(), StoreError> {
        self.0.write(key, data)
    }

    fn sync(&self) -> Result<(), StoreError> {
        self.0.sync()
    }
}

impl RemoveStore for Unordered {
    fn remove(&self, key: &ObjectKey) -> Result<(), StoreError> {
        self.0.remove(key)
    }
}
