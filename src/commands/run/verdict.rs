//! Whether it is safe to switch the server to the destination.

use serde::Serialize;

use crate::commands::common::failure::Failure;
use crate::commands::common::selecting;
use crate::commands::run::heads::result::{Heads, HeadsResult, Moved};
use crate::commands::run::outcome::RunOutcome;
use crate::object::selection::Selection;
use crate::report::format;

/// How many libraries are named in a sentence.
const NAMED_HERE: usize = 10;

/// What to do when the source lacks what a head needs. Seafile's garbage collection never removes that.
const MISSING_IN_SOURCE: &str = "See that every disk of the source is mounted and every bucket the right one, or bring \
     the objects back from a backup, and run again. To switch without them: --accept-damage LIBRARY for each of these \
     libraries, or --accept-damage with the file of this run's --report.";

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

    /// Judges a pass by how it ended and by what became of the heads; `how_to_switch` is what to do next when it is safe. Safe
    /// is only what was seen to be: a complete pass, every library whole at the destination, and no head that moved meanwhile.
    /// A pass that was not about every library never makes it safe.
    pub fn of(outcome: &RunOutcome, heads: &Heads, selection: &Selection, how_to_switch: &str) -> Self {
        match outcome {
            RunOutcome::Complete | RunOutcome::DamagedSource | RunOutcome::NotWhole | RunOutcome::SourceIncomplete => {
                let of_heads = Self::of_heads(heads, how_to_switch);
                match selecting::in_words(selection).filter(|_| of_heads.yes) {
                    Some(what) => Self::no(
                        format!(
                            "objects {what} were copied, so what the others need was not looked at. Of these libraries, {}",
                            of_heads.why
                        ),
                        "Run again without that option to move everything.",
                    ),
                    None => of_heads,
                }
            }
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

    fn of_heads(heads: &Heads, how_to_switch: &str) -> Self {
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
        if result.whole + result.accepted.count == 0 {
            // As with the database of another server: what it names is on neither side, and so nothing is worse there.
            return Self::no(
                "the database names no library that is whole on either side.",
                "See that it is the database of this server.",
            );
        }
        if result.missing_in_source.count > 0 {
            let why = format!(
                "objects that the newest state of {} needs are missing in the source as well: {}.",
                format::libraries(result.missing_in_source.count),
                result.missing_in_source.names(NAMED_HERE)
            );
            return Self::no(why, MISSING_IN_SOURCE);
        }
        match &result.moved {
            Moved::Unknown { why } => Self::no(
                format!("whether libraries changed while the pass ran is not known: {why}."),
                "See that the database answers, and run again with the server stopped.",
            ),
            Moved::Known { count: 0, .. } if result.is_every_library_judged() => Self::yes(result, how_to_switch),
            Moved::Known { count: 0, .. } => Self::no(
                "not every library could be judged.",
                "Run again; the lines that begin with \"heads:\" and the report name the libraries.",
            ),
            Moved::Known { count, .. } => Self::no(
                format!("{} changed while the pass ran, so the server was running.", format::libraries(*count)),
                "Stop the server, and run again.",
            ),
        }
    }

    fn yes(result: &HeadsResult, next: &str) -> Self {
        let damaged = match result.damaged_in_source.count {
            0 => String::new(),
            n => format!(" {} damaged in the source already, and no worse at the destination.", libraries_are(n)),
        };
        let accepted = match result.accepted.count {
            0 => String::new(),
            n => format!(
                " {} without objects that the source lacks as well, which --accept-damage accepts: {}.",
                libraries_are(n),
                result.accepted.names(NAMED_HERE)
            ),
        };
        let whole = libraries_are(result.whole);
        Self {
            yes: true,
            why: format!(
                "everything that the pass saw is at the destination, {whole} whole there, and none changed while it ran.{accepted}{damaged}"
            ),
            next: next.to_owned(),
        }
    }
}

fn libraries_are(count: u64) -> String {
    format!("{} {}", format::libraries(count), if count == 1 { "is" } else { "are" })
}
