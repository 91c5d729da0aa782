//! Computes the id of an object's bytes, and parses commits and fs objects.
//!
//! The id of an object is a hash of its content, but Seafile does not check the ids of uploads by sync clients, and a
//! power loss can leave short or empty files under final names. So [`check`] recomputes the id from the bytes. It runs
//! once for each object that is copied; for a good object it allocates nothing but a commit's escaped strings.
//!
//! The id of a commit covers its root, author, description and time. It does not cover its parents and the key of an
//! encrypted library, so a change of these cannot be detected from the id.

use std::fmt;

use sha1::{Digest, Sha1};

use crate::object::{ObjectId, ObjectKind};

pub mod commit;
mod fs_json;
pub mod fs_object;
mod fs_view;
mod inflate;
mod json;
mod json_text;

pub use commit::Commit;
pub use fs_json::FsKind;
pub use fs_object::{Dirent, FsObject};
pub use fs_view::{FS_VIEW_MAX, FsView};
pub use inflate::INFLATED_MAX;

/// Whether an object's bytes have its id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IdCheck {
    /// The bytes have the id.
    Good,
    /// The bytes do not have the id, or have none.
    Damaged(Damage),
}

/// What is wrong with an object's bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Damage {
    /// There are no bytes.
    Empty,
    /// The bytes end too early.
    Truncated,
    /// The bytes are compressed and cannot be decompressed; the text is the reason.
    NotInflatable(&'static str),
    /// The bytes are well formed and have another id.
    WrongId {
        /// The id that they have.
        found: ObjectId,
    },
    /// The bytes are not in the format of their kind; the text is the reason.
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

/// An object that was parsed, and whether its bytes have its id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parsed<T> {
    /// The parsed object.
    pub object: T,
    /// The id of the bytes when it differs from the object's id.
    pub wrong_id: Option<ObjectId>,
}

/// Recomputes the id of `data`, the stored bytes of the object `id`, and compares the two.
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

/// The id of a block whose bytes come bit by bit.
#[derive(Clone, Debug, Default)]
pub struct BlockHash(Sha1);

impl BlockHash {
    /// More bytes.
    pub fn add(&mut self, data: &[u8]) {
        self.0.update(data);
    }

    /// The id of all bytes that were added.
    pub fn id(self) -> ObjectId {
        finish(self.0)
    }
}

fn finish(hash: Sha1) -> ObjectId {
    ObjectId::from_bytes(hash.finalize().into())
}

/// The most characters that are kept of why JSON is wrong, because a part of it may be the object's own text.
const REASON_MAX: usize = 200;

/// That JSON is not what it must be. Where in the text is left out, because the text is not the one that is stored.
#[expect(clippy::needless_pass_by_value, reason = "it is the last that is done with the error")]
fn malformed(error: serde_json::Error) -> Damage {
    let text = error.to_string();
    let reason = text.rsplit_once(" at line ").map_or(&*text, |(reason, _)| reason);
    Damage::Malformed(match reason.char_indices().nth(REASON_MAX) {
        Some((end, _)) => format!("{}…", &reason[..end]),
        None => reason.to_owned(),
    })
}

fn wrong_id(name: &ObjectId, found: ObjectId) -> Option<ObjectId> {
    (found != *name).then_some(found)
}
