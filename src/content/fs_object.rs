//! Directories and file descriptions, in the current format (JSON compressed with zlib) and the legacy format (binary).
//!
//! Layouts and ids: haiwen/seafile-server, common/fs-mgr.c. The id of version 1 is the SHA-1 of the JSON. Version 0 is
//! big-endian. A file is be32 1, be64 size and 20 bytes per block id; its id is the SHA-1 of the block ids. A directory
//! is be32 3 and, for each child, be32 mode, 40 characters of id, be32 length and name; its id is the SHA-1 of the id,
//! name and mode of each child, with the mode little-endian.

use sha1::{Digest, Sha1};

use super::fs_json::{self, DIR, FILE, FsKind, Item, RawDirent};
use super::inflate::{inflate, is_zlib};
use super::{Damage, Parsed, finish, sha1_of, wrong_id};
use crate::object::ObjectId;

/// A parsed fs object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FsObject {
    /// A file.
    File {
        /// Its blocks in order.
        block_ids: Vec<ObjectId>,
        /// Its length in bytes.
        size: u64,
    },
    /// A directory.
    Dir {
        /// Its children.
        entries: Vec<Dirent>,
    },
}

/// A child of a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dirent {
    /// The fs object of the child; [`ObjectId::EMPTY`] for an empty file or directory.
    pub id: ObjectId,
    /// The type and permission bits of `stat`.
    pub mode: u32,
    /// Its name. Bytes that are not UTF-8 show as U+FFFD.
    pub name: String,
}

impl Dirent {
    /// Whether the entry says that the child is a directory.
    pub const fn is_dir(&self) -> bool {
        self.mode & 0o170_000 == 0o040_000
    }
}

/// The length of a legacy entry before its name, in bytes.
const ENTRY_HEAD: usize = 4 + 40 + 4;
/// The longest name that Seafile keeps, in bytes (`SEAF_DIR_NAME_LEN` less the NUL).
const NAME_MAX: usize = 255;

/// The id of the stored bytes of an fs object.
pub(super) fn id_of(data: &[u8]) -> Result<ObjectId, Damage> {
    if is_zlib(data) {
        let mut hash = Sha1::new();
        inflate(data, |piece| hash.update(piece))?;
        return Ok(finish(hash));
    }
    match Legacy::of(data)? {
        Legacy::File { blocks, .. } => Ok(sha1_of(blocks)),
        Legacy::Dir(mut rest) => {
            let mut hash = Sha1::new();
            while let Some(entry) = LegacyEntry::next(&mut rest)? {
                entry.hash(&mut hash);
            }
            Ok(finish(hash))
        }
    }
}

impl FsObject {
    /// Parses the stored bytes of the fs object `name`. All that it names is in memory then; [`FsView`](super::FsView)
    /// reads one of any size in little memory, and has only small legacy ones parsed here. Compressed ones are parsed here
    /// by tests and fuzzers alone, which hold what a view says against it.
    ///
    /// # Errors
    /// When they are not an fs object.
    pub fn parse(name: &ObjectId, data: &[u8]) -> Result<Parsed<Self>, Damage> {
        if data.is_empty() {
            return Err(Damage::Empty);
        }
        let (found, object) = if is_zlib(data) { compressed(data)? } else { legacy(data)? };
        Ok(Parsed { object, wrong_id: wrong_id(name, found) })
    }
}

/// What `json` says.
pub(super) fn of_json(json: &[u8]) -> Result<FsObject, Damage> {
    let (mut entries, mut block_ids) = (Vec::new(), Vec::new());
    let kind = fs_json::of_slice(json, &mut |item| match item {
        Item::Entry(entry) => entries.push(Dirent::of(&entry)),
        Item::Block(id) => block_ids.push(id),
    })?;
    Ok(match kind {
        FsKind::File { size } => FsObject::File { block_ids, size },
        FsKind::Dir => FsObject::Dir { entries },
    })
}

