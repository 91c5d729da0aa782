//! Walks every library from its heads to its blocks and checks that each object exists and has its id.
//!
//! Each library is walked separately, a few at a time, and each of its objects is read once. The walk keeps the
//! ids seen, so the largest libraries determine the memory used. Commits, directories and file descriptions are always
//! checked against their ids. Blocks are only asked for their size, or read and checked with [`WalkOptions::content`].
//! Sizes alone detect a truncated block, because the sizes of a file's blocks must add up to its length.
//!
//! A store that does not answer, or refuses one object after the other, ends the check with its error; an object counts as
//! missing only when the store says so, and one that it refuses to give is a defect like others. When a library has
//! defects, its directories are read again to find the affected paths.
//!
//! What is read was written by the server's users, who may mean harm: trees without end, directories that name one object
//! a thousand times, a few bytes that decompress to very many. So the bytes of objects have a budget; beside them a walk
//! keeps an entry for each object that it met, and bounded numbers of findings and paths.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::database::heads::{LibraryRoots, Roots};
use crate::flow::tasks::{self, Seats};
use crate::flow::{Budget, CircuitBreaker};
use crate::metrics::WalkCounters;
use crate::object::{LibraryId, ObjectId, PerKind};
use crate::store::{ErrorKind, ReadStore, StoreError};
use crate::sys::shutdown::Shutdown;

mod files;
mod findings;
mod graph;
mod incremental;
mod library;
mod noted;
mod paths;
mod reading;
mod result;
mod seen;

pub use result::{Counts, Defect, DefectKind, FsckResult, LibraryResult};

/// The stores of one side.
pub type Stores = PerKind<Arc<dyn ReadStore>>;

/// What a check covers, and how many resources it uses.
#[derive(Clone, Debug)]
pub struct WalkOptions {
    /// Whether to follow the parents of the heads, as far back as the history limit of each library.
    pub full_history: bool,
    /// Whether to read and hash every block instead of asking for its size only.
    pub content: bool,
    /// The number of calls to the stores that run at once.
    pub threads: NonZeroUsize,
    /// The bytes that objects may take in memory, in all threads together.
    pub memory: u64,
    /// The number of libraries that are walked at once. Each needs memory for the ids of its objects.
    pub libraries_at_once: NonZeroUsize,
    /// The most paths that are kept for a finding; the others are counted.
    pub paths_max: usize,
    /// The most findings that are kept for a library; the others are counted.
    pub findings_max: usize,
    /// The server's history limit in days for libraries without a limit of their own (`keep_days` of `[history]` in
    /// seafile.conf); `None` keeps all.
    pub keep_days: Option<i64>,
    /// The time from which the days of a history limit are counted back, in seconds since 1970.
    pub now: i64,
    /// The libraries to check; all when empty.
    pub only: Vec<LibraryId>,
    /// For a library, a commit whose tree was found complete by an earlier check. Of the head's tree, only the objects
    /// that differ from that tree are checked. Ids are content hashes, so equal ids mean equal objects.
    pub whole: BTreeMap<LibraryId, ObjectId>,
}

impl Default for WalkOptions {
    fn default() -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
        Self {
            full_history: true,
            content: false,
            threads: NonZeroUsize::new(32).expect("32 is not 0"),
            memory: 256 << 20,
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

/// The most findings of all libraries together that are kept; the others are counted.
const FINDINGS_MAX: u64 = 200_000;
/// How many are kept of a library all the same.
const FINDINGS_MIN: u64 = 10;

/// Walks every library of `roots` in `stores`, which are only read.
///
/// # Errors
/// When a store fails. What it says of one object ([`ErrorKind::is_of_one_object`]) is no failure of it, unless it refuses
/// very many in a row. A cancelled check is no error: its result holds the libraries that were finished and the number of
/// the others.
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
    let at_once = options.libraries_at_once.get().min(libraries.len()).min(options.threads.get());
    let side = Side {
        stores,
        options,
        counters,
        halt: Halt { stop, error: Mutex::new(None) },
        budget: Budget::new(options.memory),
        breakers: PerKind::from_fn(|_| CircuitBreaker::default()),
        // Beside the threads that walk a library each.
        seats: Seats::new(options.threads.get().saturating_sub(at_once)),
        path_bytes: AtomicU64::new(options.memory / 8),
        findings: AtomicU64::new(FINDINGS_MAX.max(options.findings_max as u64)),
    };
    let done = Mutex::new(Vec::new());
    // The newest task is the first to be done, so the first library is put last.
    tasks::run(&Seats::new(at_once.saturating_sub(1)), libraries.iter().rev(), |_, library| {
        side.walk(library, &done);
    });
    if let Some(error) = lock(&side.halt.error).take() {
        return Err(error);
    }
    let mut results = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    results.sort_by_key(|result: &LibraryResult| result.id);
    let unfinished = libraries.len() - results.len();
    Ok(FsckResult { libraries: results, unfinished, guessed: roots.guessed, ignored: roots.ignored.clone() })
}

/// The values that all walks of one check share.
struct Side<'a> {
    stores: &'a Stores,
    options: &'a WalkOptions,
    counters: &'a WalkCounters,
    halt: Halt<'a>,
    budget: Budget,
    /// Count the objects in a row that a store did not give though it may have them.
    breakers: PerKind<CircuitBreaker>,
    /// The threads that read objects.
    seats: Seats,
    /// How many bytes of paths may still be kept.
    path_bytes: AtomicU64,
    /// How many findings may still be kept.
    findings: AtomicU64,
}

impl Side<'_> {
    fn walk(&self, roots: &LibraryRoots, done: &Mutex<Vec<LibraryResult>>) {
        if self.halt.is_on() {
            return;
        }
        // A library that was not walked to its end is left out of the result, so that it is not taken for sound.
        if let Some(result) = library::walk(self, roots) {
            self.counters.libraries_done.add(1);
            lock(done).push(self.kept(result));
        }
    }
}

impl Side<'_> {
    /// A library's result with as many of its findings as are still to be kept, a few in any case.
    fn kept(&self, result: LibraryResult) -> LibraryResult {
        let wanted = result.findings.len() as u64;
        let take = |left: u64| Some(left.saturating_sub(wanted));
        let left = self.findings.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).unwrap_or(0);
        let most = wanted.min(left.max(FINDINGS_MIN));
        result.cut(usize::try_from(most).unwrap_or(usize::MAX))
    }
}

/// Ends all walks early, after the first error or a cancellation.
struct Halt<'a> {
    stop: &'a Shutdown,
    error: Mutex<Option<StoreError>>,
}

impl Halt<'_> {
    fn is_on(&self) -> bool {
        self.stop.requested() || lock(&self.error).is_some()
    }

    fn fail(&self, error: StoreError) {
        // A call that ended because of a cancellation is no failure of the store.
        if error.kind() != ErrorKind::Interrupted {
            lock(&self.error).get_or_insert(error);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Poison is ignored, because the holder of one of these locks only inserts, so a panic leaves a valid value.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
