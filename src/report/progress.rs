//! Progress while a command works: a bar on a terminal, a plain line every few seconds otherwise.
//!
//! Engines add to counters ([`metrics`](crate::metrics)) and know nothing of screens. A command implements [`Progress`]
//! over the counters, and has it shown by [`during`] while it works.

use std::convert::Infallible;
use std::thread::{self, Builder};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, bounded};
use indicatif::{ProgressBar, ProgressStyle};

use super::news::News;
use super::{Console, format};
use crate::metrics::findings::FindingSort;
use crate::metrics::throughput::{Estimate, Position, Speed, Throughput};
use crate::store::http::runtime;
use crate::sys::terminal::{self, OneLine};

/// How often bars move and [`Progress::sample`] is called.
const TICK: Duration = Duration::from_millis(200);
/// How often a plain line comes.
const LINE_EVERY: Duration = Duration::from_secs(5);
/// For how long nothing must have moved before that is told.
const STALL: Duration = Duration::from_secs(15);
/// A time left above this one is not worth a number.
const LONGEST_ETA: Duration = Duration::from_secs(30 * 86_400);
/// The columns of a bar that its text has not: what it does, the bar itself, the percentage.
const BESIDE_BAR: usize = 7 + 1 + 24 + 1 + 4 + 1;

/// The progress of a command. All of it is asked from a thread of its own while the command works.
pub trait Progress: Sync {
    /// What is being done, in one word. When it changes, the speed is measured anew.
    fn phase(&self) -> &'static str;

    /// How far the phase is.
    fn position(&self) -> Position;

    /// A number that grows with everything that is done, listed or found; while it stays, nothing moves.
    fn activity(&self) -> u64 {
        let Position { done, total, .. } = self.position();
        done.items + done.bytes + total.items
    }

    /// The line for the log.
    fn line(&self, estimate: &Estimate) -> String;

    /// The text beside the bar.
    fn bar_text(&self, estimate: &Estimate) -> String {
        self.line(estimate)
    }

    /// What failed so far, to be told as it comes.
    fn failures(&self) -> Vec<FindingSort> {
        Vec::new()
    }

    /// Notes in a series how much is done, where one is kept.
    fn sample(&self) {}
}

/// Shows `progress` on `console` as long as `work` runs. Returns what `work` returned.
pub fn during<R>(progress: &dyn Progress, console: &Console, work: impl FnOnce() -> R) -> R {
    thread::scope(|scope| {
        // The sender belongs to this closure, so that a panic in `work` ends the ticker, too.
        let (_working, ended) = bounded(0);
        let meter = Meter::start(Instant::now(), progress);
        let ticker = Builder::new().name("progress".to_owned());
        if let Err(error) = ticker.spawn_scoped(scope, move || tick(meter, progress, console, &ended)) {
            console.warning(format_args!("no progress will be shown, because no thread could be started: {error}"));
        }
        work()
    })
}

/// Shows the progress until `ended` is closed.
fn tick(mut meter: Meter, progress: &dyn Progress, console: &Console, ended: &Receiver<Infallible>) {
    let bar = console.bars().map(|bars| bars.add(new_bar()));
    let (began, mut logged) = (Instant::now(), Instant::now());
    let mut news = News::default();
    while ended.recv_timeout(TICK) == Err(RecvTimeoutError::Timeout) {
        progress.sample();
        let now = Instant::now();
        for failed in news.of(now - began, progress.failures()) {
            console.problem(failed);
        }
        let reading = meter.read(now, progress);
        match &bar {
            Some(bar) => draw(bar, &reading, progress),
            None if now - logged < LINE_EVERY => {}
            None => {
                console.log(progress.line(&reading.estimate));
                logged = now;
            }
        }
    }
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
}

/// Measures the speed within a phase.
struct Meter {
    began: Instant,
    phase: &'static str,
    throughput: Throughput,
    /// The last activity that was new, and when it was seen.
    active: (u64, Instant),
}

/// What is shown at one moment.
struct Reading {
    phase: &'static str,
    position: Position,
    estimate: Estimate,
}

impl Meter {
    fn start(began: Instant, progress: &dyn Progress) -> Self {
        let phase = progress.phase();
        let throughput = Throughput::start(Duration::ZERO, progress.position().done);
        Self { began, phase, throughput, active: (progress.activity(), began) }
    }

    fn read(&mut self, now: Instant, progress: &dyn Progress) -> Reading {
        // Asked for first, because a phase may begin with work that was done before: when the new phase is seen, so is
        // that work, and it does not count as speed.
        let phase = progress.phase();
        let (at, position) = (now - self.began, progress.position());
        if phase == self.phase {
            self.throughput.update(at, position.done);
        } else {
            (self.phase, self.throughput) = (phase, Throughput::start(at, position.done));
        }
        let activity = progress.activity();
        if activity != self.active.0 {
            self.active = (activity, now);
        }
        let stalled = Some(now - self.active.1).filter(|time| *time >= STALL);
        // No speed and no time left while nothing moves: both would be of before.
        let estimate = match stalled {
            None => self.throughput.estimate(&position),
            Some(_) => Estimate { stalled, ..Estimate::default() },
        };
        Reading { phase, position, estimate }
    }
}

