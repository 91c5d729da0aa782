//! What can go wrong with a store, told so that the pass can decide without knowing the backend.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::conf::StoreConf;
use crate::conf::backend::Location;
use crate::object::ObjectKey;
use crate::sys::terminal::{OneLine, beginning};

/// The longest cause, in characters: a server may send a megabyte of words with each of a million failures.
const LONGEST_CAUSE: usize = 1500;

/// The longest name of a storage class, in characters.
const LONGEST_CLASS: usize = 40;

/// What kind of failure it was. The kind alone decides whether a call is repeated and whether the
/// pass goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// The object is not there.
    NotFound,
    /// This one object is there and cannot be read (permissions of a file, a bad sector).
    Unreadable,
    /// The bucket, container, pool or folder is not there.
    ContainerMissing,
    /// The store knows who asks and refuses: the listing, the login, the bucket.
    Denied,
    /// The store refuses this one object: it belongs to another account, a filter or a retention rule guards it.
    ObjectDenied,
    /// The store does not accept the credentials.
    BadCredentials,
    /// What the store holds was not encrypted with the key that is configured.
    WrongKey,
    /// Too many requests: try again, more slowly.
    Throttled,
    /// The store has trouble of its own (5xx).
    Unavailable,
    /// No answer in time.
    Timeout,
    /// The connection could not be made, or broke.
    Connection,
    /// The store is full.
    NoSpace,
    /// The store cannot be written at all.
    ReadOnly,
    /// The store does not take an object of this size.
    TooLarge,
    /// The object must be restored from an archive first.
    Archived,
    /// What answered is not the store: the page of a proxy, an error sent as a success, an answer without what the
    /// service always gives.
    ForeignAnswer,
    /// The store holds, or would have taken, other bytes than were sent.
    Altered,
    /// Two answers of the store about one object exclude each other: it lists the object and says that it is not there,
    /// or two reads gave different bytes, all of them wrong.
    Contradiction,
    /// An answer to a listing breaks the rules by which listings are put together: out of order, a name twice, not from
    /// where it was asked to begin, no way to go on.
    WrongListing,
    /// The store answered something that makes no sense.
    Protocol,
    /// What the store needs on this machine is missing (a library, a file).
    Setup,
    /// The store lost, or may have lost, what it had already taken.
    NotDurable,
    /// The store gave nobody a good answer for as long as it is waited for.
    Gone,
    /// The pass was told to stop while the call waited.
    Interrupted,
    /// Anything else.
    Other,
}

impl ErrorKind {
    /// Whether the same call may well succeed a little later.
    pub const fn is_transient(self) -> bool {
        matches!(
            self,
            Self::Throttled
                | Self::Unavailable
                | Self::Timeout
                | Self::Connection
                | Self::ForeignAnswer
                | Self::Altered
                | Self::WrongListing
        )
    }

    /// Whether many of these in a row mean that the store is gone, or is not for us, and not that so many objects
    /// failed each for itself.
    pub const fn may_be_outage(self) -> bool {
        self.is_transient() || matches!(self, Self::ObjectDenied)
    }

    /// Whether every further object would fail the same way, so that going on only makes noise.
    pub const fn is_fatal(self) -> bool {
        matches!(
            self,
            Self::ContainerMissing
                | Self::Denied
                | Self::BadCredentials
                | Self::WrongKey
                | Self::NoSpace
                | Self::ReadOnly
                | Self::Setup
                | Self::NotDurable
                | Self::Gone
        )
    }

    /// Whether it says something of this one object and nothing of the store: it is not there, or cannot be had though
    /// others can. For those who only read; a store that says so of all its objects is still to be noticed.
    pub const fn is_of_one_object(self) -> bool {
        matches!(self, Self::NotFound | Self::Unreadable | Self::ObjectDenied | Self::Archived | Self::TooLarge)
    }

    /// Whether the store refuses whoever asks. From a store that answered well before, that may pass: its table of users
    /// is loading, or what the credentials are checked against does not answer.
    pub const fn is_refusal(self) -> bool {
        matches!(self, Self::Denied | Self::BadCredentials | Self::ContainerMissing | Self::Setup)
    }

    /// The kind in a few words, for messages and the `kind` field of reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotFound => "not found",
            Self::Unreadable => "unreadable",
            Self::ContainerMissing => "bucket, container, pool or folder missing",
            Self::Denied | Self::ObjectDenied => "access denied",
            Self::BadCredentials => "credentials refused",
            Self::WrongKey => "wrong key",
            Self::Throttled => "throttled",
            Self::Unavailable => "server error",
            Self::Timeout => "timeout",
            Self::Connection => "connection failed",
            Self::NoSpace => "no space left",
            Self::ReadOnly => "read-only",
            Self::TooLarge => "object too large",
            Self::Archived => "object archived",
            Self::ForeignAnswer => "not the store's own answer",
            Self::Altered => "bytes changed on the way",
            Self::Contradiction => "the store contradicts itself",
            Self::WrongListing => "wrong listing",
            Self::Protocol => "unexpected answer",
            Self::Setup => "setup incomplete",
            Self::NotDurable => "not safely stored",
            Self::Gone => "store gone",
            Self::Interrupted => "interrupted",
            Self::Other => "failed",
        }
    }
}

/// A failed call on a store: kind, what was being done to which object or store, and the cause.
#[derive(Debug)]
pub struct StoreError {
    kind: ErrorKind,
    action: &'static str,
    subject: String,
    cause: String,
    retry_after: Option<Duration>,
    archive_class: Option<String>,
    store: Option<Arc<StoreName>>,
}

