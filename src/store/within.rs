//! Reads an object into as much memory as its reader has for it.

use bytes::Bytes;

use super::{ErrorKind, ReadStore, StoreError};
use crate::content::{FS_VIEW_MAX, INFLATED_MAX};
use crate::flow::budget::{Halted, Room};
use crate::object::{ObjectKey, ObjectKind};

/// The most stored bytes of a commit that are read: 64 MiB. Its strings take as much again, twice.
pub const COMMIT_MAX: u64 = 64 << 20;

/// The most bytes of a block that are read: 2 GiB. Far above what Seafile writes, and below what would eat the memory.
pub const BLOCK_MAX: u64 = 2 << 30;

/// The largest block that Seafile's chunking makes, in bytes, with what encryption adds to it.
const USUAL_BLOCK: u64 = (10 << 20) + 16;

/// What a commit takes in memory, times its stored bytes: these, and its strings twice.
const COMMIT_TIMES: u64 = 3;

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
        ObjectKind::Blocks => BLOCK_MAX,
    }
}

/// Refuses an object of `size` bytes that is larger than any of its kind can be: any user of the server can upload one, and
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

/// The room in bytes that is taken for an object before its size is known: enough for nearly all of its kind.
pub const fn first_room(kind: ObjectKind) -> u64 {
    match kind {
        ObjectKind::Commits => 64 << 10,
        ObjectKind::Fs => FS_VIEW_MAX + (256 << 10),
        ObjectKind::Blocks => USUAL_BLOCK,
    }
}

/// The bytes of memory that an object of `stored` bytes takes, with what it is unpacked to.
const fn taken(kind: ObjectKind, stored: u64) -> u64 {
    match kind {
        ObjectKind::Commits => stored.saturating_mul(COMMIT_TIMES),
        ObjectKind::Fs => stored.saturating_add(FS_VIEW_MAX),
        ObjectKind::Blocks => stored,
    }
}

/// The most stored bytes of an object that takes no more than `room` bytes of memory.
const fn most_stored(kind: ObjectKind, room: u64) -> u64 {
    match kind {
        ObjectKind::Commits => room / COMMIT_TIMES,
        ObjectKind::Fs => room.saturating_sub(FS_VIEW_MAX),
        ObjectKind::Blocks => room,
    }
}

/// The stored bytes of the object. What they are unpacked to is taken from the room, too.
///
/// # Errors
/// Those of [`read_within`], and [`Halted::Short`] when the room is too small; the object's bytes were not taken then.
pub fn read_in_room(
    store: &dyn ReadStore,
    kind: ObjectKind,
    key: &ObjectKey,
    room: &mut Room<'_>,
) -> Result<Bytes, Halted<StoreError>> {
    let data = match read_within(store, kind, key, most_stored(kind, room.left()))? {
        Within::Bytes(data) => data,
        Within::Larger(size) => return Err(room.short(taken(kind, size))),
    };
    room.take(taken(kind, data.len() as u64))?;
    Ok(data)
}

/// As [`read_in_room`], by [`ReadStore::read_again`].
///
/// # Errors
/// As [`read_in_room`], and those of [`ReadStore::read_again`].
pub fn read_again_in_room(
    store: &dyn ReadStore,
    kind: ObjectKind,
    key: &ObjectKey,
    room: &mut Room<'_>,
) -> Result<Bytes, Halted<StoreError>> {
    // Asked for first, because this reading has no limit. An object whose size is not told is still read, because it is
    // the reading that is the witness.
    let told = store.size(key).unwrap_or(USUAL_BLOCK);
    refuse_oversized(kind, key, told)?;
    room.take(taken(kind, told))?;
    let data = store.read_again(key)?;
    room.take(taken(kind, data.len() as u64).saturating_sub(taken(kind, told)))?;
    Ok(data)
}
