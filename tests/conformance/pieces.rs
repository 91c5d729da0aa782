//! Cases about blocks that go in pieces. A store that takes objects only whole must say so and do nothing.

use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use seaf_migrate::conf::backend::Location;
use seaf_migrate::content::sha1_of;
use seaf_migrate::object::{KeyRange, ObjectKey, ObjectKind};
use seaf_migrate::store::backend::memory::MemoryStore;
use seaf_migrate::store::pieces::{Fault, PIECE_MAX, Pieces, digest};
use seaf_migrate::store::{ErrorKind, Page, Part, Piece, Pieced, ReadStore, Reading, StoreError, WriteStore};

use super::harness::{Harness, not_applicable};
use super::samples::{library, list_plainly};

/// A block of so many bytes, and its key.
fn block(length: usize) -> (ObjectKey, Bytes) {
    let mut data = vec![0; length];
    fastrand::Rng::with_seed(length as u64).fill(&mut data);
    (ObjectKey::new(library(1), sha1_of(&data)), data.into())
}

fn holding(key: &ObjectKey, data: &Bytes) -> MemoryStore {
    let source = MemoryStore::new(ObjectKind::Blocks, "source of pieces");
    source.write(key, data.clone()).unwrap();
    source
}

/// Whether the store takes objects in pieces; a case that needs it is over where not.
fn takes_pieces(harness: &Harness) -> bool {
    let (key, data) = block(PIECE_MAX + 1);
    let source = holding(&key, &data);
    let outcome = harness.store.write_pieces(&key, &mut Pieces::new(&source, &key, None)).unwrap();
    if outcome == Pieced::NotOffered {
        not_applicable("it takes objects only whole");
        assert_eq!(harness.store.read(&key).unwrap_err().kind(), ErrorKind::NotFound, "and wrote one in pieces");
        return false;
    }
    harness.store.remove(&key).unwrap();
    true
}

fn nothing_is_there(harness: &Harness, key: &ObjectKey) {
    assert_eq!(harness.store.read_again(key).unwrap_err().kind(), ErrorKind::NotFound);
    let (listed, ignored) = list_plainly(&harness.store, KeyRange::ALL);
    assert_eq!((listed.len(), ignored), (0, 0), "something is left");
}

pub(crate) fn a_block_goes_and_comes_in_pieces(harness: &Harness) {
    let store = &harness.store;
    let is_taken = takes_pieces(harness);
    for length in [1, 1000, PIECE_MAX - 1, PIECE_MAX, PIECE_MAX + 1, 3 * PIECE_MAX, 5_000_001] {
        let (key, data) = block(length);
        let source = holding(&key, &data);
        let mut pieces = Pieces::new(&source, &key, Some(length as u64));
        match is_taken {
            true => assert_eq!(store.write_pieces(&key, &mut pieces).unwrap(), Pieced::Written),
            false => store.write(&key, data.clone()).unwrap(),
        }
        assert!(store.read(&key).unwrap() == data, "{length} bytes came back changed");
        for reading in [Reading::Usual, Reading::Anew] {
            let Some(read) = digest(store, &key, reading).unwrap() else {
                not_applicable("it gives objects only whole");
                continue;
            };
            assert_eq!((read.size, read.id), (length as u64, key.id));
        }
        store.sync().unwrap();
    }
}

/// Both ends are requests of one client, of which one is made while the other is under way.
pub(crate) fn a_block_goes_from_a_store_to_itself(harness: &Harness) {
    if !takes_pieces(harness) {
        return;
    }
    let (from, data) = block(4 * PIECE_MAX + 17);
    let to = ObjectKey::new(library(2), from.id);
    harness.store.write(&from, data.clone()).unwrap();
    // The piece that is asked for is that of the other library.
    let source = Elsewhere { store: &*harness.store, key: from };
    for _ in 0..2 {
        let mut pieces = Pieces::new(&source, &to, Some(data.len() as u64));
        let outcome = harness.store.write_pieces(&to, &mut pieces).unwrap();
        assert_eq!(outcome, Pieced::Written, "{:?}", pieces.into_fault());
        assert!(harness.store.read(&to).unwrap() == data);
    }
}

pub(crate) fn a_wrong_id_is_never_written(harness: &Harness) {
    if !takes_pieces(harness) {
        return;
    }
    let (key, right) = block(2 * PIECE_MAX + 5);
    let mut wrong = right.to_vec();
    // In the first piece, in the last one, and by a byte more or less.
    let wrongs = [0, wrong.len() - 1].map(|place| {
        wrong[place] ^= 1;
        let data = Bytes::copy_from_slice(&wrong);
        wrong[place] ^= 1;
        data
    });
    let shorter = right.slice(..right.len() - 1);
    let longer = Bytes::from([&right[..], b"x"].concat());
    for there in [None, Some(&right)] {
        there.into_iter().for_each(|data| harness.store.write(&key, data.clone()).unwrap());
        for data in wrongs.iter().chain([&shorter, &longer, &Bytes::new()]) {
            for listed in [None, Some(data.len() as u64), Some(right.len() as u64)] {
                let source = holding(&key, data);
                let mut pieces = Pieces::new(&source, &key, listed);
                assert_eq!(harness.store.write_pieces(&key, &mut pieces).unwrap(), Pieced::Broken);
                assert!(matches!(pieces.into_fault(), Fault::Doubt(_)));
            }
        }
        match there {
            None => nothing_is_there(harness, &key),
            Some(right) => assert!(harness.store.read_again(&key).unwrap() == *right, "the right bytes were replaced"),
        }
    }
}

