//! A server that speaks as much of S3, OSS or Swift as a store needs, checks no signature, and lies when it is told to:
//! with a page in place of an answer, with an error sent as a success, with a bit flipped in what it stores.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::{Arc, Mutex};

use md5::{Digest, Md5};

use super::http_stub::{Asked, Fault, Reply, Stub};

/// Whose protocol it speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    S3,
    Oss,
    Swift,
}

/// What it does in place of what it should.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lie {
    /// A page of a proxy with status 200; nothing is done.
    Page,
    /// The same with an ETag, as web servers give their files.
    TaggedPage,
    /// `<Error>` with status 200; nothing is done.
    ErrorAsSuccess,
    /// Status 200 and nothing else; nothing is done.
    Nothing,
    /// The object is stored with a bit flipped, the ETag is honestly that of what is stored, and the MD5 that came along
    /// is not looked at.
    FlippedBit,
    /// The same, and a page in place of the answer to the write.
    FlippedBitAndPage,
    /// The object is stored as it was sent, and a page comes in place of the answer to the write.
    StoredAndPage,
    /// The answer ends after half of its body.
    HalfABody,
    /// A part of an object that is not the one that was asked for.
    WrongRange,
    /// An ETag that looks like an MD5 and is none; all else is as it should be.
    StrangeEtag,
}

#[derive(Default)]
struct State {
    objects: BTreeMap<String, Vec<u8>>,
    /// The lie, and how many requests are still lied to.
    lie: Option<(Lie, u64)>,
    /// The lie after that.
    next: Option<(Lie, u64)>,
    asked: Vec<Asked>,
}

pub struct Liar {
    state: Arc<Mutex<State>>,
    stub: Stub,
}

impl Liar {
    /// An honest server without an object.
    pub fn start(dialect: Dialect) -> Self {
        let state: Arc<Mutex<State>> = Arc::default();
        let answering = Arc::clone(&state);
        Self { state, stub: Stub::start(move |asked| answering.lock().unwrap().answer(dialect, asked)) }
    }

    /// Lies to the next `requests` requests, a login aside.
    pub fn lie(&self, lie: Lie, requests: u64) {
        self.state.lock().unwrap().lie = Some((lie, requests));
    }

    /// What it lies next, once it is through with what [`Liar::lie`] said.
    pub fn lie_after(&self, lie: Lie, requests: u64) {
        self.state.lock().unwrap().next = Some((lie, requests));
    }

    /// Tells the truth from now on.
    pub fn repent(&self) {
        let mut state = self.state.lock().unwrap();
        (state.lie, state.next) = (None, None);
    }

    /// `127.0.0.1:port`.
    pub fn host(&self) -> String {
        self.stub.host()
    }

    /// The bytes it holds under a name.
    pub fn held(&self, name: &str) -> Option<Vec<u8>> {
        self.state.lock().unwrap().objects.get(name).cloned()
    }

    /// The last request with this method.
    pub fn last(&self, method: &str) -> Option<Asked> {
        self.state.lock().unwrap().asked.iter().rev().find(|asked| asked.method == method).cloned()
    }
}

impl State {
    fn answer(&mut self, dialect: Dialect, asked: &Asked) -> Reply {
        if asked.path.ends_with("/auth/v1.0") {
            let url = format!("http://{}/v1/AUTH_x", asked.header("host").unwrap());
            return Reply::new(200).header("X-Storage-Url", url).header("X-Auth-Token", "token");
        }
        self.asked.push(asked.clone());
        if self.lie.is_none_or(|(_, left)| left == 0) {
            self.lie = self.next.take().or(self.lie);
        }
        let lie = self.lie.as_mut().and_then(|(lie, left)| {
            *left = left.checked_sub(1)?;
            Some(*lie)
        });
        let page = "<html><head><title>We are back soon</title></head><body>Scheduled maintenance</body></html>";
        match lie {
            Some(Lie::Page) => Reply::new(200).header("Content-Type", "text/html").body(page),
            Some(Lie::TaggedPage) => Reply::new(200)
                .header("Content-Type", "text/html; charset=utf-8")
                .header("ETag", "\"65a1b2c3-5d\"")
                .body(page),
            Some(Lie::ErrorAsSuccess) => Reply::new(200).header("Content-Type", "application/xml").body(
                "<?xml version=\"1.0\"?><Error><Code>InternalError</Code><Message>Please try again.</Message></Error>",
            ),
            Some(Lie::Nothing) => Reply::new(200),
            Some(Lie::HalfABody) => {
                let reply = self.act(dialect, asked, None);
                let half = reply.body.len() / 2;
                reply.fault(Fault::CutBody(half))
            }
            Some(Lie::FlippedBitAndPage | Lie::StoredAndPage) if asked.method == "PUT" => {
                self.act(dialect, asked, lie);
                Reply::new(200).header("Content-Type", "text/html").body(page)
            }
            lie => self.act(dialect, asked, lie),
        }
    }

