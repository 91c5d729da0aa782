//! Blocks that are sent to S3 in pieces, to servers and over networks that do not play along.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use md5::{Digest, Md5};
use seaf_migrate::conf::backend::{Backend, Location};
use seaf_migrate::conf::{S3Conf, S3Credentials, S3Signature, Secret};
use seaf_migrate::content::sha1_of;
use seaf_migrate::object::{LibraryId, ObjectKey, ObjectKind};
use seaf_migrate::store::backend::memory::MemoryStore;
use seaf_migrate::store::backend::s3::S3Store;
use seaf_migrate::store::http::HttpOptions;
use seaf_migrate::store::layer::retry::{Retry, RetryPolicy};
use seaf_migrate::store::pieces::{Fault, PIECE_MAX};
use seaf_migrate::store::{ErrorKind, Pieced, Pieces, ReadStore, Reading, StoreError, WriteStore};
use seaf_migrate::sys::shutdown::Shutdown;

use crate::support::faulty::{Action, Faulty};
use crate::support::http_stub::{Asked, Reply, Stub};

fn block(length: usize) -> (ObjectKey, Bytes) {
    let mut data = vec![0; length];
    fastrand::Rng::with_seed(length as u64).fill(&mut data);
    (ObjectKey::new(LibraryId::from_bytes([1; 16]), sha1_of(&data)), data.into())
}

fn holding(key: &ObjectKey, data: &Bytes) -> MemoryStore {
    let source = MemoryStore::new(ObjectKind::Blocks, "source");
    source.write(key, data.clone()).unwrap();
    source
}

fn store(host: String, signature: S3Signature) -> S3Store {
    let conf = S3Conf {
        bucket: "bucket".to_owned(),
        credentials: S3Credentials::Key { id: "id".to_owned(), secret: Secret::new("secret") },
        host: Some(host),
        region: None,
        signature,
        https: false,
        path_style: true,
        sse_c_key: None,
        ca_file: None,
    };
    let location = Location { backend: Backend::S3, kind: ObjectKind::Blocks, place: "test".to_owned() };
    let options = HttpOptions {
        answer_timeout: Duration::from_secs(5),
        stall_timeout: Duration::from_secs(5),
        ..HttpOptions::default()
    };
    S3Store::open(&conf, location, options).unwrap()
}

fn retrying<S>(store: S) -> Retry<S> {
    let (base, cap) = (Duration::from_nanos(1), Duration::from_nanos(1));
    Retry::new(store, RetryPolicy { base, cap, ..RetryPolicy::default() }, Shutdown::new())
}

fn write(store: &dyn WriteStore, key: &ObjectKey, source: &dyn ReadStore) -> Result<Pieced, StoreError> {
    store.write_pieces(key, &mut Pieces::new(source, key, None))
}

/// A server whose connections are in the hands of a test: each is given with its number and the head of its first request.
fn raw(handle: impl Fn(u64, &[String], BufReader<TcpStream>) + Send + Sync + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let host = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for (number, stream) in listener.incoming().flatten().enumerate() {
            let mut reader = BufReader::new(stream);
            let mut head = Vec::new();
            loop {
                let mut line = String::new();
                if reader.read_line(&mut line).unwrap_or(0) == 0 || line.trim_end().is_empty() {
                    break;
                }
                head.push(line.trim_end().to_owned());
            }
            handle(number as u64, &head, reader);
        }
    });
    host
}

fn length_of(head: &[String]) -> u64 {
    let value = |line: &String| line.to_ascii_lowercase().strip_prefix("content-length: ").map(str::to_owned);
    head.iter().find_map(value).map_or(0, |length| length.parse().unwrap())
}

fn etag(data: &[u8]) -> String {
    let hex: String = Md5::digest(data).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("\"{hex}\"")
}

const NO_SUCH_KEY: &str = "<?xml version=\"1.0\"?><Error><Code>NoSuchKey</Code><Message>No such key.</Message></Error>";

#[test]
fn the_announced_length_never_arrives_of_a_block_that_has_another_id() {
    let (key, data) = block(3 * PIECE_MAX);
    let mut wrong = data.to_vec();
    *wrong.last_mut().unwrap() ^= 1;
    let source = holding(&key, &wrong.into());
    let seen = Arc::new(Mutex::new(Vec::new()));
    let (ended, has_ended) = std::sync::mpsc::channel();
    let noting = Arc::clone(&seen);
    let host = raw(move |_, head, mut reader| {
        let mut came = Vec::new();
        // The connection ends, with or without an error.
        let _ = reader.read_to_end(&mut came);
        noting.lock().unwrap().push((length_of(head), came.len() as u64));
        ended.send(()).unwrap();
    });
    let mut pieces = Pieces::new(&source, &key, Some(data.len() as u64));
    let outcome = store(host, S3Signature::V4).write_pieces(&key, &mut pieces).unwrap();
    assert_eq!(outcome, Pieced::Broken);
    assert!(matches!(pieces.into_fault(), Fault::Doubt(_)));
    has_ended.recv().unwrap();
    let seen = seen.lock().unwrap();
    let [(announced, came)] = seen[..] else { panic!("{seen:?}") };
    assert!(announced == data.len() as u64 && came < announced, "{came} of {announced} bytes came");
}

