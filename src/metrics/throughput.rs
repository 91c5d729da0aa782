//! How fast work goes, and when it will be done.

use std::time::Duration;

/// How long a speed is remembered: it is the average over about this time.
const MEMORY: Duration = Duration::from_secs(10);

/// An amount of work, in both units that can bound it: small objects are bound by requests, large ones by bandwidth.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Amount {
    /// Objects; libraries where libraries are walked.
    pub items: u64,
    /// Bytes; 0 where they are not counted.
    pub bytes: u64,
}

/// How far work is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Position {
    /// What needs no further work.
    pub done: Amount,
    /// All of the work, as far as it is known.
    pub total: Amount,
    /// Whether nothing will be added to the total.
    pub is_total_known: bool,
}

impl Position {
    /// What is still to be done, as far as it is known.
    pub const fn left(&self) -> Amount {
        Amount {
            items: self.total.items.saturating_sub(self.done.items),
            bytes: self.total.bytes.saturating_sub(self.done.bytes),
        }
    }
}

/// How much is done a second.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Speed {
    /// Objects a second.
    pub items_per_second: f64,
    /// Bytes a second.
    pub bytes_per_second: f64,
}

/// How fast work goes now, and when it will be done.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Estimate {
    /// The speed over the last moments; `None` as long as nothing was done.
    pub speed: Option<Speed>,
    /// The time that what is left takes; `None` while nothing moves.
    pub remaining: Option<Duration>,
    /// Whether nothing will be added to what is left.
    pub is_total_known: bool,
    /// For how long nothing was done, where that is long enough to be told.
    pub stalled: Option<Duration>,
}

/// Speed over the last moments, smoothed so that a batch that was just confirmed does not make it
/// jump.
#[derive(Clone, Copy, Debug)]
pub struct Throughput {
    at: Duration,
    done: Amount,
    speed: Option<Speed>,
}

impl Throughput {
    /// The speed from `now` on, when `done` was done already. Times count from any moment in the past.
    pub const fn start(now: Duration, done: Amount) -> Self {
        Self { at: now, done, speed: None }
    }

    /// Takes in what was done since.
    pub fn update(&mut self, now: Duration, done: Amount) {
        // The first speed is the average since the start, because objects are confirmed in batches: the first batch
        // took longer than the moment in which it is seen.
        if now <= self.at || (self.speed.is_none() && done == self.done) {
            return;
        }
        let seconds = (now - self.at).as_secs_f64();
        let rate = |now: u64, before: u64| now.saturating_sub(before) as f64 / seconds;
        let new = Speed {
            items_per_second: rate(done.items, self.done.items),
            bytes_per_second: rate(done.bytes, self.done.bytes),
        };
        // The weight grows with the time passed, so that the memory is the same, whatever the step.
        let weight = 1.0 - (-seconds / MEMORY.as_secs_f64()).exp();
        let mix = |old: f64, new: f64| old + (new - old) * weight;
        self.speed = Some(self.speed.map_or(new, |old| Speed {
            items_per_second: mix(old.items_per_second, new.items_per_second),
            bytes_per_second: mix(old.bytes_per_second, new.bytes_per_second),
        }));
        (self.at, self.done) = (now, done);
    }

    /// The speed now, and how long what is left at `position` takes at it.
    pub fn estimate(&self, position: &Position) -> Estimate {
        Estimate {
            speed: self.speed,
            remaining: self.speed.and_then(|speed| speed.time_for(position.left())),
            is_total_known: position.is_total_known,
            stalled: None,
        }
    }
}

impl Speed {
    /// The time that `left` takes: by objects or by bytes, whichever is slower. `None` while nothing moves.
    fn time_for(&self, left: Amount) -> Option<Duration> {
        if self.items_per_second <= 0.0 {
            return None;
        }
        let by_bytes = if self.bytes_per_second > 0.0 { left.bytes as f64 / self.bytes_per_second } else { 0.0 };
        // May fail, because a rate close to nothing gives a time that no duration can hold.
        Duration::try_from_secs_f64((left.items as f64 / self.items_per_second).max(by_bytes)).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    const fn amount(items: u64, bytes: u64) -> Amount {
        Amount { items, bytes }
    }

    #[test]
    fn the_slower_of_objects_and_bytes_says_when_it_ends() {
        let remaining = |items_per_second, bytes_per_second| {
            let throughput = Throughput {
                at: seconds(0),
                done: amount(100, 4000),
                speed: Some(Speed { items_per_second, bytes_per_second }),
            };
            let position = Position { done: amount(100, 4000), total: amount(200, 12_000), is_total_known: true };
            throughput.estimate(&position).remaining.map(|time| time.as_secs())
        };
        assert_eq!(remaining(10.0, 4000.0), Some(10));
        assert_eq!(remaining(10.0, 400.0), Some(20));
        assert_eq!(remaining(10.0, 0.0), Some(10));
        assert_eq!(remaining(0.0, 0.0), None);
    }

    #[test]
    fn there_is_no_speed_before_anything_was_done_and_the_first_one_is_the_average() {
        let mut throughput = Throughput::start(seconds(0), amount(500, 0));
        let position = Position { total: amount(1000, 0), ..Position::default() };
        for now in 1..=10 {
            throughput.update(seconds(now), amount(500, 0));
            assert_eq!(throughput.estimate(&position).speed, None);
        }
        throughput.update(seconds(20), amount(700, 0));
        assert_eq!(throughput.estimate(&position).speed.unwrap().items_per_second, 10.0);
        assert!(!throughput.estimate(&position).is_total_known);
    }

    #[test]
    fn a_speed_follows_what_is_done_whatever_the_step() {
        let after = |step: u64| {
            let mut throughput = Throughput::start(seconds(0), amount(0, 0));
            // A hundred a second for a minute, then nothing for ten seconds.
            for now in (step..=70).step_by(step as usize) {
                throughput.update(seconds(now), amount(now.min(60) * 100, 0));
            }
            throughput.estimate(&Position::default()).speed.unwrap().items_per_second
        };
        for speed in [after(1), after(2), after(5), after(10)] {
            assert!((speed - 100.0 * (-1.0f64).exp()).abs() < 1e-6, "{speed}");
        }
    }
}
