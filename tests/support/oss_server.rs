//! A stand-in for Alibaba Cloud OSS, since no server of Alibaba's can be run here.
//!
//! It checks signatures V1 and V4 by a computation of its own, from Alibaba's documentation, and
//! speaks PutObject, GetObject, HeadObject, DeleteObject and ListObjectsV2 with the documented XML,
//! headers and errors. That it does so rightly is shown by Alibaba's own SDK (tests/services/oss_sdk.rs).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest, Md5};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::http_stub::{Asked, Reply, Stub};

pub const KEY_ID: &str = "LTAItestKeyId";
pub const SECRET: &str = "TheTestSecret+/=";
pub const REGION: &str = "cn-test";

pub const ESCAPED: AsciiSet = NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Makes a wrong body of a right one.
pub type WrongAnswer = Box<dyn FnOnce(&str) -> String + Send>;

/// What the server holds, and what it is told to do wrong.
#[derive(Default)]
pub struct State {
    pub buckets: Mutex<BTreeMap<String, BTreeMap<String, Vec<u8>>>>,
    /// Names of objects that must be restored first.
    pub archived: Mutex<BTreeSet<String>>,
    /// Answers to give instead of the right ones, the last first.
    pub instead: Mutex<Vec<Reply>>,
    /// The seconds by which the server's clock is ahead.
    pub clock_ahead: AtomicU64,
    /// Refuses V1, as buckets created today do.
    pub only_v4: AtomicBool,
    /// How many answers to a listing are empty though there is more.
    pub empty_pages: AtomicUsize,
    /// Makes the next answer to a listing another one.
    pub wrong_list: Mutex<Option<WrongAnswer>>,
    /// Lists without heeding `encoding-type=url`.
    pub plain_names: AtomicBool,
    /// A HEAD that fails does not say why.
    pub silent_head: AtomicBool,
    /// A range is not heeded.
    pub gives_whole: AtomicBool,
    /// PUT stores the last byte changed.
    pub damages: AtomicBool,
    requests: AtomicUsize,
}

pub struct OssServer {
    pub state: Arc<State>,
    stub: Stub,
}

impl OssServer {
    pub fn start() -> Self {
        let state = Arc::new(State::default());
        let answering = state.clone();
        Self { state, stub: Stub::start(move |asked| answering.answer(asked)) }
    }

    pub fn start_tls() -> Self {
        let state = Arc::new(State::default());
        let answering = state.clone();
        Self { state, stub: Stub::start_tls(move |asked| answering.answer(asked)) }
    }

    pub fn port(&self) -> u16 {
        self.stub.port()
    }

    /// An empty bucket.
    pub fn create_bucket(&self, name: &str) {
        self.state.buckets.lock().unwrap().insert(name.to_owned(), BTreeMap::new());
    }

    /// Puts an object into the bucket directly.
    pub fn plant(&self, bucket: &str, name: &str) {
        let mut buckets = self.state.buckets.lock().unwrap();
        buckets.get_mut(bucket).unwrap().insert(name.to_owned(), b"planted".to_vec());
    }

    pub fn answer_instead(&self, reply: Reply) {
        self.state.instead.lock().unwrap().push(reply);
    }

    pub fn requests(&self) -> usize {
        self.state.requests.load(Ordering::Acquire)
    }
}

/// A refusal: status, code, message and EC.
pub struct Refusal(u16, &'static str, String, &'static str);

type Outcome = Result<Reply, Refusal>;

/// Which bucket and object a request is about; the bucket stands in the host, or in the path when the
/// host is an address.
fn target(asked: &Asked) -> (String, String) {
    let host = asked.header("host").unwrap().split(':').next().unwrap();
    let path = asked.decoded_path();
    let path = path.strip_prefix('/').unwrap();
    if host == "localhost" || host.parse::<std::net::IpAddr>().is_ok() {
        let (bucket, name) = path.split_once('/').unwrap_or((path, ""));
        (bucket.to_owned(), name.to_owned())
    } else {
        (host.split('.').next().unwrap().to_owned(), path.to_owned())
    }
}

impl State {
    fn answer(&self, asked: &Asked) -> Reply {
        self.requests.fetch_add(1, Ordering::AcqRel);
        let (bucket, name) = target(asked);
        let instead = self.instead.lock().unwrap().pop();
        let outcome = super::oss_signature::check(self, asked, &bucket, &name).and_then(|()| match instead {
            Some(reply) => Ok(reply),
            None => self.act(asked, &bucket, &name),
        });
        outcome.unwrap_or_else(|refusal| self.refuse(asked, &refusal)).header("x-oss-request-id", REQUEST_ID)
    }

