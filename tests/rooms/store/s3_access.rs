//! Access to S3: signatures, host styles, https, encryption keys.

use std::path::PathBuf;

use bytes::Bytes;
use seaf_migrate::conf::{BackendConf, S3Conf, S3Credentials, S3Role, S3Signature, Secret, StoreConf};
use seaf_migrate::object::{KeyRange, LibraryId, ObjectId, ObjectKey, ObjectKind};
use seaf_migrate::store::backend::s3::S3Store;
use seaf_migrate::store::http::HttpOptions;
use seaf_migrate::store::{ErrorKind, Part, ReadStore, RemoveStore, StoreError, WriteStore};

use crate::support::http_stub::{Reply, Stub};
use crate::support::s3_server::S3Server;

const BUCKET: &str = "seafile-blocks";
const KEY: ObjectKey = ObjectKey::new(LibraryId::from_bytes([1; 16]), ObjectId::from_bytes([2; 20]));

fn bucket() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join(BUCKET)).unwrap();
    dir
}

fn open(conf: &S3Conf) -> Result<S3Store, StoreError> {
    let location = StoreConf::new(ObjectKind::Blocks, BackendConf::S3(conf.clone())).location();
    S3Store::open(conf, location, HttpOptions::default())
}

/// Writes, lists, reads and removes an object.
fn use_it(conf: &S3Conf) -> Result<(), StoreError> {
    let (store, data) = (open(conf)?, Bytes::from_static(b"content"));
    store.write(&KEY, data.clone())?;
    let page = store.list(&Part::new(KeyRange::library(KEY.library)))?;
    assert_eq!(page.objects.iter().map(|object| object.key).collect::<Vec<_>>(), [KEY]);
    assert_eq!(store.read(&KEY)?, data);
    assert_eq!(store.size(&KEY)?, 7);
    store.remove(&KEY)
}

#[test]
fn both_signatures_in_both_host_styles_over_http_and_https() {
    let dir = bucket();
    for server in [S3Server::start(dir.path(), "a", "b"), S3Server::start_https(dir.path(), "a", "b")] {
        for signature in [S3Signature::V4, S3Signature::V2] {
            for (path_style, host) in [(true, "127.0.0.1"), (true, "localhost"), (false, "localhost")] {
                let host = Some(format!("{host}:{}", server.port()));
                let region = Some("eu-central-1".to_owned()).filter(|_| path_style);
                let conf = S3Conf { signature, path_style, host, region, ..server.conf(BUCKET) };
                use_it(&conf).unwrap_or_else(|error| panic!("{conf:?}: {error}"));
            }
        }
    }
}

#[test]
fn an_address_has_no_virtual_hosts() {
    let dir = bucket();
    let server = S3Server::start(dir.path(), "a", "b");
    for signature in [S3Signature::V4, S3Signature::V2] {
        use_it(&S3Conf { path_style: false, signature, ..server.conf(BUCKET) }).unwrap();
    }
}

#[test]
fn an_unknown_authority_is_refused_with_advice() {
    let dir = bucket();
    let server = S3Server::start_https(dir.path(), "a", "b");
    let error = use_it(&S3Conf { ca_file: None, ..server.conf(BUCKET) }).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Setup, "{error}");
    assert!(error.to_string().contains("ca_file"), "{error}");
}

#[test]
fn a_ca_file_that_is_none_is_told_at_once() {
    let dir = bucket();
    let server = S3Server::start_https(dir.path(), "a", "b");
    let empty = dir.path().join("empty.pem");
    std::fs::write(&empty, "no certificate here").unwrap();
    let torn = dir.path().join("torn.pem");
    std::fs::write(&torn, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n").unwrap();
    for file in [empty, torn, PathBuf::from("/no/such/file")] {
        let error = open(&S3Conf { ca_file: Some(file.clone()), ..server.conf(BUCKET) }).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Setup, "{error}");
        assert!(error.to_string().contains(&file.display().to_string()), "{error}");
    }
}

#[test]
fn http_and_https_mixed_up_is_told() {
    let dir = bucket();
    let (plain, tls) = (S3Server::start(dir.path(), "a", "b"), S3Server::start_https(dir.path(), "a", "b"));
    let error = use_it(&S3Conf { https: true, ..plain.conf(BUCKET) }).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Setup, "{error}");
    assert!(error.to_string().contains("use_https"), "{error}");
    let error = use_it(&S3Conf { https: false, ..tls.conf(BUCKET) }).unwrap_err();
    assert!(!error.to_string().is_empty() && error.kind() != ErrorKind::NotFound, "{error}");
}

#[test]
fn an_object_put_with_a_key_is_read_with_that_key_only() {
    let dir = bucket();
    let server = S3Server::start_https(dir.path(), "a", "b");
    let plain = server.conf(BUCKET);
    let with = |key: &str| S3Conf { sse_c_key: Some(Secret::new(key)), ..plain.clone() };
    let right = open(&with("0123456789abcdef0123456789abcdef")).unwrap();
    let wrong = open(&with("ffffffffffffffffffffffffffffffff")).unwrap();
    right.write(&KEY, Bytes::from_static(b"sealed")).unwrap();
    assert_eq!(right.read(&KEY).unwrap(), "sealed");
    assert_eq!(right.size(&KEY).unwrap(), 6);
    for error in [wrong.read(&KEY).unwrap_err(), wrong.size(&KEY).unwrap_err()] {
        assert_eq!(error.kind(), ErrorKind::ObjectDenied, "{error}");
    }
    for error in [open(&plain).unwrap().read(&KEY).unwrap_err(), open(&plain).unwrap().size(&KEY).unwrap_err()] {
        assert!(error.to_string().contains("InvalidRequest"), "{error}");
    }
    assert!(!format!("{right:?}").contains("MDEyMzQ1"), "the key in base64");
    let error = open(&with("too short")).unwrap_err();
    assert!(error.kind() == ErrorKind::Setup && error.to_string().contains("sse_c_key"), "{error}");
}

#[test]
fn a_metadata_service_that_knows_no_tokens_gives_no_role_and_that_is_said() {
    // As version 1 answers: no token, and the keys to whoever asks.
    let service = Stub::start(|asked| match (asked.method.as_str(), asked.path.rsplit('/').next().unwrap()) {
        ("PUT", _) => Reply::new(404),
        ("GET", "security-credentials") => Reply::new(200).body("machine"),
        _ => Reply::new(200).body(r#"{"Code":"Success","AccessKeyId":"a","SecretAccessKey":"b","Token":"t"}"#),
    });
    let role =
        S3Role::Machine { name: Some("machine".to_owned()), endpoint: Some(format!("http://{}", service.host())) };
    let dir = bucket();
    let server = S3Server::start(dir.path(), "a", "b");
    let conf = S3Conf { credentials: S3Credentials::Role(role), ..server.conf(BUCKET) };
    let error = use_it(&conf).unwrap_err();
    assert!(error.to_string().contains("needs version 2 of its metadata service"), "{error}");
    assert_eq!(server.faults().count_all(), 0, "nothing was sent without keys");
}