/// Which store of a migration it is, for the texts of its errors.
#[derive(Debug, PartialEq, Eq)]
pub struct StoreName {
    /// Its side, where there are two, and its kind, such as `old blocks`.
    pub title: String,
    /// Where it is.
    pub location: Location,
}

impl StoreName {
    /// The name of the store that `conf` describes.
    pub fn of(conf: &StoreConf) -> Self {
        Self { title: conf.title(), location: conf.location() }
    }
}

impl fmt::Display for StoreName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} in {}", self.title, self.location)
    }
}

impl StoreError {
    /// An error while doing `action` (`read`, `write`, `size`, …) to an object.
    pub fn object(kind: ErrorKind, action: &'static str, key: &ObjectKey, cause: impl fmt::Display) -> Self {
        Self::new(kind, action, key.to_string(), cause).of_one_object()
    }

    /// An error while doing `action` to `subject`, a store or a part of it.
    pub fn new(kind: ErrorKind, action: &'static str, subject: impl Into<String>, cause: impl fmt::Display) -> Self {
        // On one line, because servers choose words of it, and a line of their own could pass for one of ours.
        let cause = beginning(&OneLine(cause).to_string(), LONGEST_CAUSE).into_owned();
        Self { kind, action, subject: subject.into(), cause, retry_after: None, archive_class: None, store: None }
    }

    /// The same error with the time that the store asked to wait for.
    #[must_use]
    pub fn with_retry_after(mut self, wait: Option<Duration>) -> Self {
        self.retry_after = wait;
        self
    }

    /// The same error of an object in an archive, with the storage class where the store named one, and what to do.
    #[must_use]
    pub fn in_archive(self, class: Option<&str>) -> Self {
        let is_name = |class: &&str| {
            (1..=LONGEST_CLASS).contains(&class.len())
                && class.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        };
        let archive_class = class.filter(is_name).map(str::to_owned);
        let place = archive_class.as_ref().map_or_else(String::new, |class| format!("in the archive class {class}: "));
        Self { archive_class, ..self.because(format_args!("{place}restore it first")) }
    }

    /// The same error, known to concern a single object: what is [`ErrorKind::Denied`] is then
    /// [`ErrorKind::ObjectDenied`], which says nothing of the other objects.
    #[must_use]
    pub fn of_one_object(mut self) -> Self {
        if self.kind == ErrorKind::Denied {
            self.kind = ErrorKind::ObjectDenied;
        }
        self
    }

    /// The same error, seen as another kind by whoever knows more than the store.
    #[must_use]
    pub fn with_kind(mut self, kind: ErrorKind) -> Self {
        self.kind = kind;
        self
    }

    /// The same error, known to come from the store `name`, unless it names its store already.
    #[must_use]
    pub fn of_store(mut self, name: &Arc<StoreName>) -> Self {
        self.store.get_or_insert_with(|| Arc::clone(name));
        self
    }

    /// The same error, its cause continued by `more`.
    #[must_use]
    pub fn because(mut self, more: impl fmt::Display) -> Self {
        self.cause = format!("{}; {}", self.cause, OneLine(more));
        self
    }

    /// What kind of failure it was.
    pub const fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// What was being done: `read`, `write`, `list`, `size`, `sync`, `open`, `remove`.
    pub const fn action(&self) -> &'static str {
        self.action
    }

    /// What the store said.
    pub fn cause(&self) -> &str {
        &self.cause
    }

    /// The storage class of an object that is in an archive, where the store named it.
    pub fn archive_class(&self) -> Option<&str> {
        self.archive_class.as_deref()
    }

    /// How long the store asked to be left alone.
    pub const fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.action, self.subject)?;
        match &self.store {
            Some(store) if self.subject.contains(&store.location.place) => write!(f, " ({})", store.title)?,
            Some(store) => write!(f, " ({store})")?,
            None => {}
        }
        write!(f, ": {}: {}", self.kind.as_str(), self.cause)
    }
}

impl std::error::Error for StoreError {}

/// What a call about one object found; `None` when the store says that the object is not there.
///
/// # Errors
/// Every failure but [`ErrorKind::NotFound`].
pub fn found<T>(answer: Result<T, StoreError>) -> Result<Option<T>, StoreError> {
    match answer {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_denial_of_one_object_does_not_end_the_run_and_one_of_the_store_does() {
        let denied = StoreError::object(ErrorKind::Denied, "read", &ObjectKey::MIN, "no").kind();
        assert!(!denied.is_fatal() && !denied.is_transient() && denied.may_be_outage(), "{denied:?}");
        let denied = StoreError::new(ErrorKind::Denied, "list", "the store", "no").kind();
        assert!(denied.is_fatal() && !denied.may_be_outage(), "{denied:?}");
    }

    #[test]
    fn a_server_that_talks_much_is_told_in_part() {
        let error = StoreError::new(ErrorKind::Other, "list", "x", "ü\n".repeat(1 << 20)).because("do this");
        assert!(error.cause().chars().count() < 2 * LONGEST_CAUSE, "{}", error.cause().len());
        assert!(error.cause().starts_with("ü ü") && error.cause().ends_with("ü …; do this"), "{error}");
    }

    #[test]
    fn only_not_found_is_no_error() {
        let failed = |kind| found::<u64>(Err(StoreError::new(kind, "size", "x", "why"))).map_err(|error| error.kind());
        assert_eq!(found(Ok(7)).map_err(|error| error.kind()), Ok(Some(7)));
        assert_eq!(failed(ErrorKind::NotFound), Ok(None));
        for kind in [ErrorKind::ContainerMissing, ErrorKind::Unreadable, ErrorKind::Timeout, ErrorKind::Other] {
            assert_eq!(failed(kind), Err(kind));
        }
    }
}
