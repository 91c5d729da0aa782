//! How many threads and open files this process may have.
//!
//! Both are found out at the start, so that a number of workers that the machine cannot hold is lowered with a word, and
//! does not end a run half way with objects that could not be opened.

use std::num::NonZeroUsize;
use std::sync::mpsc;
use std::thread::{Builder, available_parallelism};

use rayon::ThreadPoolBuilder;
use rustix::process::{Resource, getrlimit, setrlimit};

/// The files that are open whatever the number of workers: lists, journals, reports, locks, libraries, the event queue.
const FILES_BESIDE: u64 = 96;
/// The files that a lister may have open at once, on both sides.
const FILES_A_LISTER: u64 = 4;
/// The files that a worker may have open at once: a connection or a file on each side, and the folders on the way.
const FILES_A_WORKER: u64 = 4;
/// The threads that run beside the workers: progress, signals, the HTTP runtime, the lease, the confirmer, encoders.
const THREADS_BESIDE: usize = 16;

/// What the machine holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Machine {
    /// How many files may be open; `None` for no limit.
    files: Option<u64>,
    /// How many of them are not for the workers.
    files_beside: u64,
    /// How many threads could be started, of those that were asked for.
    threads: usize,
    /// How many were asked for.
    asked: usize,
}

/// How many workers there are to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workers {
    /// So many.
    pub count: usize,
    /// Why they are fewer than were asked for; `None` when they are not.
    pub fewer: Option<String>,
}

/// The number of processors, which is how many threads computing is worth.
pub fn processors() -> usize {
    available_parallelism().map_or(2, NonZeroUsize::get)
}

impl Machine {
    /// Finds out what the machine holds for `workers` and `listers`: raises the limit of open files as far as this user may,
    /// and starts as many threads for a moment.
    pub fn measure(workers: usize, listers: usize) -> Self {
        let asked = workers.saturating_add(THREADS_BESIDE + processors());
        let files_beside = FILES_BESIDE + FILES_A_LISTER * listers as u64;
        Self { files: raise_open_files(), files_beside, threads: threads_possible(asked), asked }
    }

    /// As many of `wanted` workers as there is room for.
    ///
    /// # Errors
    /// When there is not room for one; in words that say what to do.
    pub fn workers(&self, wanted: usize) -> Result<Workers, String> {
        let by_files = self.files.map_or(usize::MAX, |files| {
            usize::try_from(files.saturating_sub(self.files_beside) / FILES_A_WORKER).unwrap_or(usize::MAX)
        });
        let by_threads = match self.threads < self.asked {
            true => self.threads.saturating_sub(THREADS_BESIDE + processors()),
            false => usize::MAX,
        };
        let count = wanted.min(by_files).min(by_threads);
        let why = if by_files < by_threads {
            format!("only {} files may be open (ulimit -n)", self.files.unwrap_or_default())
        } else {
            format!("the system starts only {} threads (ulimit -u, or pids.max of the container)", self.threads)
        };
        match count {
            0 => Err(format!("there is no room for a single worker: {why}; raise that limit")),
            _ if count < wanted => {
                Ok(Workers { count, fewer: Some(format!("{count} workers instead of {wanted}: {why}")) })
            }
            _ => Ok(Workers { count, fewer: None }),
        }
    }
}

/// Raises the limit of open files to the most that this user may have. Returns what it is now; `None` for no limit.
fn raise_open_files() -> Option<u64> {
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum {
        let before = limit;
        limit.current = limit.maximum;
        // A system that refuses its own maximum leaves it as it was.
        if setrlimit(Resource::Nofile, limit).is_err() {
            return before.current;
        }
    }
    limit.current
}

/// How many of `wanted` threads the system starts, all at once.
fn threads_possible(wanted: usize) -> usize {
    let mut held = Vec::new();
    while held.len() < wanted {
        let (end, ended) = mpsc::channel::<()>();
        // Ends when the sender is dropped.
        match Builder::new().spawn(move || ended.recv().is_ok()) {
            Ok(thread) => held.push((end, thread)),
            Err(_) => break,
        }
    }
    let possible = held.len();
    let threads: Vec<_> = held.into_iter().map(|(_, thread)| thread).collect();
    // Waited for, because a thread that is about to end still counts.
    threads.into_iter().for_each(|thread| drop(thread.join()));
    possible
}

/// Starts the threads that sort and check lists, one for each processor. Without this they would be started when they are
/// first needed, and a system that starts none would end the program.
///
/// # Errors
/// When not even one can be started; in words.
pub fn start_computing() -> Result<(), String> {
    let with = |threads| ThreadPoolBuilder::new().num_threads(threads).build_global();
    with(processors()).or_else(|_| with(1)).map_err(|error| {
        format!("no thread could be started ({error}); raise the limit of processes (ulimit -u, or pids.max of the container)")
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn machine(files: u64, threads: usize) -> Machine {
        Machine { files: Some(files), files_beside: FILES_BESIDE, threads, asked: 1000 }
    }

    #[test]
    fn as_many_workers_as_there_are_files_and_threads_for() {
        let beside = THREADS_BESIDE + processors();
        assert_eq!(machine(1 << 20, 1000).workers(64), Ok(Workers { count: 64, fewer: None }));
        let few_files = machine(FILES_BESIDE + 10 * FILES_A_WORKER, 1000).workers(64).unwrap();
        assert_eq!(few_files.count, 10);
        assert_eq!(few_files.fewer.unwrap(), "10 workers instead of 64: only 136 files may be open (ulimit -n)");
        let few_threads = machine(1 << 20, beside + 3).workers(64).unwrap();
        assert_eq!(few_threads.count, 3);
        assert!(few_threads.fewer.unwrap().contains("starts only"));
    }

    #[test]
    fn without_room_for_one_worker_it_is_said_what_to_raise() {
        assert!(machine(20, 1000).workers(1).unwrap_err().contains("ulimit -n"));
        assert!(machine(1 << 20, 2).workers(1).unwrap_err().contains("ulimit -u"));
    }

    #[test]
    fn the_threads_that_were_tried_are_over_when_they_are_counted() {
        assert_eq!(threads_possible(20), 20);
    }
}
