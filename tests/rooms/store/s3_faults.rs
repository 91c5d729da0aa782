//! The S3 store against servers that fail and answers that are wrong.

mod listings;

use std::io::{Read, Write};
use std::net::TcpListener;
use std::ops::Range;
use std::time::Duration;

use bytes::Bytes;
use seaf_migrate::conf::backend::{Backend, Location};
use seaf_migrate::conf::{S3Conf, S3Credentials, Secret};
use seaf_migrate::object::{KeyRange, LibraryId, ObjectId, ObjectKey, ObjectKind};
use seaf_migrate::store::backend::s3::S3Store;
use seaf_migrate::store::http::HttpOptions;
use seaf_migrate::store::layer::retry::{Retry, RetryPolicy};
use seaf_migrate::store::{ErrorKind, Part, ReadStore, RemoveStore, StoreError, WriteStore};
use seaf_migrate::sys::shutdown::Shutdown;

use crate::support::s3_server;
use crate::support::s3_server::{ListDialect, S3Server};

const BUCKET: &str = "blocks";

struct World {
    dir: tempfile::TempDir,
    server: S3Server,
}

fn world() -> World {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join(BUCKET)).unwrap();
    let server = S3Server::start(dir.path(), "the-access-key", "the-secret-key");
    World { dir, server }
}

fn open(conf: &S3Conf) -> S3Store {
    let location = Location { backend: Backend::S3, kind: ObjectKind::Blocks, place: "test".to_owned() };
    let options = HttpOptions {
        answer_timeout: Duration::from_secs(5),
        stall_timeout: Duration::from_secs(5),
        ..HttpOptions::default()
    };
    S3Store::open(conf, location, options).unwrap()
}

impl World {
    fn store(&self) -> S3Store {
        open(&self.server.conf(BUCKET))
    }

    /// Puts an object into the bucket's folder directly.
    fn plant(&self, name: &str, data: &[u8]) {
        let path = self.dir.path().join(BUCKET).join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, data).unwrap();
    }

    fn plant_keys(&self, numbers: Range<u32>) -> Vec<ObjectKey> {
        let keys: Vec<ObjectKey> = numbers.map(key).collect();
        keys.iter().for_each(|key| self.plant(&key.to_string(), b"x"));
        keys
    }
}

fn key(n: u32) -> ObjectKey {
    let mut id = [0x5a; 20];
    id[..4].copy_from_slice(&n.to_be_bytes());
    ObjectKey::new(LibraryId::from_bytes([(n % 3) as u8; 16]), ObjectId::from_bytes(id))
}

/// Every key of the store, page by page, and how many strangers it counted.
fn list_all(store: &S3Store) -> Result<(Vec<ObjectKey>, u64), StoreError> {
    let (mut keys, mut ignored, mut part) = (Vec::new(), 0, Some(Part::new(KeyRange::ALL)));
    while let Some(next) = part {
        let page = store.list(&next)?;
        keys.extend(page.objects.iter().map(|listed| listed.key));
        ignored += page.ignored.total();
        part = page.rest;
    }
    Ok((keys, ignored))
}

fn sorted(mut keys: Vec<ObjectKey>) -> Vec<ObjectKey> {
    keys.sort();
    keys
}

#[test]
fn what_is_written_is_read() {
    let world = world();
    let store = world.store();
    for (n, data) in [Bytes::new(), Bytes::from_static(b"\x00"), Bytes::from(vec![7; 10 << 20])].into_iter().enumerate()
    {
        let key = key(n as u32);
        store.write(&key, data.clone()).unwrap();
        assert_eq!(store.size(&key).unwrap(), data.len() as u64);
        assert_eq!(store.read(&key).unwrap(), data);
        store.remove(&key).unwrap();
        store.remove(&key).unwrap();
        assert_eq!(store.read(&key).unwrap_err().kind(), ErrorKind::NotFound);
        assert_eq!(store.size(&key).unwrap_err().kind(), ErrorKind::NotFound);
    }
}

