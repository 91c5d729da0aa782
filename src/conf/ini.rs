//! Splits a seafile.conf into sections and options, each with its line number.
//!
//! The rules are those of Python's configparser, with which Seafile's own tools read the file: `=` or `:`
//! after the name, names in any case, comments only on lines of their own, quotes and backslashes kept.
//! rust-ini reads the values, but only from a cleaned copy of the wanted sections, because its rules
//! differ for the raw text: it joins a line that ends in a backslash with the next one, reads past the
//! end of a line without `=`, refuses an indented comment, and gives no line numbers.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use ini::{Ini, ParseOption};
use zeroize::Zeroize;

use super::encoding;
use super::finding::{ConfError, Findings, Place};
use super::section_names::meant;

/// The section whose options Python's configparser takes for every section, and the server for none.
const DEFAULT: &str = "DEFAULT";

/// How many lines that are no text of a seafile.conf are named.
const NAMED: usize = 5;

/// The value of an option and its place.
#[derive(Clone)]
pub(crate) struct Value {
    pub(crate) text: String,
    pub(crate) place: Place,
    /// Whether it could not be read. An error was then added, and the text is empty.
    pub(crate) refused: bool,
}

impl Drop for Value {
    /// Overwrites the text, because it may be a key.
    fn drop(&mut self) {
        self.text.zeroize();
    }
}

impl Value {
    pub(crate) fn new(text: String, place: Place) -> Self {
        Self { text, place, refused: false }
    }

    /// Stands for a value that could not be read, so that the option is not reported as missing as well.
    pub(crate) fn refused(place: Place) -> Self {
        Self { text: String::new(), place, refused: true }
    }
}

/// A section: the place of its header, and its options by lower-case name.
pub(crate) struct Section {
    pub(crate) place: Place,
    pub(crate) options: BTreeMap<String, Value>,
}

/// What a seafile.conf says.
pub(crate) struct Parsed {
    /// The wanted sections.
    pub(crate) sections: BTreeMap<String, Section>,
    /// The names of the options in `[DEFAULT]`, each with the line that gives it.
    pub(crate) defaults: BTreeMap<String, usize>,
    /// Whether the file is not what it seems, which is an error then: what else is missing may be so for that reason.
    pub(crate) is_broken: bool,
}

/// Reads the sections `wanted` from `bytes`; other sections may have any content.
pub(crate) fn parse(file: &str, bytes: &[u8], wanted: &[&str], findings: &mut Findings) -> Parsed {
    let file: Arc<str> = file.into();
    let Some(text) = decode(&file, bytes, findings) else {
        return Parsed { sections: BTreeMap::new(), defaults: BTreeMap::new(), is_broken: true };
    };
    let mut scanner = Scanner::new(file, wanted, findings);
    for (index, line) in lines(&text).enumerate() {
        scanner.line(index + 1, line);
    }
    scanner.finish()
}

/// The text of `bytes` without a byte order mark; `None` after an error when it is no text.
pub(crate) fn decode<'a>(file: &Arc<str>, bytes: &'a [u8], findings: &mut Findings) -> Option<Cow<'a, str>> {
    let text = encoding::text(file, bytes, findings)?;
    if !text.starts_with('\u{feff}') {
        return Some(text);
    }
    let problem = "starts with a byte order mark, which Seafile's own tools do not read; save the file without it";
    findings.warn(&ConfError::new(&Place::line(file, 1), problem));
    Some(match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.trim_start_matches('\u{feff}')),
        Cow::Owned(text) => Cow::Owned(text.trim_start_matches('\u{feff}').to_owned()),
    })
}

/// The lines of `text`, which end with LF, CR LF or CR.
pub(crate) fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.split('\n').flat_map(|line| line.strip_suffix('\r').unwrap_or(line).split('\r'))
}

/// The meaning of a line in configparser.
enum Line<'a> {
    Blank,
    Header(&'a str),
    Option(&'a str, &'a str),
    Other,
}

