//! A crash at any instant costs work at most: no wrong answer, no repair by hand.

use std::path::Path;

use seaf_migrate::index;
use seaf_migrate::index::SetBuilder;
use seaf_migrate::object::KeyRange;

use crate::support::lists::{Model, Place, assert_same, copy_files, list, model, object, objects};

/// An unfinished listing of several parts, as it lies on disk.
fn unfinished(place: &Place, model: &Model) {
    for _ in 0..3 {
        let lock = place.lock();
        let (builder, missing) = SetBuilder::start_or_resume(&lock, &place.location).unwrap();
        list(&builder, missing[0].halves().unwrap().0, model);
        assert!(builder.finish().is_err());
    }
}

#[test]
fn an_unfinished_listing_cut_at_any_byte_is_continued() {
    let (place, other) = (Place::new(), Place::new());
    let model = model(0..9, 3);
    unfinished(&place, &model);
    let whole = std::fs::read(place.paths.building()).unwrap();
    for length in 0..=whole.len() {
        std::fs::remove_file(other.paths.base()).unwrap_or_default();
        std::fs::write(other.paths.building(), &whole[..length]).unwrap();
        assert!(other.prepare().unwrap().known.is_none());
        assert_same(&other.build(&model), &model);
    }
}

#[test]
fn a_changed_byte_of_an_unfinished_listing_is_never_believed() {
    let (place, other) = (Place::new(), Place::new());
    let model = model(0..9, 3);
    unfinished(&place, &model);
    let whole = std::fs::read(place.paths.building()).unwrap();
    for at in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x10;
        std::fs::remove_file(other.paths.base()).unwrap_or_default();
        std::fs::write(other.paths.building(), bytes).unwrap();
        assert_same(&other.build(&model), &model);
    }
}

#[test]
fn what_was_listed_is_not_listed_again() {
    let place = Place::new();
    let model = model(0..2000, 9);
    unfinished(&place, &model);
    let lock = place.lock();
    let (builder, missing) = SetBuilder::start_or_resume(&lock, &place.location).unwrap();
    // Three times the first half of what was missing was listed: an eighth is left.
    let eighth = KeyRange::ALL.halves().unwrap().1.halves().unwrap().1.halves().unwrap().1;
    assert_eq!(missing, [eighth]);
    list(&builder, eighth, &model);
    assert_same(&builder.finish().unwrap(), &model);
}

#[test]
fn a_listing_that_is_given_up_keeps_what_it_had() {
    let place = Place::new();
    let lock = place.lock();
    let (builder, missing) = SetBuilder::start_or_resume(&lock, &place.location).unwrap();
    let (low, high) = missing[0].halves().unwrap();
    list(&builder, low, &model(0..50, 4));
    drop(builder);
    let (_builder, missing) = SetBuilder::start_or_resume(&lock, &place.location).unwrap();
    assert_eq!(missing, [high]);
}

#[test]
fn a_stream_that_was_not_finished_counts_as_not_listed() {
    let place = Place::new();
    let model = model(0..500, 4);
    let lock = place.lock();
    let (builder, missing) = SetBuilder::start_or_resume(&lock, &place.location).unwrap();
    let (low, high) = missing[0].halves().unwrap();
    list(&builder, low, &model);
    let mut stream = builder.stream();
    stream.page(high, &[]).unwrap();
    drop(stream);
    assert!(builder.finish().is_err());
    let (builder, missing) = SetBuilder::start_or_resume(&lock, &place.location).unwrap();
    assert_eq!(missing, [high]);
    list(&builder, high, &model);
    assert_same(&builder.finish().unwrap(), &model);
}

