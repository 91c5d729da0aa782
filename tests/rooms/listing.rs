//! Parallel listing: every object once, in contiguous pieces, and a failure is never taken for the end.

mod odd;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use proptest::prelude::*;
use seaf_migrate::conf::backend::Location;
use seaf_migrate::listing::{Stream, WalkError, walk};
use seaf_migrate::object::{KeyRange, LibraryId, ObjectId, ObjectKey, ObjectKind};
use seaf_migrate::store::backend::memory::MemoryStore;
use seaf_migrate::store::{
    ErrorKind, Ignored, Listed, NameSort, Page, Part, ReadStore, StoreError, WriteStore, control,
};
use seaf_migrate::sys::shutdown::{Shutdown, ShutdownReason};

use crate::support::faulty::{Action, Faulty};

/// What the streams of a walk were given.
#[derive(Default)]
struct Seen {
    keys: Mutex<Vec<ObjectKey>>,
    covered: Mutex<Vec<KeyRange>>,
    ended: Mutex<usize>,
}

struct Piece<'a> {
    seen: &'a Seen,
    so_far: Option<KeyRange>,
    refuses: bool,
}

impl Stream for Piece<'_> {
    type Error = &'static str;

    fn page(&mut self, covered: KeyRange, objects: Vec<Listed>) -> Result<(), Self::Error> {
        if self.refuses {
            return Err("no room");
        }
        if let Some(before) = self.so_far {
            assert!(before.is_followed_by(&covered), "a stream jumped from {before:?} to {covered:?}");
        }
        assert!(objects.is_sorted_by_key(|object| object.key));
        assert!(objects.iter().all(|object| covered.contains(&object.key)));
        self.so_far = Some(covered);
        self.seen.covered.lock().unwrap().push(covered);
        self.seen.keys.lock().unwrap().extend(objects.iter().map(|object| object.key));
        Ok(())
    }

    fn end(self) -> Result<(), Self::Error> {
        *self.seen.ended.lock().unwrap() += 1;
        Ok(())
    }
}

fn stream(seen: &Seen) -> Piece<'_> {
    Piece { seen, so_far: None, refuses: false }
}

fn key(library: u8, n: u32) -> ObjectKey {
    let mut id = [0; 20];
    // Spread over all ids, as hashes are.
    id[..4].copy_from_slice(&n.wrapping_mul(2_654_435_761).to_be_bytes());
    ObjectKey::new(LibraryId::from_bytes([library; 16]), ObjectId::from_bytes(id))
}

/// `sizes[n]` objects in library `n`, listed ten at a time.
fn store(sizes: &[u32]) -> (MemoryStore, BTreeSet<ObjectKey>) {
    let store = MemoryStore::new(ObjectKind::Blocks, "walked").with_page_size(10);
    let libraries = sizes.iter().enumerate();
    let keys: BTreeSet<_> = libraries
        .flat_map(|(library, size)| (0..*size).map(move |n| key(u8::try_from(library).unwrap() * 7, n)))
        .collect();
    keys.iter().for_each(|key| store.write(key, Bytes::from_static(b"x")).unwrap());
    (store, keys)
}

#[test]
fn every_object_is_seen_once_however_they_are_spread() {
    for sizes in [&[][..], &[1], &[2000], &[5; 30], &[1000, 1, 1, 500, 0, 3], &[1; 30]] {
        let (store, keys) = store(sizes);
        for listers in [1, 3, 16] {
            let seen = Seen::default();
            walk(&store, &[KeyRange::ALL], listers, &Shutdown::new(), || stream(&seen)).unwrap();
            let mut listed = seen.keys.into_inner().unwrap();
            listed.sort_unstable();
            assert!(listed.iter().copied().eq(keys.iter().copied()), "{sizes:?} with {listers} listers");
            let mut covered = seen.covered.into_inner().unwrap();
            covered.sort_unstable_by_key(KeyRange::first);
            assert_eq!((covered[0].first(), covered[covered.len() - 1].last()), (ObjectKey::MIN, ObjectKey::MAX));
            assert!(covered.windows(2).all(|pair| pair[0].is_followed_by(&pair[1])), "a gap, or listed twice");
        }
    }
}

#[test]
fn one_large_library_is_shared_among_the_listers() {
    let (memory, keys) = store(&[3000]);
    // A network in between, without which one lister is done before another has begun.
    let slow = Faulty::new(memory).delay(Action::List, Duration::from_millis(2));
    let seen = Seen::default();
    let walked = walk(&slow, &[KeyRange::ALL], 8, &Shutdown::new(), || stream(&seen)).unwrap();
    assert_eq!(seen.keys.lock().unwrap().len(), keys.len());
    let pieces = *seen.ended.lock().unwrap();
    assert!(pieces >= 8, "only {pieces} pieces");
    assert!(walked.pages < 3 * 300, "{} pages for 300 full ones", walked.pages);
}

