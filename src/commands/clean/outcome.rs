//! How cleaning ended: its exit code, its name and its sentence.

use std::fmt;

use crate::commands::common::failure::Failure;
use crate::report::{Outcome, format};

/// How cleaning ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CleanOutcome {
    /// This program's own objects are gone.
    Removed(u64),
    /// Nothing was removed, because nobody said `--yes`: how many there are.
    DryRun(u64),
    /// It ended early.
    Stopped(Failure),
}

impl Outcome for CleanOutcome {
    fn exit_code(&self) -> u8 {
        match self {
            Self::Removed(_) | Self::DryRun(_) => 0,
            Self::Stopped(failure) => failure.exit_code(),
        }
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Removed(_) | Self::DryRun(_) => "complete",
            Self::Stopped(failure) => failure.name(),
        }
    }
}

impl fmt::Display for CleanOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Removed(count) => write!(
                f,
                "{} of seaf-migrate's own removed. List files and verifications of this side do not count any more: the next \
                 run lists it anew",
                format::plural(*count, "object")
            ),
            Self::DryRun(count) => {
                let count = format::plural(*count, "object");
                write!(f, "nothing was removed, this was a dry run; --yes would remove {count} of seaf-migrate's own")
            }
            Self::Stopped(failure) => failure.fmt(f),
        }
    }
}
