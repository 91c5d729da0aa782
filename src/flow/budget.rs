//! A budget of bytes that those in flight share.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// How many bytes may be in memory at once. What is larger than the whole budget is let through
/// alone, so that no object is too large to be copied.
#[derive(Debug)]
pub struct Budget {
    total: u64,
    state: Mutex<State>,
    returned: Condvar,
}

#[derive(Debug)]
struct State {
    free: u64,
    /// How many threads wait: with nobody waiting, giving back needs no system call.
    waiting: usize,
}

/// Bytes taken from a [`Budget`]; dropping it gives them back.
#[derive(Debug)]
pub struct Reservation<'a> {
    budget: &'a Budget,
    bytes: u64,
}

impl Budget {
    /// A budget of `total` bytes.
    pub const fn new(total: u64) -> Self {
        Self { total, state: Mutex::new(State { free: total, waiting: 0 }), returned: Condvar::new() }
    }

    /// Waits until `bytes` are free and takes them.
    pub fn acquire(&self, bytes: u64) -> Reservation<'_> {
        let bytes = bytes.min(self.total);
        let mut state = self.lock();
        while state.free < bytes {
            state.waiting += 1;
            state = self.returned.wait(state).unwrap_or_else(PoisonError::into_inner);
            state.waiting -= 1;
        }
        state.free -= bytes;
        Reservation { budget: self, bytes }
    }

    fn release(&self, bytes: u64) {
        let mut state = self.lock();
        state.free += bytes;
        if state.waiting > 0 {
            self.returned.notify_all();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Each change is one step, so a panic elsewhere leaves the numbers whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reservation<'_> {
    /// Gives back what is not needed after all: keeps at most `bytes`.
    pub fn shrink(&mut self, bytes: u64) {
        if let Some(spare) = self.bytes.checked_sub(bytes).filter(|&spare| spare > 0) {
            self.bytes = bytes;
            self.budget.release(spare);
        }
    }
}

impl Drop for Reservation<'_> {
    fn drop(&mut self) {
        self.budget.release(self.bytes);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    #[test]
    fn no_more_than_the_budget_is_ever_out() {
        let (budget, out) = (Budget::new(100), AtomicU64::new(0));
        std::thread::scope(|scope| {
            for n in 0..8u64 {
                let (budget, out) = (&budget, &out);
                scope.spawn(move || {
                    for round in 0..200 {
                        let bytes = (n * 13 + round) % 60 + 1;
                        let share = budget.acquire(bytes);
                        assert!(out.fetch_add(bytes, Ordering::SeqCst) + bytes <= 100);
                        out.fetch_sub(bytes, Ordering::SeqCst);
                        drop(share);
                    }
                });
            }
        });
        assert_eq!(budget.lock().free, 100);
    }

    #[test]
    fn an_object_larger_than_the_budget_passes_alone() {
        let budget = Budget::new(10);
        drop(budget.acquire(1_000_000));
        assert_eq!(budget.lock().free, 10);
    }

    #[test]
    fn a_share_gives_back_what_it_took_and_no_more() {
        let budget = Budget::new(100);
        let mut share = budget.acquire(70);
        for (asked, free) in [(80, 30), (70, 30), (20, 80), (50, 80), (20, 80), (0, 100)] {
            share.shrink(asked);
            assert_eq!(budget.lock().free, free, "after {asked}");
        }
        drop(share);
        assert_eq!(budget.lock().free, 100);
    }
}
