//! The parts between listing and confirming: the plan on disk, the queue and its workers, the budget of bytes, batches.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use crossbeam_channel::{bounded, unbounded};
use seaf_migrate::flow::{Budget, pool};
use seaf_migrate::object::{LibraryId, ObjectId, ObjectKey};
use seaf_migrate::store::Listed;
use seaf_migrate::transfer::Spool;
use seaf_migrate::transfer::flush;
use seaf_migrate::transfer::flush::BatchLimits;

/// Longer than anything here takes; a test that waits for it has failed.
const LONG: Duration = Duration::from_secs(60);
const NOT_AT_ALL: Duration = Duration::ZERO;

fn object(library: u8, number: u32) -> Listed {
    let mut id = [0; 20];
    id[16..].copy_from_slice(&number.to_be_bytes());
    let key = ObjectKey::new(LibraryId::from_bytes([library; 16]), ObjectId::from_bytes(id));
    Listed { key, size: Some(u64::from(number)) }
}

fn objects(library: u8, count: u32) -> Vec<Listed> {
    (0..count).map(|number| object(library, number)).collect()
}

fn spool(capacity: u64) -> (tempfile::TempDir, Spool) {
    let dir = tempfile::tempdir().unwrap();
    let spool = Spool::new(dir.path(), capacity).unwrap();
    (dir, spool)
}

// ---- the plan on disk

#[test]
fn sizes_come_out_of_the_plan_as_they_went_in() {
    // An unknown size, an empty object and the size of a server that lies must stay three different things.
    let (_dir, spool) = spool(10);
    let sizes = [None, Some(0), Some(1), Some(u64::MAX - 1)];
    let put: Vec<_> = sizes.into_iter().map(|size| Listed { size, ..object(1, 1) }).collect();
    assert!(spool.put(&put).unwrap());
    assert_eq!(spool.take(10, LONG).unwrap().unwrap(), put);
    spool.put(&[Listed { size: Some(u64::MAX), ..object(1, 1) }]).unwrap();
    let huge = spool.take(1, LONG).unwrap().unwrap()[0];
    assert!(huge.size.is_some_and(|size| size >= u64::MAX - 1), "{huge:?}");
}

#[test]
fn the_plan_has_no_name_in_its_folder() {
    let (dir, spool) = spool(1000);
    spool.put(&objects(1, 500)).unwrap();
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0, "a kill must leave nothing behind");
    assert!(Spool::new(&dir.path().join("missing"), 10).is_err());
}

#[test]
fn one_page_larger_than_the_whole_plan_goes_through_it() {
    let (_dir, spool) = spool(3);
    let all = objects(1, 1000);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            assert!(spool.put(&all).unwrap());
            spool.close();
        });
        let mut taken = Vec::new();
        while let Some(some) = spool.take(usize::MAX, LONG).unwrap() {
            assert!(some.len() <= 3);
            taken.extend(some);
        }
        assert_eq!(taken, all);
    });
}

#[test]
fn many_listers_and_takers_neither_lose_nor_double_an_object() {
    let (_dir, spool) = spool(17);
    let taken = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                while let Some(some) = spool.take(5, LONG).unwrap() {
                    taken.lock().unwrap().extend(some);
                }
            });
        }
        std::thread::scope(|listers| {
            for library in 1..=4 {
                let spool = &spool;
                listers
                    .spawn(move || objects(library, 300).chunks(11).for_each(|page| assert!(spool.put(page).unwrap())));
            }
        });
        spool.close();
    });
    let mut taken = taken.into_inner().unwrap();
    taken.sort_by_key(|object| object.key);
    assert_eq!(taken, (1..=4).flat_map(|library| objects(library, 300)).collect::<Vec<_>>());
}

#[test]
fn what_is_left_when_the_plan_is_closed_can_still_be_taken() {
    let (_dir, spool) = spool(10);
    spool.put(&objects(1, 3)).unwrap();
    spool.close();
    assert_eq!(spool.take(2, NOT_AT_ALL).unwrap().unwrap().len(), 2);
    assert_eq!(spool.take(2, NOT_AT_ALL).unwrap().unwrap().len(), 1);
    assert_eq!(spool.take(2, LONG).unwrap(), None, "and then it is over, without waiting");
}

#[test]
fn an_empty_plan_that_is_not_closed_is_no_end() {
    let (_dir, spool) = spool(10);
    assert_eq!(spool.take(5, NOT_AT_ALL).unwrap(), Some(Vec::new()));
    spool.put(&objects(1, 1)).unwrap();
    assert_eq!(spool.take(0, NOT_AT_ALL).unwrap(), Some(Vec::new()));
    assert_eq!(spool.take(5, NOT_AT_ALL).unwrap().unwrap().len(), 1);
}

#[test]
fn nothing_more_is_put_into_an_abandoned_plan() {
    let (_dir, spool) = spool(10);
    assert!(spool.put(&objects(1, 2)).unwrap());
    spool.abandon();
    assert!(!spool.put(&objects(2, 2)).unwrap());
    assert!(spool.put(&[]).unwrap(), "nothing to put is put");
    spool.close();
    assert_eq!(spool.take(9, NOT_AT_ALL).unwrap().unwrap(), objects(1, 2));
    assert_eq!(spool.take(9, NOT_AT_ALL).unwrap(), None);
}

// ---- queue and workers

