//! Reads an object into as much memory as its reader has for it.

use bytes::Bytes;

use super::{ErrorKind, ReadStore, StoreError};
use crate::content::INFLATED_MAX;
use crate::object::{ObjectKey, ObjectKind};

/// The most stored bytes of a commit that are read: 64 MiB. Its strings take as much again, twice.
pub const COMMIT_MAX: u64 = 64 << 20;

/// An object, or how large it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Within {
    /// Its bytes as stored.
    Bytes(Bytes),
    /// It has more bytes than the reader has memory for: so many.
    Larger(u64),
}

/// The most stored bytes that an object of a kind can have.
const fn largest(kind: ObjectKind) -> u64 {
    match kind {
        ObjectKind::Commits => COMMIT_MAX,
        ObjectKind::Fs => INFLATED_MAX,
        ObjectKind::Blocks => u64::MAX,
    }
}

/// Refuses a commit or fs object of `size` bytes that is larger than any can be: any user of the server can upload one, and
/// nobody may end a check or fill the memory by that.
///
/// # Errors
/// [`ErrorKind::Unreadable`] when it is.
pub fn refuse_oversized(kind: ObjectKind, key: &ObjectKey, size: u64) -> Result<(), StoreError> {
    let largest = largest(kind);
    if size <= largest {
        return Ok(());
    }
    let cause = format!("it has {size} bytes, which is more than the {largest} that an object of [{kind}] can have");
    Err(StoreError::object(ErrorKind::Unreadable, "read", key, cause))
}

/// Reads the object when it has at most `most` bytes, and never when it is larger than any of its kind can be.
///
/// # Errors
/// Those of [`ReadStore::read`]; [`ErrorKind::Unreadable`] for an object that is larger than any of its kind can be.
pub fn read_within(store: &dyn ReadStore, kind: ObjectKind, key: &ObjectKey, most: u64) -> Result<Within, StoreError> {
    let largest = largest(kind);
    let most = most.min(largest);
    if let Some(data) = store.read_at_most(key, most)? {
        return Ok(Within::Bytes(data));
    }
    let size = store.size(key)?;
    refuse_oversized(kind, key, size)?;
    if most == largest {
        // To be asked with more room would not end.
        let cause = format!("more than {most} bytes were to come of an object of {size}");
        return Err(StoreError::object(ErrorKind::Protocol, "read", key, cause));
    }
    Ok(Within::Larger(size))
}
