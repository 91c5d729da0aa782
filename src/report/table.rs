//! Rows and columns, the one model of every table that a command shows: as lines of text here, as a part of the page in
//! [`page`](super::page).

use std::fmt::{self, Display, Formatter};

use crate::sys::terminal::OneLine;

/// Rows and columns.
#[derive(Clone, Debug, Default)]
pub struct Table {
    /// The heading.
    pub title: String,
    /// What is to be said before; may be empty.
    pub intro: String,
    /// One for each cell of a row.
    pub columns: Vec<Column>,
    /// The rows.
    pub rows: Vec<Vec<Cell>>,
    /// The last row, set off from the others.
    pub total: Option<Vec<Cell>>,
    /// What is to be said after; may be empty.
    pub outro: String,
}

/// What a column holds, and its heading.
#[derive(Clone, Copy, Debug)]
pub enum Column {
    /// Words, to the left.
    Text(&'static str),
    /// Numbers, to the right, digit below digit.
    Number(&'static str),
    /// What several rows share: in text a line of its own above the first of them. Only as the first column.
    Shared(&'static str),
}

/// What is in a row and a column.
#[derive(Clone, Debug)]
pub enum Cell {
    /// A text or a number.
    Plain(String),
    /// An id.
    Id(String),
    /// A name, and below it an id.
    Named(String, String),
    /// Several texts, one below the other.
    Lines(Vec<String>),
    /// A word that says whether all is well.
    Mark {
        /// Whether it is.
        good: bool,
        /// The word.
        word: String,
    },
}

impl Cell {
    /// A text or a number.
    pub fn of(text: impl Display) -> Self {
        Self::Plain(text.to_string())
    }
}

impl Table {
    /// A table without words around it.
    pub fn new(columns: Vec<Column>) -> Self {
        Self { columns, ..Self::default() }
    }
}

/// The table as lines of text: each column as wide as its widest cell, two blanks between them. An id stands where a
/// name has none; of several texts in a cell, the first stands in the row and the others below it.
impl Display for Table {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if let Some(Column::Shared(_)) = self.columns.first() {
            return self.fmt_shared(f);
        }
        let head = self.columns.iter().map(|column| column.name().to_owned()).collect::<Vec<_>>();
        let rows = self.rows.iter().chain(&self.total).flat_map(|cells| lines_of(cells));
        let lines: Vec<Vec<String>> = std::iter::once(head).chain(rows).collect();
        let width = |at: usize| lines.iter().map(|line| line[at].chars().count()).max().unwrap_or(0);
        let widths: Vec<usize> = (0..self.columns.len()).map(width).collect();
        for (n, line) in lines.iter().enumerate() {
            let mut text = String::new();
            for ((cell, column), width) in line.iter().zip(&self.columns).zip(&widths) {
                match column {
                    Column::Text(_) | Column::Shared(_) => text += &format!("{cell:<width$}  "),
                    Column::Number(_) => text += &format!("{cell:>width$}  "),
                }
            }
            write!(f, "{}{}", if n == 0 { "" } else { "\n" }, text.trim_end())?;
        }
        Ok(())
    }
}

impl Table {
    /// The lines of a table whose first column is shared. Each row is one line of those of the table without that column.
    fn fmt_shared(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let rest = Self {
            columns: self.columns[1..].to_vec(),
            rows: self.rows.iter().map(|row| row[1..].to_vec()).collect(),
            ..Self::default()
        };
        let text = rest.to_string();
        let (mut lines, mut above) = (text.lines(), String::new());
        f.write_str(lines.next().unwrap_or_default())?;
        for (row, line) in self.rows.iter().zip(lines) {
            let shared = OneLine(row[0].texts().join(" ")).to_string();
            if shared != above {
                write!(f, "\n{shared}")?;
                above = shared;
            }
            write!(f, "\n{line}")?;
        }
        Ok(())
    }
}

/// The lines that a row takes: as many as the cell with the most texts.
fn lines_of(cells: &[Cell]) -> Vec<Vec<String>> {
    let texts: Vec<Vec<&str>> = cells.iter().map(Cell::texts).collect();
    let height = texts.iter().map(Vec::len).max().unwrap_or(1).max(1);
    // On one line and as wide as it is shown, because users choose names.
    let shown = |text: Option<&&str>| text.map_or_else(String::new, |text| OneLine(text).to_string());
    let line = |n: usize| texts.iter().map(|texts| shown(texts.get(n))).collect();
    (0..height).map(line).collect()
}

impl Column {
    /// Its heading.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Text(name) | Self::Number(name) | Self::Shared(name) => name,
        }
    }
}

impl Cell {
    fn texts(&self) -> Vec<&str> {
        match self {
            Self::Plain(text) | Self::Id(text) | Self::Mark { word: text, .. } => vec![text],
            Self::Named(name, id) if name.is_empty() => vec![id],
            Self::Named(name, id) if id.is_empty() => vec![name],
            Self::Named(name, id) => vec![name, id],
            Self::Lines(lines) => lines.iter().map(String::as_str).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_they_must_be_and_numbers_stand_to_the_right() {
        let mut table = Table::new(vec![Column::Text(""), Column::Number("objects"), Column::Text("state")]);
        table.rows = vec![
            vec![Cell::of("blocks"), Cell::of("1,234,567"), Cell::Mark { good: true, word: "whole".to_owned() }],
            vec![Cell::of("fs"), Cell::of(7), Cell::Lines(vec!["one".to_owned(), "two".to_owned()])],
        ];
        table.total = Some(vec![Cell::of("total"), Cell::of("1,234,574"), Cell::of("")]);
        let expected = [
            "          objects  state",
            "blocks  1,234,567  whole",
            "fs              7  one",
            "                   two",
            "total   1,234,574",
        ];
        assert_eq!(table.to_string().lines().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn what_rows_share_stands_above_them_once() {
        let mut table = Table::new(vec![Column::Shared("Library"), Column::Text("Kind"), Column::Number("Objects")]);
        let row = |library: &str, kind: &str| vec![Cell::Id(library.to_owned()), Cell::of(kind), Cell::of(1_000)];
        table.rows = vec![row("a-b", "fs"), row("a-b", "blocks"), row("c-d", "fs")];
        let expected = ["Kind    Objects", "a-b", "fs         1000", "blocks     1000", "c-d", "fs         1000"];
        assert_eq!(table.to_string().lines().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn a_name_makes_no_line_of_its_own_and_sends_nothing_to_the_terminal() {
        let mut table = Table::new(vec![Column::Text("Library"), Column::Number("Objects")]);
        let name = "a\nSafe to switch: yes \u{9b}2J\u{202e}";
        table.rows = vec![vec![Cell::Named(name.to_owned(), "c-d".to_owned()), Cell::of(7)]];
        let expected = [
            "Library                                 Objects",
            "a Safe to switch: yes \\u{9b}2J\\u{202e}        7",
            "c-d",
        ];
        assert_eq!(table.to_string().lines().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn a_name_stands_above_its_id() {
        let mut table = Table::new(vec![Column::Text("Library")]);
        table.rows = [("Photos", "a-b"), ("", "c-d"), ("Only", "")]
            .map(|(name, id)| vec![Cell::Named(name.into(), id.into())])
            .into();
        assert_eq!(table.to_string(), "Library\nPhotos\na-b\nc-d\nOnly");
    }
}
