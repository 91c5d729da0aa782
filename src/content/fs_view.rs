//! An fs object of any size, read in little memory.
//!
//! A small one is parsed whole. A large one is read from one end to the other twice: once to see that it is well formed,
//! and once more to hand on what it names, so that nothing is said of an object that turns out to be damaged.

use sha1::{Digest, Sha1};

use super::fs_json::{FsKind, Item, of_stream};
use super::fs_object::{Legacy, LegacyEntry, of_json};
use super::inflate::{Inflating, is_zlib};
use super::{Damage, Dirent, FsObject, finish, sha1_of, wrong_id};
use crate::object::ObjectId;

/// The most bytes of content that are parsed whole; a directory of 1,500 entries has as many.
const SMALL: usize = 256 << 10;

/// The most bytes that an [`FsView`] takes beside the stored bytes: of a small object its content and what was parsed of it,
/// of a large one the pieces that it is read in.
pub const FS_VIEW_MAX: u64 = 3 * SMALL as u64;

/// A well-formed fs object.
#[derive(Debug)]
pub struct FsView<'d> {
    /// What it is.
    pub kind: FsKind,
    /// The id of its bytes when it differs from the object's id.
    pub wrong_id: Option<ObjectId>,
    /// The number of its entries or block ids.
    pub count: u64,
    names: Names<'d>,
}

/// Where the names of an object are.
#[derive(Debug)]
enum Names<'d> {
    Parsed(FsObject),
    Json(&'d [u8]),
    Legacy(&'d [u8]),
}

impl<'d> FsView<'d> {
    /// Reads the stored bytes of the fs object `name` to their end.
    ///
    /// # Errors
    /// When they are not an fs object.
    pub fn open(name: &ObjectId, data: &'d [u8]) -> Result<Self, Damage> {
        Ok(Self::open_while(&|| true, name, data)?.expect("it is wanted to its end"))
    }

    /// As [`open`](Self::open); `None` when `is_wanted` said no before the content was decompressed, which many threads may
    /// wait for and which may take seconds.
    ///
    /// # Errors
    /// When the bytes are not an fs object.
    pub fn open_while(is_wanted: &dyn Fn() -> bool, name: &ObjectId, data: &'d [u8]) -> Result<Option<Self>, Damage> {
        if data.is_empty() {
            return Err(Damage::Empty);
        }
        let opened = match (is_zlib(data), data.len() <= SMALL) {
            (true, _) => compressed(data, is_wanted)?,
            (false, true) => {
                let parsed = FsObject::parse(name, data)?;
                return Ok(Some(Self { wrong_id: parsed.wrong_id, ..Self::of(parsed.object) }));
            }
            (false, false) => Some(legacy(data)?),
        };
        Ok(opened.map(|(found, kind, count, names)| Self { kind, wrong_id: wrong_id(name, found), count, names }))
    }

    fn of(object: FsObject) -> Self {
        let (kind, count) = match &object {
            FsObject::File { block_ids, size } => (FsKind::File { size: *size }, block_ids.len()),
            FsObject::Dir { entries } => (FsKind::Dir, entries.len()),
        };
        Self { kind, wrong_id: None, count: count as u64, names: Names::Parsed(object) }
    }

    /// Calls `each` with each child of the directory, in order; with none for a file. `each` must not read another object.
    pub fn entries(&self, mut each: impl FnMut(&Dirent)) {
        match &self.names {
            Names::Parsed(FsObject::Dir { entries }) => entries.iter().for_each(each),
            Names::Parsed(FsObject::File { .. }) => {}
            Names::Json(data) => again(data, |item| {
                if let (Item::Entry(entry), FsKind::Dir) = (item, self.kind) {
                    each(&Dirent::of(&entry));
                }
            }),
            Names::Legacy(data) => {
                if let Ok(Legacy::Dir(mut rest)) = Legacy::of(data) {
                    while let Ok(Some(entry)) = LegacyEntry::next(&mut rest) {
                        each(&entry.entry().expect("its id was read before"));
                    }
                }
            }
        }
    }

    /// Calls `each` with the id of each block of the file, in order; with none for a directory. `each` must not read another
    /// object.
    pub fn blocks(&self, mut each: impl FnMut(ObjectId)) {
        match &self.names {
            Names::Parsed(FsObject::File { block_ids, .. }) => block_ids.iter().copied().for_each(each),
            Names::Parsed(FsObject::Dir { .. }) => {}
            Names::Json(data) => again(data, |item| {
                if let (Item::Block(id), FsKind::File { .. }) = (item, self.kind) {
                    each(id);
                }
            }),
            Names::Legacy(data) => {
                if let Ok(Legacy::File { blocks, .. }) = Legacy::of(data) {
                    let (ids, _) = blocks.as_chunks::<20>();
                    ids.iter().for_each(|id| each(ObjectId::from_bytes(*id)));
                }
            }
        }
    }
}

/// Reads JSON that was read to its end before.
fn again(data: &[u8], mut each: impl FnMut(Item<'_>)) {
    of_stream(data, &mut each).expect("the same bytes were well formed before");
}

type Opened<'d> = (ObjectId, FsKind, u64, Names<'d>);

fn compressed<'d>(data: &'d [u8], is_wanted: &dyn Fn() -> bool) -> Result<Option<Opened<'d>>, Damage> {
    match small(data, is_wanted)? {
        Content::Small(json) => {
            let FsView { kind, count, names, .. } = FsView::of(of_json(&json)?);
            return Ok(Some((sha1_of(&json), kind, count, names)));
        }
        Content::NotWanted => return Ok(None),
        Content::Large => {}
    }
    let (mut entries, mut blocks) = (0, 0);
    let (found, kind) = of_stream(data, &mut |item| match item {
        Item::Entry(_) => entries += 1,
        Item::Block(_) => blocks += 1,
    })?;
    let count = if kind == FsKind::Dir { entries } else { blocks };
    // One that names nothing is not read again.
    let names = if count == 0 { FsView::of(nothing(kind)).names } else { Names::Json(data) };
    Ok(Some((found, kind, count, names)))
}

