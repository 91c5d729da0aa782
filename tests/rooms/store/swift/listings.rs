//! Listings of Swift: long ones, short pages, strangers, and answers that repeat or break off.

use super::*;

#[test]
fn more_than_ten_thousand_names_come_by_marker() {
    for count in [0, 1, 9_999, 10_000, 10_001, 25_000] {
        let (server, stub) = Server::start();
        let keys: Vec<_> = (0..count).map(|n| key(1, n)).collect();
        server.put(keys.iter().map(ToString::to_string));
        let (listed, ignored) = list_all(&store(&stub), KeyRange::ALL).unwrap();
        assert!(listed == keys && ignored == 0, "{count}: {} listed, {ignored} ignored", listed.len());
    }
}

#[test]
fn a_server_that_gives_short_pages_is_listed_to_the_end() {
    let (server, stub) = Server::start();
    server.page.store(7, Ordering::Release);
    server.put((0..100).map(|n| key(1, n).to_string()));
    assert_eq!(list_all(&store(&stub), KeyRange::ALL).unwrap().0.len(), 100);
}

#[test]
fn strangers_are_counted_and_hide_no_object() {
    let (server, stub) = Server::start();
    let keys: Vec<_> = (0..20).map(|n| key(0x5a, n << 24)).collect();
    let strangers =
        |key: &ObjectKey| [format!("{key}.tmp"), format!("{key}.tmq"), format!("{key}é"), format!("{key}/z")];
    server.put(keys.iter().map(ToString::to_string));
    server.put(keys.iter().flat_map(strangers));
    server.put(["!".to_owned(), "readme.txt".to_owned(), "ZZZ".to_owned(), "~".to_owned(), "日本".to_owned()]);
    let store = store(&stub);
    assert_eq!(list_all(&store, KeyRange::ALL).unwrap(), (keys.clone(), 80 + 5));
    for page in 1..10 {
        server.page.store(page, Ordering::Release);
        let (listed, ignored) = list_all(&store, KeyRange::ALL).unwrap();
        assert_eq!(listed, keys, "pages of {page}");
        assert!(ignored <= 80 + 5, "pages of {page}: {ignored}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_cut_lists_the_same(cuts in proptest::collection::vec((0u8..4, 0u32..300), 0..6), page in 1usize..50) {
        let (server, stub) = Server::start();
        server.page.store(page, Ordering::Release);
        let keys: Vec<_> = (0..4).flat_map(|library| (0..60).map(move |n| key(library, n * 5))).collect();
        server.put(keys.iter().map(ToString::to_string));
        let store = store(&stub);
        let (mut listed, mut left) = (Vec::new(), Some(KeyRange::ALL));
        let mut cuts: Vec<_> = cuts.into_iter().map(|(library, n)| key(library, n)).collect();
        cuts.sort();
        cuts.dedup();
        for cut in cuts {
            let Some(range) = left else { break };
            listed.extend(list_all(&store, range.before(cut.successor().unwrap()).unwrap()).unwrap().0);
            left = range.after(cut);
        }
        if let Some(range) = left {
            listed.extend(list_all(&store, range).unwrap().0);
        }
        prop_assert_eq!(listed, keys);
    }
}

#[test]
fn a_listing_that_repeats_itself_is_an_error_and_not_a_loop() {
    let (server, stub) = Server::start();
    let page = json!([{"name": key(1, 1).to_string(), "bytes": 1}]).to_string();
    *server.instead.lock().unwrap() = vec![Reply::new(200).body(page); 9];
    assert_eq!(list_all(&store(&stub), KeyRange::ALL).unwrap_err().kind(), ErrorKind::WrongListing);
}

#[test]
fn an_empty_answer_that_was_wrong_once_hides_nothing() {
    let count = Reply::new(204).header("X-Container-Object-Count", "100");
    for wrong in [count, Reply::new(200).body("[]")] {
        let (server, stub) = Server::start();
        server.page.store(30, Ordering::Release);
        let keys: Vec<_> = (0..100).map(|n| key(1, n)).collect();
        server.put(keys.iter().map(ToString::to_string));
        let (store, mut listed, mut next) = (store(&stub), Vec::new(), Some(Part::new(KeyRange::ALL)));
        while let Some(part) = next {
            // Each page is asked for in vain once.
            server.instead.lock().unwrap().push(wrong.clone());
            let page = store.list(&part).unwrap();
            listed.extend(page.objects.iter().map(|listed| listed.key));
            next = page.rest;
        }
        assert_eq!(listed, keys, "{wrong:?}");
    }
}

#[test]
fn half_a_listing_is_no_listing() {
    let (server, stub) = Server::start();
    server.put((0..100).map(|n| key(1, n).to_string()));
    let store = store(&stub);
    let half = format!("[{}", json!({"name": key(1, 1).to_string(), "bytes": 1}));
    for (reply, kind) in [
        (Reply::new(200).body(vec![b' '; 100]).fault(Fault::CutBody(50)), ErrorKind::Connection),
        (Reply::new(200).body(half.clone()).fault(Fault::NoLength), ErrorKind::ForeignAnswer),
        (Reply::new(200).body(half), ErrorKind::ForeignAnswer),
        (Reply::new(204), ErrorKind::ForeignAnswer),
        (Reply::new(206).body("[]"), ErrorKind::Protocol),
        (Reply::new(500), ErrorKind::Unavailable),
        (Reply::new(412), ErrorKind::Other),
    ] {
        let said = format!("{reply:?}");
        server.instead.lock().unwrap().push(reply);
        assert_eq!(store.list(&Part::new(KeyRange::ALL)).unwrap_err().kind(), kind, "{said}");
    }
}
