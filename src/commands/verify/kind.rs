//! Compares one kind: hands out what the listings do not settle, looks at it, settles it.

use super::reorder::ReorderBuffer;
use super::state::{StepResult, VerifyState};
use crate::commands::common::state::PassState;
use crate::commands::verify::progress::VerifyProgress;
use crate::commands::verify::settings::VerifySettings;
use crate::compare::{Comparison, Examined, Examiner, Object, Sample, Step, Steps, Tally};
use crate::flow::Budget;
use crate::flow::breaker::CircuitBreaker;
use crate::flow::pool::{self, Queue};
use crate::index::from_listing::LearnError;
use crate::index::{Index, ListError};
use crate::object::{ObjectKey, ObjectKind};
use crate::store::{ErrorKind, ReadStore, StoreError};
use crate::sys::shutdown::Shutdown;

/// How many objects may go unchecked before the store is taken for gone, single failures or not; they are kept in memory.
const UNCHECKED_MAX: usize = 1000;

/// One kind to be compared, and all that takes part.
#[derive(Clone, Copy, Debug)]
pub(super) struct KindComparison<'a> {
    /// Which kind.
    pub(super) kind: ObjectKind,
    /// Where the objects came from.
    pub(super) from: &'a dyn ReadStore,
    /// Where they should be.
    pub(super) to: Option<&'a dyn ReadStore>,
    /// What the source holds.
    pub(super) listed_from: &'a Index,
    /// What the destination holds.
    pub(super) listed_to: &'a Index,
    /// Numbers and limits.
    pub(super) settings: &'a VerifySettings,
    /// The bytes that all workers together may hold.
    pub(super) budget: &'a Budget,
    /// Tells an outage from single failures.
    pub(super) state: &'a PassState,
    /// What is told while it goes on.
    pub(super) progress: &'a VerifyProgress,
    /// The wish to end early.
    pub(super) stop: &'a Shutdown,
}

/// A step on its way to a worker.
struct Task {
    number: u64,
    step: Step,
    again: bool,
}

impl KindComparison<'_> {
    /// Compares what is not settled yet. What ends the verification is in the state and raises the stop flag.
    pub(super) fn run(&self, record: &mut VerifyState) {
        let (left_over, sample) = (record.unchecked(self.kind), self.sample(record));
        let is_done = record.state.is_done(self.kind);
        if is_done && left_over.is_empty() {
            return;
        }
        let rest = (!is_done).then(|| Steps::new(self.listed_from, self.listed_to, record.after, sample));
        let again = left_over.into_iter().map(|key| Ok((self.again(key, sample), true)));
        let steps = again.chain(rest.into_iter().flatten().map(|step| Ok((step?, false))));
        let ledger = ReorderBuffer::new(self.kind, record, self.progress);
        let examiner = Examiner { kind: self.kind, from: self.from, to: self.to, budget: self.budget };
        let workers = self.settings.store.workers;
        let fed = pool::run(
            workers,
            workers * 4,
            |queue| self.feed(&queue, &ledger, steps),
            |task| self.work(&examiner, &ledger, task),
        );
        drop(ledger);
        if let Err(error) = fed {
            return LearnError::List(error).end(self.state, self.stop);
        }
        // A kind that was done before is not ended again, because the place in the next one would be lost.
        if !self.stop.requested()
            && !is_done
            && let Err(error) = record.end_kind(self.kind)
        {
            self.not_kept(&error);
        }
    }

    fn sample(&self, record: &VerifyState) -> Sample {
        Sample { percent: self.settings.content_percent, seed: record.state.seed }
    }

    /// The step of an object that could not be checked before.
    fn again(&self, key: ObjectKey, sample: Sample) -> Step {
        let from = self.listed_from.find(&key).and_then(|held| held.size);
        let object = Object { key, from, to: self.listed_to.find(&key), content: sample.takes(&key) };
        Step { last: key, plain: Tally::default(), object: Some(object) }
    }

    /// Hands out the steps in order; those without an object are settled at once.
    fn feed(
        &self,
        queue: &Queue<Task>,
        ledger: &ReorderBuffer<'_>,
        steps: impl Iterator<Item = Result<(Step, bool), ListError>>,
    ) -> Result<(), ListError> {
        for (number, item) in (0..).zip(steps) {
            let (step, again) = item?;
            let Some(unchecked) = ledger.wait_for(number, self.stop) else { break };
            if unchecked > UNCHECKED_MAX {
                let why = format!("more than {UNCHECKED_MAX} objects could not be checked");
                self.state.fatal(StoreError::new(ErrorKind::Unavailable, "verify", "the stores", why), self.stop);
                break;
            }
            let task = Task { number, step, again };
            if step.object.is_none() {
                self.settle(ledger, task, None);
            } else if !queue.put(task) {
                break;
            }
        }
        Ok(())
    }

    fn work(&self, examiner: &Examiner<'_>, ledger: &ReorderBuffer<'_>, task: Task) {
        let Some(object) = task.step.object.filter(|_| !self.stop.requested()) else { return };
        let Examined { outcome, read } = examiner.examine(&object);
        let outcome = match outcome {
            // Not settled, because the stop cut the call short: the object is left for the next process.
            Comparison::Unchecked(error) if error.kind() == ErrorKind::Interrupted => return,
            Comparison::Unchecked(error) if error.kind().is_fatal() => return self.state.fatal(error, self.stop),
            Comparison::Unchecked(error) if self.state.breaker.failure() => {
                let many = CircuitBreaker::LIMIT;
                let why = format!("{many} objects in a row failed like this, so the store is taken for gone");
                return self.state.fatal(error.because(why), self.stop);
            }
            Comparison::Unchecked(error) => Comparison::Unchecked(error),
            known => {
                self.state.breaker.success();
                known
            }
        };
        self.settle(ledger, task, Some(Examined { outcome, read }));
    }

    fn settle(&self, ledger: &ReorderBuffer<'_>, Task { number, step, again }: Task, examined: Option<Examined>) {
        if let Err(error) = ledger.settle(number, StepResult { step, examined, again }) {
            self.not_kept(&error);
        }
    }

    fn not_kept(&self, error: &std::io::Error) {
        self.state.local_failure("keep what was found", error, self.stop);
    }
}
