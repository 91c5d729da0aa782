//! Which calls the retry decorator repeats, which not, and when it gives up.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use seaf_migrate::flow::Hold;
use seaf_migrate::object::{KeyRange, ObjectKey, ObjectKind};
use seaf_migrate::store::backend::memory::MemoryStore;
use seaf_migrate::store::layer::retry::{Retry, RetryPolicy};
use seaf_migrate::store::{ErrorKind, Part, ReadStore, RemoveStore, StoreError, WriteStore};
use seaf_migrate::sys::shutdown::{Shutdown, ShutdownReason};

use crate::support::faulty::{Action, Faulty};

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
            let store = Retry::new(faulty().fail_calls(action, 1, 3, kind), QUICK, Shutdown::new());
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
        let store = Retry::new(faulty().fail_calls(action, 1, 4, ErrorKind::Timeout), QUICK, Shutdown::new());
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
            let store = Retry::new(faulty().fail_nth(action, 1, kind), QUICK, Shutdown::new());
            assert_eq!(call(&store).unwrap_err().kind(), kind);
            assert_eq!(store.retries(), 0);
        }
    }
}

#[test]
fn a_failed_sync_is_not_repeated_since_a_second_one_proves_nothing() {
    let store = Retry::new(faulty().fail_nth(Action::Sync, 1, ErrorKind::Unavailable), QUICK, Shutdown::new());
    assert_eq!(store.sync().unwrap_err().kind(), ErrorKind::Unavailable);
    assert_eq!(store.retries(), 0);
}

#[test]
fn a_write_whose_answer_was_lost_is_written_again() {
    let faulty = faulty().lose_answer_of_nth(Action::Write, 1, ErrorKind::Connection);
    let store = Retry::new(faulty, QUICK, Shutdown::new());
    store.write(&KEY, Bytes::from_static(b"data")).unwrap();
    assert_eq!((store.retries(), store.read(&KEY).unwrap()), (1, Bytes::from_static(b"data")));
}

#[test]
fn changes_wait_while_they_are_held_back_and_reads_do_not() {
    let (hold, stop) = (Hold::default(), Shutdown::new());
    hold.set(true);
    let store = Retry::new(faulty(), QUICK, stop.clone()).held_by(hold.clone());
    assert_eq!(store.read(&KEY).unwrap(), "data");
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| store.write(&KEY, Bytes::from_static(b"more")));
        assert_eq!(store.read(&KEY).unwrap(), "data");
        hold.set(false);
        writer.join().unwrap().unwrap();
    });
    assert_eq!(store.read(&KEY).unwrap(), "more");
    hold.set(true);
    stop.request(ShutdownReason::Signal(15));
    assert_eq!(store.write(&KEY, Bytes::new()).unwrap_err().kind(), ErrorKind::Interrupted);
    assert_eq!(store.remove(&KEY).unwrap_err().kind(), ErrorKind::Interrupted);
    assert_eq!(store.read(&KEY).unwrap(), "more");
}

#[test]
fn raising_the_flag_ends_the_waiting_but_not_a_call_that_works() {
    let stop = Shutdown::new();
    // Without the flag, this call would wait for five minutes.
    let store = Retry::new(faulty().throttle_nth(Action::Read, 1, Duration::from_secs(300)), QUICK, stop.clone());
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| store.read(&KEY).unwrap_err());
        stop.request(ShutdownReason::Signal(15));
        let error = reader.join().unwrap();
        assert_eq!(error.kind(), ErrorKind::Interrupted);
        assert!(error.to_string().contains("the run is ending"), "{error}");
    });
    assert_eq!(store.read(&KEY).unwrap(), "data", "a call that works needs no waiting");
    assert_eq!(store.retries(), 0);
}

#[test]
fn one_attempt_is_no_repetition() {
    let once = RetryPolicy { attempts: 1, ..QUICK };
    for (action, call) in CALLS {
        let store = Retry::new(faulty().fail_nth(action, 1, ErrorKind::Timeout), once, Shutdown::new());
        let error = call(&store).unwrap_err();
        assert!(error.to_string().contains("gave up after 1 attempts"), "{error}");
        assert_eq!(store.retries(), 0);
    }
}

