//! Listings of S3: pages that end early, repeat or lack names, and servers that know only the old way.

use super::*;

#[test]
fn listings_at_the_edge_of_a_page() {
    let world = world();
    let (mut keys, store) = (Vec::new(), world.store());
    for count in [0, 1, 999, 1000, 1001, 2001] {
        keys.extend(world.plant_keys(keys.len() as u32..count));
        assert_eq!(list_all(&store).unwrap(), (sorted(keys.clone()), 0), "{count}");
    }
}

#[test]
fn a_listing_that_breaks_off_is_an_error() {
    let world = world();
    world.plant_keys(0..1500);
    world.server.faults().list_cut_after(1);
    assert_eq!(list_all(&world.store()).unwrap_err().kind(), ErrorKind::Unavailable);
}

#[test]
fn old_servers_are_listed_the_old_way() {
    let world = world();
    let keys = sorted(world.plant_keys(0..1500));
    world.server.faults().list_dialect(ListDialect::KnowsOnlyV1);
    assert_eq!(list_all(&world.store()).unwrap(), (keys, 0));
}

#[test]
fn a_server_that_cannot_go_on_is_an_error() {
    let world = world();
    world.plant_keys(0..1500);
    for dialect in
        [ListDialect::IgnoresStart, ListDialect::Unsorted, ListDialect::NoTruncatedFlag, ListDialect::EmptyForEver]
    {
        world.server.faults().list_dialect(dialect);
        let error = list_all(&world.store()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WrongListing, "{dialect:?}: {error}");
    }
}

#[test]
fn answers_without_names_are_passed_over() {
    let world = world();
    let keys = sorted(world.plant_keys(0..1500));
    world.server.faults().list_dialect(ListDialect::EmptyAnswers);
    assert_eq!(list_all(&world.store()).unwrap(), (keys, 0));
}

#[test]
fn an_answer_from_before_the_start_is_no_end_though_it_says_so() {
    let world = world();
    let keys = sorted(world.plant_keys(0..500));
    let range = Part::new(KeyRange::new(keys[100], keys[199]).unwrap());
    world.server.faults().list_dialect(ListDialect::IgnoresStart);
    assert_eq!(world.store().list(&range).unwrap_err().kind(), ErrorKind::WrongListing);
    // One that only the second version makes is settled by the first.
    world.server.faults().list_dialect(ListDialect::KnowsOnlyV1);
    let page = world.store().list(&range).unwrap();
    assert_eq!(page.objects.iter().map(|listed| listed.key).collect::<Vec<_>>(), keys[100..200]);
}

#[test]
fn strangers_are_counted_and_hide_nothing() {
    let world = world();
    let keys = sorted(world.plant_keys(0..30));
    let library = keys[0].library;
    let mut strangers = 0;
    let mut stranger = |name: String| {
        world.plant(&name, b"?");
        strangers += 1;
    };
    for n in 0..1500 {
        stranger(format!("00-first/{n}"));
        stranger(format!("{}.part{n}", keys[4]));
        stranger(format!("{library}/0{n}"));
    }
    stranger("README".to_owned());
    for odd in ["a b+c%d", "\u{1}\u{1f}<&>'\"", "ümläut \u{1F600}", "tab\tand\nnewline"] {
        stranger(format!("{library}/{odd}"));
        stranger(format!("{odd}/x"));
    }
    let (listed, ignored) = list_all(&world.store()).unwrap();
    assert_eq!(listed, keys);
    // Names greater than every key's may stay uncounted, and those that sort with them.
    assert!(ignored <= strangers && ignored >= strangers - 4, "{ignored} of {strangers}");
}

#[test]
fn a_range_lists_what_is_in_it() {
    let world = world();
    let keys = sorted(world.plant_keys(0..1500));
    let store = world.store();
    for (from, to) in [(0, 0), (0, 999), (1, 1000), (250, 1400), (999, 1499)] {
        let (mut found, mut part) = (Vec::new(), Some(Part::new(KeyRange::new(keys[from], keys[to]).unwrap())));
        while let Some(next) = part {
            let page = store.list(&next).unwrap();
            found.extend(page.objects.iter().map(|listed| listed.key));
            part = page.rest;
        }
        assert_eq!(found, keys[from..=to], "{from}..={to}");
    }
}

#[test]
fn a_listing_that_is_not_whole_is_an_error() {
    let head = "<?xml version=\"1.0\"?><ListBucketResult><IsTruncated>false</IsTruncated>";
    let object = format!("<Contents><Key>{}</Key><Size>1</Size></Contents>", key(1));
    let bodies = [
        String::new(),
        "<html>Welcome to the hotel</html>".to_owned(),
        head.to_owned(),
        format!("{head}{object}"),
        format!("{head}{object}<Contents><Key>{}", key(2)),
        format!("{head}{object}</ListBucketResult"),
        format!("{head}<Contents><Size>1</Size></Contents></ListBucketResult>"),
        error_xml("InternalError", ""),
    ];
    for body in bodies {
        let store = open(&canned("HTTP/1.1 200 OK\r\n", &body));
        let error = list_all(&store).map(|listed| panic!("{listed:?} from {body}")).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::ForeignAnswer | ErrorKind::Unavailable), "{error} from {body}");
    }
    let whole = format!("{head}{object}</ListBucketResult>\n");
    // Up to its last name, after which nothing is asked.
    let range = Part::new(KeyRange::new(key(0), key(1)).unwrap());
    let page = open(&canned("HTTP/1.1 200 OK\r\n", &whole)).list(&range).unwrap();
    assert_eq!(page.objects.iter().map(|listed| listed.key).collect::<Vec<_>>(), [key(1)]);
}
