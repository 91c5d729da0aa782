//! How a check of one side ended.

use std::fmt;
use std::path::PathBuf;

use crate::commands::common::failure::Failure;
use crate::report::{Outcome, format};

/// How a check of one side ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FsckOutcome {
    /// Every library is whole.
    Whole {
        /// How many libraries were checked.
        libraries: u64,
    },
    /// Something is missing or damaged.
    Findings(FsckFindings),
    /// It ended before every library was checked, or what it found could not be written.
    Stopped(Failure),
}

/// How much is wrong, and where each of it is named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FsckFindings {
    /// How many objects are missing or wrong.
    pub findings: u64,
    /// In how many libraries.
    pub broken: u64,
    /// How many libraries were checked.
    pub libraries: u64,
    /// How many of the findings are counted and not named, because a library has very many.
    pub unnamed: u64,
    /// The report and the page, as far as they were asked for.
    pub files: Vec<PathBuf>,
}

impl Outcome for FsckOutcome {
    fn exit_code(&self) -> u8 {
        match self {
            Self::Whole { .. } => 0,
            Self::Findings(_) => 1,
            Self::Stopped(failure) => failure.exit_code(),
        }
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Whole { .. } => "whole",
            Self::Findings(_) => "findings",
            Self::Stopped(failure) => failure.name(),
        }
    }
}

impl fmt::Display for FsckOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole { libraries: 1 } => f.write_str("the library is whole"),
            Self::Whole { libraries } => write!(f, "all of {} are whole", format::libraries(*libraries)),
            Self::Findings(found) => write!(f, "{found}"),
            Self::Stopped(Failure::Interrupted { .. }) => {
                f.write_str("interrupted before every library was checked; the next fsck checks all of them again")
            }
            Self::Stopped(failure) => write!(f, "{failure}"),
        }
    }
}

impl fmt::Display for FsckFindings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { findings, broken, libraries, unnamed, files } = self;
        let (findings, libraries) = (format::plural(*findings, "finding"), format::libraries(*libraries));
        write!(f, "{findings} in {} of {libraries}, named on standard output", format::count(*broken))?;
        files.iter().try_for_each(|file| write!(f, " and in {}", file.display()))?;
        match unnamed {
            0 => Ok(()),
            n => write!(f, ", all but {} of libraries that have very many", format::count(*n)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn findings_are_counted_and_the_places_that_name_them_told() {
        let found =
            FsckFindings { findings: 3, broken: 2, libraries: 10, unnamed: 0, files: vec!["report.json".into()] };
        let line = FsckOutcome::Findings(found).result_line();
        assert_eq!(
            line,
            "Result: 3 findings in 2 of 10 libraries, named on standard output and in report.json (exit code 1)."
        );
    }

    #[test]
    fn a_database_that_failed_is_called_one() {
        let failure = Failure::Database("database /seafile.db: there is no such file".to_owned());
        let outcome = FsckOutcome::Stopped(failure);
        assert_eq!((outcome.exit_code(), outcome.name()), (3, "database failed"));
        let text = outcome.to_string();
        assert!(text.contains("the database failed: database /seafile.db") && !text.contains("store"), "{text}");
    }
}