fn classify(line: &str) -> Line<'_> {
    let line = line.trim();
    if line.is_empty() || line.starts_with(['#', ';']) {
        return Line::Blank;
    }
    if let Some((name, rest)) = line.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        // A line with a further bracket is no header, because configparser takes all up to the last bracket for the
        // name, which is then not the intended one.
        return if name.is_empty() || rest.contains(']') { Line::Other } else { Line::Header(name) };
    }
    match line.split_once(['=', ':']) {
        Some((name, value)) if !name.trim().is_empty() && !name.starts_with('[') => {
            Line::Option(name.trim_end(), value.trim())
        }
        _ => Line::Other,
    }
}

struct Scanner<'a> {
    file: Arc<str>,
    wanted: &'a [&'a str],
    findings: &'a mut Findings,
    /// The text that rust-ini reads.
    clean: String,
    sections: BTreeMap<String, Section>,
    /// The lines of the other sections' headers, to detect duplicates.
    others: BTreeMap<String, usize>,
    /// The section of the current line.
    current: Option<String>,
    /// The option that a further indented line continues, and the option's indentation.
    option: Option<(String, usize)>,
    defaults: BTreeMap<String, usize>,
    /// Sections whose names are near those of wanted ones: the header's place, its name, and the right one.
    misspelt: Vec<(Place, String, String)>,
    /// The first line that does not belong into a seafile.conf, and the numbers of the others.
    strange: Option<(ConfError, Vec<usize>)>,
    is_broken: bool,
}

