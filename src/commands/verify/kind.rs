//! Compares one kind: hands out what the listings do not settle, looks at it, settles it.

use super::reorder::ReorderBuffer;
use super::state::{StepResult, VerifyState};
use crate::commands::common::failure::Failure;
use crate::commands::common::first_failure::FirstFailure;
use crate::commands::verify::settings::VerifySettings;
use crate::compare::{Comparison, Examined, Examiner, Object, Sample, Step, Steps, Tally};
use crate::flow::Budget;
use crate::flow::pool::{self, Queue};
use crate::index::{Index, ListError};
use crate::metrics::CompareCounters;
use crate::object::{ObjectKey, ObjectKind};
use crate::store::{ErrorKind, ReadStore, SizeForm, SizeForms};
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
    /// What is told while it goes on.
    pub(super) counters: &'a CompareCounters,
    /// Cancellation: a signal or a failure asks everybody to end.
    pub(super) shutdown: &'a Shutdown,
}

/// A step on its way to a worker.
struct Task {
    number: u64,
    step: Step,
    again: bool,
}

/// What the threads that compare share.
struct Workers<'a> {
    examiner: Examiner<'a>,
    buffer: ReorderBuffer<'a>,
    failures: FirstFailure<'a>,
}

impl KindComparison<'_> {
    /// Compares what is not settled yet, into `state`.
    ///
    /// # Errors
    /// Why not all of it is settled. What is settled stays in `state`.
    pub(super) fn run(&self, state: &mut VerifyState) -> Result<(), Failure> {
        let (left_over, sample) = (state.unchecked(self.kind), self.sample(state));
        let is_done = state.kept.is_done(self.kind);
        if is_done && left_over.is_empty() {
            return Ok(());
        }
        let held = self.to.map_or_else(SizeForm::default, |to| to.size_form());
        let sizes = SizeForms { held, expected: self.from.size_form() };
        let rest = (!is_done).then(|| Steps::new(self.listed_from, self.listed_to, state.after, sample, sizes));
        let again = left_over.into_iter().map(|key| Ok((self.again(key, sample), true)));
        let steps = again.chain(rest.into_iter().flatten().map(|step| Ok((step?, false))));
        let workers = Workers {
            examiner: Examiner { kind: self.kind, from: self.from, to: self.to, budget: self.budget },
            buffer: ReorderBuffer::new(self.kind, state, self.counters),
            failures: FirstFailure::new(self.shutdown),
        };
        let threads = self.settings.store.workers();
        let missing = |queue: &Queue<Task>| {
            self.counters.workers_missing.set(threads.saturating_sub(queue.workers()) as u64);
        };
        let fill = |queue: Queue<Task>| workers.feed(&queue, steps.inspect(|_| missing(&queue)));
        let fed = pool::run(self.settings.store.workers.clone(), threads * 4, fill, |task| workers.work(task));
        fed.map_err(|error| Failure::local("start a worker thread", &error))??;
        let Workers { buffer, failures, .. } = workers;
        drop(buffer);
        if let Some(failure) = failures.get() {
            return Err(failure);
        }
        // A kind that was done before is not ended again, because the place in the next one would be lost.
        if is_done { Ok(()) } else { state.end_kind(self.kind).map_err(|error| not_kept(&error)) }
    }

    fn sample(&self, state: &VerifyState) -> Sample {
        Sample { percent: self.settings.content_percent, seed: state.kept.seed }
    }

    /// The step of an object that could not be checked before.
    fn again(&self, key: ObjectKey, sample: Sample) -> Step {
        let from = self.listed_from.find(&key).and_then(|held| held.size);
        let object = Object { key, from, to: self.listed_to.find(&key), content: sample.takes(&key) };
        Step { last: key, plain: Tally::default(), object: Some(object) }
    }
}

impl Workers<'_> {
    /// Hands out the steps in order; those without an object are settled at once.
    fn feed(
        &self,
        queue: &Queue<Task>,
        steps: impl Iterator<Item = Result<(Step, bool), ListError>>,
    ) -> Result<(), ListError> {
        for (number, item) in (0..).zip(steps) {
            let (step, again) = item?;
            let Some(unchecked) = self.buffer.wait_for(number, self.failures.shutdown()) else { break };
            if unchecked > UNCHECKED_MAX {
                let what = format!("more than {UNCHECKED_MAX} objects could not be checked");
                self.failures.end(Failure::Store(what));
                break;
            }
            let task = Task { number, step, again };
            if step.object.is_none() {
                self.settle(task, None);
            } else if !queue.put(task) {
                break;
            }
        }
        Ok(())
    }

    fn work(&self, task: Task) {
        let Some(object) = task.step.object.filter(|_| !self.failures.is_over()) else { return };
        let Examined { outcome, read, wrong_once } = self.examiner.examine(&object);
        let outcome = match outcome {
            // Not settled, because the cancellation cut the call short: the object is left for the next process.
            Comparison::Unchecked(error) if error.kind() == ErrorKind::Interrupted => return,
            Comparison::Unchecked(error) => match self.failures.failed(error) {
                Some(error) => Comparison::Unchecked(error),
                None => return,
            },
            known => {
                self.failures.succeeded();
                known
            }
        };
        self.settle(task, Some(Examined { outcome, read, wrong_once }));
    }

    fn settle(&self, Task { number, step, again }: Task, examined: Option<Examined>) {
        if let Err(error) = self.buffer.settle(number, StepResult { step, examined, again }) {
            self.failures.end(not_kept(&error));
        }
    }
}

/// What was found could not be kept.
pub(super) fn not_kept(error: &std::io::Error) -> Failure {
    Failure::local("keep what was found", error)
}
