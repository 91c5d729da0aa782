//! The HTTP client under Swift and OSS, against servers that fail in each way.

use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::Method;
use seaf_migrate::store::ErrorKind;
use seaf_migrate::store::http::{HttpClient, HttpError, HttpOptions, Request, Response, retry_after};

use crate::support::http_stub::{Fault, Reply, Stub};

fn options() -> HttpOptions {
    HttpOptions::default()
}

/// For servers that never answer, so that the test need not wait for long.
fn impatient() -> HttpOptions {
    let soon = Duration::from_millis(300);
    HttpOptions { connect_timeout: soon, answer_timeout: soon, stall_timeout: soon, ..options() }
}

fn client(options: HttpOptions) -> HttpClient {
    HttpClient::new(options, "test").unwrap()
}

fn get(stub: &Stub, options: HttpOptions) -> Result<Response, HttpError> {
    client(options).send(&Request::new(Method::GET, &format!("http://{}/x", stub.host())).unwrap())
}

#[test]
fn connections_are_kept_and_bodies_arrive_whole() {
    let big: Vec<u8> = (0..10_000_000u32).map(|n| n.to_le_bytes()[0]).collect();
    let body = big.clone();
    let stub = Stub::start(move |asked| match asked.method.as_str() {
        "PUT" => Reply::new(201).header("x-length", asked.body.len().to_string()),
        _ => Reply::new(200).body(body.clone()),
    });
    let client = client(options());
    let url = format!("http://{}/object", stub.host());
    for size in [0, 1, 65_536, 65_537, 10_000_000] {
        let put = Request::new(Method::PUT, &url).unwrap().body(Bytes::copy_from_slice(&big[..size]));
        assert_eq!(client.send(&put).unwrap().header("x-length"), Some(size.to_string().as_str()));
    }
    let answer = client.send(&Request::new(Method::GET, &url).unwrap()).unwrap();
    assert_eq!(answer.whole_body().unwrap(), big);
    let small = Request::new(Method::PUT, &url).unwrap();
    for _ in 0..100 {
        client.send(&small).unwrap();
    }
    // Two connections may be open, because one returns to the pool a moment after its answer.
    assert!(stub.connections() < 20, "{} connections for 106 requests", stub.connections());
}

#[test]
fn a_head_tells_the_length_and_has_no_body() {
    let stub = Stub::start(|_| Reply::new(200).header("Content-Length", "12345"));
    let head = Request::new(Method::HEAD, &format!("http://{}/x", stub.host())).unwrap();
    let answer = client(options()).send(&head).unwrap();
    assert_eq!((answer.content_length(), answer.body.len()), (Some(12345), 0));
}

#[test]
fn a_short_body_is_an_error_and_never_a_short_object() {
    for kept in [0, 1, 99] {
        let stub = Stub::start(move |_| Reply::new(200).body(vec![7; 100]).fault(Fault::CutBody(kept)));
        assert_eq!(get(&stub, options()).unwrap_err().kind(), ErrorKind::Connection);
    }
}

#[test]
fn a_body_without_a_marked_end_is_not_taken_for_an_object() {
    let stub = Stub::start(|_| Reply::new(200).body("half of it?").fault(Fault::NoLength));
    let answer = get(&stub, options()).unwrap();
    assert_eq!(answer.whole_body().unwrap_err().kind(), ErrorKind::Protocol);
}

#[test]
fn a_chunked_body_has_its_end_marked() {
    let chunks = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n".to_vec();
    let stub = Stub::start(move |_| Reply::new(200).fault(Fault::Raw(chunks.clone())));
    assert_eq!(get(&stub, options()).unwrap().whole_body().unwrap(), "hello");
    let cut = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n".to_vec();
    let stub = Stub::start(move |_| Reply::new(200).fault(Fault::Raw(cut.clone())));
    assert_eq!(get(&stub, options()).unwrap_err().kind(), ErrorKind::Connection);
}

