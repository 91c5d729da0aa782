//! A lease that is renewed while its holder works.
//!
//! One thread renews it. A second one ends the work when the first has not reported a renewal for too long, because a
//! call to a store that hangs keeps the first one waiting. Where writes can be held back, they are when it is too long
//! since, and the work ends only when the holder's patience does: a destination that was away for minutes is still its
//! own, unless another process took the lease meanwhile.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded, unbounded};

use super::{Beat, Lease, LeaseError, LeaseLoss, TakeOver, Times};
use crate::flow::Hold;
use crate::store::layer::retry::Teller;
use crate::store::{ErrorKind, StoreError, WriteStore};
use crate::sys::shutdown::{Shutdown, ShutdownReason};

/// A lease that is renewed until it is released or dropped.
#[derive(Debug)]
pub struct LeaseKeeper {
    shared: Arc<Shared>,
    /// Closed to end the threads.
    end: Option<Sender<()>>,
    renewing: Option<JoinHandle<()>>,
}

/// What is done while the lease cannot be renewed.
#[derive(Clone, Debug)]
pub struct Outage {
    /// Holds writes back as long as another process may have the lease.
    pub hold: Hold,
    /// For how long the destination is waited for.
    pub patience: Duration,
    /// Takes what is to be told.
    pub tell: Teller,
}

#[derive(Debug)]
struct Shared {
    lease: Mutex<Lease>,
    times: Times,
    /// `None` where writes cannot be held back.
    outage: Option<Outage>,
    /// Why the lease is not held any more.
    loss: OnceLock<LeaseLoss>,
    /// What the last renewal that failed met.
    trouble: Mutex<String>,
    /// The pass, which ends when the lease is lost.
    shutdown: Shutdown,
}

impl LeaseKeeper {
    /// Claims the lease on all of the stores and renews it from now on. When it is lost, `shutdown` is requested; with
    /// `outage`, not before the patience with a destination that does not answer is over.
    ///
    /// # Errors
    /// As [`Lease::claim`], and when no thread can be started.
    pub fn claim(
        stores: &[Arc<dyn WriteStore>],
        take_over: TakeOver,
        times: Times,
        outage: Option<Outage>,
        shutdown: &Shutdown,
    ) -> Result<Self, LeaseError> {
        let lease = Lease::claim(stores, take_over, times, shutdown)?;
        let shared = Arc::new(Shared {
            lease: Mutex::new(lease),
            times,
            outage,
            loss: OnceLock::new(),
            trouble: Mutex::default(),
            shutdown: shutdown.clone(),
        });
        let mut keeper = Self { shared: Arc::clone(&shared), end: None, renewing: None };
        let (end, ended) = bounded(0);
        let (beat, beats) = unbounded();
        keeper.end = Some(end);
        let watching = Arc::clone(&shared);
        spawn("lease-watch", move || watching.watch(&beats))?;
        keeper.renewing = Some(spawn("lease", move || shared.renew(&ended, &beat))?);
        Ok(keeper)
    }

    /// Waits until no other process can have claimed the lease unseen, and sees that it is held. To be called before
    /// anything is written, and to learn whether all that was written was written under it.
    ///
    /// # Errors
    /// When it is not held, or not known to be.
    pub fn confirm(&self) -> Result<(), LeaseError> {
        match self.shared.loss.get() {
            Some(loss) => Err(loss.clone().into()),
            None => self.shared.lease().confirm(&self.shared.shutdown),
        }
    }

    /// Whether it is held now, whatever became of the pass.
    ///
    /// # Errors
    /// As [`LeaseKeeper::confirm`].
    pub fn require_held(&self) -> Result<(), LeaseError> {
        match self.shared.loss.get() {
            Some(loss) => Err(loss.clone().into()),
            None => match self.shared.lease().look()? {
                Beat::Kept => Ok(()),
                Beat::Lost { holder, place } => Err(LeaseLoss::TakenOver { place, holder }.into()),
            },
        }
    }

    /// Why the lease was lost while it was renewed; `None` as long as it is held.
    pub fn loss(&self) -> Option<LeaseLoss> {
        self.shared.loss.get().cloned()
    }

