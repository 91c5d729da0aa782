//! The names of a Seafile store: kinds, library ids, object ids, and the key of an object.
//!
//! The key of an object is its library (a UUID) and its id (a SHA-1); the kind is one of three
//! namespaces. Binary keys sort as their texts do, because a text is lower-case hex of fixed
//! width. Every listing, index and range relies on this order.

use std::fmt;
use std::str::FromStr;

mod per_kind;
pub mod range;
pub mod selection;
mod text;

pub use per_kind::PerKind;
pub use range::KeyRange;

/// One of the three namespaces of a Seafile store.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ObjectKind {
    /// Commits, the snapshots of a library: JSON that names the root of a tree.
    Commits,
    /// Directories and file descriptions.
    Fs,
    /// Chunks of file content.
    Blocks,
}

impl ObjectKind {
    /// Every kind, in the order in which `seafile.conf` and the documentation name them.
    pub const ALL: [Self; 3] = [Self::Commits, Self::Fs, Self::Blocks];

    /// The order of copying. Objects are copied before the objects that refer to them, so that a commit
    /// at the destination never refers to a missing object.
    pub const COPY_ORDER: [Self; 3] = [Self::Blocks, Self::Fs, Self::Commits];

    /// The order of removal. Objects are removed before the objects that they refer to, so that after an interruption
    /// no object refers to a removed one.
    pub const REMOVE_ORDER: [Self; 3] = [Self::Commits, Self::Fs, Self::Blocks];

    /// The name used in paths, list files and log lines: `commits`, `fs` or `blocks`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Commits => "commits",
            Self::Fs => "fs",
            Self::Blocks => "blocks",
        }
    }

    /// The position of this kind in [`ObjectKind::ALL`], which list files and checkpoints store. In memory, [`PerKind`]
    /// holds a value for each kind.
    pub const fn index(self) -> usize {
        self as usize
    }
}

impl fmt::Display for ObjectKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for ObjectKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for ObjectKind {
    type Err = ParseNameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text).ok_or(ParseNameError::Kind)
    }
}

/// Why a text is not the name of a kind, a library, an object or a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseNameError {
    /// Not `commits`, `fs` or `blocks`.
    #[error("not one of commits, fs, blocks")]
    Kind,
    /// Not a UUID of 36 lower-case characters.
    #[error("not a library id (a lower-case UUID of 36 characters)")]
    Library,
    /// Not a SHA-1 of 40 lower-case hex digits.
    #[error("not an object id (40 lower-case hex digits)")]
    Object,
    /// Not `<library>/<object>`.
    #[error("not an object name (<library>/<object>)")]
    Key,
}

const HEX: &[u8; 16] = b"0123456789abcdef";

fn hex_value(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

/// Decodes lower-case hex into `out`; `None` when a digit is invalid or the length is not twice that of `out`.
pub(crate) fn decode_hex(text: &[u8], out: &mut [u8]) -> Option<()> {
    if text.len() != out.len() * 2 {
        return None;
    }
    for (byte, pair) in out.iter_mut().zip(text.chunks_exact(2)) {
        *byte = hex_value(pair[0])? << 4 | hex_value(pair[1])?;
    }
    Some(())
}

/// Writes `bytes` as lower-case hex into `out`, which is twice as long.
pub(crate) fn encode_hex(bytes: &[u8], out: &mut [u8]) {
    for (pair, byte) in out.chunks_exact_mut(2).zip(bytes) {
        pair[0] = HEX[usize::from(byte >> 4)];
        pair[1] = HEX[usize::from(byte & 15)];
    }
}

fn ascii(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("hex digits, dashes and slashes are ASCII")
}

/// A library ("repo" in Seafile's paths and tables): a UUID.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LibraryId([u8; 16]);

/// The begin and end of each group of hex digits in the text of a UUID.
const UUID_GROUPS: [(usize, usize); 5] = [(0, 8), (9, 13), (14, 18), (19, 23), (24, 36)];

impl LibraryId {
    /// The library with these 16 bytes.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The 16 bytes of the UUID, in the order of its text.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// Parses 36 characters of lower-case hex and dashes; anything else is `None`.
    pub fn parse(text: &[u8]) -> Option<Self> {
        if text.len() != 36 || [8, 13, 18, 23].iter().any(|&at| text[at] != b'-') {
            return None;
        }
        let (mut bytes, mut at) = ([0; 16], 0);
        for (from, to) in UUID_GROUPS {
            let width = (to - from) / 2;
            decode_hex(&text[from..to], &mut bytes[at..at + width])?;
            at += width;
        }
        Some(Self(bytes))
    }

    /// The 36 characters of the UUID.
    pub fn text(&self) -> [u8; 36] {
        let (mut out, mut at) = ([b'-'; 36], 0);
        for (from, to) in UUID_GROUPS {
            let width = (to - from) / 2;
            encode_hex(&self.0[at..at + width], &mut out[from..to]);
            at += width;
        }
        out
    }
}

impl fmt::Display for LibraryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(ascii(&self.text()))
    }
}

