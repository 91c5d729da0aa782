//! The progress of a verification: both sides being listed, then compared.

use std::sync::atomic::Ordering;

use crate::metrics::CompareCounters;
use crate::metrics::throughput::{Amount, Estimate, Position};
use crate::report::format;
use crate::report::progress::{Progress, estimate, listed, workers_missing};

fn is_listed(counters: &CompareCounters) -> bool {
    // Pairs with the release of whoever sets it, so that the numbers that were set before are seen.
    counters.is_listed.load(Ordering::Acquire)
}

impl Progress for CompareCounters {
    fn phase(&self) -> &'static str {
        if is_listed(self) { "verify" } else { "list" }
    }

    fn position(&self) -> Position {
        if !is_listed(self) {
            return Position { done: Amount { items: self.listed.get(), bytes: 0 }, ..Position::default() };
        }
        Position {
            done: Amount { items: self.settled.get(), bytes: self.read_bytes.get() },
            total: Amount { items: self.objects.get(), bytes: self.to_read_bytes.get() },
            is_total_known: true,
        }
    }

    fn line(&self, now: &Estimate) -> String {
        if !is_listed(self) {
            // Without an estimate, because nobody knows how much there is to list.
            return format!("{} listed on both sides", format::plural(self.listed.get(), "object"));
        }
        let (settled, all) = (format::count(self.settled.get()), format::plural(self.objects.get(), "object"));
        listed([
            Some(format!("{settled} of {all} verified")),
            Some(format!("{} read", format::bytes(self.read_bytes.get()))),
            Some(format::plural(self.findings.get(), "finding")),
            workers_missing(self.workers_missing.get()),
            estimate(now),
        ])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::throughput::Speed;

    #[test]
    fn a_line_tells_what_is_done_and_what_is_left() {
        let (counters, unknown) = (CompareCounters::default(), Estimate::default());
        counters.listed.add(1);
        assert_eq!((counters.phase(), counters.line(&unknown)), ("list", "1 object listed on both sides".to_owned()));
        counters.listed.add(1199);
        assert_eq!(counters.line(&unknown), "1,200 objects listed on both sides");
        counters.objects.set(5000);
        counters.settled.add(1000);
        counters.to_read_bytes.set(9000);
        counters.read_bytes.add(2000);
        assert_eq!((counters.phase(), counters.position().done.items), ("list", 1200));
        counters.is_listed.store(true, Ordering::Release);
        assert_eq!(counters.phase(), "verify");
        assert_eq!(counters.line(&unknown), "1,000 of 5,000 objects verified, 2.0 kB read, 0 findings");
        assert_eq!(counters.position().left(), Amount { items: 4000, bytes: 7000 });
        let speed = Some(Speed { items_per_second: 20.0, bytes_per_second: 0.0 });
        let line = counters.line(&Estimate { speed, ..unknown });
        assert_eq!(line, "1,000 of 5,000 objects verified, 2.0 kB read, 0 findings, 20 objects/s");
    }
}
