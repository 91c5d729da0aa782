//! The suite over RADOS, and objects exchanged with Ceph's own client.

use std::sync::Arc;

use bytes::Bytes;
use seaf_migrate::object::KeyRange;
use seaf_migrate::store::backend::ceph::CephOptions;
use seaf_migrate::store::{ReadStore, StoreError, WriteStore};

use super::harness::{FullStore, Harness};
use super::samples::{LIBRARIES, keys, list_plainly};
use crate::support::ceph as support;
use crate::support::ceph::Pool;
use crate::support::skip::Missing;

fn full(store: Result<impl FullStore + 'static, StoreError>) -> Result<Arc<dyn FullStore>, StoreError> {
    store.map(|store| Arc::new(store) as Arc<dyn FullStore>)
}

fn harness(_case: &str) -> Result<Harness, Missing> {
    let pool = Arc::new(Pool::new()?);
    let (refusing, planted) = (Arc::clone(&pool), Arc::clone(&pool));
    let mut absent = pool.conf.clone();
    absent.pool.push_str("-not-there");
    Ok(Harness::new(pool.open())
        .keeping(pool)
        .without_container(move || full(support::open(&absent, &CephOptions::default())))
        .with_wrong_credentials(move || {
            let folder = tempfile::tempdir().unwrap();
            full(support::open(&refusing.conf_with_wrong_key(folder.path()), &CephOptions::default()))
        })
        .planting(move || plant(&planted)))
}

/// Puts names into a pool that other programs leave there; returns how many.
fn plant(pool: &Pool) -> u64 {
    let (id, library) = ("7f".repeat(20), LIBRARIES[1]);
    let upper = id.to_uppercase();
    let names: [(&[&str], &str); 6] = [
        (&[], "rbd_directory"),
        (&[], &id),
        (&["-N", "notes"], &id),
        (&["-N", library], "notes"),
        (&["-N", library], &upper),
        (&["-N", library, "--object-locator", "elsewhere"], &id),
    ];
    for (place, name) in names {
        pool.rados(&[place, &["put", name, "/dev/null"]].concat());
    }
    names.len() as u64
}

conformance!("ceph", harness);

#[test]
fn the_rados_program_reads_what_we_wrote() {
    let Some(pool) = Pool::or_skip() else { return };
    let (store, folder) = (pool.open(), tempfile::tempdir().unwrap());
    let file = folder.path().join("object");
    for (key, data) in keys(3).iter().zip([&b""[..], b"\0binary\xff", &[7; 200_000]]) {
        store.write(key, Bytes::from_static(data)).unwrap();
        let (library, id) = (key.library.to_string(), key.id.to_string());
        pool.rados(&["--namespace", &library, "get", &id, file.to_str().unwrap()]);
        assert!(std::fs::read(&file).unwrap() == data);
    }
    let names = pool.rados(&["--all", "ls"]);
    let mut listed: Vec<_> = names.lines().map(|line| line.split_whitespace().collect::<Vec<_>>()).collect();
    listed.sort_unstable();
    let expected: Vec<_> = keys(3).iter().map(|key| [key.library.to_string(), key.id.to_string()]).collect();
    assert_eq!(listed, expected);
}

#[test]
fn we_read_what_the_rados_program_wrote() {
    let Some(pool) = Pool::or_skip() else { return };
    let (store, folder) = (pool.open(), tempfile::tempdir().unwrap());
    let file = folder.path().join("object");
    for (key, data) in keys(3).iter().zip([&b""[..], b"\0binary\xff", &[7; 5_000_000]]) {
        std::fs::write(&file, data).unwrap();
        let (library, id) = (key.library.to_string(), key.id.to_string());
        pool.rados(&["--namespace", &library, "put", &id, file.to_str().unwrap()]);
        assert!(store.read(key).unwrap() == data);
        assert_eq!(store.size(key).unwrap(), data.len() as u64);
    }
    let (listed, ignored) = list_plainly(&store, KeyRange::ALL);
    assert!(listed.iter().map(|object| object.key).eq(keys(3)));
    assert_eq!(ignored, 0);
}
