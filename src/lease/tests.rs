//! The lease: who gets it, who loses it, and who is waited for.

use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;

use super::*;
use crate::conf::backend::Location;
use crate::object::{ObjectKey, ObjectKind};
use crate::store::backend::memory::MemoryStore;
use crate::store::{Page, Part, ReadStore};

const TIMES: Times = Times {
    beat: Duration::from_millis(20),
    abandoned_after: Duration::from_secs(60),
    watch: Duration::from_millis(60),
    settle: Duration::from_millis(20),
};

fn stores() -> Vec<Arc<dyn WriteStore>> {
    ObjectKind::ALL.map(|kind| Arc::new(MemoryStore::new(kind, "leased")) as Arc<dyn WriteStore>).into()
}

fn acquire(stores: &[Arc<dyn WriteStore>], take_over: TakeOver) -> Result<Lease, LeaseError> {
    acquire_in(stores, take_over, TIMES)
}

fn acquire_in(stores: &[Arc<dyn WriteStore>], take_over: TakeOver, times: Times) -> Result<Lease, LeaseError> {
    let lease = Lease::claim(stores, take_over, times, &Shutdown::new())?;
    lease.confirm(&Shutdown::new()).map(|()| lease)
}

/// The note of a process of another machine.
fn foreign(renewed: Timestamp) -> Note {
    let holder = serde_json::json!({"host": "other", "boot": "b", "namespace": "n", "process": 7, "began": 1});
    Note {
        holder: serde_json::from_value(holder).expect("a holder"),
        token: "t".to_owned(),
        beat: 3,
        renewed,
        released: false,
    }
}

fn an_hour_ago() -> Timestamp {
    Timestamp::now() - jiff::SignedDuration::from_hours(1)
}

fn put(stores: &[Arc<dyn WriteStore>], note: &Note) {
    stores
        .iter()
        .for_each(|store| control::write(&**store, &control::LEASE, note, Lasting::Passing).expect("memory takes it"));
}

#[test]
fn the_second_gets_it_only_after_the_first_gave_it_back() {
    let stores = stores();
    let mut first = acquire(&stores, TakeOver::WhenAbandoned).unwrap();
    let refused = acquire(&stores, TakeOver::WhenAbandoned).unwrap_err();
    assert!(matches!(refused, LeaseError::Held { .. }), "{refused}");
    assert_eq!(first.renew().unwrap(), Beat::Kept);
    first.release().unwrap();
    acquire(&stores, TakeOver::WhenAbandoned).unwrap();
}

#[test]
fn of_many_that_come_at_once_at_most_one_gets_it() {
    let stores = stores();
    let times = Times { settle: Duration::from_millis(200), ..TIMES };
    let got: Vec<_> = std::thread::scope(|scope| {
        let tries: Vec<_> =
            (0..8).map(|_| scope.spawn(|| acquire_in(&stores, TakeOver::WhenAbandoned, times))).collect();
        tries.into_iter().filter_map(|tried| tried.join().unwrap().ok()).collect()
    });
    // One that wrote very late may have taken it from another one, which learns so at its next beat.
    let kept = got.iter().filter(|lease: &&Lease| lease.look().unwrap() == Beat::Kept).count();
    assert_eq!(kept, usize::from(!got.is_empty()));
}

#[test]
fn whoever_lost_it_learns_so_at_the_next_beat() {
    let stores = stores();
    let mut first = acquire(&stores, TakeOver::WhenAbandoned).unwrap();
    let mut second = acquire(&stores, TakeOver::AtOnce).unwrap();
    assert!(matches!(first.renew().unwrap(), Beat::Lost { .. }));
    assert_eq!(second.renew().unwrap(), Beat::Kept);
    // Giving back what was lost takes nothing from the new holder.
    first.release().unwrap();
    assert_eq!(second.look().unwrap(), Beat::Kept);
}

#[test]
fn a_lease_of_another_machine_is_taken_over_only_when_it_is_old_and_stays_as_it_is() {
    let stores = stores();
    let old = an_hour_ago();
    put(&stores, &foreign(Timestamp::now()));
    assert!(matches!(acquire(&stores, TakeOver::WhenAbandoned), Err(LeaseError::Held { .. })));
    put(&stores, &foreign(old));
    acquire(&stores, TakeOver::WhenAbandoned).unwrap();
}

/// A store whose lease is renewed between any two looks at it.
#[derive(Debug)]
struct Renewed(MemoryStore, AtomicU64);

impl ReadStore for Renewed {
    fn location(&self) -> &Location {
        self.0.location()
    }

    fn list(&self, part: &Part) -> Result<Page, StoreError> {
        self.0.list(part)
    }

    fn read(&self, _key: &ObjectKey) -> Result<Bytes, StoreError> {
        let beat = self.1.fetch_add(1, Ordering::Relaxed);
        Ok(serde_json::to_vec(&Note { beat, ..foreign(an_hour_ago()) }).expect("a note is JSON").into())
    }

    fn size(&self, key: &ObjectKey) -> Result<u64, StoreError> {
        self.0.size(key)
    }
}

impl WriteStore for Renewed {
    fn write(&self, key: &ObjectKey, data: Bytes) -> Result<(), StoreError> {
        self.0.write(key, data)
    }

    fn sync(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

#[test]
fn a_holder_whose_clock_is_wrong_and_who_lives_is_respected() {
    let renewed = |kind| Arc::new(Renewed(MemoryStore::new(kind, "renewed"), AtomicU64::new(0)));
    let stores = ObjectKind::ALL.map(|kind| renewed(kind) as Arc<dyn WriteStore>);
    assert!(matches!(acquire(&stores, TakeOver::WhenAbandoned), Err(LeaseError::Held { .. })));
}

#[test]
fn who_has_it_now_is_named() {
    let stores = stores();
    let mut lease = acquire(&stores, TakeOver::WhenAbandoned).unwrap();
    put(&stores, &foreign(Timestamp::now()));
    assert!(matches!(lease.renew().unwrap(), Beat::Lost { holder, .. } if holder == "process 7 on other"));
}
