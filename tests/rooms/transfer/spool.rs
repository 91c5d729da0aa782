//! The plan on disk between listing and copying: what is put in comes out, whatever its size, and nothing else.

use std::sync::Mutex;
use std::time::Duration;

use seaf_migrate::object::{LibraryId, ObjectId, ObjectKey};
use seaf_migrate::store::Listed;
use seaf_migrate::transfer::Spool;

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
