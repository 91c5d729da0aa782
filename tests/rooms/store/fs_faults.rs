//! A folder store on a full or read-only disk, with folders missing, and with other things in the place of files.

mod removing;

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use seaf_migrate::object::{KeyRange, ObjectKey};
use seaf_migrate::store::backend::fs::FsStore;
use seaf_migrate::store::{ErrorKind, Listed, Part, ReadStore, RemoveStore, WriteStore};

use crate::support::folder::{ID, LIBRARY, Place, Tmpfs, as_nobody, ignored_in, key, list, numbered};

#[test]
fn a_full_disk_takes_nothing_more_and_keeps_what_it_has() {
    let folder = tempfile::tempdir().unwrap();
    let Some(_disk) = Tmpfs::mount(folder.path(), "size=1m") else { return };
    let place = Place::in_folder(folder.path());
    let store = place.destination().unwrap();
    let data = Bytes::from(vec![7; 50_000]);
    let (taken, error) = (0..)
        .find_map(|number| store.write(&numbered(number), data.clone()).err().map(|error| (number, error)))
        .unwrap();
    assert_eq!(error.kind(), ErrorKind::NoSpace, "{error}");
    assert!(error.kind().is_fatal());
    assert!(taken > 10, "only {taken} objects fitted");
    assert_eq!(place.files().len(), taken as usize, "no temporary file is left");
    assert!((0..taken).all(|number| store.read(&numbered(number)).unwrap() == data));
    // An object keeps its content when it is written again without room for it.
    assert_eq!(store.write(&numbered(0), Bytes::from(vec![8; 500_000])).unwrap_err().kind(), ErrorKind::NoSpace);
    assert_eq!(store.read(&numbered(0)).unwrap(), data);
    for number in 0..2 {
        store.remove(&numbered(number)).unwrap();
    }
    store.write(&numbered(taken), data).unwrap();
}

#[test]
fn a_disk_without_inodes_is_a_full_one() {
    let folder = tempfile::tempdir().unwrap();
    let Some(_disk) = Tmpfs::mount(folder.path(), "size=1m,nr_inodes=20") else { return };
    let store = Place::in_folder(folder.path()).destination().unwrap();
    let error = (0..30).find_map(|number| store.write(&numbered(number), Bytes::new()).err()).unwrap();
    assert_eq!(error.kind(), ErrorKind::NoSpace, "{error}");
}

#[test]
fn a_read_only_disk_can_be_read_and_not_written() {
    let folder = tempfile::tempdir().unwrap();
    let Some(disk) = Tmpfs::mount(folder.path(), "size=1m") else { return };
    let place = Place::in_folder(folder.path());
    disk.make_read_only();
    assert_eq!(place.destination().unwrap_err().kind(), ErrorKind::ReadOnly, "nothing can be created");
    disk.make_writable();
    place.destination().unwrap().write(&key(ID), Bytes::from_static(b"data")).unwrap();
    disk.make_read_only();
    let store = place.destination().unwrap();
    assert_eq!(store.write(&key(ID), Bytes::new()).unwrap_err().kind(), ErrorKind::ReadOnly);
    assert_eq!(store.write(&numbered(1), Bytes::new()).unwrap_err().kind(), ErrorKind::ReadOnly);
    assert_eq!(store.remove(&key(ID)).unwrap_err().kind(), ErrorKind::ReadOnly);
    assert_eq!(place.source().unwrap().read(&key(ID)).unwrap(), "data");
}

#[test]
fn a_folder_that_is_not_there_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let place = Place::in_folder(&folder.path().join("not-mounted"));
    for error in [place.source().unwrap_err(), place.destination().unwrap_err()] {
        assert_eq!(error.kind(), ErrorKind::ContainerMissing);
        assert!(error.to_string().contains("not-mounted"), "{error}");
    }
    assert!(!place.0.exists(), "a missing folder is not created");
    let empty = Place::in_folder(folder.path());
    assert_eq!(empty.source().unwrap_err().kind(), ErrorKind::ContainerMissing);
    assert!(!empty.root().exists(), "a source creates nothing");
}

#[test]
fn a_source_is_never_written() {
    let folder = tempfile::tempdir().unwrap();
    let place = Place::in_folder(folder.path());
    place.destination().unwrap();
    let error = place.source().unwrap().write(&key(ID), Bytes::new()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ReadOnly, "{error}");
    assert!(place.files().is_empty());
}

