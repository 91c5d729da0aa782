//! Progress while a destination is verified: a bar on a terminal, a plain line every few seconds otherwise.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crossbeam_channel::{Receiver, RecvTimeoutError};

use crate::metrics::throughput::{Throughput, Work};
use crate::report::progress::{BAR_EVERY, LINE_EVERY, estimate, new_bar};
use crate::report::{Console, format};

/// How far a verification is; added to by many threads.
#[derive(Debug, Default)]
pub struct VerifyProgress {
    /// Objects listed so far, of both sides.
    pub listed: AtomicU64,
    /// Whether both sides are listed, so that the numbers below mean something.
    pub is_listed: AtomicBool,
    /// Objects of the source.
    pub objects: AtomicU64,
    /// Those settled.
    pub settled: AtomicU64,
    /// Bytes to be read at the destination, as far as the source's listing tells.
    pub to_read: AtomicU64,
    /// Bytes read there.
    pub read: AtomicU64,
    /// Objects that the destination lacks or holds wrongly.
    pub findings: AtomicU64,
}

fn get(number: &AtomicU64) -> u64 {
    number.load(Ordering::Relaxed)
}

impl Work for VerifyProgress {
    fn done(&self) -> (u64, u64) {
        (get(&self.settled), get(&self.read))
    }

    fn left(&self) -> (u64, u64) {
        let objects = get(&self.objects).saturating_sub(get(&self.settled));
        (objects, get(&self.to_read).saturating_sub(get(&self.read)))
    }

    fn is_all_known(&self) -> bool {
        self.is_listed.load(Ordering::Relaxed)
    }
}

impl VerifyProgress {
    /// Tells the progress until `done` is closed. Meant for a thread of its own.
    pub fn tell(&self, console: &Console, done: &Receiver<()>) {
        let mut rate = None;
        let bar = console.bars().map(|bars| bars.add(new_bar("verify")));
        let every = if bar.is_some() { BAR_EVERY } else { LINE_EVERY };
        while done.recv_timeout(every) == Err(RecvTimeoutError::Timeout) {
            let line = self.line(&mut rate);
            match &bar {
                Some(bar) => {
                    bar.set_length(get(&self.objects).max(1));
                    bar.set_position(get(&self.settled));
                    bar.set_message(line);
                }
                None => console.log(line),
            }
        }
        if let Some(bar) = bar {
            bar.finish_and_clear();
        }
    }

    fn line(&self, rate: &mut Option<Throughput>) -> String {
        if !self.is_all_known() {
            return format!("{} objects listed on both sides", format::count(get(&self.listed)));
        }
        // Begun only now, because what a checkpoint already holds must not count as speed.
        let rate = rate.get_or_insert_with(|| Throughput::start(self));
        rate.update(self);
        format!(
            "{} of {} objects verified, {} read, {}, {}",
            format::count(get(&self.settled)),
            format::count(get(&self.objects)),
            format::bytes(get(&self.read)),
            format::plural(get(&self.findings), "finding"),
            estimate(&rate.estimate(self))
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_tells_what_is_done_and_what_is_left() {
        let verifying = VerifyProgress::default();
        verifying.listed.store(1200, Ordering::Relaxed);
        let mut rate = None;
        assert_eq!(verifying.line(&mut rate), "1,200 objects listed on both sides");
        verifying.objects.store(5000, Ordering::Relaxed);
        verifying.settled.store(1000, Ordering::Relaxed);
        verifying.to_read.store(9000, Ordering::Relaxed);
        verifying.read.store(2000, Ordering::Relaxed);
        verifying.is_listed.store(true, Ordering::Relaxed);
        // What was done before this process began is no speed of its own.
        let line = verifying.line(&mut rate);
        assert_eq!(line, "1,000 of 5,000 objects verified, 2.0 kB read, 0 findings, 0 objects/s, 0 B/s");
        assert_eq!(verifying.left(), (4000, 7000));
        verifying.settled.store(2000, Ordering::Relaxed);
        assert!(verifying.line(&mut rate).contains("ETA"));
    }
}
