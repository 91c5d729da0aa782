//! The progress of a pass: one kind being copied.

use std::sync::atomic::Ordering;

use crate::metrics::Counters;
use crate::metrics::throughput::{Amount, Estimate, Position};
use crate::object::ObjectKind;
use crate::report::format;
use crate::report::progress::{Progress, estimate, listed, workers_missing};

/// The transfer of one kind as its counters show it.
#[derive(Clone, Copy, Debug)]
pub(super) struct CopyProgress<'a> {
    pub(super) kind: ObjectKind,
    pub(super) counters: &'a Counters,
}

impl Progress for CopyProgress<'_> {
    fn phase(&self) -> &'static str {
        self.kind.as_str()
    }

    fn position(&self) -> Position {
        let numbers = self.counters.kind(self.kind);
        Position {
            done: Amount { items: numbers.settled(), bytes: numbers.copied_bytes.get() },
            total: Amount { items: numbers.to_copy.get(), bytes: numbers.to_copy_bytes.get() },
            is_total_known: numbers.source_listed.load(Ordering::Relaxed),
        }
    }

    /// The line that the old script printed for every hundred objects, with more in parentheses.
    fn line(&self, now: &Estimate) -> String {
        let numbers = self.counters.kind(self.kind);
        let more = listed([
            Some(format!("{} listed", format::count(numbers.listed.get()))),
            Some(format!("{} to copy", format::count(numbers.to_copy.get()))),
            workers_missing(numbers.workers_missing.get()),
            estimate(now),
        ]);
        format!("[{}] task: {} objects written to destination. ({more})", self.kind, numbers.copied.get())
    }

    fn bar_text(&self, now: &Estimate) -> String {
        let numbers = self.counters.kind(self.kind);
        listed([
            Some(format!("{} listed", format::count(numbers.listed.get()))),
            Some(format!("{} to copy", format::count(numbers.to_copy.get()))),
            Some(format!("{} copied", format::count(numbers.copied.get()))),
            workers_missing(numbers.workers_missing.get()),
            estimate(now),
        ])
    }

    fn sample(&self) {
        self.counters.sample();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::metrics::throughput::Speed;

    #[test]
    fn a_line_begins_as_the_old_scripts_did_and_says_what_is_left() {
        let counters = Counters::default();
        let progress = CopyProgress { kind: ObjectKind::Blocks, counters: &counters };
        let numbers = counters.kind(ObjectKind::Blocks);
        numbers.listed.add(12_000);
        numbers.to_copy.add(2000);
        numbers.to_copy_bytes.add(9000);
        assert_eq!(
            progress.line(&Estimate::default()),
            "[blocks] task: 0 objects written to destination. (12,000 listed, 2,000 to copy)"
        );
        numbers.copied.add(1498);
        numbers.copied_bytes.add(4000);
        numbers.vanished.add(1);
        numbers.failed.add(1);
        numbers.workers_missing.set(3);
        let position = progress.position();
        assert_eq!((position.left(), position.is_total_known), (Amount { items: 500, bytes: 5000 }, false));
        let speed = Some(Speed { items_per_second: 50.0, bytes_per_second: 2000.0 });
        let now = Estimate { speed, remaining: Some(Duration::from_secs(10)), is_total_known: true };
        assert_eq!(
            progress.line(&now),
            "[blocks] task: 1498 objects written to destination. (12,000 listed, 2,000 to copy, \
             3 workers could not be started, 50 objects/s, 2.0 kB/s, ETA 00:00:10)"
        );
        assert!(progress.bar_text(&now).starts_with("12,000 listed, 2,000 to copy, 1,498 copied, 3 workers"));
    }
}
