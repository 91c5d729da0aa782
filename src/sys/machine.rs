//! How many threads and open files this process may have.
//!
//! Both are found out at the start, so that a number of workers that the machine cannot hold is lowered with a word, and
//! does not end a run half way with objects that could not be opened.

use std::fs;
use std::num::NonZeroUsize;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::mpsc;
use std::thread::{Builder, available_parallelism};

use rayon::ThreadPoolBuilder;
use rustix::process::{Resource, getrlimit, getuid, setrlimit};

/// The files that are open whatever the number of workers: lists, journals, reports, locks, libraries, the event queue.
const FILES_BESIDE: u64 = 64;
/// The files that a lister may have open at once: an event loop (three), and a connection or a folder on each side.
const FILES_A_LISTER: u64 = 5;
/// The files that a worker may have open at once: an event loop (three), a connection or a file on each side, and the folders
/// on the way.
const FILES_A_WORKER: u64 = 7;
/// The threads that run beside the workers: progress, signals, who resolves names, the lease, the confirmer, encoders.
const THREADS_BESIDE: usize = 16;

/// The most threads that are started to see whether they can be. More are believed by the limits that the system names,
/// because starting thousands takes longer than many a run.
const TRIED_MAX: usize = 128;

/// What the machine holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Machine {
    /// How many files may be open; `None` for no limit.
    files: Option<u64>,
    /// How many of them are not for the workers.
    files_beside: u64,
    /// How many threads can be started; `None` for as many as were asked for.
    threads: Option<usize>,
    /// How many listers there is room for.
    listers: usize,
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
    /// starts some threads for a moment, and asks the system for the limits of more.
    pub fn measure(workers: usize, listers: usize) -> Self {
        let files = raise_open_files();
        Self { files, threads: threads_possible(workers + threads_beside()), ..Self::with_files(files, listers) }
    }

    fn with_files(files: Option<u64>, listers: usize) -> Self {
        // An eighth of the files at most, so that what is listed can be copied, too.
        let room = files.map_or(usize::MAX, |files| usize::try_from(files / 8 / FILES_A_LISTER).unwrap_or(usize::MAX));
        let listers = listers.min(room).max(1);
        Self { files, files_beside: FILES_BESIDE + FILES_A_LISTER * listers as u64, threads: None, listers }
    }

    /// How many listers there is room for, of those that were asked for; at least one.
    pub const fn listers(&self) -> usize {
        self.listers
    }

    /// As many of `wanted` workers as there is room for.
    ///
    /// # Errors
    /// When there is not room for one; in words that say what to do.
    pub fn workers(&self, wanted: usize) -> Result<Workers, String> {
        let by_files = self.files.map_or(usize::MAX, |files| {
            usize::try_from(files.saturating_sub(self.files_beside) / FILES_A_WORKER).unwrap_or(usize::MAX)
        });
        let by_threads = self.threads.map_or(usize::MAX, |threads| threads.saturating_sub(threads_beside()));
        let count = wanted.min(by_files).min(by_threads);
        let why = if by_files < by_threads {
            let files = self.files.unwrap_or_default();
            format!(
                "only {files} files may be open (ulimit -n), of which {} are for listings and lists",
                self.files_beside
            )
        } else {
            format!(
                "the system starts only {} threads (ulimit -u and -v, pids.max of the container)",
                self.threads.unwrap_or_default()
            )
        };
        match count {
            0 => Err(format!("there is no room for a single worker: {why}; raise that limit")),
            _ if count < wanted => {
                Ok(Workers { count, fewer: Some(format!("{count} instead of {wanted} workers: {why}")) })
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

fn threads_beside() -> usize {
    THREADS_BESIDE + processors()
}

/// How many of `wanted` threads can be started; `None` for all of them.
fn threads_possible(wanted: usize) -> Option<usize> {
    let tried = wanted.min(TRIED_MAX);
    let started = started_at_once(tried);
    if started < tried {
        return Some(started);
    }
    threads_left().map(|left| usize::try_from(left).unwrap_or(usize::MAX)).filter(|left| *left < wanted)
}

/// How many of `wanted` threads the system starts, all at once.
fn started_at_once(wanted: usize) -> usize {
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

/// How many more threads the limits of the user, of the container and of the kernel leave; `None` where none of them is
/// told.
fn threads_left() -> Option<u64> {
    let of_user = || {
        let limit = getrlimit(Resource::Nproc).current.filter(|_| !getuid().is_root())?;
        Some(limit.saturating_sub(threads_of_user()))
    };
    let of_kernel = || {
        let most: u64 = number(Path::new("/proc/sys/kernel/threads-max"))?;
        let load = fs::read_to_string("/proc/loadavg").ok()?;
        let now: u64 = load.split_whitespace().nth(3)?.split_once('/')?.1.parse().ok()?;
        Some(most.saturating_sub(now))
    };
    [of_user(), of_container(), of_kernel()].into_iter().flatten().min()
}

/// The threads of every process of this user.
fn threads_of_user() -> u64 {
    let Ok(own) = fs::metadata("/proc/self") else { return 0 };
    let Ok(entries) = fs::read_dir("/proc") else { return 0 };
    let is_process = |name: &str| name.bytes().all(|byte| byte.is_ascii_digit());
    let processes = entries.flatten().filter(|entry| entry.file_name().to_str().is_some_and(is_process));
    let of_user = processes.filter(|entry| entry.metadata().is_ok_and(|found| found.uid() == own.uid()));
    of_user.filter_map(|entry| Some(fs::read_dir(entry.path().join("task")).ok()?.count() as u64)).sum()
}

/// What `pids.max` of the control groups that this process is in leaves, the tightest of them.
fn of_container() -> Option<u64> {
    let groups = fs::read_to_string("/proc/self/cgroup").ok()?;
    let group = |line: &str| {
        let (controllers, path) = line.split_once(':')?.1.split_once(':')?;
        let root = match controllers {
            "" => "/sys/fs/cgroup",
            "pids" => "/sys/fs/cgroup/pids",
            _ => return None,
        };
        Some((root, Path::new(root).join(path.trim_start_matches('/'))))
    };
    let left =
        |folder: &Path| Some(number(&folder.join("pids.max"))?.saturating_sub(number(&folder.join("pids.current"))?));
    let groups = groups.lines().filter_map(group);
    groups
        .flat_map(|(root, path)| {
            path.ancestors().filter(|at| at.starts_with(root)).filter_map(left).collect::<Vec<_>>()
        })
        .min()
}

/// The number in a file; `None` when there is none, as for `max`.
fn number(file: &Path) -> Option<u64> {
    fs::read_to_string(file).ok()?.trim().parse().ok()
}

/// Starts the threads that sort and check lists, one for each processor. Without this they would be started when they are
/// first needed, and a system that starts none would end the program.
///
/// # Errors
/// When not even one can be started; in words.
pub fn start_computing() -> Result<(), String> {
    let with = |threads| ThreadPoolBuilder::new().num_threads(threads).build_global();
    with(processors()).or_else(|_| with(1)).map_err(|error| {
        format!("no thread could be started ({error}); raise the limit of threads (ulimit -u and -v, pids.max of the container)")
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn machine(files: u64, threads: usize) -> Machine {
        Machine { files: Some(files), files_beside: FILES_BESIDE, threads: Some(threads), listers: 1 }
    }

    #[test]
    fn as_many_workers_as_there_are_files_and_threads_for() {
        let beside = threads_beside();
        assert_eq!(machine(1 << 20, 1000).workers(64), Ok(Workers { count: 64, fewer: None }));
        let few_files = machine(FILES_BESIDE + 10 * FILES_A_WORKER, 1000).workers(64).unwrap();
        assert_eq!(few_files.count, 10);
        assert_eq!(
            few_files.fewer.unwrap(),
            "10 instead of 64 workers: only 134 files may be open (ulimit -n), of which 64 are for listings and lists"
        );
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
        assert_eq!((started_at_once(20), threads_possible(20)), (20, None));
    }

    #[test]
    fn where_files_are_few_listers_leave_room_for_workers() {
        let room = |files, listers| {
            let machine = Machine::with_files(Some(files), listers);
            (machine.listers(), machine.workers(4096).map_or(0, |workers| workers.count))
        };
        assert_eq!(room(60, 32), (1, 0));
        assert_eq!(room(200, 32), (5, 15));
        assert_eq!(room(1024, 32), (25, 119));
        assert_eq!(room(1024, 2), (2, 135));
        assert_eq!(room(1 << 20, 32), (32, 4096));
    }
}
