//! Workers and their queue.

use std::sync::Barrier;
use std::sync::atomic::AtomicU64;

use super::*;

/// Adds up the first thousand numbers on threads of which the system starts the first `possible`.
fn sum_on(possible: usize, workers: usize) -> io::Result<(usize, u64)> {
    let thread = |n| {
        // More than there is address space for, so that the system really refuses it.
        let stack = if n < possible { 1 << 20 } else { 1 << 47 };
        Builder::new().stack_size(stack)
    };
    let (sum, all_at_work) = (AtomicU64::new(0), Barrier::new(possible.min(workers)));
    let fill = |queue: Queue<u64>| {
        assert_eq!((1..=1000).filter(|&n| queue.put(n)).count(), 1000);
        queue.workers()
    };
    let add = |n| {
        // The first tasks end only when as many workers are at work as there can be.
        if n <= possible.min(workers) as u64 {
            all_at_work.wait();
        }
        sum.fetch_add(n, Ordering::Relaxed);
    };
    run_on(thread, workers.into(), 3, fill, add).map(|workers| (workers, sum.into_inner()))
}

#[test]
fn every_task_is_worked_on_once_before_run_returns() {
    assert_eq!(sum_on(7, 7).unwrap(), (7, 500_500));
}

#[test]
fn the_threads_that_could_be_started_do_all_the_work() {
    assert_eq!(sum_on(3, 7).unwrap(), (3, 500_500));
    assert_eq!(sum_on(1, 1000).unwrap(), (1, 500_500));
}

#[test]
fn there_are_never_more_workers_than_asked_for() {
    for _ in 0..50 {
        let (at_work, done) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let fill = |queue: Queue<usize>| {
            assert_eq!((0..500).filter(|&n| queue.put(n)).count(), 500);
            queue.workers()
        };
        let work = |n| {
            let now = at_work.fetch_add(1, Ordering::AcqRel) + 1;
            assert!(now <= 3, "{now} at work");
            // Long and short tasks, so that workers become idle while others are started.
            (0..n % 7).for_each(|_| thread::yield_now());
            at_work.fetch_sub(1, Ordering::AcqRel);
            done.fetch_add(1, Ordering::AcqRel);
        };
        assert_eq!(run(3, 2, fill, work).unwrap(), 3);
        assert_eq!(done.into_inner(), 500);
    }
}

#[test]
fn a_task_never_waits_for_one_that_is_being_done_while_there_may_be_more_workers() {
    // Each task but the last ends only when the next one has begun.
    let begun = (0..50).map(|_| Barrier::new(2)).collect::<Vec<_>>();
    let fill = |queue: Queue<usize>| assert!((0..=begun.len()).all(|n| queue.put(n)));
    let work = |n: usize| {
        if let Some(last) = n.checked_sub(1) {
            begun[last].wait();
        }
        if let Some(next) = begun.get(n) {
            next.wait();
        }
    };
    run(begun.len() + 1, 1, fill, work).unwrap();
}

#[test]
fn a_worker_that_panics_ends_whoever_fills_the_queue_when_it_was_the_only_one() {
    let filled = AtomicUsize::new(0);
    let fill = |queue: Queue<()>| {
        while queue.put(()) {
            filled.fetch_add(1, Ordering::AcqRel);
        }
    };
    let run = || run(1, 1, fill, |()| panic!("told"));
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(run));
    assert!(panicked.is_err());
    assert!(filled.into_inner() < 5);
}

#[test]
fn workers_that_nobody_needs_are_not_started() {
    let started = AtomicUsize::new(0);
    let thread = |_| {
        started.fetch_add(1, Ordering::Relaxed);
        Builder::new()
    };
    let done = AtomicUsize::new(0);
    let fill = |queue: Queue<()>| {
        for number in 0..100 {
            assert!(queue.put(()));
            while done.load(Ordering::Acquire) == number {
                thread::yield_now();
            }
        }
    };
    let work = |()| {
        done.fetch_add(1, Ordering::AcqRel);
    };
    run_on(thread, 4096.into(), 10, fill, work).unwrap();
    let started = started.into_inner();
    assert!((1..100).contains(&started), "one task at a time had {started} threads");
}

#[test]
fn thousands_of_workers_are_not_started_in_one_moment() {
    let most = AtomicUsize::new(0);
    let at_work = AtomicUsize::new(0);
    let began = Instant::now();
    let work = |_| {
        most.fetch_max(at_work.fetch_add(1, Ordering::AcqRel) + 1, Ordering::AcqRel);
        thread::sleep(Duration::from_millis(5));
        at_work.fetch_sub(1, Ordering::AcqRel);
    };
    run(4096, 8192, |queue: Queue<usize>| assert!((0..2000).all(|n| queue.put(n))), work).unwrap();
    let paces = usize::try_from(began.elapsed().as_millis() / PACE.as_millis()).unwrap();
    let most = most.into_inner();
    assert!(most <= STARTED_AT_ONCE + paces + 1, "{most} after {paces} paces");
}

#[test]
fn a_number_that_is_found_out_grows_where_tasks_wait_for_others_and_every_task_is_done() {
    let (at_work, most, done) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicUsize::new(0));
    let work = |_| {
        most.fetch_max(at_work.fetch_add(1, Ordering::AcqRel) + 1, Ordering::AcqRel);
        thread::sleep(Duration::from_millis(20));
        at_work.fetch_sub(1, Ordering::AcqRel);
        done.fetch_add(1, Ordering::AcqRel);
    };
    let fill = |queue: Queue<usize>| assert!((0..3000).all(|n| queue.put(n)));
    run(Workers::growing(4, 64), 100, fill, work).unwrap();
    assert_eq!(done.into_inner(), 3000);
    let most = most.into_inner();
    assert!((6..=64).contains(&most), "{most}");
}

#[test]
fn without_any_thread_the_caller_is_told_what_the_system_said() {
    let error = sum_on(0, 7).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::WouldBlock, "{error}");
}