    /// Ends the renewals and releases the lease.
    ///
    /// # Errors
    /// When a store cannot be written; the next run then finds out whether this process has ended.
    pub fn release(mut self) -> Result<(), StoreError> {
        self.end();
        self.shared.lease().release()
    }

    fn end(&mut self) {
        self.end = None;
        if let Some(thread) = self.renewing.take() {
            thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        }
    }
}

impl Drop for LeaseKeeper {
    /// Ends the renewals; the lease stays as one of a process that has ended.
    fn drop(&mut self) {
        self.end = None;
    }
}

impl Shared {
    fn lease(&self) -> std::sync::MutexGuard<'_, Lease> {
        // Poison is ignored, because a renewal that panicked left the lease as it was or renewed.
        self.lease.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn renew(&self, ended: &Receiver<()>, beat: &Sender<()>) {
        while ended.recv_timeout(self.times.beat) == Err(RecvTimeoutError::Timeout) {
            let renewed = self.renew_once(ended);
            match renewed {
                // Nobody hears it once the lease is lost.
                Ok(Beat::Kept) => drop(beat.send(())),
                Ok(Beat::Lost { holder, place }) => return self.lose(LeaseLoss::TakenOver { place, holder }),
                Err(error) => {
                    *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = error.to_string();
                }
            }
        }
    }

    /// Renews the lease. Where writes are held back, another process may have claimed it in this moment; so it is looked
    /// at once more when that would show.
    fn renew_once(&self, ended: &Receiver<()>) -> Result<Beat, StoreError> {
        let renewed = self.lease().renew()?;
        if renewed != Beat::Kept || !self.outage.as_ref().is_some_and(|outage| outage.hold.is_set()) {
            return Ok(renewed);
        }
        // An end of the command is seen by the caller.
        let _ended = ended.recv_timeout(self.times.settle);
        self.lease().look()
    }

    fn watch(&self, beats: &Receiver<()>) {
        let longest = self.times.longest_without_renewal();
        loop {
            match beats.recv_timeout(longest) {
                Ok(()) => {}
                Err(RecvTimeoutError::Disconnected) => return,
                Err(RecvTimeoutError::Timeout) => match &self.outage {
                    Some(outage) => match self.wait_out(outage, longest, beats) {
                        Ok(()) => {}
                        Err(RecvTimeoutError::Disconnected) => return,
                        Err(RecvTimeoutError::Timeout) => return self.not_renewed(longest + outage.patience),
                    },
                    None => return self.not_renewed(longest),
                },
            }
        }
    }

    /// Holds writes back until the lease is renewed; no longer than the patience lasts.
    fn wait_out(&self, outage: &Outage, since: Duration, beats: &Receiver<()>) -> Result<(), RecvTimeoutError> {
        outage.hold.set(true);
        let (since, patience) = (since.as_secs(), outage.patience.as_secs());
        outage.tell.tell(&format!(
            "the lease on the destination could not be renewed for {since} s: {}. Nothing is written until it is renewed; \
             it is waited for {patience} s more (--patience)",
            self.cause()
        ));
        beats.recv_timeout(outage.patience)?;
        outage.tell.tell("the lease on the destination is renewed, and the work goes on");
        outage.hold.set(false);
        Ok(())
    }

    /// What the last renewal that failed met.
    fn cause(&self) -> String {
        let cause = self.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if cause.is_empty() { "it does not answer".to_owned() } else { cause }
    }

    fn not_renewed(&self, time: Duration) {
        self.lose(LeaseLoss::NotRenewed { seconds: time.as_secs(), cause: self.cause() });
    }

    fn lose(&self, loss: LeaseLoss) {
        let reason = ShutdownReason::Fatal(loss.to_string());
        // Kept before anybody is told to end, because what ends then fails for its sake.
        let _ = self.loss.set(loss);
        self.shutdown.request(reason);
    }
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, LeaseError> {
    std::thread::Builder::new().name(name.to_owned()).spawn(work).map_err(|error| {
        let cause = format!("no thread could be started to renew the lease: {error}");
        LeaseError::Store(StoreError::new(ErrorKind::Setup, "renew", "the lease", cause))
    })
}

#[cfg(test)]
mod tests;