#[test]
fn a_journal_cut_at_any_byte_keeps_what_is_whole() {
    let (place, other) = (Place::new(), Place::new());
    let mut expected = vec![model(0..10, 2)];
    place.build(&expected[0]);
    for number in 100..106 {
        place.note(&[object(number, 2)]);
        let mut next = expected.last().unwrap().clone();
        next.extend(model(number..=number, 2));
        expected.push(next);
    }
    let whole = std::fs::read(place.paths.journal()).unwrap();
    let start = whole.len() - 6 * 48;
    for length in start..=whole.len() {
        copy_files(place.folder.path(), other.folder.path());
        std::fs::write(other.paths.journal(), &whole[..length]).unwrap();
        let records = (length - start) / 48;
        let (set, mut journal) = other.known();
        assert_eq!(journal.len(), records as u64);
        assert_same(&set, &expected[records]);
        // The place that was cut is good to write on.
        journal.append(&[object(105, 2)]).unwrap();
        drop(journal);
        assert_eq!(other.known().1.len(), records as u64 + 1);
    }
}

/// The states that a kill can leave while the list is replaced, by files of the folders before and after.
fn between(before: &Path, after: &Path, place: &Place) -> Vec<(String, Place)> {
    let (base, journal) = (place.paths.base().file_name().unwrap(), place.paths.journal());
    let journal = journal.file_name().unwrap();
    let new = std::fs::read(after.join(base)).unwrap();
    let mut states = Vec::new();
    let lengths = (0..=new.len()).step_by(new.len() / 40 + 1).chain([new.len()]);
    for length in lengths {
        let state = Place::new();
        copy_files(before, state.folder.path());
        std::fs::write(state.paths.merging(), &new[..length]).unwrap();
        states.push((format!("{length} bytes of the new list written"), state));
    }
    let renamed = Place::new();
    copy_files(before, renamed.folder.path());
    std::fs::copy(after.join(base), renamed.paths.base()).unwrap();
    states.push(("the new list in place, the journal as it was".to_owned(), renamed));

    let begun = Place::new();
    copy_files(before, begun.folder.path());
    std::fs::copy(after.join(base), begun.paths.base()).unwrap();
    let mut new_journal = begun.paths.journal().into_os_string();
    new_journal.push(".new");
    std::fs::write(new_journal, &std::fs::read(after.join(journal)).unwrap()[..20]).unwrap();
    states.push(("a new journal half written".to_owned(), begun));
    states
}

#[test]
fn a_merge_killed_at_any_step_changes_no_answer() {
    let (place, before) = (Place::new(), Place::new());
    let mut expected = model(0..400, 3);
    place.build(&expected);
    place.note(&objects(&model(300..600, 3)));
    expected.extend(model(300..600, 3));
    copy_files(place.folder.path(), before.folder.path());
    {
        let lock = place.lock();
        let (set, journal) = index::prepare(&lock, &place.location).unwrap().known.unwrap();
        index::merge(&lock, &set, journal).unwrap();
    }
    for (state, at) in between(before.folder.path(), place.folder.path(), &place) {
        assert_same(&index::open_read_only(&at.paths, &at.location).unwrap().unwrap(), &expected);
        for _ in 0..2 {
            let (set, _journal) = at.known();
            assert_same(&set, &expected);
            assert!(!at.paths.merging().exists(), "{state}");
        }
        at.note(&[object(900, 3)]);
        assert_eq!(at.known().0.len(), expected.len() as u64 + 1, "{state}");
    }
}

#[test]
fn an_out_of_date_journal_brings_nothing_back() {
    // Objects that the journal named have gone from the destination, and the list was made anew.
    let place = Place::new();
    place.build(&model(0..10, 1));
    place.note(&[object(50, 1)]);
    index::forget_all(&place.lock()).unwrap();
    assert!(place.prepare().unwrap().known.is_none());
    place.build(&model(0..10, 1));
    assert_same(&place.known().0, &model(0..10, 1));
}

#[test]
fn a_complete_list_wins_over_a_listing_begun_before() {
    let place = Place::new();
    unfinished(&place, &model(0..100, 1));
    let kept = std::fs::read(place.paths.building()).unwrap();
    place.build(&model(0..100, 1));
    std::fs::write(place.paths.building(), kept).unwrap();
    assert_same(&place.known().0, &model(0..100, 1));
    assert!(!place.paths.building().exists());
}
