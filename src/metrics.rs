//! What engines count and find while they work. They write it, reports and progress read it.

pub mod counters;
pub mod findings;
mod object_findings;
pub mod series;
pub mod slowest;
pub mod throughput;

pub use counters::{Counters, KindCounters};
pub use findings::{Finding, Findings};
pub use object_findings::ObjectFindings;
