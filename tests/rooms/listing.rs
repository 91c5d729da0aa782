//! Parallel listing: every object once, in contiguous pieces, and a failure is never taken for the end.

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

// ---- stores that keep to the rules in odd ways, and some that do not

/// How an [`Odd`] store answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Manner {
    /// Pages of any length, some of them empty, and names that are no objects.
    Uneven,
    /// The rest is the part itself.
    Stands,
    /// The rest goes further than the part.
    Overshoots,
    /// The rest ends before the part does.
    ForgetsTheEnd,
    /// The rest begins before the part.
    GoesBack,
}

/// A store whose pages are a function of its seed and of the part asked for.
#[derive(Debug)]
struct Odd {
    inner: MemoryStore,
    keys: BTreeSet<ObjectKey>,
    manner: Manner,
    seed: u64,
    ordered: bool,
    /// How often it was listed, and when it raises the flag.
    asked: AtomicUsize,
    stop: Option<(usize, Shutdown)>,
}

impl Odd {
    fn new(keys: impl IntoIterator<Item = ObjectKey>, manner: Manner, seed: u64) -> Self {
        let inner = MemoryStore::new(ObjectKind::Blocks, "odd");
        let keys = keys.into_iter().collect();
        Self { inner, keys, manner, seed, ordered: true, asked: AtomicUsize::new(0), stop: None }
    }

    /// What is left of `part` when it is not all of it, and the keys of the page.
    fn page(&self, part: &KeyRange) -> (Option<KeyRange>, Vec<ObjectKey>) {
        let mark =
            part.first().to_bytes().iter().fold(self.seed, |mark, byte| mark.wrapping_mul(31) + u64::from(*byte));
        let mut random = fastrand::Rng::with_seed(mark);
        let mut inside = self.keys.range(part.first()..=part.last()).copied();
        if random.u8(0..4) == 0 {
            // Nothing but names that are passed over, and the last of them lies before the first object or anywhere.
            let Some((low, high)) = part.halves() else { return (None, inside.collect()) };
            return (Some(high), self.keys.range(low.first()..=low.last()).copied().collect());
        }
        let some: Vec<_> = inside.by_ref().take(random.usize(1..6)).collect();
        let rest = some.last().and_then(|last| part.after(*last));
        // An end that is told only by one more page, without anything in it, is an end as well.
        let tells_at_once = random.bool();
        (rest.filter(|_| inside.next().is_some() || !tells_at_once), some)
    }
}

impl ReadStore for Odd {
    fn location(&self) -> &Location {
        self.inner.location()
    }

    fn is_ordered(&self) -> bool {
        self.ordered
    }

    fn parts(&self, within: &KeyRange) -> Result<Vec<Part>, StoreError> {
        let (low, high) = within.halves().unwrap();
        // Without an order, a part is told by its memo alone, and its range is the one asked for.
        let part =
            |half: KeyRange| Part { range: if self.ordered { half } else { *within }, memo: Some(Arc::new(half)) };
        Ok(vec![part(low), part(high)])
    }

    fn list(&self, part: &Part) -> Result<Page, StoreError> {
        let asked = self.asked.fetch_add(1, Ordering::SeqCst) + 1;
        if let Some((_, stop)) = self.stop.as_ref().filter(|(at, _)| *at == asked) {
            stop.request(ShutdownReason::Signal(15));
        }
        let range = match self.ordered {
            true => part.range,
            false => *part.memo.as_ref().unwrap().downcast_ref::<KeyRange>().unwrap(),
        };
        let (rest, keys) = self.page(&range);
        let mut objects: Vec<_> = keys.into_iter().map(|key| Listed { key, size: None }).collect();
        if !self.ordered {
            objects.reverse();
        }
        let rest = match (self.manner, rest) {
            (_, None) => None,
            (Manner::Uneven, rest) => rest,
            (Manner::Stands, _) => Some(range),
            (Manner::Overshoots, Some(rest)) => KeyRange::new(rest.first(), ObjectKey::MAX),
            (Manner::ForgetsTheEnd, Some(rest)) => rest.halves().map(|(low, _)| low),
            (Manner::GoesBack, Some(rest)) => KeyRange::new(ObjectKey::MIN, rest.last()),
        };
        let rest = rest.map(|rest| match self.ordered {
            true => Part::new(rest),
            false => Part { range: part.range, memo: Some(Arc::new(rest)) },
        });
        let mut ignored = Ignored::default();
        ignored.add(NameSort::Other, b"stranger");
        Ok(Page { objects, ignored, rest })
    }

    fn read(&self, key: &ObjectKey) -> Result<Bytes, StoreError> {
        self.inner.read(key)
    }

    fn size(&self, key: &ObjectKey) -> Result<u64, StoreError> {
        self.inner.size(key)
    }
}

/// Those of the keys that are no control objects, ascending.
fn data(keys: BTreeSet<ObjectKey>) -> Vec<ObjectKey> {
    keys.into_iter().filter(|key| !control::is_control(key)).collect()
}

