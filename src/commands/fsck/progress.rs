//! The progress of a walk from the heads, by `fsck` and by a pass that checks its heads.

use crate::metrics::WalkCounters;
use crate::metrics::throughput::{Amount, Estimate, Position};
use crate::report::format;
use crate::report::progress::Progress;

impl Progress for WalkCounters {
    fn phase(&self) -> &'static str {
        "walk"
    }

    /// In libraries, because how many objects they have shows only when they are walked.
    fn position(&self) -> Position {
        let libraries = |items| Amount { items, bytes: 0 };
        Position {
            done: libraries(self.libraries_done.get()),
            total: libraries(self.libraries.get()),
            is_total_known: false,
        }
    }

    fn activity(&self) -> u64 {
        self.libraries_done.get() + self.commits.get() + self.fs_objects.get() + self.blocks.get()
    }

    /// Without an estimate, because libraries differ too much in size.
    fn line(&self, _now: &Estimate) -> String {
        format!(
            "{} of {}, {}, {} trees and files, {}, {}",
            format::count(self.libraries_done.get()),
            format::libraries(self.libraries.get()),
            format::plural(self.commits.get(), "commit"),
            format::count(self.fs_objects.get()),
            format::plural(self.blocks.get(), "block"),
            format::plural(self.findings.get(), "finding")
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_counts_what_was_walked() {
        let counters = WalkCounters::default();
        counters.libraries.add(1);
        counters.commits.add(1);
        counters.blocks.add(1);
        let line = counters.line(&Estimate::default());
        assert_eq!(line, "0 of 1 library, 1 commit, 0 trees and files, 1 block, 0 findings");
        counters.libraries.add(1999);
        counters.libraries_done.add(1000);
        counters.fs_objects.add(12_345);
        counters.findings.add(1);
        let line = counters.line(&Estimate::default());
        assert_eq!(line, "1,000 of 2,000 libraries, 1 commit, 12,345 trees and files, 1 block, 1 finding");
        assert_eq!(counters.position().left().items, 1000);
    }
}
