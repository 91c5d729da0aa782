//! The counters of a walk from the heads of libraries to their blocks.

use super::snapshot::{Counter, Metrics, Snapshot, counters};

counters! { "walk":
    /// How far a walk is. Written by [`reach`](crate::reach) while it runs.
    pub struct WalkCounters {
        /// Libraries that the walk was given.
        pub libraries: Counter,
        /// Libraries walked to the end.
        pub libraries_done: Counter,
        /// Commits read.
        pub commits: Counter,
        /// Directories and file descriptions read.
        pub fs_objects: Counter,
        /// Blocks that were looked for or read.
        pub blocks: Counter,
        /// Bytes read.
        pub read_bytes: Counter,
        /// Objects that are missing or wrong.
        pub findings: Counter,
    }
}

impl Metrics for WalkCounters {
    fn read_into(&self, snapshot: &mut Snapshot) {
        self.read_with(&[], snapshot);
    }
}
