//! The progress of a removal: one kind being removed, or in a dry run being compared.

use std::sync::atomic::Ordering;

use crate::metrics::throughput::{Amount, Estimate, Position};
use crate::metrics::{KindCounters, RemovalCounters};
use crate::object::ObjectKind;
use crate::report::format;
use crate::report::progress::{Progress, estimate, listed};

/// The removal of one kind as its counters show it.
#[derive(Clone, Copy, Debug)]
pub(super) struct RemovalProgress<'a> {
    pub(super) kind: ObjectKind,
    /// What was listed in the source.
    pub(super) listed: &'a KindCounters,
    /// What became of it.
    pub(super) removal: &'a RemovalCounters,
    /// Whether nothing is removed.
    pub(super) is_dry_run: bool,
}

impl Progress for RemovalProgress<'_> {
    fn phase(&self) -> &'static str {
        self.kind.as_str()
    }

    /// Without bytes, because a removal takes as long for a small object as for a large one.
    fn position(&self) -> Position {
        Position {
            done: Amount { items: self.removal.settled(), bytes: 0 },
            total: Amount { items: self.listed.listed.get(), bytes: 0 },
            is_total_known: self.listed.source_listed.load(Ordering::Relaxed),
        }
    }

    fn line(&self, now: &Estimate) -> String {
        let more = listed([
            Some(format!("{} kept", format::count(self.removal.kept.get()))),
            Some(format!("{} listed", format::count(self.listed.listed.get()))),
            estimate(now),
        ]);
        let done = if self.is_dry_run { "to remove from" } else { "removed from" };
        format!("[{}] task: {} objects {done} the source. ({more})", self.kind, self.removal.removed.get())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::throughput::Speed;

    #[test]
    fn a_line_says_what_became_of_what_was_listed() {
        let (listed, removal) = (KindCounters::default(), RemovalCounters::default());
        let progress = RemovalProgress { kind: ObjectKind::Fs, listed: &listed, removal: &removal, is_dry_run: false };
        listed.listed.add(5000);
        removal.removed.add(1200);
        removal.kept.add(1000);
        removal.gone.add(1);
        assert_eq!(progress.position().left().items, 5000 - 2201);
        let speed = Some(Speed { items_per_second: 200.0, bytes_per_second: 0.0 });
        assert_eq!(
            progress.line(&Estimate { speed, ..Estimate::default() }),
            "[fs] task: 1200 objects removed from the source. (1,000 kept, 5,000 listed, 200 objects/s)"
        );
        let dry = RemovalProgress { is_dry_run: true, ..progress };
        assert_eq!(
            dry.line(&Estimate::default()),
            "[fs] task: 1200 objects to remove from the source. (1,000 kept, 5,000 listed)"
        );
    }
}
