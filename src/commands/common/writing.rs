//! The right to write to a destination, for one command at a time: the lease, and the generation in which it writes.

use std::path::Path;

use crate::commands::common::failure::Failure;
use crate::commands::common::generation::Generation;
use crate::commands::common::lease::{self, LeaseSettings};
use crate::commands::common::settings::StoreSettings;
use crate::conf::SideConf;
use crate::lease::LeaseKeeper;
use crate::report::Console;
use crate::store::open::OpenOptions;
use crate::sys::shutdown::Shutdown;

/// The lease on a destination, held, and its generation.
#[derive(Debug)]
pub struct WritingRight {
    lease: LeaseKeeper,
    generation: Generation,
    /// Whether the generation in which the command writes has begun.
    is_writing: bool,
}

impl WritingRight {
    /// Claims the lease on `to`, to be written through stores of `options`, reads what its stores are, and forgets the list files beside `prefix` that are of another
    /// state of them.
    ///
    /// # Errors
    /// When another process has the lease, a store does not answer, or a list file cannot be removed or written.
    pub fn acquire(
        to: &SideConf,
        (store, options): (&StoreSettings, &OpenOptions),
        settings: &LeaseSettings,
        prefix: Option<&Path>,
        console: &Console,
        shutdown: &Shutdown,
    ) -> Result<Self, Failure> {
        let stores = lease::control_stores(to, store)?;
        let lease = lease::claim(&lease::leased_stores(to, store)?, settings, lease::outage(to, options), shutdown)?;
        match Generation::read(&stores, to, prefix, console) {
            Ok(generation) => Ok(Self { lease, generation, is_writing: false }),
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
    pub fn begin_writing(&mut self, shutdown: &Shutdown) -> Result<(), Failure> {
        if self.is_writing {
            return Ok(());
        }
        lease::confirm(&self.lease, shutdown)?;
        // Set first, because a generation that was begun in some of the stores is to be ended, too.
        self.is_writing = true;
        self.generation.begin()
    }

    /// Why the lease was lost; `None` when it was not.
    pub fn lost(&self) -> Option<Failure> {
        self.lease.loss().map(Failure::from)
    }

    /// Gives the lease back, nothing having been written.
    pub fn give_back(self, console: &Console) {
        lease::release(self.lease, console);
    }

    /// Ends the generation with the exit code that the command ends with, and releases the lease.
    ///
    /// # Errors
    /// When what was written is not known to be there: another process wrote meanwhile, or a store is another one now.
    pub fn end(mut self, exit_code: u8, console: &Console) -> Result<(), Failure> {
        let held = lease::require_held(&self.lease);
        let is_held = held.is_ok();
        let ended = match self.is_writing {
            true => held.and_then(|()| self.generation.end(exit_code, console)),
            false => Ok(()),
        };
        if is_held {
            lease::release(self.lease, console);
        }
        ended
    }
}
