//! Files of other programs, lists in use and damaged lists are refused, and the message says what to do.

use seaf_migrate::index;
use seaf_migrate::index::{ListError, ListLock, ListPaths, SetBuilder};
use seaf_migrate::object::{KeyRange, ObjectKind};

use crate::support::lists::{Place, list, location, model, object};

#[test]
fn the_list_of_another_destination_is_refused() {
    let mut place = Place::new();
    place.build(&model(0..10, 1));
    place.location = location("host/other-bucket");
    let error = place.prepare().unwrap_err();
    assert!(matches!(error, ListError::OtherDestination { .. }));
    let text = error.to_string();
    assert!(text.contains("s3:host/bucket") && text.contains("s3:host/other-bucket"), "{text}");
    assert!(text.contains("OBJECT_LIST_FILE_PATH"), "{text}");
}

#[test]
fn the_unfinished_list_of_another_destination_is_refused() {
    let place = Place::new();
    let lock = place.lock();
    let (builder, _) = SetBuilder::start_or_resume(&lock, &place.location).unwrap();
    assert!(builder.finish().is_err());
    let error = SetBuilder::start_or_resume(&lock, &location("elsewhere")).unwrap_err();
    assert!(matches!(error, ListError::OtherDestination { .. }));
}

#[test]
fn the_list_of_another_kind_is_refused() {
    let mut place = Place::new();
    place.build(&model(0..10, 1));
    place.location.kind = ObjectKind::Fs;
    assert!(matches!(place.prepare(), Err(ListError::OtherKind { .. })));
}

#[test]
fn the_list_of_a_newer_program_is_refused() {
    let place = Place::new();
    place.build(&model(0..10, 1));
    let mut bytes = std::fs::read(place.paths.base()).unwrap();
    let length = u32::from_le_bytes(bytes[8..12].try_into().unwrap()) as usize;
    bytes[12] = 9;
    let sum = crc32fast::hash(&bytes[..length - 4]);
    bytes[length - 4..length].copy_from_slice(&sum.to_le_bytes());
    std::fs::write(place.paths.base(), bytes).unwrap();
    assert!(matches!(place.prepare(), Err(ListError::NewerVersion { found: 9, .. })));
}

#[test]
fn two_runs_at_once_are_refused_and_the_first_is_named() {
    let place = Place::new();
    place.build(&model(0..10, 1));
    let (_set, journal) = place.known();
    let error = ListLock::acquire(&place.paths).unwrap_err();
    assert!(error.to_string().contains(&format!("process {}", std::process::id())), "{error}");
    // A dry run may read it all the same.
    assert!(index::open_read_only(&place.paths, &place.location).unwrap().is_some());
    drop(journal);
    place.lock();
}

#[test]
fn the_lists_of_two_libraries_do_not_meet() {
    let place = Place::new();
    let prefix = place.folder.path().join("list");
    let library = object(1, 1).key.library;
    let paths = ListPaths::new(&prefix, ObjectKind::Fs, Some(library));
    assert_eq!(paths.base(), place.folder.path().join(format!("list_{library}.fs")));
    let _one = place.lock();
    ListLock::acquire(&paths).unwrap();
}

#[test]
fn a_listing_out_of_order_is_refused() {
    let place = Place::new();
    let lock = place.lock();
    let (builder, _) = SetBuilder::start_or_resume(&lock, &place.location).unwrap();
    let (low, high) = KeyRange::ALL.halves().unwrap();
    let [mut a, mut b] = [object(1, 1), object(2, 1)];
    if a.key > b.key {
        std::mem::swap(&mut a, &mut b);
    }
    let out_of_order = |result| assert!(matches!(result, Err(ListError::Order { .. })));
    out_of_order(builder.stream().page(KeyRange::ALL, &[b, a]));
    let elsewhere = if low.contains(&a.key) { high } else { low };
    out_of_order(builder.stream().page(elsewhere, &[a]));
    let mut stream = builder.stream();
    stream.page(high, &[]).unwrap();
    out_of_order(stream.page(low, &[]));
    stream.finish().unwrap();
    assert!(matches!(builder.finish(), Err(ListError::Incomplete { missing: 1, .. })));
}

#[test]
fn a_range_listed_twice_is_no_complete_list() {
    let place = Place::new();
    let lock = place.lock();
    let (builder, _) = SetBuilder::start_or_resume(&lock, &place.location).unwrap();
    let (low, high) = KeyRange::ALL.halves().unwrap();
    for part in [low, high, low] {
        list(&builder, part, &model(0..10, 1));
    }
    assert!(matches!(builder.finish(), Err(ListError::Order { .. } | ListError::Incomplete { .. })));
    // Nothing of such a listing is taken up.
    drop(lock);
    place.build(&model(0..10, 1));
}

#[test]
fn a_gap_is_named() {
    let place = Place::new();
    let lock = place.lock();
    let (builder, _) = SetBuilder::start_or_resume(&lock, &place.location).unwrap();
    let (low, high) = KeyRange::ALL.halves().unwrap();
    list(&builder, high, &model(0..10, 1));
    match builder.finish() {
        Err(ListError::Incomplete { missing: 1, first, .. }) => assert_eq!(first, low),
        other => panic!("{other:?}"),
    }
}
