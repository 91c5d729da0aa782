//! The view of a destination after a pass: objects that the pass listed or wrote need no further call, others do.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use seaf_migrate::commands::common::verified_view::{DestinationSnapshot, VerifiedView};
use seaf_migrate::index;
use seaf_migrate::index::{Index, Journal, ListLock, ListPaths, SetBuilder};
use seaf_migrate::object::{KeyRange, LibraryId, ObjectId, ObjectKey, ObjectKind};
use seaf_migrate::store::backend::memory::MemoryStore;
use seaf_migrate::store::{ErrorKind, Listed, Part, ReadStore};

use crate::support::watched::Watched;

fn key(number: u8) -> ObjectKey {
    ObjectKey::new(LibraryId::from_bytes([1; 16]), ObjectId::from_bytes([number; 20]))
}

fn listed(number: u8, size: impl Into<Option<u64>>) -> Listed {
    Listed { key: key(number), size: size.into() }
}

/// A store that has objects 1 to 9, object n being n bytes long, and a list of them in a folder.
struct World {
    folder: tempfile::TempDir,
    store: Arc<Watched<MemoryStore>>,
}

impl World {
    fn new() -> Self {
        let objects: BTreeMap<_, _> = (1..=9).map(|n| (key(n), Bytes::from(vec![0; usize::from(n)]))).collect();
        Self { folder: tempfile::tempdir().unwrap(), store: Watched::holding(ObjectKind::Blocks, objects) }
    }

    fn lock(&self) -> ListLock {
        ListLock::acquire(&ListPaths::new(&self.folder.path().join("list"), ObjectKind::Blocks, None)).unwrap()
    }

    fn build(&self, lock: &ListLock, objects: &[Listed]) -> (Index, Journal) {
        let (builder, _) = SetBuilder::start_or_resume(lock, self.store.location()).unwrap();
        let mut stream = builder.stream();
        stream.page(KeyRange::ALL, objects).unwrap();
        stream.finish().unwrap();
        let set = builder.finish().unwrap();
        let journal = Journal::open(lock, &set).unwrap();
        (set, journal)
    }

    /// The destination of a pass that found `before` in its list and wrote `written`.
    fn proven(&self, before: &[Listed], listed_now: bool, written: &[Listed]) -> VerifiedView {
        let lock = self.lock();
        let (before, journal) = self.build(&lock, before);
        let mut journal = journal.not_durable();
        journal.append(written).unwrap();
        drop(journal);
        let (now, _) = index::prepare(&lock, self.store.location()).unwrap().known.unwrap();
        VerifiedView::new(
            Arc::clone(&self.store) as _,
            DestinationSnapshot { before, now, listed_now, lock, temporary: None },
        )
    }

    /// How often the store itself was asked.
    fn calls(&self) -> usize {
        self.store.asked_since()
    }
}

#[test]
fn what_is_in_no_list_is_not_there_even_if_the_store_has_it() {
    let world = World::new();
    let proven = world.proven(&[listed(1, 1)], true, &[listed(2, 2)]);
    for number in 3..=9 {
        assert_eq!(proven.read(&key(number)).unwrap_err().kind(), ErrorKind::NotFound);
        assert_eq!(proven.size(&key(number)).unwrap_err().kind(), ErrorKind::NotFound);
    }
    assert_eq!(world.calls(), 0, "the store was asked for what it is not known to have");
}

#[test]
fn sizes_that_this_pass_saw_are_not_asked_for() {
    let world = World::new();
    let proven = world.proven(&[listed(1, 1), listed(4, 4)], true, &[listed(2, 2)]);
    assert_eq!([1, 2, 4].map(|number| proven.size(&key(number)).unwrap()), [1, 2, 4]);
    assert_eq!(world.calls(), 0);
}

#[test]
fn a_size_that_only_an_older_list_has_is_asked_for() {
    let world = World::new();
    let proven = world.proven(&[listed(1, 1), listed(4, 4)], false, &[listed(2, 2)]);
    assert_eq!((proven.size(&key(2)).unwrap(), world.calls()), (2, 0), "this pass wrote it itself");
    assert_eq!((proven.size(&key(4)).unwrap(), world.calls()), (4, 1));
    world.store.take(&key(1));
    assert_eq!(proven.size(&key(1)).unwrap_err().kind(), ErrorKind::NotFound);
    // Shorter there than the list says: what the store says counts.
    world.store.put(key(4), Bytes::from_static(b"xx"));
    assert_eq!(proven.size(&key(4)).unwrap(), 2);
}

#[test]
fn a_size_that_no_listing_tells_is_asked_for() {
    let world = World::new();
    let proven = world.proven(&[listed(5, None)], true, &[]);
    assert_eq!((proven.size(&key(5)).unwrap(), world.calls()), (5, 1));
}

#[test]
fn what_is_known_is_read_from_the_store_and_its_failures_are_told() {
    let world = World::new();
    let proven = world.proven(&[listed(3, 3), listed(6, 6)], true, &[]);
    assert_eq!((proven.read(&key(3)).unwrap().len(), world.calls()), (3, 1));
    world.store.take(&key(3));
    assert_eq!(proven.read(&key(3)).unwrap_err().kind(), ErrorKind::NotFound);
    world.store.fail(key(6), ErrorKind::Timeout);
    assert_eq!(proven.read(&key(6)).unwrap_err().kind(), ErrorKind::Timeout);
}

#[test]
fn an_object_written_again_has_its_new_size() {
    let world = World::new();
    // It was shorter at the destination, and so the pass copied it once more.
    let proven = world.proven(&[listed(7, 2)], true, &[listed(7, 7)]);
    assert_eq!((proven.size(&key(7)).unwrap(), world.calls()), (7, 0));
}

#[test]
fn it_is_listed_as_the_store_is() {
    let world = World::new();
    let proven = world.proven(&[], true, &[]);
    assert_eq!((proven.location(), proven.is_ordered()), (world.store.location(), true));
    assert_eq!(proven.parts(&KeyRange::ALL).unwrap().len(), 1);
    let page = proven.list(&Part::new(KeyRange::ALL)).unwrap();
    assert_eq!((page.objects.len(), page.rest.is_some()), (7, true));
}

#[test]
fn a_journal_that_need_not_survive_says_the_same() {
    let world = World::new();
    let lock = world.lock();
    let (set, journal) = world.build(&lock, &[]);
    let mut journal = journal.not_durable();
    let objects: Vec<_> = (1..=9).map(|number| listed(number, u64::from(number))).collect();
    objects.chunks(2).for_each(|batch| journal.append(batch).unwrap());
    let records: Vec<_> = journal.records().map(Result::unwrap).collect();
    assert_eq!((records, journal.len()), (objects, 9));
    drop(journal);
    assert_eq!(Journal::open(&lock, &set).unwrap().len(), 9);
}
