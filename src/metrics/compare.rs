//! The counters of a comparison of two stores, object by object.

use std::sync::atomic::AtomicBool;

use super::snapshot::{Counter, Gauge, Metrics, Snapshot, counters};

counters! { "compare":
    /// How far a comparison is, of all kinds together. Written by a verification; what a checkpoint holds counts as
    /// settled.
    pub struct CompareCounters {
        /// Objects listed so far, of both sides.
        pub listed: Counter,
        /// Whether both sides are listed: the numbers after this one mean something from then on.
        pub is_listed: AtomicBool,
        /// Objects of the source.
        pub objects: Gauge,
        /// Objects settled: compared, or not to be compared.
        pub settled: Counter,
        /// Bytes to be read at the destination, as far as the source's listing gives sizes.
        pub to_read_bytes: Gauge,
        /// Bytes read at the destination.
        pub read_bytes: Counter,
        /// Objects that the destination lacks or holds wrongly.
        pub findings: Counter,
        /// Worker threads that were asked for and that the system could not start.
        pub workers_missing: Gauge,
    }
}

impl Metrics for CompareCounters {
    fn read_into(&self, snapshot: &mut Snapshot) {
        self.read_with(&[], snapshot);
    }
}
