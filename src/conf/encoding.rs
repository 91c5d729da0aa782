//! Tells a text in UTF-8 from bytes in another encoding, and says in which line it is none.

use std::borrow::Cow;
use std::sync::Arc;

use super::finding::{ConfError, Findings, Place};

/// The text of `bytes`; `None` after an error that names the line when they are no UTF-8. In comments other encodings do
/// no harm, so they are only warned of.
pub(crate) fn text<'a>(file: &Arc<str>, bytes: &'a [u8], findings: &mut Findings) -> Option<Cow<'a, str>> {
    const ALLOWED: &str = "a text file in UTF-8";
    if is_utf16(bytes) {
        let problem = "is UTF-16, which Windows calls Unicode, and not UTF-8; save it as UTF-8";
        findings.error(ConfError::new(&Place::line(file, 1), problem).allowed(ALLOWED));
        return None;
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        return Some(Cow::Borrowed(text));
    }
    let lines = bytes.split(|byte| *byte == b'\n').zip(1..);
    let wrong: Vec<(&[u8], usize)> = lines.filter(|(line, _)| std::str::from_utf8(line).is_err()).collect();
    let outside = wrong.iter().find(|(line, _)| !is_comment(line));
    if let Some((_, number)) = outside {
        findings.error(ConfError::new(&Place::line(file, *number), "is not UTF-8").allowed(ALLOWED));
        return None;
    }
    for (_, number) in wrong {
        let problem = "is not UTF-8, though only in a comment; Seafile's Python tools do not read such a file: save it \
                       as UTF-8";
        findings.warn(&ConfError::new(&Place::line(file, number), problem));
    }
    Some(String::from_utf8_lossy(bytes))
}

/// Whether the bytes begin as a text in UTF-16 does: with its mark, or with letters every second byte of which is zero.
fn is_utf16(bytes: &[u8]) -> bool {
    matches!(bytes, [0xff, 0xfe, ..] | [0xfe, 0xff, ..])
        || matches!(bytes, [0, b, 0, d, ..] | [b, 0, d, 0, ..] if b.is_ascii_graphic() && d.is_ascii_graphic())
}

fn is_comment(line: &[u8]) -> bool {
    matches!(line.trim_ascii_start(), [b'#' | b';', ..])
}
