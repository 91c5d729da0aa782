//! Objects that are larger than whoever reads them has memory for: none of their bytes are taken.

use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use seaf_migrate::conf::Location;
use seaf_migrate::content::FS_VIEW_MAX;
use seaf_migrate::flow::budget::{Halted, Room};
use seaf_migrate::flow::{Budget, RateLimiter};
use seaf_migrate::object::{ObjectKey, ObjectKind};
use seaf_migrate::store::backend::memory::MemoryStore;
use seaf_migrate::store::layer::limit::Limited;
use seaf_migrate::store::layer::retry::{Retry, RetryPolicy};
use seaf_migrate::store::{
    BLOCK_MAX, COMMIT_MAX, ErrorKind, Page, Part, ReadStore, StoreError, Within, WriteStore, read_again_in_room,
    read_in_room, read_within,
};
use seaf_migrate::sys::shutdown::Shutdown;

use crate::support::folder::{ID, Place, key};

/// A store that gives no object but within a limit, and says what sizes it is told to.
#[derive(Debug)]
struct Careful {
    inner: MemoryStore,
    /// The size of every object.
    says: u64,
}

impl Careful {
    fn new(says: u64) -> Self {
        Self { inner: MemoryStore::new(ObjectKind::Fs, "careful"), says }
    }
}

impl ReadStore for Careful {
    fn location(&self) -> &Location {
        self.inner.location()
    }

    fn list(&self, part: &Part) -> Result<Page, StoreError> {
        self.inner.list(part)
    }

    fn read(&self, _: &ObjectKey) -> Result<Bytes, StoreError> {
        panic!("it was read without a limit");
    }

    fn read_at_most(&self, _: &ObjectKey, most: u64) -> Result<Option<Bytes>, StoreError> {
        Ok((self.says <= most).then(Bytes::new))
    }

    fn size(&self, _: &ObjectKey) -> Result<u64, StoreError> {
        Ok(self.says)
    }
}

#[test]
fn every_layer_hands_the_limit_on() {
    let careful = || Arc::new(Careful::new(1000));
    let unlimited = Arc::new(RateLimiter::new(None, &Shutdown::new()));
    let layers: [Box<dyn ReadStore>; 3] = [
        Box::new(careful()),
        Box::new(Limited::new(careful(), unlimited)),
        Box::new(Retry::new(Careful::new(1000), RetryPolicy::default(), Shutdown::new())),
    ];
    for layer in layers {
        assert_eq!(layer.read_at_most(&ObjectKey::MIN, 999).unwrap(), None, "{layer:?}");
        assert_eq!(layer.read_at_most(&ObjectKey::MIN, 1000).unwrap(), Some(Bytes::new()), "{layer:?}");
    }
}

#[test]
fn a_file_larger_than_all_memory_is_refused_by_its_length() {
    let world = tempfile::tempdir().unwrap();
    let place = Place::in_folder(world.path());
    let store = place.destination().unwrap();
    store.write(&key(ID), Bytes::from_static(b"small")).unwrap();
    // A file with a hole: 8 TiB that take no room on the disk.
    let huge = 8_u64 << 40;
    match File::options().write(true).open(place.file(ID)).unwrap().set_len(huge) {
        Ok(()) => {}
        Err(error) => return crate::support::skip::skip("a file of 8 TiB", error),
    }
    assert_eq!(store.read_at_most(&key(ID), 1 << 30).unwrap(), None);
    for most in [1 << 30, u64::MAX] {
        let error = read_within(&store, ObjectKind::Blocks, &key(ID), most).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unreadable, "{error}");
        assert!(error.to_string().contains(&format!("it has {huge} bytes")), "{error}");
    }
}

#[test]
fn an_object_larger_than_any_can_be_is_not_read_however_much_memory_there_is() {
    let largest = [(ObjectKind::Commits, COMMIT_MAX), (ObjectKind::Fs, 256 << 20), (ObjectKind::Blocks, 2 << 30)];
    for (kind, size) in largest.map(|(kind, most)| (kind, most + 1)) {
        let read = |says, most| read_within(&Careful::new(says), kind, &ObjectKey::MIN, most);
        for most in [0, 1000, u64::MAX] {
            let error = read(size, most).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unreadable, "{error}");
            assert!(error.to_string().contains(&format!("it has {size} bytes")), "{error}");
        }
        assert_eq!(read(size - 1, 1000).unwrap(), Within::Larger(size - 1));
        assert_eq!(read(size - 1, u64::MAX).unwrap(), Within::Bytes(Bytes::new()));
    }
}

