//! How much faster a distant S3 destination is listed in many parts at once than page after page.
//!
//! `cargo bench --profile dist --bench list_latency -- [KEYS [LIBRARIES [MILLISECONDS]]]` serves made-up names (200,000 in 20 libraries if
//! not said) as a bucket whose every answer takes 20 ms longer than it needs, and lists them through the S3 store: one
//! listing that goes from page to page, then the adaptive one that a pass uses.
#![allow(missing_docs, clippy::print_stdout, clippy::unwrap_used)]

#[path = "../tests/support/http_stub.rs"]
mod http_stub;
mod support;

use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use http_stub::{Asked, Reply, Stub};
use seaf_migrate::commands::demo;
use seaf_migrate::listing::{Stream, walk};
use seaf_migrate::object::{KeyRange, ObjectKey, ObjectKind};
use seaf_migrate::report::Console;
use seaf_migrate::store::open::open_source;
use seaf_migrate::store::{Listed, ReadStore};
use seaf_migrate::sys::allocator;
use seaf_migrate::sys::shutdown::Shutdown;
use support::measure::{Cost, measure};
use support::synthetic::Keys;

/// Names in an answer, as S3 gives them.
const PAGE: usize = 1000;

fn main() {
    allocator::set_purge_delay();
    let arguments: Vec<_> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let number = |at: usize, otherwise: u64| arguments.get(at).map_or(otherwise, |text| text.parse().unwrap());
    let (keys, latency) = (Keys::new(number(0, 200_000), number(1, 20)), Duration::from_millis(number(2, 20)));
    let bucket = Arc::new(Bucket::new(keys));
    let server = Stub::start(move |asked| {
        std::thread::sleep(latency);
        bucket.answer(asked)
    });
    let store = open(&server.host());
    // Once without a watch, so that connections and pages of memory are there for both.
    let _ = list(&*store, 32);
    let [(sequential, one), (parallel, many)] = [1, 32].map(|listers| list(&*store, listers));
    assert_eq!((one, many), (keys.total(), keys.total()), "every name comes once");
    println!("{} keys in {} libraries, {} ms an answer", keys.total(), keys.libraries, latency.as_millis());
    println!("{}", sequential.line("one listing", keys.total()));
    println!("{}", parallel.line("32 listers", keys.total()));
    println!("{:.1} times faster", sequential.wall / parallel.wall);
}

/// Lists everything; what it cost, and how many names came.
fn list(store: &dyn ReadStore, listers: usize) -> (Cost, u64) {
    let count = AtomicU64::new(0);
    let (walked, cost) = measure(|| walk(store, &[KeyRange::ALL], listers, &Shutdown::new(), || Count(&count)));
    walked.map_err(|error| format!("{error:?}")).unwrap();
    (cost, count.into_inner())
}

struct Count<'a>(&'a AtomicU64);

impl Stream for Count<'_> {
    type Error = String;

    fn page(&mut self, _: KeyRange, objects: Vec<Listed>) -> Result<(), String> {
        self.0.fetch_add(objects.len() as u64, Ordering::Relaxed);
        Ok(())
    }

    fn end(self) -> Result<(), String> {
        Ok(())
    }
}

/// The S3 store as `run` opens it, for a server that has no say in signatures.
fn open(host: &str) -> Arc<dyn ReadStore> {
    let dir = tempfile::tempdir().unwrap();
    let conf = |name: &str, text: String| {
        std::fs::create_dir(dir.path().join(name)).unwrap();
        std::fs::write(dir.path().join(name).join("seafile.conf"), text).unwrap();
        dir.path().join(name).display().to_string()
    };
    let text = |bucket: &str| {
        let sections = [("commit_object_backend", "c"), ("fs_object_backend", "f"), ("block_backend", "b")];
        let section = |(section, kind): (&str, &str)| {
            format!(
                "[{section}]\nname = s3\nbucket = {bucket}{kind}\nkey_id = KEY\nkey = SECRET\nhost = {host}\n\
                 use_v4_signature = true\naws_region = us-east-1\npath_style_request = true\n"
            )
        };
        sections.map(section).concat()
    };
    let (from, to) = (conf("from", text("old")), conf("to", text("new")));
    let settings = demo::settings(&["--from", &from, "--to", &to]).unwrap();
    open_source(
        settings.plan.from.store(ObjectKind::Blocks),
        &settings.plan.store.open_options(&Console::quiet(), &Shutdown::new()),
    )
    .unwrap()
}

/// Every name with what an answer says of it, ready to be sent.
struct Bucket {
    names: Vec<ObjectKey>,
    rows: Vec<u8>,
    /// Where the row of each name ends.
    ends: Vec<usize>,
}

impl Bucket {
    fn new(keys: Keys) -> Self {
        let (mut names, mut rows, mut ends) = (Vec::new(), String::new(), Vec::new());
        for object in keys.from(ObjectKey::MIN) {
            let tag = object.key.id;
            let size = object.size.unwrap();
            write!(
                rows,
                "<Contents><Key>{}</Key><LastModified>2026-11-21T00:00:00.000Z</LastModified><ETag>&quot;{tag}&quot;</ETag>\
                 <Size>{size}</Size><StorageClass>STANDARD</StorageClass></Contents>",
                object.key
            )
            .unwrap();
            names.push(object.key);
            ends.push(rows.len());
        }
        Self { names, rows: rows.into_bytes(), ends }
    }

    /// `ListObjectsV2`, as much of it as the store asks for.
    fn answer(&self, asked: &Asked) -> Reply {
        let prefix = asked.param("prefix").unwrap_or_default();
        let after = asked.param("continuation-token").or_else(|| asked.param("start-after"));
        let after = after.and_then(|name| ObjectKey::parse(name.as_bytes()));
        let from = after.map_or(0, |after| self.names.partition_point(|name| *name <= after));
        let from = from.max(self.names.partition_point(|name| name.to_string() < prefix));
        let in_prefix = self.names[from..].partition_point(|name| name.to_string().starts_with(&prefix));
        let to = from + in_prefix.min(PAGE);
        let (more, token) = match in_prefix > PAGE {
            true => ("true", format!("<NextContinuationToken>{}</NextContinuationToken>", self.names[to - 1])),
            false => ("false", String::new()),
        };
        let start = |at: usize| at.checked_sub(1).map_or(0, |before| self.ends[before]);
        let mut body = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?><ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\
             <Name>b</Name><Prefix>{prefix}</Prefix><KeyCount>{}</KeyCount><MaxKeys>1000</MaxKeys>\
             <EncodingType>url</EncodingType><IsTruncated>{more}</IsTruncated>{token}",
            to - from
        )
        .into_bytes();
        body.extend_from_slice(&self.rows[start(from)..start(to)]);
        body.extend_from_slice(b"</ListBucketResult>");
        Reply::new(200).header("Content-Type", "application/xml").body(body)
    }
}
