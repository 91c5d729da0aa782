//! Amazon S3 and servers that speak its protocol.
//!
//! An object is the key `<library>/<object>` of the kind's bucket. Amazon and its peers answer a
//! PUT only once the object is durable, so `sync` has nothing to do.

use std::error::Error;
use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use aws_sdk_s3::Client;
use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::operation::list_objects::ListObjectsOutput;
use aws_sdk_s3::operation::list_objects_v2::ListObjectsV2Output;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::EncodingType;
use bytes::Bytes;

use self::errors::{Asked, Failure};
use self::heard::{Heard, by_key_service, own};
use self::list::Reading;
use self::role::Role;
use self::sse::{SseKey, with_key};
use crate::conf::S3Conf;
use crate::conf::backend::Location;
use crate::object::{KeyRange, ObjectKey};
use crate::store::http::proxy::Proxy;
use crate::store::http::runtime;
use crate::store::http::{Request, at_most};
use crate::store::listing::{self, Answer, Fault, Start};
use crate::store::witness::foreign::Success;
use crate::store::witness::{Etag, Md5Sum, is_gone, read_back, settle};
use crate::store::{ErrorKind, Page, Part, ReadStore, RemoveStore, StoreError, WriteStore};

mod bounded;
mod client;
mod errors;
mod explain;
mod heard;
mod list;
mod options;
mod role;
mod sigv2;
mod sse;

pub(in crate::store) use self::client::base_url;
pub use self::options::S3Options;

/// The slowest upload that is still waited for, in bytes a second.
const SLOWEST_UPLOAD: f64 = 32.0 * 1024.0;

/// Names asked for in one listing request: the most that S3 gives.
const PAGE: i32 = 1000;

/// One kind's objects in a bucket.
#[derive(Debug)]
pub struct S3Store {
    client: Client,
    /// Gives the credentials, where a role does.
    role: Option<Role>,
    bucket: String,
    location: Location,
    asked: Asked,
    sse: Option<SseKey>,
    read_timeout: Duration,
    /// The proxy through which requests go.
    proxy: Option<Proxy>,
    /// Set once the server showed that it does not know the second version of the listing.
    lists_v1: AtomicBool,
    /// Set once the server answered as it does only when the bucket is there.
    bucket_seen: AtomicBool,
}

impl S3Store {
    /// The store that `conf` describes. Sends no request yet.
    ///
    /// # Errors
    /// [`ErrorKind::Setup`] when `conf` makes no client: a host that is no host, a `ca_file` that
    /// cannot be read, an `sse_c_key` that is not 32 characters.
    pub fn open(conf: &S3Conf, location: Location, options: &S3Options) -> Result<Self, StoreError> {
        runtime::start(&location.to_string())?;
        let setup = |cause| StoreError::new(ErrorKind::Setup, "open", location.to_string(), cause);
        let (client, role) = client::build(conf, options).map_err(setup)?;
        let sse = conf.sse_c_key.as_ref().map(SseKey::new).transpose().map_err(setup)?;
        Ok(Self {
            client,
            role,
            bucket: conf.bucket.clone(),
            location,
            asked: client::asked(conf),
            sse,
            read_timeout: options.read_timeout,
            proxy: base_url(conf).parse().ok().and_then(|url| options.proxies.of(&url)),
            lists_v1: AtomicBool::new(false),
            bucket_seen: AtomicBool::new(false),
        })
    }

    /// What `request` gives, or its failure, at the latest after the read timeout and the time for
    /// a body of `upload` bytes.
    async fn within<T, E>(
        &self,
        upload: usize,
        request: impl Future<Output = Result<T, SdkError<E, HttpResponse>>>,
    ) -> Result<T, Failure>
    where
        E: ProvideErrorMetadata + Error + 'static,
    {
        let limit = self.read_timeout + Duration::from_secs_f64(upload as f64 / SLOWEST_UPLOAD);
        let sent = Instant::now();
        let answer = match tokio::time::timeout(limit, request).await {
            Ok(answer) => answer.map_err(|error| {
                let failure = Failure::from_sdk(&error, &self.asked);
                if let (Some(role), ErrorKind::BadCredentials) = (&self.role, failure.kind) {
                    role.refused(sent);
                }
                failure
            }),
            Err(_) => Err(Failure::timeout(limit)),
        };
        answer.map_err(|failure| failure.through(self.proxy.as_ref()))
    }

