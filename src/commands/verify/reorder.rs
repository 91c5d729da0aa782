//! Settles in order what workers finish in any order.
//!
//! A checkpoint says "everything up to this key", so what is finished early waits for what comes before it. How much
//! may wait is bounded: whoever hands out work waits for the slowest object.

use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::state::{StepResult, VerifyState};
use crate::metrics::CompareCounters;
use crate::object::ObjectKind;
use crate::sys::shutdown::Shutdown;

/// How many steps may be under way or wait.
const WINDOW: u64 = 8192;

/// How long to wait between two looks at the cancellation flag.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// The work on one kind, in the order of its keys.
#[derive(Debug)]
pub(super) struct ReorderBuffer<'a> {
    kind: ObjectKind,
    counters: &'a CompareCounters,
    open: Mutex<Open<'a>>,
    moved: Condvar,
}

#[derive(Debug)]
struct Open<'a> {
    state: &'a mut VerifyState,
    /// The number of the step that is next to be settled.
    next: u64,
    waiting: BTreeMap<u64, StepResult>,
}

impl<'a> ReorderBuffer<'a> {
    /// Settles into `state`, from step 0 on.
    pub(super) const fn new(kind: ObjectKind, state: &'a mut VerifyState, counters: &'a CompareCounters) -> Self {
        let open = Open { state, next: 0, waiting: BTreeMap::new() };
        Self { kind, counters, open: Mutex::new(open), moved: Condvar::new() }
    }

    /// Waits until step `number` may be handed out, and says how many objects could not be checked so far; `None` when
    /// the work is to end.
    pub(super) fn wait_for(&self, number: u64, shutdown: &Shutdown) -> Option<usize> {
        let mut open = self.lock();
        while number >= open.next + WINDOW && !shutdown.requested() {
            open = self.moved.wait_timeout(open, LOOK_EVERY).unwrap_or_else(PoisonError::into_inner).0;
        }
        (!shutdown.requested()).then_some(open.state.kept.unchecked.len())
    }

