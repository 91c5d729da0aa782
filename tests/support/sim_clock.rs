//! A clock for many threads that stands still while one of them works, and jumps to the end of the shortest wait once
//! all of them wait: hours pass in milliseconds, and nothing depends on how fast this machine is.

#![allow(clippy::unwrap_used, missing_docs, unreachable_pub, dead_code)]

use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::{self, Thread};
use std::time::Duration;

use seaf_migrate::flow::rate::Clock;

/// Clones are the same clock.
#[derive(Clone)]
pub struct SimClock(Arc<Mutex<State>>);

struct State {
    now: Duration,
    working: usize,
    /// When the waits end, and whose they are: only those are woken whose wait is over.
    waits: Vec<(Duration, Thread)>,
}

impl SimClock {
    /// A clock of so many threads.
    pub fn of_threads(threads: usize) -> Self {
        let state = State { now: Duration::from_secs(1000), working: threads, waits: Vec::new() };
        Self(Arc::new(Mutex::new(state)))
    }

    /// Runs `work` on as many threads as the clock is of, and returns the time that passed.
    pub fn run(&self, threads: usize, work: impl Fn() + Sync) -> Duration {
        let began = self.now();
        self.state().working = threads;
        thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| {
                    let _leaving = Leaving(self);
                    work();
                });
            }
        });
        self.state().working = 1;
        self.now() - began
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    fn move_on(&self, mut state: MutexGuard<'_, State>) {
        if state.working == 0
            && let Some(next) = state.waits.iter().map(|(end, _)| *end).min()
        {
            state.now = next;
            let over: Vec<_> = state.waits.extract_if(.., |(end, _)| *end <= next).collect();
            state.working = over.len();
            drop(state);
            over.into_iter().for_each(|(_, thread)| thread.unpark());
        }
    }
}

/// A thread that ends, whatever became of it.
struct Leaving<'a>(&'a SimClock);

impl Drop for Leaving<'_> {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.working -= 1;
        self.0.move_on(state);
    }
}

impl Clock for SimClock {
    fn now(&self) -> Duration {
        self.state().now
    }

    fn sleep(&self, time: Duration) -> bool {
        if time.is_zero() {
            return true;
        }
        let mut state = self.state();
        let end = state.now + time;
        state.waits.push((end, thread::current()));
        state.working -= 1;
        self.move_on(state);
        while self.now() < end {
            thread::park();
        }
        true
    }
}
