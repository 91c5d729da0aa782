//! Texts of others, made harmless for a terminal and for people's eyes.
//!
//! Servers, users, other accounts and other machines choose texts that this program shows: names of libraries and files,
//! messages of stores, notes in locks. A terminal obeys control characters, and eyes are misled by characters that turn
//! the direction of a line or cannot be seen at all. Each of these is shown as its number: `\u{9b}`.

use std::borrow::Cow;
use std::ffi::OsStr;
use std::fmt::{self, Display, Formatter, Write};
use std::os::fd::AsFd;

/// How many columns a terminal has that does not say it.
pub const USUAL_COLUMNS: usize = 80;

/// How many columns a terminal has; `None` for what is no terminal, or does not say.
pub fn columns(of: impl AsFd) -> Option<usize> {
    let columns = rustix::termios::tcgetwinsize(of).ok()?.ws_col;
    (columns > 0).then(|| columns.into())
}

/// Whether a terminal that is called `term`, as the variable TERM says, can move its cursor.
pub fn moves_cursor(term: Option<&OsStr>) -> bool {
    term.is_some_and(|term| !term.is_empty() && term != "dumb")
}

/// The text with line feeds in place of blanks, so that no line is wider than `columns`; a word that is wider has a line
/// of its own.
pub fn wrapped(text: &str, columns: usize) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    for (n, line) in text.split('\n').enumerate() {
        if n > 0 {
            out.push('\n');
        }
        let mut used = 0;
        for (n, word) in line.split(' ').enumerate() {
            let width = word.chars().count();
            if n > 0 && used > 0 && used + 1 + width > columns {
                out.push('\n');
                used = 0;
            } else if n > 0 {
                out.push(' ');
                used += 1;
            }
            out.push_str(word);
            used += width;
        }
    }
    out
}

/// Whether a character is not shown as it is: a control character, one that turns the direction of the text, or one that
/// takes no room (Unicode's `Default_Ignorable_Code_Point`, and the separators of lines and paragraphs).
pub const fn is_unseen(character: char) -> bool {
    matches!(
        character,
        '\u{0}'..='\u{1f}'
            | '\u{7f}'..='\u{9f}'
            | '\u{ad}'
            | '\u{34f}'
            | '\u{61c}'
            | '\u{115f}'..='\u{1160}'
            | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}'
            | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}'
            | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}'
    )
}

/// Shows a text of several lines: all of it as it is but what is unseen, line feeds and tabs.
pub struct Lines<T>(pub T);

/// Shows a text on one line: as [`Lines`], its line feeds and tabs as spaces.
pub struct OneLine<T>(pub T);

/// The first `longest` characters of a text, and `…` in place of the others: what others choose may be a megabyte long.
pub fn beginning(text: &str, longest: usize) -> Cow<'_, str> {
    match text.char_indices().nth(longest) {
        Some((end, _)) => format!("{}…", &text[..end]).into(),
        None => text.into(),
    }
}

impl<T: Display> Display for Lines<T> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(Shown { out: f, one_line: false }, "{}", self.0)
    }
}

impl<T: Display> Display for OneLine<T> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(Shown { out: f, one_line: true }, "{}", self.0)
    }
}

/// Hands on what can be seen, and the numbers of what cannot.
struct Shown<'a, 'f> {
    out: &'a mut Formatter<'f>,
    one_line: bool,
}

impl Write for Shown<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut rest = text;
        while let Some((at, character)) = rest.char_indices().find(|(_, character)| is_unseen(*character)) {
            self.out.write_str(&rest[..at])?;
            match character {
                '\n' | '\t' if self.one_line => self.out.write_char(' ')?,
                '\n' | '\t' => self.out.write_char(character)?,
                _ => write!(self.out, "{}", character.escape_unicode())?,
            }
            rest = &rest[at + character.len_utf8()..];
        }
        self.out.write_str(rest)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Texts in which every other character is one that is not to be seen.
    fn text() -> impl Strategy<Value = String> {
        let unseen = any::<char>().prop_filter("seen", |c| is_unseen(*c));
        let low = (0..0x3000_u32).prop_filter_map("no character", char::from_u32);
        prop::collection::vec(prop_oneof![any::<char>(), low, unseen], 0..40)
            .prop_map(|letters| letters.into_iter().collect())
    }

    proptest! {
        #[test]
        fn of_any_text_only_what_can_be_seen_is_shown(text in text()) {
            let (lines, line) = (Lines(&text).to_string(), OneLine(&text).to_string());
            prop_assert!(!lines.chars().any(|c| is_unseen(c) && c != '\n' && c != '\t'), "{:?}", lines);
            prop_assert!(!line.chars().any(is_unseen), "{:?}", line);
            prop_assert_eq!(OneLine(&line).to_string(), line.clone());
            if !text.chars().any(is_unseen) {
                prop_assert_eq!(&lines, &text);
                prop_assert_eq!(&line, &text);
            }
        }

        #[test]
        fn no_control_character_counts_as_seen(character in any::<char>()) {
            prop_assert!(is_unseen(character) || !character.is_control());
        }
    }

    #[test]
    fn a_long_text_is_cut_between_characters_and_a_short_one_is_not() {
        assert_eq!([beginning("größe", 4), beginning("größe", 5), beginning("", 0)], ["größ…", "größe", ""]);
    }

    #[test]
    fn a_text_is_wrapped_between_words_and_the_lines_that_fit_stay() {
        let text = "Result: every object of the source\n\n  is at the destination";
        assert_eq!(wrapped(text, 40), text);
        assert_eq!(wrapped(text, 20), "Result: every object\nof the source\n\n  is at the\ndestination");
        assert_eq!(wrapped("a 1,234,567,890 b", 5), "a\n1,234,567,890\nb");
    }

    #[test]
    fn only_a_terminal_that_has_a_name_moves_its_cursor() {
        let moves = |term: Option<&str>| moves_cursor(term.map(OsStr::new));
        assert_eq!(
            [moves(None), moves(Some("")), moves(Some("dumb")), moves(Some("xterm"))],
            [false, false, false, true]
        );
    }

    #[test]
    fn what_a_terminal_would_obey_is_shown_by_its_number() {
        let shown = Lines("\u{1b}[2J\u{9b}1m\rgpj.\u{202e}exe a\u{200b}b\n\tgröße 文 🙂").to_string();
        assert_eq!(shown, "\\u{1b}[2J\\u{9b}1m\\u{d}gpj.\\u{202e}exe a\\u{200b}b\n\tgröße 文 🙂");
        assert_eq!(OneLine("Safe\nto\tswitch").to_string(), "Safe to switch");
    }
}
