//! The bytes of a list file: its header, the header of each shard record, its index and its trailer.
//!
//! `docs/list-file.md` describes the format. This module reads and writes no files. All numbers are
//! little-endian. A CRC-32 covers every byte and detects any single changed byte.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::conf::backend::Location;
use crate::object::{KeyRange, LibraryId, ObjectKey, ObjectKind};

/// The version that this program writes, and the newest that it reads.
pub const VERSION: u16 = 1;

/// The first bytes of a list.
pub(super) const LIST_MAGIC: [u8; 8] = *b"SEAFLIST";
/// The first bytes of a journal.
pub(super) const JOURNAL_MAGIC: [u8; 8] = *b"SEAFJRNL";
/// The last bytes of a complete list.
const END_MAGIC: [u8; 8] = *b"SEAFLEND";

const IMPORTED: u8 = 1;
const OF_LIBRARY: u8 = 2;
/// The length in bytes of the header's fields before the library and the destination.
const HEADER_FIXED: usize = 34;
const HEADER_MAX: usize = 1 << 20;

/// The header of a list or a journal: its format, kind, library and destination.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) version: u16,
    pub(super) kind: ObjectKind,
    /// Whether it was made from a text list of the old script and not confirmed since.
    pub(super) imported: bool,
    /// A random number that identifies this index; a journal carries the number of its index.
    pub(super) set_id: u64,
    /// When the listing began, in seconds since 1970.
    pub(super) listed_at: u64,
    /// The one library that is listed; `None` when all are.
    pub(super) library: Option<LibraryId>,
    /// The destination, as its [`Location`] is displayed.
    pub(super) destination: String,
}

/// Why bytes cannot be read as the header of a list or a journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoHeader {
    /// There are too few of them.
    Short,
    /// They do not begin with the magic bytes.
    Magic,
    /// Their length, checksum or content is wrong.
    Changed,
}

impl Header {
    /// The header of a new list of the objects at `location`, of all libraries or of one, listed from now on.
    pub(super) fn new(location: &Location, library: Option<LibraryId>) -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let destination = location.to_string();
        let set_id = fastrand::u64(1..);
        Self { version: VERSION, kind: location.kind, imported: false, set_id, listed_at: now, library, destination }
    }

    /// The range of keys that a complete list with this header covers.
    pub(super) fn range(&self) -> KeyRange {
        self.library.map_or(KeyRange::ALL, KeyRange::library)
    }

    pub(super) fn encode(&self, magic: [u8; 8]) -> Vec<u8> {
        let library = self.library.as_ref().map_or(&[][..], |library| library.as_bytes());
        let length = HEADER_FIXED + library.len() + self.destination.len() + 4;
        let length = u32::try_from(length).expect("a store's name is short");
        let mut out = Vec::new();
        out.extend(magic);
        out.extend(length.to_le_bytes());
        out.extend(self.version.to_le_bytes());
        out.push(u8::try_from(self.kind.index()).expect("there are three kinds"));
        let of_library = if self.library.is_some() { OF_LIBRARY } else { 0 };
        out.push(of_library | if self.imported { IMPORTED } else { 0 });
        out.extend(self.set_id.to_le_bytes());
        out.extend(self.listed_at.to_le_bytes());
        out.extend([0; 2]);
        out.extend(library);
        out.extend(self.destination.as_bytes());
        seal(out)
    }

    /// Reads the header at the beginning of `bytes`; also returns its length in bytes.
    pub(super) fn decode(bytes: &[u8], magic: [u8; 8]) -> Result<(Self, usize), NoHeader> {
        let length = Self::length(bytes, magic)?;
        let mut from = Reader(unseal(bytes.get(..length).ok_or(NoHeader::Short)?).ok_or(NoHeader::Changed)?);
        from.take::<12>();
        let version = u16::from_le_bytes(from.take());
        let [kind, flags] = from.take();
        let (set_id, listed_at) = (from.number(), from.number());
        from.take::<2>();
        let kind = ObjectKind::ALL.get(usize::from(kind)).copied().ok_or(NoHeader::Changed)?;
        let mut rest = from.0;
        let library = if flags & OF_LIBRARY == 0 {
            None
        } else {
            let (library, name) = rest.split_first_chunk().ok_or(NoHeader::Changed)?;
            rest = name;
            Some(LibraryId::from_bytes(*library))
        };
        let destination = String::from_utf8(rest.to_vec()).map_err(|_| NoHeader::Changed)?;
        Ok((Self { version, kind, imported: flags & IMPORTED != 0, set_id, listed_at, library, destination }, length))
    }

    /// The length in bytes of the header that begins with these bytes, 12 or more.
    pub(super) fn length(bytes: &[u8], magic: [u8; 8]) -> Result<usize, NoHeader> {
        let start = bytes.first_chunk::<12>().ok_or(NoHeader::Short)?;
        let (mark, length) = start.split_at(8);
        if mark != magic {
            return Err(NoHeader::Magic);
        }
        let length = usize::try_from(Reader(length).short()).expect("32 bits fit");
        if (HEADER_FIXED + 4..=HEADER_MAX).contains(&length) { Ok(length) } else { Err(NoHeader::Changed) }
    }
}

