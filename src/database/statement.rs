//! Statements that change rows, and how many they must change.

/// A statement, and how many rows it must change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The statement, of values that [`quoted`] made.
    pub sql: String,
    /// How many rows it must change, else nothing is changed; `None` for any number.
    pub rows: Option<u64>,
}

/// A text as a literal of SQL; `None` when it holds what the dialects quote in different ways.
pub fn quoted(text: &str) -> Option<String> {
    let is_plain = |c: char| !c.is_control() && !matches!(c, '\'' | '"' | '\\' | '`');
    text.chars().all(is_plain).then(|| format!("'{text}'"))
}

/// Refuses another number of changed rows than a statement must change.
pub(super) fn require_rows(wanted: Option<u64>, changed: u64) -> Result<(), String> {
    match wanted {
        Some(wanted) if wanted != changed => Err(format!(
            "{changed} rows would have changed where {wanted} must: somebody else changed the table meanwhile; nothing was changed"
        )),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_texts_that_all_dialects_quote_alike_are_quoted() {
        assert_eq!(quoted("cold-storage_1.2 ä").as_deref(), Some("'cold-storage_1.2 ä'"));
        for text in ["it's", "a\\", "a\"b", "`", "a\0", "a\nb"] {
            assert_eq!(quoted(text), None, "{text:?}");
        }
    }
}