/// A store of one object, which says how large it is and counts how often it was given.
#[derive(Debug)]
struct Counting {
    inner: MemoryStore,
    given: AtomicUsize,
}

impl Counting {
    fn holding(bytes: usize) -> Self {
        let inner = MemoryStore::new(ObjectKind::Fs, "counting");
        inner.write(&ObjectKey::MIN, vec![7; bytes].into()).unwrap();
        Self { inner, given: AtomicUsize::new(0) }
    }
}

impl ReadStore for Counting {
    fn location(&self) -> &Location {
        self.inner.location()
    }

    fn list(&self, part: &Part) -> Result<Page, StoreError> {
        self.inner.list(part)
    }

    fn read(&self, key: &ObjectKey) -> Result<Bytes, StoreError> {
        self.given.fetch_add(1, Ordering::Relaxed);
        self.inner.read(key)
    }

    fn read_at_most(&self, key: &ObjectKey, most: u64) -> Result<Option<Bytes>, StoreError> {
        if self.inner.size(key)? <= most { self.read(key).map(Some) } else { Ok(None) }
    }

    fn size(&self, key: &ObjectKey) -> Result<u64, StoreError> {
        self.inner.size(key)
    }
}

#[test]
fn what_is_read_takes_room_for_its_bytes_and_for_what_they_unpack_to() {
    type Read = fn(&dyn ReadStore, ObjectKind, &ObjectKey, &mut Room<'_>) -> Result<Bytes, Halted<StoreError>>;
    let reads: [Read; 2] = [read_in_room, read_again_in_room];
    let stored = 100_000;
    for (kind, takes) in [
        (ObjectKind::Commits, 3 * stored as u64),
        (ObjectKind::Fs, stored as u64 + FS_VIEW_MAX),
        (ObjectKind::Blocks, stored as u64),
    ] {
        for (read, room, rooms) in
            [(reads[0], takes, 1), (reads[0], takes - 1, 2), (reads[1], takes, 1), (reads[1], 1, 2)]
        {
            let (store, mut lefts) = (Counting::holding(stored), Vec::new());
            let data: Result<Bytes, StoreError> = Budget::new(1 << 30).in_room(room, |room| {
                let data = read(&store, kind, &ObjectKey::MIN, room)?;
                lefts.push(room.left());
                Ok(data)
            });
            assert_eq!(data.unwrap().len(), stored, "{kind}");
            // In a room that is too small, nothing was taken into memory.
            assert_eq!((lefts.len(), store.given.into_inner()), (1, 1), "{kind} in a room of {room}");
            assert!(rooms > 1 || lefts == [0], "{kind}: {lefts:?} is left");
        }
    }
}

#[test]
fn an_object_larger_than_any_can_be_is_not_read_a_second_time_either() {
    let read: Result<Bytes, StoreError> = Budget::new(1 << 40)
        .in_room(1, |room| read_again_in_room(&Careful::new(BLOCK_MAX + 1), ObjectKind::Blocks, &ObjectKey::MIN, room));
    assert_eq!(read.unwrap_err().kind(), ErrorKind::Unreadable);
}

/// A store that never gives an object, and says that it is small.
#[derive(Debug)]
struct Contrary(MemoryStore);

impl ReadStore for Contrary {
    fn location(&self) -> &Location {
        self.0.location()
    }

    fn list(&self, part: &Part) -> Result<Page, StoreError> {
        self.0.list(part)
    }

    fn read(&self, key: &ObjectKey) -> Result<Bytes, StoreError> {
        self.0.read(key)
    }

    fn read_at_most(&self, _: &ObjectKey, _: u64) -> Result<Option<Bytes>, StoreError> {
        Ok(None)
    }

    fn size(&self, _: &ObjectKey) -> Result<u64, StoreError> {
        Ok(5)
    }
}

#[test]
fn a_store_that_says_now_this_size_and_now_that_is_trouble_and_not_asked_for_ever() {
    let store = Contrary(MemoryStore::new(ObjectKind::Fs, "contrary"));
    let read = |most| read_within(&store, ObjectKind::Fs, &ObjectKey::MIN, most);
    assert_eq!(read(1000).unwrap(), Within::Larger(5));
    assert_eq!(read(u64::MAX).unwrap_err().kind(), ErrorKind::Protocol);
}
