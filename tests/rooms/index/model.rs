//! Building, continuing, noting, merging and opening again, compared with a plain map.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::PermissionsExt;

use proptest::prelude::*;
use seaf_migrate::index;
use seaf_migrate::index::{Journal, SetBuilder};
use seaf_migrate::object::{KeyRange, ObjectKey};
use seaf_migrate::store::Listed;

use crate::support::lists::{Model, Place, assert_same, list, model, object, objects};

#[test]
fn an_empty_destination_is_a_complete_list() {
    let place = Place::new();
    assert!(place.prepare().unwrap().known.is_none());
    assert_same(&place.build(&Model::new()), &Model::new());
    assert_same(&place.known().0, &Model::new());
}

#[test]
fn what_was_listed_is_found() {
    for libraries in [1, 7, 3000] {
        let place = Place::new();
        let model = model(0..3000, libraries);
        assert_same(&place.build(&model), &model);
        assert_same(&place.known().0, &model);
    }
}

#[test]
fn a_big_library_is_cut_into_shards() {
    let place = Place::new();
    let model = model(0..100_000, 1);
    let set = place.build(&model);
    let shards: Vec<_> = set.shards().collect();
    assert!(shards.len() >= 7 && shards.iter().all(|shard| shard.keys <= 16 * 1024), "{shards:?}");
    assert!(shards.windows(2).all(|pair| pair[0].range.is_followed_by(&pair[1].range)));
    assert_same(&set, &model);
}

#[test]
fn many_small_parts_make_few_shards() {
    let model = model(0..2000, 500);
    let mut parts = vec![KeyRange::ALL];
    for _ in 0..9 {
        parts = parts.iter().flat_map(|part| [part.halves().unwrap().0, part.halves().unwrap().1]).collect();
    }
    for order in ["up", "down", "mixed"] {
        let place = Place::new();
        let mut parts = parts.clone();
        match order {
            "down" => parts.reverse(),
            "mixed" => fastrand::Rng::with_seed(4).shuffle(&mut parts),
            _ => {}
        }
        let lock = place.lock();
        let (builder, _) = SetBuilder::start_or_resume(&lock, &place.location).unwrap();
        for part in parts {
            list(&builder, part, &model);
        }
        let set = builder.finish().unwrap();
        assert_eq!(set.shards().count(), 1, "{order}");
        assert_same(&set, &model);
    }
}

#[test]
fn a_listing_interrupted_a_hundred_times_leaves_no_crumbs() {
    let place = Place::new();
    let model = model(0..2000, 500);
    for _ in 0..100 {
        let lock = place.lock();
        let (builder, missing) = SetBuilder::start_or_resume(&lock, &place.location).unwrap();
        let first = model.range(missing[0].first()..).nth(9).unwrap().0;
        list(&builder, KeyRange::new(missing[0].first(), *first).unwrap(), &model);
        assert!(builder.finish().is_err());
    }
    let set = place.build(&model);
    assert_eq!(set.shards().count(), 1);
    assert_same(&set, &model);
    assert_eq!(place.names(), ["list.blocks", "list.blocks.lock"]);
}

#[test]
fn streams_run_side_by_side() {
    let place = Place::new();
    let model = model(0..20_000, 50);
    let lock = place.lock();
    let (builder, _) = SetBuilder::start_or_resume(&lock, &place.location).unwrap();
    let (low, high) = KeyRange::ALL.halves().unwrap();
    std::thread::scope(|scope| {
        for part in [low.halves().unwrap().0, low.halves().unwrap().1, high] {
            let (builder, model) = (&builder, &model);
            scope.spawn(move || list(builder, part, model));
        }
    });
    assert_same(&builder.finish().unwrap(), &model);
}

#[test]
fn a_store_without_order_is_sorted_on_the_way() {
    let place = Place::new();
    let model = model(0..5000, 3);
    let mut shuffled = objects(&model);
    fastrand::Rng::with_seed(1).shuffle(&mut shuffled);
    let lock = place.lock();
    let (builder, _) = SetBuilder::start_or_resume(&lock, &place.location).unwrap();
    let input = builder.unsorted();
    std::thread::scope(|scope| {
        for page in shuffled.chunks(1000) {
            let input = &input;
            scope.spawn(move || input.push(page).unwrap());
        }
    });
    // A server may name an object twice.
    input.push(&shuffled[..10]).unwrap();
    input.finish().unwrap();
    assert_same(&builder.finish().unwrap(), &model);
}

#[test]
fn a_name_that_comes_twice_counts_once() {
    let place = Place::new();
    let once = object(1, 1);
    let lock = place.lock();
    let (builder, _) = SetBuilder::start_or_resume(&lock, &place.location).unwrap();
    let mut stream = builder.stream();
    stream.page(KeyRange::ALL, &[once, once]).unwrap();
    stream.finish().unwrap();
    assert_eq!(builder.finish().unwrap().len(), 1);
}

#[test]
fn the_journal_is_seen_in_the_next_pass_and_its_sizes_win() {
    let place = Place::new();
    let mut model = model(0..50, 2);
    place.build(&model);
    let shorter = Listed { key: object(3, 2).key, size: Some(1) };
    let fresh = object(1000, 2);
    place.note(&[shorter, fresh]);
    model.insert(shorter.key, shorter.size);
    model.insert(fresh.key, fresh.size);
    assert_same(&place.known().0, &model);
    assert_same(&index::open_read_only(&place.paths, &place.location).unwrap().unwrap(), &model);
}

#[test]
fn a_long_journal_is_merged_and_begins_again() {
    let place = Place::new();
    let mut expected = model(0..100, 2);
    place.build(&expected);
    let noted = model(50..6000, 2);
    place.note(&objects(&noted));
    expected.extend(noted);
    assert_same(&index::open_read_only(&place.paths, &place.location).unwrap().unwrap(), &expected);
    let (set, journal) = place.known();
    assert!(journal.is_empty());
    assert_same(&set, &expected);
    drop(journal);
    assert_same(&place.known().0, &expected);
}

