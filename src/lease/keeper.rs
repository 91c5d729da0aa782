//! A lease that is renewed while its holder works.
//!
//! One thread renews it. A second one ends the work when the first has not reported a renewal for too long, because a
//! call to a store that hangs keeps the first one waiting.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::JoinHandle;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded, unbounded};

use super::{Beat, Lease, LeaseError, LeaseLoss, TakeOver, Times};
use crate::object::PerKind;
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

#[derive(Debug)]
struct Shared {
    lease: Mutex<Lease>,
    times: Times,
    /// Why the lease is not held any more.
    loss: OnceLock<LeaseLoss>,
    /// What the last renewal that failed met.
    trouble: Mutex<String>,
    /// The pass, which ends when the lease is lost.
    shutdown: Shutdown,
}

impl LeaseKeeper {
    /// Claims the lease on all three stores and renews it from now on. When it is lost, `shutdown` is requested.
    ///
    /// # Errors
    /// As [`Lease::claim`], and when no thread can be started.
    pub fn claim(
        stores: &PerKind<Arc<dyn WriteStore>>,
        take_over: TakeOver,
        times: Times,
        shutdown: &Shutdown,
    ) -> Result<Self, LeaseError> {
        let lease = Lease::claim(stores, take_over, times, shutdown)?;
        let shared = Arc::new(Shared {
            lease: Mutex::new(lease),
            times,
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
            let renewed = self.lease().renew();
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

    fn watch(&self, beats: &Receiver<()>) {
        let longest = self.times.longest_without_renewal();
        loop {
            match beats.recv_timeout(longest) {
                Ok(()) => {}
                Err(RecvTimeoutError::Disconnected) => return,
                Err(RecvTimeoutError::Timeout) => {
                    let cause = self.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone();
                    let cause = if cause.is_empty() { "it does not answer".to_owned() } else { cause };
                    return self.lose(LeaseLoss::NotRenewed { seconds: longest.as_secs(), cause });
                }
            }
        }
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
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::time::Duration;

    use bytes::Bytes;

    use super::*;
    use crate::conf::backend::Location;
    use crate::object::ObjectKey;
    use crate::store::backend::memory::MemoryStore;
    use crate::store::control::{self, Lasting};
    use crate::store::{Page, Part, ReadStore};

    const TIMES: Times = Times {
        beat: Duration::from_millis(5),
        abandoned_after: Duration::from_secs(60),
        watch: Duration::from_millis(300),
        settle: Duration::ZERO,
    };
    /// Longer than anything here takes; what is waited for ends the wait.
    const LONG: Duration = Duration::from_secs(60);

    /// A store that can go away.
    #[derive(Debug)]
    struct Leaving(MemoryStore, AtomicBool);

    impl Leaving {
        fn here(&self, action: &'static str) -> Result<(), StoreError> {
            match self.1.load(Ordering::SeqCst) {
                true => Err(StoreError::new(ErrorKind::Connection, action, "the store", "it went away")),
                false => Ok(()),
            }
        }
    }

    impl ReadStore for Leaving {
        fn location(&self) -> &Location {
            self.0.location()
        }

        fn list(&self, part: &Part) -> Result<Page, StoreError> {
            self.0.list(part)
        }

        fn read(&self, key: &ObjectKey) -> Result<Bytes, StoreError> {
            self.here("read").and_then(|()| self.0.read(key))
        }

        fn size(&self, key: &ObjectKey) -> Result<u64, StoreError> {
            self.0.size(key)
        }
    }

    impl WriteStore for Leaving {
        fn write(&self, key: &ObjectKey, data: Bytes) -> Result<(), StoreError> {
            self.here("write").and_then(|()| self.0.write(key, data))
        }

        fn sync(&self) -> Result<(), StoreError> {
            Ok(())
        }
    }

    fn stores() -> (PerKind<Arc<Leaving>>, PerKind<Arc<dyn WriteStore>>) {
        let own = PerKind::from_fn(|kind| Arc::new(Leaving(MemoryStore::new(kind, "kept"), AtomicBool::new(false))));
        let stores = own.clone().map(|store| store as Arc<dyn WriteStore>);
        (own, stores)
    }

    #[test]
    fn it_is_renewed_until_it_is_released() {
        let (_, stores) = stores();
        let shutdown = Shutdown::new();
        let keeper = LeaseKeeper::claim(&stores, TakeOver::WhenAbandoned, TIMES, &shutdown).unwrap();
        let beat = || -> u64 {
            let note: serde_json::Value =
                control::read(&**stores.values().next().unwrap(), &control::LEASE).unwrap().unwrap();
            note["beat"].as_u64().unwrap()
        };
        while beat() < 3 {
            std::thread::yield_now();
        }
        keeper.confirm().unwrap();
        keeper.require_held().unwrap();
        assert_eq!((keeper.loss(), shutdown.reason()), (None, None));
        keeper.release().unwrap();
        LeaseKeeper::claim(&stores, TakeOver::WhenAbandoned, TIMES, &shutdown).unwrap().confirm().unwrap();
    }

    #[test]
    fn the_pass_is_told_to_end_when_another_process_took_it_over() {
        let (_, stores) = stores();
        let (mine, theirs) = (Shutdown::new(), Shutdown::new());
        let first = LeaseKeeper::claim(&stores, TakeOver::WhenAbandoned, TIMES, &mine).unwrap();
        let second = LeaseKeeper::claim(&stores, TakeOver::AtOnce, TIMES, &theirs).unwrap();
        assert!(!mine.sleep(LONG));
        assert!(matches!(first.loss(), Some(LeaseLoss::TakenOver { .. })));
        assert!(first.confirm().is_err() && first.require_held().is_err());
        first.release().unwrap();
        second.require_held().unwrap();
    }

    #[test]
    fn the_pass_is_told_to_end_when_the_destination_does_not_answer_for_long() {
        let (own, stores) = stores();
        let shutdown = Shutdown::new();
        let keeper = LeaseKeeper::claim(&stores, TakeOver::WhenAbandoned, TIMES, &shutdown).unwrap();
        own.values().next().unwrap().1.store(true, Ordering::SeqCst);
        assert!(!shutdown.sleep(LONG));
        let Some(LeaseLoss::NotRenewed { cause, .. }) = keeper.loss() else { panic!("{:?}", keeper.loss()) };
        assert!(cause.contains("it went away"), "{cause}");
        keeper.release().unwrap_err();
    }

    #[test]
    fn a_lease_that_cannot_be_understood_ends_the_pass() {
        let (_, stores) = stores();
        let shutdown = Shutdown::new();
        let keeper = LeaseKeeper::claim(&stores, TakeOver::WhenAbandoned, TIMES, &shutdown).unwrap();
        for store in stores.values() {
            control::write(&**store, &control::LEASE, &"no lease", Lasting::Passing).unwrap();
        }
        // What cannot be understood is no lease, and nobody knows whose it is: the run ends when the time is over.
        assert!(!shutdown.sleep(LONG));
        assert!(keeper.loss().is_some());
    }
}
