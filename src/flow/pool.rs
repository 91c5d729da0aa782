//! A bounded queue and the workers behind it; knows nothing of objects.
//!
//! The queue holds at most `capacity` tasks, so whoever fills it waits for whoever empties it, and
//! memory does not grow with the amount of work. Workers are started as they are needed: one waits for a task, and starts
//! the next one when it has got one. The first of them are started at once, the others at a steady pace. So thousands of
//! them cost nothing where there is little to do, and a server is not met by thousands of connections in one moment. Their
//! number may be found out on the way ([`Workers::growing`]).

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::{self, Builder, Scope};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded};

use super::growth::Growth;
pub use crate::flow::budget::Budget;
pub use crate::flow::rate::RateLimiter;

/// How many workers are started as soon as there is a task for them.
const STARTED_AT_ONCE: usize = 64;
/// The time between the starts of the workers after them: a hundred in a second, so that 4,096 are at work after 40 seconds
/// where tasks are short, which is little in a pass that needs so many. A worker starts the next one when it gets a task,
/// so where all of them are at work on long ones, the next start waits for the end of a task.
const PACE: Duration = Duration::from_millis(10);

/// How long a worker that there may not be just now waits before it looks again by itself.
const LOOK_AGAIN: Duration = Duration::from_millis(200);

/// How many workers there may be. Pools that are run with clones of one value share what is found out.
#[derive(Clone, Debug)]
pub struct Workers {
    /// So many, or so many to begin with.
    count: usize,
    /// `None` where the number is fixed.
    growth: Option<Arc<Growth>>,
}

impl Workers {
    /// As many as get the most done: `count` to begin with, never fewer, and never more than `up_to`.
    pub fn growing(count: usize, up_to: usize) -> Self {
        Self { count, growth: Some(Arc::new(Growth::new(count.max(1), up_to))) }
    }

    /// So many, or so many to begin with.
    pub const fn count(&self) -> usize {
        self.count
    }

    /// The most that there may be.
    pub fn most(&self) -> usize {
        self.growth.as_ref().map_or(self.count, |growth| growth.most())
    }
}

impl From<usize> for Workers {
    fn from(count: usize) -> Self {
        Self { count, growth: None }
    }
}

/// Where tasks are put. Clones put into the same queue.
#[derive(Debug)]
pub struct Queue<T> {
    tasks: Sender<T>,
    crew: Arc<Crew>,
}

impl<T> Clone for Queue<T> {
    fn clone(&self) -> Self {
        Self { tasks: self.tasks.clone(), crew: Arc::clone(&self.crew) }
    }
}

impl<T> Queue<T> {
    /// Waits for room and puts `task` in. `false` when the workers are gone.
    pub fn put(&self, task: T) -> bool {
        self.tasks.send(task).is_ok()
    }

    /// How many threads may work on the tasks: those asked for, or as many of them as the system could start, as far as
    /// that is known by now.
    pub fn workers(&self) -> usize {
        let crew = &*self.crew;
        if crew.is_full.load(Ordering::Acquire) { crew.started.load(Ordering::Acquire) } else { crew.most }
    }
}

/// How many workers there are.
#[derive(Debug)]
struct Crew {
    /// How many there may be.
    most: usize,
    /// How many of them there may be now, where that is found out.
    growth: Option<Arc<Growth>>,
    /// How many are at work or wait for a task, where their number is found out.
    active: AtomicUsize,
    gate: Mutex<()>,
    opened: Condvar,
    started: AtomicUsize,
    /// How many of them wait for a task.
    idle: AtomicUsize,
    /// Whether the system refused a thread; it is not asked again, because one that has no room for this thread has none
    /// for the next.
    is_full: AtomicBool,
    began: Instant,
    /// When the next worker may start, in milliseconds after `began`; of no importance for those that are started at once.
    next_start_ms: AtomicU64,
}

impl Crew {
    fn new(workers: Workers) -> Self {
        if let Some(growth) = &workers.growth {
            growth.begin(growth.now());
        }
        Self {
            most: workers.most().max(1),
            growth: workers.growth,
            active: AtomicUsize::new(0),
            gate: Mutex::new(()),
            opened: Condvar::new(),
            started: AtomicUsize::new(0),
            idle: AtomicUsize::new(0),
            is_full: AtomicBool::new(false),
            began: Instant::now(),
            next_start_ms: AtomicU64::new(0),
        }
    }

    /// How many workers there may be now.
    fn limit(&self) -> usize {
        self.growth.as_ref().map_or(self.most, |growth| growth.limit())
    }

    /// Waits until there may be one more that waits for a task.
    fn enter(&self) {
        if self.growth.is_none() {
            return;
        }
        loop {
            let one_more = |active| (active < self.limit()).then_some(active + 1);
            if self.active.fetch_update(Ordering::AcqRel, Ordering::Acquire, one_more).is_ok() {
                return;
            }
            let closed = self.gate.lock().unwrap_or_else(PoisonError::into_inner);
            // By the clock too, because the number may have changed before this wait began.
            drop(self.opened.wait_timeout(closed, LOOK_AGAIN));
        }
    }

