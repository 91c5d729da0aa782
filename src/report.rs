//! Counts what happens and tells it: log lines, progress, summary, JSON.
//!
//! The pass adds to [`Counters`] and [`Findings`] and never prints; [`Console`] and the files
//! beside it read them.

pub mod console;
pub mod findings;
pub mod format;
pub mod header;
pub mod json;
pub mod jsonl;
mod news;
pub mod outcome;
pub mod page;
pub mod progress;
pub mod table;

pub use crate::metrics::counters::{Counters, KindCounters};
pub use crate::metrics::findings::{Finding, Findings};
pub use console::Console;
pub use header::{Process, ReportHead, Times};
pub use outcome::Outcome;
