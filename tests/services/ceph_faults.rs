//! A store on RADOS when the cluster, the key or librados fails.

use std::collections::BTreeSet;
use std::fs;
use std::time::Duration;

use bytes::Bytes;
use seaf_migrate::conf::CephConf;
use seaf_migrate::object::{KeyRange, LibraryId, ObjectId, ObjectKey};
use seaf_migrate::store::backend::ceph::{CephOptions, CephStore};
use seaf_migrate::store::layer::retry::{Retry, RetryPolicy};
use seaf_migrate::store::{ErrorKind, Part, ReadStore, StoreError, WriteStore};
use seaf_migrate::sys::shutdown::Shutdown;

use crate::support::ceph::{Alone, Shared};
use crate::support::ceph::{Pool, open, run};

fn key(number: u16) -> ObjectKey {
    let mut id = [0; 20];
    id[..2].copy_from_slice(&number.to_be_bytes());
    ObjectKey::new(LibraryId::from_bytes([number as u8 % 3; 16]), ObjectId::from_bytes(id))
}

fn content(number: u16) -> Bytes {
    Bytes::from(vec![number as u8; usize::from(number)])
}

/// A store that gives up after a second, the least there is.
fn impatient(conf: &CephConf) -> CephStore {
    open(conf, &CephOptions { timeout: Duration::from_secs(1), ..CephOptions::default() }).unwrap()
}

fn kind<T: std::fmt::Debug>(result: Result<T, StoreError>) -> ErrorKind {
    result.unwrap_err().kind()
}

#[test]
fn an_osd_that_hangs_for_a_while_costs_nothing() {
    let cluster = Alone::new();
    let Some(pool) = cluster.pool_or_skip() else { return };
    let (base, cap) = (Duration::from_millis(10), Duration::from_millis(100));
    let policy = RetryPolicy { attempts: 100, base, cap, ..RetryPolicy::default() };
    let store = Retry::new(impatient(&pool.conf), policy, Shutdown::new());
    std::thread::scope(|scope| {
        let frozen = cluster.freeze_osd();
        let writers: Vec<_> = (0..8)
            .map(|writer| {
                let store = &store;
                let mine = (0..200).filter(move |number| number % 8 == writer);
                scope.spawn(move || mine.for_each(|number| store.write(&key(number), content(number)).unwrap()))
            })
            .collect();
        // The OSD comes back only after every writer has had to repeat.
        while store.retries() < 16 && !writers.iter().any(|writer| writer.is_finished()) {
            std::thread::sleep(Duration::from_millis(20));
        }
        drop(frozen);
        writers.into_iter().for_each(|writer| writer.join().unwrap());
    });
    for number in 0..200 {
        assert_eq!(store.read(&key(number)).unwrap(), content(number));
    }
}

#[test]
fn an_osd_that_hangs_for_good_ends_in_a_timeout() {
    let cluster = Alone::new();
    let Some(pool) = cluster.pool_or_skip() else { return };
    // A lower limit in ceph.conf is kept.
    let folder = tempfile::tempdir().unwrap();
    let conf = pool.conf_with(folder.path(), &[("rados osd op timeout", "1")]);
    let store = open(&conf, &CephOptions::default()).unwrap();
    store.write(&key(1), content(1)).unwrap();
    let frozen = cluster.freeze_osd();
    assert_eq!(kind(store.write(&key(2), content(2))), ErrorKind::Timeout);
    assert_eq!(kind(store.read(&key(1))), ErrorKind::Timeout);
    assert_eq!(kind(store.size(&key(1))), ErrorKind::Timeout);
    let error = store.list(&Part::new(KeyRange::ALL)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert!(error.to_string().contains("ceph -s"), "{error}");
    drop(frozen);
    assert_eq!(store.read(&key(1)).unwrap(), content(1));
}

#[test]
fn a_listing_that_breaks_off_says_so_and_can_go_on() {
    let cluster = Alone::new();
    let Some(pool) = cluster.pool_or_skip() else { return };
    let store = impatient(&pool.conf);
    for number in 0..1500 {
        store.write(&key(number), content(1)).unwrap();
    }
    let first = store.list(&Part::new(KeyRange::ALL)).unwrap();
    let rest = first.rest.expect("1,500 names are more than a page");
    let frozen = cluster.freeze_osd();
    assert_eq!(kind(store.list(&rest)), ErrorKind::Timeout);
    drop(frozen);
    let second = store.list(&rest).unwrap();
    assert!(second.rest.is_none());
    let found: BTreeSet<ObjectKey> = first.objects.iter().chain(&second.objects).map(|object| object.key).collect();
    assert!(found.into_iter().eq((0..1500).map(key).collect::<BTreeSet<_>>()));
}

#[test]
fn a_pool_deleted_meanwhile_is_not_a_missing_object() {
    // Held after the pool is gone, because the store is still used then.
    let _cluster = Shared::new();
    let Some(pool) = Pool::or_skip() else { return };
    let store = pool.open();
    store.write(&key(1), content(1)).unwrap();
    let parts = store.parts(&KeyRange::ALL).unwrap();
    drop(pool);
    assert_eq!(kind(store.read(&key(1))), ErrorKind::ContainerMissing);
    assert_eq!(kind(store.size(&key(1))), ErrorKind::ContainerMissing);
    assert_eq!(kind(store.write(&key(1), content(1))), ErrorKind::ContainerMissing);
    assert_eq!(kind(store.list(&parts[0])), ErrorKind::ContainerMissing);
    assert_eq!(kind(store.list(&Part::new(KeyRange::ALL))), ErrorKind::ContainerMissing);
}

#[test]
fn a_full_pool_is_told_and_can_be_read() {
    let Some(pool) = Pool::or_skip() else { return };
    let store = pool.open();
    store.write(&key(0), content(1)).unwrap();
    run("ceph", &pool.conf.config_file, &["osd", "pool", "set-quota", &pool.conf.pool, "max_objects", "1"]);
    // The cluster counts objects every few seconds, so the first writes beyond the quota succeed.
    let refused = (1..2000).find_map(|number| {
        std::thread::sleep(Duration::from_millis(50));
        store.write(&key(number), content(1)).err()
    });
    let refused = refused.unwrap();
    assert_eq!(refused.kind(), ErrorKind::NoSpace, "{refused}");
    assert!(refused.to_string().contains("quota"), "{refused}");
    assert_eq!(store.read(&key(0)).unwrap(), content(1));
}

#[test]
fn an_object_beyond_the_limit_is_refused() {
    let Some(pool) = Pool::or_skip() else { return };
    let store = pool.open();
    let too_large = Bytes::from(vec![0; 91 << 20]);
    let error = store.write(&key(1), too_large).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TooLarge);
    assert!(error.to_string().contains("osd_max_write_size"), "{error}");
    assert_eq!(kind(store.read(&key(1))), ErrorKind::NotFound);
}

