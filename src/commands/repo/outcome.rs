//! How moving libraries between storage classes ended.

use std::fmt;

use crate::commands::common::failure::Failure;
use crate::commands::remove::outcome::RemoveOutcome;
use crate::report::{Outcome, format};

/// How it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RepoOutcome {
    /// All libraries have arrived.
    Moved {
        /// How many.
        libraries: u64,
    },
    /// What would be moved was said.
    DryRun {
        /// How many libraries.
        libraries: u64,
    },
    /// What is on its way was said.
    Status {
        /// How many libraries.
        libraries: u64,
    },
    /// What is left of a library was removed, or would be; or why not. The removal has told it.
    Removal(Box<RemoveOutcome>),
    /// A library could not be moved; those before it have arrived.
    Stopped {
        /// How many have arrived.
        moved: u64,
        /// Why.
        failure: Failure,
    },
    /// The destination does not hold everything of a library as the origin does, so that it was not moved.
    NotWhole {
        /// How many have arrived.
        moved: u64,
        /// Which library, and what of it.
        what: String,
    },
}

impl Outcome for RepoOutcome {
    fn exit_code(&self) -> u8 {
        match self {
            Self::Moved { .. } | Self::DryRun { .. } | Self::Status { .. } => 0,
            Self::Removal(outcome) => outcome.exit_code(),
            Self::NotWhole { .. } => 1,
            Self::Stopped { failure, .. } => failure.exit_code(),
        }
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Moved { .. } | Self::DryRun { .. } | Self::Status { .. } => "complete",
            Self::Removal(outcome) => outcome.name(),
            Self::NotWhole { .. } => "failures",
            Self::Stopped { failure, .. } => failure.name(),
        }
    }
}

impl fmt::Display for RepoOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let arrived = |moved: &u64| match moved {
            0 => String::new(),
            moved => format!(" {} arrived before it.", format::libraries(*moved)),
        };
        match self {
            Self::Moved { libraries } => write!(
                f,
                "{} moved, each read back at its new place. What is left in the old class is for remove-objs.sh, once the server was seen to work",
                format::libraries(*libraries)
            ),
            Self::DryRun { libraries } => {
                write!(f, "{} would be moved; nothing was done", format::libraries(*libraries))
            }
            Self::Status { libraries } => write!(f, "{} on the way", format::libraries(*libraries)),
            Self::Removal(outcome) => outcome.fmt(f),
            Self::NotWhole { moved, what } => write!(f, "{what}. It stays in its class.{}", arrived(moved)),
            Self::Stopped { moved, failure } => {
                write!(f, "{failure}.{} Run again: it goes on from here", arrived(moved))
            }
        }
    }
}
