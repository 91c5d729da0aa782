//! Follows every library of one side from its heads, and says what is missing or damaged, with the
//! paths of the files that suffer. Reads only.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, bounded};

use crate::commands::common::settings::StoreSettings;
use crate::conf::{DatabaseConf, SideConf};
use crate::database::heads::Roots;
use crate::object::{LibraryId, ObjectKind};
use crate::reach::{Progress, Stores, WalkOptions, fsck};
use crate::report::{Console, Ending, format};
use crate::store::StoreError;
use crate::store::open::{OpenOptions, open_source};
use crate::sys::shutdown::{Shutdown, ShutdownReason};

pub mod page;

use page::Scope;

/// How often a line of progress comes.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// Everything that a check needs.
#[derive(Clone, Debug)]
pub struct FsckSettings {
    /// The side to check.
    pub side: SideConf,
    /// Where the heads are; `None` works them out from the commits.
    pub database: Option<DatabaseConf>,
    /// How to talk to the stores.
    pub store: StoreSettings,
    /// Only the newest commit of each library.
    pub head_only: bool,
    /// Read and hash every block.
    pub content: bool,
    /// Only these libraries; all when empty.
    pub libraries: Vec<LibraryId>,
    /// Where the result goes as JSON.
    pub report: Option<PathBuf>,
    /// Where the page goes.
    pub html: Option<PathBuf>,
}

/// Checks a side and prints the result.
pub fn run(settings: &FsckSettings, console: &Console, stop: &Shutdown) -> Ending {
    match check(settings, console, stop) {
        Ok(ending) => ending,
        Err(Failure(ending)) => {
            console.problem(format_args!("Result: {ending} (exit code {}).", ending.exit_code()));
            ending
        }
    }
}

/// Why there is no result.
struct Failure(Ending);

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self(Ending::StoreFailed(error.to_string()))
    }
}

fn check(settings: &FsckSettings, console: &Console, stop: &Shutdown) -> Result<Ending, Failure> {
    let (began, started) = (Instant::now(), jiff::Zoned::now());
    let options = settings.store.open_options(stop);
    let stores = open(settings, &options)?;
    let threads = NonZeroUsize::new(settings.store.workers).unwrap_or(NonZeroUsize::MIN);
    let roots = match &settings.database {
        Some(database) => Roots::from_conf(database)
            .map_err(|error| Failure(Ending::StoreFailed(format!("the database: {error}"))))?,
        None => {
            console.log("No database is configured: the heads are worked out from the commits");
            Roots::from_commits(&*stores[ObjectKind::Commits], &*stores[ObjectKind::Fs], threads, stop)?
        }
    };
    let walk = WalkOptions {
        full_history: !settings.head_only,
        content: settings.content,
        threads,
        only: settings.libraries.clone(),
        keep_days: settings.side.keep_days,
        ..WalkOptions::default()
    };
    let (progress, (done, telling)) = (Progress::default(), bounded::<()>(0));
    let result = std::thread::scope(|scope| {
        scope.spawn(|| tell(&progress, console, &telling));
        let result = fsck(&stores, &roots, &walk, stop, &progress);
        drop(done);
        result
    })?;
    console.line(&result);
    if let Some(path) = &settings.report {
        let written = serde_json::to_vec_pretty(&result).map_err(std::io::Error::from).and_then(|text| {
            let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(std::path::Path::new("."));
            let mut file = tempfile::NamedTempFile::new_in(dir)?;
            std::io::Write::write_all(&mut file, &text)?;
            file.persist(path).map(drop).map_err(|failed| failed.error)
        });
        written.map_err(|error| {
            Failure(Ending::Full(format!("the report {} could not be written: {error}", path.display())))
        })?;
    }
    if let Some(path) = &settings.html {
        let FsckSettings { side, database, head_only, content, .. } = settings;
        let scope = Scope { side, has_database: database.is_some(), head_only: *head_only, content: *content };
        let page = page::of(&scope, &result, &started, began.elapsed());
        crate::report::page::write(path, &page).map_err(|error| {
            Failure(Ending::Full(format!("the page {} could not be written: {error}", path.display())))
        })?;
    }
    Ok(match stop.reason() {
        Some(ShutdownReason::Signal(signal)) => Ending::Interrupted { signal },
        _ if result.is_sound() => Ending::Complete,
        _ => Ending::Failures,
    })
}

fn open(settings: &FsckSettings, options: &OpenOptions) -> Result<Stores, StoreError> {
    Stores::try_from_fn(|kind| open_source(settings.side.store(kind), options))
}

/// Prints a line of progress every few seconds until `done` is closed. Meant for a thread of its own.
pub fn tell(progress: &Progress, console: &Console, done: &Receiver<()>) {
    let number = |counter: &std::sync::atomic::AtomicU64| format::count(counter.load(Ordering::Relaxed));
    while done.recv_timeout(LINE_EVERY) == Err(RecvTimeoutError::Timeout) {
        console.log(format_args!(
            "{} of {} libraries, {} commits, {} trees and files, {} blocks, {} findings",
            number(&progress.libraries_done),
            number(&progress.libraries),
            number(&progress.commits),
            number(&progress.fs_objects),
            number(&progress.blocks),
            number(&progress.findings)
        ));
    }
}
