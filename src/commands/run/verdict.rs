//! Whether it is safe to switch the server to the destination.

use serde::Serialize;

use crate::commands::common::failure::Failure;
use crate::commands::run::heads::result::{Heads, HeadsResult, Moved};
use crate::commands::run::outcome::RunOutcome;
use crate::report::format;

/// Whether the server may be switched to the destination now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// Whether it is safe.
    pub yes: bool,
    /// Why, in a sentence.
    pub why: String,
    /// What to do next.
    pub next: String,
}

impl Verdict {
    fn no(why: impl Into<String>, next: impl Into<String>) -> Self {
        Self { yes: false, why: why.into(), next: next.into() }
    }

    /// Judges a pass by how it ended and by what became of the heads. Safe is only what was seen to be: a complete
    /// pass, every library whole at the destination, and no head that moved meanwhile.
    pub fn of(outcome: &RunOutcome, heads: &Heads) -> Self {
        match outcome {
            RunOutcome::Complete | RunOutcome::DamagedSource | RunOutcome::NotWhole => Self::of_heads(heads),
            RunOutcome::Retried { .. } | RunOutcome::NothingToRetry { .. } => Self::no(
                "only what had failed before was looked at.",
                "Run again without --retry-failed, with the server stopped.",
            ),
            RunOutcome::Failures => Self::no(
                "some objects are not at the destination.",
                "The list of failures says which and why. Mend that, and run again.",
            ),
            RunOutcome::Stopped(Failure::Interrupted { .. }) => {
                Self::no("the pass was interrupted before it was complete.", "Run again; it goes on from here.")
            }
            RunOutcome::Stopped(failure) => {
                Self::no(format!("the pass did not come to its end: {failure}."), "Mend that, and run again.")
            }
            RunOutcome::FileNotWritten(what) => Self::no(format!("{what}."), "Mend that, and run again."),
        }
    }

    fn of_heads(heads: &Heads) -> Self {
        let result = match heads {
            Heads::NotChecked { why, next } => {
                return Self::no(format!("whether every library is whole was not checked: {why}."), next);
            }
            Heads::Checked(result) => result,
        };
        if result.not_whole.count > 0 {
            // What is there and has the right length is never copied again, whatever its bytes are.
            let next = match result.not_whole.has_wrong_bytes() {
                true => "Remove the damaged objects that are named from the destination, and run again with --relist.",
                false => "Run again with --relist, so that the destination is listed anew and what it lacks is copied.",
            };
            let why = format!("{} not whole at the destination.", libraries_are(result.not_whole.count));
            return Self::no(why, next);
        }
        if result.whole == 0 {
            // As with the database of another server: what it names is on neither side, and so nothing is worse there.
            return Self::no(
                "the database names no library that is whole on either side.",
                "See that it is the database of this server.",
            );
        }
        match &result.moved {
            Moved::Unknown { why } => Self::no(
                format!("whether libraries changed while the pass ran is not known: {why}."),
                "See that the database answers, and run again with the server stopped.",
            ),
            Moved::Known { count: 0, .. } => Self::yes(result),
            Moved::Known { count, .. } => Self::no(
                format!("{} changed while the pass ran, so the server was running.", format::libraries(*count)),
                "Stop the server, and run again.",
            ),
        }
    }

    fn yes(result: &HeadsResult) -> Self {
        let damaged = match result.damaged_in_source.count {
            0 => String::new(),
            n => format!(" {} damaged in the source already, and no worse at the destination.", libraries_are(n)),
        };
        let whole = libraries_are(result.whole);
        Self {
            yes: true,
            why: format!(
                "everything that the pass saw is at the destination, {whole} whole there, and none changed while it ran.{damaged}"
            ),
            next:
                "Put the new seafile.conf in place and start the server with it. If the server was not stopped before \
                   this pass began, stop it and run again first."
                    .to_owned(),
        }
    }
}

fn libraries_are(count: u64) -> String {
    format!("{} {}", format::libraries(count), if count == 1 { "is" } else { "are" })
}