#[test]
fn every_wait_ends() {
    let stub = Stub::start(|_| Reply::new(200).fault(Fault::Silence));
    assert_eq!(get(&stub, impatient()).unwrap_err().kind(), ErrorKind::Timeout);
    let stub = Stub::start(|_| Reply::new(200).body(vec![0; 100]).fault(Fault::Stall(50)));
    assert_eq!(get(&stub, impatient()).unwrap_err().kind(), ErrorKind::Timeout);
    // One that keeps moving, and would take two minutes.
    let stub = Stub::start(|_| Reply::new(200).body(vec![0; 6000]).fault(Fault::Drip(20)));
    let error = get(&stub, impatient()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert!(error.cause().contains("fewer than 4096 bytes"), "{}", error.cause());
}

#[test]
fn an_upload_that_nobody_reads_ends() {
    let deaf = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/x", deaf.local_addr().unwrap());
    let put = Request::new(Method::PUT, &url).unwrap().body(Bytes::from(vec![0; 64 << 20]));
    assert_eq!(client(impatient()).send(&put).unwrap_err().kind(), ErrorKind::Timeout);
}

#[test]
fn an_answer_above_the_limit_is_refused() {
    let stub = Stub::start(|asked| match asked.path.as_str() {
        "/chunked" => {
            let text = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n5\r\nworld\r\n0\r\n\r\n";
            Reply::new(200).fault(Fault::Raw(text.to_vec()))
        }
        _ => Reply::new(200).body("helloworld"),
    });
    for path in ["chunked", "length"] {
        let request = Request::new(Method::GET, &format!("http://{}/{path}", stub.host())).unwrap();
        let client = client(options());
        assert_eq!(client.send(&request.clone().answer_limit(9)).unwrap_err().kind(), ErrorKind::TooLarge);
        assert_eq!(client.send(&request.answer_limit(10)).unwrap().body, "helloworld");
    }
}

#[test]
fn redirects_are_reported_and_not_followed() {
    let stub = Stub::start(|asked| match asked.path.as_str() {
        "/x" => Reply::new(301).header("Location", "/elsewhere"),
        _ => Reply::new(200).body("followed"),
    });
    let error = get(&stub, options()).unwrap().error("read", "x");
    assert_eq!(error.kind(), ErrorKind::Protocol);
    assert!(error.to_string().contains("points to /elsewhere"), "{error}");
}

#[test]
fn a_kept_connection_that_the_server_closed_does_not_cost_an_object() {
    let stub = Stub::start(|_| Reply::new(200).body("ok").fault(Fault::CloseAfter));
    let client = client(options());
    let request = Request::new(Method::GET, &format!("http://{}/x", stub.host())).unwrap();
    for _ in 0..200 {
        assert_eq!(client.send(&request).unwrap().body, "ok");
    }
}

#[test]
fn a_request_without_an_answer_is_sent_once_more_if_it_may_be() {
    let asked_of = |method: Method, hangups: usize| {
        let (seen, counted) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let count = seen.clone();
        let stub = Stub::start(move |_| {
            count.fetch_add(1, Ordering::AcqRel);
            let fault = if counted.fetch_add(1, Ordering::AcqRel) < hangups { Fault::Hangup } else { Fault::None };
            Reply::new(200).fault(fault)
        });
        let request = Request::new(method, &format!("http://{}/x", stub.host())).unwrap().body(Bytes::from("data"));
        let outcome = client(options()).send(&request).map(|_| ()).map_err(|error| error.kind());
        (outcome, seen.load(Ordering::Acquire))
    };
    assert_eq!(asked_of(Method::PUT, 1), (Ok(()), 2));
    assert_eq!(asked_of(Method::PUT, 9), (Err(ErrorKind::Connection), 2));
    assert_eq!(asked_of(Method::POST, 1), (Err(ErrorKind::Connection), 1));
}

#[test]
fn nobody_there_is_a_connection_error() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let request = Request::new(Method::GET, &format!("http://{free}/x")).unwrap();
    assert_eq!(client(options()).send(&request).unwrap_err().kind(), ErrorKind::Connection);
}

#[test]
fn nonsense_is_a_protocol_error() {
    let stub = Stub::start(|_| Reply::new(200).fault(Fault::Raw(b"220 mail.example ESMTP\r\n\r\n".to_vec())));
    assert_eq!(get(&stub, options()).unwrap_err().kind(), ErrorKind::Protocol);
}

#[test]
fn names_below_localhost_are_this_machine() {
    let stub = Stub::start(|asked| Reply::new(200).body(asked.header("host").unwrap()));
    let host = format!("bucket.oss.localhost:{}", stub.port());
    let answer = client(options()).send(&Request::new(Method::GET, &format!("http://{host}/")).unwrap()).unwrap();
    assert_eq!(answer.body, host);
}

#[test]
fn https_needs_a_known_ca_and_a_ca_file_makes_one_known() {
    let stub = Stub::start_tls(|_| Reply::new(200).body("safe"));
    let request = Request::new(Method::GET, &format!("https://localhost:{}/x", stub.port())).unwrap();
    let error = client(options()).send(&request).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Setup);
    assert!(error.cause().contains("ca_file"), "{}", error.cause());
    let ca_file = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/tls/ca.pem"));
    let trusting = client(HttpOptions { ca_file: Some(ca_file), ..options() });
    assert_eq!(trusting.send(&request).unwrap().body, "safe");
}