impl<'a> Scanner<'a> {
    fn new(file: Arc<str>, wanted: &'a [&'a str], findings: &'a mut Findings) -> Self {
        Self {
            file,
            wanted,
            findings,
            clean: String::new(),
            sections: BTreeMap::new(),
            others: BTreeMap::new(),
            current: None,
            option: None,
            defaults: BTreeMap::new(),
            misspelt: Vec::new(),
            strange: None,
            is_broken: false,
        }
    }

    fn line(&mut self, number: usize, line: &str) {
        let place = Place::line(&self.file, number);
        let indent = line.len() - line.trim_start().len();
        match classify(line) {
            Line::Blank => {}
            kind if self.option.as_ref().is_some_and(|(_, level)| indent > *level) => self.continuation(&kind, &place),
            Line::Header(name) => self.header(name, place),
            Line::Option(name, value) => self.option(&name.to_lowercase(), value, indent, place),
            // The text of the line is not shown, because it may be the second half of a key.
            Line::Other => {
                let error = ConfError::new(&place, "is neither a section, an option nor a comment");
                self.strange(number, error.allowed("[section], option = value, # comment"));
            }
        }
    }

    /// Keeps the error of the first line that does not belong here, and the numbers of the others: a file that was named
    /// by mistake is one mistake.
    fn strange(&mut self, line: usize, error: ConfError) {
        // What stands before all sections is no seafile.conf, rather than one with a mistake in it.
        self.is_broken |= self.current.is_none();
        match &mut self.strange {
            Some((_, others)) => others.push(line),
            first => *first = Some((error, Vec::new())),
        }
    }

    fn continuation(&mut self, line: &Line<'_>, place: &Place) {
        let (Some(section), Some((option, _))) = (&self.current, &self.option) else { return };
        if let Line::Header(name) = line
            && self.is_wanted(name.trim())
        {
            let error = ConfError::new(place, "is indented, so that Seafile's Python tools do not see it");
            self.findings.error(error.section(name.trim()).allowed("a header that starts at the margin"));
            return;
        }
        if self.is_wanted(section) {
            let problem = "the line is indented, so that it continues the value of this option";
            let error = ConfError::new(place, problem).section(section).option(option);
            self.findings.error(error.allowed("each option on one line that starts at the margin"));
        }
    }

    fn header(&mut self, name: &str, place: Place) {
        self.option = None;
        self.current = Some(name.to_owned());
        let trimmed = name.trim();
        if trimmed != name && self.is_wanted(trimmed) {
            let error = ConfError::new(&place, "has spaces inside the brackets, so that Seafile does not see it");
            self.findings.error(error.section(name).allowed(format!("[{trimmed}]")));
            self.is_broken = true;
        } else if let Some(right) = meant(name, self.wanted).filter(|_| !self.is_wanted(name)) {
            self.misspelt.push((place.clone(), name.to_owned(), right.to_owned()));
        }
        if !self.is_wanted(name) {
            self.other_header(name, &place);
        } else if let Some(first) = self.sections.get(name) {
            let problem = format!("is there twice, first in line {}", first.place.line.unwrap_or_default());
            self.findings.error(ConfError::new(&place, problem).section(name).allowed("each section once"));
        } else {
            self.clean.push_str(&format!("[{name}]\n"));
            self.sections.insert(name.to_owned(), Section { place, options: BTreeMap::new() });
        }
    }

    fn other_header(&mut self, name: &str, place: &Place) {
        let line = place.line.unwrap_or_default();
        let first = *self.others.entry(name.to_owned()).or_insert(line);
        if first != line {
            let problem = format!("is there twice, first in line {first}; Seafile's Python tools refuse such a file");
            self.findings.warn(&ConfError::new(place, problem).section(name));
        }
    }

    fn option(&mut self, name: &str, value: &str, indent: usize, place: Place) {
        let Some(section) = self.current.clone() else {
            let error = ConfError::new(&place, "stands before the first section").option(name);
            self.strange(place.line.unwrap_or_default(), error.allowed("options below a [section] line"));
            return;
        };
        self.option = Some((name.to_owned(), indent));
        if section == DEFAULT {
            self.defaults.entry(name.to_owned()).or_insert(place.line.unwrap_or_default());
        }
        if !self.is_wanted(&section) {
            return;
        }
        let Some(held) = self.sections.get_mut(&section) else { return };
        let error = |problem: String| ConfError::new(&place, problem).section(&section).option(name);
        if let Some(first) = held.options.get(name) {
            let problem = format!("is given twice, first in line {}", first.place.line.unwrap_or_default());
            self.findings.error(error(problem).allowed("each option once"));
        } else if value.contains(|c: char| c.is_control() && c != '\t') {
            self.findings.error(error("holds a control character".to_owned()).allowed("text on one line"));
            held.options.insert(name.to_owned(), Value::refused(place));
        } else if name.contains(|c: char| !c.is_ascii_alphanumeric() && !"_-.".contains(c)) {
            self.findings.warn(&error("is not an option of Seafile's; it is not used".to_owned()));
        } else {
            // With a space, because rust-ini would otherwise continue a value with a backslash at its end on the next
            // line.
            self.clean.push_str(&format!("{name}={value} \n"));
            held.options.insert(name.to_owned(), Value::new(String::new(), place));
        }
    }

    fn is_wanted(&self, section: &str) -> bool {
        self.wanted.contains(&section)
    }

    /// Reads the clean text with rust-ini, and sets the values of the options.
    fn finish(mut self) -> Parsed {
        self.tell_misspelt();
        self.tell_strange();
        let option = ParseOption { enabled_escape: false, enabled_quote: false, ..ParseOption::default() };
        let ini = Ini::load_from_str_opt(&self.clean, option).expect("the clean text holds headers and options only");
        for (name, section) in &mut self.sections {
            for (option, value) in &mut section.options {
                value.text = ini.get_from(Some(name.as_str()), option).unwrap_or_default().to_owned();
            }
        }
        Parsed { sections: self.sections, defaults: self.defaults, is_broken: self.is_broken }
    }

    /// A misspelt section is an error, because what it says would silently not count; one beside the right one may be an
    /// old copy.
    fn tell_misspelt(&mut self) {
        for (place, name, right) in std::mem::take(&mut self.misspelt) {
            let problem = ConfError::new(&place, "is not a section of Seafile's, so that what it says does not count");
            let problem = problem.section(name).allowed(format!("[{right}]"));
            if self.sections.contains_key(&right) {
                self.findings.warn(&problem);
            } else {
                self.findings.error(problem);
                self.is_broken = true;
            }
        }
    }

    fn tell_strange(&mut self) {
        let Some((mut error, others)) = self.strange.take() else { return };
        if !others.is_empty() {
            let named: Vec<String> = others.iter().take(NAMED).map(ToString::to_string).collect();
            let more = match others.len() - named.len() {
                0 => String::new(),
                n => format!(" and {n} more"),
            };
            error.problem.push_str(&format!("; nor do lines {}{more} belong into a seafile.conf", named.join(", ")));
        }
        self.findings.error(error);
    }
}
