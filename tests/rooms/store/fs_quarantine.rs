//! The quarantine of a folder store: what is removed goes there, and from there back or away for good.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::PathBuf;

use bytes::Bytes;
use proptest::prelude::*;
use seaf_migrate::conf::backend::Location;
use seaf_migrate::conf::{Backend, FsConf};
use seaf_migrate::object::{KeyRange, ObjectKey, ObjectKind};
use seaf_migrate::store::backend::fs::FsStore;
use seaf_migrate::store::backend::fs::quarantine::QUARANTINE;
use seaf_migrate::store::{ErrorKind, Part, ReadStore, RemoveStore, WriteStore};
use tempfile::TempDir;

use crate::support::folder::numbered;

/// A folder with `count` objects, each of its own bytes.
struct Place {
    dir: TempDir,
}

impl Place {
    fn with(count: u32) -> Self {
        let place = Self { dir: tempfile::tempdir().unwrap() };
        let store = FsStore::destination(&place.conf(), ObjectKind::Blocks, location()).unwrap();
        (0..count).for_each(|number| store.write(&key(number), content(number)).unwrap());
        place
    }

    fn conf(&self) -> FsConf {
        FsConf { dir: self.dir.path().to_owned() }
    }

    fn source(&self) -> FsStore {
        FsStore::source_to_remove(&self.conf(), ObjectKind::Blocks, location()).unwrap()
    }

    fn quarantine(&self) -> Option<FsStore> {
        FsStore::quarantine(&self.conf(), ObjectKind::Blocks, location()).unwrap()
    }

    fn root(&self) -> PathBuf {
        self.dir.path().join("storage/blocks")
    }
}

fn location() -> Location {
    Location { backend: Backend::Fs, kind: ObjectKind::Blocks, place: "here".to_owned() }
}

fn key(number: u32) -> ObjectKey {
    numbered(number)
}

fn content(number: u32) -> Bytes {
    format!("the bytes of {number}").into()
}

/// Every object that a store lists, and how many names it ignored.
fn all(store: &FsStore) -> (BTreeMap<ObjectKey, Bytes>, u64) {
    let (mut objects, mut ignored, mut next) = (BTreeMap::new(), 0, Some(Part::new(KeyRange::ALL)));
    while let Some(part) = next {
        let page = store.list(&part).unwrap();
        objects.extend(page.objects.iter().map(|listed| (listed.key, store.read(&listed.key).unwrap())));
        ignored += page.ignored.total();
        next = page.rest;
    }
    (objects, ignored)
}

fn objects(numbers: impl IntoIterator<Item = u32>) -> BTreeMap<ObjectKey, Bytes> {
    numbers.into_iter().map(|number| (key(number), content(number))).collect()
}

#[test]
fn what_is_removed_is_in_quarantine_and_no_listing_shows_it() {
    let place = Place::with(5);
    let source = place.source();
    assert!(place.quarantine().is_none(), "it is made before anything is removed");
    assert_eq!(source.quarantine(), [place.root().join(QUARANTINE)]);
    for number in [1, 3] {
        source.remove(&key(number)).unwrap();
        assert_eq!(source.read(&key(number)).unwrap_err().kind(), ErrorKind::NotFound);
    }
    assert_eq!(all(&source), (objects([0, 2, 4]), 0), "the quarantine is no stranger");
    assert_eq!(all(&place.quarantine().unwrap()).0, objects([1, 3]));
    let mode = fs::metadata(place.root().join(QUARANTINE)).unwrap().permissions().mode();
    assert_eq!(mode & 0o077, 0, "others may look into it");
    // One that is not there is removed.
    source.remove(&key(1)).unwrap();
    source.remove(&key(77)).unwrap();
    assert_eq!(all(&place.quarantine().unwrap()).0, objects([1, 3]));
}

#[test]
fn what_is_put_back_is_the_same_file_in_its_place() {
    let place = Place::with(3);
    let written = |store: &FsStore| store.written_at(&key(0)).unwrap();
    let before = written(&place.source());
    place.source().remove(&key(0)).unwrap();
    let quarantine = place.quarantine().unwrap();
    assert!(quarantine.put_back(&key(0)).unwrap());
    assert_eq!((all(&place.source()).0, written(&place.source())), (objects(0..3), before));
    // Neither twice, nor what was never there, nor from a store that is no quarantine.
    assert!(!quarantine.put_back(&key(0)).unwrap());
    assert!(!quarantine.put_back(&key(9)).unwrap());
    assert!(!place.source().put_back(&key(1)).unwrap());
}

