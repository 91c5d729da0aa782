//! The budget of bytes in memory: who waits for a share, and who gets it back.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};

use seaf_migrate::flow::Budget;

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
