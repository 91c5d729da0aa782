//! Lists of one library: complete for it, without objects of others, and refused as the list of all.

use std::path::Path;

use seaf_migrate::index;
use seaf_migrate::index::{ListError, ListLock, ListPaths, Opened, SetBuilder};
use seaf_migrate::object::{KeyRange, LibraryId, ObjectKind};

use crate::support::lists::{Model, Place, assert_same, list, model, object, objects};

/// A place for the list of the library that `object(0, libraries)` is in.
fn place_of_one(libraries: u64) -> (Place, LibraryId) {
    let mut place = Place::new();
    let library = object(0, libraries).key.library;
    place.paths = ListPaths::new(&place.folder.path().join("list"), ObjectKind::Blocks, Some(library));
    (place, library)
}

fn only(all: &Model, library: LibraryId) -> Model {
    all.iter().filter(|(key, _)| key.library == library).map(|(key, size)| (*key, *size)).collect()
}

#[test]
fn lists_of_libraries_beside_the_whole_list_keep_apart() {
    let place = Place::new();
    let all = model(0..300, 4);
    assert_same(&place.build(&all), &all);
    for number in [0, 1] {
        let library = object(number, 4).key.library;
        let paths = ListPaths::new(&place.folder.path().join("list"), ObjectKind::Blocks, Some(library));
        let lock = ListLock::acquire(&paths).unwrap();
        let (builder, missing) = SetBuilder::start_or_resume(&lock, &place.location).unwrap();
        assert_eq!(missing, [KeyRange::library(library)], "nothing of the whole list is taken over");
        list(&builder, builder.range(), &all);
        let own = only(&all, library);
        assert_same(&builder.finish().unwrap(), &own);
        let (_, mut journal) = index::prepare(&lock, &place.location).unwrap().known.unwrap();
        journal.append(&[object(number + 4000, 4)]).unwrap();
        drop((journal, lock));
        // What was noted for one library is not known to the other lists.
        assert_same(&place.known().0, &all);
        let set = index::open_read_only(&paths, &place.location).unwrap().unwrap();
        assert_eq!((set.library(), set.len()), (Some(library), own.len() as u64 + 1));
        assert!(all.keys().filter(|key| key.library != library).all(|key| set.find(key).is_none()));
        index::forget_all(&ListLock::acquire(&paths).unwrap()).unwrap();
    }
    assert_same(&place.known().0, &all);
}

#[test]
fn the_list_of_a_library_in_the_place_of_all_is_refused_and_the_other_way_round() {
    let (one, library) = place_of_one(3);
    let all = Place::new();
    one.build(&model(0..60, 3));
    all.build(&model(0..60, 3));
    let swap = std::fs::read(one.paths.base()).unwrap();
    std::fs::rename(all.paths.base(), one.paths.base()).unwrap();
    std::fs::write(all.paths.base(), swap).unwrap();
    for (place, found, expected) in [
        (&one, "all libraries".to_owned(), format!("library {library}")),
        (&all, library.to_string(), "all".to_owned()),
    ] {
        let error = place.prepare().unwrap_err();
        assert!(matches!(error, ListError::OtherScope { .. }), "{error}");
        let text = error.to_string();
        assert!(text.contains(&found) && text.contains(&expected) && text.contains("Put it back"), "{text}");
        // The file says which library it is about.
        assert!(index::inspect(place.paths.base()).is_ok());
        // The same for a listing that was not finished.
        std::fs::rename(place.paths.base(), place.paths.building()).unwrap();
        let error = SetBuilder::start_or_resume(&place.lock(), &place.location).unwrap_err();
        assert!(matches!(error, ListError::OtherScope { .. }), "{error}");
    }
}

#[test]
fn an_interrupted_listing_of_a_library_goes_on_within_it() {
    let (place, library) = place_of_one(3);
    let all = model(0..900, 3);
    let (low, high) = KeyRange::library(library).halves().unwrap();
    {
        let lock = place.lock();
        let (builder, _) = SetBuilder::start_or_resume(&lock, &place.location).unwrap();
        list(&builder, low, &all);
        assert!(matches!(builder.finish(), Err(ListError::Incomplete { missing: 1, first, .. }) if first == high));
    }
    let lock = place.lock();
    let (builder, missing) = SetBuilder::start_or_resume(&lock, &place.location).unwrap();
    assert_eq!(missing, [high]);
    list(&builder, high, &all);
    assert_same(&builder.finish().unwrap(), &only(&all, library));
}

