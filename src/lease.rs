//! The lease on a destination, which lets one process at a time write to it, whatever hosts, containers and users the
//! processes run on.
//!
//! A control object in each of the destination's stores names the process that writes, and a beat, a counter that it
//! increases while it runs. Not every store can write on the condition that nothing changed, so the lease is claimed
//! by writing it, and confirmed by reading it back after a while: of two processes that write at once, the later one's
//! name remains, and the other one gives up. A process that finds another name at a beat has lost its lease and ends.
//! Where all stores are folders of this machine, the kernel keeps other processes away and nothing is waited for.
//!
//! An abandoned lease is taken over in three cases: the process ran on this machine and has ended; the process ran under
//! this kernel, which has no lock of it on the folder any more; or the lease was not renewed for long and does not change
//! while it is watched. The holder of a lease that it cannot renew ends before the shortest watch does
//! ([`keeper`]), so this does not rest on clocks. `--take-over` takes over the lease of any process but one that the
//! kernel knows to be alive.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::store::control::{self, Lasting};
use crate::store::{Exclusion, StoreError, WriteStore, each_at_once};
use crate::sys::process::ProcessId;
use crate::sys::shutdown::Shutdown;

pub mod keeper;

pub use keeper::{LeaseKeeper, Outage};

/// The times of a lease. Tests have shorter ones.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    /// The time between two renewals.
    pub beat: Duration,
    /// The least age of the last renewal, by the clocks of two machines, before the lease is watched.
    pub abandoned_after: Duration,
    /// How long an old lease is watched: it is taken over when it does not change in that time.
    pub watch: Duration,
    /// The least time between writing a lease and reading it back.
    pub settle: Duration,
}

impl Default for Times {
    fn default() -> Self {
        Self {
            beat: Duration::from_secs(20),
            abandoned_after: Duration::from_secs(180),
            watch: Duration::from_secs(200),
            settle: Duration::from_millis(500),
        }
    }
}

impl Times {
    /// How long after its last renewal a holder goes on at most.
    fn longest_without_renewal(&self) -> Duration {
        self.watch.saturating_sub(2 * self.beat)
    }
}

/// The content of the control object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Note {
    /// The process that holds the lease.
    holder: ProcessId,
    /// Made at random for each lease.
    token: String,
    /// How often it was renewed.
    beat: u64,
    /// When it was last renewed, by the holder's clock; shown to users, and compared with [`Times::abandoned_after`].
    renewed: Timestamp,
    /// Whether the holder has released it.
    released: bool,
}

/// Why a lease is not held.
#[derive(Debug, thiserror::Error)]
pub enum LeaseError {
    /// Another process holds it.
    #[error(
        "another run is writing to {place}: {holder}, which last renewed its lease at {renewed}. Wait for it to end, or \
         stop it; if you know that it has ended, run again with --take-over"
    )]
    Held {
        /// Backend and place of the store.
        place: String,
        /// Host and process.
        holder: String,
        /// When the holder renewed it last, by its own clock.
        renewed: Timestamp,
    },
    /// Another process of this machine holds it, and the kernel says that it is alive.
    #[error("another run on this machine is writing to {place}: {holder}. Wait for it to end, or stop it")]
    Alive {
        /// Backend and place of the store.
        place: String,
        /// Host and process, where it is known.
        holder: String,
    },
    /// It was held, and is not any more.
    #[error(transparent)]
    Lost(#[from] LeaseLoss),
    /// A store did not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The pass was cancelled while it waited.
    #[error("interrupted while the lease on the destination was acquired")]
    Interrupted,
}

/// Why a lease that was held is not held any more.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LeaseLoss {
    /// Another process took it over.
    #[error(
        "{holder} took over the lease on {place} while this run was at work, so this one ended. What it copied is at the \
         destination; see that no other run goes on, and run again"
    )]
    TakenOver {
        /// Backend and place of the store.
        place: String,
        /// Host and process.
        holder: String,
    },
    /// It could not be renewed in time.
    #[error(
        "the lease on the destination could not be renewed for {seconds} seconds, so another run may take it over by now: \
         {cause}. See that the destination answers, and run again"
    )]
    NotRenewed {
        /// How long.
        seconds: u64,
        /// What the last try met.
        cause: String,
    },
}

/// The state of a lease when it is looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Beat {
    /// This process still holds it.
    Kept,
    /// Another process holds it.
    Lost {
        /// Host and process.
        holder: String,
        /// Backend and place of the store.
        place: String,
    },
}

/// The right to write to a destination, once it is confirmed.
#[derive(Debug)]
pub struct Lease {
    stores: Vec<Arc<dyn WriteStore>>,
    note: Note,
    /// When it may be confirmed.
    settled: Instant,
    /// The kernel's locks, kept as long as the lease.
    _exclusions: Vec<Exclusion>,
}

/// When the lease of another process is taken over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TakeOver {
    /// Only when it is abandoned.
    WhenAbandoned,
    /// At once: the user knows that the other process has ended.
    AtOnce,
}

