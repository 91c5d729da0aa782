//! The OSS store against each kind of answer.

use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use seaf_migrate::conf::Secret;
use seaf_migrate::conf::backend::{BackendConf, OssConf, OssSignature, StoreConf};
use seaf_migrate::object::{KeyRange, LibraryId, ObjectId, ObjectKey, ObjectKind};
use seaf_migrate::store::backend::oss::OssStore;
use seaf_migrate::store::http::HttpOptions;
use seaf_migrate::store::{ErrorKind, Part, ReadStore, RemoveStore, StoreError, WriteStore};

use crate::support::http_stub::{Fault, Reply};
use crate::support::oss_server::{KEY_ID, OssServer, REGION, SECRET};

const BUCKET: &str = "seaf-blocks";
const BOTH: [OssSignature; 2] = [OssSignature::V1, OssSignature::V4];

fn server() -> OssServer {
    let server = OssServer::start();
    server.create_bucket(BUCKET);
    server
}

fn conf(server: &OssServer, signature: OssSignature) -> OssConf {
    OssConf {
        bucket: BUCKET.to_owned(),
        key_id: KEY_ID.to_owned(),
        key: Secret::new(SECRET),
        endpoint: format!("oss.localhost:{}", server.port()),
        region: Some(REGION.to_owned()),
        signature,
        https: false,
        ca_file: None,
    }
}

fn try_open(conf: &OssConf) -> Result<OssStore, StoreError> {
    let location = StoreConf::new(ObjectKind::Blocks, BackendConf::Oss(conf.clone())).location();
    OssStore::open(conf, location, HttpOptions::default())
}

fn open(conf: &OssConf) -> OssStore {
    try_open(conf).unwrap()
}

fn key(id: u32) -> ObjectKey {
    let mut bytes = [0; 20];
    bytes[..4].copy_from_slice(&id.to_be_bytes());
    ObjectKey::new(LibraryId::from_bytes([0x5a; 16]), ObjectId::from_bytes(bytes))
}

fn list_all(store: &OssStore) -> Result<Vec<ObjectKey>, StoreError> {
    let (mut keys, mut next) = (Vec::new(), Some(Part::new(KeyRange::ALL)));
    while let Some(part) = next {
        let page = store.list(&part)?;
        keys.extend(page.objects.iter().map(|listed| listed.key));
        next = page.rest;
    }
    Ok(keys)
}

#[test]
fn the_bucket_stands_in_the_host_or_in_the_path() {
    for signature in BOTH {
        for host in ["oss.localhost", "localhost", "127.0.0.1"] {
            let server = server();
            let store = open(&OssConf { endpoint: format!("{host}:{}", server.port()), ..conf(&server, signature) });
            store.write(&key(1), Bytes::from("data")).unwrap();
            assert_eq!(store.read(&key(1)).unwrap(), "data", "{host}, {signature:?}");
            assert_eq!(list_all(&store).unwrap(), [key(1)]);
        }
    }
}

#[test]
fn refusals_have_their_kinds_and_say_what_to_look_for() {
    for signature in BOTH {
        let server = server();
        let good = conf(&server, signature);
        let cases = [
            (OssConf { key_id: "LTAIunknown".into(), ..good.clone() }, ErrorKind::BadCredentials, "InvalidAccessKeyId"),
            (OssConf { key: Secret::new("wrong"), ..good.clone() }, ErrorKind::BadCredentials, "SignatureDoesNotMatch"),
            (OssConf { bucket: "absent".into(), ..good.clone() }, ErrorKind::ContainerMissing, "NoSuchBucket"),
        ];
        for (conf, kind, code) in cases {
            let store = open(&conf);
            for error in [
                store.list(&Part::new(KeyRange::ALL)).unwrap_err(),
                store.read(&key(1)).unwrap_err(),
                store.size(&key(1)).unwrap_err(),
                store.write(&key(1), Bytes::from("data")).unwrap_err(),
            ] {
                assert_eq!(error.kind(), kind, "{error}");
                let text = error.to_string();
                assert!(text.contains(code) && text.contains("RequestId 5C3D") && text.contains("EC 00"), "{text}");
                assert!(!text.contains("wrong"), "{text}");
            }
        }
        let store = open(&good);
        for error in [store.read(&key(1)).unwrap_err(), store.size(&key(1)).unwrap_err()] {
            assert_eq!(error.kind(), ErrorKind::NotFound);
            assert!(error.to_string().contains("NoSuchKey"), "{error}");
        }
    }
}

