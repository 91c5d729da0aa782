//! Stores that are away, that refuse whom they knew, and that bear few requests: waited for, and given up when it is
//! time. All by a clock that no machine slows down.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use seaf_migrate::conf::backend::Location;
use seaf_migrate::flow::rate::Clock;
use seaf_migrate::object::{KeyRange, ObjectKey, ObjectKind};
use seaf_migrate::store::backend::memory::MemoryStore;
use seaf_migrate::store::layer::retry::{Retry, RetryPolicy, Teller};
use seaf_migrate::store::{ErrorKind, Page, Part, ReadStore, StoreError, StoreName, WriteStore};

use crate::support::sim_clock::SimClock;

pub(super) const WORKERS: usize = 64;
pub(super) const SECOND: Duration = Duration::from_secs(1);

pub(super) fn key(n: u64) -> ObjectKey {
    let mut bytes = [0x5a; ObjectKey::LEN];
    bytes[ObjectKey::LEN - 8..].copy_from_slice(&n.to_be_bytes());
    ObjectKey::from_bytes(&bytes)
}

/// Says what a request at that time, since the beginning, about that object fails with.
type Mood = Box<dyn Fn(Duration, Option<&ObjectKey>) -> Option<ErrorKind> + Send + Sync>;

/// A store whose answers depend on the time.
struct Moody {
    memory: MemoryStore,
    clock: SimClock,
    began: Duration,
    mood: Mood,
    asked: Arc<AtomicU64>,
}

impl fmt::Debug for Moody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Moody")
    }
}

impl Moody {
    fn meet(&self, action: &'static str, key: Option<&ObjectKey>) -> Result<(), StoreError> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        match ((self.mood)(self.clock.now() - self.began, key), key) {
            (Some(kind), Some(key)) => Err(StoreError::object(kind, action, key, "in that mood")),
            (Some(kind), None) => Err(StoreError::new(kind, action, "the store", "in that mood")),
            (None, _) => Ok(()),
        }
    }
}

impl ReadStore for Moody {
    fn location(&self) -> &Location {
        self.memory.location()
    }

    fn list(&self, part: &Part) -> Result<Page, StoreError> {
        self.meet("list", None).and_then(|()| self.memory.list(part))
    }

    fn read(&self, key: &ObjectKey) -> Result<Bytes, StoreError> {
        self.meet("read", Some(key)).and_then(|()| self.memory.read(key))
    }

    fn size(&self, key: &ObjectKey) -> Result<u64, StoreError> {
        self.meet("size", Some(key)).and_then(|()| self.memory.size(key))
    }
}

impl WriteStore for Moody {
    fn write(&self, key: &ObjectKey, data: Bytes) -> Result<(), StoreError> {
        self.meet("write", Some(key)).and_then(|()| self.memory.write(key, data))
    }

