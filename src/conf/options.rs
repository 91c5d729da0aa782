//! Parses the options of one section, or the environment variables that stand for them.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::finding::{ConfError, Findings, Place};
use super::ini::{Section, Value};
use super::{Environment, Secret, host};

/// The spellings of booleans, as in configparser.
const BOOLEANS: &str = "true, false, yes, no, on, off, 1, 0";

/// Parses options and adds errors for invalid ones.
pub(crate) struct Options<'a> {
    section: Option<String>,
    place: Place,
    /// Whether the section is one of an INI file, where quotes and what follows a `#` belong to a value.
    is_ini: bool,
    values: BTreeMap<String, Value>,
    /// Option to environment variable, for messages; empty for options that all stand in a section.
    names: Vec<(&'static str, &'static str)>,
    pub(crate) findings: &'a mut Findings,
}

impl<'a> Options<'a> {
    /// The options of a section; when it is `None`, of an empty section of the file at `place`.
    pub(crate) fn of_section(name: &str, section: Option<&Section>, place: &Place, findings: &'a mut Findings) -> Self {
        let values = section.map(|section| section.options.clone()).unwrap_or_default();
        let place = section.map_or(place, |section| &section.place).clone();
        Self { section: Some(name.to_owned()), place, is_ini: true, values, names: Vec::new(), findings }
    }

    /// The options for which environment variables stand; `place` is the place of the variable that selects them.
    pub(crate) fn of_variables(
        variables: &BTreeMap<String, Value>,
        names: Vec<(&'static str, &'static str)>,
        place: &Place,
        findings: &'a mut Findings,
    ) -> Self {
        let value = |(option, name): &(&str, &str)| Some(((*option).to_owned(), variables.get(*name)?.clone()));
        let values = names.iter().filter_map(value).collect();
        Self { section: None, place: place.clone(), is_ini: false, values, names, findings }
    }

    /// The options of an object in a JSON file, which names the backend `backend` where a section has `name`; `section` is
    /// what messages call the object.
    pub(crate) fn of_json(
        section: String,
        place: Place,
        values: BTreeMap<String, Value>,
        findings: &'a mut Findings,
    ) -> Self {
        Self { section: Some(section), place, is_ini: false, values, names: Vec::new(), findings }
    }

    /// The same options, some of which variables override, each on its own.
    pub(crate) fn overridden(
        mut self,
        variables: &BTreeMap<String, Value>,
        names: impl IntoIterator<Item = (&'static str, &'static str)>,
    ) -> Self {
        for (option, name) in names {
            if let Some(value) = variables.get(name).filter(|value| value.refused || !value.text.is_empty()) {
                self.values.insert(option.to_owned(), value.clone());
                self.names.push((option, name));
            }
        }
        self
    }

