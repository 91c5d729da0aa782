//! How a verification ended: its exit code, its name in the report, and its sentence.

use std::fmt;
use std::path::PathBuf;

use crate::commands::common::failure::Failure;
use crate::report::{Outcome, format};

/// How a verification ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VerifyOutcome {
    /// Everything that the source has is at the destination.
    Complete {
        /// How many objects were read at the destination and hashed.
        read: u64,
    },
    /// As `Complete`, but the source itself holds damaged objects and the user asked to be strict.
    DamagedSource {
        /// How many objects were read at the destination and hashed.
        read: u64,
    },
    /// The destination lacks objects, or holds them wrongly.
    Findings {
        /// How many.
        objects: u64,
        /// How many objects were read at the destination and hashed.
        read: u64,
    },
    /// It did not begin.
    NotBegun(Failure),
    /// It ended before everything was compared.
    Stopped {
        /// Why.
        failure: Failure,
        /// The checkpoint that the next one can go on from.
        checkpoint: Option<PathBuf>,
    },
    /// A report or a page that was asked for could not be written.
    FileNotWritten {
        /// What the verification itself came to.
        reached: Box<Self>,
        /// Which file, and why.
        what: String,
    },
}

impl VerifyOutcome {
    /// Whether everything was compared, whatever came of it.
    pub const fn is_over(&self) -> bool {
        matches!(self, Self::Complete { .. } | Self::DamagedSource { .. } | Self::Findings { .. })
    }
}

impl Outcome for VerifyOutcome {
    fn exit_code(&self) -> u8 {
        match self {
            Self::Complete { .. } => 0,
            Self::Findings { .. } => 1,
            Self::DamagedSource { .. } => 5,
            Self::NotBegun(failure) | Self::Stopped { failure, .. } => failure.exit_code(),
            // All is not well without the file, because somebody asked for it to decide by it.
            Self::FileNotWritten { reached, .. } => reached.exit_code().max(1),
        }
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Complete { .. } => "complete",
            Self::Findings { .. } => "findings",
            Self::DamagedSource { .. } => "complete, source damaged",
            Self::NotBegun(failure) | Self::Stopped { failure, .. } => failure.name(),
            Self::FileNotWritten { reached, .. } => reached.name(),
        }
    }
}

impl fmt::Display for VerifyOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Complete { read } => {
                write!(f, "everything that the source has is at the destination ({})", depth(*read))
            }
            Self::DamagedSource { read } => write!(
                f,
                "everything that the source has is at the destination ({}), but some of it was damaged in the source already (--strict)",
                depth(*read)
            ),
            Self::Findings { objects, read } => write!(
                f,
                "{} of the source NOT at the destination as in the source ({}); a run with --relist copies what is missing or too short",
                format::plural(*objects, "object"),
                depth(*read)
            ),
            Self::NotBegun(failure) => write!(f, "NOT verified: {failure}"),
            Self::Stopped { failure, checkpoint } => {
                match failure {
                    Failure::Interrupted { .. } => f.write_str("interrupted, NOT verified to the end; ")?,
                    other => write!(f, "NOT verified to the end: {other}; ")?,
                }
                match checkpoint {
                    Some(dir) => write!(f, "the same command goes on from the checkpoint {}", dir.display()),
                    None => f.write_str("with --checkpoint DIR, the next one could go on from here"),
                }
            }
            Self::FileNotWritten { reached, what } => write!(f, "{reached}; {what}"),
        }
    }
}

/// How thoroughly objects were compared.
fn depth(read: u64) -> String {
    match read {
        0 => "compared by id and size, no content read".to_owned(),
        read => format!("{} read and hashed", format::plural(read, "object")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_was_not_written_makes_good_news_bad_and_bad_news_no_better() {
        let unwritten = |reached: VerifyOutcome| VerifyOutcome::FileNotWritten {
            reached: Box::new(reached),
            what: "cannot write the report".to_owned(),
        };
        for (reached, code) in [
            (VerifyOutcome::Complete { read: 0 }, 1),
            (VerifyOutcome::Findings { objects: 2, read: 0 }, 1),
            (VerifyOutcome::DamagedSource { read: 0 }, 5),
            (VerifyOutcome::NotBegun(Failure::Store("gone".to_owned())), 3),
        ] {
            let text = unwritten(reached.clone()).to_string();
            assert!(text.starts_with(&reached.to_string()) && text.ends_with("cannot write the report"), "{text}");
            assert_eq!(unwritten(reached).exit_code(), code, "{text}");
        }
    }

    #[test]
    fn what_ended_early_says_how_to_go_on() {
        let stopped = |checkpoint| VerifyOutcome::Stopped { failure: Failure::Interrupted { signal: 15 }, checkpoint };
        let with = stopped(Some("/the/checkpoint".into()));
        assert!(with.to_string().contains("goes on from the checkpoint /the/checkpoint"), "{with}");
        assert!(stopped(None).to_string().contains("with --checkpoint DIR"));
        assert_eq!((with.exit_code(), with.name(), with.is_over()), (143, "interrupted", false));
    }
}
