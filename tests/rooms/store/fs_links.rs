//! Symbolic links: a source follows them, as the server does; a destination follows none below the folder of a kind,
//! because whoever may write there could lead root to other people's files.

use std::fs;
use std::os::unix::fs::{lchown, symlink};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use seaf_migrate::store::{ErrorKind, Listed, ReadStore, StoreError, WriteStore};

use crate::support::folder::{ID, Place, key, list};
use crate::support::skip::skip;

/// A store with one object, whose library's or shard's folder is then moved away and replaced by a link to it.
fn with_link(at: fn(&Place) -> PathBuf) -> (tempfile::TempDir, Place, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let place = Place::in_folder(folder.path());
    place.destination().unwrap().write(&key(ID), Bytes::from_static(b"data")).unwrap();
    let (link, outside) = (at(&place), folder.path().join("outside"));
    fs::rename(&link, &outside).unwrap();
    symlink(&outside, &link).unwrap();
    (folder, place, link)
}

fn library(place: &Place) -> PathBuf {
    place.library()
}

fn shard(place: &Place) -> PathBuf {
    place.library().join(&ID[..2])
}

fn names_of(folder: &Path) -> usize {
    walkdir::WalkDir::new(folder).into_iter().count()
}

#[test]
fn a_destination_follows_no_link_to_a_library_or_shard_and_names_it() {
    for at in [library as fn(&Place) -> PathBuf, shard] {
        let (folder, place, link) = with_link(at);
        let outside = folder.path().join("outside");
        let before = names_of(&outside);
        let other = key(&format!("{}{}", &ID[..2], "0".repeat(38)));
        let writing = place.destination().unwrap();
        let reading = place.destination_to_read();
        let errors: Vec<StoreError> = vec![
            writing.write(&other, Bytes::from_static(b"x")).unwrap_err(),
            writing.read(&key(ID)).unwrap_err(),
            writing.size(&key(ID)).unwrap_err(),
            list(&writing).unwrap_err(),
            reading.read(&key(ID)).unwrap_err(),
            reading.size(&key(ID)).unwrap_err(),
            list(&reading).unwrap_err(),
        ];
        for error in errors {
            assert!(error.to_string().contains(link.to_str().unwrap()), "{error}");
            assert!(error.cause().contains("symbolic link"), "{error}");
            assert_ne!(error.kind(), ErrorKind::NotFound, "{error}");
        }
        assert_eq!(names_of(&outside), before, "nothing was written where the link leads");
    }
}

#[test]
fn a_source_follows_them() {
    for at in [library as fn(&Place) -> PathBuf, shard] {
        let (_folder, place, _) = with_link(at);
        let source = place.source().unwrap();
        assert_eq!(source.read(&key(ID)).unwrap(), "data");
        assert_eq!(list(&source).unwrap(), [Listed { key: key(ID), size: Some(4) }]);
    }
}

#[test]
fn a_link_in_the_place_of_an_object_is_no_object_of_a_destination() {
    let folder = tempfile::tempdir().unwrap();
    let place = Place::in_folder(folder.path());
    let store = place.destination().unwrap();
    store.write(&key(ID), Bytes::from_static(b"data")).unwrap();
    let outside = folder.path().join("outside");
    fs::rename(place.file(ID), &outside).unwrap();
    symlink(&outside, place.file(ID)).unwrap();
    assert_eq!(list(&store).unwrap(), []);
    for reader in [&store, &place.destination_to_read()] {
        assert_eq!(reader.read(&key(ID)).unwrap_err().kind(), ErrorKind::Unreadable);
        assert_eq!(reader.size(&key(ID)).unwrap_err().kind(), ErrorKind::Unreadable);
    }
    assert_eq!(list(&place.destination_to_read()).unwrap(), [Listed { key: key(ID), size: Some(0) }]);
    store.write(&key(ID), Bytes::from_static(b"again")).unwrap();
    assert_eq!((fs::read(&outside).unwrap(), store.read(&key(ID)).unwrap()), (b"data".to_vec(), Bytes::from("again")));
}

#[test]
fn the_folders_of_the_store_may_be_links_of_root_or_of_us_and_of_nobody_else() {
    for name in ["", "storage", "storage/blocks"] {
        let world = tempfile::tempdir().unwrap();
        let place = Place::in_folder(&world.path().join("store"));
        fs::create_dir(&place.0).unwrap();
        place.destination().unwrap().write(&key(ID), Bytes::from_static(b"data")).unwrap();
        let (link, outside) = (world.path().join("store").join(name), world.path().join("outside"));
        let link: PathBuf = link.components().collect();
        fs::rename(&link, &outside).unwrap();
        symlink(&outside, &link).unwrap();
        assert_eq!(list(&place.destination().unwrap()).unwrap().len(), 1, "{name}: our own link");
        if lchown(&link, Some(65534), None).is_err() {
            return skip("links of others", "only root can give a link to another user");
        }
        let error = place.destination().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Denied, "{name}: {error}");
        assert!(error.to_string().contains(link.to_str().unwrap()) && error.cause().contains("65534"), "{error}");
        assert_eq!(list(&place.source().unwrap()).unwrap().len(), 1, "{name}: a source may be anybody's");
    }
}