pub(crate) fn a_source_that_fails_midway_is_the_one_that_failed(harness: &Harness) {
    if !takes_pieces(harness) {
        return;
    }
    let (key, data) = block(3 * PIECE_MAX);
    for good in [0, 1, 7, 40] {
        for then in
            [Then::Fails(ErrorKind::Unreadable), Then::Fails(ErrorKind::Gone), Then::Ends, Then::Grows, Then::Stops]
        {
            let source = Midway { inner: holding(&key, &data), good, then, reads: AtomicU64::new(0) };
            let mut pieces = Pieces::new(&source, &key, Some(data.len() as u64));
            assert_eq!(harness.store.write_pieces(&key, &mut pieces).unwrap(), Pieced::Broken, "{good} {then:?}");
            match (pieces.into_fault(), then) {
                (Fault::Source(error), Then::Fails(kind)) => assert_eq!(error.kind(), kind),
                (Fault::Doubt(_), Then::Ends | Then::Grows | Then::Stops) => {}
                (fault, then) => panic!("{fault:?} after {then:?}"),
            }
            assert_eq!(source.reads.load(Ordering::SeqCst), good + 1, "the source was asked more often");
        }
    }
    nothing_is_there(harness, &key);
    // And the store goes on as if nothing had been.
    let source = holding(&key, &data);
    assert_eq!(harness.store.write_pieces(&key, &mut Pieces::new(&source, &key, None)).unwrap(), Pieced::Written);
    assert!(harness.store.read(&key).unwrap() == data);
}

pub(crate) fn many_blocks_at_once(harness: &Harness) {
    if !takes_pieces(harness) {
        return;
    }
    let store = &harness.store;
    std::thread::scope(|scope| {
        for number in 0..8 {
            scope.spawn(move || {
                let (key, data) = block(2 * PIECE_MAX + number);
                let source = holding(&key, &data);
                let mut pieces = Pieces::new(&source, &key, None);
                assert_eq!(store.write_pieces(&key, &mut pieces).unwrap(), Pieced::Written);
                assert!(store.read(&key).unwrap() == data);
            });
        }
    });
    assert_eq!(list_plainly(&harness.store, KeyRange::ALL).0.len(), 8);
}

pub(crate) fn what_is_not_there_has_no_pieces(harness: &Harness) {
    let (key, data) = block(100_000);
    match harness.store.read_piece(&key, 0, Reading::Usual) {
        Ok(None) => not_applicable("it gives objects only whole"),
        Ok(Some(piece)) => panic!("{piece:?}"),
        Err(error) => assert_eq!(error.kind(), ErrorKind::NotFound),
    }
    // Nor has an object anything behind its end.
    harness.store.write(&key, data.clone()).unwrap();
    let behind = harness.store.read_piece(&key, data.len() as u64, Reading::Usual).unwrap();
    assert!(behind.is_none_or(|piece| piece.data.is_empty()));
    let source = MemoryStore::new(ObjectKind::Blocks, "empty");
    let outcome = harness.store.write_pieces(&key, &mut Pieces::new(&source, &key, None)).unwrap();
    assert!(matches!(outcome, Pieced::Broken | Pieced::NotOffered));
    assert_eq!(harness.store.read(&key).unwrap(), data);
}

/// The pieces of another object of the store.
#[derive(Debug)]
struct Elsewhere<'a> {
    store: &'a dyn crate::harness::FullStore,
    key: ObjectKey,
}

impl ReadStore for Elsewhere<'_> {
    fn location(&self) -> &Location {
        self.store.location()
    }

    fn list(&self, part: &Part) -> Result<Page, StoreError> {
        self.store.list(part)
    }

    fn read(&self, _key: &ObjectKey) -> Result<Bytes, StoreError> {
        self.store.read(&self.key)
    }

    fn read_piece(&self, _key: &ObjectKey, at: u64, reading: Reading) -> Result<Option<Piece>, StoreError> {
        self.store.read_piece(&self.key, at, reading)
    }

    fn size(&self, _key: &ObjectKey) -> Result<u64, StoreError> {
        self.store.size(&self.key)
    }
}

/// What a source does after some good pieces.
#[derive(Clone, Copy, Debug)]
enum Then {
    Fails(ErrorKind),
    /// Says that there is nothing more.
    Ends,
    /// Says that the object is larger than it was.
    Grows,
    /// Gives objects only whole.
    Stops,
}

#[derive(Debug)]
struct Midway {
    inner: MemoryStore,
    good: u64,
    then: Then,
    reads: AtomicU64,
}

impl ReadStore for Midway {
    fn location(&self) -> &Location {
        self.inner.location()
    }

    fn list(&self, part: &Part) -> Result<Page, StoreError> {
        self.inner.list(part)
    }

    fn read(&self, key: &ObjectKey) -> Result<Bytes, StoreError> {
        self.inner.read(key)
    }

    fn read_piece(&self, key: &ObjectKey, at: u64, reading: Reading) -> Result<Option<Piece>, StoreError> {
        let piece = self.inner.read_piece(key, at, reading)?;
        if self.reads.fetch_add(1, Ordering::SeqCst) < self.good {
            return Ok(piece);
        }
        match self.then {
            Then::Fails(kind) => Err(StoreError::object(kind, "read", key, "made to fail by the test")),
            Then::Ends => Ok(piece.map(|piece| Piece { data: Bytes::new(), ..piece })),
            Then::Grows => Ok(piece.map(|piece| Piece { size: piece.size + 1, ..piece })),
            Then::Stops => Ok(None),
        }
    }

    fn size(&self, key: &ObjectKey) -> Result<u64, StoreError> {
        self.inner.size(key)
    }
}