/// Keys of a few libraries, some of them neighbours, and of control objects.
fn keys() -> impl Strategy<Value = BTreeSet<ObjectKey>> {
    let key =
        (0u8..4, prop_oneof![0u32..20, any::<u32>(), Just(u32::MAX)]).prop_map(|(library, n)| key(library * 80, n));
    let ends = prop_oneof![Just(ObjectKey::MIN), Just(ObjectKey::MAX)];
    let control = prop_oneof![Just(control::PROBE), Just(control::INCARNATION), Just(control::LEASE)];
    prop::collection::btree_set(prop_oneof![20 => key, 2 => ends, 2 => control], 0..80)
}

/// What the streams saw, ascending.
fn listed(seen: &Seen) -> Vec<ObjectKey> {
    let mut listed = seen.keys.lock().unwrap().clone();
    listed.sort_unstable();
    listed
}

/// What of all keys no stream was given, ascending.
fn uncovered(seen: &Seen) -> Vec<KeyRange> {
    let mut covered = seen.covered.lock().unwrap().clone();
    covered.sort_unstable_by_key(KeyRange::first);
    let (mut missing, mut rest) = (Vec::new(), Some(KeyRange::ALL));
    for range in covered {
        let open = rest.expect("nothing is listed twice");
        missing.extend(open.before(range.first()));
        rest = open.after(range.last());
    }
    missing.extend(rest);
    missing
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn any_store_that_keeps_the_rules_is_listed_once_and_whole(keys in keys(), seed: u64, listers in 1usize..9) {
        let store = Odd::new(keys.iter().copied(), Manner::Uneven, seed);
        let seen = Seen::default();
        let walked = walk(&store, &[KeyRange::ALL], listers, &Shutdown::new(), || stream(&seen)).unwrap();
        prop_assert_eq!(listed(&seen), data(keys));
        prop_assert_eq!(uncovered(&seen), []);
        prop_assert_eq!(walked.pages, store.asked.load(Ordering::SeqCst) as u64);
        prop_assert_eq!(walked.ignored.total(), walked.pages, "each page has one name that is no object");
    }

    #[test]
    fn a_store_without_order_is_listed_once_and_not_cut(keys in keys(), seed: u64, listers in 1usize..9) {
        let store = Odd { ordered: false, ..Odd::new(keys.iter().copied(), Manner::Uneven, seed) };
        let found = Mutex::new(Vec::new());
        let open = || Heap(&found);
        walk(&store, &[KeyRange::ALL], listers, &Shutdown::new(), open).unwrap();
        let mut found = found.into_inner().unwrap();
        found.sort_unstable();
        prop_assert_eq!(found, data(keys));
    }

    #[test]
    fn a_walk_that_was_stopped_anywhere_can_be_gone_on_with(keys in keys(), seed: u64, at in 1usize..40, listers in 1usize..5) {
        let (stop, seen) = (Shutdown::new(), Seen::default());
        let store = Odd { stop: Some((at, stop.clone())), ..Odd::new(keys.iter().copied(), Manner::Uneven, seed) };
        let outcome = walk(&store, &[KeyRange::ALL], listers, &stop, || stream(&seen));
        let missing = uncovered(&seen);
        match outcome {
            Ok(_) => prop_assert_eq!(missing.len(), 0, "an end that was none"),
            Err(WalkError::Interrupted) => {}
            Err(other) => prop_assert!(false, "{:?}", other),
        }
        walk(&store, &missing, listers, &Shutdown::new(), || stream(&seen)).unwrap();
        prop_assert_eq!(listed(&seen), data(keys));
        prop_assert_eq!(uncovered(&seen), []);
    }
}

/// Takes pages of a store without order.
struct Heap<'a>(&'a Mutex<Vec<ObjectKey>>);

impl Stream for Heap<'_> {
    type Error = &'static str;

    fn page(&mut self, covered: KeyRange, objects: Vec<Listed>) -> Result<(), Self::Error> {
        assert_eq!(covered, KeyRange::ALL, "without an order, no range is settled by a page");
        self.0.lock().unwrap().extend(objects.iter().map(|object| object.key));
        Ok(())
    }

    fn end(self) -> Result<(), Self::Error> {
        Ok(())
    }
}

#[test]
fn a_store_that_goes_on_anywhere_but_after_its_page_is_not_believed() {
    for manner in [Manner::Stands, Manner::Overshoots, Manner::ForgetsTheEnd, Manner::GoesBack] {
        let store = Odd::new((0..200).map(|n| key(40, n)), manner, 3);
        let seen = Seen::default();
        let failure = walk(&store, &[KeyRange::ALL], 3, &Shutdown::new(), || stream(&seen)).unwrap_err();
        let WalkError::Store(error) = failure else { panic!("{manner:?}: {failure:?}") };
        assert_eq!(error.kind(), ErrorKind::Protocol, "{manner:?}");
        assert!(error.to_string().contains("went on at"), "{error}");
    }
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