    fn act(&mut self, dialect: Dialect, asked: &Asked, lie: Option<Lie>) -> Reply {
        // The last two steps of the path; what stands before them is the account and the bucket.
        let path = asked.decoded_path();
        let name = path.rsplitn(3, '/').take(2).collect::<Vec<_>>().into_iter().rev().collect::<Vec<_>>().join("/");
        if name.len() != 77 {
            return if asked.method == "GET" { self.list(dialect, asked) } else { Reply::new(204) };
        }
        match asked.method.as_str() {
            "PUT" => {
                let mut data = asked.body.clone();
                if let (Some(Lie::FlippedBit | Lie::FlippedBitAndPage), Some(first)) = (lie, data.first_mut()) {
                    *first ^= 1;
                }
                let told = if lie == Some(Lie::StrangeEtag) { etag(b"salt") } else { etag(&data) };
                self.objects.insert(name, data);
                Reply::new(if dialect == Dialect::Swift { 201 } else { 200 }).header("ETag", told)
            }
            "DELETE" => {
                let was = self.objects.remove(&name).is_some();
                Reply::new(if was || dialect != Dialect::Swift { 204 } else { 404 })
            }
            _ => match self.objects.get(&name) {
                Some(data) => {
                    let reply = part(asked, data, lie == Some(Lie::WrongRange));
                    reply.header("Content-Type", "application/octet-stream").header("ETag", etag(data))
                }
                None if dialect == Dialect::Swift => Reply::new(404),
                None => Reply::new(404).header("Content-Type", "application/xml").body(
                    "<?xml version=\"1.0\"?><Error><Code>NoSuchKey</Code><Message>No such key.</Message></Error>",
                ),
            },
        }
    }

    /// All names, which are few, whatever part was asked for.
    fn list(&self, dialect: Dialect, asked: &Asked) -> Reply {
        let after = asked.param(if dialect == Dialect::Swift { "marker" } else { "start-after" }).unwrap_or_default();
        let names = self.objects.iter().filter(|(name, _)| **name > after);
        if dialect == Dialect::Swift {
            let entries: Vec<_> =
                names.map(|(name, data)| format!("{{\"name\": \"{name}\", \"bytes\": {}}}", data.len())).collect();
            return Reply::new(200)
                .header("Content-Type", "application/json")
                .body(format!("[{}]", entries.join(", ")));
        }
        let mut xml = "<?xml version=\"1.0\"?><ListBucketResult><IsTruncated>false</IsTruncated>".to_owned();
        for (name, data) in names {
            write!(xml, "<Contents><Key>{name}</Key><Size>{}</Size></Contents>", data.len()).unwrap();
        }
        Reply::new(200).header("Content-Type", "application/xml").body(xml + "</ListBucketResult>")
    }
}

/// The bytes that were asked for, or those after them.
fn part(asked: &Asked, data: &[u8], is_wrong: bool) -> Reply {
    let range = asked.header("range").and_then(|range| range.strip_prefix("bytes=")?.split_once('-'));
    let Some((first, last)) = range else { return Reply::new(200).body(data) };
    let first = first.parse::<usize>().unwrap() + usize::from(is_wrong);
    let end = data.len().min(last.parse::<usize>().unwrap() + 1);
    if first >= end {
        return Reply::new(416);
    }
    let range = format!("bytes {first}-{}/{}", end - 1, data.len());
    Reply::new(206).header("Content-Range", range).body(&data[first..end])
}

fn etag(data: &[u8]) -> String {
    let hex: String = Md5::digest(data).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("\"{hex}\"")
}