#[test]
fn patience_ends_before_the_attempts_do() {
    let impatient = RetryPolicy { attempts: u32::MAX, patience: Duration::ZERO, ..QUICK };
    let store = Retry::new(faulty().fail_always(Action::Read, ErrorKind::Timeout), impatient, Shutdown::new());
    assert!(store.read(&KEY).unwrap_err().to_string().contains("gave up after 1 attempts"));
    let soon = RetryPolicy { attempts: u32::MAX, patience: Duration::from_millis(20), ..QUICK };
    let store = Retry::new(faulty().fail_always(Action::Read, ErrorKind::Timeout), soon, Shutdown::new());
    assert!(store.read(&KEY).unwrap_err().to_string().contains("gave up after "));
}

#[test]
fn a_failure_that_will_not_pass_ends_a_row_of_those_that_might() {
    let faulty =
        faulty().fail_calls(Action::Read, 1, 2, ErrorKind::Throttled).fail_always(Action::Read, ErrorKind::Denied);
    let store = Retry::new(faulty, QUICK, Shutdown::new());
    let error = store.read(&KEY).unwrap_err();
    assert_eq!((error.kind(), store.retries()), (ErrorKind::Denied, 2));
    assert!(error.to_string().contains("that was attempt 3"), "{error}");
}

#[test]
fn an_object_that_vanished_between_two_attempts_is_told_as_vanished() {
    let faulty =
        faulty().fail_nth(Action::Read, 1, ErrorKind::Connection).fail_always(Action::Read, ErrorKind::NotFound);
    assert_eq!(Retry::new(faulty, QUICK, Shutdown::new()).read(&KEY).unwrap_err().kind(), ErrorKind::NotFound);
}

#[test]
fn the_store_is_left_alone_for_as_long_as_it_asked() {
    let wait = Duration::from_millis(60);
    let store = Retry::new(faulty().throttle_nth(Action::Read, 1, wait), QUICK, Shutdown::new());
    let began = std::time::Instant::now();
    store.read(&KEY).unwrap();
    assert!(began.elapsed() >= wait, "asked again after {:?}", began.elapsed());
}

#[test]
fn workers_that_fail_together_share_the_count_and_none_of_their_objects() {
    let store = Retry::new(
        faulty().fail_randomly(Action::Write, 0.3, 5, ErrorKind::Unavailable),
        RetryPolicy { attempts: 60, ..QUICK },
        Shutdown::new(),
    );
    let key = |n: u8| ObjectKey::from_bytes(&[n; ObjectKey::LEN]);
    std::thread::scope(|scope| {
        for worker in 0..8u8 {
            let (store, key) = (&store, &key);
            scope.spawn(move || {
                (0..10).for_each(|n| store.write(&key(worker * 10 + n + 1), Bytes::from(vec![n])).unwrap())
            });
        }
    });
    assert!((1..=80).all(|n| store.read(&key(n)).is_ok()));
    let listed = store.list(&Part::new(KeyRange::ALL)).unwrap().objects.len();
    assert_eq!(listed, 81, "and the one that was there");
    assert!(store.retries() > 0);
}

#[test]
fn a_store_that_was_never_asked_has_not_answered_well() {
    let refusing = faulty().fail_calls(Action::List, 1, u64::MAX, ErrorKind::BadCredentials);
    let policy = RetryPolicy { patience: Duration::from_millis(50), ..QUICK };
    let store = Retry::new(refusing, policy, Shutdown::new());
    // Cutting a range needs no answer of most stores, so the refusal after it is the first word, and final.
    store.parts(&KeyRange::ALL).unwrap();
    assert_eq!(store.list(&Part::new(KeyRange::ALL)).unwrap_err().kind(), ErrorKind::BadCredentials);
    assert_eq!(store.retries(), 0);
}

#[test]
fn a_folder_that_is_refused_is_refused_at_once_and_what_passes_is_repeated() {
    for (kind, repeated) in [(ErrorKind::Denied, 0), (ErrorKind::ContainerMissing, 0), (ErrorKind::Unavailable, 2)] {
        let store = faulty().fail_calls(Action::List, 2, 3, kind);
        let store = Retry::new(store, QUICK, Shutdown::new()).believing_refusals();
        store.list(&Part::new(KeyRange::ALL)).unwrap();
        let again = store.list(&Part::new(KeyRange::ALL));
        assert_eq!((again.is_ok(), store.retries()), (repeated > 0, repeated), "{kind:?}");
    }
}
