//! Why a command did not come to its end. Every command's outcome has one of these among its own ways to end.

use std::fmt;

use crate::database::DatabaseError;
use crate::index::ListError;
use crate::index::from_listing::ListingError;
use crate::store::{ErrorKind, StoreError};
use crate::sys::file_lock::FileLockError;
use crate::sys::shutdown::{Shutdown, ShutdownReason};
use crate::transfer::TransferError;

/// What ended a command before it had done what it is for. The texts say what happened, to which store, file or
/// database; each command says around them what became of its own work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// A store has no space left.
    StoreFull(String),
    /// A file of this machine (a list, a report, a temporary file) cannot be written or read: full disk, permissions.
    LocalFile(String),
    /// A store cannot be reached, listed, read or written.
    Store(String),
    /// The server's database does not answer, or not with what is asked for.
    Database(String),
    /// Another process holds a lock.
    Locked(String),
    /// The command line, a configuration, a list file or a report does not allow it; nothing was done.
    Refused(String),
    /// A signal asked for the end.
    Interrupted {
        /// The signal's number.
        signal: i32,
    },
}

impl Failure {
    /// A failure to `action` a file of this machine.
    pub fn local(action: &str, cause: &dyn fmt::Display) -> Self {
        Self::LocalFile(format!("cannot {action}: {cause}"))
    }

    /// Work that was told to end before it was done. It is the answer only where neither a signal nor another failure
    /// is known, so that what was cut short is never taken for done.
    pub fn cut_short(work: &str) -> Self {
        Self::Store(format!("told to end before it was done: {work}"))
    }

    /// The signal that asked for the end; `None` when none came.
    pub fn interruption(shutdown: &Shutdown) -> Option<Self> {
        match shutdown.reason() {
            Some(ShutdownReason::Signal(signal)) => Some(Self::Interrupted { signal }),
            Some(ShutdownReason::Fatal(_)) | None => None,
        }
    }

    /// The process's exit code: the numbers that the manual promises.
    pub const fn exit_code(&self) -> u8 {
        match self {
            Self::StoreFull(_) | Self::LocalFile(_) => 1,
            Self::Refused(_) => 2,
            Self::Store(_) | Self::Database(_) => 3,
            Self::Locked(_) => 4,
            // 128 and the signal's number, because a shell says it so: 130 for SIGINT, 143 for SIGTERM.
            Self::Interrupted { signal } => 128 + *signal as u8,
        }
    }

    /// A short name for the report.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::StoreFull(_) => "destination full",
            Self::LocalFile(_) => "local disk failed",
            Self::Store(_) => "store failed",
            Self::Database(_) => "database failed",
            Self::Locked(_) => "locked",
            Self::Refused(_) => "refused",
            Self::Interrupted { .. } => "interrupted",
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::StoreFull(cause) => write!(f, "stopped early, no space left in a store: {cause}"),
            Self::LocalFile(cause) => write!(f, "stopped early, a file of this machine failed: {cause}"),
            Self::Store(cause) => write!(f, "stopped early, a store failed: {cause}"),
            Self::Database(cause) => write!(f, "stopped early, the database failed: {cause}"),
            Self::Locked(cause) | Self::Refused(cause) => f.write_str(cause),
            Self::Interrupted { .. } => f.write_str("interrupted"),
        }
    }
}

/// The failure of a database that must answer, because the user named it or asked for what only it tells.
pub fn of_named_database(error: &DatabaseError) -> Failure {
    Failure::Database(format!("{error}. Mend that, or go on without it with --no-check-heads"))
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        match error.kind() {
            ErrorKind::NoSpace => Self::StoreFull(error.to_string()),
            _ => Self::Store(error.to_string()),
        }
    }
}

impl From<DatabaseError> for Failure {
    fn from(error: DatabaseError) -> Self {
        Self::Database(error.to_string())
    }
}

impl From<FileLockError> for Failure {
    fn from(error: FileLockError) -> Self {
        match error {
            FileLockError::Held { .. } => Self::Locked(error.to_string()),
            FileLockError::Io { .. } => Self::Refused(error.to_string()),
        }
    }
}

impl From<ListError> for Failure {
    fn from(error: ListError) -> Self {
        match error {
            ListError::InUse { .. } => Self::Locked(error.to_string()),
            ListError::Io { .. } => Self::local("keep the list file", &error),
            ListError::Order { .. } => Self::Store(error.to_string()),
            _ => Self::Refused(error.to_string()),
        }
    }
}

impl From<ListingError> for Failure {
    fn from(error: ListingError) -> Self {
        match error {
            ListingError::Store(error) => error.into(),
            ListingError::List(error) => error.into(),
            ListingError::Interrupted => Self::cut_short("listing a store"),
        }
    }
}

impl From<TransferError> for Failure {
    fn from(error: TransferError) -> Self {
        match error {
            TransferError::Store(error) => error.into(),
            TransferError::Local { action, cause } => Self::local(action, &cause),
        }
    }
}