/// The description of a shard, stored in the record header before it and again in the index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ShardMeta {
    /// The range of keys that the shard covers.
    pub(super) range: KeyRange,
    /// Its smallest key; the first key of the range when it holds none.
    pub(super) lowest: ObjectKey,
    pub(super) keys: u32,
    /// The number of leading digits that all its keys share; they are left out of the transducer.
    pub(super) shared: u8,
    /// The length of the transducer in bytes.
    pub(super) body: u32,
    /// The CRC-32 of the record header before this field and the transducer.
    pub(super) checksum: u32,
}

/// The length of the header of a shard record.
pub(super) const RECORD_HEADER: usize = 125;
const RECORD_MAGIC: [u8; 4] = *b"SHRD";
/// The largest transducer in bytes. No shard comes near it, so a larger number is damage and nothing is allocated.
const BODY_MAX: u32 = 16 << 20;

impl ShardMeta {
    /// The record header without its checksum.
    fn head(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(RECORD_HEADER);
        out.extend(RECORD_MAGIC);
        for key in [self.range.first(), self.range.last(), self.lowest] {
            out.extend(key.to_bytes());
        }
        out.extend(self.keys.to_le_bytes());
        out.push(self.shared);
        out.extend(self.body.to_le_bytes());
        out
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = self.head();
        out.extend(self.checksum.to_le_bytes());
        out
    }

    /// The checksum of the shard with this body.
    pub(super) fn checksum_over(&self, body: &[u8]) -> u32 {
        let mut hash = crc32fast::Hasher::new();
        hash.update(&self.head());
        hash.update(body);
        hash.finalize()
    }

    /// Reads a record header; `None` when its magic or a field is wrong. The caller compares the checksum.
    pub(super) fn decode(bytes: &[u8; RECORD_HEADER]) -> Option<Self> {
        let mut from = Reader(bytes);
        if from.take() != RECORD_MAGIC {
            return None;
        }
        let [first, last, lowest] = [from.take(), from.take(), from.take()].map(|key| ObjectKey::from_bytes(&key));
        let (keys, [shared], body) = (from.short(), from.take(), from.short());
        let range = KeyRange::new(first, last)?;
        let sound = range.contains(&lowest) && usize::from(shared) <= super::entry::DIGITS && body <= BODY_MAX;
        sound.then(|| Self { range, lowest, keys, shared, body, checksum: from.short() })
    }
}

/// A shard and where its record begins in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Shard {
    pub(super) offset: u64,
    pub(super) meta: ShardMeta,
}

impl Shard {
    /// The length in bytes of the record, header and body.
    pub(super) fn length(&self) -> u64 {
        RECORD_HEADER as u64 + u64::from(self.meta.body)
    }

    pub(super) fn end(&self) -> u64 {
        self.offset + self.length()
    }

    /// The position of the body in the file.
    pub(super) fn body(&self) -> std::ops::Range<usize> {
        let at = |offset: u64| usize::try_from(offset).expect("a mapped file fits the address space");
        at(self.offset) + RECORD_HEADER..at(self.end())
    }
}

const INDEX_LINE: usize = RECORD_HEADER + 8;
/// The length of the trailer.
pub(super) const TRAILER: usize = 36;

