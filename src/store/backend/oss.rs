//! Alibaba Cloud OSS: the objects of a kind are in one bucket, named `<library>/<object>`.
//!
//! Requests are signed by `aliyun-oss-client` (V1) or `reqsign-aliyun-oss` (V4) and sent by the HTTP
//! client that Swift uses too ([`sign`] says why). A listing is stateless: each page begins after a
//! name worked out from the keys that are left.

use std::fmt;
use std::net::IpAddr;
use std::sync::atomic::AtomicBool;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Method, StatusCode};

use crate::conf::OptionNames;
use crate::conf::backend::{Location, OssConf};
use crate::object::ObjectKey;
use crate::store::http::pieces::Parts;
use crate::store::http::{HttpClient, HttpOptions, Request, Response, at_most};
use crate::store::listing::Answer;
use crate::store::witness::foreign::own;
use crate::store::witness::{Etag, Md5Sum, Sent, is_gone, read_back, settle};
use crate::store::{
    ErrorKind, Page, Part, Piece, Pieced, Pieces, ReadStore, Reading, RemoveStore, StoreError, WriteStore,
};

mod errors;
pub(in crate::store) mod listing;
mod pieces;
mod sign;

use self::pieces::BYTES;
use errors::Said;
use listing::Query;
use sign::Signer;

/// A bucket of OSS.
pub struct OssStore {
    location: Location,
    bucket: String,
    /// The address of the bucket, with a slash at its end.
    url: String,
    client: HttpClient,
    signer: Signer,
    parts: Parts,
    /// Set once the ETag of an object that was written in pieces was no MD5.
    wants_whole: AtomicBool,
}

impl fmt::Debug for OssStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OssStore({})", self.location)
    }
}

impl OssStore {
    /// The bucket that `conf` names. Nothing is asked of the server yet.
    ///
    /// `conf.ca_file` is trusted beside what `options` says.
    ///
    /// # Errors
    /// [`ErrorKind::Setup`] when V4 is wanted without a region, when the CA file is no good or the
    /// system gives no event queue.
    pub fn open(conf: &OssConf, location: Location, options: HttpOptions) -> Result<Self, StoreError> {
        let store = location.to_string();
        let signer = Signer::new(conf).map_err(|why| StoreError::new(ErrorKind::Setup, "open", &store, why))?;
        let ca_file = conf.ca_file.clone().or(options.ca_file);
        let client = HttpClient::new(
            HttpOptions { ca_file, https_only: conf.https, names: OptionNames::Oss, ..options },
            &store,
        )?;
        Ok(Self {
            location,
            bucket: conf.bucket.clone(),
            url: bucket_url(conf),
            client,
            signer,
            parts: Parts::default(),
            wants_whole: AtomicBool::new(false),
        })
    }

    /// The URL that every request for the bucket of `conf` begins with.
    pub(in crate::store) fn url(conf: &OssConf) -> String {
        bucket_url(conf)
    }

    /// Signs and sends a request for `name` in the bucket (empty for the bucket itself).
    fn send(
        &self,
        action: &'static str,
        subject: &str,
        method: Method,
        name: &str,
        query: Option<&Query>,
        fill: impl FnOnce(Request) -> Request,
    ) -> Result<Response, StoreError> {
        let request = self.signed(action, subject, method, name, query, fill)?;
        self.client.send(&request).map_err(|error| error.into_store(action, subject))
    }

    fn signed(
        &self,
        action: &'static str,
        subject: &str,
        method: Method,
        name: &str,
        query: Option<&Query>,
        fill: impl FnOnce(Request) -> Request,
    ) -> Result<Request, StoreError> {
        let url = format!("{}{name}{}", self.url, query.map(Query::text).unwrap_or_default());
        let mut request = fill(Request::new(method, &url).map_err(|error| error.into_store(action, subject))?);
        let token = query.and_then(Query::continuation_token);
        self.signer
            .sign(&mut request, &sign::resource(&self.bucket, name, token))
            .map_err(|why| StoreError::new(ErrorKind::Setup, action, subject, format!("cannot be signed: {why}")))?;
        Ok(request)
    }

    fn on_object(
        &self,
        action: &'static str,
        key: &ObjectKey,
        method: Method,
        fill: impl FnOnce(Request) -> Request,
    ) -> Result<Response, StoreError> {
        let name = key.to_string();
        let response = self.send(action, &name, method, &name, None, fill)?;
        if response.status.is_success() { Ok(response) } else { Err(self.refused(&response, action, key)) }
    }

    /// What the answer to a call on an object, not a success, stands for.
    fn refused(&self, response: &Response, action: &'static str, key: &ObjectKey) -> StoreError {
        let said = Said::of(response);
        match said.kind(response) {
            ErrorKind::ContainerMissing => said.error(response, action, self.location.to_string()),
            // The bucket is asked, because a HEAD that does not name its error leaves open what is missing.
            ErrorKind::NotFound if said.is_silent() => match self.one_name(action) {
                Ok(()) => said.error(response, action, key.to_string()),
                Err(error) => error,
            },
            _ => said.error(response, action, key.to_string()).of_one_object(),
        }
    }

