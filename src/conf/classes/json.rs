//! JSON of which each object knows its line and every name it was given, also one that was given twice: the usual parsers
//! know neither, and mistakes in a file that people write are told with both.

use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use zeroize::Zeroizing;

/// A value. Texts are overwritten when they are dropped, because keys are among them.
pub(super) enum Json {
    Null,
    Bool(bool),
    Number(String),
    Text(Zeroizing<String>),
    List(Vec<Self>),
    Object(Object),
}

/// An object: its names in the order of the file, and the line, counted from 1, in which it begins.
pub(super) struct Object {
    pub(super) line: usize,
    pub(super) members: Vec<(String, Json)>,
}

/// Why a text is no JSON.
pub(super) struct NoJson {
    pub(super) line: usize,
    pub(super) problem: String,
}

/// Parses a text that is one JSON value.
pub(super) fn parse(text: &str) -> Result<Json, NoJson> {
    let lines = lines_of_objects(text);
    let seed = Seed { lines: &lines, next: &Cell::new(0) };
    let mut input = serde_json::Deserializer::from_str(text);
    let value = seed.deserialize(&mut input).and_then(|value| input.end().map(|()| value));
    value.map_err(|error| {
        let text = error.to_string();
        let problem = text.split(" at line ").next().unwrap_or_default().to_owned();
        NoJson { line: error.line(), problem }
    })
}

/// The line of each object, in the order in which they begin.
fn lines_of_objects(text: &str) -> Vec<usize> {
    let (mut lines, mut line, mut in_text, mut escaped) = (Vec::new(), 1, false, false);
    for byte in text.bytes() {
        match byte {
            b'\n' => line += 1,
            b'{' if !in_text => lines.push(line),
            b'"' if !escaped => in_text = !in_text,
            _ => {}
        }
        escaped = in_text && !escaped && byte == b'\\';
    }
    lines
}

/// Makes a [`Json`] of what a deserializer reads.
#[derive(Clone, Copy)]
struct Seed<'a> {
    lines: &'a [usize],
    /// How many objects have begun.
    next: &'a Cell<usize>,
}

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = Json;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Json, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_> {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E: Error>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Json, E> {
        Ok(Json::Number(value.to_string()))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Json, E> {
        Ok(Json::Number(value.to_string()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Json, E> {
        Ok(Json::Number(value.to_string()))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Json, E> {
        Ok(Json::Text(Zeroizing::new(value.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<Json, A::Error> {
        let mut list = Vec::new();
        while let Some(value) = values.next_element_seed(self)? {
            list.push(value);
        }
        Ok(Json::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut pairs: A) -> Result<Json, A::Error> {
        let line = self.lines.get(self.next.get()).copied().unwrap_or(1);
        self.next.set(self.next.get() + 1);
        let mut members = Vec::new();
        while let Some(name) = pairs.next_key::<String>()? {
            members.push((name, pairs.next_value_seed(self)?));
        }
        Ok(Json::Object(Object { line, members }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_know_their_lines_and_all_of_their_names() {
        let text = "[\n {\"a\": \"{\\\"{\", \"b\":\n  {\"c\": 1,\n \"c\": true}},\n\n {}]";
        let Ok(Json::List(list)) = parse(text) else { panic!("it is a list") };
        let [Json::Object(first), Json::Object(last)] = &list[..] else { panic!("of two objects") };
        assert_eq!((first.line, last.line), (2, 6));
        let (name, Json::Object(inner)) = &first.members[1] else { panic!("it holds an object") };
        assert_eq!((name.as_str(), inner.line, inner.members.len()), ("b", 3, 2));
    }

    #[test]
    fn what_is_no_json_is_told_with_its_line_and_without_its_text() {
        for (text, line) in [("[\n{\"key\": hunter2}]", 2), ("[]\n\nhunter2", 3), ("", 1), ("[{\"a\": \"hunter2", 1)] {
            let Err(error) = parse(text) else { panic!("{text:?} is no JSON") };
            assert_eq!(error.line.max(1), line, "{text:?}");
            assert!(!error.problem.contains("hunter2") && !error.problem.contains("line"), "{}", error.problem);
        }
    }
}
