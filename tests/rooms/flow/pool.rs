//! The queue and its workers: it holds no more than it may, every task is done, and a panic ends it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use seaf_migrate::flow::pool;

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
            // At most `n` finished tasks, this one, and five that wait have been put.
            assert!(put.load(Ordering::SeqCst) <= n + 1 + 5, "task {n}");
        },
    )
    .unwrap();
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
    )
    .unwrap();
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
        )
        .unwrap();
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
        )
        .unwrap();
    }));
    assert!(outcome.is_err());
    assert!(refused.into_inner(), "with nobody left to work, whoever fills the queue must not wait for ever");
}