const fn nothing(kind: FsKind) -> FsObject {
    match kind {
        FsKind::File { size } => FsObject::File { block_ids: Vec::new(), size },
        FsKind::Dir => FsObject::Dir { entries: Vec::new() },
    }
}

/// What decompressing the first pieces of an object gives.
enum Content {
    /// All of it.
    Small(Vec<u8>),
    /// There is more than is parsed whole.
    Large,
    /// Nobody wants it any more.
    NotWanted,
}

fn small(data: &[u8], is_wanted: &dyn Fn() -> bool) -> Result<Content, Damage> {
    let (mut stream, mut json) = (Inflating::new(data), Vec::new());
    // Asked after the wait for a decompressor.
    if !is_wanted() {
        return Ok(Content::NotWanted);
    }
    while let Some(piece) = stream.next()? {
        if json.len() + piece.len() > SMALL {
            return Ok(Content::Large);
        }
        json.extend_from_slice(piece);
    }
    Ok(Content::Small(json))
}

fn legacy(data: &[u8]) -> Result<Opened<'_>, Damage> {
    match Legacy::of(data)? {
        Legacy::File { size, blocks } => {
            Ok((sha1_of(blocks), FsKind::File { size }, blocks.len() as u64 / 20, Names::Legacy(data)))
        }
        Legacy::Dir(mut rest) => {
            let (mut hash, mut count) = (Sha1::new(), 0);
            while let Some(entry) = LegacyEntry::next(&mut rest)? {
                entry.hash(&mut hash);
                entry.entry()?;
                count += 1;
            }
            Ok((finish(hash), FsKind::Dir, count, Names::Legacy(data)))
        }
    }
}
