//! Listings of which one answer is wrong: asked for again, and nothing is missing in what they come to.

use std::fmt::Debug;
use std::path::Path;
use std::time::Duration;

use seaf_migrate::conf::Backend;
use seaf_migrate::conf::Secret;
use seaf_migrate::conf::backend::{Location, OssConf, OssSignature};
use seaf_migrate::object::{KeyRange, ObjectKey, ObjectKind};
use seaf_migrate::store::backend::oss::OssStore;
use seaf_migrate::store::backend::s3::S3Store;
use seaf_migrate::store::http::HttpOptions;
use seaf_migrate::store::layer::retry::{Retry, RetryPolicy};
use seaf_migrate::store::{Part, ReadStore};
use seaf_migrate::sys::shutdown::Shutdown;

use crate::support::oss_server::{KEY_ID, OssServer, REGION, SECRET};
use crate::support::s3_server::{S3Server, WrongList};

const BUCKET: &str = "blocks";
/// As many as make three pages.
const OBJECTS: u32 = 2500;

fn key(n: u32) -> ObjectKey {
    let mut bytes = [0x5a; ObjectKey::LEN];
    bytes[ObjectKey::LEN - 4..].copy_from_slice(&n.to_be_bytes());
    ObjectKey::from_bytes(&bytes)
}

fn location(backend: Backend) -> Location {
    Location { backend, kind: ObjectKind::Blocks, place: "test".to_owned() }
}

/// Lists everything from the first key on, failed requests repeated at once.
fn assert_lists_all(store: impl ReadStore, said: &dyn Debug) {
    let (base, cap) = (Duration::from_nanos(1), Duration::from_nanos(1));
    let store = Retry::new(store, RetryPolicy { base, cap, ..RetryPolicy::default() }, Shutdown::new());
    let (mut keys, mut next) = (Vec::new(), Some(Part::new(KeyRange::ALL)));
    while let Some(part) = next {
        let page = store.list(&part).unwrap_or_else(|error| panic!("{said:?}: {error}"));
        keys.extend(page.objects.iter().map(|listed| listed.key));
        next = page.rest;
    }
    assert!(keys == (0..OBJECTS).map(key).collect::<Vec<_>>(), "{said:?}: {} keys", keys.len());
}

fn plant(bucket: &Path) {
    let folder = bucket.join(key(0).library.to_string());
    std::fs::create_dir_all(&folder).unwrap();
    (0..OBJECTS).for_each(|n| std::fs::write(folder.join(key(n).id.to_string()), b"x").unwrap());
}

#[test]
fn a_page_of_s3_that_is_wrong_once_hides_nothing() {
    let dir = tempfile::tempdir().unwrap();
    plant(&dir.path().join(BUCKET));
    let server = S3Server::start(dir.path(), "the-access-key", "the-secret-key");
    for wrong in WrongList::ALL {
        // The first page, the one in the middle, the last one, and the answer that confirms the end.
        for right in 0..4 {
            server.faults().wrong_list_once(wrong, right);
            let store = S3Store::open(&server.conf(BUCKET), location(Backend::S3), HttpOptions::default()).unwrap();
            assert_lists_all(store, &(wrong, right));
            assert!(server.faults().was_listed_wrongly(), "{wrong:?} after {right}");
        }
    }
}

#[test]
fn a_page_of_oss_that_is_wrong_once_hides_nothing() {
    let server = OssServer::start();
    server.create_bucket(BUCKET);
    (0..OBJECTS).for_each(|n| server.plant(BUCKET, &key(n).to_string()));
    let conf = OssConf {
        bucket: BUCKET.to_owned(),
        endpoint: format!("127.0.0.1:{}", server.port()),
        region: Some(REGION.to_owned()),
        key_id: KEY_ID.to_owned(),
        key: Secret::new(SECRET),
        https: false,
        signature: OssSignature::V4,
        ca_file: None,
    };
    for wrong in WrongList::ALL {
        *server.state.wrong_list.lock().unwrap() = Some(Box::new(move |right| wrong.of(right)));
        let store = OssStore::open(&conf, location(Backend::Oss), HttpOptions::default()).unwrap();
        assert_lists_all(store, &wrong);
        assert!(server.state.wrong_list.lock().unwrap().is_none(), "{wrong:?}");
    }
}