impl Lease {
    /// Claims the lease on all of the stores. Nothing but control objects may be written before [`Lease::confirm`].
    ///
    /// # Errors
    /// When another process holds it, or a store does not answer.
    pub fn claim(
        stores: &[Arc<dyn WriteStore>],
        take_over: TakeOver,
        times: Times,
        shutdown: &Shutdown,
    ) -> Result<Self, LeaseError> {
        // One store after the other, so that of two processes one gets the first store, and the other one none.
        let exclusions = stores.iter().map(|store| exclude(&**store)).collect::<Result<Vec<_>, _>>()?;
        let requests: Vec<(&Arc<dyn WriteStore>, &Exclusion)> = stores.iter().zip(&exclusions).collect();
        each_at_once(&requests, |(store, exclusion)| {
            Request { store: &***store, exclusion, take_over, times, shutdown }.require_free()
        })?;
        let token = format!("{:032x}", fastrand::u128(..));
        let note = Note { holder: ProcessId::own(), token, beat: 0, renewed: Timestamp::now(), released: false };
        let began = Instant::now();
        each_at_once(stores, |store| control::write(&**store, &control::LEASE, &note, Lasting::Passing))?;
        let is_excluded = exclusions.iter().all(|exclusion| matches!(exclusion, Exclusion::Acquired(_)));
        // Longer than the writing took, so that another process that found the lease free and wrote in that time is
        // detected. A slower process takes the lease, which is detected at the next beat.
        let settle = if is_excluded { Duration::ZERO } else { times.settle.max(2 * began.elapsed()) };
        Ok(Self { stores: stores.to_vec(), note, settled: Instant::now() + settle, _exclusions: exclusions })
    }

    /// Waits until no other process can have claimed it unseen, and sees that it is held. To be called before anything
    /// is written.
    ///
    /// # Errors
    /// When another process holds it, or a store does not answer.
    pub fn confirm(&self, shutdown: &Shutdown) -> Result<(), LeaseError> {
        if !shutdown.sleep(self.settled.saturating_duration_since(Instant::now())) {
            return Err(LeaseError::Interrupted);
        }
        match self.look()? {
            Beat::Kept => Ok(()),
            Beat::Lost { holder, place } => Err(LeaseError::Held { place, holder, renewed: Timestamp::now() }),
        }
    }

    /// Renews the lease when it is still held.
    ///
    /// # Errors
    /// When a store does not answer; it is then unknown whether the lease is still held.
    pub fn renew(&mut self) -> Result<Beat, StoreError> {
        let found = self.look()?;
        if found == Beat::Kept {
            self.note.beat += 1;
            self.note.renewed = Timestamp::now();
            let note = &self.note;
            each_at_once(&self.stores, |store| control::write(&**store, &control::LEASE, note, Lasting::Passing))?;
        }
        Ok(found)
    }

    /// Reads whether the lease is still held. Writes nothing.
    ///
    /// # Errors
    /// When a store does not answer.
    pub fn look(&self) -> Result<Beat, StoreError> {
        let notes = each_at_once(&self.stores, |store| control::read::<Note>(&**store, &control::LEASE))?;
        for (store, note) in self.stores.iter().zip(notes) {
            if note.as_ref().is_none_or(|note| note.token != self.note.token) {
                let holder =
                    note.map_or_else(|| "nobody (the lease was removed)".to_owned(), |note| note.holder.to_string());
                return Ok(Beat::Lost { holder, place: store.location().to_string() });
            }
        }
        Ok(Beat::Kept)
    }

    /// Releases the lease, so that the next run need not find out whether this process has ended.
    ///
    /// # Errors
    /// When a store cannot be written; the next run then finds out whether this process has ended.
    pub fn release(&self) -> Result<(), StoreError> {
        let note = Note { released: true, renewed: Timestamp::now(), ..self.note.clone() };
        each_at_once(&self.stores, |store| {
            let held: Option<Note> = control::read(&**store, &control::LEASE)?;
            match held {
                Some(held) if held.token == note.token => {
                    control::write(&**store, &control::LEASE, &note, Lasting::Passing)
                }
                _ => Ok(()),
            }
        })
        .map(drop)
    }
}

/// Keeps other processes of this kernel away from a store, where that is possible.
fn exclude(store: &dyn WriteStore) -> Result<Exclusion, LeaseError> {
    let exclusion = store.exclude_others()?;
    if !matches!(exclusion, Exclusion::Taken) {
        return Ok(exclusion);
    }
    // What the note says may be of an earlier holder, when the other process has not written its own yet.
    let note = control::read::<Note>(store, &control::LEASE)?.filter(|note| !note.released);
    let holder = note.map_or_else(|| "another process".to_owned(), |note| note.holder.to_string());
    Err(LeaseError::Alive { place: store.location().to_string(), holder })
}

/// The wish to hold the lease on one store.
struct Request<'a> {
    store: &'a dyn WriteStore,
    exclusion: &'a Exclusion,
    take_over: TakeOver,
    times: Times,
    shutdown: &'a Shutdown,
}

impl Request<'_> {
    /// Fails when another process holds the lease.
    fn require_free(&self) -> Result<(), LeaseError> {
        let Some(held) = control::read::<Note>(self.store, &control::LEASE)? else { return Ok(()) };
        // A process of this kernel that was alive would have its lock.
        let is_locked_out = matches!(self.exclusion, Exclusion::Acquired(_)) && held.holder.is_of_this_kernel();
        let is_free = held.released || self.take_over == TakeOver::AtOnce;
        if is_free || is_locked_out || held.holder.is_gone() {
            return Ok(());
        }
        let refused = |note: &Note| LeaseError::Held {
            place: self.store.location().to_string(),
            holder: note.holder.to_string(),
            renewed: note.renewed,
        };
        let age = Timestamp::now().duration_since(held.renewed);
        if age < self.times.abandoned_after.try_into().expect("a few minutes fit") {
            return Err(refused(&held));
        }
        // The clocks of two machines may differ, so its age proves nothing. A running holder renews it while this
        // waits.
        if !self.shutdown.sleep(self.times.watch) {
            return Err(LeaseError::Interrupted);
        }
        match control::read::<Note>(self.store, &control::LEASE)? {
            Some(now) if now == held => Ok(()),
            now => Err(refused(now.as_ref().unwrap_or(&held))),
        }
    }
}

#[cfg(test)]
mod tests;