impl fmt::Debug for LibraryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for LibraryId {
    type Err = ParseNameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text.as_bytes()).ok_or(ParseNameError::Library)
    }
}

/// The name of an object inside its library: a SHA-1.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectId([u8; 20]);

impl ObjectId {
    /// The id of the empty file and of the empty directory; Seafile never stores it.
    pub const EMPTY: Self = Self([0; 20]);

    /// The id with these 20 bytes.
    pub const fn from_bytes(bytes: [u8; 20]) -> Self {
        Self(bytes)
    }

    /// The 20 bytes of the SHA-1.
    pub const fn as_bytes(&self) -> &[u8; 20] {
        &self.0
    }

    /// Parses exactly 40 lower-case hex digits.
    pub fn parse(text: &[u8]) -> Option<Self> {
        let mut bytes = [0; 20];
        decode_hex(text, &mut bytes)?;
        Some(Self(bytes))
    }

    /// The 40 lower-case hex digits.
    pub fn text(&self) -> [u8; 40] {
        let mut out = [0; 40];
        encode_hex(&self.0, &mut out);
        out
    }
}

impl fmt::Display for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(ascii(&self.text()))
    }
}

impl fmt::Debug for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for ObjectId {
    type Err = ParseNameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text.as_bytes()).ok_or(ParseNameError::Object)
    }
}

/// The name of an object within its kind: library and id.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectKey {
    /// The library whose directory, key prefix or namespace holds the object.
    pub library: LibraryId,
    /// The object's id inside that library.
    pub id: ObjectId,
}

impl ObjectKey {
    /// The length of the binary form, in bytes.
    pub const LEN: usize = 36;
    /// The smallest key.
    pub const MIN: Self = Self { library: LibraryId([0; 16]), id: ObjectId([0; 20]) };
    /// The largest key.
    pub const MAX: Self = Self { library: LibraryId([255; 16]), id: ObjectId([255; 20]) };

    /// The key of object `id` of `library`.
    pub const fn new(library: LibraryId, id: ObjectId) -> Self {
        Self { library, id }
    }

    /// The binary form: 16 bytes of library, 20 bytes of id. It sorts as the keys do.
    pub fn to_bytes(self) -> [u8; Self::LEN] {
        let mut out = [0; Self::LEN];
        out[..16].copy_from_slice(&self.library.0);
        out[16..].copy_from_slice(&self.id.0);
        out
    }

    /// The key whose binary form this is.
    pub fn from_bytes(bytes: &[u8; Self::LEN]) -> Self {
        let (mut library, mut id) = ([0; 16], [0; 20]);
        library.copy_from_slice(&bytes[..16]);
        id.copy_from_slice(&bytes[16..]);
        Self { library: LibraryId(library), id: ObjectId(id) }
    }

    /// Parses `<library>/<object>`, the name used by S3, OSS, Swift and the old text lists.
    pub fn parse(text: &[u8]) -> Option<Self> {
        if text.len() != 77 || text[36] != b'/' {
            return None;
        }
        Some(Self { library: LibraryId::parse(&text[..36])?, id: ObjectId::parse(&text[37..])? })
    }

    /// The 77 characters `<library>/<object>`.
    pub fn text(&self) -> [u8; 77] {
        let mut out = [b'/'; 77];
        out[..36].copy_from_slice(&self.library.text());
        out[37..].copy_from_slice(&self.id.text());
        out
    }

    /// The next key in order; `None` for [`ObjectKey::MAX`].
    pub fn successor(self) -> Option<Self> {
        step(self.to_bytes(), 255, 0, |byte| byte + 1)
    }

    /// The previous key in order; `None` for [`ObjectKey::MIN`].
    pub fn predecessor(self) -> Option<Self> {
        step(self.to_bytes(), 0, 255, |byte| byte - 1)
    }
}

/// Adds one to a key, or subtracts one, as to a number: a byte at `limit` becomes `wrapped` and carries to the next.
fn step(mut bytes: [u8; ObjectKey::LEN], limit: u8, wrapped: u8, change: fn(u8) -> u8) -> Option<ObjectKey> {
    for byte in bytes.iter_mut().rev() {
        if *byte != limit {
            *byte = change(*byte);
            return Some(ObjectKey::from_bytes(&bytes));
        }
        *byte = wrapped;
    }
    None
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(ascii(&self.text()))
    }
}

impl fmt::Debug for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for ObjectKey {
    type Err = ParseNameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text.as_bytes()).ok_or(ParseNameError::Key)
    }
}
