//! Kinds, library ids, object ids and keys in JSON are their text forms. Any other value is refused.

use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{LibraryId, ObjectId, ObjectKey, ObjectKind, ParseNameError};

/// Parses a text with [`FromStr`] and reports the [`ParseNameError`] of an invalid one.
struct Text<T>(PhantomData<T>);

impl<T: FromStr<Err = ParseNameError>> Visitor<'_> for Text<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name as text")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        text.parse().map_err(|error| E::custom(format_args!("{text:?} is {error}")))
    }
}

macro_rules! serde_as_text {
    ($($name:ty),*) => {$(
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_str(Text(PhantomData))
            }
        }
    )*};
}

serde_as_text!(ObjectKind, LibraryId, ObjectId, ObjectKey);

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::de::DeserializeOwned;

    use super::*;

    fn there_and_back<T: Serialize + DeserializeOwned + PartialEq + fmt::Debug>(value: &T, json: &str) {
        assert_eq!(serde_json::to_string(value).unwrap(), json);
        assert_eq!(&serde_json::from_str::<T>(json).unwrap(), value);
    }

    #[test]
    fn names_are_their_texts() {
        let (library, id) = (LibraryId::from_bytes([0xab; 16]), ObjectId::from_bytes([0x1f; 20]));
        there_and_back(&ObjectKind::ALL, r#"["commits","fs","blocks"]"#);
        there_and_back(&library, r#""abababab-abab-abab-abab-abababababab""#);
        there_and_back(&ObjectKey::new(library, id), &format!("\"{library}/{id}\""));
        there_and_back(&BTreeMap::from([(library, id)]), &format!("{{\"{library}\":\"{id}\"}}"));
        // Texts with an escape are not borrowed from the input.
        assert_eq!(serde_json::from_str::<ObjectKind>(r#""f\u0073""#).unwrap(), ObjectKind::Fs);
    }

    #[test]
    fn what_is_no_name_is_refused_and_said() {
        fn refusal<T: DeserializeOwned + fmt::Debug>(json: &str) -> String {
            serde_json::from_str::<T>(json).unwrap_err().to_string()
        }
        assert!(refusal::<ObjectKind>(r#""Fs""#).contains(r#""Fs" is not one of commits, fs, blocks"#));
        assert!(refusal::<LibraryId>(r#""x""#).contains(r#""x" is not a library id"#));
        assert!(refusal::<ObjectId>(r#""x""#).contains(r#""x" is not an object id"#));
        assert!(refusal::<ObjectKey>(r#""x""#).contains(r#""x" is not an object name"#));
        assert!(refusal::<ObjectId>("7").contains("expected a name as text"));
        assert!(refusal::<BTreeMap<LibraryId, ObjectId>>(r#"{"x": "y"}"#).contains("not a library id"));
    }
}
