//! Servers that speak S3 in a way of their own: without HEAD, without lengths, with hashes of every upload.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use seaf_migrate::conf::backend::{BackendConf, S3Signature};
use seaf_migrate::object::ObjectKey;
use seaf_migrate::store::backend::s3::S3Store;
use seaf_migrate::store::http::HttpOptions;
use seaf_migrate::store::{ErrorKind, ReadStore, WriteStore};
use sha2::{Digest, Sha256};

use crate::support::http_stub::{Asked, Fault, Reply, Stub};
use crate::support::stub_conf::{self, location};

const KEY: ObjectKey = ObjectKey::MIN;
const DATA: &[u8] = b"the bytes of an object";

/// A store at a server that answers as `answer` says, and every request that it heard.
fn store(
    signature: S3Signature,
    answer: impl Fn(&Asked) -> Reply + Send + Sync + 'static,
) -> (Stub, S3Store, Arc<Mutex<Vec<Asked>>>) {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let hearing = Arc::clone(&heard);
    let stub = Stub::start(move |asked| {
        hearing.lock().unwrap().push(asked.clone());
        answer(asked)
    });
    let conf = stub_conf::s3(&stub.host(), signature);
    let store = S3Store::open(&conf, location(BackendConf::S3(conf.clone())), HttpOptions::default()).unwrap();
    (stub, store, heard)
}

fn refused(status: u16, code: &str) -> Reply {
    Reply::new(status).body(format!("<Error><Code>{code}</Code><Message>no</Message></Error>"))
}

/// The answer to a GET of [`DATA`], of its first byte where that is asked for.
fn object(asked: &Asked, data: &[u8]) -> Reply {
    match asked.header("range") {
        None => Reply::new(200).body(data),
        Some(_) if data.is_empty() => Reply::new(416).header("Content-Range", "bytes */0"),
        Some(range) => {
            assert_eq!(range, "bytes=0-0");
            Reply::new(206).header("Content-Range", format!("bytes 0-0/{}", data.len())).body(&data[..1])
        }
    }
}

#[test]
fn where_there_is_no_head_the_first_byte_tells_the_size() {
    for (status, asked_again) in [(405, 1), (501, 1), (403, 2)] {
        let (_stub, store, heard) = store(S3Signature::V4, move |asked| match asked.method.as_str() {
            "HEAD" => Reply::new(status),
            _ => object(asked, DATA),
        });
        for _ in 0..2 {
            assert_eq!(store.size(&KEY).unwrap(), DATA.len() as u64, "{status}");
        }
        // One that refuses one object may answer for the next; one that knows no HEAD is not asked again.
        let heads = heard.lock().unwrap().iter().filter(|asked| asked.method == "HEAD").count();
        assert_eq!(heads, asked_again, "{status}");
    }
}

#[test]
fn a_head_that_gives_no_size_or_none_is_not_believed() {
    for data in [DATA, b""] {
        for length in [None, Some("0")] {
            let (_stub, store, _) = store(S3Signature::V2, move |asked| match (asked.method.as_str(), length) {
                ("HEAD", Some(_)) => Reply::new(200),
                ("HEAD", None) => Reply::new(200).fault(Fault::NoLength),
                _ => object(asked, data),
            });
            assert_eq!(store.size(&KEY).unwrap(), data.len() as u64, "{length:?}");
        }
    }
}

#[test]
fn a_server_that_tells_no_size_in_any_way_is_an_error_and_not_asked_for_ever() {
    let (_stub, store, heard) = store(S3Signature::V4, |asked| match asked.header("range") {
        Some(_) => Reply::new(416),
        None => Reply::new(200).body(DATA).fault(Fault::NoLength),
    });
    for kind in [store.size(&KEY).unwrap_err().kind(), store.read(&KEY).unwrap_err().kind()] {
        assert_eq!(kind, ErrorKind::Protocol);
    }
    assert!(heard.lock().unwrap().len() < 10);
}

#[test]
fn the_size_of_an_object_of_any_length_is_told_without_reading_it_where_there_are_no_ranges_either() {
    // More than is accepted of an object, and its bytes do not end: whoever reads it to learn its size never does.
    let size = 5_u64 << 30;
    let (_stub, store, _) = store(S3Signature::V4, move |asked| match asked.method.as_str() {
        "HEAD" => Reply::new(405),
        _ => Reply::new(200).header("Content-Length", size.to_string()).body(DATA).fault(Fault::Endless),
    });
    for _ in 0..2 {
        assert_eq!(store.size(&KEY).unwrap(), size);
    }
}

#[test]
fn an_object_in_chunks_is_counted_where_there_are_no_ranges() {
    let chunk = format!("{:x}\r\n{}\r\n", 100_000, "x".repeat(100_000));
    let body = format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{}0\r\n\r\n", chunk.repeat(20));
    let (_stub, store, _) = store(S3Signature::V4, move |asked| match asked.method.as_str() {
        "HEAD" => Reply::new(405),
        _ => Reply::new(200).fault(Fault::Raw(body.clone().into_bytes())),
    });
    assert_eq!(store.size(&KEY).unwrap(), 2_000_000);
}

#[test]
fn an_object_that_is_missing_stays_missing_without_head() {
    let (_stub, store, _) = store(S3Signature::V4, |asked| match asked.method.as_str() {
        "HEAD" => Reply::new(405),
        _ => refused(404, "NoSuchKey"),
    });
    assert_eq!(store.size(&KEY).unwrap_err().kind(), ErrorKind::NotFound);
}

