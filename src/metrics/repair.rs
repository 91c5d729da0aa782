//! The counters of a repair, by kind.

use super::snapshot::{Counter, Metrics, Snapshot, counters};
use crate::object::PerKind;

counters! { "repair":
    /// The numbers of one kind. Written by the repair.
    pub struct RepairCounters {
        /// Objects that were looked at.
        pub looked_at: Counter,
        /// Objects that were right at the destination.
        pub right: Counter,
        /// Objects that were written and came back right; in a dry run, objects that would be written.
        pub repaired: Counter,
        /// Bytes of the objects repaired.
        pub repaired_bytes: Counter,
        /// Objects that are left as they are.
        pub left: Counter,
    }
}

impl Metrics for PerKind<RepairCounters> {
    fn read_into(&self, snapshot: &mut Snapshot) {
        for (kind, numbers) in self.iter() {
            numbers.read_with(&[kind.into()], snapshot);
        }
    }
}