    fn act(&self, asked: &Asked, bucket: &str, name: &str) -> Outcome {
        let mut buckets = self.buckets.lock().unwrap();
        let Some(objects) = buckets.get_mut(bucket) else {
            return Err(refusal(404, "NoSuchBucket", "The specified bucket does not exist.", "0015-00000101"));
        };
        match (asked.method.as_str(), name) {
            ("GET", "") => {
                let mut reply = self.list(asked, bucket, objects)?;
                if let Some(wrong) = self.wrong_list.lock().unwrap().take() {
                    reply.body = wrong(std::str::from_utf8(&reply.body).unwrap()).into_bytes();
                }
                Ok(reply)
            }
            (_, "") => Err(refusal(501, "NotImplemented", "Not part of the stand-in.", "0003-00000001")),
            ("PUT", _) => self.put(asked, objects, name),
            ("GET" | "HEAD", _) => self.get(asked, objects, name),
            ("DELETE", _) => {
                objects.remove(name);
                Ok(Reply::new(204))
            }
            _ => Err(refusal(405, "MethodNotAllowed", "Not allowed.", "0003-00000002")),
        }
    }

    fn put(&self, asked: &Asked, objects: &mut BTreeMap<String, Vec<u8>>, name: &str) -> Outcome {
        let mut data = asked.body.clone();
        if let (true, Some(last)) = (self.damages.load(Ordering::Acquire), data.last_mut()) {
            *last = !*last;
        }
        if let Some(md5) = asked.header("content-md5")
            && STANDARD.decode(md5).ok() != Some(Md5::digest(&data).to_vec())
        {
            return Err(refusal(400, "InvalidDigest", "The Content-MD5 is invalid.", "0017-00000503"));
        }
        let reply =
            Reply::new(200).header("ETag", etag(&data)).header("x-oss-hash-crc64ecma", crc64(&data).to_string());
        objects.insert(name.to_owned(), data);
        Ok(reply)
    }

    fn get(&self, asked: &Asked, objects: &BTreeMap<String, Vec<u8>>, name: &str) -> Outcome {
        let Some(data) = objects.get(name) else {
            return Err(refusal(404, "NoSuchKey", "The specified key does not exist.", "0026-00000001"));
        };
        if asked.method == "GET" && self.archived.lock().unwrap().contains(name) {
            let message = "The operation is not valid for the object's state";
            return Err(refusal(403, "InvalidObjectState", message, "0016-00000701"));
        }
        let range = asked.header("range").and_then(|range| range.strip_prefix("bytes=")?.split_once('-'));
        let range = range.filter(|_| asked.method == "GET" && !self.gives_whole.load(Ordering::Acquire));
        let (status, part) = match range {
            None => (200, &data[..]),
            Some((first, last)) => {
                let (first, last): (usize, usize) = (first.parse().unwrap(), last.parse().unwrap());
                let part = data.get(first..data.len().min(last + 1)).filter(|part| !part.is_empty());
                let beyond =
                    || refusal(416, "InvalidRange", "The requested range cannot be satisfied", "0026-00000031");
                (206, part.ok_or_else(beyond)?)
            }
        };
        let mut reply = Reply::new(status);
        if let Some((first, _)) = range {
            let last = first.parse::<usize>().unwrap() + part.len() - 1;
            reply = reply.header("Content-Range", format!("bytes {first}-{last}/{}", data.len()));
        }
        Ok(reply
            .header("ETag", etag(data))
            .header("Last-Modified", "Fri, 24 Feb 2012 06:07:48 GMT")
            .header("x-oss-object-type", "Normal")
            .header("x-oss-storage-class", "Standard")
            .header("x-oss-hash-crc64ecma", crc64(data).to_string())
            .header("Content-Type", "application/octet-stream")
            .header("Content-Length", part.len().to_string())
            .body(part))
    }

