//! How a plan ended.

use std::fmt;

use crate::commands::common::failure::Failure;
use crate::report::{Outcome, format};

/// How a plan ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PlanOutcome {
    /// Both sides were listed to their end.
    Planned {
        /// How many objects `run` would copy.
        objects: u64,
        /// Their bytes, where the source's listing gives sizes.
        bytes: u64,
    },
    /// There is no plan.
    Stopped(Failure),
}

impl Outcome for PlanOutcome {
    fn exit_code(&self) -> u8 {
        match self {
            Self::Planned { .. } => 0,
            Self::Stopped(failure) => failure.exit_code(),
        }
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Planned { .. } => "planned",
            Self::Stopped(failure) => failure.name(),
        }
    }
}

impl fmt::Display for PlanOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Planned { objects, bytes } => write!(
                f,
                "a run would copy {}, {}; nothing was written",
                format::plural(*objects, "object"),
                format::bytes(*bytes)
            ),
            Self::Stopped(Failure::Interrupted { .. }) => {
                f.write_str("no plan: interrupted before both sides were listed; nothing was written")
            }
            Self::Stopped(failure) => write!(f, "no plan: {failure}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_that_was_interrupted_does_not_speak_of_copies() {
        let stopped = PlanOutcome::Stopped(Failure::Interrupted { signal: 2 });
        assert_eq!(stopped.exit_code(), 130);
        let line = stopped.result_line();
        assert!(line.contains("no plan: interrupted") && !line.contains("copied"), "{line}");
    }
}
