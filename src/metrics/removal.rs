//! The counters of a removal, by kind. What it lists is in [`KindCounters`](super::KindCounters).

use super::snapshot::{Counter, Metrics, Snapshot, counters};
use crate::object::PerKind;

counters! { "removal":
    /// The numbers of one kind. Written by the removal when a batch is done.
    pub struct RemovalCounters {
        /// Objects removed from the source; in a dry run, objects that would be.
        pub removed: Counter,
        /// Bytes of the objects removed, or that would be.
        pub removed_bytes: Counter,
        /// Objects that stay in the source.
        pub kept: Counter,
        /// Objects that were gone from the source when it was their turn.
        pub gone: Counter,
    }
}

impl RemovalCounters {
    /// Objects that need no further work: removed, kept or gone.
    pub fn settled(&self) -> u64 {
        self.removed.get() + self.kept.get() + self.gone.get()
    }
}

impl Metrics for PerKind<RemovalCounters> {
    fn read_into(&self, snapshot: &mut Snapshot) {
        for (kind, numbers) in self.iter() {
            numbers.read_with(&[kind.into()], snapshot);
        }
    }
}