#[test]
fn a_success_before_everything_was_sent_is_not_believed() {
    let (key, data) = block(40 * PIECE_MAX);
    let source = holding(&key, &data);
    let told = etag(&data);
    let host = raw(move |number, _, reader| {
        let mut stream = reader.into_inner();
        let answer = match number {
            0 => format!("HTTP/1.1 200 OK\r\nETag: {told}\r\nContent-Length: 0\r\n\r\n"),
            _ => format!("HTTP/1.1 404 X\r\nContent-Length: {}\r\n\r\n{NO_SUCH_KEY}", NO_SUCH_KEY.len()),
        };
        stream.write_all(answer.as_bytes()).unwrap();
        stream.flush().unwrap();
        // Until the client has seen it and is gone.
        let _ = stream.set_read_timeout(Some(Duration::from_secs(5)));
        if number > 0 {
            return;
        }
        let mut piece = [0; 1000];
        let _ = stream.read(&mut piece);
        std::thread::sleep(Duration::from_millis(50));
    });
    let error = write(&store(host, S3Signature::V4), &key, &source).unwrap_err();
    assert!(error.kind().is_transient(), "{error}");
}

#[test]
fn a_connection_that_is_cut_midway_has_the_block_begin_again() {
    for cut_at in [0, 1, 100_000, 2_000_000] {
        let (key, data) = block(3 * PIECE_MAX + 3);
        let source = Faulty::new(holding(&key, &data)).in_pieces();
        let kept = Arc::new(Mutex::new(Vec::new()));
        let keeping = Arc::clone(&kept);
        let host = raw(move |number, head, mut reader| {
            let length = if number < 2 { cut_at } else { length_of(head) };
            let mut body = vec![0; usize::try_from(length).unwrap()];
            reader.read_exact(&mut body).unwrap();
            if number >= 2 {
                let told = etag(&body);
                // Before the answer, because the test looks as soon as that is there.
                *keeping.lock().unwrap() = body;
                let answer = format!("HTTP/1.1 200 OK\r\nETag: {told}\r\nContent-Length: 0\r\n\r\n");
                reader.get_mut().write_all(answer.as_bytes()).unwrap();
            }
        });
        let store = retrying(store(host, S3Signature::V4));
        assert_eq!(write(&store, &key, &source).unwrap(), Pieced::Written, "cut at {cut_at}");
        assert!(*kept.lock().unwrap() == data, "cut at {cut_at}: other bytes arrived");
        assert_eq!(source.failures(), 0);
    }
}

/// A server that keeps what it is sent and answers a PUT as `put` says.
struct Server {
    stub: Stub,
    objects: Arc<Mutex<Vec<(Asked, bool)>>>,
}

