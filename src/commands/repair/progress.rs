//! The progress of a repair: one kind being looked at.

use crate::metrics::RepairCounters;
use crate::metrics::throughput::{Amount, Estimate, Position};
use crate::object::ObjectKind;
use crate::report::format;
use crate::report::progress::{Progress, estimate, listed};

/// The repair of one kind as its counters show it.
#[derive(Clone, Copy, Debug)]
pub(super) struct RepairProgress<'a> {
    pub(super) kind: ObjectKind,
    pub(super) counters: &'a RepairCounters,
}

impl Progress for RepairProgress<'_> {
    fn phase(&self) -> &'static str {
        self.kind.as_str()
    }

    fn position(&self) -> Position {
        let RepairCounters { looked_at, right, repaired, repaired_bytes, left } = self.counters;
        Position {
            done: Amount { items: right.get() + repaired.get() + left.get(), bytes: repaired_bytes.get() },
            total: Amount { items: looked_at.get(), bytes: 0 },
            is_total_known: false,
        }
    }

    fn line(&self, now: &Estimate) -> String {
        let RepairCounters { right, repaired, left, .. } = self.counters;
        let more = listed([
            Some(format!("{} right already", format::count(right.get()))),
            Some(format!("{} left", format::count(left.get()))),
            estimate(now),
        ]);
        format!("[{}] task: {} objects repaired. ({more})", self.kind, repaired.get())
    }
}
