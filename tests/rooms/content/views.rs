//! An object of any size is read in little memory, and says the same as one that is read whole.

use fastrand::Rng;
use seaf_migrate::content::{Damage, Dirent, FsKind, FsObject, FsView};
use seaf_migrate::object::{ObjectId, ObjectKind};

use crate::support::changed::changed;
use crate::support::library::objects::{Child, deflate, dir, file, sha1};
use crate::support::sample;

/// More blanks than an object that is read whole may have.
fn blanks() -> String {
    " ".repeat(300 << 10)
}

/// What a view names.
fn seen(view: &FsView<'_>) -> (FsKind, Vec<Dirent>, Vec<ObjectId>) {
    let (mut entries, mut blocks) = (Vec::new(), Vec::new());
    view.entries(|entry| entries.push(entry.clone()));
    view.blocks(|id| blocks.push(id));
    assert_eq!(view.count, (entries.len() + blocks.len()) as u64);
    (view.kind, entries, blocks)
}

#[test]
fn a_large_object_says_the_same_as_a_small_one_whatever_is_in_it() {
    let json_of = |data: Vec<u8>| {
        let mut json = Vec::new();
        std::io::Read::read_to_end(&mut flate2::read::ZlibDecoder::new(&data[..]), &mut json).unwrap();
        json
    };
    let of_fs = sample::sample_objects().into_iter().filter(|(kind, ..)| *kind == ObjectKind::Fs);
    let seeds: Vec<Vec<u8>> = of_fs.map(|(.., data)| json_of(data)).filter(|json| json.len() < 2000).collect();
    let mut random = Rng::with_seed(11);
    let (mut good, mut bad) = (0, 0);
    for round in 0..300 {
        let seed = random.choice(&seeds).unwrap();
        let json = if round % 3 == 0 { seed.clone() } else { changed(seed, &mut random) };
        let large = [blanks().as_bytes(), &json].concat();
        let (id, large_id) = (sha1(&json), sha1(&large));
        let (small_data, large_data) = (deflate(&json, 1), deflate(&large, 1));
        match (FsView::open(&id, &small_data), FsView::open(&large_id, &large_data)) {
            (Ok(small), Ok(large)) => {
                assert_eq!((small.wrong_id, large.wrong_id), (None, None));
                assert_eq!(seen(&small), seen(&large));
                good += 1;
            }
            (Err(small), Err(large)) => {
                assert_eq!(small, large);
                bad += 1;
            }
            (small, large) => panic!("{}: {small:?} and {large:?}", String::from_utf8_lossy(&json)),
        }
    }
    assert!(good > 50 && bad > 50, "{good} good, {bad} bad");
}

#[test]
fn a_directory_of_a_hundred_thousand_entries_names_each_of_them_in_both_formats() {
    let children: Vec<Child> = (0..100_000u32)
        .map(|number| Child {
            id: sha1(&number.to_be_bytes()),
            name: format!("file {number:06}"),
            size: Some(u64::from(number)),
            mtime: 1,
        })
        .collect();
    for version in [0, 1] {
        let (id, data) = dir(version, &children);
        let view = FsView::open(&id, &data).unwrap();
        assert_eq!((view.kind, view.wrong_id, view.count), (FsKind::Dir, None, 100_000));
        let FsObject::Dir { entries } = FsObject::parse(&id, &data).unwrap().object else { panic!("no directory") };
        assert_eq!(seen(&view), (FsKind::Dir, entries, Vec::new()));
        let other = FsView::open(&ObjectId::EMPTY, &data).unwrap();
        assert_eq!(other.wrong_id, Some(id), "version {version}");
    }
}

#[test]
fn a_file_of_fifty_thousand_blocks_names_each_of_them_in_both_formats() {
    let blocks: Vec<ObjectId> = (0..50_000u32).map(|number| sha1(&number.to_be_bytes())).collect();
    for version in [0, 1] {
        let (id, data) = file(version, 7, &blocks);
        let view = FsView::open(&id, &data).unwrap();
        assert_eq!((view.wrong_id, view.count), (None, 50_000));
        assert_eq!(seen(&view), (FsKind::File { size: 7 }, Vec::new(), blocks.clone()), "version {version}");
    }
}

#[test]
fn a_large_object_that_is_damaged_at_its_very_end_is_damaged() {
    let json = format!("{{\"dirents\": [], \"type\": 3}}{}", blanks());
    for (end, why) in [("x", "trailing characters"), ("{}", "trailing characters")] {
        let json = format!("{json}{end}");
        let opened = FsView::open(&sha1(json.as_bytes()), &deflate(json.as_bytes(), 1)).map(|view| view.kind);
        assert_eq!(opened, Err(Damage::Malformed(why.to_owned())));
    }
    let data = deflate(json.as_bytes(), 1);
    assert_eq!(FsView::open(&sha1(json.as_bytes()), &data).unwrap().kind, FsKind::Dir);
    let cut = FsView::open(&sha1(json.as_bytes()), &data[..data.len() - 1]).map(|view| view.kind);
    assert_eq!(cut, Err(Damage::Truncated));
}

#[test]
fn a_text_without_end_is_refused_and_not_held() {
    for json in [
        format!("{{\"type\": 3, \"dirents\": [], \"x\": \"{}\"}}", "x".repeat(2 << 20)),
        format!("{{\"type\": 3, \"dirents\": [], \"x\": {}}}", "1".repeat(2 << 20)),
    ] {
        let opened = FsView::open(&sha1(json.as_bytes()), &deflate(json.as_bytes(), 1)).map(|view| view.kind);
        let Err(Damage::Malformed(why)) = opened else { panic!("{opened:?}") };
        assert_eq!(why, "a string or a number is longer than any object has");
    }
}

#[test]
fn an_object_that_nobody_wants_any_more_is_not_decompressed() {
    let asked = std::cell::Cell::new(0);
    let is_wanted = || asked.replace(asked.get() + 1) > 0;
    let (id, data) = file(1, 5, &[ObjectId::from_bytes([7; 20])]);
    assert!(FsView::open_while(&is_wanted, &id, &data).unwrap().is_none());
    assert_eq!(FsView::open_while(&is_wanted, &id, &data).unwrap().unwrap().wrong_id, None);
    // Damaged at its end, which is not looked at then.
    assert!(FsView::open_while(&|| false, &id, &data[..data.len() - 1]).unwrap().is_none());
}
