//! Progress while a pass runs: bars on a terminal, a plain line every few seconds otherwise.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError};
use indicatif::{ProgressBar, ProgressStyle};

use super::{Console, Counters, KindCounters, human};
use crate::object::ObjectKind;

/// How often bars move, and how often a plain line comes.
const BAR_EVERY: Duration = Duration::from_millis(200);
const LINE_EVERY: Duration = Duration::from_secs(5);

/// Tells the progress of one kind until `done` is closed. Meant for a thread of its own.
pub fn tell(kind: ObjectKind, counters: &Counters, console: &Console, done: &Receiver<()>) {
    let numbers = counters.kind(kind);
    let mut rate = Rate::start(numbers);
    let bar = console.bars().map(|bars| bars.add(new_bar(kind)));
    let every = if bar.is_some() { BAR_EVERY } else { LINE_EVERY };
    while done.recv_timeout(every) == Err(RecvTimeoutError::Timeout) {
        rate.update(numbers);
        match &bar {
            Some(bar) => draw(bar, numbers, &rate),
            None => console.log(line(kind, numbers, &rate)),
        }
    }
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
}

fn new_bar(kind: ObjectKind) -> ProgressBar {
    let style = ProgressStyle::with_template("{prefix:>7} {bar:24} {percent:>3}% {msg}");
    let bar = ProgressBar::new(1).with_prefix(kind.as_str());
    bar.set_style(style.expect("the template above is well formed"));
    bar
}

fn draw(bar: &ProgressBar, numbers: &KindCounters, rate: &Rate) {
    bar.set_length(numbers.to_copy.get().max(1));
    bar.set_position(settled(numbers));
    bar.set_message(format!(
        "{} listed, {} to copy, {} copied, {}",
        human::count(numbers.listed.get()),
        human::count(numbers.to_copy.get()),
        human::count(numbers.copied.get()),
        rate.describe(numbers)
    ));
}

/// The line that the old script printed for every hundred objects, with what it did not say.
fn line(kind: ObjectKind, numbers: &KindCounters, rate: &Rate) -> String {
    format!(
        "[{kind}] task: {} objects written to destination. ({} listed, {} to copy, {})",
        numbers.copied.get(),
        human::count(numbers.listed.get()),
        human::count(numbers.to_copy.get()),
        rate.describe(numbers)
    )
}

/// Objects that need no further work: copied, vanished or failed.
fn settled(numbers: &KindCounters) -> u64 {
    numbers.copied.get() + numbers.vanished.get() + numbers.failed.get()
}

/// Speed over the last moments, smoothed so that a batch that was just confirmed does not make it
/// jump.
struct Rate {
    at: Instant,
    objects: u64,
    bytes: u64,
    objects_a_second: f64,
    bytes_a_second: f64,
}

impl Rate {
    fn start(numbers: &KindCounters) -> Self {
        Self {
            at: Instant::now(),
            objects: settled(numbers),
            bytes: numbers.copied_bytes.get(),
            objects_a_second: 0.0,
            bytes_a_second: 0.0,
        }
    }

    fn update(&mut self, numbers: &KindCounters) {
        let (now, objects, bytes) = (Instant::now(), settled(numbers), numbers.copied_bytes.get());
        let seconds = now.duration_since(self.at).as_secs_f64().max(1e-3);
        // The weight grows with the time passed, so that the rate has about ten seconds of memory, whatever the step.
        let weight = 1.0 - (-seconds / 10.0).exp();
        let mix = |old: f64, new: f64| if old == 0.0 { new } else { old + (new - old) * weight };
        self.objects_a_second = mix(self.objects_a_second, (objects - self.objects) as f64 / seconds);
        self.bytes_a_second = mix(self.bytes_a_second, (bytes - self.bytes) as f64 / seconds);
        (self.at, self.objects, self.bytes) = (now, objects, bytes);
    }

    fn describe(&self, numbers: &KindCounters) -> String {
        let speed =
            format!("{:.0} objects/s, {}/s", self.objects_a_second, human::bytes(self.bytes_a_second.max(0.0) as u64));
        let listed = numbers.source_listed.load(Ordering::Relaxed);
        match self.remaining(numbers) {
            Some(time) if listed => format!("{speed}, ETA {}", human::duration(time)),
            Some(time) => format!("{speed}, ETA {} or more, still listing", human::duration(time)),
            None => speed,
        }
    }

    /// The time that what is left takes: by objects or by bytes, whichever is slower, because
    /// small objects are bound by requests and large ones by bandwidth.
    fn remaining(&self, numbers: &KindCounters) -> Option<Duration> {
        let objects = numbers.to_copy.get().saturating_sub(settled(numbers)) as f64;
        let bytes = numbers.to_copy_bytes.get().saturating_sub(numbers.copied_bytes.get()) as f64;
        if self.objects_a_second <= 0.0 {
            return None;
        }
        let by_bytes = if self.bytes_a_second > 0.0 { bytes / self.bytes_a_second } else { 0.0 };
        // May fail, because a rate close to nothing gives a time that no duration can hold.
        Duration::try_from_secs_f64((objects / self.objects_a_second).max(by_bytes)).ok()
    }
}
