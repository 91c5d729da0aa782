//! How a run ended.

use std::fmt;
use std::sync::atomic::Ordering;

use crate::commands::common::failure::Failure;
use crate::commands::run::heads::result::{Broken, Heads, HeadsResult};
use crate::metrics::{Counters, ObjectFindings};
use crate::object::ObjectKind;
use crate::report::Outcome;

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RunOutcome {
    /// Every object that the pass saw in the source is at the destination.
    Complete,
    /// As `Complete`, but the source holds damaged objects and the user asked to be strict.
    DamagedSource,
    /// A retry: all that had failed is at the destination. Nothing else was looked at.
    Retried {
        /// The report that named what had failed.
        report: String,
        /// Whether some of it is damaged in the source and the user asked to be strict.
        damaged: bool,
    },
    /// A retry of a report that names no failure: nothing was done.
    NothingToRetry {
        /// The report.
        report: String,
    },
    /// Some objects are not at the destination.
    Failures,
    /// Every object that the pass saw was copied or was there, but an object that some library's head needs is missing or
    /// damaged at the destination.
    NotWhole,
    /// Every object that the pass saw was copied or was there, but an object that some library's head needs is missing in
    /// the source as well, and the user did not accept that.
    SourceIncomplete,
    /// All that was to be copied was, and a file that the user asked for could not be written: what happened.
    FileNotWritten(String),
    /// The pass ended before it had looked at everything.
    Stopped(Failure),
}

/// What a pass that nothing stopped is judged by.
#[derive(Clone, Copy, Debug)]
pub struct Finished<'a> {
    /// What it counted.
    pub counters: &'a Counters,
    /// The objects that failed or are damaged.
    pub findings: &'a ObjectFindings,
    /// What is known of the heads.
    pub heads: &'a Heads,
    /// Whether damage in the source makes the pass fail.
    pub strict: bool,
}

impl Finished<'_> {
    /// How the pass ended.
    pub fn outcome(&self) -> RunOutcome {
        if self.findings.failures.count() > 0 || !is_all_accounted_for(self.counters) {
            return RunOutcome::Failures;
        }
        let broken = |pick: fn(&HeadsResult) -> &Broken| self.heads.result().map_or(0, |result| pick(result).count);
        if broken(|result| &result.not_whole) > 0 {
            RunOutcome::NotWhole
        } else if broken(|result| &result.missing_in_source) > 0 {
            RunOutcome::SourceIncomplete
        } else if self.strict && self.is_source_damaged() {
            RunOutcome::DamagedSource
        } else {
            RunOutcome::Complete
        }
    }

    /// Whether the source holds damaged objects, or lacks some that the user accepts to lose.
    fn is_source_damaged(&self) -> bool {
        let lacks = |result: &HeadsResult| result.damaged_in_source.count + result.accepted.count > 0;
        self.findings.damage.count() > 0 || self.heads.result().is_some_and(lacks)
    }
}

/// Whether every object that was to be copied was, is right at the destination, or is known to have vanished. Success is claimed on these numbers and
/// not on the absence of errors, so that no path on which an object is dropped can end well.
fn is_all_accounted_for(counters: &Counters) -> bool {
    ObjectKind::ALL.into_iter().all(|kind| {
        let numbers = counters.kind(kind);
        numbers.source_listed.load(Ordering::Relaxed) && numbers.settled() == numbers.to_copy.get()
    })
}

impl Outcome for RunOutcome {
    fn exit_code(&self) -> u8 {
        match self {
            Self::Complete | Self::Retried { damaged: false, .. } | Self::NothingToRetry { .. } => 0,
            Self::Failures | Self::NotWhole | Self::SourceIncomplete | Self::FileNotWritten(_) => 1,
            Self::DamagedSource | Self::Retried { damaged: true, .. } => 5,
            Self::Stopped(failure) => failure.exit_code(),
        }
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::DamagedSource => "complete, source damaged",
            Self::Retried { damaged: false, .. } => "retried",
            Self::Retried { damaged: true, .. } => "retried, source damaged",
            Self::NothingToRetry { .. } => "nothing to retry",
            Self::Failures => "failures",
            Self::NotWhole => "libraries not whole",
            Self::SourceIncomplete => "source incomplete",
            Self::FileNotWritten(_) => "local disk failed",
            Self::Stopped(failure) => failure.name(),
        }
    }
}

impl fmt::Display for RunOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Complete => f.write_str("every object of the source is at the destination"),
            Self::DamagedSource => f.write_str(
                "every object of the source is at the destination, but some were damaged in the source already (--strict)",
            ),
            Self::Retried { report, damaged } => {
                let but = if *damaged { ", some of it damaged in the source already (--strict)" } else { "" };
                write!(
                    f,
                    "all that had failed is at the destination now, or gone from the source{but}. Only the failures of {report} \
                     were retried; whether anything else is missing, the next full run tells"
                )
            }
            Self::NothingToRetry { report } => write!(f, "nothing failed in {report}, so there is nothing to retry"),
            Self::Failures => f.write_str("some objects are NOT at the destination; run again to copy what is missing"),
            Self::NotWhole => f.write_str(
                "some libraries are NOT whole at the destination; the lines that begin with \"heads:\" name them, \
                 and so do the files of --report and --html",
            ),
            Self::SourceIncomplete => f.write_str(
                "every object of the source is at the destination, but the source itself LACKS objects that some libraries \
                 need; the lines that begin with \"heads:\" name them, and so do the files of --report and --html",
            ),
            Self::FileNotWritten(what) => {
                write!(f, "what was to be copied is at the destination, but a file of this machine failed: {what}")
            }
            Self::Stopped(failure @ Failure::Interrupted { .. }) => {
                write!(f, "{failure}; what was copied is saved, and the next run goes on from here")
            }
            Self::Stopped(failure) => failure.fmt(f),
        }
    }
}
