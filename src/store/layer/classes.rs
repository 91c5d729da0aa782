//! The stores of storage classes as one store: each library's objects are in the store of its class.
//!
//! Which library is in which class is known before the store is opened ([`Routes`]). An object of a library in the store of
//! another class than its own is no object of this store: no server looks for it there. Listings leave it out and count it
//! as an ignored name.
//!
//! This program's own objects ([`control`](crate::store::control)) are written to every one of the stores, and are there
//! only when all of them show the same one: what is recorded of the whole holds only while each part is as it was.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;

use crate::conf::backend::Location;
use crate::object::{KeyRange, ObjectKey};
use crate::store::control::is_control;
use crate::store::exclusion::Exclusion;
use crate::store::{
    ErrorKind, Listed, Page, Part, Piece, Pieced, Pieces, ReadStore, Reading, RemoveStore, SizeForm, StoreError,
    WriteStore, each_at_once, found,
};

mod absent;
mod merged;
mod one_by_one;
mod routes;

pub use absent::Absent;
pub use routes::Routes;

/// The store of one class, or of several that share it.
#[derive(Debug)]
pub struct Leaf<S: ?Sized> {
    /// What messages call its class.
    pub class: Arc<str>,
    /// The store.
    pub store: Arc<S>,
}

/// Several stores of one kind that are one.
#[derive(Debug)]
pub struct Classes<S: ?Sized> {
    location: Location,
    leaves: Vec<Leaf<S>>,
    routes: Routes,
}

impl<S: ReadStore + ?Sized> Classes<S> {
    /// The store at `location` that is made of `leaves`, whose positions `routes` names.
    ///
    /// # Panics
    /// When `routes` names a position that no leaf has.
    pub fn new(location: Location, leaves: Vec<Leaf<S>>, routes: Routes) -> Self {
        assert!(routes.most() < leaves.len(), "every library is routed to a store that is there");
        Self { location, leaves, routes }
    }

    fn store_of(&self, key: &ObjectKey) -> &S {
        &self.leaves[self.routes.leaf_of(key.library)].store
    }

    fn stores(&self) -> impl Iterator<Item = &S> {
        self.leaves.iter().map(|leaf| &*leaf.store)
    }

    /// Whether the store at a position is the one that has the objects of the key's library. All have this program's own.
    fn is_at_home(&self, leaf: usize, key: &ObjectKey) -> bool {
        is_control(key) || self.routes.leaf_of(key.library) == leaf
    }

    /// What is asked of the store of an object's library; of an own object of this program, what all stores show alike.
    fn ask<T: PartialEq + Send>(
        &self,
        action: &'static str,
        key: &ObjectKey,
        ask: impl Fn(&S) -> Result<T, StoreError> + Sync,
    ) -> Result<T, StoreError> {
        if !is_control(key) {
            return ask(self.store_of(key));
        }
        let mut shown = each_at_once(&self.leaves, |leaf| found(ask(&leaf.store)))?;
        match shown.pop().flatten() {
            Some(one) if shown.iter().all(|other| other.as_ref() == Some(&one)) => Ok(one),
            _ => Err(StoreError::object(ErrorKind::NotFound, action, key, "not every class has it, or not the same")),
        }
    }
}

#[deny(clippy::missing_trait_methods)]
impl<S: ReadStore + ?Sized> ReadStore for Classes<S> {
    fn location(&self) -> &Location {
        &self.location
    }

    /// Padded where one of the stores is: all are encrypted or none is, but for one that is not there yet.
    fn size_form(&self) -> SizeForm {
        let is_padded = self.stores().any(|store| store.size_form() == SizeForm::Padded);
        if is_padded { SizeForm::Padded } else { SizeForm::Exact }
    }

    /// Only where all of the stores are.
    fn is_ordered(&self) -> bool {
        self.stores().all(ReadStore::is_ordered)
    }

    fn parts(&self, within: &KeyRange) -> Result<Vec<Part>, StoreError> {
        if self.is_ordered() { Ok(vec![Part::new(*within)]) } else { self.parts_one_by_one(within) }
    }

    fn list(&self, part: &Part) -> Result<Page, StoreError> {
        if self.is_ordered() { self.list_merged(part) } else { self.list_one_by_one(part) }
    }

