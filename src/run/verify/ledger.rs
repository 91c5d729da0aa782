//! Settles in order what workers finish in any order.
//!
//! A checkpoint says "everything up to this key", so what is finished early waits for what comes before it. How much
//! may wait is bounded: whoever hands out work waits for the slowest object.

use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::record::{Record, Settled};
use crate::object::ObjectKind;
use crate::report::verifying::Verifying;
use crate::stop::Stop;

/// How many steps may be under way or wait.
const WINDOW: u64 = 8192;

/// How long to wait between two looks at the wish to stop.
const GLANCE: Duration = Duration::from_millis(200);

/// The work on one kind, in the order of its keys.
#[derive(Debug)]
pub(super) struct Ledger<'a> {
    kind: ObjectKind,
    progress: &'a Verifying,
    open: Mutex<Open<'a>>,
    moved: Condvar,
}

#[derive(Debug)]
struct Open<'a> {
    record: &'a mut Record,
    /// The number of the step that is next to be settled.
    next: u64,
    waiting: BTreeMap<u64, Settled>,
}

impl<'a> Ledger<'a> {
    /// Settles into `record`, from step 0 on.
    pub(super) const fn new(kind: ObjectKind, record: &'a mut Record, progress: &'a Verifying) -> Self {
        let open = Open { record, next: 0, waiting: BTreeMap::new() };
        Self { kind, progress, open: Mutex::new(open), moved: Condvar::new() }
    }

    /// Waits until step `number` may be handed out, and says how many objects could not be checked so far; `None` when
    /// the work is to end.
    pub(super) fn wait_for(&self, number: u64, stop: &Stop) -> Option<usize> {
        let mut open = self.lock();
        while number >= open.next + WINDOW && !stop.requested() {
            open = self.moved.wait_timeout(open, GLANCE).unwrap_or_else(PoisonError::into_inner).0;
        }
        (!stop.requested()).then_some(open.record.state.unchecked.len())
    }

    /// Step `number` is done.
    ///
    /// # Errors
    /// When what was found cannot be kept.
    pub(super) fn settle(&self, number: u64, settled: Settled) -> std::io::Result<()> {
        let mut open = self.lock();
        let open = &mut *open;
        open.waiting.insert(number, settled);
        while let Some(settled) = open.waiting.remove(&open.next) {
            open.record.settle(self.kind, &settled, self.progress)?;
            open.next += 1;
        }
        self.moved.notify_all();
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Open<'a>> {
        // Poison is ignored, because a panic ends the verification anyway, and only what is whole was saved.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