#[test]
fn the_queue_holds_no_more_than_it_may() {
    let put = AtomicUsize::new(0);
    pool::run(
        1,
        5,
        |queue| {
            for n in 0..200 {
                assert!(queue.put(n));
                put.fetch_add(1, Ordering::SeqCst);
            }
        },
        |n: usize| {
            // The first task is held back until the queue behind it is full.
            while n == 0 && put.load(Ordering::SeqCst) < 6 {
                std::thread::yield_now();
            }
            // Put were those worked on so far and this one, and five at most are waiting.
            assert!(put.load(Ordering::SeqCst) <= n + 1 + 5, "task {n}");
        },
    );
    assert_eq!(put.into_inner(), 200);
}

#[test]
fn no_worker_and_no_room_still_work() {
    let done = AtomicUsize::new(0);
    pool::run(
        0,
        0,
        |queue| (0..10).for_each(|n| assert!(queue.put(n))),
        |_: usize| {
            done.fetch_add(1, Ordering::SeqCst);
        },
    );
    assert_eq!(done.into_inner(), 10);
}

#[test]
fn tasks_put_by_a_helper_of_the_filler_are_waited_for() {
    let done = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        pool::run(
            2,
            1,
            |queue| {
                let helper = queue.clone();
                scope.spawn(move || (0..50).for_each(|n| assert!(helper.put(n))));
            },
            |_: usize| {
                done.fetch_add(1, Ordering::SeqCst);
            },
        );
        assert_eq!(done.load(Ordering::SeqCst), 50);
    });
}

#[test]
fn a_panic_in_a_worker_reaches_the_caller_and_ends_the_filling() {
    let refused = AtomicBool::new(false);
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        pool::run(
            1,
            2,
            |queue| refused.store(!(0..1000).all(|n| queue.put(n)), Ordering::SeqCst),
            |n| assert_ne!(n, 3, "made to fail"),
        );
    }));
    assert!(outcome.is_err());
    assert!(refused.into_inner(), "with nobody left to work, whoever fills the queue must not wait for ever");
}

// ---- the budget of bytes

#[test]
fn what_is_larger_than_the_budget_waits_until_all_of_it_is_free() {
    let (budget, let_through) = (Budget::new(100), AtomicBool::new(false));
    let small = budget.acquire(1);
    std::thread::scope(|scope| {
        let large = scope.spawn(|| {
            let share = budget.acquire(u64::MAX);
            let_through.store(true, Ordering::SeqCst);
            drop(share);
        });
        assert!(!let_through.load(Ordering::SeqCst));
        drop(small);
        large.join().unwrap();
    });
    drop(budget.acquire(100));
}

#[test]
fn what_turns_out_smaller_frees_the_rest_for_those_who_wait() {
    let budget = Budget::new(100);
    let mut share = budget.acquire(100);
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| drop(budget.acquire(90)));
        share.shrink(10);
        waiting.join().unwrap();
    });
}

#[test]
fn an_empty_object_never_waits() {
    let budget = Budget::new(10);
    let all = budget.acquire(10);
    drop(budget.acquire(0));
    drop(all);
    drop(Budget::new(0).acquire(5));
}

#[test]
fn a_worker_that_panics_gives_its_share_back() {
    let budget = Budget::new(10);
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        let _share = budget.acquire(10);
        panic!("made to fail");
    }));
    assert!(outcome.is_err());
    drop(budget.acquire(10));
}

// ---- batches

fn limits(objects: usize, age: Duration) -> BatchLimits {
    BatchLimits { objects, age }
}

#[test]
fn an_object_without_company_is_confirmed_while_the_pass_goes_on() {
    let (sender, receiver) = bounded(10);
    let (told, confirmed) = unbounded();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            flush::run(&receiver, limits(1000, Duration::from_millis(1)), |batch: &[u32]| {
                told.send(batch.to_vec()).unwrap()
            })
        });
        for n in 0..3 {
            sender.send(n).unwrap();
            assert_eq!(confirmed.recv_timeout(LONG).unwrap(), [n], "the channel is still open");
        }
        drop(sender);
        assert!(confirmed.recv_timeout(LONG).is_err(), "no empty batch at the end");
    });
}

#[test]
fn a_full_batch_does_not_wait_for_its_time() {
    let (sender, receiver) = bounded(10);
    let (told, confirmed) = unbounded();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            flush::run(&receiver, limits(3, LONG * 60), |batch: &[u32]| told.send(batch.to_vec()).unwrap())
        });
        (0..6).for_each(|n| sender.send(n).unwrap());
        assert_eq!(confirmed.recv_timeout(LONG).unwrap(), [0, 1, 2]);
        assert_eq!(confirmed.recv_timeout(LONG).unwrap(), [3, 4, 5]);
        drop(sender);
    });
}

#[test]
fn nothing_written_is_nothing_confirmed() {
    let (sender, receiver) = bounded::<u32>(1);
    drop(sender);
    flush::run(&receiver, BatchLimits::default(), |batch| panic!("confirmed {batch:?}"));
}

#[test]
fn objects_of_many_workers_are_each_confirmed_once_in_the_order_of_their_worker() {
    let (sender, receiver) = bounded(4);
    let mut seen: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    std::thread::scope(|scope| {
        for worker in 0..4 {
            let sender = sender.clone();
            scope.spawn(move || (0..200).for_each(|n| sender.send((worker, n)).unwrap()));
        }
        drop(sender);
        flush::run(&receiver, limits(7, LONG), |batch| {
            assert!((1..=7).contains(&batch.len()));
            batch.iter().for_each(|(worker, n)| seen.entry(*worker).or_default().push(*n));
        });
    });
    assert_eq!(seen.len(), 4);
    assert!(seen.values().all(|row| row.iter().copied().eq(0..200)));
}
