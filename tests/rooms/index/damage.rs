//! A changed byte is found, wherever it is.

use std::path::Path;

use seaf_migrate::index;
use seaf_migrate::index::{Index, ListError, Opened};

use crate::support::lists::{Model, Place, assert_same, model, object, objects};

/// A complete list of a few objects with a journal of two batches.
fn small() -> (Place, Model, Model) {
    let place = Place::new();
    let listed = model(0..12, 3);
    place.build(&listed);
    let mut all = listed.clone();
    for batch in [20..23, 23..25] {
        let batch = model(batch, 3);
        place.note(&objects(&batch));
        all.extend(batch);
    }
    (place, listed, all)
}

fn flip(path: &Path, at: usize, mask: u8) {
    let mut bytes = std::fs::read(path).unwrap();
    bytes[at] ^= mask;
    std::fs::write(path, bytes).unwrap();
}

#[test]
fn every_single_changed_byte_of_a_list_is_found() {
    let (place, ..) = small();
    let base = place.paths.base();
    for at in 0..std::fs::read(base).unwrap().len() {
        for mask in [1, 0x80, 0xff] {
            flip(base, at, mask);
            let error = index::open(&place.paths, &place.location).expect_err("a changed byte");
            assert!(matches!(error, ListError::Damaged { .. } | ListError::NotAList { .. }), "byte {at}: {error}");
            assert!(place.prepare().is_err());
            flip(base, at, mask);
        }
    }
    place.known();
}

#[test]
fn changed_bytes_of_a_big_list_are_found() {
    let place = Place::new();
    place.build(&model(0..80_000, 9));
    let base = place.paths.base();
    let length = std::fs::read(base).unwrap().len();
    let mut random = fastrand::Rng::with_seed(2);
    for _ in 0..40 {
        let (at, mask) = (random.usize(..length), random.u8(1..));
        flip(base, at, mask);
        assert!(matches!(place.prepare(), Err(ListError::Damaged { .. } | ListError::NotAList { .. })), "byte {at}");
        flip(base, at, mask);
    }
    place.known();
}

#[test]
fn a_list_cut_or_lengthened_anywhere_is_refused() {
    let (place, ..) = small();
    let base = place.paths.base();
    let whole = std::fs::read(base).unwrap();
    for length in 1..whole.len() {
        std::fs::write(base, &whole[..length]).unwrap();
        assert!(
            matches!(place.prepare(), Err(ListError::Damaged { .. } | ListError::NotAList { .. })),
            "{length} bytes"
        );
    }
    for more in [1, 36, 200] {
        let mut longer = whole.clone();
        longer.extend(vec![0; more]);
        std::fs::write(base, &longer).unwrap();
        assert!(
            matches!(place.prepare(), Err(ListError::Damaged { .. } | ListError::NotAList { .. })),
            "{more} bytes more"
        );
    }
}

/// The sets that may come of a journal of which a byte was changed: the list with the first `n` records.
fn is_a_past(set: &Index, listed: &Model) -> bool {
    let mut expected = listed.clone();
    let noted = [20, 21, 22, 23, 24].map(|number| object(number, 3));
    let mut order: Vec<_> = objects(&model(20..23, 3));
    order.extend(objects(&model(23..25, 3)));
    assert_eq!(order.len(), noted.len());
    for next in std::iter::once(None).chain(order.into_iter().map(Some)) {
        expected.extend(next.map(|next| (next.key, next.size)));
        if set.iter().map(Result::unwrap).eq(objects(&expected)) {
            return true;
        }
    }
    false
}

#[test]
fn a_changed_byte_of_a_journal_is_refused_or_its_batch_is_cut() {
    let (place, listed, all) = small();
    let (path, fresh) = (place.paths.journal(), Place::new());
    let whole = std::fs::read(&path).unwrap();
    let start = whole.len() - 5 * 48;
    for at in 0..whole.len() {
        crate::support::lists::copy_files(place.folder.path(), fresh.folder.path());
        flip(&fresh.paths.journal(), at, 0x40);
        match fresh.prepare() {
            Err(error) => {
                assert!(matches!(error, ListError::Damaged { .. } | ListError::NotAList { .. }), "byte {at}: {error}");
                assert!(at < start + 3 * 48, "byte {at} of the last batch is no reason to refuse");
            }
            Ok(prepared) => {
                assert!(at >= start + 3 * 48, "byte {at} was made durable long ago");
                let (set, journal) = prepared.known.unwrap();
                assert!(is_a_past(&set, &listed) && set.len() < all.len() as u64);
                assert!(journal.len() < 5);
            }
        }
    }
}

#[test]
fn a_page_of_the_last_batch_that_never_reached_the_disk_is_cut() {
    let (place, listed, _) = small();
    let path = place.paths.journal();
    let mut bytes = std::fs::read(&path).unwrap();
    let at = bytes.len() - 2 * 48;
    bytes[at..at + 48].fill(0);
    std::fs::write(&path, bytes).unwrap();
    let (set, journal) = place.known();
    assert_eq!(journal.len(), 3);
    assert!(is_a_past(&set, &listed));
}

#[test]
fn what_is_neither_list_nor_text_is_refused() {
    let place = Place::new();
    std::fs::write(place.paths.base(), b"\x7fELF and so on, no name of an object in it\n").unwrap();
    assert!(matches!(place.prepare(), Err(ListError::NotAList { .. })));
    // As the old script did, an empty file is taken for none.
    std::fs::write(place.paths.base(), b"\n").unwrap();
    assert!(matches!(index::open(&place.paths, &place.location), Ok(Opened::Absent)));
    assert_same(&place.build(&model(0..3, 1)), &model(0..3, 1));
}
