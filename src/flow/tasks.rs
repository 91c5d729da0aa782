//! Tasks that lead to further tasks, and the threads that do them.
//!
//! The newest task is done first, so that a tree is followed down before it is followed across and few of its objects wait.
//! Threads are started only while tasks wait and nobody is idle, and end when they find nothing to do: a worker count in
//! the thousands costs nothing where there is little to do. They block while idle, so that they take no processor time from
//! those who work.

use std::convert::Infallible;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{Builder, Scope};
use std::time::Duration;

/// How long a thread without a task waits for one before it ends.
const PATIENCE: Duration = Duration::from_millis(50);

/// How many threads may be at work beside those that call [`run`]. Several calls may share them.
#[derive(Debug)]
pub struct Seats(AtomicUsize);

impl Seats {
    /// So many threads.
    pub const fn new(threads: usize) -> Self {
        Self(AtomicUsize::new(threads))
    }

    fn take(&self) -> Option<Seat<'_>> {
        let taken = self.0.fetch_update(Ordering::AcqRel, Ordering::Relaxed, |free| free.checked_sub(1));
        // Made only when it was taken, because dropping one frees it.
        taken.is_ok().then(|| Seat(self))
    }
}

/// A thread's place; dropping it frees it.
struct Seat<'a>(&'a Seats);

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        self.0.0.fetch_add(1, Ordering::AcqRel);
    }
}

/// Where a task puts those that it leads to.
pub struct Tasks<'a, T> {
    shared: &'a Shared<T>,
    /// Starts a further thread.
    start: &'a dyn Fn(),
}

#[derive(Debug)]
struct Shared<T> {
    state: Mutex<State<T>>,
    changed: Condvar,
    /// Whether the system refused a thread; it is not asked again.
    is_full: AtomicBool,
}

#[derive(Debug)]
struct State<T> {
    waiting: Vec<T>,
    /// How many tasks are being done.
    busy: usize,
    /// How many threads wait for a task.
    idle: usize,
}

impl<T> State<T> {
    /// Whether there is a task for one more thread.
    const fn wants_thread(&self) -> bool {
        self.waiting.len() > self.idle
    }
}

/// A task that is being done; dropping it, also by a panic, says that it is over.
struct Busy<'a, T>(&'a Shared<T>);

impl<T> Drop for Busy<'_, T> {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.busy -= 1;
        if state.busy == 0 && state.waiting.is_empty() {
            self.0.changed.notify_all();
        }
    }
}

impl<T> Tasks<'_, T> {
    /// Puts further tasks in; the last of them is done first.
    pub fn put(&self, tasks: impl IntoIterator<Item = T>) {
        let mut state = self.shared.lock();
        let before = state.waiting.len();
        state.waiting.extend(tasks);
        match (state.waiting.len() - before).min(state.idle) {
            0 => {}
            1 => self.shared.changed.notify_one(),
            _ => self.shared.changed.notify_all(),
        }
        let wants_thread = state.waiting.len() > before && state.wants_thread();
        drop(state);
        if wants_thread {
            (self.start)();
        }
    }
}

impl<T> Shared<T> {
    /// The next task, and whether there is one for a further thread. `None` when every task is done, or when there was
    /// none for a while and this thread need not stay.
    fn next(&self, stays: bool) -> Option<(T, bool)> {
        let mut state = self.lock();
        loop {
            if let Some(task) = state.waiting.pop() {
                state.busy += 1;
                return Some((task, state.wants_thread()));
            }
            if state.busy == 0 {
                return None;
            }
            state.idle += 1;
            let timed_out;
            (state, timed_out) = if stays {
                (self.changed.wait(state).unwrap_or_else(PoisonError::into_inner), false)
            } else {
                let (state, wait) = self.changed.wait_timeout(state, PATIENCE).unwrap_or_else(PoisonError::into_inner);
                (state, wait.timed_out())
            };
            state.idle -= 1;
            if timed_out && state.waiting.is_empty() {
                return None;
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        // Poison is ignored, because each change of the state is one step.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Calls `work` with each of `first` and each task that these put in, on this thread and on as many others as there are
/// free `seats`. Returns when every task is done. A panic of `work` is carried on to the caller.
///
/// Where the system starts no further thread, those that run do the work.
pub fn run<T: Send, F: Fn(&Tasks<'_, T>, T) + Sync>(seats: &Seats, first: impl IntoIterator<Item = T>, work: F) {
    let state = State { waiting: first.into_iter().collect(), busy: 0, idle: 0 };
    let shared = Shared { state: Mutex::new(state), changed: Condvar::new(), is_full: AtomicBool::new(false) };
    std::thread::scope(|scope| work_off(scope, &shared, seats, &work, true));
}

fn work_off<'scope, T: Send, F: Fn(&Tasks<'_, T>, T) + Sync>(
    scope: &'scope Scope<'scope, '_>,
    shared: &'scope Shared<T>,
    seats: &'scope Seats,
    work: &'scope F,
    stays: bool,
) {
    let start = || {
        if shared.is_full.load(Ordering::Relaxed) {
            return;
        }
        let Some(seat) = seats.take() else { return };
        let helper = move || {
            let _seat = seat;
            work_off(scope, shared, seats, work, false);
        };
        if Builder::new().name("worker".to_owned()).spawn_scoped(scope, helper).is_err() {
            shared.is_full.store(true, Ordering::Relaxed);
        }
    };
    let tasks = Tasks { shared, start: &start };
    while let Some((task, wants_thread)) = shared.next(stays) {
        let _busy = Busy(shared);
        if wants_thread {
            start();
        }
        work(&tasks, task);
    }
}

/// What `work` gives for each of `items`, in their order; on this thread and on as many others as there are free `seats`.
/// No further item is begun after an error.
///
/// # Errors
/// The error that came first.
pub fn try_map<T: Sync, R: Send, E: Send>(
    seats: &Seats,
    items: &[T],
    work: impl Fn(&T) -> Result<R, E> + Sync,
) -> Result<Vec<R>, E> {
    let results: Vec<Mutex<Option<R>>> = items.iter().map(|_| Mutex::new(None)).collect();
    let first_error = Mutex::new(None);
    run(seats, (0..items.len()).rev(), |_, at| {
        // Once there is an error, what waits is only taken away.
        if unpoisoned(&first_error).is_some() {
            return;
        }
        match work(&items[at]) {
            Ok(result) => *unpoisoned(&results[at]) = Some(result),
            Err(error) => {
                unpoisoned(&first_error).get_or_insert(error);
            }
        }
    });
    match first_error.into_inner().unwrap_or_else(PoisonError::into_inner) {
        Some(error) => Err(error),
        None => {
            let taken = results.into_iter().map(|result| result.into_inner().unwrap_or_else(PoisonError::into_inner));
            Ok(taken.map(|result| result.expect("every item was worked on, and none failed")).collect())
        }
    }
}

/// As [`try_map`], with `work` that cannot fail.
pub fn map<T: Sync, R: Send>(seats: &Seats, items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let Ok(results) = try_map(seats, items, |item| Ok::<_, Infallible>(work(item)));
    results
}

fn unpoisoned<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Poison is ignored, because what is kept here is put in by one step.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
