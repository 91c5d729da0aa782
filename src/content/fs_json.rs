//! The JSON of fs objects, read without holding it: each entry and each block id is handed on as it comes.

use std::fmt;
use std::io::{self, Read};

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use sha1::{Digest, Sha1};

use super::inflate::Inflating;
use super::json::{Id, Text};
use super::json_text::JsonText;
use super::{Damage, finish, malformed};
use crate::object::ObjectId;

/// The values of `type`, and of the first word of the legacy format.
pub(super) const FILE: u32 = 1;
pub(super) const DIR: u32 = 3;

/// What an fs object names.
pub(super) enum Item<'a> {
    /// A child of a directory.
    Entry(RawDirent<'a>),
    /// A block of a file.
    Block(ObjectId),
}

/// A child of a directory, as it is written.
#[derive(Deserialize)]
pub(super) struct RawDirent<'a> {
    id: Id,
    pub(super) mode: u32,
    #[serde(borrow)]
    name: Text<'a>,
}

impl RawDirent<'_> {
    pub(super) const fn id(&self) -> ObjectId {
        self.id.0
    }

    pub(super) fn name(&self) -> String {
        self.name.lossy()
    }
}

/// What kind of fs object it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FsKind {
    /// A file.
    File {
        /// Its length in bytes.
        size: u64,
    },
    /// A directory.
    Dir,
}

/// Reads the whole `json`; calls `each` with what it names, also where the rest turns out to be wrong.
pub(super) fn of_slice(json: &[u8], each: &mut dyn FnMut(Item<'_>)) -> Result<FsKind, Damage> {
    let mut reader = serde_json::Deserializer::from_slice(json);
    let fields = Object { each }.deserialize(&mut reader);
    fields.and_then(|fields| reader.end().map(|()| fields)).map_err(malformed)?.kind()
}

/// As [`of_slice`], with the JSON decompressed from `data` on the way; also returns the id of the JSON.
pub(super) fn of_stream(data: &[u8], each: &mut dyn FnMut(Item<'_>)) -> Result<(ObjectId, FsKind), Damage> {
    let mut source = Source {
        stream: Inflating::new(data),
        hash: Sha1::new(),
        text: JsonText::default(),
        held: (0, 0),
        damage: None,
    };
    let mut reader = serde_json::Deserializer::from_reader(&mut source);
    let fields = Object { each }.deserialize(&mut reader);
    // The end is read, too, so that the whole of the content is hashed.
    let fields = fields.and_then(|fields| reader.end().map(|()| fields));
    match (source.damage, fields) {
        (Some(damage), _) => Err(damage),
        (None, Ok(fields)) => Ok((finish(source.hash), fields.kind()?)),
        (None, Err(error)) => Err(malformed(error)),
    }
}

/// The JSON that comes out of a stream, hashed and shortened.
struct Source<'d> {
    stream: Inflating<'d>,
    hash: Sha1,
    text: JsonText,
    /// What of the last piece is not read yet.
    held: (usize, usize),
    /// Why there is no more.
    damage: Option<Damage>,
}

impl Source<'_> {
    /// The length of the next piece; 0 at the end.
    fn next(&mut self) -> Result<usize, Damage> {
        while let Some(piece) = self.stream.next()? {
            self.hash.update(&*piece);
            let kept = self.text.shorten(piece).map_err(|why| Damage::Malformed(why.to_owned()))?;
            if kept > 0 {
                return Ok(kept);
            }
        }
        Ok(0)
    }
}

impl Read for Source<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.held.0 == self.held.1 {
            let length = self.next().map_err(|damage| {
                let error = io::Error::other(damage.to_string());
                self.damage = Some(damage);
                error
            })?;
            self.held = (0, length);
        }
        let (from, to) = self.held;
        let length = (to - from).min(out.len());
        out[..length].copy_from_slice(self.stream.last_piece(from, from + length));
        self.held.0 += length;
        Ok(length)
    }
}