#[test]
fn what_the_source_has_again_is_not_replaced_by_what_is_put_back() {
    let place = Place::with(1);
    place.source().remove(&key(0)).unwrap();
    let again = FsStore::destination(&place.conf(), ObjectKind::Blocks, location()).unwrap();
    again.write(&key(0), Bytes::from_static(b"newer")).unwrap();
    assert!(!place.quarantine().unwrap().put_back(&key(0)).unwrap());
    assert_eq!(place.source().read(&key(0)).unwrap(), "newer");
    assert_eq!(place.quarantine().unwrap().read(&key(0)).unwrap(), content(0));
    // Removed again, the newer one takes the place of the older.
    place.source().remove(&key(0)).unwrap();
    assert_eq!(place.quarantine().unwrap().read(&key(0)).unwrap(), "newer");
}

#[test]
fn a_second_name_of_a_file_that_is_in_quarantine_already_goes_too() {
    let place = Place::with(1);
    let folder = fs::read_dir(place.root()).unwrap().next().unwrap().unwrap().path();
    let shard = fs::read_dir(&folder).unwrap().next().unwrap().unwrap().path();
    let file = fs::read_dir(&shard).unwrap().next().unwrap().unwrap().path();
    let other = place.dir.path().join("another name");
    fs::hard_link(&file, &other).unwrap();
    place.source().remove(&key(0)).unwrap();
    // A rename onto another link of the same file does nothing, and leaves both.
    fs::hard_link(&other, &file).unwrap();
    place.source().remove(&key(0)).unwrap();
    assert!(!file.exists(), "the object is still there");
    assert_eq!(fs::metadata(&other).unwrap().nlink(), 2);
    assert_eq!(all(&place.quarantine().unwrap()).0, objects([0]));
}

#[test]
fn the_quarantine_goes_when_it_is_empty_and_not_before() {
    let place = Place::with(2);
    let source = place.source();
    (0..2).for_each(|number| source.remove(&key(number)).unwrap());
    let quarantine = place.quarantine().unwrap();
    quarantine.remove(&key(0)).unwrap();
    quarantine.remove_empty_folders(&KeyRange::ALL).unwrap();
    assert_eq!(all(&place.quarantine().unwrap()).0, objects([1]));
    quarantine.remove(&key(1)).unwrap();
    assert!(quarantine.remove_empty_folders(&KeyRange::ALL).unwrap() > 0);
    assert!(place.quarantine().is_none() && !place.root().join(QUARANTINE).exists());
    // Deleted from quarantine is deleted for good.
    assert!(quarantine.quarantine().is_empty());
}

#[test]
fn links_in_the_place_of_the_quarantine_or_in_it_are_not_followed() {
    let place = Place::with(2);
    let outside = tempfile::tempdir().unwrap();
    symlink(outside.path(), place.root().join(QUARANTINE)).unwrap();
    let refused = place.source().remove(&key(0)).unwrap_err();
    assert!(refused.to_string().contains("symbolic link"), "{refused}");
    let conf = place.conf();
    let refused = FsStore::quarantine(&conf, ObjectKind::Blocks, location()).unwrap_err();
    assert!(refused.to_string().contains("symbolic link"), "{refused}");
    fs::remove_file(place.root().join(QUARANTINE)).unwrap();
    // A library's folder in the quarantine.
    let library = place.root().join(QUARANTINE).join(key(1).library.to_string());
    fs::create_dir(place.root().join(QUARANTINE)).unwrap();
    symlink(outside.path(), &library).unwrap();
    assert!(place.source().remove(&key(1)).is_err());
    assert_eq!(all(&place.source()).0, objects(0..2));
    assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 0, "something was written outside");
}

proptest! {
    #[test]
    fn an_object_is_always_in_one_of_the_two_until_it_is_deleted_for_good(
        steps in proptest::collection::vec((0..3u8, 0..6u32), 0..24),
    ) {
        let place = Place::with(6);
        let (mut here, mut kept): (BTreeSet<u32>, BTreeSet<u32>) = ((0..6).collect(), BTreeSet::new());
        for (what, number) in steps {
            match (what, place.quarantine()) {
                (0, _) => {
                    place.source().remove(&key(number)).unwrap();
                    kept.extend(here.take(&number));
                }
                (1, Some(quarantine)) => {
                    prop_assert_eq!(quarantine.put_back(&key(number)).unwrap(), kept.contains(&number));
                    here.extend(kept.take(&number));
                }
                (2, Some(quarantine)) => {
                    quarantine.remove(&key(number)).unwrap();
                    kept.remove(&number);
                }
                (_, _) => prop_assert!(kept.is_empty()),
            }
            prop_assert_eq!(all(&place.source()), (objects(here.iter().copied()), 0));
            let found = place.quarantine().map(|store| all(&store).0).unwrap_or_default();
            prop_assert_eq!(found, objects(kept.iter().copied()));
        }
    }
}
