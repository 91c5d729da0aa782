//! A lease kept over stores that go away and come back.

use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use jiff::Timestamp;

use super::super::Note;
use super::*;
use crate::conf::backend::Location;
use crate::object::{ObjectKey, ObjectKind};
use crate::store::backend::memory::MemoryStore;
use crate::store::control::{self, Lasting};
use crate::store::{Page, Part, ReadStore};
use crate::sys::process::ProcessId;

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

fn stores() -> (Vec<Arc<Leaving>>, Vec<Arc<dyn WriteStore>>) {
    let own: Vec<_> = ObjectKind::ALL
        .into_iter()
        .map(|kind| Arc::new(Leaving(MemoryStore::new(kind, "kept"), AtomicBool::new(false))))
        .collect();
    let stores = own.iter().map(|store| Arc::clone(store) as Arc<dyn WriteStore>).collect();
    (own, stores)
}

#[test]
fn it_is_renewed_until_it_is_released() {
    let (_, stores) = stores();
    let shutdown = Shutdown::new();
    let keeper = LeaseKeeper::claim(&stores, TakeOver::WhenAbandoned, TIMES, None, &shutdown).unwrap();
    let beat = || -> u64 {
        let note: serde_json::Value = control::read(&**stores.first().unwrap(), &control::LEASE).unwrap().unwrap();
        note["beat"].as_u64().unwrap()
    };
    while beat() < 3 {
        std::thread::yield_now();
    }
    keeper.confirm().unwrap();
    keeper.require_held().unwrap();
    assert_eq!((keeper.loss(), shutdown.reason()), (None, None));
    keeper.release().unwrap();
    LeaseKeeper::claim(&stores, TakeOver::WhenAbandoned, TIMES, None, &shutdown).unwrap().confirm().unwrap();
}

#[test]
fn the_pass_is_told_to_end_when_another_process_took_it_over() {
    let (_, stores) = stores();
    let (mine, theirs) = (Shutdown::new(), Shutdown::new());
    let first = LeaseKeeper::claim(&stores, TakeOver::WhenAbandoned, TIMES, None, &mine).unwrap();
    let second = LeaseKeeper::claim(&stores, TakeOver::AtOnce, TIMES, None, &theirs).unwrap();
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
    let keeper = LeaseKeeper::claim(&stores, TakeOver::WhenAbandoned, TIMES, None, &shutdown).unwrap();
    own.first().unwrap().1.store(true, Ordering::SeqCst);
    assert!(!shutdown.sleep(LONG));
    let Some(LeaseLoss::NotRenewed { cause, .. }) = keeper.loss() else { panic!("{:?}", keeper.loss()) };
    assert!(cause.contains("it went away"), "{cause}");
    keeper.release().unwrap_err();
}

fn outage(patience: Duration) -> Outage {
    Outage { hold: Hold::default(), patience, tell: Teller::default() }
}

#[test]
fn writes_are_held_back_while_the_destination_is_away_and_go_on_when_it_is_back() {
    let (own, stores) = stores();
    let (shutdown, outage) = (Shutdown::new(), outage(LONG));
    let keeper = LeaseKeeper::claim(&stores, TakeOver::WhenAbandoned, TIMES, Some(outage.clone()), &shutdown).unwrap();
    let leaving = &own.first().unwrap().1;
    leaving.store(true, Ordering::SeqCst);
    while !outage.hold.is_set() {
        std::thread::yield_now();
    }
    leaving.store(false, Ordering::SeqCst);
    while outage.hold.is_set() {
        std::thread::yield_now();
    }
    assert_eq!((keeper.loss(), shutdown.reason()), (None, None));
    keeper.require_held().unwrap();
    keeper.release().unwrap();
}

#[test]
fn writes_stay_held_back_when_another_process_took_over_meanwhile() {
    let (own, stores) = stores();
    let (shutdown, outage) = (Shutdown::new(), outage(LONG));
    let keeper = LeaseKeeper::claim(&stores, TakeOver::WhenAbandoned, TIMES, Some(outage.clone()), &shutdown).unwrap();
    let leaving = &own.first().unwrap().1;
    leaving.store(true, Ordering::SeqCst);
    while !outage.hold.is_set() {
        std::thread::yield_now();
    }
    for store in &own {
        let note = Note {
            holder: ProcessId::own(),
            token: "another's".to_owned(),
            beat: 0,
            renewed: Timestamp::now(),
            released: true,
        };
        control::write(&store.0, &control::LEASE, &note, Lasting::Passing).unwrap();
    }
    leaving.store(false, Ordering::SeqCst);
    assert!(!shutdown.sleep(LONG));
    // Even of one that has come and gone.
    assert!(matches!(keeper.loss(), Some(LeaseLoss::TakenOver { .. })) && outage.hold.is_set());
}

#[test]
fn the_pass_is_told_to_end_when_patience_with_the_destination_is_over() {
    let (own, stores) = stores();
    let (shutdown, outage) = (Shutdown::new(), outage(Duration::from_millis(50)));
    let keeper = LeaseKeeper::claim(&stores, TakeOver::WhenAbandoned, TIMES, Some(outage.clone()), &shutdown).unwrap();
    own.first().unwrap().1.store(true, Ordering::SeqCst);
    assert!(!shutdown.sleep(LONG));
    assert!(matches!(keeper.loss(), Some(LeaseLoss::NotRenewed { .. })) && outage.hold.is_set());
}

#[test]
fn a_lease_that_cannot_be_understood_ends_the_pass() {
    let (_, stores) = stores();
    let shutdown = Shutdown::new();
    let keeper = LeaseKeeper::claim(&stores, TakeOver::WhenAbandoned, TIMES, None, &shutdown).unwrap();
    for store in &stores {
        control::write(&**store, &control::LEASE, &"no lease", Lasting::Passing).unwrap();
    }
    // What cannot be understood is no lease, and nobody knows whose it is: the run ends when the time is over.
    assert!(!shutdown.sleep(LONG));
    assert!(keeper.loss().is_some());
}
