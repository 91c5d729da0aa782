//! Alibaba's own SDK for Python against the stand-in for OSS, unchanged, with both signatures: it
//! shows that the stand-in behaves as OSS does, and that the SDK and this program read what the other wrote.
//!
//! Needs python3 with venv, and PyPI once; otherwise SKIPPED, which `SEAF_MIGRATE_REQUIRE_ALL=1` forbids.

use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

use bytes::Bytes;
use seaf_migrate::conf::Secret;
use seaf_migrate::conf::backend::{BackendConf, OssConf, OssSignature, StoreConf};
use seaf_migrate::object::{KeyRange, ObjectKey, ObjectKind};
use seaf_migrate::store::backend::oss::OssStore;
use seaf_migrate::store::http::HttpOptions;
use seaf_migrate::store::{Part, ReadStore, WriteStore};
use sha1::{Digest, Sha1};

use crate::support::oss_server::{KEY_ID, OssServer, REGION, SECRET};
use crate::support::python;
use crate::support::skip::{Missing, skip};

const BUCKET: &str = "seaf-blocks";
const PACKAGE: &str = "oss2==2.19.1";

/// A Python that has the SDK, made once and kept below `target/`; or why there is none.
fn python() -> &'static Result<PathBuf, Missing> {
    static PYTHON: OnceLock<Result<PathBuf, Missing>> = OnceLock::new();
    PYTHON.get_or_init(|| python::with_packages("oss-sdk", "import oss2", &[PACKAGE]))
}

/// The SDK as a function from arguments to output.
type Sdk<'a> = &'a dyn Fn(&[&str]) -> String;

/// Runs `body` with each signature, or says why not.
fn with_sdk(body: fn(&OssServer, OssSignature, Sdk<'_>)) {
    let python = match python() {
        Ok(python) => python,
        Err(Missing(why)) => return skip("oss2", why),
    };
    for (signature, version) in [(OssSignature::V1, "v1"), (OssSignature::V4, "v4")] {
        let server = OssServer::start();
        server.create_bucket(BUCKET);
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/oss_sdk.py");
        let port = server.port().to_string();
        body(&server, signature, &|arguments| {
            let mut command = Command::new(python);
            command.arg(script).arg(arguments[0]).args([&port, version, KEY_ID, SECRET, REGION, BUCKET]);
            python::run(command.args(&arguments[1..]).env("PYTHONDONTWRITEBYTECODE", "1")).unwrap()
        });
    }
}

fn store(server: &OssServer, signature: OssSignature) -> OssStore {
    let conf = OssConf {
        bucket: BUCKET.to_owned(),
        key_id: KEY_ID.to_owned(),
        key: Secret::new(SECRET),
        endpoint: format!("oss.localhost:{}", server.port()),
        region: Some(REGION.to_owned()),
        signature,
        https: false,
        ca_file: None,
    };
    let location = StoreConf::new(ObjectKind::Blocks, BackendConf::Oss(conf.clone())).location();
    OssStore::open(&conf, location, HttpOptions::default()).unwrap()
}

fn keys() -> Vec<ObjectKey> {
    let id = |n: usize| format!("3f8a9c1e-7b42-4d0e-9a55-0c1d2e3f4a5b/{:040x}", n * 7919);
    (0..25).map(|n| id(n).parse().unwrap()).collect()
}

#[test]
fn the_sdk_finds_nothing_wrong_with_the_stand_in() {
    with_sdk(|_, _, sdk| assert_eq!(sdk(&["check"]), ""));
}

#[test]
fn the_sdk_reads_what_we_wrote() {
    with_sdk(|server, signature, sdk| {
        let store = store(server, signature);
        let content = |key: &ObjectKey| Bytes::from(key.to_bytes().repeat(1 + usize::from(key.id.as_bytes()[19])));
        keys().iter().for_each(|key| store.write(key, content(key)).unwrap());
        let sha1 =
            |key: &ObjectKey| Sha1::digest(content(key)).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let expected: String = keys().iter().map(|key| format!("{key} {}\n", sha1(key))).collect();
        assert_eq!(sdk(&["read"]), expected);
    });
}

#[test]
fn we_read_what_the_sdk_wrote() {
    with_sdk(|server, signature, sdk| {
        let names: Vec<String> = keys().iter().map(ToString::to_string).collect();
        sdk(&[vec!["write"], names.iter().map(String::as_str).collect()].concat());
        let store = store(server, signature);
        let page = store.list(&Part::new(KeyRange::ALL)).unwrap();
        assert!(page.objects.iter().map(|listed| listed.key).eq(keys()));
        for key in keys() {
            let data = store.read(&key).unwrap();
            assert_eq!(data, format!("the SDK wrote {key}"));
            assert_eq!(store.size(&key).unwrap(), data.len() as u64);
        }
    });
}
