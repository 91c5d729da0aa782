//! Progress while a pass runs: bars on a terminal, a plain line every few seconds otherwise.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError};
use indicatif::{ProgressBar, ProgressStyle};

use super::{Console, format};
use crate::metrics::throughput::{Estimate, Throughput, Work};
use crate::metrics::{Counters, KindCounters};
use crate::object::ObjectKind;

/// How often bars move, and how often a plain line comes.
pub(crate) const BAR_EVERY: Duration = Duration::from_millis(200);
pub(crate) const LINE_EVERY: Duration = Duration::from_secs(5);

/// Tells the progress of one kind until `done` is closed. Meant for a thread of its own.
pub fn tell(kind: ObjectKind, counters: &Counters, console: &Console, done: &Receiver<()>) {
    let numbers = counters.kind(kind);
    let mut rate = Throughput::start(numbers);
    let bar = console.bars().map(|bars| bars.add(new_bar(kind.as_str())));
    counters.series.begin(kind.as_str());
    let mut told = Instant::now();
    while done.recv_timeout(BAR_EVERY) == Err(RecvTimeoutError::Timeout) {
        counters.sample();
        rate.update(numbers);
        match &bar {
            Some(bar) => draw(bar, numbers, &rate),
            None if told.elapsed() < LINE_EVERY => {}
            None => {
                console.log(line(kind, numbers, &rate));
                told = Instant::now();
            }
        }
    }
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
}

pub(crate) fn new_bar(prefix: &str) -> ProgressBar {
    let style = ProgressStyle::with_template("{prefix:>7} {bar:24} {percent:>3}% {msg}");
    let bar = ProgressBar::new(1).with_prefix(prefix.to_owned());
    bar.set_style(style.expect("the template above is well formed"));
    bar
}

fn draw(bar: &ProgressBar, numbers: &KindCounters, rate: &Throughput) {
    bar.set_length(numbers.to_copy.get().max(1));
    bar.set_position(settled(numbers));
    bar.set_message(format!(
        "{} listed, {} to copy, {} copied, {}",
        format::count(numbers.listed.get()),
        format::count(numbers.to_copy.get()),
        format::count(numbers.copied.get()),
        estimate(&rate.estimate(numbers))
    ));
}

/// The line that the old script printed for every hundred objects, with what it did not say.
fn line(kind: ObjectKind, numbers: &KindCounters, rate: &Throughput) -> String {
    format!(
        "[{kind}] task: {} objects written to destination. ({} listed, {} to copy, {})",
        numbers.copied.get(),
        format::count(numbers.listed.get()),
        format::count(numbers.to_copy.get()),
        estimate(&rate.estimate(numbers))
    )
}

/// Speed and estimate in words.
pub(crate) fn estimate(estimate: &Estimate) -> String {
    let Estimate { objects_per_second, bytes_per_second, remaining, is_all_known } = *estimate;
    let speed = format!("{objects_per_second:.0} objects/s, {}/s", format::bytes(bytes_per_second.max(0.0) as u64));
    match remaining {
        Some(time) if is_all_known => format!("{speed}, ETA {}", format::duration(time)),
        Some(time) => format!("{speed}, ETA {} or more, still listing", format::duration(time)),
        None => speed,
    }
}

/// Objects that need no further work: copied, vanished or failed.
fn settled(numbers: &KindCounters) -> u64 {
    numbers.copied.get() + numbers.vanished.get() + numbers.failed.get()
}

impl Work for KindCounters {
    fn done(&self) -> (u64, u64) {
        (settled(self), self.copied_bytes.get())
    }

    fn left(&self) -> (u64, u64) {
        let objects = self.to_copy.get().saturating_sub(settled(self));
        (objects, self.to_copy_bytes.get().saturating_sub(self.copied_bytes.get()))
    }

    fn is_all_known(&self) -> bool {
        self.source_listed.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_estimate_says_what_it_rests_on() {
        let text = |objects_per_second, bytes_per_second, seconds: Option<u64>, is_all_known| {
            let remaining = seconds.map(Duration::from_secs);
            estimate(&Estimate { objects_per_second, bytes_per_second, remaining, is_all_known })
        };
        assert_eq!(text(10.0, 4000.0, Some(10), true), "10 objects/s, 4.0 kB/s, ETA 00:00:10");
        assert_eq!(text(10.0, 400.0, Some(20), true), "10 objects/s, 400 B/s, ETA 00:00:20");
        assert_eq!(text(10.0, 0.0, Some(10), false), "10 objects/s, 0 B/s, ETA 00:00:10 or more, still listing");
        assert_eq!(text(0.0, 0.0, None, true), "0 objects/s, 0 B/s");
    }
}
