//! The progress of a pass: one kind after the other being copied.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::metrics::counters::Counter;
use crate::metrics::findings::FindingSort;
use crate::metrics::throughput::{Estimate, Position};
use crate::metrics::{Counters, Findings, KindCounters};
use crate::object::ObjectKind;
use crate::report::format;
use crate::report::progress::{Progress, estimate, listed, workers_missing};

/// The transfer of all kinds, one after the other, as its counters show it.
#[derive(Debug)]
pub(super) struct CopyProgress<'a> {
    /// The place in [`ObjectKind::COPY_ORDER`] of the kind that is being copied.
    at: AtomicUsize,
    /// The kinds that are copied; others stay where they are.
    kinds: Vec<ObjectKind>,
    counters: &'a Counters,
    failures: &'a Findings,
}

impl<'a> CopyProgress<'a> {
    /// The progress of a pass that copies these kinds.
    pub(super) fn new(kinds: Vec<ObjectKind>, counters: &'a Counters, failures: &'a Findings) -> Self {
        Self { at: AtomicUsize::new(0), kinds, counters, failures }
    }

    /// The kind that is copied from now on.
    pub(super) fn begin(&self, kind: ObjectKind) {
        let at = ObjectKind::COPY_ORDER.iter().position(|other| *other == kind);
        self.at.store(at.unwrap_or(0), Ordering::Relaxed);
    }

    fn kind(&self) -> ObjectKind {
        ObjectKind::COPY_ORDER[self.at.load(Ordering::Relaxed)]
    }

    /// What is told of the kind between its listing and its speed.
    fn parts(&self, numbers: &KindCounters) -> [Option<String>; 2] {
        [
            Some(format!("{} listed", format::count(numbers.listed.get()))),
            Some(format!("{} to copy", format::count(numbers.to_copy.get()))),
        ]
    }
}

/// How many objects failed; `None` when none did.
fn failed(failed: u64) -> Option<String> {
    (failed > 0).then(|| format!("{} failed", format::count(failed)))
}

impl Progress for CopyProgress<'_> {
    fn phase(&self) -> &'static str {
        self.kind().as_str()
    }

    /// Of all kinds that are copied, so that the time left is that of the whole pass.
    fn position(&self) -> Position {
        let mut position = Position { is_total_known: true, ..Position::default() };
        for kind in self.kinds.iter().copied() {
            let numbers = self.counters.kind(kind);
            position.done.items += numbers.settled();
            position.done.bytes += numbers.copied_bytes.get();
            position.total.items += numbers.to_copy.get();
            position.total.bytes += numbers.to_copy_bytes.get();
            position.is_total_known &= numbers.source_listed.load(Ordering::Relaxed);
        }
        position
    }

    fn activity(&self) -> u64 {
        let of = |number: fn(&KindCounters) -> &Counter| self.counters.total(number);
        let settled: u64 = ObjectKind::ALL.iter().map(|kind| self.counters.kind(*kind).settled()).sum();
        settled + of(|n| &n.listed) + of(|n| &n.copied_bytes)
    }

    /// The line that the old script printed for every hundred objects, with more in parentheses.
    fn line(&self, now: &Estimate) -> String {
        let numbers = self.counters.kind(self.kind());
        let [listed_so_far, to_copy] = self.parts(numbers);
        let failed = failed(numbers.failed.get());
        let missing = workers_missing(numbers.workers_missing.get());
        let more = listed([listed_so_far, to_copy, failed, missing, estimate(now)]);
        let copied = format::plural(numbers.copied.get(), "object");
        format!("[{}] task: {copied} written to destination. ({more})", self.kind())
    }

    /// The most important first, because a narrow terminal has no room for all.
    fn bar_text(&self, now: &Estimate) -> String {
        let numbers = self.counters.kind(self.kind());
        let copied = Some(format!("{} copied", format::count(numbers.copied.get())));
        let failed = failed(self.counters.total(|numbers| &numbers.failed));
        let [listed_so_far, to_copy] = self.parts(numbers);
        let missing = workers_missing(numbers.workers_missing.get());
        listed([copied, failed, estimate(now), to_copy, listed_so_far, missing])
    }

    fn failures(&self) -> Vec<FindingSort> {
        self.failures.sorts()
    }

    fn sample(&self) {
        self.counters.sample();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::metrics::throughput::{Amount, Speed};

    #[test]
    fn a_line_begins_as_the_old_scripts_did_and_says_what_is_left() {
        let (counters, failures) = (Counters::default(), Findings::default());
        let progress = CopyProgress::new(ObjectKind::ALL.into(), &counters, &failures);
        progress.begin(ObjectKind::Blocks);
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
        let now = Estimate { speed, remaining: Some(Duration::from_secs(10)), is_total_known: true, stalled: None };
        assert_eq!(
            progress.line(&now),
            "[blocks] task: 1,498 objects written to destination. (12,000 listed, 2,000 to copy, 1 failed, \
             3 workers could not be started, 50 objects/s, 2.0 kB/s, ETA 00:00:10)"
        );
        let bar = "1,498 copied, 1 failed, 50 objects/s, 2.0 kB/s, ETA 00:00:10, 2,000 to copy, 12,000 listed";
        assert!(progress.bar_text(&now).starts_with(bar), "{}", progress.bar_text(&now));
    }

    #[test]
    fn what_is_left_is_of_all_kinds_and_known_when_all_are_listed() {
        let (counters, failures) = (Counters::default(), Findings::default());
        let progress = CopyProgress::new(ObjectKind::ALL.into(), &counters, &failures);
        for kind in ObjectKind::ALL {
            assert!(!progress.position().is_total_known);
            counters.kind(kind).to_copy.add(100);
            counters.kind(kind).source_listed.store(true, Ordering::Relaxed);
        }
        progress.begin(ObjectKind::Commits);
        let position = progress.position();
        assert_eq!((progress.phase(), position.left().items, position.is_total_known), ("commits", 300, true));
    }
}