/// The fields of an object beside what it names.
#[derive(Default)]
struct Fields {
    kind: Option<u32>,
    size: Option<Option<u64>>,
    block_ids: Option<Option<()>>,
    dirents: Option<Option<()>>,
}

impl Fields {
    fn kind(self) -> Result<FsKind, Damage> {
        let wrong = |why: &str| Err(Damage::Malformed(why.to_owned()));
        match (self.kind, self.block_ids.flatten(), self.size.flatten(), self.dirents.flatten()) {
            (Some(FILE), Some(()), Some(size), _) => Ok(FsKind::File { size }),
            (Some(DIR), _, _, Some(())) => Ok(FsKind::Dir),
            (Some(FILE), ..) => wrong("a file without block_ids or size"),
            (Some(DIR), ..) => wrong("a directory without dirents"),
            (Some(kind), ..) => wrong(&format!("type {kind} is neither a file (1) nor a directory (3)")),
            (None, ..) => wrong("missing field `type`"),
        }
    }
}

#[derive(Deserialize)]
#[serde(field_identifier, rename_all = "snake_case")]
enum Field {
    Type,
    Size,
    BlockIds,
    Dirents,
    #[serde(other)]
    Other,
}

struct Object<'f> {
    each: &'f mut dyn FnMut(Item<'_>),
}

impl<'de> DeserializeSeed<'de> for Object<'_> {
    type Value = Fields;

    fn deserialize<D: Deserializer<'de>>(self, object: D) -> Result<Fields, D::Error> {
        object.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Object<'_> {
    type Value = Fields;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a directory or a file, a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
        let Self { each } = self;
        let mut fields = Fields::default();
        while let Some(field) = map.next_key()? {
            match field {
                Field::Type => once("type", &mut fields.kind, map.next_value()?)?,
                Field::Size => once("size", &mut fields.size, map.next_value()?)?,
                Field::BlockIds => {
                    let ids = List { of: Listed::Blocks, each: &mut *each };
                    once("block_ids", &mut fields.block_ids, map.next_value_seed(ids)?)?;
                }
                Field::Dirents => {
                    let entries = List { of: Listed::Entries, each: &mut *each };
                    once("dirents", &mut fields.dirents, map.next_value_seed(entries)?)?;
                }
                Field::Other => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        match fields.kind {
            Some(_) => Ok(fields),
            None => Err(A::Error::missing_field("type")),
        }
    }
}

fn once<T, E: Error>(name: &'static str, field: &mut Option<T>, value: T) -> Result<(), E> {
    match field.replace(value) {
        Some(_) => Err(E::duplicate_field(name)),
        None => Ok(()),
    }
}

/// A list of an object, or `null` in its place.
struct List<'f> {
    of: Listed,
    each: &'f mut dyn FnMut(Item<'_>),
}

/// What a list names.
enum Listed {
    Entries,
    Blocks,
}

impl<'de> DeserializeSeed<'de> for List<'_> {
    type Value = Option<()>;

    fn deserialize<D: Deserializer<'de>>(self, list: D) -> Result<Option<()>, D::Error> {
        list.deserialize_option(self)
    }
}

impl<'de> Visitor<'de> for List<'_> {
    /// `None` for `null`.
    type Value = Option<()>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON array")
    }

    fn visit_none<E: Error>(self) -> Result<Option<()>, E> {
        Ok(None)
    }

    fn visit_unit<E: Error>(self) -> Result<Option<()>, E> {
        Ok(None)
    }

    fn visit_some<D: Deserializer<'de>>(self, list: D) -> Result<Option<()>, D::Error> {
        list.deserialize_seq(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Option<()>, A::Error> {
        let Self { of, each } = self;
        match of {
            Listed::Blocks => {
                while let Some(Id(id)) = list.next_element()? {
                    each(Item::Block(id));
                }
            }
            Listed::Entries => {
                while let Some(entry) = list.next_element::<RawDirent<'de>>()? {
                    each(Item::Entry(entry));
                }
            }
        }
        Ok(Some(()))
    }
}
