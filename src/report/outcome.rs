//! How a command ended, and the exit code that says so.

use std::fmt;

use super::Console;

/// How a pass ended. The numbers are the documented exit codes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
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
    /// Some objects are not at the destination.
    Failures,
    /// Every object that the pass saw is said to be there, and yet some library's head lacks something.
    NotWhole,
    /// A check found something.
    Findings,
    /// The destination or the disk under the list files is full: the rest was not attempted.
    Full(String),
    /// A store cannot be reached or listed.
    StoreFailed(String),
    /// Another run holds the destination or its list files.
    Locked(String),
    /// The configuration or the list files do not allow the pass.
    Refused(String),
    /// The user interrupted; what was done is saved.
    Interrupted {
        /// The signal's number.
        signal: i32,
    },
}

impl Ending {
    /// The process's exit code.
    pub const fn exit_code(&self) -> u8 {
        match self {
            Self::Complete | Self::Retried { damaged: false, .. } => 0,
            Self::Failures | Self::NotWhole | Self::Findings | Self::Full(_) => 1,
            Self::Refused(_) => 2,
            Self::StoreFailed(_) => 3,
            Self::Locked(_) => 4,
            Self::DamagedSource | Self::Retried { damaged: true, .. } => 5,
            // 128 and the signal's number, because a shell says it so: 130 for SIGINT, 143 for SIGTERM.
            Self::Interrupted { signal } => 128 + *signal as u8,
        }
    }

    /// A short name for the report.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::DamagedSource => "complete, source damaged",
            Self::Retried { damaged: false, .. } => "retried",
            Self::Retried { damaged: true, .. } => "retried, source damaged",
            Self::Failures => "failures",
            Self::NotWhole => "libraries not whole",
            Self::Findings => "findings",
            Self::Full(_) => "destination full",
            Self::StoreFailed(_) => "store failed",
            Self::Locked(_) => "locked",
            Self::Refused(_) => "refused",
            Self::Interrupted { .. } => "interrupted",
        }
    }
}

impl fmt::Display for Ending {
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
                    "all that had failed is at the destination now, or gone from the source{but}. Only the failures of {report} were retried; \
                     whether anything else is missing, the next full run tells"
                )
            }
            Self::Failures => f.write_str("some objects are NOT at the destination; run again to copy what is missing"),
            Self::NotWhole => f.write_str(
                "some libraries are NOT whole at the destination, as told above",
            ),
            Self::Findings => f.write_str("there are findings"),
            Self::Full(cause) => write!(f, "stopped early, no space: {cause}"),
            Self::StoreFailed(cause) => write!(f, "stopped early, a store failed: {cause}"),
            Self::Locked(cause) | Self::Refused(cause) => f.write_str(cause),
            Self::Interrupted { .. } => {
                f.write_str("interrupted; what was copied is saved, and the next run goes on from here")
            }
        }
    }
}

/// How a command ended: its sentence, its exit code, its short name.
pub trait Outcome: fmt::Display {
    /// The process's exit code.
    fn exit_code(&self) -> u8;
    /// A short name for the report.
    fn name(&self) -> &'static str;
    /// The last line of a command: `Result: ….`, with the exit code unless that is 0.
    fn result_line(&self) -> String {
        match self.exit_code() {
            0 => format!("Result: {self}."),
            code => format!("Result: {self} (exit code {code})."),
        }
    }

    /// Prints the last line: good news on standard output, anything else on standard error.
    fn print_result(&self, console: &Console) {
        match self.exit_code() {
            0 => console.line(self.result_line()),
            _ => console.problem(self.result_line()),
        }
    }
}

impl Outcome for Ending {
    fn exit_code(&self) -> u8 {
        self.exit_code()
    }

    fn name(&self) -> &'static str {
        self.name()
    }
}
