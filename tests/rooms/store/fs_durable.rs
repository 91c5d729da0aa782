//! What a folder store promises of the disk, and the files it writes before they are objects. What needs FUSE, strace or
//! a disk in a file is in tests/stories/durable.rs.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use seaf_migrate::object::KeyRange;
use seaf_migrate::store::backend::fs::FsStore;
use seaf_migrate::store::{ErrorKind, ReadStore, WriteStore};

use crate::support::folder::{ID, Place, Tmpfs, first_temporary, ignored_in, key, numbered};

#[test]
fn a_folder_of_this_machine_is_synced_at_once_and_there_is_nothing_to_say() {
    let folder = tempfile::tempdir().unwrap();
    let place = Place::in_folder(folder.path());
    assert_eq!(place.destination().unwrap().durability_note(), None);
}

#[test]
fn a_library_on_a_disk_of_its_own_is_synced_too() {
    let world = tempfile::tempdir().unwrap();
    let place = Place::in_folder(world.path());
    let store = place.destination().unwrap();
    fs::create_dir(place.library()).unwrap();
    let Some(_disk) = Tmpfs::mount(&place.library(), "size=1m") else { return };
    store.write(&key(ID), Bytes::from_static(b"elsewhere")).unwrap();
    store.sync().unwrap();
    place.destination().unwrap().make_listed_durable().unwrap();
    assert_eq!(store.read(&key(ID)).unwrap(), "elsewhere");
}

#[test]
fn what_cannot_be_reached_cannot_be_made_durable() {
    let folder = tempfile::tempdir().unwrap();
    let place = Place::in_folder(folder.path());
    let store = place.destination().unwrap();
    std::os::unix::fs::symlink(folder.path(), place.library()).unwrap();
    let error = store.make_listed_durable().unwrap_err();
    assert!(error.to_string().contains(place.library().to_str().unwrap()), "{error}");
    fs::remove_file(place.library()).unwrap();
    store.make_listed_durable().unwrap();
    fs::remove_dir_all(place.root()).unwrap();
    assert_eq!(store.make_listed_durable().unwrap_err().kind(), ErrorKind::ContainerMissing);
}

#[test]
fn two_runs_that_know_one_folder_by_two_names_never_share_a_temporary_file() {
    let world = tempfile::tempdir().unwrap();
    let (one, other) = (world.path().join("one"), world.path().join("other"));
    fs::create_dir(&one).unwrap();
    std::os::unix::fs::symlink(&one, &other).unwrap();
    let places = [Place::in_folder(&one), Place::in_folder(&other)];
    let content = |number: u8| Bytes::from(vec![number; 60_000 + usize::from(number)]);
    std::thread::scope(|scope| {
        for (number, place) in (0u8..).zip(&places) {
            let store = place.destination().unwrap();
            scope.spawn(move || (0..200).for_each(|_| store.write(&key(ID), content(number)).unwrap()));
        }
    });
    let kept = places[0].destination().unwrap().read(&key(ID)).unwrap();
    assert_eq!(kept, content(kept[0]));
    assert_eq!(places[0].files(), BTreeSet::from([places[0].file(ID)]), "no temporary file is left");
}

#[test]
fn a_name_that_somebody_took_is_not_written_into_nor_taken_away() {
    const SEED: u64 = 11;
    let world = tempfile::tempdir().unwrap();
    let place = Place::in_folder(world.path());
    let store = place.destination().unwrap();
    store.write(&numbered(0xab), Bytes::new()).unwrap();
    let (victim, foreseen) = (world.path().join("victim"), place.file(&first_temporary(SEED)));
    fs::write(&victim, "precious").unwrap();
    std::os::unix::fs::symlink(&victim, &foreseen).unwrap();
    fastrand::seed(SEED);
    store.write(&key(ID), Bytes::from_static(b"data")).unwrap();
    assert_eq!(fs::read(&victim).unwrap(), b"precious");
    assert!(fs::symlink_metadata(&foreseen).unwrap().is_symlink());
    assert_eq!(store.read(&key(ID)).unwrap(), "data");
}

/// How long ago a file was written last.
fn written_ago(path: &Path, ago: Duration) {
    fs::File::options().write(true).open(path).unwrap().set_modified(SystemTime::now() - ago).unwrap();
}

#[test]
fn what_a_crash_left_is_ignored_and_taken_away_when_it_is_surely_nobodys() {
    let folder = tempfile::tempdir().unwrap();
    let place = Place::in_folder(folder.path());
    let store = place.destination().unwrap();
    store.write(&key(ID), Bytes::from_static(b"the object")).unwrap();
    let [old, older, new, foreign] = ["seafmig", "seafmig.0123456789abcdef", "seafmig.00000000ffffffff", "a8Xk2Q"]
        .map(|end| place.file(&format!("{ID}.{end}")));
    for (path, hours) in [(&old, 25), (&older, 100), (&new, 23), (&foreign, 100)] {
        fs::write(path, "half of").unwrap();
        written_ago(path, Duration::from_secs(hours * 3600));
    }
    let other_link = folder.path().join("another-link");
    fs::hard_link(&old, &other_link).unwrap();
    // Neither a source nor a look at a destination takes anything away.
    let readers: [fn(&Place) -> FsStore; 2] = [|place| place.source().unwrap(), |place| place.destination_to_read()];
    for open in readers {
        assert_eq!(ignored_in(&open(&place), KeyRange::ALL), 4);
    }
    assert_eq!(ignored_in(&store, KeyRange::ALL), 4, "what is taken away was there");
    assert_eq!(ignored_in(&store, KeyRange::ALL), 2);
    assert_eq!(place.files(), BTreeSet::from([place.file(ID), new, foreign]));
    assert_eq!(fs::read(other_link).unwrap(), b"half of");
    store.write(&key(ID), Bytes::from_static(b"again")).unwrap();
    assert_eq!(place.files().len(), 3, "another's temporary file is left alone");
}
