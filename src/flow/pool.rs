//! A bounded queue and the workers behind it; knows nothing of objects.
//!
//! The queue holds at most `capacity` tasks, so whoever fills it waits for whoever empties it, and
//! memory does not grow with the amount of work.

use std::io;
use std::thread::{self, Builder};

use crossbeam_channel::{Sender, bounded};

pub use crate::flow::budget::Budget;
pub use crate::flow::rate::RateLimiter;

/// Where tasks are put. Clones put into the same queue.
#[derive(Debug)]
pub struct Queue<T> {
    tasks: Sender<T>,
    workers: usize,
}

impl<T> Clone for Queue<T> {
    fn clone(&self) -> Self {
        Self { tasks: self.tasks.clone(), workers: self.workers }
    }
}

impl<T> Queue<T> {
    /// Waits for room and puts `task` in. `false` when the workers are gone.
    pub fn put(&self, task: T) -> bool {
        self.tasks.send(task).is_ok()
    }

    /// How many threads work on the tasks: those asked for, or as many of them as the system could start.
    pub const fn workers(&self) -> usize {
        self.workers
    }
}

/// Runs `fill` beside `workers` threads that call `work` on each task put into the queue. Returns
/// what `fill` returned, once the queue is closed (`fill` returned and dropped its clones) and
/// every task was worked on.
///
/// Where the system does not start all the threads, those that it did start do the work; [`Queue::workers`] says how
/// many they are. A panic in a worker is carried on to the caller.
///
/// # Errors
/// When not even one thread could be started; `fill` was not called then.
pub fn run<T, R, F, W>(workers: usize, capacity: usize, fill: F, work: W) -> io::Result<R>
where
    T: Send,
    F: FnOnce(Queue<T>) -> R,
    W: Fn(T) + Sync,
{
    run_on(|n| Builder::new().name(format!("worker-{n}")), workers, capacity, fill, work)
}

/// As [`run`], on threads of the caller's making: `thread` gives the one with that number.
fn run_on<T, R, F, W>(
    thread: impl Fn(usize) -> Builder,
    workers: usize,
    capacity: usize,
    fill: F,
    work: W,
) -> io::Result<R>
where
    T: Send,
    F: FnOnce(Queue<T>) -> R,
    W: Fn(T) + Sync,
{
    let (sender, receiver) = bounded::<T>(capacity.max(1));
    thread::scope(|scope| {
        let mut started = 0;
        while started < workers.max(1) {
            let (tasks, work) = (receiver.clone(), &work);
            match thread(started).spawn_scoped(scope, move || tasks.iter().for_each(work)) {
                Ok(_) => started += 1,
                Err(error) if started == 0 => return Err(error),
                // Asked for no further, because a system that has no room for this one has none for the next.
                Err(_) => break,
            }
        }
        // Dropped here, so that whoever fills the queue learns of it when the last worker is gone.
        drop(receiver);
        Ok(fill(Queue { tasks: sender, workers: started }))
    })
}
#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    /// Adds up the first thousand numbers on threads of which the system starts the first `possible`.
    fn sum_on(possible: usize, workers: usize) -> io::Result<(usize, u64)> {
        let thread = |n| {
            // More than there is address space for, so that the system really refuses it.
            let stack = if n < possible { 1 << 20 } else { 1 << 47 };
            Builder::new().stack_size(stack)
        };
        let sum = AtomicU64::new(0);
        let fill = |queue: Queue<u64>| {
            assert_eq!((1..=1000).filter(|&n| queue.put(n)).count(), 1000);
            queue.workers()
        };
        let add = |n| {
            sum.fetch_add(n, Ordering::Relaxed);
        };
        run_on(thread, workers, 3, fill, add).map(|workers| (workers, sum.into_inner()))
    }

    #[test]
    fn every_task_is_worked_on_once_before_run_returns() {
        assert_eq!(sum_on(7, 7).unwrap(), (7, 500_500));
    }

    #[test]
    fn the_threads_that_could_be_started_do_all_the_work() {
        assert_eq!(sum_on(3, 7).unwrap(), (3, 500_500));
        assert_eq!(sum_on(1, 1000).unwrap(), (1, 500_500));
    }

    #[test]
    fn without_any_thread_the_caller_is_told_what_the_system_said() {
        let error = sum_on(0, 7).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::WouldBlock, "{error}");
    }
}
