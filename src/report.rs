//! Counts what happens and tells it: log lines, progress, summary, JSON.
//!
//! The pass adds to [`Counters`] and [`Findings`] and never prints; [`Console`] and the files
//! beside it read them.

pub mod console;
pub mod counters;
pub mod ending;
pub mod findings;
pub mod heads;
pub mod human;
pub mod json;
pub mod lines;
pub mod page;
pub mod process;
pub mod progress;
pub mod rate;
pub mod reader;
pub mod removal;
pub mod series;
pub mod slowest;
pub mod summary;
pub mod verified;
pub mod verifying;

pub use console::Console;
pub use counters::{Counters, KindCounters};
pub use ending::Ending;
pub use findings::{Finding, Findings};
pub use process::Process;