#[test]
fn a_head_that_does_not_say_why_is_looked_into() {
    let server = server();
    server.state.silent_head.store(true, Ordering::Release);
    assert_eq!(open(&conf(&server, OssSignature::V4)).size(&key(1)).unwrap_err().kind(), ErrorKind::NotFound);
    let absent = OssConf { bucket: "absent".into(), ..conf(&server, OssSignature::V4) };
    assert_eq!(open(&absent).size(&key(1)).unwrap_err().kind(), ErrorKind::ContainerMissing);
}

#[test]
fn archived_objects_are_named_as_such() {
    let server = server();
    let store = open(&conf(&server, OssSignature::V4));
    store.write(&key(1), Bytes::from("data")).unwrap();
    server.state.archived.lock().unwrap().insert(key(1).to_string());
    let error = store.read(&key(1)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Archived);
    assert!(error.to_string().contains("restore"), "{error}");
}

#[test]
fn a_wrong_clock_is_blamed_on_the_clock() {
    for signature in BOTH {
        let server = server();
        server.state.clock_ahead.store(3_600, Ordering::Release);
        let error = open(&conf(&server, signature)).read(&key(1)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Setup);
        assert!(error.to_string().contains("clock"), "{error}");
    }
}

#[test]
fn a_bucket_that_takes_v4_only() {
    let server = server();
    server.state.only_v4.store(true, Ordering::Release);
    let error = open(&conf(&server, OssSignature::V1)).read(&key(1)).unwrap_err();
    assert!(error.to_string().contains("v1 signature is not allowed"), "{error}");
    let store = open(&conf(&server, OssSignature::V4));
    store.write(&key(1), Bytes::new()).unwrap();
    assert_eq!(store.size(&key(1)).unwrap(), 0);
}

#[test]
fn v4_without_a_region_is_refused_before_anything_is_sent() {
    let server = server();
    let error = try_open(&OssConf { region: None, ..conf(&server, OssSignature::V4) }).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Setup);
    assert!(error.to_string().contains("region"), "{error}");
    assert_eq!(server.requests(), 0);
}

#[test]
fn troubles_of_the_server_have_their_kinds() {
    let said =
        |code: &str| format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>a &amp; b</Message></Error>");
    let server = server();
    let store = open(&conf(&server, OssSignature::V4));
    let cases = [
        (Reply::new(503).body(said("ServiceUnavailable")), ErrorKind::Throttled),
        (Reply::new(503).header("Retry-After", "3").body(said("QpsLimitExceeded")), ErrorKind::Throttled),
        (Reply::new(429), ErrorKind::Throttled),
        (Reply::new(500).body(said("InternalError")), ErrorKind::Unavailable),
        (Reply::new(403).body(said("AccessDenied")), ErrorKind::ObjectDenied),
        (Reply::new(403).body(said("SecurityTokenExpired")), ErrorKind::BadCredentials),
        (Reply::new(400).body(said("InvalidDigest")), ErrorKind::Altered),
        (Reply::new(400).body(said("EntityTooLarge")), ErrorKind::TooLarge),
        (Reply::new(400).body(said("SomethingNew")), ErrorKind::Other),
        (Reply::new(200).fault(Fault::Hangup), ErrorKind::Connection),
    ];
    for (reply, kind) in cases {
        let wait = reply.headers.iter().any(|(name, _)| name == "Retry-After").then_some(Duration::from_secs(3));
        let spoken = !reply.body.is_empty();
        // Twice, because a request without an answer is sent again.
        server.state.instead.lock().unwrap().clear();
        server.answer_instead(reply.clone());
        server.answer_instead(reply);
        let error = store.write(&key(1), Bytes::from("data")).unwrap_err();
        assert_eq!((error.kind(), error.retry_after()), (kind, wait), "{error}");
        assert_eq!(error.to_string().contains("a & b"), spoken, "{error}");
    }
}

