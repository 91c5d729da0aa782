//! What every report says of the process that wrote it: which program and command, how it ended, when it ran, what it warned
//! of, and between which stores.

use std::time::Duration;

use jiff::{Timestamp, Zoned};
use serde::Serialize;

use crate::conf::{SideConf, SideId};
use crate::report::{Console, Outcome};

/// The version of the fields of every report; it grows whenever one changes its meaning.
pub const VERSION: u32 = 1;

/// Which program writes a report.
pub const PROGRAM: &str = concat!("seaf-migrate ", env!("CARGO_PKG_VERSION"));

/// A moment as RFC 3339 in UTC and whole seconds, the one form that `jq`, `date`, Python and browsers all read.
pub fn moment(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// The beginning of every report: who wrote it, and how that ended.
#[derive(Clone, Debug, Serialize)]
pub struct ReportHead {
    /// See [`VERSION`].
    pub version: u32,
    /// The command that wrote it.
    pub command: &'static str,
    /// See [`PROGRAM`].
    pub program: &'static str,
    /// How the command ended, in a word or two.
    pub result: &'static str,
    /// The process's exit code.
    pub exit_code: u8,
    /// The result in a sentence, with the cause where something ended it early.
    pub message: String,
    /// The warnings that the command printed.
    pub warnings: Vec<String>,
}

impl ReportHead {
    /// The beginning of the report of a command that ended with `outcome`.
    pub fn of(command: &'static str, outcome: &(impl Outcome + ?Sized), console: &Console) -> Self {
        Self {
            version: VERSION,
            command,
            program: PROGRAM,
            result: outcome.name(),
            exit_code: outcome.exit_code(),
            message: outcome.to_string(),
            warnings: console.warnings(),
        }
    }
}

/// When a process ran, and how often it had to ask again.
#[derive(Clone, Debug, Serialize)]
pub struct Times {
    /// When it began and ended, as [`moment`] says it.
    pub started: String,
    /// See `started`.
    pub finished: String,
    /// How long it took, in seconds.
    pub seconds: f64,
    /// How many calls to a store had to be repeated.
    pub retries: u64,
}

impl Times {
    /// Those of a process that ends now.
    pub fn ended(started: &Zoned, took: Duration, retries: u64) -> Self {
        Self {
            started: moment(started.timestamp()),
            finished: moment(Timestamp::now()),
            seconds: took.as_secs_f64(),
            retries,
        }
    }
}

/// When a process ran, and between which stores.
#[derive(Clone, Debug, Serialize)]
pub struct Process {
    /// When it ran.
    #[serde(flatten)]
    pub times: Times,
    /// The stores of the old side.
    pub from: SideId,
    /// Those of the new side.
    pub to: SideId,
}

impl Process {
    /// A process that ends now.
    pub fn ended(started: &Zoned, took: Duration, from: &SideConf, to: &SideConf, retries: u64) -> Self {
        Self { times: Times::ended(started, took, retries), from: from.id(), to: to.id() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_in_the_one_form_that_everybody_reads() {
        let time: Timestamp = "2026-01-31T13:45:00.123456789+01:00".parse().unwrap();
        assert_eq!(moment(time), "2026-01-31T12:45:00Z");
    }
}
