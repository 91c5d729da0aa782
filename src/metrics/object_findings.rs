//! What is noted of single objects while they are copied.

use super::Findings;

/// The objects of a pass that are named one by one.
#[derive(Debug, Default)]
pub struct ObjectFindings {
    /// Objects that are not at the destination.
    pub failures: Findings,
    /// Objects that are damaged in the source.
    pub damage: Findings,
    /// Objects that were listed in the source and are gone from it, by two answers.
    pub vanished: Findings,
    /// Objects of which one answer of the source was wrong and another one good.
    pub wrong_once: Findings,
}
