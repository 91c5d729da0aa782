//! Stores that keep to the rules in odd ways, and some that do not.

use super::*;

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
