//! A budget of bytes that those in flight share.
//!
//! Whoever knows how much it needs takes it at once ([`Budget::acquire`]). Whoever learns only on the way works in a
//! [`Room`]: where the room is too small, everything is let go and begun again in a larger one, so that nobody waits for
//! memory while holding some, and no two can wait for each other.

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

/// A room of bytes that work uses up bit by bit; see [`Budget::in_room`].
#[derive(Debug)]
pub struct Room<'a> {
    _share: Reservation<'a>,
    size: u64,
    left: u64,
}

/// Why work in a room ended early.
#[derive(Debug)]
pub enum Halted<E> {
    /// It needs a room of so many bytes.
    Short(u64),
    /// It failed.
    Failed(E),
}

impl<E> From<E> for Halted<E> {
    fn from(error: E) -> Self {
        Self::Failed(error)
    }
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

    /// Calls `work` with a room of `bytes`, and again with one at least twice as large each time that one was too small. What `work` holds
    /// must be gone when it returns [`Halted::Short`]. A room of the whole budget is never too small: one that needs more
    /// than there is works alone.
    ///
    /// # Errors
    /// What `work` failed with.
    pub fn in_room<T, E>(
        &self,
        bytes: u64,
        mut work: impl FnMut(&mut Room<'_>) -> Result<T, Halted<E>>,
    ) -> Result<T, E> {
        let mut size = bytes;
        loop {
            let share = self.acquire(size);
            let left = if size >= self.total { u64::MAX } else { size };
            match work(&mut Room { _share: share, size, left }) {
                Ok(value) => return Ok(value),
                Err(Halted::Failed(error)) => return Err(error),
                Err(Halted::Short(needed)) => size = needed.max(size.saturating_mul(2)),
            }
        }
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

impl Room<'_> {
    /// How many bytes are not used yet.
    pub const fn left(&self) -> u64 {
        self.left
    }

    /// Uses up `bytes`.
    ///
    /// # Errors
    /// [`Halted::Short`] when there are not so many.
    pub fn take<E>(&mut self, bytes: u64) -> Result<(), Halted<E>> {
        match self.left.checked_sub(bytes) {
            Some(left) => {
                self.left = left;
                Ok(())
            }
            None => Err(self.short(bytes)),
        }
    }

    /// That so many bytes more are needed than are used by now.
    pub const fn short<E>(&self, bytes: u64) -> Halted<E> {
        Halted::Short(self.size.saturating_sub(self.left).saturating_add(bytes))
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
    fn work_that_needs_more_room_begins_again_in_a_larger_one_and_holds_nothing_while_it_waits() {
        let (budget, out) = (Budget::new(100), AtomicU64::new(0));
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    let mut tried = Vec::new();
                    let done: Result<u64, ()> = budget.in_room(10, |room| {
                        tried.push(room.left());
                        room.take(5)?;
                        room.take(55)?;
                        let held = out.fetch_add(60, Ordering::SeqCst) + 60;
                        out.fetch_sub(60, Ordering::SeqCst);
                        Ok(held)
                    });
                    assert!(done.unwrap() <= 100);
                    assert_eq!(tried, [10, 60], "it was asked for more than needed");
                });
            }
        });
        assert_eq!(budget.lock().free, 100);
    }

    #[test]
    fn work_that_needs_more_than_there_is_has_the_whole_budget_to_itself() {
        let budget = Budget::new(100);
        let alone: Result<u64, ()> = budget.in_room(1, |room| {
            room.take(1_000_000)?;
            Ok(budget.lock().free)
        });
        assert_eq!(alone, Ok(0));
        assert_eq!(budget.in_room(1, |_| Err::<(), _>(Halted::Failed("told"))), Err("told"));
        assert_eq!(budget.lock().free, 100);
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
