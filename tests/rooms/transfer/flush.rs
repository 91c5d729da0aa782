//! Batches of written objects: each object is confirmed once, a full batch at once and another in time.

use std::collections::BTreeMap;
use std::time::Duration;

use crossbeam_channel::{bounded, unbounded};
use seaf_migrate::transfer::flush;
use seaf_migrate::transfer::flush::BatchLimits;

/// Longer than anything here takes; a test that waits for it has failed.
const LONG: Duration = Duration::from_secs(60);

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
