//! What is noted of single objects while they are copied.

use super::Findings;

/// The objects that failed, and those that are damaged.
#[derive(Debug, Default)]
pub struct ObjectFindings {
    /// Objects that are not at the destination.
    pub failures: Findings,
    /// Objects that are damaged in the source.
    pub damage: Findings,
}