impl Server {
    fn start(put: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Self {
        let objects: Arc<Mutex<Vec<(Asked, bool)>>> = Arc::default();
        let held = Arc::clone(&objects);
        let stub = Stub::start(move |asked| {
            let mut held = held.lock().unwrap();
            let reply = match asked.method.as_str() {
                "PUT" => put(asked),
                _ => {
                    let last =
                        held.iter().rev().find(|(put, taken)| put.method == "PUT" && *taken && put.path == asked.path);
                    match last {
                        Some((put, _)) => Reply::new(200).header("ETag", etag(&put.body)).body(put.body.clone()),
                        None => Reply::new(404).body(NO_SUCH_KEY),
                    }
                }
            };
            held.push((asked.clone(), reply.status == 200));
            reply
        });
        Self { stub, objects }
    }

    fn store(&self, signature: S3Signature) -> S3Store {
        store(self.stub.host(), signature)
    }

    fn count(&self, method: &str) -> usize {
        self.objects.lock().unwrap().iter().filter(|(asked, _)| asked.method == method).count()
    }
}

#[test]
fn a_server_that_wants_the_md5_along_gets_blocks_whole_and_is_not_asked_again() {
    let refusal =
        "<?xml version=\"1.0\"?><Error><Code>InvalidRequest</Code><Message>Content-MD5 is missing</Message></Error>";
    let server = Server::start(move |asked| match asked.header("content-md5") {
        Some(_) => Reply::new(200).header("ETag", etag(&asked.body)),
        None => Reply::new(400).body(refusal),
    });
    let ((key, data), store) = (block(PIECE_MAX + 1), server.store(S3Signature::V4));
    let source = holding(&key, &data);
    assert_eq!(write(&store, &key, &source).unwrap(), Pieced::NotOffered);
    let asked = server.count("PUT");
    assert_eq!(write(&store, &key, &source).unwrap(), Pieced::NotOffered);
    assert_eq!(server.count("PUT"), asked);
    store.write(&key, data).unwrap();
}

#[test]
fn a_refusal_after_a_block_was_taken_in_pieces_is_a_failure_of_that_block() {
    let taken = AtomicU64::new(0);
    let server = Server::start(move |asked| match taken.fetch_add(1, Ordering::SeqCst) {
        0 => Reply::new(200).header("ETag", etag(&asked.body)),
        _ => Reply::new(403).body("<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code></Error>"),
    });
    let ((key, data), store) = (block(PIECE_MAX + 1), server.store(S3Signature::V4));
    let source = holding(&key, &data);
    assert_eq!(write(&store, &key, &source).unwrap(), Pieced::Written);
    assert_eq!(write(&store, &key, &source).unwrap_err().kind(), ErrorKind::ObjectDenied);
}

#[test]
fn the_id_goes_along_as_the_sha1_that_the_server_is_to_check() {
    let server = Server::start(|asked| Reply::new(200).header("ETag", etag(&asked.body)));
    let (key, data) = block(PIECE_MAX + 1);
    let source = holding(&key, &data);
    for (signature, expected) in
        [(S3Signature::V4, Some(BASE64_STANDARD.encode(key.id.as_bytes()))), (S3Signature::V2, None)]
    {
        assert_eq!(write(&server.store(signature), &key, &source).unwrap(), Pieced::Written);
        let objects = server.objects.lock().unwrap();
        let (put, _) = objects.last().unwrap();
        assert_eq!(put.header("x-amz-checksum-sha1"), expected.as_deref());
        assert_eq!(put.header("content-length"), Some(&*data.len().to_string()));
        assert!(put.body == data);
    }
    assert_eq!(server.count("GET"), 0);
}

#[test]
fn an_etag_that_is_no_md5_counts_only_where_the_server_says_that_it_checked_the_sha1() {
    let checked = Arc::new(AtomicU64::new(1));
    let checks = Arc::clone(&checked);
    let server = Server::start(move |asked| {
        let reply = Reply::new(200).header("ETag", "\"of-the-key-service\"");
        match checks.load(Ordering::SeqCst) {
            0 => reply,
            1 => reply.header("x-amz-checksum-sha1", asked.header("x-amz-checksum-sha1").unwrap()),
            _ => reply.header("x-amz-checksum-sha1", "AAAAAAAAAAAAAAAAAAAAAAAAAAA="),
        }
    });
    let ((key, data), store) = (block(PIECE_MAX + 1), server.store(S3Signature::V4));
    let source = holding(&key, &data);
    for _ in 0..3 {
        assert_eq!(write(&store, &key, &source).unwrap(), Pieced::Written);
    }
    assert_eq!(server.count("GET"), 0, "a block was read back that the server had checked");
    // Another server of the same name, which does not check: what it has is read back, and the MD5 is worked out again.
    for says in [0, 2] {
        checked.store(says, Ordering::SeqCst);
        let before = server.count("GET");
        assert_eq!(write(&store, &key, &source).unwrap(), Pieced::Written);
        assert!(server.count("GET") > before, "nobody witnesses that write");
        checked.store(1, Ordering::SeqCst);
        let _ = write(&store, &key, &source).unwrap();
    }
    // One that never does gets blocks whole after the first, for them to be checked by their MD5.
    checked.store(0, Ordering::SeqCst);
    let fresh = server.store(S3Signature::V4);
    assert_eq!(write(&fresh, &key, &source).unwrap(), Pieced::Written);
    assert_eq!(write(&fresh, &key, &source).unwrap(), Pieced::NotOffered);
}

#[test]
fn a_server_that_heeds_no_range_is_asked_once_and_its_blocks_are_read_whole() {
    for length in [1000, 3 * PIECE_MAX] {
        let (key, data) = block(length);
        let server = Server::start(|asked| Reply::new(200).header("ETag", etag(&asked.body)));
        let store = server.store(S3Signature::V4);
        store.write(&key, data.clone()).unwrap();
        for _ in 0..3 {
            assert_eq!(store.read_piece(&key, 0, Reading::Usual).unwrap(), None);
        }
        assert_eq!(server.count("GET"), 1);
        assert!(store.read(&key).unwrap() == data);
    }
}

#[test]
fn a_source_that_fails_is_no_word_for_or_against_the_destination() {
    let (key, data) = block(3 * PIECE_MAX);
    let good = holding(&key, &data);
    let bad = Faulty::new(holding(&key, &data)).in_pieces().fail_nth(Action::Read, 9, ErrorKind::Gone);
    // A refusal is final where a store never answered well, and repeated where it did: by that it shows what is believed.
    let refusing = || Faulty::new(MemoryStore::new(ObjectKind::Blocks, "new")).in_pieces();
    let destination = retrying(refusing().fail_calls(Action::Write, 2, 3, ErrorKind::Denied));
    assert_eq!(write(&destination, &key, &bad).unwrap(), Pieced::Broken);
    assert_eq!(write(&destination, &key, &good).unwrap_err().kind(), ErrorKind::Denied);
    assert_eq!(destination.retries(), 0);
    let destination = retrying(refusing().fail_calls(Action::Write, 2, 3, ErrorKind::Denied));
    assert_eq!(write(&destination, &key, &good).unwrap(), Pieced::Written);
    assert_eq!(write(&destination, &key, &good).unwrap(), Pieced::Written);
    assert_eq!(destination.retries(), 2);
}
