//! Who may change a list, and what its files are called.

use std::sync::atomic::{AtomicUsize, Ordering};

use seaf_migrate::index;
use seaf_migrate::index::{ListError, ListLock, ListPaths, SetBuilder};
use seaf_migrate::object::{KeyRange, ObjectKind};

use crate::support::lists::{Model, Place, list, location};

#[test]
fn of_many_takers_at_once_one_at_a_time_gets_it() {
    let place = Place::new();
    let (inside, taken) = (AtomicUsize::new(0), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..40 {
                    match ListLock::acquire(&place.paths) {
                        Ok(lock) => {
                            assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0, "two hold the lock");
                            taken.fetch_add(1, Ordering::SeqCst);
                            inside.fetch_sub(1, Ordering::SeqCst);
                            drop(lock);
                        }
                        Err(error) => assert!(matches!(error, ListError::InUse { .. }), "{error}"),
                    }
                }
            });
        }
    });
    assert!(taken.into_inner() > 0);
    place.lock();
}

#[test]
fn a_clone_keeps_the_lock_until_the_last_one_is_gone() {
    let place = Place::new();
    let lock = place.lock();
    let clone = lock.clone();
    drop(lock);
    assert!(ListLock::acquire(&place.paths).is_err());
    assert_eq!(clone.paths(), &place.paths);
    drop(clone);
    place.lock();
}

#[test]
fn what_stands_in_the_lock_file_does_no_harm() {
    let place = Place::new();
    for old in ["", "999999999\n", "not a number", "\u{0}\u{0}", &"9".repeat(5000)] {
        std::fs::write(place.paths.lock(), old).unwrap();
        let held = place.lock();
        let error = ListLock::acquire(&place.paths).unwrap_err().to_string();
        assert!(error.contains(&format!("in use by process {}, since ", std::process::id())), "{error}");
        drop(held);
    }
}

#[test]
fn a_list_in_a_folder_that_is_not_there_names_the_file() {
    let place = Place::new();
    let paths = ListPaths::new(&place.folder.path().join("nowhere/list"), ObjectKind::Fs, None);
    let error = ListLock::acquire(&paths).unwrap_err().to_string();
    assert!(error.contains("cannot open") && error.contains("nowhere/list.fs.lock"), "{error}");
}

#[test]
fn a_prefix_with_dots_and_blanks_is_kept_as_it_is() {
    let place = Place::new();
    for name in ["a.b", "with blank", ".hidden", "ünï", "list.blocks"] {
        let paths = ListPaths::new(&place.folder.path().join(name), ObjectKind::Commits, None);
        assert_eq!(paths.base(), place.folder.path().join(format!("{name}.commits")));
        assert_eq!(paths.journal(), place.folder.path().join(format!("{name}.commits.journal")));
        let mut location = location("host/bucket");
        location.kind = ObjectKind::Commits;
        let lock = ListLock::acquire(&paths).unwrap();
        let (builder, _) = SetBuilder::start_or_resume(&lock, &location).unwrap();
        list(&builder, KeyRange::ALL, &Model::new());
        builder.finish().unwrap();
        assert!(index::inspect(paths.base()).unwrap().is_empty());
    }
}
