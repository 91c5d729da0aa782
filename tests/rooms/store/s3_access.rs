//! How the S3 store is let in: signatures, host styles, https, encryption keys, roles.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::Command;

use bytes::Bytes;
use seaf_migrate::conf::{BackendConf, S3Conf, S3Credentials, S3Signature, Secret, StoreConf};
use seaf_migrate::object::{KeyRange, LibraryId, ObjectId, ObjectKey, ObjectKind};
use seaf_migrate::store::backend::s3::{S3Options, S3Store};
use seaf_migrate::store::{ErrorKind, Part, ReadStore, RemoveStore, StoreError, WriteStore};

use crate::support::s3_server::S3Server;

const BUCKET: &str = "seafile-blocks";
const KEY: ObjectKey = ObjectKey::new(LibraryId::from_bytes([1; 16]), ObjectId::from_bytes([2; 20]));

fn bucket() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join(BUCKET)).unwrap();
    dir
}

fn open(conf: &S3Conf) -> Result<S3Store, StoreError> {
    let location = StoreConf { kind: ObjectKind::Blocks, backend: BackendConf::S3(conf.clone()) }.location();
    S3Store::open(conf, location, &S3Options::default())
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
        assert_eq!(error.kind(), ErrorKind::Denied, "{error}");
    }
    for error in [open(&plain).unwrap().read(&KEY).unwrap_err(), open(&plain).unwrap().size(&KEY).unwrap_err()] {
        assert!(error.to_string().contains("InvalidRequest"), "{error}");
    }
    assert!(!format!("{right:?}").contains("MDEyMzQ1"), "the key in base64");
    let error = open(&with("too short")).unwrap_err();
    assert!(error.kind() == ErrorKind::Setup && error.to_string().contains("sse_c_key"), "{error}");
}

/// Runs an ignored test of this file in a process of its own, with these variables set.
fn in_another_process(test: &str, variables: &[(&str, &str)]) {
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["--ignored", "--exact", test, "--nocapture"]);
    // Whatever else this machine's environment says about Amazon is kept out.
    std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("AWS_")).for_each(|(name, _)| {
        child.env_remove(name);
    });
    child.env("AWS_EC2_METADATA_DISABLED", "true").envs(variables.iter().copied());
    let output = child.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}

/// The metadata service hands out a key that is about to expire; the server then knows only the
/// next one.
#[test]
fn a_role_gives_credentials_and_renews_them() {
    let service = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/role", service.local_addr().unwrap());
    let metadata = std::thread::spawn(move || {
        let soon = (jiff::Timestamp::now() + jiff::SignedDuration::from_secs(5)).to_string();
        for (n, expiration) in [(1, soon.as_str()), (2, "2099-01-01T00:00:00Z")] {
            let (mut stream, _) = service.accept().unwrap();
            let _ = stream.read(&mut [0; 4096]).unwrap();
            let body = format!(
                r#"{{"AccessKeyId":"key{n}","SecretAccessKey":"secret{n}","Token":"t","Expiration":"{expiration}"}}"#
            );
            let head = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: application/json\r\n";
            write!(stream, "{head}Content-Length: {}\r\n\r\n{body}", body.len()).unwrap();
        }
    });
    in_another_process("store::s3_access::child_with_a_role", &[("AWS_CONTAINER_CREDENTIALS_FULL_URI", &url)]);
    metadata.join().unwrap();
}

#[test]
#[ignore = "run by a_role_gives_credentials_and_renews_them, in a process of its own"]
fn child_with_a_role() {
    let dir = bucket();
    let server = S3Server::start(dir.path(), "key1", "secret1");
    let store = open(&S3Conf { credentials: S3Credentials::IamRole, ..server.conf(BUCKET) }).unwrap();
    store.write(&KEY, Bytes::from_static(b"first")).unwrap();
    server.set_key("key2", "secret2");
    store.write(&KEY, Bytes::from_static(b"second")).unwrap();
    assert_eq!(store.read(&KEY).unwrap(), "second");
}

#[test]
fn no_role_is_told() {
    let nowhere = [("AWS_CONFIG_FILE", "/no/such/file"), ("AWS_SHARED_CREDENTIALS_FILE", "/no/such/file")];
    in_another_process("store::s3_access::child_without_a_role", &nowhere);
}

#[test]
#[ignore = "run by no_role_is_told, in a process of its own"]
fn child_without_a_role() {
    let dir = bucket();
    let server = S3Server::start(dir.path(), "a", "b");
    let error = use_it(&S3Conf { credentials: S3Credentials::IamRole, ..server.conf(BUCKET) }).unwrap_err();
    println!("{error}");
    assert_eq!(error.kind(), ErrorKind::Setup, "{error}");
}

#[test]
fn a_key_of_the_configuration_leaves_the_environment_alone() {
    let misleading = [
        ("AWS_ACCESS_KEY_ID", "wrong"),
        ("AWS_SECRET_ACCESS_KEY", "wrong"),
        ("AWS_SESSION_TOKEN", "wrong"),
        ("AWS_REGION", "wrong"),
        ("AWS_ENDPOINT_URL", "http://127.0.0.1:1"),
        ("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:1"),
        ("AWS_PROFILE", "wrong"),
        ("AWS_CONFIG_FILE", "/dev/full"),
        ("HTTP_PROXY", "http://127.0.0.1:1"),
        ("http_proxy", "http://127.0.0.1:1"),
        ("ALL_PROXY", "http://127.0.0.1:1"),
    ];
    in_another_process("store::s3_access::child_in_a_misleading_environment", &misleading);
}

#[test]
#[ignore = "run by a_key_of_the_configuration_leaves_the_environment_alone, in a process of its own"]
fn child_in_a_misleading_environment() {
    let dir = bucket();
    let server = S3Server::start(dir.path(), "a", "b");
    use_it(&server.conf(BUCKET)).unwrap();
}
