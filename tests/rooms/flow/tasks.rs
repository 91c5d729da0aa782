//! Tasks that lead to further ones are all done, once each, however many threads there are.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Barrier, Mutex};
use std::thread::ThreadId;

use seaf_migrate::flow::tasks::{self, Seats};

/// How many numbers below a thousand are reached from 1 by doubling, and by doubling and adding one.
fn numbers_reached(threads: usize) -> usize {
    let reached = Mutex::new(Vec::new());
    tasks::run(&Seats::new(threads), [1], |tasks, number: usize| {
        reached.lock().unwrap().push(number);
        tasks.put([2 * number, 2 * number + 1].into_iter().filter(|next| *next < 1000));
    });
    let reached = reached.into_inner().unwrap();
    let each: BTreeSet<usize> = reached.iter().copied().collect();
    assert_eq!(each.len(), reached.len(), "a task was done twice");
    each.len()
}

#[test]
fn whatever_a_task_leads_to_is_done_once() {
    for threads in [0, 1, 7, 4096] {
        assert_eq!(numbers_reached(threads), 999, "with {threads} threads beside the first");
    }
}

#[test]
fn a_task_that_goes_on_after_it_put_others_in_does_not_keep_them_waiting() {
    // Each of the four can only end when all four are being done.
    let together = Barrier::new(4);
    let done = AtomicUsize::new(0);
    tasks::run(&Seats::new(3), [0], |tasks, task| {
        if task == 0 {
            tasks.put([1, 2, 3]);
        }
        together.wait();
        done.fetch_add(1, Ordering::Relaxed);
    });
    assert_eq!(done.into_inner(), 4);
}

#[test]
fn no_more_threads_are_at_work_than_there_are_seats_for_and_runs_share_them() {
    let seats = Seats::new(2);
    let (now, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                tasks::run(&seats, 0..500, |_, _| {
                    most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    std::thread::yield_now();
                    now.fetch_sub(1, Ordering::SeqCst);
                });
            });
        }
    });
    assert!(most.into_inner() <= 4, "two callers and two seats");
    // The seats are free again.
    let threads = Mutex::new(BTreeSet::<String>::new());
    let name = |id: ThreadId| format!("{id:?}");
    let together = Barrier::new(3);
    tasks::run(&seats, 0..3, |_, _| {
        together.wait();
        threads.lock().unwrap().insert(name(std::thread::current().id()));
    });
    assert_eq!(threads.into_inner().unwrap().len(), 3);
}

#[test]
fn answers_come_in_the_order_of_the_questions() {
    let questions: Vec<usize> = (0..1000).collect();
    let answers = tasks::map(&Seats::new(5), &questions, |number| number * number);
    assert_eq!(answers, questions.iter().map(|number| number * number).collect::<Vec<_>>());
    assert!(tasks::map(&Seats::new(5), &[] as &[usize], |number| *number).is_empty());
}

#[test]
fn after_an_error_nothing_further_is_begun_and_the_error_is_the_answer() {
    let items: Vec<usize> = (0..1000).collect();
    let begun = AtomicUsize::new(0);
    let fail_at = |bad: usize| {
        let begun = &begun;
        move |number: &usize| {
            begun.fetch_add(1, Ordering::SeqCst);
            if *number >= bad { Err(*number) } else { Ok(*number) }
        }
    };
    assert_eq!(tasks::try_map(&Seats::new(0), &items, fail_at(3)), Err(3));
    assert_eq!(begun.swap(0, Ordering::SeqCst), 4);
    // No thread begins a second one after its own failed.
    assert!(tasks::try_map(&Seats::new(3), &items, fail_at(0)).is_err());
    assert!((1..=4).contains(&begun.swap(0, Ordering::SeqCst)));
    assert_eq!(tasks::try_map(&Seats::new(3), &items, fail_at(1000)), Ok(items));
}
