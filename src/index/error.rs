//! The errors of list files; each message says what to do.

use std::io;
use std::path::{Path, PathBuf};

use crate::object::{KeyRange, ObjectKey, ObjectKind};

/// Why a list file or its journal cannot be used, written or finished.
#[derive(Debug, thiserror::Error)]
pub enum ListError {
    /// The operating system refused.
    #[error("cannot {action} {}: {cause}", path.display())]
    Io {
        /// What was being done: `open`, `read`, `write`, `sync`, `rename`, `lock`, `remove`.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said. Not the error's source, because a caller that prints sources would print it twice.
        cause: io::Error,
    },
    /// The content of the file is not what was written.
    #[error("{} is damaged at byte {offset}: {what}; nothing of it was used. {remedy}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        what: &'static str,
        /// The position in the file, in bytes.
        offset: u64,
        /// What to do about it.
        remedy: &'static str,
    },
    /// The file is another one than a list of this program. Whose it is and what for, nobody here knows.
    #[error(
        "{} is not a list file of seaf-migrate, or its beginning is damaged; nothing of it was used, and it was left as it is. Name \
         a list file, as PATH.commits, PATH.fs or PATH.blocks, or another PATH",
        path.display()
    )]
    NotAList {
        /// The file.
        path: PathBuf,
    },
    /// The file belongs to another destination.
    #[error(
        "{} lists the objects of {found}, but the destination is {expected}. Choose another OBJECT_LIST_FILE_PATH for this \
         destination, or remove the file if it is no longer needed",
        path.display()
    )]
    OtherDestination {
        /// The file.
        path: PathBuf,
        /// The destination it was made for.
        found: String,
        /// The destination of this run.
        expected: String,
    },
    /// The file lists objects of another kind.
    #[error("{} lists {found} objects, not {expected}: it was renamed or copied. Put it back, or remove it", path.display())]
    OtherKind {
        /// The file.
        path: PathBuf,
        /// The kind it was made for.
        found: ObjectKind,
        /// The kind asked for.
        expected: ObjectKind,
    },
    /// The file lists one library instead of all, or all instead of one.
    #[error("{} lists {found}, not {expected}: it was renamed or copied. Put it back, or remove it", path.display())]
    OtherScope {
        /// The file.
        path: PathBuf,
        /// What it was made for.
        found: String,
        /// What was asked for.
        expected: String,
    },
    /// An object of another library was added to the list of one library.
    #[error("{} lists the objects of one library, and {key} belongs to another library", path.display())]
    Stray {
        /// The file.
        path: PathBuf,
        /// The object.
        key: ObjectKey,
    },
    /// The file was written by a newer program.
    #[error(
        "{} has format version {found}, and this program reads up to {known}. Use the newer program, or remove the file and \
         the destination will be listed again",
        path.display()
    )]
    NewerVersion {
        /// The file.
        path: PathBuf,
        /// The version it has.
        found: u16,
        /// The newest version this program knows.
        known: u16,
    },
    /// Another run holds the lock of the list.
    #[error("{} is in use by {holder}. Wait for it to end, or use another OBJECT_LIST_FILE_PATH", path.display())]
    InUse {
        /// The lock file.
        path: PathBuf,
        /// The holder of the lock, as `process 1234`.
        holder: String,
    },
    /// A listing was not in ascending order.
    #[error(
        "the listing of {store} is out of order: {what}. Its server does not keep the order that its protocol promises, so \
         nothing after this point was taken"
    )]
    Order {
        /// The store listed.
        store: String,
        /// Which key or range came after which.
        what: String,
    },
    /// The list cannot be finished, because parts of the destination have not been listed.
    #[error("the listing of {store} is not complete: {missing} parts are missing, the first is {first}")]
    Incomplete {
        /// The store listed.
        store: String,
        /// The number of ranges of keys that have not been listed.
        missing: usize,
        /// The first of them.
        first: KeyRange,
    },
    /// An earlier write to this file failed, so its last bytes are unknown.
    #[error("{} takes no more entries because an earlier write to it failed: {cause}", path.display())]
    Broken {
        /// The file.
        path: PathBuf,
        /// The error of that write.
        cause: String,
    },
}

/// What the user does about a damaged list.
pub(super) const REMOVE_LIST: &str = "Remove the file and run again: the destination will be listed again";
/// What the user does about a damaged journal.
pub(super) const REMOVE_JOURNAL: &str =
    "Remove the file and run again: objects that only this file lists will be copied again";

impl ListError {
    /// Returns a function for `map_err` that makes the error of doing `action` to `path`.
    pub(super) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |cause| Self::Io { action, path: path.to_owned(), cause }
    }

    /// The error of a damaged list.
    pub(super) fn damaged(path: &Path, what: &'static str, offset: u64) -> Self {
        Self::Damaged { path: path.to_owned(), what, offset, remedy: REMOVE_LIST }
    }

    /// The error of a damaged journal.
    pub(super) fn damaged_journal(path: &Path, what: &'static str, offset: u64) -> Self {
        Self::Damaged { path: path.to_owned(), what, offset, remedy: REMOVE_JOURNAL }
    }
}
