//! What every report says of the process that wrote it: when it ran, and between which stores.

use std::time::Duration;

use jiff::Zoned;
use serde::Serialize;

use crate::conf::{SideConf, SideId};

/// The version of the fields of every report; it grows whenever one changes its meaning.
pub const VERSION: u32 = 1;

/// Which program writes a report.
pub const PROGRAM: &str = concat!("seaf-migrate ", env!("CARGO_PKG_VERSION"));

/// When a process ran, and between which stores.
#[derive(Clone, Debug, Serialize)]
pub struct Process {
    /// When it began and ended, RFC 3339.
    pub started: String,
    /// See `started`.
    pub finished: String,
    /// How long it took, in seconds.
    pub seconds: f64,
    /// The stores of the old side.
    pub from: SideId,
    /// Those of the new side.
    pub to: SideId,
    /// How many calls to a store had to be repeated.
    pub retries: u64,
}

impl Process {
    /// A process that ends now.
    pub fn ended(started: &Zoned, took: Duration, from: &SideConf, to: &SideConf, retries: u64) -> Self {
        Self {
            started: started.to_string(),
            finished: Zoned::now().to_string(),
            seconds: took.as_secs_f64(),
            from: from.id(),
            to: to.id(),
            retries,
        }
    }
}
