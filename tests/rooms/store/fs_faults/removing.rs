//! Removing from a folder store.

use super::*;

#[test]
fn removing_follows_no_link_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let (place, outside) = (Place::in_folder(folder.path()), folder.path().join("outside"));
    place.destination().unwrap().write(&key(ID), Bytes::from_static(b"an object")).unwrap();
    let store = place.source().unwrap();
    let refused = |what: &str| {
        let error = store.remove(&key(ID)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unreadable, "{what}: {error}");
        assert!(error.cause().contains("symbolic link"), "{what}: {error}");
        assert_eq!(store.read(&key(ID)).unwrap(), "an object", "{what}");
        assert_eq!(store.remove_empty_folders(&KeyRange::ALL).unwrap(), 0, "{what}");
    };
    for (what, path) in [("shard", place.file(ID).parent().unwrap().to_owned()), ("library", place.library())] {
        fs::rename(&path, &outside).unwrap();
        symlink(&outside, &path).unwrap();
        refused(what);
        // A link beside it, within the store, is no better.
        fs::remove_file(&path).unwrap();
        fs::rename(&outside, path.with_extension("moved")).unwrap();
        symlink(path.with_extension("moved"), &path).unwrap();
        refused(what);
        fs::remove_file(&path).unwrap();
        fs::rename(path.with_extension("moved"), &path).unwrap();
    }
    store.remove(&key(ID)).unwrap();
    assert_eq!(store.remove_empty_folders(&KeyRange::ALL).unwrap(), 2);
    assert!(place.root().is_dir() && !place.library().exists());
}

#[test]
fn a_source_may_be_removed_from_and_never_written() {
    let folder = tempfile::tempdir().unwrap();
    let place = Place::in_folder(folder.path());
    place.destination().unwrap().write(&key(ID), Bytes::from_static(b"x")).unwrap();
    let source = place.source().unwrap();
    assert_eq!(source.write(&key(ID), Bytes::new()).unwrap_err().kind(), ErrorKind::ReadOnly);
    source.remove(&key(ID)).unwrap();
    assert!(place.files().is_empty());
    assert!(place.file(ID).parent().unwrap().is_dir(), "folders go only when asked");
    assert_eq!(source.written_at(&key(ID)).unwrap_err().kind(), ErrorKind::NotFound);
}

#[test]
fn empty_folders_go_and_everything_that_is_no_folder_of_ours_stays() {
    let folder = tempfile::tempdir().unwrap();
    let place = Place::in_folder(folder.path());
    let store = place.destination().unwrap();
    let library = |n: u8| place.root().join(format!("{LIBRARY_STEM}{n:02}"));
    for path in ["00", "ff", "a0", "tmp", "0", "AB"] {
        fs::create_dir_all(library(1).join(path)).unwrap();
    }
    fs::create_dir_all(library(2).join("00")).unwrap();
    fs::write(library(2).join("11"), "a file by the name of a shard").unwrap();
    fs::create_dir_all(library(3)).unwrap();
    fs::create_dir_all(place.root().join("no library")).unwrap();
    // Three shards of the first, one of the second, and the third itself.
    assert_eq!(store.remove_empty_folders(&KeyRange::ALL).unwrap(), 5);
    let names = |path: &Path| {
        let mut names: Vec<_> = fs::read_dir(path).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    };
    assert_eq!(names(&library(1)), ["0", "AB", "tmp"]);
    assert_eq!(names(&library(2)), ["11"]);
    assert!(!library(3).exists() && place.root().join("no library").is_dir());
}
