//! Servers that do not stop: answers without end, listings that do not get on, and objects larger than any. Each ends as
//! an error, whatever the server sends.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use seaf_migrate::conf::backend::{BackendConf, S3Signature};
use seaf_migrate::object::{KeyRange, ObjectKey};
use seaf_migrate::store::backend::oss::OssStore;
use seaf_migrate::store::backend::s3::S3Store;
use seaf_migrate::store::backend::swift::SwiftStore;
use seaf_migrate::store::http::HttpOptions;
use seaf_migrate::store::{ErrorKind, Part, ReadStore, RemoveStore, StoreError, WriteStore};

use crate::support::http_stub::{Asked, Fault, Reply, Stub};
use crate::support::stub_conf::{self, location};

/// A server that answers everything but a login by `answer`, and a store of each protocol at it.
pub(super) fn stores(answer: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> (Stub, [Named; 4]) {
    let stub = Stub::start(move |asked| match asked.path.ends_with("/auth/v1.0") {
        true => {
            let url = format!("http://{}/v1/AUTH_x", asked.header("host").unwrap());
            Reply::new(200).header("X-Storage-Url", url).header("X-Auth-Token", "token")
        }
        false => answer(asked),
    });
    let host = stub.host();
    let stores: [Named; 4] = [
        ("S3 V2", Box::new(s3(&host, S3Signature::V2))),
        ("S3 V4", Box::new(s3(&host, S3Signature::V4))),
        ("OSS", Box::new(oss(&host))),
        ("Swift", Box::new(swift(&host))),
    ];
    (stub, stores)
}

/// A store, and what it speaks.
pub(super) type Named = (&'static str, Box<dyn Store>);

pub(super) trait Store: ReadStore + WriteStore + RemoveStore {}
impl<T: ReadStore + WriteStore + RemoveStore> Store for T {}

fn s3(host: &str, signature: S3Signature) -> S3Store {
    let conf = stub_conf::s3(host, signature);
    S3Store::open(&conf, location(BackendConf::S3(conf.clone())), HttpOptions::default()).unwrap()
}

fn oss(host: &str) -> OssStore {
    let conf = stub_conf::oss(host);
    OssStore::open(&conf, location(BackendConf::Oss(conf.clone())), HttpOptions::default()).unwrap()
}

fn swift(host: &str) -> SwiftStore {
    let conf = stub_conf::swift(host);
    SwiftStore::open(&conf, location(BackendConf::Swift(conf.clone())), HttpOptions::default()).unwrap()
}

/// The error of a call that must fail because its answer has no end.
fn too_large<T>(of: &str, called: Result<T, StoreError>) -> StoreError {
    let Err(error) = called else { panic!("{of}: an endless answer was taken for one") };
    assert!(error.to_string().contains("larger than the"), "{of}: {error}");
    error
}

#[test]
fn an_endless_listing_is_an_error() {
    let entry = format!("<Contents><Key>{}</Key><Size>1</Size></Contents>", ObjectKey::MIN).repeat(200);
    let (_stub, stores) = stores(move |_| {
        let start = "<ListBucketResult><IsTruncated>true</IsTruncated>";
        Reply::new(200).body(format!("{start}{entry}")).fault(Fault::Endless)
    });
    for (name, store) in stores {
        too_large(name, store.list(&Part::new(KeyRange::ALL)));
    }
}

#[test]
fn an_endless_error_is_trouble_and_says_nothing_of_the_object() {
    for (status, is_transient) in [(404, false), (403, false), (302, false), (503, true)] {
        let (_stub, stores) = stores(move |_| Reply::new(status).body("<p>no</p>".repeat(4000)).fault(Fault::Endless));
        for (name, store) in stores {
            let errors = [
                too_large(name, store.read(&ObjectKey::MIN)),
                too_large(name, store.list(&Part::new(KeyRange::ALL))),
                too_large(name, store.write(&ObjectKey::MIN, "data".into())),
                too_large(name, store.remove(&ObjectKey::MIN)),
            ];
            for error in errors {
                assert_eq!(error.kind().is_transient(), is_transient, "{name}, {status}: {error}");
                assert!(is_transient || error.kind() == ErrorKind::Protocol, "{name}, {status}: {error}");
            }
        }
    }
}

#[test]
fn an_endless_answer_to_a_write_or_a_removal_is_not_kept() {
    for status in [200, 201, 204] {
        let (_stub, stores) = stores(move |_| {
            Reply::new(status).header("ETag", "\"x\"").body("<p>done</p>".repeat(4000)).fault(Fault::Endless)
        });
        for (name, store) in stores {
            // The body of a 204 is no part of the answer, whatever the server sends.
            if status != 204 {
                too_large(name, store.write(&ObjectKey::MIN, "data".into()));
                too_large(name, store.remove(&ObjectKey::MIN));
            }
        }
    }
}

#[test]
fn an_object_larger_than_any_is_refused_by_its_length() {
    let (_stub, stores) = stores(|_| Reply::new(200).header("Content-Length", (3_u64 << 30).to_string()).body("data"));
    for (name, store) in stores {
        assert_eq!(too_large(name, store.read(&ObjectKey::MIN)).kind(), ErrorKind::TooLarge);
    }
}

#[test]
fn an_object_larger_than_wanted_is_not_read_to_its_end() {
    // By its length; and where the answer has none, once more came than is wanted.
    let lengths: [Option<u64>; 3] = [Some(1 << 30), Some(1001), None];
    for length in lengths {
        let (_stub, stores) = stores(move |_| {
            let reply = Reply::new(200).body("d".repeat(100)).fault(Fault::Endless);
            length.into_iter().fold(reply, |reply, length| reply.header("Content-Length", length.to_string()))
        });
        for (name, store) in stores {
            match (store.read_at_most(&ObjectKey::MIN, 1000), length) {
                (Ok(read), _) => assert_eq!(read, None, "{name}, {length:?}"),
                // S3 always gives a length, so that an answer without one is none of its own.
                (Err(error), None) => assert_eq!((name.starts_with("S3"), error.kind()), (true, ErrorKind::Protocol)),
                (Err(error), Some(_)) => panic!("{name}: {error}"),
            }
        }
    }
}

#[test]
fn headers_without_end_are_an_error_of_every_store() {
    let many = (0..20_000).map(|n| format!("X-{n}: y\r\n")).collect::<String>();
    for headers in [many, format!("X-Long: {}\r\n", "y".repeat(4 << 20))] {
        let (_stub, stores) = stores(move |_| {
            Reply::new(200).fault(Fault::Raw(format!("HTTP/1.1 200 OK\r\n{headers}Content-Length: 0\r\n\r\n").into()))
        });
        for (name, store) in stores {
            for error in [
                store.read(&ObjectKey::MIN).unwrap_err(),
                store.list(&Part::new(KeyRange::ALL)).unwrap_err(),
                store.write(&ObjectKey::MIN, "data".into()).unwrap_err(),
            ] {
                assert!(!matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Setup), "{name}: {error}");
                assert!(error.to_string().len() < 2000, "{name}: {error}");
            }
        }
    }
}

#[test]
fn a_page_that_is_given_again_as_the_last_one_is_no_end() {
    let keys = [1, 2, 3].map(|n| ObjectKey::from_bytes(&[n; ObjectKey::LEN]));
    let (_stub, stores) = stores(move |asked| {
        // The same three names wherever the listing begins: first with more behind them, then as the end.
        let more = ["marker", "start-after"].iter().all(|start| asked.param(start).is_none());
        if asked.param("format").is_some() {
            let rows = keys.map(|key| format!(r#"{{"name":"{key}","bytes":1}}"#));
            return Reply::new(200).header("Content-Type", "application/json").body(format!("[{}]", rows.join(",")));
        }
        let rows = keys.map(|key| format!("<Contents><Key>{key}</Key><Size>1</Size></Contents>")).concat();
        Reply::new(200).body(format!("<ListBucketResult><IsTruncated>{more}</IsTruncated>{rows}</ListBucketResult>"))
    });
    for (name, store) in stores {
        let first = store.list(&Part::new(KeyRange::ALL)).unwrap();
        assert_eq!(first.objects.iter().map(|listed| listed.key).collect::<Vec<_>>(), keys, "{name}");
        let error = store.list(&first.rest.unwrap()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WrongListing, "{name}: {error}");
        assert!(error.to_string().contains("from the beginning"), "{name}: {error}");
    }
}

#[test]
fn an_empty_page_with_the_same_token_again_ends_the_listing() {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let (_stub, stores) = stores(move |_| {
        count.fetch_add(1, Ordering::SeqCst);
        let token = "<IsTruncated>true</IsTruncated><NextContinuationToken>again</NextContinuationToken>";
        Reply::new(200).body(format!("<ListBucketResult>{token}</ListBucketResult>"))
    });
    for (name, store) in stores.iter().filter(|(name, _)| *name != "Swift") {
        asked.store(0, Ordering::SeqCst);
        let error = store.list(&Part::new(KeyRange::ALL)).unwrap_err();
        assert!(error.to_string().contains("do not get to them"), "{name}: {error}");
        assert_eq!(asked.load(Ordering::SeqCst), 2, "{name}");
    }
}
