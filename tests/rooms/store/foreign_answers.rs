//! Garbled listings of a server: no page has a wrong order, a wrong range or a wrong end, and nothing panics. The changes
//! are the same in every run.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use fastrand::Rng;
use seaf_migrate::conf::backend::{BackendConf, S3Signature};
use seaf_migrate::object::{KeyRange, LibraryId, ObjectId, ObjectKey};
use seaf_migrate::store::backend::oss::OssStore;
use seaf_migrate::store::backend::s3::S3Store;
use seaf_migrate::store::backend::swift::SwiftStore;
use seaf_migrate::store::http::HttpOptions;
use seaf_migrate::store::{Page, Part, ReadStore, StoreError};

use crate::support::changed::changed;
use crate::support::http_stub::{Reply, Stub};
use crate::support::stub_conf::{self, location};

fn key(number: u8) -> ObjectKey {
    ObjectKey::new(LibraryId::from_bytes([number / 4; 16]), ObjectId::from_bytes([number; 20]))
}

/// A server that lists with whatever body it was given last.
struct Server {
    body: Arc<Mutex<Vec<u8>>>,
    stub: Stub,
}

impl Server {
    fn start() -> Self {
        let body: Arc<Mutex<Vec<u8>>> = Arc::default();
        let answering = Arc::clone(&body);
        let stub = Stub::start(move |asked| match asked.path.ends_with("/auth/v1.0") {
            true => {
                let url = format!("http://{}/v1/AUTH_x", asked.header("host").unwrap());
                Reply::new(200).header("X-Storage-Url", url).header("X-Auth-Token", "token")
            }
            false => Reply::new(200).body(answering.lock().unwrap().clone()),
        });
        Self { body, stub }
    }

    /// The first page of a listing with this body.
    fn page(&self, store: &dyn ReadStore, range: KeyRange, body: Vec<u8>) -> Result<Page, StoreError> {
        *self.body.lock().unwrap() = body;
        store.list(&Part::new(range))
    }
}

fn oss(server: &Server) -> OssStore {
    let conf = stub_conf::oss(&server.stub.host());
    OssStore::open(&conf, location(BackendConf::Oss(conf.clone())), HttpOptions::default()).unwrap()
}

fn swift(server: &Server) -> SwiftStore {
    let conf = stub_conf::swift(&server.stub.host());
    SwiftStore::open(&conf, location(BackendConf::Swift(conf.clone())), HttpOptions::default()).unwrap()
}

fn s3(server: &Server) -> S3Store {
    let conf = stub_conf::s3(&server.stub.host(), S3Signature::V2);
    let options = HttpOptions {
        answer_timeout: Duration::from_secs(20),
        stall_timeout: Duration::from_secs(20),
        ..HttpOptions::default()
    };
    S3Store::open(&conf, location(BackendConf::S3(conf.clone())), options).unwrap()
}

/// An answer of S3 or OSS with six objects and two strangers, more to come or not.
fn xml(more: bool) -> String {
    let entry = |name: &str, size: u32| format!("<Contents><Key>{name}</Key><Size>{size}</Size></Contents>");
    let mut entries: Vec<String> = (2..8).map(|number| entry(&key(number).to_string(), number.into())).collect();
    entries.insert(0, entry("%21%20readme", 1));
    entries.push(entry("notes%2F%C3%A9&amp;", 1));
    let token = if more { "<NextContinuationToken>t%2Bo</NextContinuationToken>" } else { "" };
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<ListBucketResult><Name>bucket</Name><KeyCount>8</KeyCount>\
         <EncodingType>url</EncodingType><IsTruncated>{more}</IsTruncated>{token}{}</ListBucketResult>",
        entries.concat()
    )
}

fn json() -> String {
    let entry = |name: &str, size: u32| format!("{{\"name\": \"{name}\", \"bytes\": {size}, \"hash\": \"x\"}}");
    let mut entries: Vec<String> = (2..8).map(|number| entry(&key(number).to_string(), number.into())).collect();
    entries.insert(0, entry("!\\u0020readme", 1));
    entries.push(entry("notes/\\u00e9\\\"", 1));
    format!("[{}]", entries.join(", "))
}

