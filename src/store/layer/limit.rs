//! A limit on bytes a second, shared by all who read.
//!
//! How large an object is shows when it has been read, so each is paid for afterwards: whoever read waits until the
//! rate has caught up with everything read so far. Over any time the bytes read are at most the rate times that time,
//! and what the workers hold in flight.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::conf::backend::Location;
use crate::object::{KeyRange, ObjectKey};
use crate::store::{Listed, Page, Part, ReadStore, StoreError};
use crate::sys::shutdown::Shutdown;

/// What tells the time and waits.
pub trait Clock: Send + Sync {
    /// The time since some moment in the past.
    fn now(&self) -> Duration;

    /// Waits; less long when the work is told to stop.
    fn sleep(&self, time: Duration);
}

/// The machine's clock.
struct Real {
    began: Instant,
    stop: Shutdown,
}

impl Clock for Real {
    fn now(&self) -> Duration {
        self.began.elapsed()
    }

    fn sleep(&self, time: Duration) {
        self.stop.sleep(time);
    }
}

/// So many bytes a second, for all who share it.
pub struct Bandwidth {
    bytes_per_second: u64,
    clock: Box<dyn Clock>,
    /// When everything taken so far has been paid for.
    paid: Mutex<Duration>,
}

impl Bandwidth {
    /// A limit on the machine's clock. Waiting ends at once when `stop` is raised.
    pub fn new(bytes_per_second: u64, stop: &Shutdown) -> Self {
        Self::with_clock(bytes_per_second, Box::new(Real { began: Instant::now(), stop: stop.clone() }))
    }

    /// A limit on another clock.
    pub fn with_clock(bytes_per_second: u64, clock: Box<dyn Clock>) -> Self {
        Self { bytes_per_second: bytes_per_second.max(1), clock, paid: Mutex::default() }
    }

    /// Takes `bytes`, and waits until the rate has caught up with them.
    pub fn take(&self, bytes: u64) {
        let cost = Duration::from_secs_f64(bytes as f64 / self.bytes_per_second as f64);
        let now = self.clock.now();
        let due = {
            let mut paid = self.paid.lock().unwrap_or_else(PoisonError::into_inner);
            // Time in which nobody read is lost, because saving it up would end in a burst.
            *paid = (*paid).max(now) + cost;
            *paid
        };
        if due > now {
            self.clock.sleep(due - now);
        }
    }
}

impl fmt::Debug for Bandwidth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Bandwidth({} bytes a second)", self.bytes_per_second)
    }
}

/// A store whose reads share a limit with others.
#[derive(Debug)]
pub struct Limited {
    inner: Arc<dyn ReadStore>,
    bandwidth: Arc<Bandwidth>,
}

impl Limited {
    /// Puts the limit around `inner`. Listings and sizes are not counted.
    pub fn new(inner: Arc<dyn ReadStore>, bandwidth: Arc<Bandwidth>) -> Self {
        Self { inner, bandwidth }
    }
}

#[deny(clippy::missing_trait_methods)]
impl ReadStore for Limited {
    fn location(&self) -> &Location {
        self.inner.location()
    }

    fn is_ordered(&self) -> bool {
        self.inner.is_ordered()
    }

    fn parts(&self, within: &KeyRange) -> Result<Vec<Part>, StoreError> {
        self.inner.parts(within)
    }

    fn list(&self, part: &Part) -> Result<Page, StoreError> {
        self.inner.list(part)
    }

    fn read(&self, key: &ObjectKey) -> Result<Bytes, StoreError> {
        let data = self.inner.read(key)?;
        self.bandwidth.take(data.len() as u64);
        Ok(data)
    }

    fn size(&self, key: &ObjectKey) -> Result<u64, StoreError> {
        self.inner.size(key)
    }

    fn list_one(&self, key: &ObjectKey) -> Result<Option<Listed>, StoreError> {
        self.inner.list_one(key)
    }

    fn make_listed_durable(&self) -> Result<(), StoreError> {
        self.inner.make_listed_durable()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::ObjectKind;
    use crate::store::backend::memory::MemoryStore;
    use crate::store::{ErrorKind, WriteStore};

    /// A clock that only sleeping moves. Whoever sleeps wakes at its own time, as threads do that sleep side by side.
    #[derive(Clone, Default)]
    struct Hand(Arc<Mutex<Duration>>);

    impl Hand {
        fn move_on(&self, time: Duration) {
            *self.0.lock().unwrap() += time;
        }
    }

    impl Clock for Hand {
        fn now(&self) -> Duration {
            *self.0.lock().unwrap()
        }

        fn sleep(&self, time: Duration) {
            self.move_on(time);
        }
    }

    fn limit(bytes_per_second: u64) -> (Hand, Bandwidth) {
        let hand = Hand::default();
        (hand.clone(), Bandwidth::with_clock(bytes_per_second, Box::new(hand)))
    }

    #[test]
    fn bytes_take_the_time_that_the_rate_says() {
        let (hand, bandwidth) = limit(1000);
        for bytes in [0, 1, 999, 5000, 250, 750] {
            bandwidth.take(bytes);
        }
        assert_eq!(hand.now(), Duration::from_secs(7));
    }

    #[test]
    fn time_without_reading_is_not_saved_up() {
        let (hand, bandwidth) = limit(1000);
        bandwidth.take(1000);
        hand.move_on(Duration::from_secs(3600));
        bandwidth.take(5000);
        assert_eq!(hand.now(), Duration::from_secs(1 + 3600 + 5));
    }

    #[test]
    fn many_who_share_a_limit_are_not_faster_than_one() {
        /// A clock that stands still: each is told how long to wait from the same moment on.
        struct Still(Arc<Mutex<Vec<Duration>>>);
        impl Clock for Still {
            fn now(&self) -> Duration {
                Duration::ZERO
            }
            fn sleep(&self, time: Duration) {
                self.0.lock().unwrap().push(time);
            }
        }
        let waits = Arc::new(Mutex::new(Vec::new()));
        let bandwidth = Bandwidth::with_clock(100, Box::new(Still(Arc::clone(&waits))));
        std::thread::scope(|scope| (0..8).for_each(|_| drop(scope.spawn(|| bandwidth.take(50)))));
        let mut waits = waits.lock().unwrap().clone();
        waits.sort_unstable();
        let expected: Vec<_> = (1..=8).map(|n| Duration::from_millis(500 * n)).collect();
        assert_eq!(waits, expected);
    }

    #[test]
    fn only_what_is_read_is_counted() {
        let store = MemoryStore::new(ObjectKind::Blocks, "limited");
        let key = ObjectKey::MIN;
        store.write(&key, Bytes::from(vec![7; 3000])).unwrap();
        let (hand, bandwidth) = limit(1000);
        let limited = Limited::new(Arc::new(store), Arc::new(bandwidth));
        assert_eq!(limited.size(&key).unwrap(), 3000);
        assert_eq!(limited.list(&Part::new(KeyRange::ALL)).unwrap().objects.len(), 1);
        assert_eq!(limited.read(&ObjectKey::MAX).unwrap_err().kind(), ErrorKind::NotFound);
        assert_eq!(hand.now(), Duration::ZERO);
        assert_eq!(limited.read(&key).unwrap().len(), 3000);
        assert_eq!(hand.now(), Duration::from_secs(3));
        assert!(limited.is_ordered() && limited.location().place.contains("limited"));
    }

    #[test]
    fn a_stop_ends_the_wait() {
        let stop = Shutdown::new();
        stop.request(crate::sys::shutdown::ShutdownReason::Signal(2));
        Bandwidth::new(1, &stop).take(u64::from(u32::MAX));
    }
}
