//! How much may be done a second: objects, bytes or requests, at a rate that can be changed while others wait for it.

use std::num::NonZeroU64;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use proptest::prelude::*;
use seaf_migrate::flow::RateLimiter;
use seaf_migrate::flow::rate::Clock;
use seaf_migrate::object::{KeyRange, ObjectKey, ObjectKind};
use seaf_migrate::store::backend::memory::MemoryStore;
use seaf_migrate::store::layer::limit::Limited;
use seaf_migrate::store::{ErrorKind, Part, ReadStore, Reading, WriteStore};
use seaf_migrate::sys::shutdown::{Shutdown, ShutdownReason};

fn per_second(tokens: u64) -> Option<NonZeroU64> {
    NonZeroU64::new(tokens)
}

/// A clock that only moves when somebody sleeps by it, all sleepers in a row.
#[derive(Clone, Default)]
struct FakeClock(Arc<Mutex<Duration>>);

impl FakeClock {
    fn move_on(&self, time: Duration) {
        *self.0.lock().unwrap() += time;
    }

    fn limiter(&self, rate: Option<NonZeroU64>) -> RateLimiter {
        RateLimiter::with_clock(rate, Box::new(self.clone()))
    }
}

impl Clock for FakeClock {
    fn now(&self) -> Duration {
        *self.0.lock().unwrap()
    }

    fn sleep(&self, time: Duration) -> bool {
        self.move_on(time);
        true
    }
}

// ---- objects: waited for before they are worked on

#[test]
fn tokens_come_evenly_and_the_first_at_once() {
    let clock = FakeClock::default();
    let limiter = clock.limiter(per_second(4));
    for n in 0..9 {
        assert!(limiter.acquire(1));
        assert_eq!(clock.now(), Duration::from_millis(250 * n));
    }
}

#[test]
fn nothing_is_saved_up_while_nobody_asks() {
    let clock = FakeClock::default();
    let limiter = clock.limiter(per_second(10));
    assert!(limiter.acquire(1));
    clock.move_on(Duration::from_secs(60));
    let before = clock.now();
    assert!((0..11).all(|_| limiter.acquire(1)));
    assert_eq!(clock.now() - before, Duration::from_secs(1));
}

proptest! {
    #[test]
    fn no_second_has_more_than_its_share(rate in 1..2000u64, pauses in proptest::collection::vec(0..300u64, 1..80)) {
        let clock = FakeClock::default();
        let limiter = clock.limiter(per_second(rate));
        let mut taken = Vec::new();
        for pause in pauses {
            clock.move_on(Duration::from_millis(pause));
            prop_assert!(limiter.acquire(1));
            taken.push(clock.now());
        }
        for (n, from) in taken.iter().enumerate() {
            let within = taken[n..].iter().take_while(|time| **time < *from + Duration::from_secs(1)).count();
            prop_assert!(within as u64 <= rate + 1, "{within} in a second of {rate}");
        }
    }

    #[test]
    fn what_is_taken_takes_the_time_of_the_rates_it_was_taken_at(
        steps in proptest::collection::vec((1..5000u64, 0..20_000u64), 1..40)
    ) {
        let clock = FakeClock::default();
        let limiter = clock.limiter(None);
        let mut expected = Duration::ZERO;
        for (rate, tokens) in steps {
            limiter.set_rate(per_second(rate));
            prop_assert!(limiter.charge(tokens));
            expected += Duration::from_nanos((tokens * 1_000_000_000).div_ceil(rate));
            prop_assert_eq!(clock.now(), expected);
        }
    }
}

// ---- bytes: paid for when they have been read

#[test]
fn bytes_take_the_time_that_the_rate_says() {
    let clock = FakeClock::default();
    let limiter = clock.limiter(per_second(1000));
    for bytes in [0, 1, 999, 5000, 250, 750] {
        assert!(limiter.charge(bytes));
    }
    assert_eq!(clock.now(), Duration::from_secs(7));
}

#[test]
fn time_without_reading_is_not_saved_up() {
    let clock = FakeClock::default();
    let limiter = clock.limiter(per_second(1000));
    assert!(limiter.charge(1000));
    clock.move_on(Duration::from_secs(3600));
    assert!(limiter.charge(5000));
    assert_eq!(clock.now(), Duration::from_secs(1 + 3600 + 5));
}

#[test]
fn many_who_share_a_limit_are_not_faster_than_one() {
    /// A clock that stands still and cuts every wait short: each taker waits from the same moment on.
    struct Still(Arc<Mutex<Vec<Duration>>>);
    impl Clock for Still {
        fn now(&self) -> Duration {
            Duration::ZERO
        }
        fn sleep(&self, time: Duration) -> bool {
            self.0.lock().unwrap().push(time);
            false
        }
    }
    let waits = Arc::new(Mutex::new(Vec::new()));
    let limiter = RateLimiter::with_clock(per_second(2000), Box::new(Still(Arc::clone(&waits))));
    std::thread::scope(|scope| {
        (0..8).for_each(|_| drop(scope.spawn(|| assert!(!limiter.charge(50)))));
    });
    let mut waits = waits.lock().unwrap().clone();
    waits.sort_unstable();
    assert_eq!(waits, (1..=8).map(|n| Duration::from_millis(25 * n)).collect::<Vec<_>>());
}

