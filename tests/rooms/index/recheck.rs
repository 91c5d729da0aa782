//! The sample of a list that is checked at the destination, and what is given up when an object is missing there.

use std::collections::BTreeSet;

use bytes::Bytes;
use seaf_migrate::index;
use seaf_migrate::index::from_listing::ListingError;
use seaf_migrate::index::recheck::{give_up, sample, sample_size};
use seaf_migrate::index::{Index, ListLock, ListPaths, SetBuilder};
use seaf_migrate::object::{KeyRange, LibraryId, ObjectId, ObjectKey, ObjectKind};
use seaf_migrate::store::backend::memory::MemoryStore;
use seaf_migrate::store::{ErrorKind, Listed, ReadStore, RemoveStore, WriteStore};
use seaf_migrate::sys::shutdown::{Shutdown, ShutdownReason};

use crate::support::faulty::{Action, Faulty};

const KIND: ObjectKind = ObjectKind::Blocks;

fn key(number: u32) -> ObjectKey {
    let mut id = [0; 20];
    id[..4].copy_from_slice(&number.wrapping_mul(2_654_435_761).to_be_bytes());
    ObjectKey::new(LibraryId::from_bytes([u8::try_from(number % 7).unwrap(); 16]), ObjectId::from_bytes(id))
}

/// A destination of `count` objects of five bytes, and a list that says so.
struct Listing {
    folder: tempfile::TempDir,
    store: MemoryStore,
}

impl Listing {
    fn paths(&self) -> ListPaths {
        ListPaths::new(&self.folder.path().join("list"), KIND, None)
    }

    fn lock(&self) -> ListLock {
        ListLock::acquire(&self.paths()).unwrap()
    }

    fn new(count: u32) -> (Self, Index) {
        let store = MemoryStore::new(KIND, "rechecked");
        (0..count).for_each(|number| store.write(&key(number), Bytes::from_static(b"bytes")).unwrap());
        let listing = Self { folder: tempfile::tempdir().unwrap(), store };
        let lock = listing.lock();
        let (builder, _) = SetBuilder::start_or_resume(&lock, listing.store.location()).unwrap();
        let mut objects: Vec<_> = (0..count).map(|number| Listed { key: key(number), size: Some(5) }).collect();
        objects.sort_by_key(|object| object.key);
        let mut stream = builder.stream();
        stream.page(KeyRange::ALL, &objects).unwrap();
        stream.finish().unwrap();
        let set = builder.finish().unwrap();
        (listing, set)
    }

    /// As [`Listing::new`], the list taken over from the old script's text.
    fn imported(count: u32) -> (Self, Index) {
        let (listing, set) = Self::new(count);
        drop(set);
        let text: String = (0..count).map(|number| format!("{}\n", key(number))).collect();
        std::fs::write(listing.paths().base(), text).unwrap();
        let (set, _) = index::prepare(&listing.lock(), listing.store.location()).unwrap().known.unwrap();
        (listing, set)
    }

    fn is_complete(&self) -> bool {
        index::prepare(&self.lock(), self.store.location()).unwrap().known.is_some()
    }
}

#[test]
fn a_share_is_rounded_up_so_that_a_small_list_is_asked_for_at_all() {
    let (_listing, set) = Listing::new(1001);
    for (percent, wanted) in [(0.0, 0), (0.0001, 1), (0.1, 2), (1.0, 11), (50.0, 501), (99.99, 1001), (100.0, 1001)] {
        assert_eq!(sample_size(&set, percent), wanted, "{percent}%");
    }
    assert_eq!(sample_size(&Listing::new(0).1, 100.0), 0);
}

#[test]
fn a_list_of_the_old_script_is_asked_for_a_thousand_objects_whatever_the_user_says() {
    for (count, percent, wanted) in [(10, 0.0, 10), (999, 0.0, 999), (3000, 0.0, 1000), (3000, 50.0, 1500)] {
        let (_listing, set) = Listing::imported(count);
        assert_eq!(sample_size(&set, percent), wanted, "{count} objects, {percent}%");
    }
}

#[test]
fn what_is_not_there_or_too_short_is_found_and_what_is_longer_is_not() {
    let (listing, set) = Listing::new(300);
    listing.store.remove(&key(7)).unwrap();
    listing.store.write(&key(8), Bytes::from_static(b"byte")).unwrap();
    listing.store.write(&key(9), Bytes::from_static(b"longer")).unwrap();
    let sampled = sample(&set, &listing.store, 300, 4, &Shutdown::new()).unwrap();
    assert_eq!(sampled.asked, 300);
    let expected: BTreeSet<_> = [key(7), key(8)].into();
    assert_eq!(sampled.missing, expected.into_iter().collect::<Vec<_>>(), "ascending");
}

#[test]
fn without_a_known_size_only_presence_counts() {
    let (listing, set) = Listing::imported(100);
    listing.store.write(&key(8), Bytes::new()).unwrap();
    listing.store.remove(&key(9)).unwrap();
    assert_eq!(sample(&set, &listing.store, 100, 2, &Shutdown::new()).unwrap().missing, [key(9)]);
}

#[test]
fn a_destination_that_does_not_answer_is_an_error_and_no_missing_object() {
    for kind in [ErrorKind::Unavailable, ErrorKind::Denied, ErrorKind::ContainerMissing] {
        let (listing, set) = Listing::new(200);
        let broken = Faulty::new(listing.store).fail_calls(Action::Size, 50, u64::MAX, kind);
        match sample(&set, &broken, 200, 3, &Shutdown::new()) {
            Err(ListingError::Store(error)) => assert_eq!(error.kind(), kind),
            other => panic!("{other:?}"),
        }
        assert!(broken.failures() < 30, "asked on {} times after the first failure", broken.failures());
    }
}

#[test]
fn a_sample_that_was_interrupted_proves_nothing() {
    let (listing, set) = Listing::new(200);
    let stop = Shutdown::new();
    stop.request(ShutdownReason::Signal(2));
    assert!(matches!(sample(&set, &listing.store, 200, 3, &stop), Err(ListingError::Interrupted)));
}

#[test]
fn a_part_of_a_list_of_ours_is_given_up_and_an_imported_one_as_a_whole() {
    let (listing, set) = Listing::new(40_000);
    let shards: Vec<KeyRange> = set.shards().map(|shard| shard.range).collect();
    assert!(shards.len() > 2);
    let in_second = (0..).map(key).find(|key| shards[1].contains(key)).unwrap();
    let also_there = (0..).map(key).find(|key| shards[1].contains(key) && *key > in_second).unwrap();
    give_up(&listing.lock(), set, &[in_second, also_there]).unwrap();
    assert!(!listing.is_complete());
    let (_, missing) = SetBuilder::start_or_resume(&listing.lock(), listing.store.location()).unwrap();
    assert_eq!(missing, [shards[1]]);

    let (listing, set) = Listing::imported(100);
    give_up(&listing.lock(), set, &[key(1)]).unwrap();
    assert!(!listing.is_complete());
    let (_, missing) = SetBuilder::start_or_resume(&listing.lock(), listing.store.location()).unwrap();
    assert_eq!(missing, [KeyRange::ALL]);
}
