//! The sample of a list that is checked at the destination.

use bytes::Bytes;
use seaf_migrate::index;
use seaf_migrate::index::from_listing::ListingError;
use seaf_migrate::index::recheck::{Asked, Sampled, sample, sample_size};
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

    /// Asks for `wanted` objects; the source has every object with five bytes.
    fn sample(&self, set: &Index, wanted: u64) -> Sampled {
        let source = Self::new(300).0.store;
        let stores = Asked { destination: &self.store, source: &source };
        sample(set, stores, wanted, 4, &Shutdown::new()).unwrap()
    }
}

#[test]
fn a_thousand_objects_are_asked_for_at_least_and_a_share_is_rounded_up() {
    let (_listing, set) = Listing::new(3001);
    for (percent, wanted) in [(0.0, 1000), (0.0001, 1000), (33.4, 1003), (50.0, 1501), (99.99, 3001), (100.0, 3001)] {
        assert_eq!(sample_size(&set, percent), wanted, "{percent}%");
    }
    assert_eq!(sample_size(&Listing::new(0).1, 100.0), 0);
    for count in [10, 999] {
        assert_eq!(sample_size(&Listing::new(count).1, 0.0), u64::from(count));
        assert_eq!(sample_size(&Listing::imported(count).1, 0.0), u64::from(count));
    }
}

#[test]
fn what_is_not_there_or_has_another_size_is_found() {
    let (listing, set) = Listing::new(300);
    listing.store.remove(&key(7)).unwrap();
    listing.store.write(&key(8), Bytes::from_static(b"byte")).unwrap();
    listing.store.write(&key(9), Bytes::from_static(b"longer")).unwrap();
    listing.store.write(&key(10), Bytes::new()).unwrap();
    let sampled = listing.sample(&set, 300);
    let mut expected = [key(7), key(8), key(9), key(10)];
    expected.sort_unstable();
    assert_eq!((sampled.asked, &sampled.wrong[..]), (300, &expected[..]), "ascending");
}

#[test]
fn where_the_list_knows_no_size_the_source_tells_it() {
    let (listing, set) = Listing::imported(301);
    listing.store.write(&key(8), Bytes::new()).unwrap();
    listing.store.remove(&key(9)).unwrap();
    listing.store.write(&key(10), Bytes::from_static(b"byte")).unwrap();
    // Longer is not what a crash leaves; and of an object that the source has not, no size is known.
    listing.store.write(&key(11), Bytes::from_static(b"longer")).unwrap();
    listing.store.write(&key(300), Bytes::from_static(b"gone from the source")).unwrap();
    let mut expected = [key(8), key(9), key(10)];
    expected.sort_unstable();
    assert_eq!(listing.sample(&set, 301).wrong, expected);
}

#[test]
fn a_destination_that_does_not_answer_is_an_error_and_no_missing_object() {
    for kind in [ErrorKind::Unavailable, ErrorKind::Denied, ErrorKind::ContainerMissing] {
        let (listing, set) = Listing::new(200);
        let source = Listing::new(1).0.store;
        let broken = Faulty::new(listing.store).fail_calls(Action::Size, 50, u64::MAX, kind);
        let stores = Asked { destination: &broken, source: &source };
        match sample(&set, stores, 200, 3, &Shutdown::new()) {
            Err(ListingError::Store(error)) => assert_eq!(error.kind(), kind),
            other => panic!("{other:?}"),
        }
        assert!(broken.failures() < 30, "asked on {} times after the first failure", broken.failures());
    }
}

#[test]
fn a_source_that_does_not_tell_a_size_leaves_the_sample_unknown() {
    let (listing, set) = Listing::imported(100);
    let broken = Faulty::new(Listing::new(100).0.store).fail_calls(Action::Size, 0, u64::MAX, ErrorKind::Timeout);
    let stores = Asked { destination: &listing.store, source: &broken };
    assert!(matches!(sample(&set, stores, 100, 3, &Shutdown::new()), Err(ListingError::Store(_))));
}

#[test]
fn a_sample_that_was_interrupted_proves_nothing() {
    let (listing, set) = Listing::new(200);
    let stop = Shutdown::new();
    stop.request(ShutdownReason::Signal(2));
    let stores = Asked { destination: &listing.store, source: &listing.store };
    assert!(matches!(sample(&set, stores, 200, 3, &stop), Err(ListingError::Interrupted)));
}