    /// The name that the user knows `option` by: the variable's, or the option's own.
    pub(crate) fn shown<'b>(&self, option: &'b str) -> &'b str {
        if option == "name" && self.is_json() {
            return "backend";
        }
        self.names.iter().find(|(name, _)| *name == option).map_or(option, |(_, variable)| variable)
    }

    /// The section in which `option` stands or would stand; `None` when a variable gives it.
    fn section_of(&self, option: &str) -> Option<&str> {
        self.section.as_deref().filter(|_| self.names.iter().all(|(name, _)| *name != option))
    }

    /// Whether the options are those of an object in a JSON file.
    fn is_json(&self) -> bool {
        self.section.is_some() && !self.is_ini
    }

    fn finding(&self, option: &str, problem: impl Into<String>) -> ConfError {
        let place = self.values.get(option).map_or(&self.place, |value| &value.place);
        let finding = ConfError::new(place, problem).option(self.shown(option));
        match self.section_of(option) {
            Some(section) => finding.section(section),
            None => finding,
        }
    }

    /// The place of the store's or the database's description, for later errors.
    pub(crate) fn place(&self) -> &Place {
        &self.place
    }

    /// Adds an error for `option`, with its allowed values. A value that could not be read has an error already and
    /// gets no second one.
    pub(crate) fn error(&mut self, option: &str, problem: impl Into<String>, allowed: impl Into<String>) {
        if self.values.get(option).is_some_and(|value| value.refused) {
            return;
        }
        let error = self.finding(option, problem).allowed(allowed);
        self.findings.error(error);
    }

    /// Adds an error for the whole file. It has no line, so that the same error of each kind is added once.
    pub(crate) fn file_error(&mut self, problem: impl Into<String>, allowed: impl Into<String>) {
        let error = ConfError::new(&Place { line: None, ..self.place.clone() }, problem);
        self.findings.error(error.allowed(allowed));
    }

    /// Adds a warning for `option`.
    pub(crate) fn warn(&mut self, option: &str, problem: impl Into<String>) {
        let warning = self.finding(option, problem);
        self.findings.warn(&warning);
    }

    /// Whether the option is given, even if it is empty.
    pub(crate) fn has(&self, option: &str) -> bool {
        self.values.contains_key(option)
    }

    /// The names of all options.
    pub(crate) fn names(&self) -> Vec<String> {
        self.values.keys().cloned().collect()
    }

    /// The text of an option; an empty one counts as absent.
    pub(crate) fn text(&self, option: &str) -> Option<String> {
        self.values.get(option).map(|value| value.text.clone()).filter(|text| !text.is_empty())
    }

    /// The text of a required option.
    pub(crate) fn required(&mut self, option: &str, allowed: &str) -> Option<String> {
        let text = self.text(option);
        if text.is_none() {
            let problem = if self.has(option) { "is empty" } else { "is missing" };
            self.error(option, problem, allowed);
        }
        text
    }

    /// A required password or key.
    pub(crate) fn secret(&mut self, option: &str, allowed: &str) -> Option<Secret> {
        let text = self.required(option, allowed)?;
        if is_quoted(&text) {
            self.warn(option, "stands in quotes; they are part of the value");
        }
        let is_in_section = self.is_ini && self.section_of(option).is_some();
        if is_in_section && (text.contains(" #") || text.contains(" ;")) {
            self.warn(
                option,
                "what follows # or ; on the line is part of the value; a comment needs a line of its own",
            );
        }
        if is_in_section && text.contains("%%") {
            self.warn(
                option,
                "holds %%, taken as it is written, as the server does; Seafile's Python tools take it for one %",
            );
        }
        Some(Secret::new(text))
    }

    /// A boolean in any spelling of configparser.
    pub(crate) fn boolean(&mut self, option: &str, default: bool) -> bool {
        let Some(value) = self.values.get(option) else { return default };
        match value.text.to_ascii_lowercase().as_str() {
            "true" | "yes" | "on" | "1" => true,
            "false" | "no" | "off" | "0" => false,
            "" if self.section_of(option).is_none() => default,
            _ => {
                let problem = format!("{:?} is not a boolean{}", value.text, hint(&value.text));
                self.error(option, problem, BOOLEANS);
                default
            }
        }
    }

    /// The name of a required bucket, container or pool, without space, slash or quote.
    pub(crate) fn container(&mut self, option: &str, what: &str) -> Option<String> {
        let allowed = format!("the name of the {what}");
        let text = self.required(option, &allowed)?;
        if text.contains(|c: char| c.is_whitespace() || "/\\\"'?#".contains(c)) {
            let problem = format!("{text:?} cannot be the name of a {what}{}", hint(&text));
            self.error(option, problem, format!("{allowed}, without spaces, slashes and quotes"));
            return None;
        }
        Some(text)
    }

    /// `host` or `host:port`. The error does not show the text, because a URL may contain a password.
    pub(crate) fn host(&mut self, option: &str) -> Option<String> {
        let text = self.text(option)?;
        if host::split(&text).is_some() {
            return Some(text);
        }
        let problem = if text.contains("://") { "is a URL" } else { "is not a host" };
        let problem = format!("{problem}{}", hint(&text));
        let https = self.shown("use_https");
        let allowed = format!("host or host:port, without http:// and without a path ({https} = true for https)");
        self.error(option, problem, allowed);
        None
    }

    /// A name of letters, digits, dots, dashes and underscores, such as a region.
    pub(crate) fn word(&mut self, option: &str) -> Option<String> {
        let text = self.text(option)?;
        if text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)) {
            return Some(text);
        }
        self.error(option, format!("{text:?} is not a name{}", hint(&text)), "letters, digits, - _ .");
        None
    }

    /// A required absolute path.
    pub(crate) fn path(&mut self, option: &str, allowed: &str) -> Option<PathBuf> {
        let path = PathBuf::from(self.required(option, allowed)?);
        if path.is_absolute() {
            return Some(path);
        }
        let text = path.display().to_string();
        self.error(option, format!("{text:?} is not an absolute path{}", hint(&text)), allowed);
        None
    }

    /// Reads the file that `option` names, so that an unreadable file is reported before the pass begins.
    pub(crate) fn readable(&mut self, option: &str, path: &Path) -> Option<Vec<u8>> {
        // The limit keeps a wrong path from filling the memory. A system's certificate bundle has about 250 KB.
        const MOST: u64 = 16 << 20;
        let mut bytes = Vec::new();
        match File::open(path).and_then(|file| file.take(MOST).read_to_end(&mut bytes)) {
            Ok(_) => Some(bytes),
            Err(error) => {
                let problem = format!("cannot read {}: {error}", path.display());
                self.error(option, problem, "a file that this user may read");
                None
            }
        }
    }
}

/// A hint for an invalid value that stands in quotes or seems to hold a comment: configparser takes neither away.
pub(crate) fn hint(text: &str) -> &'static str {
    if is_quoted(text) {
        " (the quotes are part of the value: leave them out)"
    } else if text.contains(" #") || text.contains(" ;") {
        " (a comment needs a line of its own)"
    } else {
        ""
    }
}

fn is_quoted(text: &str) -> bool {
    text.len() > 1 && ['"', '\''].iter().any(|quote| text.starts_with(*quote) && text.ends_with(*quote))
}

/// The data folder that the environment names, by the variables that the server reads.
pub(crate) fn data_dir(environment: &Environment) -> Option<PathBuf> {
    environment.get("SEAFILE_DATA_DIR").or_else(|| environment.get("SEAFILE_CONF_DIR")).map(PathBuf::from)
}
