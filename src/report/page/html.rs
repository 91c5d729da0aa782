//! Texts and tables as HTML that is also well-formed XML.

use std::fmt::{self, Display, Formatter, Write};

use super::{Cell, Column, Table};
use crate::sys::terminal::is_unseen;

/// A text, escaped for an element or for a quoted attribute.
pub(super) struct Text<'a>(pub(super) &'a str);

impl Display for Text<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|char| match char {
            '&' => f.write_str("&amp;"),
            '<' => f.write_str("&lt;"),
            '>' => f.write_str("&gt;"),
            '"' => f.write_str("&quot;"),
            '\'' => f.write_str("&#39;"),
            '\n' | '\t' => f.write_char(char),
            // Replaced, because they are not allowed in XML, turn the text around them, or hide in it.
            '\u{fffe}' | '\u{ffff}' => f.write_char('\u{fffd}'),
            char if is_unseen(char) => f.write_char('\u{fffd}'),
            char => f.write_char(char),
        })
    }
}

impl Column {
    const fn name_and_class(self) -> (&'static str, &'static str) {
        match self {
            Self::Text(name) | Self::Shared(name) => (name, ""),
            Self::Number(name) => (name, " class=\"n\""),
        }
    }
}

pub(super) fn table(f: &mut Formatter<'_>, table: &Table) -> fmt::Result {
    let Table { title, intro, columns, rows, total, outro } = table;
    writeln!(f, "<section>\n<h2>{}</h2>", Text(title))?;
    paragraph(f, intro)?;
    if !rows.is_empty() {
        writeln!(f, "<div class=\"scroll\"><table>\n<thead><tr>")?;
        for (name, class) in columns.iter().map(|column| column.name_and_class()) {
            write!(f, "<th scope=\"col\"{class}>{}</th>", Text(name))?;
        }
        writeln!(f, "</tr></thead>\n<tbody>")?;
        rows.iter().try_for_each(|cells| row(f, columns, cells))?;
        writeln!(f, "</tbody>")?;
        if let Some(cells) = total {
            writeln!(f, "<tfoot>")?;
            row(f, columns, cells)?;
            writeln!(f, "</tfoot>")?;
        }
        writeln!(f, "</table></div>")?;
    }
    paragraph(f, outro)?;
    writeln!(f, "</section>")
}

fn paragraph(f: &mut Formatter<'_>, text: &str) -> fmt::Result {
    if text.is_empty() { Ok(()) } else { writeln!(f, "<p class=\"aside\">{}</p>", Text(text)) }
}

fn row(f: &mut Formatter<'_>, columns: &[Column], cells: &[Cell]) -> fmt::Result {
    f.write_str("<tr>")?;
    for (column, cell) in columns.iter().zip(cells) {
        let (name, class) = column.name_and_class();
        // Each cell has its column's heading, because a row is shown as a list on a narrow screen.
        write!(f, "<td{class} data-name=\"{}\"><span>{}</span></td>", Text(name), CellHtml(cell))?;
    }
    writeln!(f, "</tr>")
}

/// A cell as HTML.
pub(super) struct CellHtml<'a>(pub(super) &'a Cell);

impl Display for CellHtml<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.0 {
            Cell::Plain(text) => Text(text).fmt(f),
            Cell::Id(id) => write!(f, "<code>{}</code>", Text(id)),
            Cell::Named(name, id) if id.is_empty() => write!(f, "<b>{}</b>", Text(name)),
            Cell::Named(name, id) if name.is_empty() => write!(f, "<code>{}</code>", Text(id)),
            Cell::Named(name, id) => {
                // A line may break after the slash between library and object.
                let id = Text(id).to_string().replace('/', "/<wbr/>");
                write!(f, "<b>{}</b><code>{id}</code>", Text(name))
            }
            Cell::Lines(lines) => {
                lines.iter().try_for_each(|line| write!(f, "<span class=\"line\">{}</span>", Text(line)))
            }
            Cell::Mark { good, word } => {
                write!(f, "<span class=\"mark {}\">{}</span>", if *good { "good" } else { "bad" }, Text(word))
            }
        }
    }
}
