//! A server of S3's protocol that costs nearly nothing, so that what is measured is the client: it keeps the objects in
//! memory, checks no signature, and has a thread a connection.
//!
//! It knows PUT, GET (whole, or a range), HEAD and DELETE of objects, and the second version of the listing with
//! `prefix`, `start-after` and `continuation-token`; buckets are in the path and need not be made. Uploads in parts are taken and
//! not kept. The ETag is the MD5 that came along, and where none did but a SHA-1 (`x-amz-checksum-sha1`), that is answered, and the
//! ETag is none: computing one would cost more than all the rest.
#![allow(clippy::unwrap_used, missing_docs, unreachable_pub)]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::ops::Bound;
use std::sync::{Arc, RwLock};
use std::thread;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use md5::{Digest, Md5};

/// What a sink keeps of the objects that it takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keeps {
    Everything,
    /// Of objects above [`SMALL`] names and lengths: for more bytes than there is memory. What is read of those are zeros.
    Names,
}

/// Up to this many bytes an object is kept by every sink, as the probe of a check must be.
const SMALL: usize = 64 << 10;

/// How many bytes are read at once of a body that is not kept.
const READ: usize = 256 << 10;

/// Names in a page of a listing.
const PAGE: usize = 1000;

#[derive(Clone)]
struct Object {
    data: Bytes,
    length: u64,
    etag: String,
}

type Objects = Arc<RwLock<BTreeMap<String, Object>>>;

/// Serves on a free port of this machine until the process ends; each answer takes `delay`.
pub fn start(delay: Duration, keeps: Keeps) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let objects = Objects::default();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let objects = Arc::clone(&objects);
            // A connection that breaks off is the client's business.
            thread::Builder::new()
                .stack_size(256 << 10)
                .spawn(move || drop(connection(stream, &objects, delay, keeps)))
                .unwrap();
        }
    });
    address
}

struct Asked {
    method: String,
    /// `bucket/name`, without a slash at the beginning.
    path: String,
    query: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    /// Of the body, also where it was not kept.
    length: u64,
}

impl Asked {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(held, _)| held == name).map(|(_, value)| value.as_str())
    }

    fn param(&self, name: &str) -> Option<String> {
        let pair = self.query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))?;
        Some(percent_encoding::percent_decode_str(&pair.replace('+', " ")).decode_utf8_lossy().into_owned())
    }
}

fn connection(stream: TcpStream, objects: &Objects, delay: Duration, keeps: Keeps) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::with_capacity(64 << 10, stream.try_clone()?);
    let mut stream = stream;
    while let Some(asked) = read_request(&mut reader, &mut stream, keeps)? {
        let answer = answer(&asked, objects);
        if !delay.is_zero() {
            thread::sleep(delay);
        }
        stream.write_all(&answer)?;
    }
    Ok(())
}

fn read_request(reader: &mut impl BufRead, stream: &mut TcpStream, keeps: Keeps) -> io::Result<Option<Asked>> {
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let mut words = line.split_whitespace();
    let (method, target) = (words.next().unwrap_or_default().to_owned(), words.next().unwrap_or_default());
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let path = percent_encoding::percent_decode_str(path.trim_start_matches('/')).decode_utf8_lossy().into_owned();
    let mut asked = Asked { method, path, query: query.to_owned(), headers: Vec::new(), body: Vec::new(), length: 0 };
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let line = line.trim_end();
        if line.is_empty() {
            break;
        }
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        asked.headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    if asked.header("expect").is_some() {
        stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
    }
    let length = asked.header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    let is_chunked = asked.header("content-encoding") == Some("aws-chunked");
    let decoded = asked.header("x-amz-decoded-content-length").and_then(|length| length.parse().ok());
    asked.length = decoded.unwrap_or(length as u64);
    if keeps == Keeps::Names && asked.method == "PUT" && length > SMALL {
        let mut piece = vec![0; READ.min(length)];
        let mut left = length;
        while left > 0 {
            let size = left.min(READ);
            reader.read_exact(&mut piece[..size])?;
            left -= size;
        }
        return Ok(Some(asked));
    }
    asked.body.resize(length, 0);
    reader.read_exact(&mut asked.body)?;
    if is_chunked || decoded.is_some() {
        asked.body = unchunked(&asked.body);
    }
    Ok(Some(asked))
}

/// The bytes in chunks that are signed each or have a checksum behind them (`aws-chunked`).
fn unchunked(mut body: &[u8]) -> Vec<u8> {
    let mut data = Vec::with_capacity(body.len());
    while let Some(end) = body.windows(2).position(|pair| pair == b"\r\n") {
        let head = String::from_utf8_lossy(&body[..end]);
        let size = usize::from_str_radix(head.split(';').next().unwrap_or_default(), 16).unwrap_or(0);
        if size == 0 {
            break;
        }
        data.extend_from_slice(&body[end + 2..end + 2 + size]);
        body = &body[end + 4 + size..];
    }
    data
}