#[test]
fn a_ca_file_without_a_certificate_is_refused_at_once() {
    let empty = tempfile::NamedTempFile::new().unwrap();
    for path in [empty.path().to_owned(), PathBuf::from("/nowhere/ca.pem")] {
        let error = HttpClient::new(HttpOptions { ca_file: Some(path), ..options() }, "store").err().unwrap();
        assert_eq!(error.kind(), ErrorKind::Setup);
        assert!(error.to_string().contains("ca_file"), "{error}");
    }
}

#[test]
fn retry_after_is_read_as_seconds_and_as_a_date() {
    let wait = |value: &str| {
        let mut headers = http::HeaderMap::new();
        headers.insert("retry-after", value.parse().unwrap());
        retry_after(&headers)
    };
    assert_eq!(wait("120"), Some(Duration::from_secs(120)));
    assert_eq!(wait("Sun, 06 Nov 1994 08:49:37 GMT"), Some(Duration::ZERO));
    let century = Duration::from_secs(3_600 * 24 * 365 * 100);
    assert!(wait("Tue, 31 Dec 2199 23:59:59 GMT").is_some_and(|time| time > century));
    assert_eq!(wait("soon"), None);
}

#[test]
fn statuses_become_kinds_with_the_servers_words() {
    let cases = [
        (401, ErrorKind::BadCredentials),
        (403, ErrorKind::Denied),
        (404, ErrorKind::NotFound),
        (408, ErrorKind::Timeout),
        (413, ErrorKind::TooLarge),
        (429, ErrorKind::Throttled),
        (500, ErrorKind::Unavailable),
        (502, ErrorKind::Unavailable),
        (503, ErrorKind::Throttled),
        (507, ErrorKind::NoSpace),
        (418, ErrorKind::Other),
    ];
    for (status, kind) in cases {
        let body = "<html><h1>No</h1><p>not\n today</p></html>";
        let stub = Stub::start(move |_| Reply::new(status).header("Retry-After", "7").body(body));
        let error = get(&stub, options()).unwrap().error("read", "x");
        assert_eq!((error.kind(), error.retry_after()), (kind, Some(Duration::from_secs(7))), "{status}");
        assert!(error.to_string().contains(": No not today"), "{error}");
    }
}

#[test]
fn urls_that_cannot_work_are_refused() {
    for url in ["", "host/x", "ftp://host/x", "http:///x", "/x"] {
        assert_eq!(Request::new(Method::GET, url).err().unwrap().kind(), ErrorKind::Setup, "{url}");
    }
}

#[test]
fn fifty_threads_share_a_client() {
    let stub = Stub::start(|asked| Reply::new(200).body(asked.path.clone()));
    let client = client(options());
    let wrong = Mutex::new(0);
    std::thread::scope(|scope| {
        for n in 0..50 {
            let (client, stub, wrong) = (&client, &stub, &wrong);
            scope.spawn(move || {
                for m in 0..20 {
                    let path = format!("/{n}/{m}");
                    let request = Request::new(Method::GET, &format!("http://{}{path}", stub.host())).unwrap();
                    *wrong.lock().unwrap() += usize::from(client.send(&request).unwrap().body != path);
                }
            });
        }
    });
    assert_eq!(*wrong.lock().unwrap(), 0);
    assert!(stub.connections() <= 50 + 1000 / 10, "{} connections for 50 threads", stub.connections());
}

/// The result of an answer with exactly these bytes.
fn answer_of(raw: impl Into<Vec<u8>>) -> Result<Response, HttpError> {
    let raw = raw.into();
    let stub = Stub::start(move |_| Reply::new(200).fault(Fault::Raw(raw.clone())));
    get(&stub, options())
}