    async fn get(&self, key: &ObjectKey, most: u64, caches: Caches) -> Result<Bytes, Failure> {
        let request = self.client.get_object().bucket(&self.bucket).key(key.to_string());
        let request = with_key!(request, self.sse);
        let answer = match caches {
            Caches::MayAnswer => self.within(0, request.send()).await?,
            Caches::MustAsk => {
                let request = request.customize().mutate_request(|request| {
                    request.headers_mut().insert("cache-control", "no-cache");
                });
                self.within(0, request.send()).await?
            }
        };
        let length = answer.content_length().and_then(|length| usize::try_from(length).ok()).ok_or_else(|| {
            let text = "the answer has no Content-Length, so a short object could not be told from a whole one";
            Failure::new(ErrorKind::Protocol, text)
        })?;
        let encrypted = self.sse.is_some() || by_key_service(answer.server_side_encryption());
        let (content_type, etag) = (answer.content_type, answer.e_tag);
        if length as u64 > most {
            return Err(Failure::too_long(ErrorKind::TooLarge));
        }
        let data = self.body(answer.body, length).await?;
        let success = Success {
            status: 200,
            content_type: content_type.as_deref(),
            etag: etag.as_deref(),
            encrypted,
            body: &data,
        };
        own(success.not_the_object())?;
        Ok(data)
    }

    /// The whole body, which the headers said to be `length` bytes.
    async fn body(&self, mut body: ByteStream, length: usize) -> Result<Bytes, Failure> {
        let mut data = Vec::with_capacity(length.min(LARGEST_PREALLOCATION));
        while let Some(piece) = tokio::time::timeout(self.read_timeout, body.next())
            .await
            .map_err(|_| Failure::timeout(self.read_timeout))?
        {
            let piece = piece.map_err(|error| {
                if errors::is_too_long(&error) {
                    return Failure::too_long(ErrorKind::TooLarge);
                }
                let text = format!("broke off after {} of {length} bytes: {}", data.len(), errors::chain_text(&error));
                Failure::new(ErrorKind::Connection, text)
            })?;
            data.extend_from_slice(&piece);
        }
        if data.len() != length {
            return Err(Failure::new(ErrorKind::Connection, format!("{} of {length} bytes came", data.len())));
        }
        Ok(data.into())
    }

    async fn head(&self, key: &ObjectKey) -> Result<u64, Failure> {
        let request = self.client.head_object().bucket(&self.bucket).key(key.to_string());
        let heard = Heard::default();
        let answer = self.within(0, with_key!(request, self.sse).customize().interceptor(heard.clone()).send()).await?;
        own(heard.answer()?.success(false).not_about_the_object())?;
        answer
            .content_length()
            .and_then(|length| u64::try_from(length).ok())
            .ok_or_else(|| Failure::new(ErrorKind::Protocol, "the answer has no Content-Length"))
    }

    /// Puts the object, its MD5 along, and looks at the answer. The text of a doubt that only reading the object back can
    /// settle.
    async fn put(&self, key: &ObjectKey, data: Bytes) -> Result<Option<String>, Failure> {
        let (upload, md5, heard) = (data.len(), Md5Sum::of(&data), Heard::default());
        let request = self.client.put_object().bucket(&self.bucket).key(key.to_string());
        let request = request.content_md5(md5.base64()).body(ByteStream::from(data));
        let request = with_key!(request, self.sse).customize().disable_payload_signing().interceptor(heard.clone());
        let answer = self.within(upload, request.send()).await.map_err(Failure::about_bucket)?;
        let encrypted = self.sse.is_some() || by_key_service(answer.server_side_encryption());
        let success = heard.answer()?.success(encrypted);
        own(success.not_stored())?;
        let etag = success.etag.unwrap_or_default();
        Ok(match md5.compare(etag, encrypted) {
            Etag::Same | Etag::NoMd5 => None,
            Etag::Other => Some(format!("S3 gave it the ETag {etag}, its MD5 is {}", md5.hex())),
        })
    }

    /// Removes the object. The text of a doubt that only asking for the object can settle.
    async fn delete(&self, key: &ObjectKey) -> Result<Option<String>, Failure> {
        let (request, heard) =
            (self.client.delete_object().bucket(&self.bucket).key(key.to_string()), Heard::default());
        match self.within(0, request.customize().interceptor(heard.clone()).send()).await {
            Err(failure) if failure.kind == ErrorKind::NotFound => Ok(None),
            Err(failure) => Err(failure),
            Ok(_) => {
                let success = heard.answer()?.success(false);
                own(success.page())?;
                Ok((success.status != 204).then(|| format!("HTTP {}", success.status)))
            }
        }
    }

    async fn list_v2(&self, prefix: &str, start: &Start) -> Result<Answer, Failure> {
        let (after, token) = match start {
            Start::First => (None, None),
            Start::After(name) => (Some(String::from_utf8_lossy(name).into_owned()), None),
            Start::Token(token) => (None, Some(token.clone())),
        };
        let request = self
            .client
            .list_objects_v2()
            .bucket(&self.bucket)
            .set_prefix((!prefix.is_empty()).then(|| prefix.to_owned()))
            .set_start_after(after)
            .set_continuation_token(token)
            .encoding_type(EncodingType::Url)
            .max_keys(PAGE);
        let reading = Reading::new(|| ListObjectsV2Output::builder().build());
        self.within(0, request.customize().interceptor(reading.clone()).send()).await?;
        reading.answer()?.with_token().map_err(|cause| Failure::new(ErrorKind::WrongListing, cause))
    }

