//! The errors and warnings of a configuration, with their places.

use std::fmt;
use std::sync::Arc;

/// A file (or `environment`) and the line in it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) file: Arc<str>,
    pub(crate) line: Option<usize>,
}

impl Place {
    pub(crate) fn line(file: &Arc<str>, line: usize) -> Self {
        Self { file: Arc::clone(file), line: Some(line) }
    }

    pub(crate) fn file(file: &str) -> Self {
        Self { file: file.into(), line: None }
    }
}

/// One error. `Display` writes one line: `FILE:LINE: [section] option: problem; allowed: …`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfError {
    /// The file as the user named it, or `environment`.
    pub file: String,
    /// The line, counted from 1; `None` when the error concerns the whole file, or something that is not in it.
    pub line: Option<usize>,
    /// The section without brackets; `None` for environment variables.
    pub section: Option<String>,
    /// The option or the environment variable.
    pub option: Option<String>,
    /// What is wrong. Never holds a secret.
    pub problem: String,
    /// The allowed values.
    pub allowed: Option<String>,
}

impl ConfError {
    pub(crate) fn new(place: &Place, problem: impl Into<String>) -> Self {
        Self {
            file: place.file.to_string(),
            line: place.line,
            section: None,
            option: None,
            problem: problem.into(),
            allowed: None,
        }
    }

    pub(crate) fn section(mut self, section: impl Into<String>) -> Self {
        self.section = Some(section.into());
        self
    }

    pub(crate) fn option(mut self, option: impl Into<String>) -> Self {
        self.option = Some(option.into());
        self
    }

    pub(crate) fn allowed(mut self, allowed: impl Into<String>) -> Self {
        self.allowed = Some(allowed.into());
        self
    }
}

impl fmt::Display for ConfError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        match (&self.section, &self.option) {
            (Some(section), Some(option)) => write!(f, ": [{section}] {option}: {}", self.problem)?,
            (Some(section), None) => write!(f, ": [{section}]: {}", self.problem)?,
            (None, Some(option)) => write!(f, ": {option}: {}", self.problem)?,
            (None, None) => write!(f, ": {}", self.problem)?,
        }
        match &self.allowed {
            Some(allowed) => write!(f, "; allowed: {allowed}"),
            None => Ok(()),
        }
    }
}

/// All errors of one side or of both. `Display` writes one line for each, and the warnings last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfErrors {
    /// The errors; never empty.
    pub errors: Vec<ConfError>,
    /// The number of further errors. They are not kept, because a file with so many is not a configuration.
    pub more: usize,
    /// The warnings as whole lines. They are shown with the errors, because an option is often missing when another is
    /// misspelt.
    pub warnings: Vec<String>,
}

impl fmt::Display for ConfErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let errors = self.errors.iter().map(ToString::to_string);
        let more = (self.more > 0).then(|| format!("and {} errors more", self.more));
        let warnings = self.warnings.iter().map(|warning| format!("warning: {warning}"));
        f.write_str(&errors.chain(more).chain(warnings).collect::<Vec<_>>().join("\n"))
    }
}

impl std::error::Error for ConfErrors {}

/// Collects errors and warnings while a configuration is read.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    errors: Vec<ConfError>,
    more: usize,
    warnings: Vec<String>,
}

/// How many errors, and how many warnings, are kept: more than a real file can have, few enough to compare each
/// with each when the user names a file by mistake.
const MOST: usize = 100;

impl Findings {
    /// Adds an error unless it was added before, because three kinds in one folder cause the same error.
    pub(crate) fn error(&mut self, error: ConfError) {
        if self.errors.len() == MOST {
            self.more += 1;
        } else if !self.errors.contains(&error) {
            self.errors.push(error);
        }
    }

    pub(crate) fn warn(&mut self, warning: &ConfError) {
        let warning = warning.to_string();
        if self.warnings.len() < MOST && !self.warnings.contains(&warning) {
            self.warnings.push(warning);
        }
    }

    /// Removes and returns the warnings found so far.
    pub(crate) fn take_warnings(&mut self) -> Vec<String> {
        std::mem::take(&mut self.warnings)
    }

    /// Returns `value` when there are no errors, and the errors otherwise. A missing value must have caused an error.
    pub(crate) fn finish<T>(
        mut self,
        value: Option<T>,
        warnings: impl IntoIterator<Item = String>,
    ) -> Result<T, ConfErrors> {
        match value {
            Some(value) if self.errors.is_empty() => Ok(value),
            _ => {
                self.errors.sort_by(|a, b| (&a.file, a.line).cmp(&(&b.file, b.line)));
                self.warnings.extend(warnings);
                Err(ConfErrors { errors: self.errors, more: self.more, warnings: self.warnings })
            }
        }
    }
}