#[test]
fn a_sample_is_spread_and_honest() {
    let place = Place::new();
    let model = model(0..70_000, 5);
    let set = place.build(&model);
    for (wanted, least) in [(0, 0), (1, 0), (500, 499), (70_000, 70_000), (u64::MAX, 70_000)] {
        let sample: Vec<_> = set.sample(wanted, 9).map(Result::unwrap).collect();
        assert!(sample.len() as u64 >= least && sample.len() as u64 <= wanted.saturating_add(1), "{}", sample.len());
        assert!(sample.windows(2).all(|pair| pair[0].key < pair[1].key));
        assert!(sample.iter().all(|object| model.get(&object.key) == Some(&object.size)));
    }
    let drawn: BTreeSet<ObjectKey> =
        (0..200).flat_map(|seed| set.sample(500, seed).map(|object| object.unwrap().key)).collect();
    assert!(drawn.len() > 45_000, "of 100,000 draws from 70,000 objects, {} are different", drawn.len());
}

#[test]
fn a_sample_draws_from_the_journal_too_and_takes_its_word() {
    let place = Place::new();
    let listed = model(0..20_000, 3);
    place.build(&listed);
    // Some are new, and some have another size than in the list.
    let noted: Vec<Listed> = (19_000..21_000).map(|number| Listed { size: Some(7), ..object(number, 3) }).collect();
    let set = place.build(&listed);
    let mut journal = Journal::open(&place.lock(), &set).unwrap();
    journal.append(&noted).unwrap();
    drop((set, journal));
    let set = place.known().0;
    let mut now = listed;
    now.extend(noted.iter().map(|object| (object.key, object.size)));
    let drawn: BTreeMap<ObjectKey, Option<u64>> = (0..100)
        .flat_map(|seed| set.sample(300, seed).map(Result::unwrap))
        .map(|object| (object.key, object.size))
        .collect();
    assert!(drawn.iter().all(|(key, size)| now.get(key) == Some(size)));
    let from_journal = noted.iter().filter(|object| drawn.contains_key(&object.key)).count();
    assert!(from_journal > 1000, "{from_journal} of 2000 in the journal were drawn");
}

#[test]
fn libraries_are_counted() {
    let place = Place::new();
    let model = model(0..1000, 4);
    let set = place.build(&model);
    let counts: Vec<_> = set.libraries().map(Result::unwrap).collect();
    assert_eq!(counts.len(), 4);
    assert_eq!(counts.iter().map(|count| count.objects).sum::<u64>(), 1000);
    assert_eq!(counts.iter().map(|count| count.bytes).sum::<u64>(), model.values().flatten().sum::<u64>());
    assert_eq!(counts.iter().map(|count| count.unsized_objects).sum::<u64>(), 91);
}

#[test]
fn nobody_else_may_read_the_files() {
    let place = Place::new();
    place.build(&model(0..10, 1));
    place.note(&[object(11, 1)]);
    for name in place.names() {
        let mode = std::fs::metadata(place.folder.path().join(&name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
    assert_eq!(place.names(), ["list.blocks", "list.blocks.journal", "list.blocks.lock"]);
}

/// What may happen to a list between two looks at it.
#[derive(Clone, Debug)]
enum Step {
    /// A pass notes these objects.
    Note(Vec<(u64, u64)>),
    /// The journal is merged.
    Merge,
    /// Everything is closed and opened again.
    Reopen,
    /// All is listed again.
    Relist,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        prop::collection::vec((0u64..300, 0u64..5), 1..40).prop_map(Step::Note),
        Just(Step::Merge),
        Just(Step::Reopen),
        Just(Step::Relist),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn any_history_gives_what_a_map_gives(
        first in prop::collection::btree_set(0u64..300, 0..120),
        libraries in 1u64..20,
        cuts in prop::collection::btree_set(0u64..300, 0..6),
        steps in prop::collection::vec(step(), 0..8),
    ) {
        let place = Place::new();
        let mut expected = model(first, libraries);

        // The first listing comes in parts cut anywhere, in two sittings.
        let mut parts = vec![];
        let mut rest = KeyRange::ALL;
        for cut in model(cuts, libraries).keys() {
            parts.push(KeyRange::new(rest.first(), *cut).unwrap());
            rest = rest.after(*cut).unwrap();
        }
        {
            let lock = place.lock();
            let (builder, _) = SetBuilder::start_or_resume(&lock, &place.location).unwrap();
            for part in &parts {
                list(&builder, *part, &expected);
            }
            prop_assert!(builder.finish().is_err());
        }
        place.build(&expected);

        for step in steps {
            match step {
                Step::Note(objects) => {
                    let objects: Vec<_> = objects.iter()
                        .map(|&(number, size)| Listed { key: object(number, libraries).key, size: Some(size) })
                        .collect();
                    place.note(&objects);
                    expected.extend(objects.iter().map(|object| (object.key, object.size)));
                }
                Step::Merge => {
                    let lock = place.lock();
                    let (set, journal) = index::prepare(&lock, &place.location).unwrap().known.unwrap();
                    prop_assert!(index::merge(&lock, &set, journal).unwrap().1.is_empty());
                }
                Step::Reopen => {}
                Step::Relist => {
                    index::forget_all(&place.lock()).unwrap();
                    prop_assert!(place.prepare().unwrap().known.is_none());
                    place.build(&expected);
                }
            }
            let (set, journal) = place.known();
            prop_assert!(journal.len() < 5000);
            assert_same(&set, &expected);
        }
    }
}
