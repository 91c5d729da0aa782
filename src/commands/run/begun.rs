//! What a pass holds from its beginning to its end: locks, lease, the generation of the destination, the note about itself.

use crate::commands::check;
use crate::commands::common::failure::Failure;
use crate::commands::common::list_state;
use crate::commands::common::run_note::RunNoted;
use crate::commands::common::sides::{self, Sides};
use crate::commands::common::writing::WritingRight;
use crate::commands::run::outcome::RunOutcome;
use crate::commands::run::settings::RunSettings;
use crate::history::Pair;
use crate::report::{Console, Outcome};
use crate::store::open::OpenOptions;
use crate::sys::lock::DestinationLock;
use crate::sys::shutdown::Shutdown;

/// A pass that may read and list.
#[derive(Debug)]
pub(super) struct Begun<'a> {
    /// Both sides, opened.
    pub(super) sides: Sides,
    note: RunNoted<'a>,
    right: WritingRight,
    console: &'a Console,
    shutdown: &'a Shutdown,
    _locks: Vec<DestinationLock>,
}

impl<'a> Begun<'a> {
    /// Locks the destination, checks that both sides are ready, claims the lease, notes that the pass begins, and forgets
    /// the list files that are of another state of the destination.
    ///
    /// # Errors
    /// Why the pass must not begin. Nothing was copied.
    pub(super) fn begin(
        settings: &'a RunSettings,
        options: &OpenOptions,
        console: &'a Console,
        shutdown: &'a Shutdown,
    ) -> Result<Self, Failure> {
        let plan = &settings.plan;
        for warning in plan.from.warnings.iter().chain(&plan.to.warnings) {
            console.warning(format_args!("{warning}"));
        }
        sides::log_places(&plan.from, &plan.to, console);
        let locks = sides::lock(&plan.to)?;
        let prefix = plan.list.prefix.as_deref();
        prefix.map_or(Ok(()), |prefix| list_state::require_lists_of(prefix, &plan.to))?;
        check::require(plan, options, console, shutdown)?;
        let sides = sides::open(&plan.from, &plan.to, options)?;
        let right =
            WritingRight::acquire(&plan.to, (&plan.store, options), &settings.lease, prefix, console, shutdown)?;
        match RunNoted::begin(settings.proofs.as_ref(), Pair::new(&plan.from, &plan.to), console) {
            Ok(note) => Ok(Self { sides, note, right, console, shutdown, _locks: locks }),
            Err(failure) => {
                right.give_back(console);
                Err(failure)
            }
        }
    }

    /// To be called before the first object is written: sees that no other process has the lease, and begins a generation
    /// of the destination.
    ///
    /// # Errors
    /// Why nothing may be written.
    pub(super) fn begin_writing(&mut self) -> Result<(), Failure> {
        self.right.begin_writing(self.shutdown)
    }

    /// Why the lease was lost; `None` when it was not.
    pub(super) fn lease_lost(&self) -> Option<Failure> {
        self.right.lost()
    }

    /// Ends the generation, releases the lease, and notes how the pass ended. Returns how it ended with that in mind: what
    /// was written while another process wrote, or to a store that is another one now, is not known to be there.
    pub(super) fn end(self, outcome: RunOutcome) -> RunOutcome {
        let Self { note, right, console, .. } = self;
        let ended = right.end(outcome.exit_code(), console);
        let outcome = match (ended, outcome) {
            // What ended it before is what is told.
            (Err(_), stopped @ RunOutcome::Stopped(_)) => stopped,
            (Err(failure), _) => RunOutcome::Stopped(failure),
            (Ok(()), outcome) => outcome,
        };
        note.end(&outcome, console);
        outcome
    }
}