    fn list(&self, asked: &Asked, bucket: &str, objects: &BTreeMap<String, Vec<u8>>) -> Outcome {
        let text = |name: &str| asked.param(name).unwrap_or_default();
        let invalid = |what: &str| refusal(400, "InvalidArgument", what, "0017-00000010");
        if text("list-type") != "2" || asked.param("delimiter").is_some_and(|delimiter| !delimiter.is_empty()) {
            return Err(refusal(501, "NotImplemented", "Not part of the stand-in.", "0003-00000001"));
        }
        let most: usize =
            asked.param("max-keys").map_or(Ok(100), |most| most.parse()).map_err(|_| invalid("max-keys"))?;
        if !(1..=1000).contains(&most) {
            return Err(invalid("max-keys"));
        }
        let mut after = text("start-after");
        if let Some(token) = asked.param("continuation-token").filter(|token| !token.is_empty()) {
            let decoded = STANDARD.decode(token).ok().and_then(|bytes| String::from_utf8(bytes).ok());
            let after_last = decoded.as_deref().and_then(|text| text.strip_prefix("after "));
            after = after_last.ok_or_else(|| invalid("The continuation token is not valid"))?.to_owned();
        }
        let prefix = text("prefix");
        let names: Vec<_> = objects.iter().filter(|(name, _)| **name > after && name.starts_with(&prefix)).collect();
        let empty =
            self.empty_pages.fetch_update(Ordering::AcqRel, Ordering::Acquire, |left| left.checked_sub(1)).is_ok();
        if empty {
            // An empty page gets past names that are not there any more.
            after.push('\u{1}');
        }
        let page = if empty { &[][..] } else { &names[..names.len().min(most)] };
        let encoded = text("encoding-type") == "url" && !self.plain_names.load(Ordering::Acquire);
        let xml = list_xml(asked, bucket, page, page.len() < names.len(), &after, encoded);
        Ok(Reply::new(200).header("Content-Type", "application/xml").body(xml))
    }

    fn refuse(&self, asked: &Asked, refusal: &Refusal) -> Reply {
        let Refusal(status, code, message, ec) = refusal;
        let xml = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error>\n  <Code>{code}</Code>\n  <Message>{}</Message>\n  \
             <RequestId>{REQUEST_ID}</RequestId>\n  <HostId>{}</HostId>\n  <EC>{ec}</EC>\n</Error>\n",
            entities(message),
            asked.header("host").unwrap(),
        );
        let reply = Reply::new(*status).header("x-oss-ec", *ec).header("Content-Type", "application/xml");
        match asked.method.as_str() {
            "HEAD" if self.silent_head.load(Ordering::Acquire) => Reply::new(*status),
            "HEAD" => reply.header("x-oss-err", STANDARD.encode(&xml)),
            _ => reply.body(xml),
        }
    }
}

const REQUEST_ID: &str = "5C3D9175B6FC201293AD4890";

pub fn refusal(status: u16, code: &'static str, message: &str, ec: &'static str) -> Refusal {
    Refusal(status, code, message.to_owned(), ec)
}

fn list_xml(
    asked: &Asked,
    bucket: &str,
    page: &[(&String, &Vec<u8>)],
    truncated: bool,
    after: &str,
    encoded: bool,
) -> String {
    let shown = |text: &str| if encoded { utf8_percent_encode(text, &ESCAPED).to_string() } else { entities(text) };
    let element = |name: &str, value: &str| format!("<{name}>{value}</{name}>\n");
    let mut xml = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<ListBucketResult>\n".to_owned();
    xml += &element("Name", bucket);
    xml += &element("Prefix", &shown(&asked.param("prefix").unwrap_or_default()));
    xml += &element("StartAfter", &shown(&asked.param("start-after").unwrap_or_default()));
    xml += &element("MaxKeys", &asked.param("max-keys").unwrap_or_else(|| "100".to_owned()));
    if encoded {
        xml += &element("EncodingType", "url");
    }
    xml += &element("IsTruncated", if truncated { "true" } else { "false" });
    if truncated {
        let last = page.last().map_or(after, |(name, _)| name.as_str());
        xml += &element("NextContinuationToken", &shown(&STANDARD.encode(format!("after {last}"))));
    }
    for (name, data) in page {
        let contents = element("Key", &shown(name))
            + &element("LastModified", "2012-02-24T08:43:07.000Z")
            + &element("ETag", &etag(data).replace('"', "&quot;"))
            + &element("Type", "Normal")
            + &element("Size", &data.len().to_string())
            + &element("StorageClass", "Standard");
        xml += &element("Contents", &format!("\n{contents}"));
    }
    xml += &element("KeyCount", &page.len().to_string());
    xml + "</ListBucketResult>\n"
}

fn entities(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;").replace('\'', "&apos;")
}

fn etag(data: &[u8]) -> String {
    let hex: String = Md5::digest(data).iter().map(|byte| format!("{byte:02X}")).collect();
    format!("\"{hex}\"")
}

/// CRC-64 as ECMA-182 has it, reflected: what OSS tells of every object.
fn crc64(data: &[u8]) -> u64 {
    let table: Vec<u64> = (0..256u64)
        .map(|byte| (0..8).fold(byte, |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xC96C_5795_D787_0F42 } else { crc >> 1 }))
        .collect();
    !data.iter().fold(!0, |crc, byte| table[usize::from(crc.to_le_bytes()[0] ^ byte)] ^ crc >> 8)
}
