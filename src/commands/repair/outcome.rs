//! How a repair ended.

use std::fmt;

use crate::commands::common::failure::Failure;
use crate::report::{Outcome, format};

/// How a repair ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RepairOutcome {
    /// Every object that the reports name is right at the destination.
    Repaired(Numbers),
    /// Some objects are left as they are.
    Left(Numbers),
    /// The reports name no object.
    NothingNamed,
    /// The repair came to its end, and the report could not be written: what happened.
    FileNotWritten(String),
    /// It ended before every object was looked at.
    Stopped(Failure),
}

/// How many objects came to what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Numbers {
    /// Objects that were right at the destination.
    pub right: u64,
    /// Objects that were written, or in a dry run would be.
    pub repaired: u64,
    /// Objects that are left as they are.
    pub left: u64,
    /// Whether nothing was written.
    pub is_dry_run: bool,
}

impl Outcome for RepairOutcome {
    fn exit_code(&self) -> u8 {
        match self {
            Self::Repaired(_) | Self::NothingNamed => 0,
            Self::Left(_) | Self::FileNotWritten(_) => 1,
            Self::Stopped(failure) => failure.exit_code(),
        }
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Repaired(Numbers { is_dry_run: false, .. }) => "repaired",
            Self::Repaired(Numbers { is_dry_run: true, .. }) => "repairable",
            Self::Left(_) => "objects left",
            Self::NothingNamed => "nothing named",
            Self::FileNotWritten(_) => "local disk failed",
            Self::Stopped(failure) => failure.name(),
        }
    }
}

impl fmt::Display for RepairOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Repaired(numbers) if numbers.is_dry_run => {
                write!(
                    f,
                    "{numbers}, so everything that the reports name can be right; nothing was written (--dry-run)"
                )
            }
            Self::Repaired(numbers) => {
                write!(
                    f,
                    "everything that the reports name is right at the destination now: {numbers}. Verify to see the rest"
                )
            }
            Self::Left(numbers) => {
                let left = format::plural(numbers.left, "object");
                let dry = if numbers.is_dry_run { "; nothing was written (--dry-run)" } else { "" };
                write!(f, "{left} could NOT be repaired, {numbers}{dry}")
            }
            Self::NothingNamed => f.write_str("the reports name no object, so there is nothing to repair"),
            Self::FileNotWritten(what) => write!(f, "the repair is done, but a file of this machine failed: {what}"),
            Self::Stopped(failure @ Failure::Interrupted { .. }) => {
                write!(f, "{failure}; what was repaired stays, and the same command goes on from here")
            }
            Self::Stopped(failure) => failure.fmt(f),
        }
    }
}

impl fmt::Display for Numbers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (repaired, right) = (format::count(self.repaired), format::count(self.right));
        let word = if self.is_dry_run { "to repair" } else { "repaired" };
        write!(f, "{repaired} {word}, {right} right already")
    }
}
