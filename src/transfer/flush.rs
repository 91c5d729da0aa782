//! From written to confirmed: a copy counts once the destination has made it durable.
//!
//! Making one object durable is slow on a filesystem (a third of a millisecond and more), making
//! thousands durable at once costs about the same. So what the workers wrote gathers into batches;
//! each batch is synced, then entered into the journal, and only then counted.

use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError};

/// How large a batch grows, and how old.
#[derive(Clone, Copy, Debug)]
pub struct BatchLimits {
    /// Objects in a batch at most.
    pub objects: usize,
    /// How long the first object of a batch waits for company at most.
    pub age: Duration,
}

impl Default for BatchLimits {
    fn default() -> Self {
        Self { objects: 5000, age: Duration::from_secs(1) }
    }
}

/// Gathers what comes out of `written` into batches and hands each to `confirm`, until the channel
/// is closed and empty.
pub fn run<T>(written: &Receiver<T>, limits: BatchLimits, mut confirm: impl FnMut(&[T])) {
    let mut batch = Vec::new();
    while let Ok(first) = written.recv() {
        batch.push(first);
        let due = Instant::now() + limits.age;
        while batch.len() < limits.objects {
            match written.recv_deadline(due) {
                Ok(object) => batch.push(object),
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => break,
            }
        }
        confirm(&batch);
        batch.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_object_is_in_one_batch_and_no_batch_is_too_large() {
        let (sender, receiver) = crossbeam_channel::unbounded();
        (0..25).for_each(|n| sender.send(n).unwrap());
        drop(sender);
        let mut batches = Vec::new();
        let limits = BatchLimits { objects: 10, age: Duration::from_secs(60) };
        run(&receiver, limits, |batch| batches.push(batch.to_vec()));
        assert_eq!(batches.iter().map(Vec::len).collect::<Vec<_>>(), [10, 10, 5]);
        assert_eq!(batches.concat(), (0..25).collect::<Vec<_>>());
    }
}