/// Returns the index and the trailer, which complete a list. `shards` are in ascending order of their
/// ranges; `at` is the position at which the index begins.
pub(super) fn encode_footer(header: &[u8], shards: &[Shard], at: u64) -> Vec<u8> {
    let mut out = Vec::with_capacity(shards.len() * INDEX_LINE + TRAILER);
    for shard in shards {
        out.extend(shard.offset.to_le_bytes());
        out.extend(shard.meta.encode());
    }
    let keys: u64 = shards.iter().map(|shard| u64::from(shard.meta.keys)).sum();
    let length = at + out.len() as u64 + TRAILER as u64;
    for number in [at, keys, length] {
        out.extend(number.to_le_bytes());
    }
    let sum = footer_checksum(header, &out);
    out.extend(sum.to_le_bytes());
    out.extend(END_MAGIC);
    out
}

/// The position of the index, read from the trailer of a file of `length` bytes; `None` when the trailer is wrong.
pub(super) fn index_offset(trailer: &[u8; TRAILER], length: u64) -> Option<u64> {
    let mut from = Reader(trailer);
    let (at, _keys, noted) = (from.number(), from.number(), from.number());
    let _checksum = from.short();
    let lines = length.checked_sub(TRAILER as u64)?.checked_sub(at)?;
    let sound = from.take() == END_MAGIC && noted == length && lines.is_multiple_of(INDEX_LINE as u64);
    sound.then_some(at)
}

/// Reads the shards from `footer`, the bytes between the last shard and the end of the file; `None`
/// when it was changed, or when the shards do not lie end to end, or do not cover every key of `whole` once.
pub(super) fn decode_footer(header: &[u8], footer: &[u8], at: u64, whole: KeyRange) -> Option<Vec<Shard>> {
    let (lines, trailer) = footer.split_at_checked(footer.len().checked_sub(TRAILER)?)?;
    let (summed, rest) = footer.split_at(footer.len() - 12);
    if Reader(rest).short() != footer_checksum(header, summed) {
        return None;
    }
    let shards: Vec<Shard> = lines.chunks_exact(INDEX_LINE).map(decode_line).collect::<Option<_>>()?;
    let keys: u64 = shards.iter().map(|shard| u64::from(shard.meta.keys)).sum();
    let mut trailer = Reader(trailer);
    trailer.number();
    let tiled = tiles_keys(&shards, whole) && tiles_file(&shards, header.len() as u64, at);
    (trailer.number() == keys && tiled).then_some(shards)
}

fn decode_line(line: &[u8]) -> Option<Shard> {
    let mut from = Reader(line);
    Some(Shard { offset: from.number(), meta: ShardMeta::decode(&from.take())? })
}

fn footer_checksum(header: &[u8], footer: &[u8]) -> u32 {
    let mut hash = crc32fast::Hasher::new();
    hash.update(header);
    hash.update(footer);
    hash.finalize()
}

/// Whether the ranges, in this order, cover every key of `whole` exactly once.
fn tiles_keys(shards: &[Shard], whole: KeyRange) -> bool {
    let ends = shards.first().zip(shards.last());
    let reach = ends.is_some_and(|(first, last)| {
        first.meta.range.first() == whole.first() && last.meta.range.last() == whole.last()
    });
    reach && shards.windows(2).all(|pair| pair[0].meta.range.is_followed_by(&pair[1].meta.range))
}

/// Whether the records fill the file from `from` to `to` without a gap.
fn tiles_file(shards: &[Shard], from: u64, to: u64) -> bool {
    let mut places: Vec<_> = shards.iter().map(|shard| (shard.offset, shard.length())).collect();
    places.sort_unstable();
    let end =
        places.iter().try_fold(from, |at, &(offset, length)| (offset == at).then(|| offset.checked_add(length))?);
    end == Some(to)
}

/// Appends a checksum over everything before it.
fn seal(mut bytes: Vec<u8>) -> Vec<u8> {
    let sum = crc32fast::hash(&bytes);
    bytes.extend(sum.to_le_bytes());
    bytes
}

/// Returns the bytes before the checksum at the end; `None` when the checksum is not theirs.
fn unseal(bytes: &[u8]) -> Option<&[u8]> {
    let (bytes, sum) = bytes.split_last_chunk::<4>()?;
    (crc32fast::hash(bytes) == u32::from_le_bytes(*sum)).then_some(bytes)
}

/// Reads fields from the front of bytes whose length was checked before.
struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> [u8; N] {
        let (field, rest) = self.0.split_first_chunk().expect("the length was checked");
        self.0 = rest;
        *field
    }

    fn short(&mut self) -> u32 {
        u32::from_le_bytes(self.take())
    }

    fn number(&mut self) -> u64 {
        u64::from_le_bytes(self.take())
    }
}
