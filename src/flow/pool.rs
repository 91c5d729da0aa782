//! A bounded queue and the workers behind it; knows nothing of objects.
//!
//! The queue holds at most `capacity` tasks, so whoever fills it waits for whoever empties it, and
//! memory does not grow with the amount of work.

use crossbeam_channel::{Receiver, Sender, bounded};

pub use crate::flow::budget::Budget;
pub use crate::flow::rate::RateLimiter;

/// Where tasks are put. Clones put into the same queue.
#[derive(Debug)]
pub struct Queue<T>(Sender<T>);

impl<T> Clone for Queue<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T> Queue<T> {
    /// Waits for room and puts `task` in. `false` when the workers are gone.
    pub fn put(&self, task: T) -> bool {
        self.0.send(task).is_ok()
    }
}

/// Runs `fill` beside `workers` threads that call `work` on each task put into the queue. Returns
/// what `fill` returned, once the queue is closed (`fill` returned and dropped its clones) and
/// every task was worked on.
///
/// A panic in a worker is carried on to the caller.
pub fn run<T, R, F, W>(workers: usize, capacity: usize, fill: F, work: W) -> R
where
    T: Send,
    F: FnOnce(Queue<T>) -> R,
    W: Fn(T) + Sync,
{
    let (sender, receiver): (Sender<T>, Receiver<T>) = bounded(capacity.max(1));
    std::thread::scope(|scope| {
        for n in 0..workers.max(1) {
            let (tasks, work) = (receiver.clone(), &work);
            std::thread::Builder::new()
                .name(format!("worker-{n}"))
                .spawn_scoped(scope, move || tasks.iter().for_each(work))
                .expect("the system can start another thread");
        }
        drop(receiver);
        fill(Queue(sender))
    })
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    #[test]
    fn every_task_is_worked_on_once_before_run_returns() {
        let sum = AtomicU64::new(0);
        let filled = run(
            7,
            3,
            |queue| (1..=1000u64).filter(|&n| queue.put(n)).count(),
            |n| {
                sum.fetch_add(n, Ordering::Relaxed);
            },
        );
        assert_eq!((filled, sum.into_inner()), (1000, 500_500));
    }
}
