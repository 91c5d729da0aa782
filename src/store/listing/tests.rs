//! The pages against a bucket that is a set of names, its server giving three names an answer.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

const ANSWER: usize = 3;

fn key(n: u8) -> ObjectKey {
    let mut bytes = [0x55; ObjectKey::LEN];
    bytes[ObjectKey::LEN - 1] = n;
    ObjectKey::from_bytes(&bytes)
}

/// Names of which many are neighbours: keys, and strangers that sort right after one.
fn name() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        3 => any::<u8>().prop_map(|n| key(n % 16).text().to_vec()),
        2 => (any::<u8>(), any::<u8>()).prop_map(|(n, more)| [&key(n % 16).text()[..], &[more]].concat()),
        1 => prop::collection::vec(any::<u8>(), 1..4),
        1 => prop_oneof![Just(ObjectKey::MIN), Just(ObjectKey::MAX)].prop_map(|key| key.text().to_vec()),
    ]
}

fn range() -> impl Strategy<Value = KeyRange> {
    prop_oneof![
        1 => Just(KeyRange::ALL),
        3 => (0..16u8, 0..16u8).prop_map(|(a, b)| KeyRange::new(key(a.min(b)), key(a.max(b))).expect("in order")),
    ]
}

fn answer(bucket: &BTreeSet<Vec<u8>>, start: &Start) -> Answer {
    let after = |name: &&Vec<u8>| match start {
        Start::First => true,
        Start::After(after) => *name > after,
        Start::Token(_) => false,
    };
    let rest: Vec<_> = bucket.iter().filter(after).collect();
    let names = rest.iter().take(ANSWER).map(|name| Name { bytes: name.to_vec(), size: Some(1) }).collect();
    Answer { names, more: rest.len() > ANSWER, token: None }
}

proptest! {
    #[test]
    fn every_key_once_and_strangers_at_most_once(bucket in prop::collection::btree_set(name(), 0..60), range in range()) {
        let (mut keys, mut ignored, mut rest) = (Vec::new(), 0, Some(range));
        while let Some(next) = rest {
            let page = page(&next, |start| Ok::<_, ()>(answer(&bucket, start))).expect("the server keeps the rules");
            keys.extend(page.objects.iter().map(|listed| listed.key));
            ignored += page.ignored.total();
            rest = page.rest.map(|part| part.range);
            prop_assert!(rest.is_none_or(|rest| rest.first() > next.first() && rest.last() == next.last()));
        }
        let (objects, strangers): (Vec<_>, Vec<_>) = bucket.iter().partition(|name| ObjectKey::parse(name).is_some());
        let expected: Vec<_> =
            objects.iter().filter_map(|name| ObjectKey::parse(name)).filter(|key| range.contains(key)).collect();
        prop_assert_eq!(keys, expected);
        let between = |name: &&&Vec<u8>| {
            range.first().predecessor().is_none_or(|key| name.as_slice() > key.text().as_slice())
                && name.as_slice() < range.last().text().as_slice()
        };
        let inside = strangers.iter().filter(between).count() as u64;
        prop_assert!((inside..=strangers.len() as u64).contains(&ignored), "{} of {}", ignored, inside);
    }

    #[test]
    fn a_server_that_ignores_the_start_is_found_out(bucket in prop::collection::btree_set(name(), 0..60), range in range()) {
        let (mut keys, mut rest) = (Vec::new(), Some(range));
        while let Some(next) = rest {
            match page(&next, |_| Ok::<_, ()>(answer(&bucket, &Start::First))) {
                Ok(page) => {
                    keys.extend(page.objects.iter().map(|listed| listed.key));
                    rest = page.rest.map(|part| part.range);
                }
                Err(fault) => {
                    prop_assert_eq!(fault, Fault::IgnoresStart);
                    return Ok(());
                }
            }
        }
        let all = bucket.iter().filter_map(|name| ObjectKey::parse(name)).filter(|key| range.contains(key));
        prop_assert_eq!(keys, all.collect::<Vec<_>>());
    }
}

/// All keys that the pages of `range` give, and how many answers that took; the server cuts the answers as `lies` says,
/// the first one first, and calls those the last; never two in a row.
fn listed_by_a_liar(bucket: &BTreeSet<Vec<u8>>, range: KeyRange, lies: &[Option<usize>]) -> (Vec<ObjectKey>, u64) {
    let (mut keys, mut rest, mut lied) = (Vec::new(), Some(range), false);
    let (mut lies, mut answers) = (lies.iter(), 0);
    while let Some(next) = rest {
        let page = page(&next, |start| {
            answers += 1;
            let mut answer = answer(bucket, start);
            match lies.next().copied().flatten().filter(|_| !lied) {
                Some(names) => {
                    answer.names.truncate(names);
                    (answer.more, lied) = (false, true);
                }
                None => lied = false,
            }
            Ok::<_, ()>(answer)
        });
        let page = page.expect("no answer breaks the rules");
        keys.extend(page.objects.iter().map(|listed| listed.key));
        rest = page.rest.map(|part| part.range);
    }
    (keys, answers)
}

proptest! {
    #[test]
    fn an_end_that_is_said_too_early_hides_nothing(
        bucket in prop::collection::btree_set(name(), 0..60),
        range in range(),
        lies in prop::collection::vec(prop::option::of(0..ANSWER), 0..30),
    ) {
        let all = bucket.iter().filter_map(|name| ObjectKey::parse(name)).filter(|key| range.contains(key));
        prop_assert_eq!(listed_by_a_liar(&bucket, range, &lies).0, all.collect::<Vec<_>>());
    }
}

#[test]
fn that_a_listing_is_over_is_asked_once_more_and_no_oftener() {
    let names = |count| (0..count).map(|n| key(n).text().to_vec()).collect::<BTreeSet<_>>();
    for (count, answers) in [(0, 2), (1, 2), (3, 2), (4, 3), (6, 3), (7, 4)] {
        let (keys, asked) = listed_by_a_liar(&names(count), KeyRange::ALL, &[]);
        assert_eq!((keys.len(), asked), (count.into(), answers), "{count} names, three an answer");
    }
    // A name behind the range, and the last key that the range can have, say it without another answer.
    let range = |last| KeyRange::new(key(0), key(last)).expect("in order");
    assert_eq!(listed_by_a_liar(&names(7), range(1), &[]).1, 1);
    assert_eq!(listed_by_a_liar(&names(2), range(1), &[]).1, 1);
}

#[test]
fn a_server_that_makes_up_names_between_two_neighbours_is_not_asked_for_ever() {
    let (before, mut asked) = (key(2), 0);
    let range = KeyRange::new(key(3), key(4)).expect("in order");
    let fault = page(&range, |_| {
        asked += 1;
        let name = [&before.text()[..], format!("{asked:09}").as_bytes()].concat();
        Ok::<_, ()>(Answer { names: vec![Name { bytes: name, size: None }], more: true, token: None })
    })
    .expect_err("the server never says that it is over");
    assert!(matches!(fault, Fault::Broken(_)), "{fault:?}");
    assert_eq!(asked, MOST_STRANGE + 1);
}
