//! Commits: JSON objects that the C server, the Go file server and the sync clients write.
//!
//! Two formulas make a commit's id (haiwen/seafile-server, common/commit-mgr.c `compute_commit_id` and
//! fileserver/commitmgr/commitmgr.go `computeCommitID`): the SHA-1 of root id, creator, creator name, description and
//! be64 time; in C each string ends in a NUL and a creator name that is null is left out, in Go there is no NUL.

use serde::Deserialize;
use sha1::{Digest, Sha1};

use super::json::{Id, Text};
use super::{Damage, Parsed, finish, wrong_id};
use crate::object::{LibraryId, ObjectId};

/// A snapshot of a library.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commit {
    /// The library whose snapshot it is.
    pub repo_id: LibraryId,
    /// The directory at the root; [`ObjectId::EMPTY`] for an empty library.
    pub root_id: ObjectId,
    /// The previous commit; `None` for the first one.
    pub parent_id: Option<ObjectId>,
    /// The other parent of a merge; `None` for other commits.
    pub second_parent_id: Option<ObjectId>,
    /// When it was made, in seconds since 1970.
    pub ctime: i64,
    /// Who made it, usually an e-mail address.
    pub creator_name: Option<String>,
    /// A description of the change.
    pub description: String,
    /// The library's name at that time.
    pub repo_name: Option<String>,
    /// The format of the library's fs objects: 0 binary, 1 compressed JSON.
    pub version: i64,
    /// Whether the library's blocks are encrypted.
    pub encrypted: bool,
}

#[derive(Deserialize)]
struct Raw<'a> {
    #[serde(borrow)]
    commit_id: Text<'a>,
    repo_id: Text<'a>,
    root_id: Text<'a>,
    creator: Text<'a>,
    #[serde(default)]
    creator_name: Option<Text<'a>>,
    #[serde(default)]
    description: Option<Text<'a>>,
    ctime: i64,
    #[serde(default)]
    parent_id: Option<Id>,
    #[serde(default)]
    second_parent_id: Option<Id>,
    #[serde(default)]
    repo_name: Option<Text<'a>>,
    #[serde(default)]
    encrypted: Option<Text<'a>>,
    #[serde(default)]
    version: Option<i64>,
}

impl Raw<'_> {
    /// The id by one of the two formulas: each string is followed by `end`.
    fn id(&self, end: &[u8]) -> ObjectId {
        let mut hash = Sha1::new();
        let description = self.description.as_ref().map_or(&[][..], |text| &text.0);
        hash.update(&self.root_id.0);
        hash.update(end);
        hash.update(&self.creator.0);
        hash.update(end);
        if let Some(name) = &self.creator_name {
            hash.update(&name.0);
            hash.update(end);
        }
        hash.update(description);
        hash.update(end);
        hash.update(self.ctime.to_be_bytes());
        finish(hash)
    }

    /// The id of the content by Go's formula when that gives `name`, else by the C formula.
    fn id_beside(&self, name: &ObjectId) -> ObjectId {
        let go = self.id(b"");
        if go == *name { go } else { self.id(b"\0") }
    }
}

fn read(data: &[u8]) -> Result<Raw<'_>, Damage> {
    // The NUL is cut off, because old servers stored it at the end of the text and the server still reads such commits.
    let text = data.strip_suffix(b"\0").unwrap_or(data);
    serde_json::from_slice(text).map_err(|error| match error.is_eof() {
        true => Damage::Truncated,
        false => super::malformed(error),
    })
}

fn required<T>(value: Option<T>, why: &str) -> Result<T, Damage> {
    value.ok_or_else(|| Damage::Malformed(why.to_owned()))
}

/// Checks the fields that a server requires; returns the library, the root, and the commit's own `commit_id`.
fn sanity(raw: &Raw<'_>) -> Result<(LibraryId, ObjectId, ObjectId), Damage> {
    let own = required(ObjectId::parse(&raw.commit_id.0), "commit_id is not an object id")?;
    let library = required(LibraryId::parse(&raw.repo_id.0), "repo_id is not a library id")?;
    let root = required(ObjectId::parse(&raw.root_id.0), "root_id is not an object id")?;
    required((raw.creator.0.len() == 40).then_some(()), "creator is not an id of 40 characters")?;
    Ok((library, root, own))
}

/// The id of a commit's bytes: its `commit_id` when that is not `name`, else the hash of its content.
pub(super) fn id_of(name: &ObjectId, data: &[u8]) -> Result<ObjectId, Damage> {
    let raw = read(data)?;
    let (_, _, own) = sanity(&raw)?;
    Ok(if own == *name { raw.id_beside(name) } else { own })
}

impl Commit {
    /// Parses the stored bytes of the commit `name`.
    ///
    /// # Errors
    /// When they are not a commit that Seafile accepts.
    pub fn parse(name: &ObjectId, data: &[u8]) -> Result<Parsed<Self>, Damage> {
        if data.is_empty() {
            return Err(Damage::Empty);
        }
        let raw = read(data)?;
        let (repo_id, root_id, own) = sanity(&raw)?;
        let found = if own == *name { raw.id_beside(name) } else { own };
        let object = Self {
            repo_id,
            root_id,
            parent_id: raw.parent_id.map(|id| id.0),
            second_parent_id: raw.second_parent_id.map(|id| id.0),
            ctime: raw.ctime,
            creator_name: raw.creator_name.as_ref().map(Text::lossy),
            description: raw.description.as_ref().map(Text::lossy).unwrap_or_default(),
            repo_name: raw.repo_name.as_ref().map(Text::lossy),
            version: raw.version.unwrap_or(0),
            encrypted: raw.encrypted.is_some_and(|text| *text.0 == *b"true"),
        };
        Ok(Parsed { object, wrong_id: wrong_id(name, found) })
    }

    /// The parents: none for the first commit, two for a merge, else one.
    pub fn parents(&self) -> impl Iterator<Item = ObjectId> {
        self.parent_id.into_iter().chain(self.second_parent_id)
    }
}