fn new_bar() -> ProgressBar {
    let style = ProgressStyle::with_template("{prefix:>7} {bar:24} {percent:>3}% {msg}");
    let bar = ProgressBar::new(1);
    bar.set_style(style.expect("the template above is well formed"));
    bar
}

fn draw(bar: &ProgressBar, Reading { phase, position, estimate }: &Reading, progress: &dyn Progress) {
    bar.set_prefix(*phase);
    bar.set_length(position.total.items.max(1));
    // No more than the total, so that a bar is empty and not full as long as the total is not known.
    bar.set_position(position.done.items.min(position.total.items));
    let text = OneLine(progress.bar_text(estimate)).to_string();
    let columns = terminal::columns(std::io::stderr()).unwrap_or(terminal::USUAL_COLUMNS);
    bar.set_message(fit(&text, columns.saturating_sub(BESIDE_BAR)).to_owned());
}

/// The text as far as it has room, cut where one of its parts ends and never inside a number.
fn fit(text: &str, room: usize) -> &str {
    if text.chars().count() <= room {
        return text;
    }
    let ends = text.match_indices(", ").map(|(at, _)| &text[..at]);
    ends.filter(|part| part.chars().count() <= room).last().unwrap_or("")
}

/// The parts that there are, with commas between them.
pub fn listed<const N: usize>(parts: [Option<String>; N]) -> String {
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// Speed and time left, in words; of work that does not move, for how long it does not. `None` as long as nothing was
/// done.
pub fn estimate(estimate: &Estimate) -> Option<String> {
    let Estimate { speed, remaining, is_total_known, stalled } = *estimate;
    if let Some(time) = stalled {
        return Some(stall(time, runtime::requests_under_way()));
    }
    let remaining = remaining.map(|time| {
        let time = if time > LONGEST_ETA { "more than 30 days".to_owned() } else { format::duration(time) };
        if is_total_known { format!("ETA {time}") } else { format!("ETA {time} or more, still listing") }
    });
    let now = speed.map(|speed| listed([objects_per_second(&speed), bytes_per_second(&speed), remaining]));
    now.filter(|now| !now.is_empty())
}

fn stall(time: Duration, requests: u64) -> String {
    let seconds = format::count(time.as_secs());
    match requests {
        0 => format!("nothing done for {seconds} s"),
        n => format!("no answer for {seconds} s, {} under way", format::plural(n, "request")),
    }
}

/// `None` where none was done yet, or hardly one a minute: "0.0 objects/s" would say that it stands still.
fn objects_per_second(speed: &Speed) -> Option<String> {
    match speed.items_per_second {
        none if none < 0.05 => None,
        // With a fraction, because what is slow would look as if it stood still.
        few if few < 9.95 => Some(format!("{few:.1} objects/s")),
        many => Some(format!("{} objects/s", format::count(many.round() as u64))),
    }
}

/// `None` where no bytes are counted.
fn bytes_per_second(speed: &Speed) -> Option<String> {
    let bytes = speed.bytes_per_second as u64;
    (bytes > 0).then(|| format!("{}/s", format::bytes(bytes)))
}

/// How many worker threads could not be started; `None` when all could.
pub fn workers_missing(missing: u64) -> Option<String> {
    (missing > 0).then(|| format!("{} could not be started", format::plural(missing, "worker")))
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

    use super::*;
    use crate::metrics::throughput::Amount;

    /// Work in two phases: reads 100 objects, and then writes them, 60 of which were written before.
    #[derive(Default)]
    struct Copying {
        read: AtomicU64,
        written: AtomicU64,
        samples: AtomicUsize,
    }

    impl Progress for Copying {
        fn phase(&self) -> &'static str {
            if self.read.load(Ordering::SeqCst) < 100 { "read" } else { "write" }
        }

        fn position(&self) -> Position {
            let done = if self.phase() == "read" { &self.read } else { &self.written };
            let items = |items| Amount { items, bytes: 0 };
            Position { done: items(done.load(Ordering::SeqCst)), total: items(100), is_total_known: true }
        }

        fn line(&self, now: &Estimate) -> String {
            listed([Some(self.phase().to_owned()), estimate(now)])
        }

        fn sample(&self) {
            self.samples.fetch_add(1, Ordering::SeqCst);
        }
    }

    #[test]
    fn no_line_says_that_nothing_moves_before_anything_could_and_what_was_done_before_is_no_speed() {
        let (copying, began) = (Copying::default(), Instant::now());
        let mut meter = Meter::start(began, &copying);
        let mut line = |seconds| {
            let reading = meter.read(began + Duration::from_secs(seconds), &copying);
            copying.line(&reading.estimate)
        };
        assert_eq!(line(5), "read");
        copying.read.store(50, Ordering::SeqCst);
        assert_eq!(line(10), "read, 5.0 objects/s, ETA 00:00:10");
        copying.written.store(60, Ordering::SeqCst);
        copying.read.store(100, Ordering::SeqCst);
        assert_eq!(line(20), "write");
        copying.written.store(80, Ordering::SeqCst);
        assert_eq!(line(40), "write, 1.0 objects/s, ETA 00:00:20");
    }

    #[test]
    fn a_bar_shows_where_the_work_is() {
        let (copying, began) = (Copying::default(), Instant::now());
        let mut meter = Meter::start(began, &copying);
        let bar = ProgressBar::hidden();
        copying.read.store(40, Ordering::SeqCst);
        draw(&bar, &meter.read(began + Duration::from_secs(4), &copying), &copying);
        assert_eq!((bar.prefix(), bar.position(), bar.length()), ("read".to_owned(), 40, Some(100)));
        assert_eq!(bar.message(), "read, 10 objects/s, ETA 00:00:06");
    }

    #[test]
    fn a_bar_that_has_no_room_leaves_whole_parts_out() {
        let text = "12,000 listed, 2,000 to copy, 1,498 copied, ETA 00:00:10";
        assert_eq!(fit(text, 80), text);
        assert_eq!(fit(text, 42), "12,000 listed, 2,000 to copy, 1,498 copied");
        assert_eq!(fit(text, 41), "12,000 listed, 2,000 to copy");
        assert_eq!((fit(text, 13), fit(text, 12)), ("12,000 listed", ""));
    }

    #[test]
    fn the_ticker_samples_as_long_as_the_work_runs_and_ends_with_it() {
        let copying = Copying::default();
        let seen = during(&copying, &Console::quiet(), || {
            while copying.samples.load(Ordering::SeqCst) < 2 {
                thread::yield_now();
            }
            copying.samples.load(Ordering::SeqCst)
        });
        assert!(seen >= 2);
    }

    #[test]
    fn a_panic_in_the_work_ends_the_ticker() {
        let copying = Copying::default();
        let work = || during(&copying, &Console::quiet(), || panic!("made to fail"));
        assert!(catch_unwind(AssertUnwindSafe(work)).is_err());
    }

    #[test]
    fn an_estimate_says_what_it_rests_on() {
        let text = |items_per_second, bytes_per_second, seconds: Option<u64>, is_total_known| {
            let (speed, remaining) =
                (Some(Speed { items_per_second, bytes_per_second }), seconds.map(Duration::from_secs));
            estimate(&Estimate { speed, remaining, is_total_known, stalled: None }).unwrap()
        };
        assert_eq!(text(10.0, 4000.0, Some(10), true), "10 objects/s, 4.0 kB/s, ETA 00:00:10");
        assert_eq!(text(12_345.6, 400.0, Some(20), true), "12,346 objects/s, 400 B/s, ETA 00:00:20");
        assert_eq!(text(0.25, 0.0, Some(10), false), "0.2 objects/s, ETA 00:00:10 or more, still listing");
        assert_eq!(text(0.0, 4000.0, None, true), "4.0 kB/s");
        let standing = Speed { items_per_second: 0.0, bytes_per_second: 0.0 };
        assert_eq!(estimate(&Estimate { speed: Some(standing), ..Estimate::default() }), None);
        assert_eq!(text(10.0, 0.0, Some(405 * 86_400), true), "10 objects/s, ETA more than 30 days");
        assert_eq!(estimate(&Estimate::default()), None);
    }

    #[test]
    fn while_nothing_moves_that_is_told_and_no_time_left() {
        let (copying, began) = (Copying::default(), Instant::now());
        let mut meter = Meter::start(began, &copying);
        copying.read.store(50, Ordering::SeqCst);
        let mut told = |seconds| estimate(&meter.read(began + Duration::from_secs(seconds), &copying).estimate);
        assert!(told(10).is_some_and(|text| text.contains("ETA")));
        assert!(told(24).is_some_and(|text| text.contains("ETA")));
        assert!(told(25).is_some_and(|text| text.contains("for 15 s") && !text.contains("ETA")));
        copying.read.store(51, Ordering::SeqCst);
        assert!(told(26).is_some_and(|text| text.contains("ETA")));
        assert_eq!(stall(Duration::from_secs(1500), 0), "nothing done for 1,500 s");
        assert_eq!(stall(Duration::from_secs(45), 1), "no answer for 45 s, 1 request under way");
    }

    #[test]
    fn workers_that_could_not_be_started_are_named_and_others_are_not() {
        assert_eq!(workers_missing(0), None);
        assert_eq!(workers_missing(1).unwrap(), "1 worker could not be started");
        assert_eq!(workers_missing(1200).unwrap(), "1,200 workers could not be started");
    }
}
