//! Where the S3 store takes its credentials from, and which variables of the environment it ignores. Each case is a
//! process with an environment of its own.

use std::io::{Read, Write};
use std::net::TcpListener;

use bytes::Bytes;
use seaf_migrate::conf::{BackendConf, S3Conf, S3Credentials, S3Role, StoreConf};
use seaf_migrate::object::{LibraryId, ObjectId, ObjectKey, ObjectKind};
use seaf_migrate::store::backend::s3::S3Store;
use seaf_migrate::store::http::HttpOptions;
use seaf_migrate::store::{ErrorKind, ReadStore, StoreError, WriteStore};

use crate::support::program::only;
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

fn write_and_read(conf: &S3Conf) -> Result<(), StoreError> {
    let store = open(conf)?;
    store.write(&KEY, Bytes::from_static(b"content"))?;
    assert_eq!(store.read(&KEY)?, "content");
    Ok(())
}

/// Runs an ignored test of this file in a process of its own, with these variables set.
fn in_another_process(test: &str, variables: &[(&str, &str)]) {
    let mut child = only(module_path!(), test);
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
    in_another_process("child_with_a_role", &[("AWS_CONTAINER_CREDENTIALS_FULL_URI", &url)]);
    metadata.join().unwrap();
}

#[test]
#[ignore = "run by a_role_gives_credentials_and_renews_them, in a process of its own"]
fn child_with_a_role() {
    let dir = bucket();
    let server = S3Server::start(dir.path(), "key1", "secret1");
    let store = open(&S3Conf { credentials: S3Credentials::Role(S3Role::Default), ..server.conf(BUCKET) }).unwrap();
    store.write(&KEY, Bytes::from_static(b"first")).unwrap();
    server.set_key("key2", "secret2");
    store.write(&KEY, Bytes::from_static(b"second")).unwrap();
    assert_eq!(store.read(&KEY).unwrap(), "second");
}

/// The metadata service hands out keys that are good for years; the server forgets the first one.
#[test]
fn a_role_is_asked_again_when_its_credentials_are_refused() {
    let service = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/role", service.local_addr().unwrap());
    let metadata = std::thread::spawn(move || {
        for n in [1, 2] {
            let (mut stream, _) = service.accept().unwrap();
            let _ = stream.read(&mut [0; 4096]).unwrap();
            let body = format!(
                r#"{{"AccessKeyId":"key{n}","SecretAccessKey":"secret{n}","Token":"t","Expiration":"2099-01-01T00:00:00Z"}}"#
            );
            let head = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: application/json\r\n";
            write!(stream, "{head}Content-Length: {}\r\n\r\n{body}", body.len()).unwrap();
        }
    });
    in_another_process("child_whose_key_is_forgotten", &[("AWS_CONTAINER_CREDENTIALS_FULL_URI", &url)]);
    metadata.join().unwrap();
}

#[test]
#[ignore = "run by a_role_is_asked_again_when_its_credentials_are_refused, in a process of its own"]
fn child_whose_key_is_forgotten() {
    let dir = bucket();
    let server = S3Server::start(dir.path(), "key1", "secret1");
    let store = open(&S3Conf { credentials: S3Credentials::Role(S3Role::Default), ..server.conf(BUCKET) }).unwrap();
    store.write(&KEY, Bytes::from_static(b"first")).unwrap();
    server.set_key("key2", "secret2");
    assert_eq!(store.read(&KEY).unwrap_err().kind(), ErrorKind::BadCredentials);
    store.write(&KEY, Bytes::from_static(b"second")).unwrap();
    assert_eq!(store.read(&KEY).unwrap(), "second");
}

/// The metadata service answers once, and is away from then on.
#[test]
fn the_stores_of_one_role_ask_its_service_once() {
    let service = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/role", service.local_addr().unwrap());
    let metadata = std::thread::spawn(move || {
        let (mut stream, _) = service.accept().unwrap();
        let _ = stream.read(&mut [0; 4096]).unwrap();
        let body =
            r#"{"AccessKeyId":"key1","SecretAccessKey":"secret1","Token":"t","Expiration":"2099-01-01T00:00:00Z"}"#;
        let head = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: application/json\r\n";
        write!(stream, "{head}Content-Length: {}\r\n\r\n{body}", body.len()).unwrap();
    });
    in_another_process("child_with_two_stores_of_a_role", &[("AWS_CONTAINER_CREDENTIALS_FULL_URI", &url)]);
    metadata.join().unwrap();
}

#[test]
#[ignore = "run by the_stores_of_one_role_ask_its_service_once, in a process of its own"]
fn child_with_two_stores_of_a_role() {
    let dir = bucket();
    let server = S3Server::start(dir.path(), "key1", "secret1");
    let conf = S3Conf { credentials: S3Credentials::Role(S3Role::Default), ..server.conf(BUCKET) };
    let (old, new) = (open(&conf).unwrap(), open(&conf).unwrap());
    old.write(&KEY, Bytes::from_static(b"content")).unwrap();
    assert_eq!(new.read(&KEY).unwrap(), "content");
}

#[test]
fn no_role_is_told() {
    let nowhere = [("AWS_CONFIG_FILE", "/no/such/file"), ("AWS_SHARED_CREDENTIALS_FILE", "/no/such/file")];
    in_another_process("child_without_a_role", &nowhere);
}

#[test]
#[ignore = "run by no_role_is_told, in a process of its own"]
fn child_without_a_role() {
    let dir = bucket();
    let server = S3Server::start(dir.path(), "a", "b");
    let error = write_and_read(&S3Conf { credentials: S3Credentials::Role(S3Role::Default), ..server.conf(BUCKET) })
        .unwrap_err();
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
    in_another_process("child_in_a_misleading_environment", &misleading);
}

#[test]
#[ignore = "run by a_key_of_the_configuration_leaves_the_environment_alone, in a process of its own"]
fn child_in_a_misleading_environment() {
    let dir = bucket();
    let server = S3Server::start(dir.path(), "a", "b");
    write_and_read(&server.conf(BUCKET)).unwrap();
}