    /// Step `number` is done.
    ///
    /// # Errors
    /// When what was found cannot be kept.
    pub(super) fn settle(&self, number: u64, settled: StepResult) -> std::io::Result<()> {
        let mut open = self.lock();
        let open = &mut *open;
        open.waiting.insert(number, settled);
        while let Some(settled) = open.waiting.remove(&open.next) {
            open.state.settle(self.kind, &settled, self.counters)?;
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

#[cfg(test)]
mod tests {

    use super::super::checkpoint::CheckpointScope;
    use super::super::checkpoint::folder::Folder;
    use super::*;
    use crate::commands::verify::result::Row;
    use crate::compare::{Comparison, Examined, Fault, Object, Step, Tally};
    use crate::conf::SideId;
    use crate::history::Pair;
    use crate::object::{LibraryId, ObjectId, ObjectKey, PerKind};
    use crate::store::{ErrorKind, StoreError};
    use crate::sys::shutdown::ShutdownReason;

    const KIND: ObjectKind = ObjectKind::Fs;

    fn opened(dir: &std::path::Path) -> VerifyState {
        let side = |name: &str| SideId::from_fn(|kind| format!("{name}/{kind}"));
        let pair = Pair { from: side("old"), to: side("new") };
        let scope = CheckpointScope { pair, content_percent: 100.0, libraries: Vec::new() };
        VerifyState::open(Folder::open(dir).unwrap(), scope).unwrap()
    }

    fn key(n: u64) -> ObjectKey {
        let mut id = [0; 20];
        id[..8].copy_from_slice(&n.to_be_bytes());
        // Seven steps a library.
        ObjectKey::new(LibraryId::from_bytes([u8::try_from(n / 7).unwrap(); 16]), ObjectId::from_bytes(id))
    }

    /// Step `n`: every third is a finding, every fifth the source's damage, every eleventh only numbers.
    fn step(n: u64) -> StepResult {
        let plain = Tally { objects: 2, bytes: 20, extra: 1, ..Tally::default() };
        let object = (!n.is_multiple_of(11)).then(|| Object { key: key(n), from: Some(10), to: None, content: true });
        let outcome = match n {
            n if n.is_multiple_of(3) => Comparison::Finding(Fault::Missing, format!("step {n}")),
            n if n.is_multiple_of(5) => Comparison::SourceDamage(crate::content::Damage::Empty),
            _ => Comparison::Good,
        };
        let examined = object.map(|_| Examined { outcome, read: Some(10), wrong_once: Vec::new() });
        StepResult { step: Step { last: key(n), plain, object }, examined, again: false }
    }

    /// All that a state holds, to be compared.
    fn contents(state: &mut VerifyState) -> (PerKind<Tally>, Vec<ObjectId>, Vec<ObjectId>, Vec<Row>) {
        let (mut findings, mut damaged, mut rows) = (Vec::new(), Vec::new(), Vec::new());
        state
            .findings
            .each(|finding| {
                findings.push(finding.object);
                Ok(())
            })
            .unwrap();
        state
            .damaged
            .each(|finding| {
                damaged.push(finding.object);
                Ok(())
            })
            .unwrap();
        state
            .rows
            .each(|row| {
                rows.push(row);
                Ok(())
            })
            .unwrap();
        (state.kept.kinds, findings, damaged, rows)
    }

    fn in_order(steps: u64) -> (PerKind<Tally>, Vec<ObjectId>, Vec<ObjectId>, Vec<Row>) {
        let dir = tempfile::tempdir().unwrap();
        let mut state = opened(&dir.path().join("x"));
        let counters = CompareCounters::default();
        let buffer = ReorderBuffer::new(KIND, &mut state, &counters);
        (0..steps).for_each(|n| buffer.settle(n, step(n)).unwrap());
        drop(buffer);
        state.end_kind(KIND).unwrap();
        contents(&mut state)
    }

    #[test]
    fn whatever_is_finished_first_the_same_is_recorded() {
        let dir = tempfile::tempdir().unwrap();
        let mut state = opened(&dir.path().join("x"));
        let counters = CompareCounters::default();
        let buffer = ReorderBuffer::new(KIND, &mut state, &counters);
        let mut numbers: Vec<u64> = (0..200).collect();
        fastrand::Rng::with_seed(4).shuffle(&mut numbers);
        std::thread::scope(|scope| {
            for part in numbers.chunks(50) {
                let buffer = &buffer;
                scope.spawn(move || part.iter().for_each(|n| buffer.settle(*n, step(*n)).unwrap()));
            }
        });
        drop(buffer);
        state.end_kind(KIND).unwrap();
        assert_eq!(contents(&mut state), in_order(200));
        assert_eq!(counters.settled.get(), state.kept.kinds[KIND].objects);
    }

    #[test]
    fn from_whatever_was_kept_last_the_rest_leads_to_the_same() {
        let mut dice = fastrand::Rng::with_seed(8);
        for _ in 0..20 {
            let dir = tempfile::tempdir().unwrap();
            let dir = dir.path().join("x");
            let mut done = 0_u64;
            // Four processes, of which three are killed: each keeps something, and does more that it does not keep.
            for process in 0..4 {
                let mut state = opened(&dir);
                assert_eq!((state.after, state.is_resumed), (done.checked_sub(1).map(key), process > 0));
                let counters = CompareCounters::default();
                let settle = |state: &mut VerifyState, steps: std::ops::Range<u64>| {
                    steps.for_each(|n| state.settle(KIND, &step(n), &counters).unwrap());
                };
                let (kept, lost) = (done + dice.u64(0..40), dice.u64(0..10));
                if process < 3 {
                    settle(&mut state, done..kept);
                    state.save().unwrap();
                    settle(&mut state, kept..kept + lost);
                    done = kept;
                    continue;
                }
                settle(&mut state, done..150);
                state.end_kind(KIND).unwrap();
                assert_eq!(contents(&mut state), in_order(150));
            }
        }
    }

    #[test]
    fn what_comes_after_a_gap_is_not_settled_and_not_handed_out_without_end() {
        let dir = tempfile::tempdir().unwrap();
        let mut state = opened(&dir.path().join("x"));
        let (counters, shutdown) = (CompareCounters::default(), Shutdown::new());
        let buffer = ReorderBuffer::new(KIND, &mut state, &counters);
        (1..100).for_each(|n| buffer.settle(n, step(n)).unwrap());
        assert_eq!(counters.settled.get(), 0);
        assert_eq!(buffer.wait_for(WINDOW - 1, &shutdown), Some(0));
        // Too far ahead: waits until the stop, or until step 0 is done.
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| buffer.wait_for(WINDOW, &shutdown));
            buffer.settle(0, step(0)).unwrap();
            assert_eq!(waiting.join().unwrap(), Some(0));
        });
        shutdown.request(ShutdownReason::Signal(2));
        assert_eq!(buffer.wait_for(1_000_000, &shutdown), None);
    }

    #[test]
    fn an_object_that_could_not_be_checked_is_kept_until_it_could() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path().join("x");
        let unanswered = || Comparison::Unchecked(StoreError::new(ErrorKind::Timeout, "read", "it", "no answer"));
        let look = |outcome, again| {
            let object = Some(Object { key: key(3), from: Some(10), to: None, content: true });
            let examined = Some(Examined { outcome, read: None, wrong_once: Vec::new() });
            StepResult { step: Step { last: key(3), plain: Tally::default(), object }, examined, again }
        };
        let counters = CompareCounters::default();
        let mut first = opened(&dir);
        first.settle(KIND, &look(unanswered(), false), &counters).unwrap();
        first.settle(KIND, &step(4), &counters).unwrap();
        first.end_kind(KIND).unwrap();
        assert_eq!((first.unchecked(KIND), first.unchecked(ObjectKind::Blocks)), (vec![key(3)], vec![]));
        assert_eq!(first.accounted(KIND), 1 + 3);
        drop(first);

        let mut second = opened(&dir);
        second.settle(KIND, &look(unanswered(), true), &counters).unwrap();
        assert_eq!(second.unchecked(KIND), [key(3)], "once, however often it fails");
        second.settle(KIND, &look(Comparison::Good, true), &counters).unwrap();
        assert_eq!((second.unchecked(KIND).len(), second.accounted(KIND)), (0, 4));
        // Its library's numbers add up over the rows.
        let (tallies, _, _, rows) = contents(&mut second);
        let sum: u64 = rows.iter().map(|row| row.tally.objects).sum();
        assert_eq!(sum, tallies[KIND].objects);
    }
}