#[test]
fn files_and_folders_have_the_modes_of_the_server() {
    let folder = tempfile::tempdir().unwrap();
    let place = Place::in_folder(folder.path());
    place.destination().unwrap().write(&key(ID), Bytes::from_static(b"data")).unwrap();
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let umask = status.lines().find_map(|line| line.strip_prefix("Umask:")).unwrap();
    let umask = u32::from_str_radix(umask.trim(), 8).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o7777;
    let file = place.file(ID);
    assert_eq!(mode(&file), 0o600 & !umask);
    for folder in file.ancestors().skip(1).take_while(|path| *path != place.0) {
        assert_eq!(mode(folder), 0o755 & !umask, "{}", folder.display());
    }
}

#[test]
fn the_other_link_of_an_object_stays_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let place = Place::in_folder(folder.path());
    let store = place.destination().unwrap();
    store.write(&key(ID), Bytes::from_static(b"shared")).unwrap();
    let other = folder.path().join("link-of-another-library");
    fs::hard_link(place.file(ID), &other).unwrap();
    store.write(&key(ID), Bytes::from_static(b"new")).unwrap();
    assert_eq!(fs::read(&other).unwrap(), b"shared");
    assert_eq!(store.read(&key(ID)).unwrap(), "new");
    assert_eq!(fs::metadata(&other).unwrap().nlink(), 1);
}

#[test]
fn folders_that_went_away_are_made_again() {
    let folder = tempfile::tempdir().unwrap();
    let place = Place::in_folder(folder.path());
    let store = place.destination().unwrap();
    for remove in [place.file(ID).parent().unwrap().to_owned(), place.library()] {
        store.write(&key(ID), Bytes::from_static(b"data")).unwrap();
        fs::remove_dir_all(remove).unwrap();
        assert_eq!(store.read(&key(ID)).unwrap_err().kind(), ErrorKind::NotFound);
    }
    store.write(&key(ID), Bytes::from_static(b"data")).unwrap();
    assert_eq!(store.read(&key(ID)).unwrap(), "data");
}

/// Puts something that is no file where an object should be.
fn with_object_replaced_by(replace: fn(&Path)) -> (tempfile::TempDir, Place) {
    let folder = tempfile::tempdir().unwrap();
    let place = Place::in_folder(folder.path());
    let store = place.destination().unwrap();
    store.write(&key(ID), Bytes::from_static(b"data")).unwrap();
    store.write(&numbered(1), Bytes::from_static(b"other")).unwrap();
    fs::remove_file(place.file(ID)).unwrap();
    replace(&place.file(ID));
    (folder, place)
}