fn answer(asked: &Asked, objects: &Objects) -> Vec<u8> {
    let is_bucket = !asked.path.trim_end_matches('/').contains('/');
    match asked.method.as_str() {
        "GET" if is_bucket => reply(200, "", list(asked, objects).as_bytes(), true),
        "HEAD" | "PUT" if is_bucket => reply(200, "", b"", true),
        "POST" if asked.query.starts_with("uploads") => reply(
            200,
            "",
            b"<InitiateMultipartUploadResult><UploadId>1</UploadId></InitiateMultipartUploadResult>",
            true,
        ),
        "POST" => {
            let object = Object { data: Bytes::new(), length: 0, etag: "in-parts-1".to_owned() };
            objects.write().unwrap().insert(asked.path.clone(), object);
            reply(
                200,
                "",
                b"<CompleteMultipartUploadResult><ETag>in-parts-1</ETag></CompleteMultipartUploadResult>",
                true,
            )
        }
        "PUT" => {
            let sha1 = asked.header("x-amz-checksum-sha1");
            let md5 = asked.header("content-md5").and_then(|md5| BASE64_STANDARD.decode(md5).ok());
            let etag = match (md5, sha1) {
                (None, Some(_)) => format!("of-{}-bytes", asked.length),
                (md5, _) => md5.unwrap_or_else(|| Md5::digest(&asked.body).to_vec()).iter().fold(
                    String::new(),
                    |mut text, byte| {
                        write!(text, "{byte:02x}").unwrap();
                        text
                    },
                ),
            };
            let checksum = sha1.map_or_else(String::new, |sha1| format!("x-amz-checksum-sha1: {sha1}\r\n"));
            let headers = format!("ETag: \"{etag}\"\r\n{checksum}");
            if !asked.query.contains("partNumber") {
                let object = Object { data: Bytes::copy_from_slice(&asked.body), length: asked.length, etag };
                objects.write().unwrap().insert(asked.path.clone(), object);
            }
            reply(200, &headers, b"", true)
        }
        "DELETE" => {
            objects.write().unwrap().remove(&asked.path);
            reply(204, "", b"", true)
        }
        method => {
            let found = objects.read().unwrap().get(&asked.path).cloned();
            let Some(Object { data, length, etag }) = found else {
                return reply(404, "", b"<Error><Code>NoSuchKey</Code></Error>", method == "GET");
            };
            let headers = format!("ETag: \"{etag}\"\r\nLast-Modified: Wed, 01 Jan 2025 00:00:00 GMT\r\n");
            if method == "HEAD" {
                return format!("HTTP/1.1 200 X\r\n{headers}Content-Length: {length}\r\n\r\n").into_bytes();
            }
            let range = asked.header("range").and_then(|range| range.strip_prefix("bytes=")?.split_once('-'));
            let Some((first, last)) = range.and_then(|(first, last)| Some((first.parse().ok()?, last.parse().ok()?)))
            else {
                return reply(200, &headers, &part(&data, 0, length), true);
            };
            let last = u64::min(last, length.saturating_sub(1));
            if first > last || length == 0 {
                return reply(416, "", b"<Error><Code>InvalidRange</Code></Error>", true);
            }
            let headers = format!("{headers}Content-Range: bytes {first}-{last}/{length}\r\n");
            reply(206, &headers, &part(&data, first, last + 1), true)
        }
    }
}

/// These bytes of an object, or as many zeros where it was not kept.
fn part(data: &Bytes, first: u64, end: u64) -> Bytes {
    let (first, end) = (usize::try_from(first).unwrap(), usize::try_from(end).unwrap());
    if data.len() < end { vec![0; end - first].into() } else { data.slice(first..end) }
}

fn reply(status: u16, headers: &str, body: &[u8], with_body: bool) -> Vec<u8> {
    let length = if status == 204 { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
    let mut answer = format!("HTTP/1.1 {status} X\r\n{headers}{length}\r\n").into_bytes();
    if with_body {
        answer.extend_from_slice(body);
    }
    answer
}

fn list(asked: &Asked, objects: &Objects) -> String {
    let bucket = format!("{}/", asked.path.trim_end_matches('/'));
    let prefix = format!("{bucket}{}", asked.param("prefix").unwrap_or_default());
    let after = asked.param("continuation-token").or_else(|| asked.param("start-after"));
    let after = after.map(|after| format!("{bucket}{after}")).filter(|after| *after >= prefix);
    let start = after.as_deref().map_or(Bound::Included(prefix.as_str()), Bound::Excluded);
    let held = objects.read().unwrap();
    let mut names = held.range::<str, _>((start, Bound::Unbounded)).take_while(|(name, _)| name.starts_with(&prefix));
    let (mut text, mut last) = (String::from("<?xml version=\"1.0\"?><ListBucketResult>"), None);
    for (name, object) in names.by_ref().take(PAGE) {
        let key = &name[bucket.len()..];
        let (size, etag) = (object.length, &object.etag);
        write!(
            text,
            "<Contents><Key>{key}</Key><LastModified>2025-01-01T00:00:00.000Z</LastModified><ETag>\"{etag}\"</ETag>\
             <Size>{size}</Size><StorageClass>STANDARD</StorageClass></Contents>"
        )
        .unwrap();
        last = Some(key);
    }
    let more = names.next().is_some();
    if let (true, Some(last)) = (more, last) {
        write!(text, "<NextContinuationToken>{last}</NextContinuationToken>").unwrap();
    }
    write!(text, "<IsTruncated>{more}</IsTruncated></ListBucketResult>").unwrap();
    text
}