#[test]
fn a_long_journal_is_merged_and_the_list_is_still_that_of_its_library() {
    let (place, library) = place_of_one(2);
    place.build(&model(0..10, 2));
    let all = model(0..20_000, 2);
    place.note(&objects(&only(&all, library)));
    let (set, journal) = place.known();
    assert!(journal.is_empty(), "not merged");
    assert_eq!(set.library(), Some(library));
    assert_same(&set, &only(&all, library));
    drop((set, journal));
    assert_same(&place.known().0, &only(&all, library));
}

#[test]
fn what_is_of_another_library_is_neither_listed_nor_noted() {
    let (place, library) = place_of_one(2);
    let stranger = object(1, 2);
    let lock = place.lock();
    let (builder, _) = SetBuilder::start_or_resume(&lock, &place.location).unwrap();
    for range in [KeyRange::ALL, KeyRange::library(stranger.key.library)] {
        let error = builder.stream().page(range, &[]).unwrap_err();
        assert!(matches!(error, ListError::Order { .. }), "{error}");
    }
    // A store without an order may hand in more than was asked for.
    let input = builder.unsorted();
    input.push(&objects(&model(0..50, 2))).unwrap();
    input.finish().unwrap();
    assert_same(&builder.finish().unwrap(), &only(&model(0..50, 2), library));
    let (_, mut journal) = index::prepare(&lock, &place.location).unwrap().known.unwrap();
    let error = journal.append(&[object(2, 2), stranger]).unwrap_err();
    assert!(error.to_string().contains(&stranger.key.to_string()), "{error}");
    // Nothing of that batch was noted, and the journal takes what is right.
    assert!(journal.is_empty());
    journal.append(&[object(100, 2)]).unwrap();
    assert_eq!(journal.len(), 1);
}

#[test]
fn the_old_scripts_list_of_a_library_becomes_one() {
    let (place, library) = place_of_one(3);
    let text: String = model(0..30, 3).keys().map(|key| format!("{key}\n")).collect();
    std::fs::write(place.paths.base(), text).unwrap();
    let paths = ListPaths::of_file(place.paths.base()).unwrap();
    assert_eq!(paths, place.paths, "the name of the file says which library");
    let prepared = place.prepare().unwrap();
    let (set, report) = (prepared.known.unwrap().0, prepared.imported.unwrap());
    assert_eq!((set.library(), set.len(), set.is_imported()), (Some(library), 10, true));
    assert_eq!((report.lines, report.invalid), (30, 20));
    assert!(report.to_string().contains("20 of them"), "{report}");
}

#[test]
fn every_changed_byte_of_the_list_of_a_library_is_found() {
    let (place, _) = place_of_one(3);
    place.build(&model(0..30, 3));
    let good = std::fs::read(place.paths.base()).unwrap();
    for at in 0..good.len() {
        let mut bytes = good.clone();
        bytes[at] ^= 1;
        std::fs::write(place.paths.base(), bytes).unwrap();
        let error = index::open(&place.paths, &place.location).expect_err("a changed byte");
        assert!(matches!(error, ListError::Damaged { .. } | ListError::NotAList { .. }), "byte {at}: {error}");
    }
    std::fs::write(place.paths.base(), good).unwrap();
    assert!(matches!(index::open(&place.paths, &place.location), Ok(Opened::Complete(_))));
}

#[test]
fn the_name_of_a_file_says_what_its_list_is_about() {
    let library = object(0, 1).key.library;
    let name = |text: &str| ListPaths::of_file(Path::new(text)).map(|paths| (paths.kind(), paths.library()));
    assert_eq!(name("/a/x.fs"), Some((ObjectKind::Fs, None)));
    assert_eq!(name("/a/x_y.blocks"), Some((ObjectKind::Blocks, None)));
    assert_eq!(name(&format!("/a/x_y_{library}.commits")), Some((ObjectKind::Commits, Some(library))));
    assert_eq!(name(&format!("/a/x{library}.commits")), Some((ObjectKind::Commits, None)));
    for other in ["/a/x", "/a/x.text", "/a/x.fs.journal", ""] {
        assert_eq!(name(other), None, "{other}");
    }
}
