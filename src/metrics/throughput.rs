//! How fast work goes, and when it will be done.

use std::time::{Duration, Instant};

/// Work whose end can be estimated.
pub trait Work {
    /// Objects and bytes that need no further work.
    fn done(&self) -> (u64, u64);

    /// Objects and bytes still to be worked on, as far as they are known.
    fn left(&self) -> (u64, u64);

    /// Whether nothing will be added to what is left.
    fn is_all_known(&self) -> bool;
}

/// How fast work goes now, and when it will be done.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// Objects a second.
    pub objects_per_second: f64,
    /// Bytes a second.
    pub bytes_per_second: f64,
    /// The time that what is left takes; `None` while nothing moves.
    pub remaining: Option<Duration>,
    /// Whether nothing will be added to what is left.
    pub is_all_known: bool,
}

/// Speed over the last moments, smoothed so that a batch that was just confirmed does not make it
/// jump.
#[derive(Debug)]
pub struct Throughput {
    at: Instant,
    objects: u64,
    bytes: u64,
    objects_per_second: f64,
    bytes_per_second: f64,
}

impl Throughput {
    /// The speed from now on.
    pub fn start(work: &impl Work) -> Self {
        let (objects, bytes) = work.done();
        Self { at: Instant::now(), objects, bytes, objects_per_second: 0.0, bytes_per_second: 0.0 }
    }

    /// Takes in what was done since.
    pub fn update(&mut self, work: &impl Work) {
        let (now, (objects, bytes)) = (Instant::now(), work.done());
        let seconds = now.duration_since(self.at).as_secs_f64().max(1e-3);
        // The weight grows with the time passed, so that the rate has about ten seconds of memory, whatever the step.
        let weight = 1.0 - (-seconds / 10.0).exp();
        let mix = |old: f64, new: f64| if old == 0.0 { new } else { old + (new - old) * weight };
        self.objects_per_second = mix(self.objects_per_second, (objects - self.objects) as f64 / seconds);
        self.bytes_per_second = mix(self.bytes_per_second, (bytes - self.bytes) as f64 / seconds);
        (self.at, self.objects, self.bytes) = (now, objects, bytes);
    }

    /// The speed now, and how long what is left of `work` takes at it.
    pub fn estimate(&self, work: &impl Work) -> Estimate {
        Estimate {
            objects_per_second: self.objects_per_second,
            bytes_per_second: self.bytes_per_second,
            remaining: self.remaining(work),
            is_all_known: work.is_all_known(),
        }
    }

    /// The time that what is left takes: by objects or by bytes, whichever is slower, because
    /// small objects are bound by requests and large ones by bandwidth.
    fn remaining(&self, work: &impl Work) -> Option<Duration> {
        let (objects, bytes) = work.left();
        if self.objects_per_second <= 0.0 {
            return None;
        }
        let by_bytes = if self.bytes_per_second > 0.0 { bytes as f64 / self.bytes_per_second } else { 0.0 };
        // May fail, because a rate close to nothing gives a time that no duration can hold.
        Duration::try_from_secs_f64((objects as f64 / self.objects_per_second).max(by_bytes)).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Half(bool);

    impl Work for Half {
        fn done(&self) -> (u64, u64) {
            (100, 4000)
        }

        fn left(&self) -> (u64, u64) {
            (100, 8000)
        }

        fn is_all_known(&self) -> bool {
            self.0
        }
    }

    fn at(objects_per_second: f64, bytes_per_second: f64) -> Throughput {
        Throughput { at: Instant::now(), objects: 100, bytes: 4000, objects_per_second, bytes_per_second }
    }

    #[test]
    fn the_slower_of_objects_and_bytes_says_when_it_ends() {
        let estimate = |objects_per_second, bytes_per_second, is_all_known| {
            let estimate = at(objects_per_second, bytes_per_second).estimate(&Half(is_all_known));
            assert_eq!(
                (estimate.objects_per_second, estimate.bytes_per_second),
                (objects_per_second, bytes_per_second)
            );
            (estimate.remaining.map(|time| time.as_secs()), estimate.is_all_known)
        };
        assert_eq!(estimate(10.0, 4000.0, true), (Some(10), true));
        assert_eq!(estimate(10.0, 400.0, true), (Some(20), true));
        assert_eq!(estimate(10.0, 0.0, false), (Some(10), false));
        assert_eq!(estimate(0.0, 0.0, true), (None, true));
    }
}
