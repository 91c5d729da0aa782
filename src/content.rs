//! The id that an object's bytes have, and what the formats of commits and fs objects say.
//!
//! An object's name is a hash of its content, but Seafile does not enforce it on what a sync client uploads, and a
//! power loss can leave short or empty files under final names. So [`check`] recomputes the id from the bytes; it runs
//! once for each object that is copied, and allocates nothing on the good path but a commit's escaped strings.
//!
//! A commit's id covers its root, author, description and time. Its parents and the key of an encrypted library are
//! not covered: a change there cannot be seen by anybody.

use std::fmt;

use sha1::{Digest, Sha1};

use crate::object::{ObjectId, ObjectKind};

pub mod commit;
pub mod fs_object;
mod inflate;
mod json;

pub use commit::Commit;
pub use fs_object::{Dirent, FsObject};
pub use inflate::INFLATED_MAX;

/// Whether an object's bytes are what its name says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IdCheck {
    /// The bytes have that id.
    Good,
    /// They do not.
    Damaged(Damage),
}

/// What is wrong with an object's bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Damage {
    /// There are none.
    Empty,
    /// They end in the middle.
    Truncated,
    /// They are compressed, and do not decompress: why.
    NotInflatable(&'static str),
    /// They are well formed, and their id is another one.
    WrongId {
        /// The id that they have.
        found: ObjectId,
    },
    /// They are not in the format of their kind: why.
    Malformed(String),
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("empty"),
            Self::Truncated => f.write_str("cut short"),
            Self::NotInflatable(why) => write!(f, "cannot be decompressed: {why}"),
            Self::WrongId { found } => write!(f, "content has the id {found}"),
            Self::Malformed(why) => write!(f, "malformed: {why}"),
        }
    }
}

/// An object that could be read, and whether it is the one that its name says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parsed<T> {
    /// What the bytes say.
    pub object: T,
    /// The id that the bytes have, when it is not their name.
    pub wrong_id: Option<ObjectId>,
}

/// Recomputes the id of `data`, the stored bytes of an object that is called `id`.
pub fn check(kind: ObjectKind, id: &ObjectId, data: &[u8]) -> IdCheck {
    let found = match kind {
        _ if data.is_empty() => Err(Damage::Empty),
        ObjectKind::Blocks => Ok(sha1_of(data)),
        ObjectKind::Fs => fs_object::id_of(data),
        ObjectKind::Commits => commit::id_of(id, data),
    };
    match found {
        Ok(found) if found == *id => IdCheck::Good,
        Ok(found) => IdCheck::Damaged(Damage::WrongId { found }),
        Err(damage) => IdCheck::Damaged(damage),
    }
}

/// The SHA-1 of `data`: the id of a block.
pub fn sha1_of(data: &[u8]) -> ObjectId {
    finish(Sha1::new_with_prefix(data))
}

fn finish(hash: Sha1) -> ObjectId {
    ObjectId::from_bytes(hash.finalize().into())
}

fn wrong_id(name: &ObjectId, found: ObjectId) -> Option<ObjectId> {
    (found != *name).then_some(found)
}
