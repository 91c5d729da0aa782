//! The first failure among the threads of a command, which ends the others.

use std::sync::{Mutex, PoisonError};

use crate::commands::common::failure::Failure;
use crate::flow::breaker::CircuitBreaker;
use crate::store::StoreError;
use crate::sys::shutdown::{Shutdown, ShutdownReason};

/// What ends a command before it has done what it is for; shared by all its threads.
#[derive(Debug)]
pub struct FirstFailure<'a> {
    shutdown: &'a Shutdown,
    /// Tells an outage from single failures.
    breaker: CircuitBreaker,
    first: Mutex<Option<Failure>>,
}

impl<'a> FirstFailure<'a> {
    /// Nothing has failed yet. A failure raises `shutdown`.
    pub fn new(shutdown: &'a Shutdown) -> Self {
        Self { shutdown, breaker: CircuitBreaker::default(), first: Mutex::new(None) }
    }

    /// Whether the command is to end, because something failed or a signal came.
    pub fn is_over(&self) -> bool {
        self.shutdown.requested()
    }

    /// Cancellation: a signal or a failure asks everybody to end.
    pub const fn shutdown(&self) -> &'a Shutdown {
        self.shutdown
    }

    /// Ends the command; the first failure stays.
    pub fn end(&self, failure: impl Into<Failure>) {
        let failure = failure.into();
        let reason = ShutdownReason::Fatal(failure.to_string());
        // Kept before anybody is told to end, because what ends then fails for this one's sake.
        self.first.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(failure);
        self.shutdown.request(reason);
    }

    /// A call about an object went through.
    pub fn succeeded(&self) {
        self.breaker.success();
    }

    /// A call about an object failed. The error comes back when the others may go on; when every further object would
    /// fail the same way, it ends the command.
    pub fn failed(&self, error: StoreError) -> Option<StoreError> {
        if error.kind().is_fatal() {
            self.end(error);
            return None;
        }
        if error.kind().may_be_outage() && self.breaker.failure() {
            let many = CircuitBreaker::LIMIT;
            let why = format!("{many} objects in a row failed like this, so the store is taken for gone");
            self.end(error.because(why));
            return None;
        }
        Some(error)
    }

    /// Why the command ended early, now that its threads are done; `None` when it did not. A signal counts first,
    /// because what fails after it may fail for it.
    pub fn get(&self) -> Option<Failure> {
        Failure::interruption(self.shutdown)
            .or_else(|| self.first.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::ErrorKind;

    fn error(kind: ErrorKind) -> StoreError {
        StoreError::new(kind, "read", "the store", "as it is")
    }

    #[test]
    fn the_first_failure_stays_and_ends_everybody() {
        let shutdown = Shutdown::new();
        let failures = FirstFailure::new(&shutdown);
        assert_eq!((failures.get(), failures.is_over()), (None, false));
        failures.end(Failure::LocalFile("first".to_owned()));
        failures.end(error(ErrorKind::Denied));
        assert_eq!((failures.get(), failures.is_over()), (Some(Failure::LocalFile("first".to_owned())), true));
    }

    #[test]
    fn a_signal_is_why_it_ended_whatever_fails_then() {
        let shutdown = Shutdown::new();
        let failures = FirstFailure::new(&shutdown);
        shutdown.request(ShutdownReason::Signal(15));
        failures.end(error(ErrorKind::Connection));
        assert_eq!(failures.get(), Some(Failure::Interrupted { signal: 15 }));
    }

    #[test]
    fn single_failures_do_not_end_a_command_and_an_outage_does() {
        let shutdown = Shutdown::new();
        let failures = FirstFailure::new(&shutdown);
        for _ in 1..CircuitBreaker::LIMIT {
            assert!(failures.failed(error(ErrorKind::Timeout)).is_some());
        }
        failures.succeeded();
        for _ in 1..CircuitBreaker::LIMIT {
            assert!(failures.failed(error(ErrorKind::Timeout)).is_some());
        }
        // One that is of the object alone neither counts nor ends anything.
        assert!(failures.failed(error(ErrorKind::Unreadable)).is_some() && !failures.is_over());
        assert!(failures.failed(error(ErrorKind::Timeout)).is_none());
        let told = failures.get().unwrap().to_string();
        assert!(told.contains("100 objects in a row") && told.contains("the store"), "{told}");
    }

    #[test]
    fn what_every_object_would_meet_ends_it_at_once() {
        let shutdown = Shutdown::new();
        let failures = FirstFailure::new(&shutdown);
        assert!(failures.failed(error(ErrorKind::NoSpace)).is_none());
        assert!(matches!(failures.get(), Some(Failure::StoreFull(_))));
    }
}