    fn sync(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

/// A store with a mood behind the layer that repeats, and what was told of it.
pub(super) struct World {
    store: Retry<Moody>,
    clock: SimClock,
    asked: Arc<AtomicU64>,
    told: Arc<Mutex<Vec<String>>>,
}

pub(super) fn world(mood: impl Fn(Duration, Option<&ObjectKey>) -> Option<ErrorKind> + Send + Sync + 'static) -> World {
    world_with(RetryPolicy::default(), mood)
}

pub(super) fn world_with(
    policy: RetryPolicy,
    mood: impl Fn(Duration, Option<&ObjectKey>) -> Option<ErrorKind> + Send + Sync + 'static,
) -> World {
    let (clock, asked, told) = (SimClock::of_threads(1), Arc::<AtomicU64>::default(), Arc::<Mutex<Vec<_>>>::default());
    let memory = MemoryStore::new(ObjectKind::Blocks, "moody");
    let moody =
        Moody { memory, clock: clock.clone(), began: clock.now(), mood: Box::new(mood), asked: Arc::clone(&asked) };
    let telling = Arc::clone(&told);
    let tell = Teller::new(move |sentence| telling.lock().unwrap().push(sentence.to_owned()));
    let location = moody.location().clone();
    let name = StoreName { title: "old blocks".to_owned(), location };
    let store = Retry::with_clock(moody, policy, Arc::new(clock.clone())).named(name).telling(tell);
    World { store, clock, asked, told }
}

impl World {
    /// Writes so many objects with so many workers; the errors, and the time it took.
    pub(super) fn write(&self, objects: u64, workers: usize) -> (Vec<StoreError>, Duration) {
        let (next, errors) = (AtomicU64::new(0), Mutex::new(Vec::new()));
        let took = self.clock.run(workers, || {
            loop {
                let n = next.fetch_add(1, Ordering::SeqCst);
                if n >= objects {
                    return;
                }
                if let Err(error) = self.store.write(&key(n), Bytes::from_static(b"data")) {
                    errors.lock().unwrap().push(error);
                }
            }
        });
        (errors.into_inner().unwrap(), took)
    }

    fn asked(&self) -> u64 {
        self.asked.load(Ordering::SeqCst)
    }

    fn told(&self) -> Vec<String> {
        self.told.lock().unwrap().clone()
    }
}

/// Fails with `kind` from `from` to `to`, in seconds.
fn between(from: u64, to: u64, kind: ErrorKind) -> impl Fn(Duration, Option<&ObjectKey>) -> Option<ErrorKind> {
    move |time, _| (Duration::from_secs(from)..Duration::from_secs(to)).contains(&time).then_some(kind)
}

/// Every request takes no time, so objects are written in no time before a fault begins: this one begins when so many
/// requests were made.
pub(super) fn after(
    requests: u64,
    lasts: Duration,
    kind: ErrorKind,
) -> impl Fn(Duration, Option<&ObjectKey>) -> Option<ErrorKind> {
    let (seen, began) = (AtomicU64::new(0), Mutex::new(None));
    move |time, _| {
        if seen.fetch_add(1, Ordering::SeqCst) < requests {
            return None;
        }
        let began = *began.lock().unwrap().get_or_insert(time);
        (time < began + lasts).then_some(kind)
    }
}

#[test]
fn of_a_store_that_bears_40_requests_a_second_64_workers_get_almost_all_of_it_and_lose_nothing() {
    let (objects, per_second) = (2000, 40.0);
    let bucket = Mutex::new((per_second, Duration::ZERO));
    let refused = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&refused);
    let world = world(move |time, _| {
        let (tokens, at) = &mut *bucket.lock().unwrap();
        *tokens = f64::min(per_second, *tokens + (time - *at).as_secs_f64() * per_second);
        *at = time;
        if *tokens >= 1.0 {
            *tokens -= 1.0;
            return None;
        }
        counted.fetch_add(1, Ordering::SeqCst);
        Some(ErrorKind::Throttled)
    });
    let (errors, took) = world.write(objects, WORKERS);
    assert!(errors.is_empty(), "{} failed, like {}", errors.len(), errors[0]);
    let rate = objects as f64 / took.as_secs_f64();
    assert!(rate >= 36.0, "{rate} objects a second");
    let refused = refused.load(Ordering::SeqCst);
    assert!(refused < objects / 2, "{refused} requests refused for {objects} objects");
    let told = world.told();
    assert_eq!(told.len(), 1, "a store that bears few requests is not away: {told:?}");
    let (name, bears) = told[0].split_once(" bears about ").expect("how many it bears");
    assert!(name.starts_with("old blocks in ") && name.contains("moody"), "{name}");
    let (limit, rest) = bears.split_once(' ').expect("a number");
    assert!((20..80).contains(&limit.parse::<u32>().unwrap()), "{told:?}");
    assert!(rest.starts_with("requests a second; they are sent at that rate"), "{told:?}");
}

#[test]
fn a_store_that_bears_few_requests_is_found_out_as_soon_after_a_pause() {
    let bucket = Arc::new(Mutex::new((1.0, Duration::ZERO)));
    let shared = Arc::clone(&bucket);
    let world = world(move |time, _| {
        let (tokens, at) = &mut *shared.lock().unwrap();
        *tokens = f64::min(40.0, *tokens + (time - *at).as_secs_f64() * 40.0);
        *at = time;
        let is_borne = *tokens >= 1.0;
        *tokens -= if is_borne { 1.0 } else { 0.0 };
        (!is_borne).then_some(ErrorKind::Throttled)
    });
    world.clock.run(1, || {
        world.store.write(&key(1), Bytes::new()).unwrap();
        world.clock.sleep(60 * SECOND);
    });
    // Others have used up what the store bears.
    *bucket.lock().unwrap() = (0.0, 60 * SECOND);
    let (errors, took) = world.write(400, WORKERS);
    assert!(errors.is_empty() && took < 12 * SECOND, "{took:?}, {errors:?}");
}

#[test]
fn a_store_that_refuses_one_of_twenty_however_slowly_it_is_asked_is_not_asked_slowly() {
    let asked = AtomicU64::new(0);
    let world =
        world(move |_, _| asked.fetch_add(1, Ordering::SeqCst).is_multiple_of(20).then_some(ErrorKind::Throttled));
    for n in 0..600 {
        world.clock.run(1, || {
            world.store.write(&key(n), Bytes::new()).unwrap();
            world.clock.sleep(SECOND / 100);
        });
    }
    // With a limit of what it was asked for it would take six seconds.
    let (errors, took) = world.write(600, WORKERS);
    assert!(errors.is_empty() && took < 3 * SECOND, "{took:?}, {errors:?}");
    assert_eq!(world.told(), [""; 0]);
}

#[test]
fn a_limit_is_lifted_when_the_store_bears_what_is_asked_for() {
    let world = world(after(500, 5 * SECOND, ErrorKind::Throttled));
    let (errors, _) = world.write(1000, WORKERS);
    assert!(errors.is_empty(), "{errors:?}");
    let (_, took) = world.write(200, WORKERS);
    assert!(took > Duration::ZERO, "there is a limit");
    // A request every five seconds, for some minutes.
    for n in 0..60 {
        world.clock.run(1, || {
            world.clock.sleep(5 * SECOND);
            world.store.write(&key(n), Bytes::new()).unwrap();
        });
    }
    let (_, took) = world.write(200, WORKERS);
    assert_eq!(took, Duration::ZERO, "there is no limit");
}

#[test]
fn an_outage_of_nine_minutes_is_waited_out_and_said_once() {
    for kind in [ErrorKind::Connection, ErrorKind::Throttled] {
        let world = world(after(300, 540 * SECOND, kind));
        let (errors, took) = world.write(1000, WORKERS);
        assert!(errors.is_empty(), "{kind:?}: {} failed, like {}", errors.len(), errors[0]);
        assert!(took < 700 * SECOND, "{kind:?}: {took:?}");
        if kind != ErrorKind::Throttled {
            // Those under way, each once or twice more, and then one every five seconds, which asks twice.
            assert!(world.asked() < 1000 + 6 * 64 + 2 * 120, "{kind:?}: {} requests", world.asked());
        }
        let told = world.told();
        assert_eq!(told.len(), 2, "{kind:?}: {told:?}");
        assert!(told[0].contains("in that mood") && told[0].contains(" s more (--patience)"), "{}", told[0]);
        assert!(told[1].contains("answers again after 5"), "{}", told[1]);
        // Of six stores it is this one: side, kind and place.
        assert!(told.iter().all(|news| news.starts_with("old blocks in ") && news.contains("moody")), "{told:?}");
    }
}

#[test]
fn a_store_that_stays_away_is_given_up_when_patience_ends_and_not_object_by_object() {
    let patience = 120 * SECOND;
    let world = world_with(
        RetryPolicy { patience, ..RetryPolicy::default() },
        after(300, Duration::MAX / 2, ErrorKind::Connection),
    );
    let (errors, took) = world.write(500, WORKERS);
    assert_eq!(errors.len(), 200);
    for error in &errors {
        assert!(error.kind() == ErrorKind::Gone && error.kind().is_fatal(), "{error}");
        assert!(error.to_string().contains("taken for gone") && error.to_string().contains("--patience"), "{error}");
    }
    assert!((patience..patience + 40 * SECOND).contains(&took), "{took:?}");
    assert_eq!(world.told().len(), 1, "{:?}", world.told());
}

#[test]
fn a_store_that_knew_the_credentials_is_asked_again_and_by_one_at_a_time() {
    for kind in [ErrorKind::BadCredentials, ErrorKind::Denied, ErrorKind::ContainerMissing, ErrorKind::Setup] {
        let world = world(after(300, 45 * SECOND, kind));
        // Asked by list, because a refusal of one object is another thing.
        let (next, failed) = (AtomicU64::new(0), Mutex::new(Vec::new()));
        world.clock.run(WORKERS, || {
            while next.fetch_add(1, Ordering::SeqCst) < 1000 {
                let listed = world.store.list(&Part::new(KeyRange::ALL));
                failed.lock().unwrap().extend(listed.err());
            }
        });
        let failed = failed.into_inner().unwrap();
        assert!(failed.is_empty(), "{kind:?}: {}", failed[0]);
        // Those that were under way, each again when a good answer came late, and then one every few seconds.
        assert!(world.asked() < 1000 + 6 * 64, "{kind:?}: {} requests", world.asked());
    }
}

#[test]
fn a_store_that_goes_on_refusing_is_given_up_with_its_reason() {
    let world = world(after(300, Duration::MAX / 2, ErrorKind::BadCredentials));
    let (errors, took) = world.write(400, WORKERS);
    assert_eq!(errors.len(), 100);
    for error in &errors {
        assert_eq!(error.kind(), ErrorKind::BadCredentials, "{error}");
    }
    assert!(errors.iter().any(|error| error.to_string().contains("taken for gone")), "{}", errors[0]);
    assert!((120 * SECOND..130 * SECOND).contains(&took), "{took:?}");
}

#[test]
fn a_store_that_never_knew_the_credentials_is_asked_once() {
    for kind in [ErrorKind::BadCredentials, ErrorKind::Denied, ErrorKind::ContainerMissing, ErrorKind::Setup] {
        let world = world(between(0, 1_000_000, kind));
        assert!(world.store.list(&Part::new(KeyRange::ALL)).is_err());
        assert_eq!(world.asked(), 1, "{kind:?}");
        assert!(world.told().is_empty());
    }
}

#[test]
fn a_store_that_was_never_there_is_asked_as_often_as_attempts_say() {
    let world = world(between(0, 1_000_000, ErrorKind::Connection));
    let (errors, took) = world.write(1, 1);
    assert!(
        errors[0].kind() == ErrorKind::Connection && errors[0].to_string().contains("after 10 attempts"),
        "{}",
        errors[0]
    );
    assert!(took < 120 * SECOND, "{took:?}");
}

#[test]
fn an_object_that_always_fails_is_given_up_while_the_store_is_not() {
    for (kind, most) in [(ErrorKind::Unavailable, 30), (ErrorKind::Timeout, 30), (ErrorKind::Altered, 12)] {
        for workers in [1, WORKERS] {
            let world = world(move |_, asked| asked.is_some_and(|asked| *asked == key(70)).then_some(kind));
            // The last one, so that no other request shows that the store answers.
            let (errors, took) = world.write(71, workers);
            assert_eq!(errors.len(), 1, "{workers} workers");
            assert!(errors[0].kind() == kind && errors[0].to_string().contains("gave up after"), "{}", errors[0]);
            assert!(took < 180 * SECOND, "{kind:?}, {workers} workers: {took:?}");
            assert!(world.asked() < 71 + most, "{kind:?}, {workers} workers: {} requests", world.asked());
        }
    }
}

#[test]
fn an_object_that_is_refused_is_asked_for_again_and_soon_believed_to_be() {
    for workers in [1, WORKERS] {
        let world = world(|_, asked| asked.is_some_and(|asked| *asked == key(70)).then_some(ErrorKind::Denied));
        let (errors, took) = world.write(71, workers);
        assert_eq!(errors.len(), 1);
        assert_eq!(errors[0].kind(), ErrorKind::ObjectDenied, "{}", errors[0]);
        assert!(took < 10 * SECOND && world.asked() < 71 + 10, "{took:?}, {} requests", world.asked());
    }
}

#[test]
fn a_few_seconds_in_which_every_object_is_refused_lose_none() {
    let world = world(after(300, 3 * SECOND, ErrorKind::ObjectDenied));
    let (errors, _) = world.write(1000, WORKERS);
    assert!(errors.is_empty(), "{} failed, like {}", errors.len(), errors[0]);
}

#[test]
fn a_server_whose_listings_break_the_rules_always_is_asked_four_times() {
    let world = world(|_, asked| asked.is_none().then_some(ErrorKind::WrongListing));
    world.store.write(&key(1), Bytes::new()).unwrap();
    let error = world.store.list(&Part::new(KeyRange::ALL)).unwrap_err();
    assert_eq!((error.kind(), world.asked()), (ErrorKind::WrongListing, 1 + 4), "{error}");
}