#[test]
fn a_client_that_may_only_read_is_denied() {
    let Some(pool) = Pool::or_skip() else { return };
    let folder = tempfile::tempdir().unwrap();
    let (cluster, keyring) = (&pool.conf.config_file, folder.path().join("keyring"));
    let may = format!("allow r pool={}", pool.conf.pool);
    let user =
        run("ceph", cluster, &["auth", "get-or-create", "client.seaf-test-reader", "mon", "allow r", "osd", &may]);
    fs::write(&keyring, user).unwrap();
    let conf = pool.conf_with(folder.path(), &[("keyring", keyring.to_str().unwrap())]);
    let reader = CephConf { client_id: Some("seaf-test-reader".to_owned()), ..conf.clone() };
    pool.open().write(&key(1), content(1)).unwrap();
    let store = open(&reader, &CephOptions::default()).unwrap();
    assert_eq!(store.read(&key(1)).unwrap(), content(1));
    let denied = store.write(&key(1), content(2)).unwrap_err();
    assert_eq!(denied.kind(), ErrorKind::ObjectDenied);
    assert!(denied.to_string().contains("ceph auth get"), "{denied}");
    run("ceph", cluster, &["auth", "rm", "client.seaf-test-reader"]);

    let nobody = open(&CephConf { client_id: Some("seaf-test-nobody".to_owned()), ..conf }, &CephOptions::default());
    let nobody = nobody.unwrap_err();
    assert_eq!(nobody.kind(), ErrorKind::BadCredentials);
    assert!(nobody.to_string().contains(keyring.to_str().unwrap()), "{nobody}");
}

#[test]
fn a_refused_key_is_told_apart_and_not_shown() {
    let Some(pool) = Pool::or_skip() else { return };
    let folder = tempfile::tempdir().unwrap();
    let error = open(&pool.conf_with_wrong_key(folder.path()), &CephOptions::default()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BadCredentials);
    let keyring = fs::read_to_string(folder.path().join("keyring")).unwrap();
    let secret = keyring.split("key = ").nth(1).unwrap().trim();
    assert!(!error.to_string().contains(secret));
}

#[test]
fn monitors_that_do_not_answer_end_in_a_timeout() {
    let Some(pool) = Pool::or_skip() else { return };
    let folder = tempfile::tempdir().unwrap();
    // Nobody listens on port 1 of loopback.
    let conf = pool.conf_with(folder.path(), &[("mon host", "[v2:127.0.0.1:1]")]);
    let options = CephOptions { timeout: Duration::from_secs(1), ..CephOptions::default() };
    let error = open(&conf, &options).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert!(error.to_string().contains("127.0.0.1:1"), "{error}");
}

#[test]
fn a_ceph_conf_that_is_not_there_is_named() {
    let Some(pool) = Pool::or_skip() else { return };
    let conf = CephConf { config_file: "/nonexistent/ceph.conf".into(), ..pool.conf.clone() };
    let error = open(&conf, &CephOptions::default()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Setup);
    assert!(error.to_string().contains("/nonexistent/ceph.conf"), "{error}");
}

#[test]
fn without_librados_the_package_is_named() {
    let conf = CephConf { config_file: "/etc/ceph/ceph.conf".into(), pool: "blocks".to_owned(), client_id: None };
    let options = CephOptions { library: "librados-not-there.so.2".into(), ..CephOptions::default() };
    let error = open(&conf, &options).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Setup);
    assert!(error.to_string().contains("apt install librados2"), "{error}");
}
