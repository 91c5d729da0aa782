//! JSON text without what whoever reads it need not hold.
//!
//! A JSON reader keeps the text of a string or number until its end, and a byte for each bracket that is open. Both are
//! bounded here, because the text is whatever a user uploads.

/// The longest string, number or word, in bytes. The longest that Seafile writes are names of 255 bytes.
const TOKEN_MAX: usize = 1 << 20;
/// The most brackets that may be open at once. Seafile opens four.
const OPEN_MAX: usize = 1 << 20;
/// Blanks in the number that is passed over at a time.
const BLANKS: [u8; 64] = [b' '; 64];

/// Where in a text its next byte stands.
#[derive(Debug, Default)]
pub(super) struct JsonText {
    is_quoted: bool,
    is_escaped: bool,
    is_blank: bool,
    /// The bytes of the string, number or word so far.
    token: usize,
    open: usize,
}

impl JsonText {
    /// Moves what is to be read of the next `piece` to its front, and returns how many bytes that is: all but the blanks
    /// between tokens beyond the first one.
    pub(super) fn shorten(&mut self, piece: &mut [u8]) -> Result<usize, &'static str> {
        let (mut at, mut kept) = (0, 0);
        while let Some(&byte) = piece.get(at) {
            if self.is_blank && piece[at..].starts_with(&BLANKS) {
                at += BLANKS.len();
                continue;
            }
            at += 1;
            if self.is_kept(byte)? {
                piece[kept] = byte;
                kept += 1;
            }
        }
        Ok(kept)
    }

    fn is_kept(&mut self, byte: u8) -> Result<bool, &'static str> {
        if self.is_quoted {
            match byte {
                _ if self.is_escaped => self.is_escaped = false,
                b'\\' => self.is_escaped = true,
                b'"' => self.is_quoted = false,
                _ => {}
            }
            self.lengthen()?;
            return Ok(true);
        }
        let was_blank = std::mem::replace(&mut self.is_blank, matches!(byte, b' ' | b'\t' | b'\n' | b'\r'));
        match byte {
            b' ' | b'\t' | b'\n' | b'\r' | b',' | b':' => self.token = 0,
            b'"' => (self.is_quoted, self.token) = (true, 0),
            b'[' | b'{' if self.open == OPEN_MAX => return Err("more brackets are open than any object has"),
            b'[' | b'{' => (self.open, self.token) = (self.open + 1, 0),
            b']' | b'}' => (self.open, self.token) = (self.open.saturating_sub(1), 0),
            _ => self.lengthen()?,
        }
        Ok(!(was_blank && self.is_blank))
    }

    fn lengthen(&mut self) -> Result<(), &'static str> {
        self.token += 1;
        match self.token > TOKEN_MAX {
            true => Err("a string or a number is longer than any object has"),
            false => Ok(()),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// What is left of a text that comes in pieces of that size.
    fn shortened(text: &[u8], size: usize) -> Result<Vec<u8>, &'static str> {
        let (mut state, mut left) = (JsonText::default(), Vec::new());
        for piece in text.chunks(size) {
            let mut piece = piece.to_vec();
            let kept = state.shorten(&mut piece)?;
            left.extend_from_slice(&piece[..kept]);
        }
        Ok(left)
    }

    #[test]
    fn blanks_are_left_out_between_tokens_and_nowhere_else() {
        let blanks = " ".repeat(500);
        let text = format!("{{{blanks}\"a  \\\"  b\" :\n\n\t[1{blanks}2,\"{blanks}\"]}}");
        for size in [1, 7, 64, 1000] {
            let left = String::from_utf8(shortened(text.as_bytes(), size).unwrap()).unwrap();
            assert_eq!(left, format!("{{ \"a  \\\"  b\" :\n[1 2,\"{blanks}\"]}}"));
        }
    }

    #[test]
    fn strings_numbers_and_brackets_without_end_are_refused() {
        let many = |what: &str| what.repeat(TOKEN_MAX + 10).into_bytes();
        assert!(shortened(&[b"\"", &many("x")[..]].concat(), 4096).unwrap_err().contains("string"));
        assert!(shortened(&[b"\"", &many("\\\"")[..]].concat(), 4096).unwrap_err().contains("string"));
        assert!(shortened(&many("1"), 4096).unwrap_err().contains("number"));
        assert!(shortened(&many("["), 4096).unwrap_err().contains("brackets"));
        assert!(shortened(&many("[]"), 4096).is_ok() && shortened(&many("1,"), 4096).is_ok());
    }
}
