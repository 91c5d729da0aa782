//! Progress while libraries are followed from their heads: a plain line every few seconds.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError};

use crate::reach::Progress;
use crate::report::{Console, format};

/// How often a line of progress comes.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// Prints a line of progress every few seconds until `done` is closed. Meant for a thread of its own.
pub fn tell(progress: &Progress, console: &Console, done: &Receiver<()>) {
    let number = |counter: &AtomicU64| format::count(counter.load(Ordering::Relaxed));
    while done.recv_timeout(LINE_EVERY) == Err(RecvTimeoutError::Timeout) {
        console.log(format_args!(
            "{} of {} libraries, {} commits, {} trees and files, {} blocks, {} findings",
            number(&progress.libraries_done),
            number(&progress.libraries),
            number(&progress.commits),
            number(&progress.fs_objects),
            number(&progress.blocks),
            number(&progress.findings)
        ));
    }
}
