//! Strings of Seafile's JSON as bytes, because old objects contain names that are not UTF-8.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, Visitor};

use crate::object::ObjectId;

/// A JSON string, borrowed from the object unless it has escapes.
#[derive(Clone, Debug)]
pub(super) struct Text<'a>(pub(super) Cow<'a, [u8]>);

impl Text<'_> {
    pub(super) fn lossy(&self) -> String {
        String::from_utf8_lossy(&self.0).into_owned()
    }
}

struct TextVisitor;

impl<'de> Visitor<'de> for TextVisitor {
    type Value = Text<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_borrowed_bytes<E: Error>(self, bytes: &'de [u8]) -> Result<Text<'de>, E> {
        Ok(Text(Cow::Borrowed(bytes)))
    }

    fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Text<'de>, E> {
        Ok(Text(Cow::Owned(bytes.to_vec())))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_bytes(TextVisitor)
    }
}

/// An object id of 40 hex digits.
#[derive(Clone, Copy, Debug)]
pub(super) struct Id(pub(super) ObjectId);

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Text::deserialize(deserializer)?;
        ObjectId::parse(&text.0)
            .map(Self)
            .ok_or_else(|| D::Error::custom("an object id is not 40 lower-case hex digits"))
    }
}