    fn get(&self, key: &ObjectKey, most: u64, fill: impl FnOnce(Request) -> Request) -> Result<Bytes, StoreError> {
        let limited = |get: Request| fill(get.answer_limit(most));
        let response = self.on_object("read", key, Method::GET, limited)?;
        own("read", key, response.success(has_other_etag(&response)).not_the_object())?;
        response.whole_body().map_err(|error| error.into_store("read", key.to_string()))
    }

    /// Lists a single name, to see whether the bucket is there.
    fn one_name(&self, action: &'static str) -> Result<(), StoreError> {
        self.names(action, &Query::one_name()).map(drop)
    }

    /// One answer of a listing.
    fn names(&self, action: &'static str, query: &Query) -> Result<Answer, StoreError> {
        let subject = self.location.to_string();
        let response = self.send(action, &subject, Method::GET, "", Some(query), |get| get)?;
        if response.status != StatusCode::OK {
            return Err(Said::of(&response).error(&response, action, subject));
        }
        listing::parse(&response.body).map_err(|error| error.into_store(action, subject))
    }
}

/// The bucket in front of the endpoint, or behind it when that is an address or `localhost`, as
/// Alibaba's SDKs do.
fn bucket_url(conf: &OssConf) -> String {
    let scheme = if conf.https { "https" } else { "http" };
    let (bucket, endpoint) = (&conf.bucket, conf.endpoint.trim_end_matches('/'));
    if is_address(endpoint) {
        format!("{scheme}://{endpoint}/{bucket}/")
    } else {
        format!("{scheme}://{bucket}.{endpoint}/")
    }
}

fn is_address(endpoint: &str) -> bool {
    let host = match endpoint.strip_prefix('[') {
        Some(rest) => rest.split(']').next(),
        None => endpoint.split(':').next(),
    };
    host.is_some_and(|host| host == "localhost" || host.parse::<IpAddr>().is_ok())
}

impl ReadStore for OssStore {
    fn location(&self) -> &Location {
        &self.location
    }

    fn list(&self, part: &Part) -> Result<Page, StoreError> {
        crate::store::listing::page(&part.range, |start| self.names("list", &Query::of(&part.range, start)))
            .map_err(|fault| fault.of_listing(&self.location))
    }

    fn read(&self, key: &ObjectKey) -> Result<Bytes, StoreError> {
        self.get(key, Request::OBJECT_LIMIT, |get| get)
    }

    fn read_again(&self, key: &ObjectKey) -> Result<Bytes, StoreError> {
        self.get(key, Request::OBJECT_LIMIT, Request::past_caches)
    }

    fn read_at_most(&self, key: &ObjectKey, most: u64) -> Result<Option<Bytes>, StoreError> {
        at_most(most, |most| self.get(key, most, |get| get))
    }

    fn read_piece(&self, key: &ObjectKey, at: u64, reading: Reading) -> Result<Option<Piece>, StoreError> {
        self.piece(key, at, reading)
    }

    fn size(&self, key: &ObjectKey) -> Result<u64, StoreError> {
        let response = self.on_object("size", key, Method::HEAD, |head| head)?;
        own("size", key, response.success(false).not_about_the_object())?;
        response.content_length().ok_or_else(|| {
            StoreError::object(ErrorKind::Protocol, "size", key, "the answer does not say how long the object is")
        })
    }
}

impl WriteStore for OssStore {
    fn write(&self, key: &ObjectKey, data: Bytes) -> Result<(), StoreError> {
        let md5 = Md5Sum::of(&data);
        let response = self.on_object("write", key, Method::PUT, |put| {
            let put = put.header(CONTENT_TYPE.as_str(), BYTES).body(data.clone());
            if !self.signer.signs_md5() {
                return put;
            }
            let md5 = HeaderValue::from_str(&md5.base64()).expect("base64 makes a header");
            put.header("content-md5", md5)
        })?;
        let success = response.success(has_other_etag(&response));
        own("write", key, success.not_stored()).map_err(|error| settle(self, key, Sent::Whole(&data), error))?;
        let etag = success.etag.unwrap_or_default();
        match md5.compare(etag, success.encrypted) {
            Etag::Same => Ok(()),
            Etag::NoMd5 if self.signer.signs_md5() => Ok(()),
            Etag::NoMd5 | Etag::Other => {
                let told = format!("OSS gave it the ETag {etag}, its MD5 is {}", md5.hex());
                read_back(self, key, Sent::Whole(&data), &told)
            }
        }
    }

    fn write_pieces(&self, key: &ObjectKey, pieces: &mut Pieces<'_>) -> Result<Pieced, StoreError> {
        self.write_in_pieces(key, pieces)
    }

    /// Nothing to wait for: OSS answers a write once it is kept.
    fn sync(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

impl RemoveStore for OssStore {
    fn remove(&self, key: &ObjectKey) -> Result<(), StoreError> {
        match self.on_object("remove", key, Method::DELETE, |delete| delete) {
            Ok(response) if response.status == StatusCode::NO_CONTENT => Ok(()),
            Ok(response) => {
                own("remove", key, response.success(false).page())?;
                is_gone(self, key, &format!("HTTP {}", response.status))
            }
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        }
    }
}

/// Whether OSS encrypted the object with a key of its key service or by SM4; the ETag is no MD5 then.
fn has_other_etag(response: &Response) -> bool {
    response.header("x-oss-server-side-encryption").is_some_and(|kind| matches!(kind, "KMS" | "SM4"))
}
