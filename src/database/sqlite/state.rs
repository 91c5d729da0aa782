//! What can be seen of an SQLite database without taking part in it: its files, and who has locked what.
//!
//! The bytes that SQLite locks, and the order in which a writer writes, are part of its file format and do not change:
//! <https://www.sqlite.org/lockingv3.html>, <https://www.sqlite.org/fileformat2.html>.

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

use rustix::process::{Flock, FlockOffsetType, FlockType, fcntl_getlk};

/// How much of a file's beginning is compared: the header of a database (100 bytes) has the count of its changes, that
/// of a log (32 bytes) a number for each round, that of a journal (28 bytes) how many pages it holds.
const HEAD: usize = 100;
/// Where the header of a database says that it has a write-ahead log: 2, otherwise 1.
const READ_VERSION: usize = 19;

/// The byte that a writer locks before it waits for the readers to go (PENDING), and that for the intent to write
/// (RESERVED), which comes next; readers and whoever writes the file lock the 510 bytes that follow.
const PENDING: u64 = 0x4000_0000;
const RESERVED: u64 = PENDING + 1;
const SHARED: u64 = PENDING + 2;
const SHARED_LENGTH: u64 = 510;

/// What other processes are about to do to the database's file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Writer {
    /// Nobody is writing.
    None,
    /// Somebody collects changes and keeps a journal, but has not begun to write into the file.
    Reserved,
    /// Somebody writes into the file, or is about to.
    Writing,
}

/// A file as it is: which one, how long, when written, and its beginning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FileState {
    inode: (u64, u64),
    size: u64,
    changed: [i64; 4],
    head: Vec<u8>,
}

impl FileState {
    fn of(file: &File) -> io::Result<Self> {
        let metadata = file.metadata()?;
        let mut head = vec![0; HEAD];
        let length = file.read_at(&mut head, 0)?;
        head.truncate(length);
        Ok(Self {
            inode: (metadata.dev(), metadata.ino()),
            size: metadata.len(),
            changed: [metadata.mtime(), metadata.mtime_nsec(), metadata.ctime(), metadata.ctime_nsec()],
            head,
        })
    }

    /// Whether both are the same file in the same round of a log; it may have grown.
    pub(super) fn is_same_log(&self, other: &Self) -> bool {
        const LOG_HEAD: usize = 32;
        let head = |state: &Self| state.head.get(..LOG_HEAD).map(<[u8]>::to_vec);
        self.inode == other.inode && head(self) == head(other)
    }

    /// Whether both are the same file, whatever is in it.
    pub(super) fn is_same_file(&self, other: &Self) -> bool {
        self.inode == other.inode
    }
}

/// The database and what lies beside it, at one moment or nearly so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct State {
    pub(super) database: FileState,
    /// The rollback journal; `None` when it is not there or empty.
    pub(super) journal: Option<FileState>,
    /// The write-ahead log; `None` when it is not there or empty, or the database has none.
    pub(super) log: Option<FileState>,
    pub(super) writer: Writer,
}

/// The files of a database, whether they are there or not.
#[derive(Clone, Debug)]
pub(super) struct Files {
    pub(super) database: PathBuf,
    pub(super) journal: PathBuf,
    pub(super) log: PathBuf,
}

impl Files {
    /// The files of the database at `path`, where links are followed first, as SQLite does.
    pub(super) fn of(path: &Path) -> io::Result<Self> {
        path.canonicalize().map(Self::named)
    }

    /// The files of a database by its name.
    pub(super) fn named(database: PathBuf) -> Self {
        let beside = |suffix: &str| {
            let mut name = OsString::from(&database);
            name.push(suffix);
            PathBuf::from(name)
        };
        Self { journal: beside("-journal"), log: beside("-wal"), database }
    }

    /// Looks at everything; the database's file is opened already.
    pub(super) fn look(&self, database: &File) -> Result<State, String> {
        let failed = |error: io::Error| format!("cannot be read: {error}");
        // The files before the locks, because a writer locks first: what it has made is not taken for a leftover.
        let (state, journal) = (FileState::of(database).map_err(failed)?, look_beside(&self.journal)?);
        let has_log = state.head.get(READ_VERSION) == Some(&2);
        let log = if has_log { look_beside(&self.log)? } else { None };
        let writer = writer(database).map_err(|error| format!("who has locked it cannot be found out: {error}"))?;
        Ok(State { database: state, journal, log, writer })
    }
}

fn look_beside(path: &Path) -> Result<Option<FileState>, String> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(format!("{}, which belongs to it, cannot be read: {error}", path.display())),
    };
    let state = FileState::of(&file).map_err(|error| format!("{} cannot be read: {error}", path.display()))?;
    Ok(Some(state).filter(|state| state.size > 0))
}

/// Asks the system who holds which lock; nothing is locked by that.
fn writer(database: &File) -> io::Result<Writer> {
    let is_locked = |start: u64, length: u64| -> io::Result<bool> {
        let lock = Flock { start, length, pid: None, typ: FlockType::ReadLock, offset_type: FlockOffsetType::Set };
        Ok(fcntl_getlk(database, &lock)?.is_some())
    };
    // Upwards, because a writer takes its locks in this order and none must slip through between two questions.
    let reserved = is_locked(RESERVED, 1)?;
    if is_locked(PENDING, 1)? || is_locked(SHARED, SHARED_LENGTH)? {
        return Ok(Writer::Writing);
    }
    Ok(if reserved { Writer::Reserved } else { Writer::None })
}