#[test]
fn an_object_that_is_no_file_is_seen_in_the_source_and_missing_at_the_destination() {
    let folder: fn(&Path) = |path| fs::create_dir(path).unwrap();
    let nowhere: fn(&Path) = |path| symlink("/nowhere/at/all", path).unwrap();
    let circle: fn(&Path) = |path| symlink(path, path).unwrap();
    let pipe: fn(&Path) = |path| {
        rustix::fs::mknodat(rustix::fs::CWD, path, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
    };
    for replace in [folder, nowhere, circle, pipe] {
        let (_folder, place) = with_object_replaced_by(replace);
        let source = place.source().unwrap();
        let listed = list(&source).unwrap();
        assert!(listed.contains(&Listed { key: key(ID), size: Some(0) }), "a source lists what it cannot read");
        assert_eq!(listed.len(), 2);
        for error in [source.read(&key(ID)).unwrap_err(), source.size(&key(ID)).unwrap_err()] {
            assert_eq!(error.kind(), ErrorKind::Unreadable, "{error}");
            assert!(error.to_string().contains(ID));
        }
        let destination = place.destination().unwrap();
        assert_eq!(list(&destination).unwrap().len(), 1, "a destination lists only what is there");
        match destination.write(&key(ID), Bytes::from_static(b"again")) {
            Ok(()) => assert_eq!(source.read(&key(ID)).unwrap(), "again"),
            Err(error) => assert!(place.file(ID).is_dir(), "only a folder may be in the way: {error}"),
        }
        assert_eq!(place.files().len(), 1 + usize::from(place.file(ID).is_file()), "no temporary file is left");
    }
}

#[test]
fn a_link_to_an_object_is_an_object() {
    let (folder, place) = with_object_replaced_by(|_| {});
    fs::write(folder.path().join("target"), "behind a link").unwrap();
    symlink(folder.path().join("target"), place.file(ID)).unwrap();
    let source = place.source().unwrap();
    assert_eq!(source.read(&key(ID)).unwrap(), "behind a link");
    assert!(list(&source).unwrap().contains(&Listed { key: key(ID), size: Some(13) }));
    source.remove(&key(ID)).unwrap();
    assert!(folder.path().join("target").exists(), "the link is removed, not what it leads to");
}

/// A store of two libraries with an object each, one of which is then spoilt.
fn with_spoilt_library(spoil: fn(&Place)) -> (tempfile::TempDir, Place, FsStore) {
    let folder = tempfile::tempdir().unwrap();
    let place = Place::in_folder(folder.path());
    let store = place.destination().unwrap();
    store.write(&key(ID), Bytes::from_static(b"data")).unwrap();
    let other = ObjectKey::new("a0000000-0000-4000-8000-000000000000".parse().unwrap(), key(ID).id);
    store.write(&other, Bytes::from_static(b"data")).unwrap();
    spoil(&place);
    (folder, place, store)
}

#[test]
fn a_folder_that_cannot_be_listed_is_an_error_and_not_an_end() {
    let library_leads_nowhere: fn(&Place) = |place| {
        fs::remove_dir_all(place.library()).unwrap();
        symlink("/nowhere/at/all", place.library()).unwrap();
    };
    let library_leads_to_itself: fn(&Place) = |place| {
        fs::remove_dir_all(place.library()).unwrap();
        symlink(place.library(), place.library()).unwrap();
    };
    let shard_leads_nowhere: fn(&Place) = |place| symlink("/nowhere/at/all", place.library().join("cc")).unwrap();
    let shard_leads_to_itself: fn(&Place) = |place| symlink("cc", place.library().join("cc")).unwrap();
    for spoil in [library_leads_nowhere, library_leads_to_itself, shard_leads_nowhere, shard_leads_to_itself] {
        let (_folder, place, store) = with_spoilt_library(spoil);
        for error in [list(&store).unwrap_err(), list(&place.source().unwrap()).unwrap_err()] {
            assert_eq!(error.action(), "list");
            assert!(error.to_string().contains(LIBRARY), "{error}");
        }
    }
}

#[test]
fn a_folder_that_this_user_may_not_read_is_an_error() {
    as_nobody(|| {
        let library: fn(&Place) -> PathBuf = Place::library;
        let shard: fn(&Place) -> PathBuf = |place| place.library().join(&ID[..2]);
        for shut in [library, shard] {
            let (_folder, place, store) = with_spoilt_library(|_| {});
            // Without any permission the folder cannot be listed; without the one to enter, its files cannot be asked for sizes.
            for mode in [0o000, 0o600] {
                fs::set_permissions(shut(&place), fs::Permissions::from_mode(mode)).unwrap();
                let error = list(&store).unwrap_err();
                assert_eq!(error.kind(), ErrorKind::Denied, "{error}");
                assert_eq!(store.read(&key(ID)).unwrap_err().kind(), ErrorKind::Unreadable);
                assert_eq!(store.write(&key(ID), Bytes::new()).unwrap_err().kind(), ErrorKind::ObjectDenied);
            }
            fs::set_permissions(shut(&place), fs::Permissions::from_mode(0o755)).unwrap();
            fs::set_permissions(place.file(ID), fs::Permissions::from_mode(0o000)).unwrap();
            assert_eq!(list(&store).unwrap().len(), 2);
            assert_eq!(store.read(&key(ID)).unwrap_err().kind(), ErrorKind::Unreadable);
            fs::set_permissions(place.root(), fs::Permissions::from_mode(0o000)).unwrap();
            assert_eq!(place.source().unwrap_err().kind(), ErrorKind::Denied);
            fs::set_permissions(place.root(), fs::Permissions::from_mode(0o755)).unwrap();
        }
    });
}

#[test]
fn each_foreign_name_is_counted_by_one_range() {
    let folder = tempfile::tempdir().unwrap();
    let place = Place::in_folder(folder.path());
    let store = place.destination().unwrap();
    (0..2000).for_each(|number| store.write(&numbered(number), Bytes::new()).unwrap());
    let shard = place.library().join("7f");
    let strangers = [place.root().join("x"), place.library().join("x"), shard.join("x"), shard.join("y")];
    strangers.iter().for_each(|path| fs::write(path, "").unwrap());
    assert_eq!(ignored_in(&store, KeyRange::ALL), 4, "in two pages");
    for at in [numbered(0), numbered(127), numbered(127 + 256), numbered(128), numbered(1999)] {
        let halves = [KeyRange::new(ObjectKey::MIN, at).unwrap(), KeyRange::ALL.after(at).unwrap()];
        let ignored = halves.map(|half| ignored_in(&store, half));
        assert_eq!(ignored[0] + ignored[1], 4, "cut after {at}: {ignored:?}");
    }
}

#[test]
fn a_library_whose_disk_is_not_mounted_has_not_vanished() {
    let (_folder, _place, store) = with_spoilt_library(|place| {
        fs::remove_dir_all(place.library()).unwrap();
        symlink("/nowhere/at/all", place.library()).unwrap();
    });
    for error in [store.read(&key(ID)).unwrap_err(), store.size(&key(ID)).unwrap_err()] {
        assert_eq!(error.kind(), ErrorKind::Unreadable, "{error}");
    }
    assert!(store.write(&key(ID), Bytes::new()).is_err());
}

#[test]
fn a_store_that_was_removed_does_not_look_empty() {
    let (_folder, _place, store) = with_spoilt_library(|place| fs::remove_dir_all(place.root()).unwrap());
    assert_eq!(list(&store).unwrap_err().kind(), ErrorKind::ContainerMissing);
    assert_eq!(store.parts(&KeyRange::ALL).unwrap_err().kind(), ErrorKind::ContainerMissing);
    assert_eq!(store.read(&key(ID)).unwrap_err().kind(), ErrorKind::ContainerMissing);
    assert_eq!(store.write(&key(ID), Bytes::new()).unwrap_err().kind(), ErrorKind::ContainerMissing);
}

#[test]
fn a_store_that_was_replaced_is_noticed_between_two_pages() {
    let folder = tempfile::tempdir().unwrap();
    let place = Place::in_folder(folder.path());
    let store = place.destination().unwrap();
    for number in 0..1500 {
        store.write(&numbered(number), Bytes::new()).unwrap();
    }
    let first = store.list(&Part::new(KeyRange::ALL)).unwrap();
    let rest = first.rest.unwrap();
    assert!(first.objects.len() >= 1000 && first.objects.len() < 1010);
    fs::rename(place.root(), folder.path().join("moved-away")).unwrap();
    fs::create_dir(place.root()).unwrap();
    assert_eq!(store.list(&rest).unwrap_err().kind(), ErrorKind::ContainerMissing);
    assert_eq!(store.read(&numbered(7)).unwrap(), "", "objects are still read from the folder that was opened");
    fs::remove_dir(place.root()).unwrap();
    fs::rename(folder.path().join("moved-away"), place.root()).unwrap();
    assert_eq!(first.objects.len() + store.list(&rest).unwrap().objects.len(), 1500);
}

#[test]
fn what_vanishes_while_it_is_listed_is_not_there_and_nothing_else_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let place = Place::in_folder(folder.path());
    let store = place.destination().unwrap();
    let stable: Vec<ObjectKey> = (0..300).map(numbered).collect();
    stable.iter().for_each(|key| store.write(key, Bytes::new()).unwrap());
    let library = |number: u8| place.root().join(format!("{number:08x}-0000-4000-8000-000000000000"));
    let (listing, passes) = (AtomicBool::new(true), 60);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while listing.load(Ordering::Relaxed) {
                for number in 0..20 {
                    fs::create_dir_all(library(number).join("ab")).unwrap();
                    fs::write(library(number).join("ab").join(&ID[2..]), "").unwrap();
                }
                for number in 0..20 {
                    fs::remove_dir_all(library(number)).unwrap();
                }
            }
        });
        let listed: Result<Vec<_>, _> = (0..passes).map(|_| list(&store)).collect();
        listing.store(false, Ordering::Relaxed);
        for found in listed.unwrap() {
            let found: BTreeSet<ObjectKey> = found.into_iter().map(|object| object.key).collect();
            assert!(stable.iter().all(|key| found.contains(key)), "an object that stayed was not listed");
        }
    });
}

/// All but the last two digits of a library's name.
const LIBRARY_STEM: &str = "3f8a9c1e-7b42-4d0e-9a55-0c1d2e3f4a";