#[test]
fn libraries_as_large_as_a_page_are_shared_among_two_listers() {
    let (memory, keys) = store(&[10; 30]);
    let slow = Faulty::new(memory).delay(Action::List, Duration::from_millis(2));
    let seen = Seen::default();
    let walked = walk(&slow, &[KeyRange::ALL], 2, &Shutdown::new(), || stream(&seen)).unwrap();
    assert_eq!(seen.keys.lock().unwrap().len(), keys.len());
    // Each page ends with its library, so that every look at what is left of the library is in vain.
    assert!(walked.pages < 2 * 30, "{} pages for 30 full ones", walked.pages);
}

#[test]
fn only_the_ranges_asked_for_are_listed() {
    let (store, keys) = store(&[100, 100, 100]);
    let wanted = KeyRange::library(LibraryId::from_bytes([7; 16]));
    let seen = Seen::default();
    walk(&store, &[wanted], 4, &Shutdown::new(), || stream(&seen)).unwrap();
    let listed: BTreeSet<_> = seen.keys.into_inner().unwrap().into_iter().collect();
    assert_eq!(listed, keys.into_iter().filter(|key| wanted.contains(key)).collect());
}

#[test]
fn a_page_that_fails_fails_the_walk_and_what_was_covered_is_ended() {
    for failing in [1, 2, 17] {
        let (memory, _) = store(&[500, 20]);
        let cut = Faulty::new(memory).cut_listing_after(failing, ErrorKind::Protocol);
        let seen = Seen::default();
        let failure = walk(&cut, &[KeyRange::ALL], 4, &Shutdown::new(), || stream(&seen)).unwrap_err();
        assert!(matches!(&failure, WalkError::Store(error) if error.kind() == ErrorKind::Protocol), "{failure:?}");
        assert!(*seen.ended.lock().unwrap() >= 1);
    }
}

#[test]
fn a_store_that_cannot_even_be_cut_into_parts_fails_the_walk() {
    let (memory, _) = store(&[5]);
    let broken = Faulty::new(memory).fail_always(Action::Parts, ErrorKind::Denied);
    let seen = Seen::default();
    let failure = walk(&broken, &[KeyRange::ALL], 2, &Shutdown::new(), || stream(&seen)).unwrap_err();
    assert!(matches!(failure, WalkError::Store(error) if error.kind() == ErrorKind::Denied));
}

#[test]
fn a_stream_that_refuses_ends_the_walk() {
    let (store, _) = store(&[500]);
    let seen = Seen::default();
    let refusing = || Piece { refuses: true, ..stream(&seen) };
    let failure = walk(&store, &[KeyRange::ALL], 2, &Shutdown::new(), refusing).unwrap_err();
    assert!(matches!(failure, WalkError::Stream("no room")));
}

#[test]
fn a_stop_ends_the_walk_as_an_interruption_and_not_as_an_end() {
    let (store, _) = store(&[500]);
    let (stop, seen) = (Shutdown::new(), Seen::default());
    stop.request(ShutdownReason::Signal(2));
    let failure = walk(&store, &[KeyRange::ALL], 2, &stop, || stream(&seen)).unwrap_err();
    assert!(matches!(failure, WalkError::Interrupted));
    assert_eq!(seen.keys.lock().unwrap().len(), 0);
}

/// What the streams saw, ascending.
fn listed(seen: &Seen) -> Vec<ObjectKey> {
    let mut listed = seen.keys.lock().unwrap().clone();
    listed.sort_unstable();
    listed
}

#[test]
fn of_several_failures_the_first_is_told_and_no_lister_goes_on() {
    let (memory, _) = store(&[2000]);
    let broken = Faulty::new(memory).cut_listing_after(5, ErrorKind::Denied);
    let seen = Seen::default();
    let failure = walk(&broken, &[KeyRange::ALL], 4, &Shutdown::new(), || stream(&seen)).unwrap_err();
    assert!(matches!(failure, WalkError::Store(error) if error.kind() == ErrorKind::Denied));
    assert!(broken.failures() <= 4, "each lister fails once at most, {} failed", broken.failures());
}

#[test]
fn no_lister_at_all_is_one() {
    let (memory, keys) = store(&[30]);
    let seen = Seen::default();
    walk(&memory, &[KeyRange::ALL], 0, &Shutdown::new(), || stream(&seen)).unwrap();
    assert_eq!(listed(&seen).len(), keys.len());
    let none = walk(&memory, &[], 3, &Shutdown::new(), || stream(&seen)).unwrap();
    assert_eq!((none.pages, none.ignored.total()), (0, 0));
}