    /// The first version of the listing: `marker` in place of `start-after`.
    async fn list_v1(&self, prefix: &str, start: &Start) -> Result<Answer, Failure> {
        let marker = match start {
            Start::First => None,
            Start::After(name) => Some(String::from_utf8_lossy(name).into_owned()),
            Start::Token(marker) => Some(marker.clone()),
        };
        let request = self
            .client
            .list_objects()
            .bucket(&self.bucket)
            .set_prefix((!prefix.is_empty()).then(|| prefix.to_owned()))
            .set_marker(marker)
            .encoding_type(EncodingType::Url)
            .max_keys(PAGE);
        let reading = Reading::new(|| ListObjectsOutput::builder().build());
        self.within(0, request.customize().interceptor(reading.clone()).send()).await?;
        reading.answer()?.with_marker().map_err(|cause| Failure::new(ErrorKind::WrongListing, cause))
    }

    fn page(&self, range: &KeyRange, v1: bool) -> Result<Page, Fault<Failure>> {
        let prefix = range.common_prefix();
        listing::page(range, |start| {
            block_on(async { if v1 { self.list_v1(&prefix, start).await } else { self.list_v2(&prefix, start).await } })
        })
    }

    fn object_error(action: &'static str, key: &ObjectKey, failure: Failure) -> StoreError {
        StoreError::object(failure.kind, action, key, failure.text).with_retry_after(failure.retry_after)
    }

    fn list_error(&self, fault: Fault<Failure>) -> StoreError {
        let failure = match fault {
            Fault::Request(failure) => failure.about_bucket(),
            Fault::IgnoresStart => Failure::new(
                ErrorKind::WrongListing,
                "the server lists from the beginning wherever it is told to start",
            ),
            Fault::Broken(text) => Failure::new(ErrorKind::WrongListing, text),
        };
        StoreError::new(failure.kind, "list", self.location.to_string(), failure.text)
            .with_retry_after(failure.retry_after)
    }
}

/// What caches between here and the service may do with a GET.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Caches {
    /// Answer it.
    MayAnswer,
    /// Pass it on to the service (RFC 9111, 5.2.1.4).
    MustAsk,
}

/// The most that is set aside for a body before its bytes are there.
const LARGEST_PREALLOCATION: usize = 16 << 20;

impl ReadStore for S3Store {
    fn location(&self) -> &Location {
        &self.location
    }

    fn list(&self, part: &Part) -> Result<Page, StoreError> {
        let v1 = self.lists_v1.load(Ordering::Relaxed);
        let page = match self.page(&part.range, v1) {
            Err(Fault::IgnoresStart) if !v1 => {
                // The first version instead, because old servers take the second for it, and the first knows no
                // start-after.
                let page = self.page(&part.range, true);
                self.lists_v1.store(page.is_ok(), Ordering::Relaxed);
                page
            }
            page => page,
        };
        page.map_err(|fault| self.list_error(fault))
    }

    fn read(&self, key: &ObjectKey) -> Result<Bytes, StoreError> {
        block_on(self.get(key, Request::OBJECT_LIMIT, Caches::MayAnswer))
            .map_err(|failure| Self::object_error("read", key, failure))
    }

    fn read_again(&self, key: &ObjectKey) -> Result<Bytes, StoreError> {
        block_on(self.get(key, Request::OBJECT_LIMIT, Caches::MustAsk))
            .map_err(|failure| Self::object_error("read", key, failure))
    }

    fn read_at_most(&self, key: &ObjectKey, most: u64) -> Result<Option<Bytes>, StoreError> {
        at_most(most, |most| {
            block_on(self.get(key, most, Caches::MayAnswer)).map_err(|failure| Self::object_error("read", key, failure))
        })
    }

    fn size(&self, key: &ObjectKey) -> Result<u64, StoreError> {
        let size = block_on(async {
            match self.head(key).await {
                Ok(size) => Ok(size),
                Err(failure) => Err(self.explain_head(key, failure).await),
            }
        });
        size.map_err(|failure| Self::object_error("size", key, failure))
    }
}

impl WriteStore for S3Store {
    fn write(&self, key: &ObjectKey, data: Bytes) -> Result<(), StoreError> {
        match block_on(self.put(key, data.clone())) {
            Ok(None) => Ok(()),
            Ok(Some(doubt)) => read_back(self, key, &data, &doubt),
            Err(failure) => Err(settle(self, key, &data, Self::object_error("write", key, failure))),
        }
    }

    fn sync(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

impl RemoveStore for S3Store {
    fn remove(&self, key: &ObjectKey) -> Result<(), StoreError> {
        match block_on(self.delete(key)).map_err(|failure| Self::object_error("remove", key, failure))? {
            None => Ok(()),
            Some(doubt) => is_gone(self, key, &doubt),
        }
    }
}

/// What a request gives, or that it was given up because the process is to end.
fn block_on<T>(request: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let given_up = || Err(Failure::new(ErrorKind::Interrupted, runtime::GIVEN_UP_TEXT));
    runtime::block_on_request(request).unwrap_or_else(given_up)
}