#[test]
fn a_wrong_key_is_refused_and_not_shown() {
    let world = world();
    let mut conf = world.server.conf(BUCKET);
    conf.credentials = S3Credentials::Key { id: "the-access-key".to_owned(), secret: Secret::new("wrong-secret") };
    for error in [open(&conf).read(&key(1)).unwrap_err(), open(&conf).size(&key(1)).unwrap_err()] {
        assert_eq!(error.kind(), ErrorKind::BadCredentials, "{error}");
        assert!(error.to_string().contains("SignatureDoesNotMatch"), "{error}");
        assert!(!format!("{error} {error:?} {:?}", open(&conf)).contains("wrong-secret"));
    }
    conf.credentials = S3Credentials::Key { id: "nobody".to_owned(), secret: Secret::new("the-secret-key") };
    let error = list_all(&open(&conf)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BadCredentials, "{error}");
    assert!(error.to_string().contains("check key_id"), "{error}");
}

#[test]
fn a_missing_bucket_is_not_a_missing_object() {
    let world = world();
    let store = open(&world.server.conf("elsewhere"));
    let errors = [
        store.read(&key(1)).unwrap_err(),
        store.size(&key(1)).unwrap_err(),
        store.write(&key(1), Bytes::new()).unwrap_err(),
        store.remove(&key(1)).unwrap_err(),
        list_all(&store).unwrap_err(),
    ];
    for error in errors {
        assert_eq!(error.kind(), ErrorKind::ContainerMissing, "{error}");
    }
}

#[test]
fn one_look_at_the_bucket_is_enough() {
    let world = world();
    let store = world.store();
    for n in 0..10 {
        assert_eq!(store.size(&key(n)).unwrap_err().kind(), ErrorKind::NotFound);
    }
    assert_eq!(world.server.faults().count("LIST"), 1);
}

#[test]
fn server_errors_are_transient_and_say_how_long_to_wait() {
    let world = world();
    let store = world.store();
    world.server.faults().fail(100, 500);
    let error = store.read(&key(1)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.to_string().contains("HTTP 500 InternalError"), "{error}");
    assert!(error.to_string().contains("fault-0001"), "{error}");
    assert_eq!(world.server.faults().count("GET"), 1, "the store repeats nothing by itself");
    world.server.faults().clear();
    world.server.faults().slow_down(100, 7);
    let error = store.write(&key(1), Bytes::from_static(b"x")).unwrap_err();
    assert_eq!((error.kind(), error.retry_after()), (ErrorKind::Throttled, Some(Duration::from_secs(7))));
}

#[test]
fn broken_connections_are_transient() {
    let world = world();
    let store = world.store();
    let data = Bytes::from(vec![1; 100_000]);
    store.write(&key(1), data.clone()).unwrap();
    let faults = world.server.faults();
    faults.reset(100);
    assert_eq!(store.read(&key(1)).unwrap_err().kind(), ErrorKind::Connection);
    assert_eq!(store.write(&key(1), data.clone()).unwrap_err().kind(), ErrorKind::Connection);
    faults.clear();
    for fault in [s3_server::Faults::cut_bodies, s3_server::Faults::reset_bodies] {
        fault(faults, 100);
        let error = store.read(&key(1)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Connection, "{error}");
        let error = list_all(&store).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Connection, "{error}");
        faults.clear();
    }
    assert_eq!(store.read(&key(1)).unwrap(), data);
}

#[test]
fn a_lost_answer_to_a_write_is_transient() {
    let world = world();
    let store = world.store();
    world.server.faults().lose_answers(100);
    let error = store.write(&key(1), Bytes::from_static(b"there")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Connection, "{error}");
    world.server.faults().clear();
    assert_eq!(store.read(&key(1)).unwrap(), "there");
}

