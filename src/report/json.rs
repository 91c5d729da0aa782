//! A report as a file of JSON: private, written whole or not at all, and harmless to look at.

use std::io::{self, Write};
use std::path::Path;
use std::str::Utf8Error;

use crate::sys::private_file;
use crate::sys::terminal::is_unseen;

/// Puts the JSON that `fill` writes in the place of `path`, as [`private_file::replace`] does. What a terminal would obey or
/// hide is escaped in it, so that its values are the same.
///
/// # Errors
/// When it cannot be written; what was there is then unchanged.
pub fn replace(path: &Path, fill: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    private_file::replace(path, |out| fill(&mut JsonWriter::new(out)))
}

/// Writes JSON with what is unseen in its texts as `\u` and four digits: the same values, and harmless to look at.
struct JsonWriter<W> {
    out: W,
    /// The beginning of a character whose other bytes have not come yet.
    begun: Vec<u8>,
}

impl<W: Write> JsonWriter<W> {
    const fn new(out: W) -> Self {
        Self { out, begun: Vec::new() }
    }

    /// All but ASCII is inside a text, where it may be escaped; JSON's own writer has escaped the control characters of
    /// ASCII but the last.
    fn write_text(&mut self, text: &str) -> io::Result<()> {
        let mut rest = text;
        while let Some((at, character)) = rest.char_indices().find(|(_, c)| *c >= '\u{7f}' && is_unseen(*c)) {
            self.out.write_all(&rest.as_bytes()[..at])?;
            for unit in character.encode_utf16(&mut [0; 2]) {
                write!(self.out, "\\u{unit:04x}")?;
            }
            rest = &rest[at + character.len_utf8()..];
        }
        self.out.write_all(rest.as_bytes())
    }
}

impl<W: Write> Write for JsonWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.begun.is_empty() && bytes.is_ascii() && !bytes.contains(&0x7f) {
            return self.out.write_all(bytes).map(|()| bytes.len());
        }
        let mut held = std::mem::take(&mut self.begun);
        held.extend_from_slice(bytes);
        let (whole, begun) = match std::str::from_utf8(&held) {
            Ok(text) => (text, &[][..]),
            Err(error) if error.error_len().is_none() => {
                let (whole, begun) = held.split_at(error.valid_up_to());
                (std::str::from_utf8(whole).map_err(not_utf8)?, begun)
            }
            Err(error) => return Err(not_utf8(error)),
        };
        self.write_text(whole)?;
        self.begun = begun.to_vec();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

fn not_utf8(_: Utf8Error) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "what should be JSON is not UTF-8")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_report_holds_the_same_texts_and_nothing_unseen(texts in any::<Vec<String>>(), piece in 1..9_usize) {
            let (plain, mut out) = (serde_json::to_string_pretty(&texts).unwrap(), Vec::new());
            let mut writer = JsonWriter::new(&mut out);
            plain.as_bytes().chunks(piece).try_for_each(|bytes| writer.write_all(bytes)).unwrap();
            let shown = String::from_utf8(out).unwrap();
            prop_assert!(!shown.chars().any(|c| is_unseen(c) && c != '\n'), "{}", shown);
            prop_assert_eq!(serde_json::from_str::<Vec<String>>(&shown).unwrap(), texts);
        }
    }

    #[test]
    fn what_is_unseen_is_escaped() {
        let mut out = Vec::new();
        let text = ["\u{9b}2J", "gpj.\u{202e}exe", "a\u{200b}b", "\u{7f}", "\u{e0041}", "größe 🙂"];
        serde_json::to_writer(JsonWriter::new(&mut out), &text).unwrap();
        let expected = r#"["\u009b2J","gpj.\u202eexe","a\u200bb","\u007f","\udb40\udc41","größe 🙂"]"#;
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    #[test]
    fn what_is_no_text_is_refused() {
        assert!(JsonWriter::new(&mut Vec::new()).write_all(b"\"\xff\"").is_err());
    }
}