#[test]
fn an_object_in_chunks_is_whole_once_the_last_chunk_came() {
    let chunks = |last: &str| {
        let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
        format!("{head}4\r\nthe \r\n12\r\nbytes of an object\r\n{last}").into_bytes()
    };
    let (whole, cut) = (chunks("0\r\n\r\n"), chunks(""));
    let (_stub, good, _) = store(S3Signature::V4, move |_| Reply::new(200).fault(Fault::Raw(whole.clone())));
    assert_eq!(good.read(&KEY).unwrap(), DATA);
    let (_stub, bad, _) = store(S3Signature::V4, move |_| Reply::new(200).fault(Fault::Raw(cut.clone())));
    assert_eq!(bad.read(&KEY).unwrap_err().kind(), ErrorKind::Connection);
    // Without a length or chunks the end of the connection may be anything.
    let (_stub, unknown, _) = store(S3Signature::V4, |_| Reply::new(200).body(DATA).fault(Fault::NoLength));
    assert_eq!(unknown.read(&KEY).unwrap_err().kind(), ErrorKind::Protocol);
}

#[test]
fn an_object_that_ends_with_its_connection_is_whole_when_it_is_as_long_as_the_server_says_elsewhere() {
    let told = |size: usize| {
        store(S3Signature::V4, move |asked| match asked.method.as_str() {
            "HEAD" => Reply::new(200).header("Content-Length", size.to_string()),
            _ => Reply::new(200).body(DATA).fault(Fault::NoLength),
        })
    };
    let (_stub, good, _) = told(DATA.len());
    assert_eq!(good.read(&KEY).unwrap(), DATA);
    assert_eq!(good.read_at_most(&KEY, DATA.len() as u64 - 1).unwrap(), None);
    let (_stub, cut, _) = told(DATA.len() + 1);
    let error = cut.read(&KEY).unwrap_err();
    assert!(error.kind() == ErrorKind::Connection && error.to_string().contains("ended after"), "{error}");
}

#[test]
fn an_object_in_an_archive_is_told_with_its_class_and_what_to_do() {
    for (more, class) in [("<StorageClass>DEEP_ARCHIVE</StorageClass>", Some("DEEP_ARCHIVE")), ("", None)] {
        let body = format!("<Error><Code>InvalidObjectState</Code><Message>no</Message>{more}</Error>");
        let (_stub, store, _) = store(S3Signature::V4, move |_| Reply::new(403).body(body.clone()));
        let error = store.read(&KEY).unwrap_err();
        assert_eq!((error.kind(), error.archive_class()), (ErrorKind::Archived, class));
        assert!(error.to_string().ends_with("restore it first"), "{error}");
    }
}

#[test]
fn uploads_are_hashed_for_a_server_that_wants_it_from_its_first_refusal_on() {
    for (status, code) in [(400, "XAmzContentSHA256Mismatch"), (400, "InvalidArgument"), (403, "AccessDenied")] {
        let (_stub, store, heard) = store(S3Signature::V4, move |asked| {
            let hash = format!("{:x}", HexOf(&Sha256::digest(&asked.body)));
            match asked.header("x-amz-content-sha256") == Some(&hash) {
                true => Reply::new(200).header("ETag", format!("\"{:x}\"", HexOf(&md5::Md5::digest(&asked.body)))),
                false => refused(status, code),
            }
        });
        for _ in 0..3 {
            store.write(&KEY, Bytes::from_static(DATA)).unwrap();
        }
        assert_eq!(heard.lock().unwrap().len(), 4, "{code}: one upload was tried without");
    }
}

#[test]
fn an_upload_that_is_refused_for_another_reason_is_tried_twice_at_most_and_the_reason_told() {
    let (_stub, denying, heard) = store(S3Signature::V4, |_| refused(403, "AccessDenied"));
    let error = denying.write(&KEY, Bytes::from_static(DATA)).unwrap_err();
    assert!(error.kind() == ErrorKind::ObjectDenied && error.to_string().contains("AccessDenied"), "{error}");
    assert_eq!(heard.lock().unwrap().len(), 2);
    // Not even that once one was taken as it is, and never with a signature that covers no bytes.
    let taken = AtomicUsize::new(0);
    let (_stub, changing, heard) = store(S3Signature::V4, move |asked| match taken.fetch_add(1, Ordering::Relaxed) {
        0 => Reply::new(200).header("ETag", format!("\"{:x}\"", HexOf(&md5::Md5::digest(&asked.body)))),
        _ => refused(403, "AccessDenied"),
    });
    changing.write(&KEY, Bytes::from_static(DATA)).unwrap();
    changing.write(&KEY, Bytes::from_static(DATA)).unwrap_err();
    assert_eq!(heard.lock().unwrap().len(), 2);
    let (_stub, old, heard) = store(S3Signature::V2, |_| refused(403, "AccessDenied"));
    old.write(&KEY, Bytes::from_static(DATA)).unwrap_err();
    assert_eq!(heard.lock().unwrap().len(), 1);
}

#[test]
fn no_request_has_more_in_its_query_than_the_protocol_knows() {
    let (_stub, store, heard) = store(S3Signature::V4, |asked| object(asked, DATA));
    store.read(&KEY).unwrap();
    store.size(&KEY).unwrap();
    let _ = store.write(&KEY, Bytes::from_static(DATA));
    assert!(heard.lock().unwrap().iter().all(|asked| asked.query.is_empty()));
}

/// Bytes in hexadecimal.
struct HexOf<'a>(&'a [u8]);

impl std::fmt::LowerHex for HexOf<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}