#[test]
fn a_silent_server_is_a_timeout() {
    let world = world();
    let options = HttpOptions {
        connect_timeout: Duration::from_millis(200),
        answer_timeout: Duration::from_millis(200),
        stall_timeout: Duration::from_millis(200),
        ..HttpOptions::default()
    };
    let location = Location { backend: Backend::S3, kind: ObjectKind::Blocks, place: "test".to_owned() };
    let store = S3Store::open(&world.server.conf(BUCKET), location, options).unwrap();
    world.server.faults().delay(60_000);
    assert_eq!(store.read(&key(1)).unwrap_err().kind(), ErrorKind::Timeout);
}

#[test]
fn nobody_there_is_a_connection_error() {
    let mut conf = world().server.conf(BUCKET);
    conf.host = Some("127.0.0.1:1".to_owned());
    assert_eq!(open(&conf).read(&key(1)).unwrap_err().kind(), ErrorKind::Connection);
    conf.host = Some("not a host".to_owned());
    let location = Location { backend: Backend::S3, kind: ObjectKind::Blocks, place: "test".to_owned() };
    assert_eq!(S3Store::open(&conf, location, HttpOptions::default()).unwrap_err().kind(), ErrorKind::Setup);
}

/// A server that gives the same answer to every request.
fn canned(head: &str, body: &str) -> S3Conf {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut conf = S3Conf { host: Some(listener.local_addr().unwrap().to_string()), ..world().server.conf(BUCKET) };
    conf.path_style = true;
    let answer = format!("{head}Connection: close\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                let mut piece = [0; 4096];
                match stream.read(&mut piece) {
                    Ok(0) | Err(_) => break,
                    Ok(length) => request.extend_from_slice(&piece[..length]),
                }
            }
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    conf
}

fn error_xml(code: &str, more: &str) -> String {
    format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>What the server says</Message>{more}</Error>")
}

#[test]
fn answers_of_all_kinds_are_told_apart() {
    let region = "<Region>eu-west-3</Region>";
    let cases = [
        ("403 Forbidden", "", error_xml("AccessDenied", ""), ErrorKind::Denied, "AccessDenied: What the server says"),
        ("403 Forbidden", "", error_xml("RequestTimeTooSkewed", ""), ErrorKind::Setup, "clock"),
        ("403 Forbidden", "", error_xml("InvalidObjectState", ""), ErrorKind::Archived, "InvalidObjectState"),
        ("400 Bad Request", "", error_xml("KMS.DisabledException", ""), ErrorKind::Denied, "KMS.DisabledException"),
        (
            "400 Bad Request",
            "",
            "<html><h1>The plain HTTP request was sent to HTTPS port</h1></html>".to_owned(),
            ErrorKind::Other,
            "set use_https = true",
        ),
        ("400 Bad Request", "", error_xml("EntityTooLarge", ""), ErrorKind::TooLarge, "EntityTooLarge"),
        ("400 Bad Request", "", error_xml("AuthorizationHeaderMalformed", region), ErrorKind::Setup, "eu-west-3"),
        (
            "301 Moved Permanently",
            "x-amz-bucket-region: ap-south-1\r\n",
            error_xml("PermanentRedirect", ""),
            ErrorKind::Setup,
            "region ap-south-1: set aws_region",
        ),
        ("503 Slow Down", "Retry-After: 3\r\n", error_xml("SlowDown", ""), ErrorKind::Throttled, "HTTP 503 SlowDown"),
        (
            "503 Service Unavailable",
            "",
            "<html><h1>Busy</h1></html>".to_owned(),
            ErrorKind::Throttled,
            "HTTP 503: Busy",
        ),
        ("502 Bad Gateway", "", "bad gateway".to_owned(), ErrorKind::Unavailable, "HTTP 502"),
        ("429 Too Many", "", String::new(), ErrorKind::Throttled, "HTTP 429"),
        ("404 Not Found", "", error_xml("NoSuchBucket", ""), ErrorKind::ContainerMissing, "NoSuchBucket"),
        ("507 Full", "", error_xml("XMinioStorageFull", ""), ErrorKind::NoSpace, "XMinioStorageFull"),
    ];
    for (status, headers, body, kind, text) in cases {
        let store = open(&canned(&format!("HTTP/1.1 {status}\r\nx-amz-request-id: 4711\r\n{headers}"), &body));
        // What denies the listing denies the store; what denies an object denies that object.
        let of_object = if kind == ErrorKind::Denied { ErrorKind::ObjectDenied } else { kind };
        for (error, kind) in [(store.read(&key(1)).unwrap_err(), of_object), (list_all(&store).unwrap_err(), kind)] {
            assert_eq!(error.kind(), kind, "{status}: {error}");
            assert!(error.to_string().contains(text) && error.to_string().contains("4711"), "{error}");
            assert_eq!(error.retry_after(), status.contains("Slow").then(|| Duration::from_secs(3)));
        }
    }
}

