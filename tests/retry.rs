//! What the retry decorator repeats, what not, and when it gives up.
#![allow(clippy::unwrap_used, missing_docs)]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use seaf_migrate::object::{KeyRange, ObjectKey, ObjectKind};
use seaf_migrate::stop::{Stop, StopReason};
use seaf_migrate::store::memory::MemoryStore;
use seaf_migrate::store::retry::{Retry, RetryPolicy};
use seaf_migrate::store::{ErrorKind, Part, ReadStore, RemoveStore, StoreError, WriteStore};

#[path = "support/faulty.rs"]
mod faulty;
use faulty::{Action, Faulty};

const KEY: ObjectKey = ObjectKey::MIN;
const QUICK: RetryPolicy =
    RetryPolicy { attempts: 4, base: Duration::from_nanos(1), cap: Duration::from_nanos(1), patience: Duration::MAX };

fn faulty() -> Faulty<MemoryStore> {
    let memory = MemoryStore::new(ObjectKind::Blocks, "retry");
    memory.write(&KEY, Bytes::from_static(b"data")).unwrap();
    Faulty::new(memory)
}

type Call = fn(&Retry<Faulty<MemoryStore>>) -> Result<(), StoreError>;

/// Every call that is repeated.
const CALLS: [(Action, Call); 6] = [
    (Action::Parts, |store| store.parts(&KeyRange::ALL).map(drop)),
    (Action::List, |store| store.list(&Part::new(KeyRange::ALL)).map(drop)),
    (Action::Read, |store| store.read(&KEY).map(drop)),
    (Action::Size, |store| store.size(&KEY).map(drop)),
    (Action::Write, |store| store.write(&KEY, Bytes::from_static(b"data"))),
    (Action::Remove, |store| store.remove(&KEY)),
];

#[test]
fn passing_failures_are_repeated_until_they_pass() {
    for (action, call) in CALLS {
        for kind in [ErrorKind::Throttled, ErrorKind::Unavailable, ErrorKind::Timeout, ErrorKind::Connection] {
            let counter = Arc::new(AtomicU64::new(0));
            let store = Retry::new(faulty().fail_calls(action, 1, 3, kind), QUICK, Stop::new());
            let store = store.counting_in(Arc::clone(&counter));
            call(&store).unwrap();
            assert_eq!(store.retries(), 3, "{action:?}, {kind:?}");
            assert_eq!(counter.load(Ordering::Relaxed), 3);
        }
    }
}

#[test]
fn it_gives_up_after_the_last_attempt_and_says_how_many_there_were() {
    for (action, call) in CALLS {
        let store = Retry::new(faulty().fail_calls(action, 1, 4, ErrorKind::Timeout), QUICK, Stop::new());
        let error = call(&store).unwrap_err();
        assert_eq!((error.kind(), store.retries()), (ErrorKind::Timeout, 3));
        assert!(error.to_string().contains("gave up after 4 attempts"), "{error}");
        call(&store).unwrap();
    }
}

#[test]
fn what_will_not_pass_is_not_repeated() {
    for kind in
        [ErrorKind::NotFound, ErrorKind::Denied, ErrorKind::ContainerMissing, ErrorKind::NoSpace, ErrorKind::Other]
    {
        for (action, call) in CALLS {
            let store = Retry::new(faulty().fail_nth(action, 1, kind), QUICK, Stop::new());
            assert_eq!(call(&store).unwrap_err().kind(), kind);
            assert_eq!(store.retries(), 0);
        }
    }
}

#[test]
fn a_failed_sync_is_not_repeated_since_a_second_one_proves_nothing() {
    let store = Retry::new(faulty().fail_nth(Action::Sync, 1, ErrorKind::Unavailable), QUICK, Stop::new());
    assert_eq!(store.sync().unwrap_err().kind(), ErrorKind::Unavailable);
    assert_eq!(store.retries(), 0);
}

#[test]
fn a_write_whose_answer_was_lost_is_written_again() {
    let faulty = faulty().lose_answer_of_nth(Action::Write, 1, ErrorKind::Connection);
    let store = Retry::new(faulty, QUICK, Stop::new());
    store.write(&KEY, Bytes::from_static(b"data")).unwrap();
    assert_eq!((store.retries(), store.read(&KEY).unwrap()), (1, Bytes::from_static(b"data")));
}

#[test]
fn raising_the_flag_ends_the_waiting_but_not_a_call_that_works() {
    let stop = Stop::new();
    // Without the flag, this would wait for five minutes.
    let store = Retry::new(faulty().throttle_nth(Action::Read, 1, Duration::from_secs(300)), QUICK, stop.clone());
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| store.read(&KEY).unwrap_err());
        stop.request(StopReason::Signal(15));
        let error = reader.join().unwrap();
        assert_eq!(error.kind(), ErrorKind::Interrupted);
        assert!(error.to_string().contains("the run is ending"), "{error}");
    });
    assert_eq!(store.read(&KEY).unwrap(), "data", "a call that works needs no waiting");
    assert_eq!(store.retries(), 0);
}