    /// One that entered has done its task, or got none (`None`). `others_waited`: when it got it, there were more.
    fn leave(&self, others_waited: Option<bool>) {
        let Some(growth) = &self.growth else { return };
        self.active.fetch_sub(1, Ordering::AcqRel);
        let all_are_there = self.started.load(Ordering::Acquire) >= growth.limit();
        let changed = others_waited.is_some_and(|waited| growth.done(growth.now(), waited && all_are_there));
        if changed {
            self.opened.notify_all();
        } else if self.started.load(Ordering::Acquire) > growth.limit() {
            self.opened.notify_one();
        }
    }

    /// Takes the number of one more worker, where there may be one now.
    fn place(&self) -> Option<usize> {
        // Two workers may be here at once: the last idle one, and one that became idle and got a task meanwhile.
        let one_more = |n| (n < self.limit() && (n < STARTED_AT_ONCE || self.is_time())).then_some(n + 1);
        self.started.fetch_update(Ordering::AcqRel, Ordering::Acquire, one_more).ok()
    }

    /// Whether a worker may be started now; if so, the next one may only be after [`PACE`].
    fn is_time(&self) -> bool {
        let now = ms(self.began.elapsed());
        let later = |at| (at <= now).then_some(now + ms(PACE));
        self.next_start_ms.fetch_update(Ordering::AcqRel, Ordering::Acquire, later).is_ok()
    }
}

fn ms(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// Runs `fill` beside up to `workers` threads that call `work` on each task put into the queue. Returns
/// what `fill` returned, once the queue is closed (`fill` returned and dropped its clones) and
/// every task was worked on.
///
/// Where the system does not start all the threads, those that it did start do the work; [`Queue::workers`] says how
/// many they are. A panic in a worker is carried on to the caller.
///
/// # Errors
/// When not even one thread could be started; `fill` was not called then.
pub fn run<T, R, F, W>(workers: impl Into<Workers>, capacity: usize, fill: F, work: W) -> io::Result<R>
where
    T: Send,
    F: FnOnce(Queue<T>) -> R,
    W: Fn(T) + Sync,
{
    run_on(|n| Builder::new().name(format!("worker-{n}")), workers.into(), capacity, fill, work)
}

/// As [`run`], on threads of the caller's making: `thread` gives the one with that number.
fn run_on<T, R, F, W>(
    thread: impl Fn(usize) -> Builder + Sync,
    workers: Workers,
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
    let crew = Arc::new(Crew::new(workers));
    let start = Start { crew: &crew, thread, work };
    thread::scope(|scope| {
        // The receiver is the workers' own, so that whoever fills the queue learns of it when the last worker is gone.
        start.one(scope, receiver)?;
        Ok(fill(Queue { tasks: sender, crew: Arc::clone(&crew) }))
    })
}

/// What starting a worker needs.
struct Start<'a, B, W> {
    crew: &'a Crew,
    thread: B,
    work: W,
}

impl<B: Fn(usize) -> Builder + Sync, W> Start<'_, B, W> {
    /// Starts a worker, which starts the next one; none when there are enough for now.
    ///
    /// # Errors
    /// When the system starts no thread; nothing has changed then.
    fn one<'scope, T>(&'scope self, scope: &'scope Scope<'scope, '_>, tasks: Receiver<T>) -> io::Result<()>
    where
        T: Send + 'scope,
        W: Fn(T) + Sync,
    {
        let Crew { started, idle, .. } = self.crew;
        let Some(number) = self.crew.place() else { return Ok(()) };
        // Before the thread runs, because whoever gets the next task must not think itself the last.
        idle.fetch_add(1, Ordering::AcqRel);
        let worker = (self.thread)(number).spawn_scoped(scope, move || self.work_off(scope, &tasks));
        worker.map(drop).inspect_err(|_| {
            idle.fetch_sub(1, Ordering::AcqRel);
            started.fetch_sub(1, Ordering::AcqRel);
        })
    }

    fn work_off<'scope, T>(&'scope self, scope: &'scope Scope<'scope, '_>, tasks: &Receiver<T>)
    where
        T: Send + 'scope,
        W: Fn(T) + Sync,
    {
        let Crew { idle, is_full, .. } = self.crew;
        // Whoever started it counts it as idle already.
        let mut counted = true;
        loop {
            self.crew.enter();
            if !std::mem::take(&mut counted) {
                idle.fetch_add(1, Ordering::AcqRel);
            }
            let Ok(task) = tasks.recv() else { return self.crew.leave(None) };
            let others_wait = !tasks.is_empty();
            // The last that was idle sees to it that somebody waits for the next task before it begins with its own, which
            // may take long. Where it is not yet time for one more, whoever gets the next task tries again.
            let was_last = idle.fetch_sub(1, Ordering::AcqRel) == 1;
            if was_last && !is_full.load(Ordering::Acquire) && self.one(scope, tasks.clone()).is_err() {
                is_full.store(true, Ordering::Release);
            }
            (self.work)(task);
            self.crew.leave(Some(others_wait));
        }
    }
}

#[cfg(test)]
mod tests;
