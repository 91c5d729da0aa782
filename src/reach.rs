//! From the heads to every block: is all there, and is it what its name says?
//!
//! Each library is walked on its own, a few at a time, and each object of it is read once. What is remembered is the
//! ids seen, so memory is bounded by the largest libraries. Directories, file descriptions and commits are always
//! checked against their ids; blocks are asked for their size, or read and checked with [`WalkOptions::content`]. Sizes
//! alone find a block that was cut short, because the blocks of a file must add up to its length.
//!
//! A store that cannot answer ends the check with its error; only an answer "not there" makes an object missing. Where
//! something is wrong, the directories of that library are read again to say which paths suffer.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::database::heads::{LibraryRoots, Roots};
use crate::metrics::WalkCounters;
use crate::object::{LibraryId, ObjectId, PerKind};
use crate::store::{ErrorKind, ReadStore, StoreError};
use crate::sys::shutdown::Shutdown;

mod findings;
mod incremental;
mod library;
mod paths;
mod result;
mod seen;

pub use result::{Counts, Defect, DefectKind, FsckResult, LibraryResult};

/// The stores of one side.
pub type Stores = PerKind<Arc<dyn ReadStore>>;

/// How far and how thoroughly to look.
#[derive(Clone, Debug)]
pub struct WalkOptions {
    /// Follow the parents of the heads, as far back as the history limit of each library says.
    pub full_history: bool,
    /// Read and hash every block, not only ask for its size.
    pub content: bool,
    /// How many calls to the stores are in flight.
    pub threads: NonZeroUsize,
    /// How many libraries are walked at once; the memory of so many is needed.
    pub libraries_at_once: NonZeroUsize,
    /// How many paths are kept for a finding; the others are counted.
    pub paths_max: usize,
    /// How many findings are kept for a library; the others are counted.
    pub findings_max: usize,
    /// The server's default for libraries without a limit of their own (`keep_days` of `[history]` in seafile.conf);
    /// `None` keeps all.
    pub keep_days: Option<i64>,
    /// What the days of a history limit count back from, in seconds since 1970.
    pub now: i64,
    /// Only these libraries; all when empty.
    pub only: Vec<LibraryId>,
    /// A commit of a library whose tree is known to be whole: of its head's tree, only what differs from that one is
    /// looked at. Ids are content hashes, so that what has the same id is the same.
    pub whole: BTreeMap<LibraryId, ObjectId>,
}

impl Default for WalkOptions {
    fn default() -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
        Self {
            full_history: true,
            content: false,
            threads: NonZeroUsize::new(32).expect("32 is not 0"),
            libraries_at_once: NonZeroUsize::new(4).expect("4 is not 0"),
            paths_max: 20,
            findings_max: 10_000,
            keep_days: None,
            now: i64::try_from(now).unwrap_or(i64::MAX),
            only: Vec::new(),
            whole: BTreeMap::new(),
        }
    }
}

/// Walks every library of `roots` in `stores`, which are only read.
///
/// # Errors
/// When a store fails with anything but "not found", or one object that cannot be read. Being told to stop is no
/// error: the result then says so and holds the libraries that were finished.
pub fn fsck(
    stores: &Stores,
    roots: &Roots,
    options: &WalkOptions,
    stop: &Shutdown,
    counters: &WalkCounters,
) -> Result<FsckResult, StoreError> {
    let chosen = |library: &&LibraryRoots| options.only.is_empty() || options.only.contains(&library.id);
    let libraries: Vec<&LibraryRoots> = roots.libraries.iter().filter(chosen).collect();
    counters.libraries.add(libraries.len() as u64);
    let pool = ThreadPoolBuilder::new()
        .num_threads(options.threads.get())
        .build()
        .map_err(|error| StoreError::new(ErrorKind::Setup, "read", "the stores", error))?;
    let side = Side { stores, options, counters, halt: Halt { stop, error: Mutex::new(None) } };
    let (next, done) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..options.libraries_at_once.get().min(libraries.len()) {
            scope.spawn(|| {
                while let Some(library) = libraries.get(next.fetch_add(1, Ordering::Relaxed)) {
                    side.walk(&pool, library, &done);
                }
            });
        }
    });
    if let Some(error) = lock(&side.halt.error).take() {
        return Err(error);
    }
    let mut results = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    results.sort_by_key(|result: &LibraryResult| result.id);
    let unfinished = libraries.len() - results.len();
    Ok(FsckResult { libraries: results, unfinished, guessed: roots.guessed, ignored: roots.ignored.clone() })
}

/// What all walks of one check share.
struct Side<'a> {
    stores: &'a Stores,
    options: &'a WalkOptions,
    counters: &'a WalkCounters,
    halt: Halt<'a>,
}

impl Side<'_> {
    fn walk(&self, pool: &ThreadPool, roots: &LibraryRoots, done: &Mutex<Vec<LibraryResult>>) {
        if self.halt.is_on() {
            return;
        }
        // A library that was left in the middle is not in the result, so that it cannot look sound.
        if let Some(result) = library::walk(self, pool, roots) {
            self.counters.libraries_done.add(1);
            lock(done).push(result);
        }
    }
}

/// Ends all work early: the first error, or the user's wish.
struct Halt<'a> {
    stop: &'a Shutdown,
    error: Mutex<Option<StoreError>>,
}

impl Halt<'_> {
    fn is_on(&self) -> bool {
        self.stop.requested() || lock(&self.error).is_some()
    }

    fn fail(&self, error: StoreError) {
        // A call that ended because the user wants to stop is no failure of the store.
        if error.kind() != ErrorKind::Interrupted {
            lock(&self.error).get_or_insert(error);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Poison is ignored, because whoever holds one of these locks only inserts: what a panic leaves behind is whole.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
