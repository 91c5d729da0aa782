//! So many calls a second, evenly.

use std::sync::Mutex;
use std::time::Duration;

use proptest::prelude::*;
use seaf_migrate::flow::rate::{Clock, RateLimiter, RealClock};
use seaf_migrate::sys::shutdown::{Shutdown, ShutdownReason};

/// A clock that only moves when somebody sleeps by it, all sleepers in a row.
#[derive(Default)]
struct FakeClock {
    now: Mutex<Duration>,
    slept: Mutex<Vec<Duration>>,
}

impl Clock for &FakeClock {
    fn now(&self) -> Duration {
        *self.now.lock().unwrap()
    }

    fn sleep(&self, time: Duration) -> bool {
        *self.now.lock().unwrap() += time;
        self.slept.lock().unwrap().push(time);
        true
    }
}

#[test]
fn tokens_come_evenly_and_the_first_at_once() {
    let clock = FakeClock::default();
    let rate = RateLimiter::new(4, &clock);
    assert!((0..9).all(|_| rate.acquire()));
    assert_eq!(*clock.slept.lock().unwrap(), [Duration::from_millis(250); 8]);
    assert_eq!(*clock.now.lock().unwrap(), Duration::from_secs(2));
}

#[test]
fn nothing_is_saved_up_while_nobody_asks() {
    let clock = FakeClock::default();
    let rate = RateLimiter::new(10, &clock);
    assert!(rate.acquire());
    *clock.now.lock().unwrap() += Duration::from_secs(60);
    let before = *clock.now.lock().unwrap();
    assert!((0..11).all(|_| rate.acquire()));
    assert_eq!(*clock.now.lock().unwrap() - before, Duration::from_secs(1));
}

proptest! {
    #[test]
    fn no_second_has_more_than_its_share(per_second in 1..2000u32, pauses in proptest::collection::vec(0..300u64, 1..80)) {
        let clock = FakeClock::default();
        let rate = RateLimiter::new(per_second, &clock);
        let mut taken = Vec::new();
        for pause in pauses {
            *clock.now.lock().unwrap() += Duration::from_millis(pause);
            prop_assert!(rate.acquire());
            taken.push(*clock.now.lock().unwrap());
        }
        for (n, from) in taken.iter().enumerate() {
            let within = taken[n..].iter().take_while(|time| **time < *from + Duration::from_secs(1)).count();
            prop_assert!(within as u64 <= u64::from(per_second) + 1, "{within} in a second of {per_second}");
        }
    }
}

#[test]
fn a_wait_ends_with_the_run() {
    let stop = Shutdown::new();
    let rate = RateLimiter::new(1, RealClock::new(&stop));
    assert!(rate.acquire());
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| (0..1000).all(|_| rate.acquire()));
        stop.request(ShutdownReason::Signal(2));
        assert!(!waiting.join().unwrap(), "a thousand tokens at one a second were waited for");
    });
}