    fn read(&self, key: &ObjectKey) -> Result<Bytes, StoreError> {
        self.ask("read", key, |store| store.read(key))
    }

    fn read_again(&self, key: &ObjectKey) -> Result<Bytes, StoreError> {
        self.ask("read", key, |store| store.read_again(key))
    }

    fn read_at_most(&self, key: &ObjectKey, most: u64) -> Result<Option<Bytes>, StoreError> {
        self.ask("read", key, |store| store.read_at_most(key, most))
    }

    /// This program's own objects come whole.
    fn read_piece(&self, key: &ObjectKey, at: u64, reading: Reading) -> Result<Option<Piece>, StoreError> {
        if is_control(key) { Ok(None) } else { self.store_of(key).read_piece(key, at, reading) }
    }

    fn size(&self, key: &ObjectKey) -> Result<u64, StoreError> {
        self.ask("size", key, |store| store.size(key))
    }

    fn list_one(&self, key: &ObjectKey) -> Result<Option<Listed>, StoreError> {
        match is_control(key) {
            true => found(self.ask("list", key, |store| {
                let none = || StoreError::object(ErrorKind::NotFound, "list", key, "no such object");
                store.list_one(key)?.ok_or_else(none)
            })),
            false => self.store_of(key).list_one(key),
        }
    }

    fn make_listed_durable(&self) -> Result<(), StoreError> {
        each_at_once(&self.leaves, |leaf| leaf.store.make_listed_durable()).map(drop)
    }
}

#[deny(clippy::missing_trait_methods)]
impl<S: WriteStore + ?Sized> WriteStore for Classes<S> {
    fn write(&self, key: &ObjectKey, data: Bytes) -> Result<(), StoreError> {
        match is_control(key) {
            true => each_at_once(&self.leaves, |leaf| leaf.store.write(key, data.clone())).map(drop),
            false => self.store_of(key).write(key, data),
        }
    }

    fn write_pieces(&self, key: &ObjectKey, pieces: &mut Pieces<'_>) -> Result<Pieced, StoreError> {
        if is_control(key) { Ok(Pieced::NotOffered) } else { self.store_of(key).write_pieces(key, pieces) }
    }

    fn sync(&self) -> Result<(), StoreError> {
        each_at_once(&self.leaves, |leaf| leaf.store.sync()).map(drop)
    }

    fn durability_note(&self) -> Option<String> {
        let mut notes: Vec<String> = self.stores().filter_map(WriteStore::durability_note).collect();
        notes.dedup();
        (!notes.is_empty()).then(|| notes.join("; "))
    }

    /// Acquired only where every one of the stores was.
    fn exclude_others(&self) -> Result<Exclusion, StoreError> {
        let mut locks = None;
        for store in self.stores() {
            match store.exclude_others()? {
                Exclusion::Acquired(lock) => locks = Some(lock.and(locks.take())),
                other => return Ok(other),
            }
        }
        Ok(locks.map_or(Exclusion::NotOffered, Exclusion::Acquired))
    }
}

#[deny(clippy::missing_trait_methods)]
impl<S: RemoveStore + ?Sized> RemoveStore for Classes<S> {
    fn remove(&self, key: &ObjectKey) -> Result<(), StoreError> {
        match is_control(key) {
            true => each_at_once(&self.leaves, |leaf| leaf.store.remove(key)).map(drop),
            false => self.store_of(key).remove(key),
        }
    }

    fn written_at(&self, key: &ObjectKey) -> Result<Option<SystemTime>, StoreError> {
        self.ask("size", key, |store| store.written_at(key))
    }

    fn quarantine(&self) -> Vec<PathBuf> {
        self.stores().flat_map(RemoveStore::quarantine).collect()
    }

    fn put_back(&self, key: &ObjectKey) -> Result<bool, StoreError> {
        self.store_of(key).put_back(key)
    }

    fn remove_empty_folders(&self, within: &KeyRange) -> Result<u64, StoreError> {
        Ok(each_at_once(&self.leaves, |leaf| leaf.store.remove_empty_folders(within))?.into_iter().sum())
    }
}