#[test]
fn answers_on_the_way_to_the_answer_are_passed_over() {
    for early in ["HTTP/1.1 100 Continue\r\n\r\n", "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"] {
        let raw = format!("{early}{early}HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        let answer = answer_of(raw).unwrap();
        assert_eq!((answer.status.as_u16(), answer.whole_body().unwrap().as_ref()), (200, &b"ok"[..]));
    }
}

#[test]
fn two_lengths_that_differ_are_no_length() {
    // Each of them would cut the object at another place.
    let raw = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 5\r\n\r\nhello";
    assert_eq!(answer_of(raw).unwrap_err().kind(), ErrorKind::Protocol);
    for length in ["-1", "five", "5 5", "99999999999999999999999"] {
        let raw = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\nhello");
        assert_eq!(answer_of(raw).unwrap_err().kind(), ErrorKind::Protocol, "{length}");
    }
}

#[test]
fn what_a_server_sends_behind_its_answer_is_not_taken_for_the_next_one() {
    let first = Arc::new(AtomicUsize::new(0));
    let stub = Stub::start(move |_| match first.fetch_add(1, Ordering::AcqRel) {
        0 => {
            let more = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwrong";
            Reply::new(200)
                .fault(Fault::Raw(format!("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfirst{more}").into_bytes()))
        }
        _ => Reply::new(200).body("second"),
    });
    let client = client(options());
    let request = Request::new(Method::GET, &format!("http://{}/x", stub.host())).unwrap();
    assert_eq!(client.send(&request).unwrap().whole_body().unwrap(), "first");
    assert_eq!(client.send(&request).unwrap().whole_body().unwrap(), "second");
}

#[test]
fn a_chunk_that_is_none_is_an_error_and_never_the_end() {
    for chunks in [
        "zz\r\nhello\r\n0\r\n\r\n",
        "-5\r\nhello\r\n0\r\n\r\n",
        "5\r\nhelloworld\r\n0\r\n\r\n",
        "ffffffffffffffffff\r\nx\r\n",
    ] {
        let raw = format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}");
        let error = answer_of(raw).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Protocol | ErrorKind::Connection), "{chunks:?}: {error:?}");
    }
}

#[test]
fn headers_without_end_are_given_up() {
    let endless = format!("HTTP/1.1 200 OK\r\n{}", "X-Long: 1234567890\r\n".repeat(100_000));
    assert_eq!(answer_of(endless).unwrap_err().kind(), ErrorKind::Protocol);
    let one_line = format!("HTTP/1.1 200 OK\r\nX-Long: {}\r\n\r\n", "x".repeat(4 << 20));
    assert_eq!(answer_of(one_line).unwrap_err().kind(), ErrorKind::Protocol);
}

#[test]
fn an_answer_without_a_body_needs_no_length() {
    for raw in ["HTTP/1.1 204 No Content\r\n\r\n", "HTTP/1.1 304 Not Modified\r\nContent-Length: 500\r\n\r\n"] {
        let answer = answer_of(raw).unwrap();
        assert_eq!(answer.body.len(), 0, "{raw}");
    }
}

#[test]
fn an_old_server_that_ends_the_connection_behind_the_body_is_read_where_it_says_the_length() {
    let with = "HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello";
    assert_eq!(answer_of(with).unwrap().whole_body().unwrap(), "hello");
    let without = "HTTP/1.0 200 OK\r\n\r\nhello";
    assert_eq!(answer_of(without).unwrap().whole_body().unwrap_err().kind(), ErrorKind::Protocol);
}

#[test]
fn a_wait_that_makes_no_sense_is_none() {
    let wait = |value: &[u8]| {
        let mut headers = http::HeaderMap::new();
        headers.insert("retry-after", http::HeaderValue::from_bytes(value).unwrap());
        retry_after(&headers)
    };
    for nothing in
        [&b""[..], b"-1", b"1.5", b"99999999999999999999", b"1e3", b"10 s", b"\xff", b"Sun, 99 Nov 1994 08:49:37 GMT"]
    {
        assert_eq!(wait(nothing), None, "{}", nothing.escape_ascii());
    }
    assert_eq!(wait(b" 5 "), Some(Duration::from_secs(5)));
    assert_eq!(wait(b"0"), Some(Duration::ZERO));
    assert_eq!(wait(b"18446744073709551615"), Some(Duration::from_secs(u64::MAX)));
    assert_eq!(wait(b"Thu, 01 Jan 1970 00:00:00 GMT"), Some(Duration::ZERO));
    assert_eq!(wait(b"Wed, 31 Dec 1969 23:59:59 GMT"), None, "before there was time");
    assert_eq!(retry_after(&http::HeaderMap::new()), None);
}

#[test]
fn a_long_error_page_is_told_in_a_few_words_on_one_line() {
    let page =
        format!("<html><head><title>Oops\u{1b}[2J</title></head>\n<body>{}ü</body></html>", "très long ".repeat(2000));
    let stub = Stub::start(move |_| Reply::new(502).body(page.clone()));
    let error = get(&stub, options()).unwrap().error("read", "x").to_string();
    assert!(error.contains("Oops [2J très long"), "{error}");
    assert!(error.chars().count() < 400 && !error.contains(|c: char| c.is_control()), "{error:?}");
}

#[test]
fn nothing_is_sent_without_tls_where_tls_is_configured() {
    let stub = Stub::start(|_| Reply::new(200).body("heard"));
    let error = get(&stub, HttpOptions { https_only: true, ..options() }).unwrap_err();
    assert_eq!((error.kind(), stub.connections()), (ErrorKind::Setup, 0));
    assert!(error.cause().contains(&stub.host()) && error.cause().contains("use_https"), "{}", error.cause());
}
