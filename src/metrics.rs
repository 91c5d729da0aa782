//! What engines count and find while they work. Engines write it and know nothing of screens; progress, reports and the
//! live page read it. All counters have one form in which they can be read: a [`Snapshot`].

pub mod compare;
pub mod counters;
pub mod findings;
mod object_findings;
pub mod removal;
pub mod repair;
pub mod series;
pub mod slowest;
pub mod snapshot;
pub mod throughput;
pub mod walk;

pub use compare::CompareCounters;
pub use counters::{Counters, KindCounters};
pub use findings::{Finding, Findings};
pub use object_findings::ObjectFindings;
pub use removal::RemovalCounters;
pub use repair::RepairCounters;
pub use snapshot::{Counter, Gauge, Metrics, Snapshot};
pub use walk::WalkCounters;