#[test]
fn another_endpoint_is_named() {
    let server = server();
    let body = "<Error><Code>AccessDenied</Code><Message>Wrong endpoint.</Message>\
                <Endpoint>oss-cn-beijing.aliyuncs.com</Endpoint></Error>";
    server.answer_instead(Reply::new(403).body(body));
    let error = open(&conf(&server, OssSignature::V4)).read(&key(1)).unwrap_err();
    assert!(error.to_string().contains("endpoint is oss-cn-beijing.aliyuncs.com"), "{error}");
}

#[test]
fn what_arrives_damaged_is_not_taken_for_written() {
    for signature in BOTH {
        let server = server();
        server.state.damages.store(true, Ordering::Release);
        let error = open(&conf(&server, signature)).write(&key(1), Bytes::from("data")).unwrap_err();
        assert!(error.kind().is_transient(), "{signature:?}: {error}");
    }
}

#[test]
fn pages_without_a_name_are_no_end() {
    for signature in BOTH {
        let server = server();
        (0..1_500).for_each(|n| server.plant(BUCKET, &key(n).to_string()));
        let store = open(&conf(&server, signature));
        server.state.empty_pages.store(3, Ordering::Release);
        assert_eq!(list_all(&store).unwrap().len(), 1_500, "{signature:?}");
        server.state.empty_pages.store(1_000_000, Ordering::Release);
        assert_eq!(list_all(&store).unwrap_err().kind(), ErrorKind::WrongListing);
    }
}

#[test]
fn names_come_encoded_or_as_xml_entities() {
    for plain in [false, true] {
        let server = server();
        server.state.plain_names.store(plain, Ordering::Release);
        let store = open(&conf(&server, OssSignature::V1));
        for n in 0..3 {
            server.plant(BUCKET, &key(n).to_string());
            server.plant(BUCKET, &format!("{}<&>\"'%2F+ é", key(n)));
        }
        let page = store.list(&Part::new(KeyRange::ALL)).unwrap();
        assert_eq!((page.objects.len(), page.ignored.total()), (3, 3), "plain: {plain}");
    }
}

#[test]
fn half_a_listing_is_no_listing() {
    let server = server();
    let store = open(&conf(&server, OssSignature::V4));
    let whole = format!(
        "<ListBucketResult><IsTruncated>false</IsTruncated><Contents><Key>{}</Key><Size>4</Size></Contents></ListBucketResult>",
        key(1)
    );
    server.answer_instead(Reply::new(200).body(whole.clone()));
    assert_eq!(list_all(&store).unwrap(), [key(1)]);
    let bodies = [
        &whole[..whole.len() - "</ListBucketResult>".len()],
        &whole[..whole.len() / 2],
        "",
        "<ListBucketResult></ListBucketResult>",
        "<html>a proxy's page</html>",
    ];
    for body in bodies {
        server.answer_instead(Reply::new(200).body(body));
        let error = list_all(&store).unwrap_err();
        let silent = body.starts_with("<ListBucketResult></");
        let kind = if silent { ErrorKind::WrongListing } else { ErrorKind::ForeignAnswer };
        assert_eq!(error.kind(), kind, "{body}: {error}");
        assert!(!body.contains("proxy") || error.cause().ends_with("a proxy's page"), "{error}");
    }
    server.answer_instead(Reply::new(200).body(whole).fault(Fault::CutBody(99)));
    assert_eq!(list_all(&store).unwrap_err().kind(), ErrorKind::Connection);
}

#[test]
fn an_object_is_never_short() {
    let server = server();
    let store = open(&conf(&server, OssSignature::V4));
    for fault in [Fault::CutBody(2), Fault::NoLength] {
        server.answer_instead(Reply::new(200).body("data").fault(fault));
        assert!(store.read(&key(1)).is_err());
    }
}

#[test]
fn removing_what_is_not_there_is_done() {
    let server = server();
    let store = open(&conf(&server, OssSignature::V4));
    store.remove(&key(1)).unwrap();
    let absent = OssConf { bucket: "absent".into(), ..conf(&server, OssSignature::V4) };
    assert_eq!(open(&absent).remove(&key(1)).unwrap_err().kind(), ErrorKind::ContainerMissing);
}

#[test]
fn secrets_are_never_shown() {
    let server = server();
    let conf = OssConf { key: Secret::new("HushHush"), ..conf(&server, OssSignature::V4) };
    let store = open(&conf);
    let error = store.read(&key(1)).unwrap_err();
    assert!(!format!("{conf:?}{store:?}{error}{error:?}").contains("HushHush"));
}
