//! How many workers are worth having, found out from what they get done.
//!
//! The more a store answers at once, the more workers pay: one that takes 50 ms for an answer keeps a worker from doing
//! more than 20 tasks a second, whatever the machine could do. So the number is tried out: half as many more as long as
//! each step gets more done, one step back when it does not, and after a while one step down, where fewer may do as well.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long tasks are counted at least before the number is judged.
const WINDOW: Duration = Duration::from_secs(1);

/// How many tasks are counted at least: the rate of fewer is chance.
const TASKS: u64 = 200;

/// How much more must get done for more workers to be worth it, and how much less may for fewer.
const MORE: f64 = 1.1;
const AS_MUCH: f64 = 0.95;

/// How long a number that was found is kept before another one is tried.
const KEPT: Duration = Duration::from_secs(30);

/// A number of workers that is found out. It is kept from one pool to the next.
#[derive(Debug)]
pub(super) struct Growth {
    created: Instant,
    least: usize,
    most: usize,
    limit: AtomicUsize,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    began: Duration,
    done: u64,
    /// How many of them left others waiting when they were begun.
    waited: u64,
    phase: Phase,
}

/// What the tasks that are counted now decide.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Phase {
    /// Nothing yet: they tell the rate of the number there is.
    Measuring,
    /// Whether this number is better than that `before`, at which `rate` tasks a second were done.
    Trying { before: usize, rate: f64 },
    /// Nothing until then. `down`: fewer are tried next.
    Keeping { until: Duration, down: bool },
}

impl Growth {
    /// Begins with `least` workers; there are never fewer, and never more than `most`.
    pub(super) fn new(least: usize, most: usize) -> Self {
        let state = State { began: Duration::ZERO, done: 0, waited: 0, phase: Phase::Measuring };
        Self {
            created: Instant::now(),
            least,
            most: most.max(least),
            limit: AtomicUsize::new(least),
            state: Mutex::new(state),
        }
    }

    /// The time by which tasks are counted.
    pub(super) fn now(&self) -> Duration {
        self.created.elapsed()
    }

    /// How many there may be at most.
    pub(super) const fn most(&self) -> usize {
        self.most
    }

