//! The page: the result of a command as one HTML file for a browser or a printer. It loads no other files.
//!
//! A command fills a [`Page`] with its verdict, facts, figures and parts. The file is well-formed XML as well as HTML.
//! Every text is escaped here and nowhere else, because names come from users.

use std::fmt::{self, Display, Formatter};
use std::io;
use std::path::Path;

use crate::sys::private_file;

mod chart;
mod html;
pub mod parts;

pub use super::table::{Cell, Column, Table};
pub use chart::Curve;

use html::{CellHtml, Text, table};

/// The content of a page, from top to bottom.
#[derive(Clone, Debug)]
pub struct Page {
    /// The subject: `Migration`, `Check`, …
    pub subject: String,
    /// The answer to the user's main question.
    pub verdict: Banner,
    /// Names and values: the stores, times and options of the command.
    pub facts: Vec<(&'static str, Vec<String>)>,
    /// The most important numbers.
    pub figures: Vec<Figure>,
    /// Tables, curves and notes.
    pub parts: Vec<Part>,
}

/// The verdict at the top of the page.
#[derive(Clone, Debug)]
pub struct Banner {
    /// Whether the answer is good.
    pub good: bool,
    /// The answer: `Safe to switch: yes`.
    pub headline: String,
    /// The reason for the answer.
    pub why: String,
    /// What the user should do next.
    pub next: String,
}

/// An important number.
#[derive(Clone, Debug)]
pub struct Figure {
    /// What the number counts.
    pub label: String,
    /// The number as it is displayed.
    pub value: String,
    /// A short remark; may be empty.
    pub note: String,
    /// Whether the number is a problem.
    pub bad: bool,
}

/// A part of the page with a heading of its own.
#[derive(Clone, Debug)]
pub enum Part {
    /// A table.
    Table(Table),
    /// A chart over time.
    Curve(Curve),
    /// A paragraph: heading and text.
    Note(String, String),
}

impl Figure {
    /// A figure; `bad` marks it as a problem.
    pub fn new(label: &str, value: impl Into<String>, note: impl Into<String>, bad: bool) -> Self {
        Self { label: label.to_owned(), value: value.into(), note: note.into(), bad }
    }
}

/// Writes the page to `path` with mode 0600, as a whole, and replaces an existing file.
///
/// # Errors
/// When the file cannot be written; an existing file is then unchanged.
pub fn write(path: &Path, page: &Page) -> io::Result<()> {
    private_file::replace(path, |out| write!(out, "{page}"))
}

const STYLE: &str = include_str!("page/style.css");

/// The Content-Security-Policy: nothing is loaded, whatever a name in the page contains.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'";

impl Display for Page {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self { subject, verdict, facts, figures, parts } = self;
        writeln!(f, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>")?;
        writeln!(f, "<meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}\"/>")?;
        writeln!(f, "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>")?;
        writeln!(f, "<meta name=\"color-scheme\" content=\"light dark\"/>")?;
        writeln!(f, "<title>{} – {}</title>", Text(&verdict.headline), Text(subject))?;
        writeln!(f, "<style>\n{STYLE}</style>\n</head>\n<body>\n<main>")?;
        writeln!(f, "<p class=\"subject\">{}</p>", Text(subject))?;
        write!(f, "{verdict}")?;
        writeln!(f, "<dl class=\"facts\">")?;
        for (name, value) in facts {
            writeln!(f, "<div><dt>{}</dt><dd>{}</dd></div>", Text(name), CellHtml(&Cell::Lines(value.clone())))?;
        }
        writeln!(f, "</dl>\n<ul class=\"figures\">")?;
        figures.iter().try_for_each(|figure| write!(f, "{figure}"))?;
        writeln!(f, "</ul>")?;
        parts.iter().try_for_each(|part| write!(f, "{part}"))?;
        let program = concat!("seaf-migrate ", env!("CARGO_PKG_VERSION"));
        writeln!(f, "<footer>{program}</footer>\n</main>\n</body>\n</html>")
    }
}

impl Display for Banner {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        // A sign beside the colour, because not every reader sees colours and not every printer prints them.
        let (class, sign) =
            if self.good { ("good", "M5 12.5l4.5 4.5L19 7.5") } else { ("bad", "M7 7l10 10M17 7L7 17") };
        writeln!(f, "<section class=\"verdict {class}\">")?;
        writeln!(f, "<svg class=\"sign\" viewBox=\"0 0 24 24\" aria-hidden=\"true\"><path d=\"{sign}\"/></svg>")?;
        writeln!(f, "<div><h1>{}</h1>", Text(&self.headline))?;
        writeln!(f, "<p>{}</p>", Text(&self.why))?;
        writeln!(f, "<p class=\"next\">{}</p></div>\n</section>", Text(&self.next))
    }
}

impl Display for Figure {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self { label, value, note, bad } = self;
        let class = if *bad { " class=\"bad\"" } else { "" };
        write!(
            f,
            "<li{class}><span class=\"label\">{}</span><span class=\"value\">{}</span>",
            Text(label),
            Text(value)
        )?;
        writeln!(f, "<span class=\"note\">{}</span></li>", Text(note))
    }
}

impl Display for Part {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Table(part) => table(f, part),
            Self::Curve(curve) => write!(f, "{curve}"),
            Self::Note(title, text) => {
                writeln!(f, "<section>\n<h2>{}</h2>\n<p>{}</p>\n</section>", Text(title), Text(text))
            }
        }
    }
}