#[test]
fn a_page_of_some_other_server_is_no_missing_object() {
    let store = open(&canned("HTTP/1.1 404 Not Found\r\n", "<html>nginx</html>"));
    assert_eq!(store.read(&key(1)).unwrap_err().kind(), ErrorKind::Protocol);
    let store = open(&canned("HTTP/1.1 404 Not Found\r\n", ""));
    assert_eq!(store.read(&key(1)).unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(store.write(&key(1), Bytes::new()).unwrap_err().kind(), ErrorKind::ContainerMissing);
    assert_eq!(list_all(&store).unwrap_err().kind(), ErrorKind::ContainerMissing);
}

#[test]
fn a_control_character_in_an_error_stays_out_of_the_log() {
    let store = open(&canned("HTTP/1.1 400 Bad Request\r\n", &error_xml("Odd&#27;[31m&#10;Code", "")));
    let error = store.read(&key(1)).unwrap_err().to_string();
    assert!(!error.contains(char::is_control), "{error:?}");
}

#[test]
fn a_fifth_of_all_requests_fails_and_nothing_is_lost() {
    let world = world();
    let faults = world.server.faults();
    let policy =
        RetryPolicy { base: Duration::from_millis(1), cap: Duration::from_millis(5), ..RetryPolicy::default() };
    let store = Retry::new(world.store(), policy, Shutdown::new());
    faults.fail(5, 500);
    faults.fail(5, 503);
    faults.reset(4);
    faults.lose_answers(3);
    faults.cut_bodies(3);
    let keys: Vec<ObjectKey> = (0..300).map(key).collect();
    for key in &keys {
        store.write(key, Bytes::from(key.to_string())).unwrap();
    }
    for key in &keys {
        assert_eq!(store.read(key).unwrap(), key.to_string());
        assert_eq!(store.size(key).unwrap(), 77);
    }
    let (mut found, mut part) = (Vec::new(), Some(Part::new(KeyRange::ALL)));
    while let Some(next) = part {
        let page = store.list(&next).unwrap();
        found.extend(page.objects.iter().map(|listed| listed.key));
        part = page.rest;
    }
    assert_eq!(found, sorted(keys));
    assert!(store.retries() > 100, "{} repetitions", store.retries());
}

#[test]
fn the_wait_that_a_server_asks_for_is_read_as_seconds_and_as_a_date() {
    for (value, shortest) in
        [("7", 7), (" 7 ", 7), ("Tue, 31 Dec 2199 23:59:59 GMT", 1 << 31), ("Sun, 06 Nov 1994 08:49:37 GMT", 0)]
    {
        let head = format!("HTTP/1.1 503 Slow Down\r\nRetry-After: {value}\r\n");
        let error = open(&canned(&head, &error_xml("SlowDown", ""))).read(&key(1)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Throttled, "{error}");
        let asked = error.retry_after().unwrap_or_else(|| panic!("{value} was not understood"));
        assert!(asked >= Duration::from_secs(shortest), "{value}: {asked:?}");
        assert!(shortest != 0 || asked.is_zero(), "a time that is over asks for nothing: {asked:?}");
    }
    for value in ["soon", "-1", ""] {
        let head = format!("HTTP/1.1 503 Slow Down\r\nRetry-After: {value}\r\n");
        assert_eq!(open(&canned(&head, &error_xml("SlowDown", ""))).read(&key(1)).unwrap_err().retry_after(), None);
    }
}