    /// Another pool begins at `now`, whose tasks may be of another sort: the number stays, and is judged anew.
    pub(super) fn begin(&self, now: Duration) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        *state = State { began: now, done: 0, waited: 0, phase: Phase::Measuring };
    }

    /// How many workers there may be now.
    pub(super) fn limit(&self) -> usize {
        self.limit.load(Ordering::Acquire)
    }

    /// A task was done at `now`. `others_waited`: there were more of them than workers. Returns whether the number has
    /// changed.
    pub(super) fn done(&self, now: Duration, others_waited: bool) -> bool {
        // Poison is ignored, because nothing panics between two changes of the numbers.
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.done += 1;
        state.waited += u64::from(others_waited);
        let (time, limit) = (now.saturating_sub(state.began), self.limit());
        if time < WINDOW || state.done < TASKS.max(2 * limit as u64) {
            return false;
        }
        if state.waited < state.done - state.done / 10 {
            // The rate is that of whoever brings tasks, and says nothing of the workers.
            (state.began, state.done, state.waited) = (now, 0, 0);
            return false;
        }
        let rate = state.done as f64 / time.as_secs_f64();
        let (next, phase) = self.judge(state.phase, limit, rate, now);
        *state = State { began: now, done: 0, waited: 0, phase };
        self.limit.store(next, Ordering::Release);
        next != limit
    }

    fn judge(&self, phase: Phase, limit: usize, rate: f64, now: Duration) -> (usize, Phase) {
        let keep = |limit, down| (limit, Phase::Keeping { until: now + KEPT, down });
        match phase {
            Phase::Measuring => self.attempt(limit, self.more(limit), rate, now),
            Phase::Trying { before, rate: then } if limit > before => match rate >= then * MORE {
                true => self.attempt(limit, self.more(limit), rate, now),
                false => keep(before, true),
            },
            Phase::Trying { before, rate: then } => match rate >= then * AS_MUCH {
                true => keep(limit, true),
                false => keep(before, false),
            },
            Phase::Keeping { until, .. } if now < until => (limit, phase),
            Phase::Keeping { down: true, .. } => self.attempt(limit, limit * 2 / 3, rate, now),
            Phase::Keeping { down: false, .. } => self.attempt(limit, self.more(limit), rate, now),
        }
    }

    /// Half as many more; all there may be where that comes near them, because a small step shows nothing.
    fn more(&self, limit: usize) -> usize {
        let more = limit.saturating_add(limit.div_ceil(2));
        if more.saturating_add(more / 4) > self.most { self.most.max(limit + 1) } else { more }
    }

    /// Tries `next` where it is possible; where it is not, the other direction is next.
    fn attempt(&self, limit: usize, next: usize, rate: f64, now: Duration) -> (usize, Phase) {
        let possible = next.clamp(self.least, self.most);
        match possible == limit {
            true => (limit, Phase::Keeping { until: now + KEPT, down: next > limit }),
            false => (possible, Phase::Trying { before: limit, rate }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What becomes of the number of workers within `seconds` when `rate` tells how many tasks a second so many do.
    fn numbers(seconds: u64, growth: &Growth, rate: impl Fn(usize) -> f64) -> Vec<usize> {
        let (mut now, end, mut numbers) = (0.0, seconds as f64, vec![growth.limit()]);
        while now < end {
            now += 1.0 / rate(growth.limit());
            if growth.done(Duration::from_secs_f64(now), true) {
                numbers.push(growth.limit());
            }
        }
        numbers
    }

    fn growth() -> Growth {
        Growth::new(64, 512)
    }

    #[test]
    fn a_store_that_takes_its_time_gets_as_many_as_there_may_be_within_seconds() {
        let growth = growth();
        // Each worker does 20 tasks a second.
        assert_eq!(numbers(20, &growth, |n| 20.0 * n as f64), [64, 96, 144, 216, 324, 512]);
    }

    #[test]
    fn more_than_the_machine_can_do_with_are_taken_back() {
        let growth = growth();
        let tried = numbers(600, &growth, |n| (20.0 * n as f64).min(3_000.0));
        assert_eq!(tried[..5], [64, 96, 144, 216, 144]);
        // It stays near what is needed for 3,000 tasks a second.
        let kept = growth.limit();
        assert!((96..=216).contains(&kept) && tried.iter().all(|n| *n <= 216), "{tried:?}");
    }

    #[test]
    fn where_more_get_no_more_done_the_first_number_stays() {
        let growth = growth();
        let tried = numbers(300, &growth, |_| 500.0);
        assert!(tried.iter().all(|n| [64, 96].contains(n)), "{tried:?}");
        assert!(tried.len() < 20, "{tried:?}");
    }

    #[test]
    fn a_store_that_becomes_slower_by_more_workers_gets_fewer_again() {
        let growth = growth();
        numbers(20, &growth, |n| 20.0 * n as f64);
        assert_eq!(growth.limit(), 512);
        // From now on it does 1,500 a second with up to 100 workers, and less the more there are.
        numbers(600, &growth, |n| if n <= 100 { 15.0 * n as f64 } else { 150_000.0 / n as f64 });
        assert!(growth.limit() <= 152, "{}", growth.limit());
    }

    #[test]
    fn another_pool_goes_on_with_the_number_and_takes_back_what_its_tasks_do_not_need() {
        let growth = growth();
        numbers(20, &growth, |n| 20.0 * n as f64);
        growth.begin(Duration::ZERO);
        assert_eq!(growth.limit(), 512);
        numbers(600, &growth, |n| (20.0 * n as f64).min(2_000.0));
        assert!(growth.limit() < 300, "{}", growth.limit());
    }

    #[test]
    fn a_source_that_brings_too_little_says_nothing_of_the_workers() {
        let growth = growth();
        for n in 0..100_000 {
            assert!(!growth.done(Duration::from_millis(n), n % 3 == 1));
        }
        assert_eq!(growth.limit(), 64);
    }
}
