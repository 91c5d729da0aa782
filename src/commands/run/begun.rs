//! What a pass holds from its beginning to its end: locks, lease, the generation of the destination, the note about itself.

use crate::commands::check;
use crate::commands::common::failure::Failure;
use crate::commands::common::generation::Generation;
use crate::commands::common::sides::{self, Sides};
use crate::commands::common::{lease, list_state};
use crate::commands::run::note::Note;
use crate::commands::run::outcome::RunOutcome;
use crate::commands::run::settings::RunSettings;
use crate::lease::LeaseKeeper;
use crate::report::{Console, Outcome};
use crate::store::open::OpenOptions;
use crate::sys::lock::DestinationLock;
use crate::sys::shutdown::Shutdown;

/// A pass that may read and list.
#[derive(Debug)]
pub(super) struct Begun<'a> {
    /// Both sides, opened.
    pub(super) sides: Sides,
    note: Note<'a>,
    lease: LeaseKeeper,
    generation: Generation,
    /// Whether the generation in which it writes has begun.
    is_writing: bool,
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
            console.problem(format_args!("Warning: {warning}"));
        }
        let locks = sides::lock(&plan.to)?;
        let prefix = plan.list.prefix.as_deref();
        prefix.map_or(Ok(()), |prefix| list_state::require_lists_of(prefix, |kind| plan.to.store(kind).location()))?;
        check::require(plan, options, console, shutdown)?;
        let sides = sides::open(&plan.from, &plan.to, options)?;
        let stores = lease::control_stores(&plan.to, &plan.store)?;
        let lease = lease::claim(&stores, &settings.lease, shutdown)?;
        let begun = Generation::read(&stores, &plan.to, prefix, console)
            .and_then(|generation| Ok((generation, Note::begin(settings, console)?)));
        match begun {
            Ok((generation, note)) => {
                Ok(Self { sides, note, lease, generation, is_writing: false, console, shutdown, _locks: locks })
            }
            Err(failure) => {
                lease::release(lease, console);
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
        if self.is_writing {
            return Ok(());
        }
        lease::confirm(&self.lease, self.shutdown)?;
        // Set first, because a generation that was begun in some of the stores is to be ended, too.
        self.is_writing = true;
        self.generation.begin()
    }

    /// Why the lease was lost; `None` when it was not.
    pub(super) fn lease_lost(&self) -> Option<Failure> {
        self.lease.loss().map(Failure::from)
    }

    /// Ends the generation, releases the lease, and notes how the pass ended. Returns how it ended with that in mind: what
    /// was written while another process wrote, or to a store that is another one now, is not known to be there.
    pub(super) fn end(self, outcome: RunOutcome) -> RunOutcome {
        let Self { note, lease, mut generation, is_writing, console, .. } = self;
        let held = lease::require_held(&lease);
        let is_held = held.is_ok();
        let ended = match is_writing {
            true => held.and_then(|()| generation.end(outcome.exit_code(), console)),
            false => Ok(()),
        };
        if is_held {
            lease::release(lease, console);
        }
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