impl Dirent {
    pub(super) fn of(entry: &RawDirent<'_>) -> Self {
        Self { id: entry.id(), mode: entry.mode, name: entry.name() }
    }
}

fn compressed(data: &[u8]) -> Result<(ObjectId, FsObject), Damage> {
    let mut json = Vec::new();
    inflate(data, |piece| json.extend_from_slice(piece))?;
    Ok((sha1_of(&json), of_json(&json)?))
}

fn legacy(data: &[u8]) -> Result<(ObjectId, FsObject), Damage> {
    match Legacy::of(data)? {
        Legacy::File { size, blocks } => {
            let (ids, _) = blocks.as_chunks::<20>();
            let block_ids = ids.iter().map(|id| ObjectId::from_bytes(*id)).collect();
            Ok((sha1_of(blocks), FsObject::File { block_ids, size }))
        }
        Legacy::Dir(mut rest) => {
            let (mut hash, mut entries) = (Sha1::new(), Vec::new());
            while let Some(entry) = LegacyEntry::next(&mut rest)? {
                entry.hash(&mut hash);
                entries.push(entry.entry()?);
            }
            Ok((finish(hash), FsObject::Dir { entries }))
        }
    }
}

/// A legacy object after its first word.
pub(super) enum Legacy<'a> {
    File { size: u64, blocks: &'a [u8] },
    Dir(&'a [u8]),
}

impl<'a> Legacy<'a> {
    pub(super) fn of(data: &'a [u8]) -> Result<Self, Damage> {
        let (word, rest) = data.split_first_chunk().ok_or(Damage::Truncated)?;
        match u32::from_be_bytes(*word) {
            FILE => {
                let (size, blocks) = rest.split_first_chunk().ok_or(Damage::Truncated)?;
                if !blocks.len().is_multiple_of(20) {
                    return Err(Damage::Truncated);
                }
                Ok(Self::File { size: u64::from_be_bytes(*size), blocks })
            }
            DIR => Ok(Self::Dir(rest)),
            _ => Err(Damage::Malformed("neither compressed nor in the legacy format".to_owned())),
        }
    }
}

/// An entry of a legacy directory.
pub(super) struct LegacyEntry<'a> {
    mode: u32,
    id: &'a [u8; 40],
    name: &'a [u8],
}

impl<'a> LegacyEntry<'a> {
    /// Reads the next entry from `rest`; `None` at the end.
    pub(super) fn next(rest: &mut &'a [u8]) -> Result<Option<Self>, Damage> {
        if rest.is_empty() {
            return Ok(None);
        }
        let (head, after) = rest.split_first_chunk::<ENTRY_HEAD>().ok_or(Damage::Truncated)?;
        let (mode, head) = head.split_first_chunk().expect("the head begins with four bytes of mode");
        let (id, head) = head.split_first_chunk().expect("40 characters of id follow the mode");
        let length: &[u8; 4] = head.try_into().expect("four bytes of length end the head");
        let length = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
        if length > NAME_MAX {
            return Err(Damage::Malformed(format!("a name of {length} bytes, {NAME_MAX} are allowed")));
        }
        let (name, after) = after.split_at_checked(length).ok_or(Damage::Truncated)?;
        *rest = after;
        Ok(Some(Self { mode: u32::from_be_bytes(*mode), id, name }))
    }

    pub(super) fn hash(&self, hash: &mut Sha1) {
        hash.update(self.id);
        hash.update(self.name);
        // Little-endian, because the C server hashes the word as it is in memory, and servers run on little-endian
        // machines.
        hash.update(self.mode.to_le_bytes());
    }

    pub(super) fn entry(&self) -> Result<Dirent, Damage> {
        let id = ObjectId::parse(self.id)
            .ok_or_else(|| Damage::Malformed("an object id is not 40 lower-case hex digits".to_owned()))?;
        Ok(Dirent { id, mode: self.mode, name: String::from_utf8_lossy(self.name).into_owned() })
    }
}