#[test]
fn only_what_is_read_is_counted() {
    let store = MemoryStore::new(ObjectKind::Blocks, "limited");
    let key = ObjectKey::MIN;
    store.write(&key, Bytes::from(vec![7; 3000])).unwrap();
    let clock = FakeClock::default();
    let limited = Limited::new(Arc::new(store), Arc::new(clock.limiter(per_second(1000))));
    assert_eq!(limited.size(&key).unwrap(), 3000);
    assert_eq!(limited.list(&Part::new(KeyRange::ALL)).unwrap().objects.len(), 1);
    assert_eq!(limited.read(&ObjectKey::MAX).unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(clock.now(), Duration::ZERO);
    assert_eq!(limited.read(&key).unwrap().len(), 3000);
    assert_eq!(clock.now(), Duration::from_secs(3));
    let piece = limited.read_piece(&key, 1000, Reading::Usual).unwrap().unwrap();
    assert_eq!((piece.data.len(), piece.size), (2000, 3000));
    assert_eq!(clock.now(), Duration::from_secs(5), "a piece is paid for as far as it was read");
    assert!(limited.is_ordered() && limited.location().place.contains("limited"));
}

// ---- a rate that changes

/// A clock that sets another rate when somebody sleeps past a moment.
struct Changing {
    clock: FakeClock,
    limiter: Arc<OnceLock<Arc<RateLimiter>>>,
    at: Duration,
    to: Option<NonZeroU64>,
}

impl Clock for Changing {
    fn now(&self) -> Duration {
        self.clock.now()
    }

    fn sleep(&self, time: Duration) -> bool {
        self.clock.move_on(time);
        if self.now() >= self.at {
            self.limiter.get().unwrap().set_rate(self.to);
        }
        true
    }
}

/// When a thousand tokens at 100 a second are paid for, if the rate becomes `to` after a second.
fn paid_with_a_change(to: Option<NonZeroU64>) -> Duration {
    let (clock, handle) = (FakeClock::default(), Arc::new(OnceLock::new()));
    let changing = Changing { clock: clock.clone(), limiter: Arc::clone(&handle), at: Duration::from_secs(1), to };
    let limiter = handle.get_or_init(|| Arc::new(RateLimiter::with_clock(per_second(100), Box::new(changing))));
    assert!(limiter.charge(1000));
    assert_eq!(limiter.rate(), to);
    clock.now()
}

#[test]
fn a_change_of_the_rate_holds_for_those_who_wait_already() {
    // A hundred are paid for before the change; the other 900 at the new rate.
    assert_eq!(paid_with_a_change(per_second(300)), Duration::from_secs(1 + 3));
    assert_eq!(paid_with_a_change(per_second(10)), Duration::from_secs(1 + 90));
    assert_eq!(paid_with_a_change(None), Duration::from_secs(1));
}

#[test]
fn a_thread_that_waits_goes_on_when_the_limit_is_lifted() {
    let limiter = RateLimiter::new(per_second(1), &Shutdown::new());
    std::thread::scope(|scope| {
        // More than a century at one a second.
        let waiting = scope.spawn(|| limiter.charge(1 << 32));
        limiter.set_rate(None);
        assert!(waiting.join().unwrap());
    });
}

#[test]
fn without_a_limit_nobody_waits_and_a_limit_can_be_set_later() {
    let clock = FakeClock::default();
    let limiter = clock.limiter(None);
    assert!((0..1000).all(|_| limiter.acquire(7) && limiter.charge(1 << 40)));
    assert_eq!(clock.now(), Duration::ZERO);
    limiter.set_rate(per_second(10));
    assert!(limiter.charge(20));
    assert_eq!(clock.now(), Duration::from_secs(2));
}

#[test]
fn a_rate_that_is_set_again_and_again_still_pays() {
    // What a controller does that adjusts a slow rate many times a second: no part of a token may be lost by it.
    let clock = FakeClock::default();
    let limiter = clock.limiter(per_second(1));
    assert!(limiter.acquire(2));
    for _ in 0..200 {
        clock.move_on(Duration::from_millis(10));
        limiter.set_rate(per_second(1));
    }
    assert!(limiter.acquire(1));
    assert_eq!(clock.now(), Duration::from_secs(2));
}

#[test]
fn a_wait_ends_with_the_run() {
    let shutdown = Shutdown::new();
    let limiter = RateLimiter::new(per_second(1), &shutdown);
    assert!(limiter.acquire(1));
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| (0..1000).all(|_| limiter.acquire(1)));
        shutdown.request(ShutdownReason::Signal(2));
        assert!(!waiting.join().unwrap(), "a thousand tokens at one a second were waited for");
    });
    assert!(!limiter.charge(u64::MAX));
}