/// Checks what must hold of every page.
fn assert_sound(page: &Page, range: KeyRange, body: &[u8]) {
    let body = String::from_utf8_lossy(body);
    let keys: Vec<ObjectKey> = page.objects.iter().map(|object| object.key).collect();
    assert!(keys.windows(2).all(|pair| pair[0] < pair[1]), "not ascending: {body}");
    assert!(keys.iter().all(|key| range.contains(key)), "not in the range: {body}");
    if let Some(rest) = &page.rest {
        assert_eq!(rest.range.last(), range.last(), "{body}");
        assert!(rest.range.first() > range.first(), "it does not get on: {body}");
        assert!(keys.last().is_none_or(|last| *last < rest.range.first()), "it goes back: {body}");
    }
}

fn garbled(store: &dyn ReadStore, server: &Server, seeds: &[String], times: usize) {
    let ranges = [KeyRange::ALL, KeyRange::new(key(3), key(6)).unwrap(), KeyRange::library(key(4).library)];
    let mut random = Rng::with_seed(0x5eaf);
    let mut refused = 0;
    for round in 0..times {
        let body = changed(random.choice(seeds).unwrap().as_bytes(), &mut random);
        let range = ranges[round % ranges.len()];
        match server.page(store, range, body.clone()) {
            Ok(page) => assert_sound(&page, range, &body),
            Err(error) => {
                assert_eq!(error.action(), "list", "{error}");
                refused += 1;
            }
        }
    }
    // Some are refused and some are not; otherwise the changes would not reach both paths.
    assert!((times / 10..times * 98 / 100).contains(&refused), "{refused} of {times} were refused");
}

/// A body cut anywhere must be an error; `whole` is how many bytes of it are needed.
fn cut_short(store: &dyn ReadStore, server: &Server, body: &str, whole: usize) {
    assert_eq!(server.page(store, KeyRange::ALL, body.into()).unwrap().objects.len(), 6);
    for length in (0..whole).step_by(3) {
        let outcome = server.page(store, KeyRange::ALL, body.as_bytes()[..length].to_vec());
        assert!(outcome.is_err(), "{length} bytes were taken for all: {:?}", outcome.unwrap().objects.len());
    }
}

#[test]
fn garbled_listings_of_oss() {
    let server = Server::start();
    garbled(&oss(&server), &server, &[xml(false), xml(true)], 1500);
}

#[test]
fn garbled_listings_of_swift() {
    let server = Server::start();
    garbled(&swift(&server), &server, &[json()], 1500);
}

#[test]
fn garbled_listings_of_s3() {
    let server = Server::start();
    garbled(&s3(&server), &server, &[xml(false), xml(true)], 600);
}

#[test]
fn a_listing_cut_anywhere_is_never_the_whole_one() {
    let server = Server::start();
    cut_short(&oss(&server), &server, &xml(false), xml(false).len());
    cut_short(&s3(&server), &server, &xml(false), xml(false).len());
    let server = Server::start();
    cut_short(&swift(&server), &server, &json(), json().len());
}

#[test]
fn names_with_escapes_are_strangers_and_hide_no_object() {
    let server = Server::start();
    for (store, body) in
        [(&oss(&server) as &dyn ReadStore, xml(false)), (&s3(&server), xml(false)), (&swift(&server), json())]
    {
        let page = server.page(store, KeyRange::ALL, body.into_bytes()).unwrap();
        let keys: Vec<ObjectKey> = page.objects.iter().map(|object| object.key).collect();
        assert_eq!(keys, (2..8).map(key).collect::<Vec<_>>());
        assert!(page.objects.iter().zip(2u64..).all(|(object, size)| object.size == Some(size)));
        // With Swift only an empty answer is an end; what lies behind the last name is counted by the next page.
        assert!((1..=2).contains(&page.ignored.total()), "{:?}", page.ignored);
    }
}
