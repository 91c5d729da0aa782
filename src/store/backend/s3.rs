//! Amazon S3 and servers that speak its protocol.
//!
//! An object is the key `<library>/<object>` of the kind's bucket. Amazon and its peers answer a
//! PUT only once the object is durable, so `sync` has nothing to do. Requests are made and signed here and sent by the HTTP
//! client that all such stores share; Amazon's library gives the keys of a role.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use http::header::HeaderValue;

use self::errors::{Asked, Failure};
use self::list::Version;
use self::payload::Uploads;
use self::services::Credentials;
use self::sign::Signer;
use self::sse::SseKey;
use crate::conf::S3Conf;
use crate::conf::backend::Location;
use crate::object::ObjectKey;
use crate::store::http::pieces::Parts;
use crate::store::http::proxy::Proxy;
use crate::store::http::{HttpClient, HttpOptions, Request, at_most};
use crate::store::listing::Fault;
use crate::store::witness::{Sent, is_gone, read_back, settle};
use crate::store::{
    ErrorKind, Page, Part, Piece, Pieced, Pieces, ReadStore, Reading, RemoveStore, StoreError, WriteStore,
};

mod address;
mod calls;
mod errors;
mod explain;
mod keys;
mod list;
mod payload;
mod pieces;
mod role;
mod services;
mod sign;
mod sigv2;
mod sigv4;
mod sse;

pub(in crate::store) use self::address::base_url;

/// One kind's objects in a bucket.
pub struct S3Store {
    client: HttpClient,
    /// What every URL begins with, without a slash at its end.
    url: String,
    /// The header Host.
    host: HeaderValue,
    credentials: Credentials,
    signer: Signer,
    location: Location,
    asked: Asked,
    sse: Option<SseKey>,
    /// The proxy through which requests go.
    proxy: Option<Proxy>,
    uploads: Uploads,
    parts: Parts,
    /// Set once the server showed that it does not know the second version of the listing.
    lists_v1: AtomicBool,
    /// Set once the server answered as it does only when the bucket is there.
    bucket_seen: AtomicBool,
    /// Set once the server refused every HEAD, and told a size otherwise.
    knows_no_head: AtomicBool,
}

impl fmt::Debug for S3Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "S3Store({})", self.location)
    }
}

impl S3Store {
    /// The store that `conf` describes. Sends no request yet. `conf.ca_file` is trusted beside what `options` says.
    ///
    /// # Errors
    /// [`ErrorKind::Setup`] when `conf` makes no client: a host that is no host, a `ca_file` that
    /// cannot be read, an `sse_c_key` that is not 32 characters.
    pub fn open(conf: &S3Conf, location: Location, options: HttpOptions) -> Result<Self, StoreError> {
        let store = location.to_string();
        let setup = |cause| StoreError::new(ErrorKind::Setup, "open", &store, cause);
        let url = base_url(conf);
        let ca_file = conf.ca_file.clone().or(options.ca_file);
        let names = options.names;
        let options = HttpOptions { ca_file, https_only: conf.https, ..options };
        Ok(Self {
            host: address::host_of(&url, names).map_err(setup)?,
            credentials: services::credentials(conf, &options, &store).map_err(setup)?,
            signer: Signer::new(conf, names),
            asked: address::asked(conf, names),
            sse: conf.sse_c_key.as_ref().map(|key| SseKey::new(key, names)).transpose().map_err(setup)?,
            proxy: url.parse().ok().and_then(|url| options.proxies.of(&url)),
            client: HttpClient::new(options, &store)?,
            url,
            location,
            uploads: Uploads::default(),
            parts: Parts::default(),
            lists_v1: AtomicBool::new(false),
            bucket_seen: AtomicBool::new(false),
            knows_no_head: AtomicBool::new(false),
        })
    }

    fn read_as(&self, key: &ObjectKey, most: u64, fill: impl FnOnce(Request) -> Request) -> Result<Bytes, StoreError> {
        self.get(key, most, fill).map_err(|failure| Self::object_error("read", key, failure))
    }

    fn object_error(action: &'static str, key: &ObjectKey, failure: Failure) -> StoreError {
        let class = failure.archive_class;
        let error = StoreError::object(failure.kind, action, key, failure.text).with_retry_after(failure.retry_after);
        if failure.kind == ErrorKind::Archived { error.in_archive(class.as_deref()) } else { error }
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

impl ReadStore for S3Store {
    fn location(&self) -> &Location {
        &self.location
    }

    fn list(&self, part: &Part) -> Result<Page, StoreError> {
        let version = if self.lists_v1.load(Ordering::Relaxed) { Version::One } else { Version::Two };
        let page = match self.page(&part.range, version) {
            Err(Fault::IgnoresStart) if version == Version::Two => {
                // The first version instead, because old servers take the second for it, and the first knows no
                // start-after.
                let page = self.page(&part.range, Version::One);
                self.lists_v1.store(page.is_ok(), Ordering::Relaxed);
                page
            }
            page => page,
        };
        page.map_err(|fault| self.list_error(fault))
    }

    fn read(&self, key: &ObjectKey) -> Result<Bytes, StoreError> {
        self.read_as(key, Request::OBJECT_LIMIT, |get| get)
    }

    fn read_again(&self, key: &ObjectKey) -> Result<Bytes, StoreError> {
        self.read_as(key, Request::OBJECT_LIMIT, Request::past_caches)
    }

    fn read_at_most(&self, key: &ObjectKey, most: u64) -> Result<Option<Bytes>, StoreError> {
        at_most(most, |most| self.read_as(key, most, |get| get))
    }

    fn read_piece(&self, key: &ObjectKey, at: u64, reading: Reading) -> Result<Option<Piece>, StoreError> {
        self.piece(key, at, reading)
    }

    fn size(&self, key: &ObjectKey) -> Result<u64, StoreError> {
        self.head(key).map_err(|failure| Self::object_error("size", key, failure))
    }
}

impl WriteStore for S3Store {
    fn write(&self, key: &ObjectKey, data: Bytes) -> Result<(), StoreError> {
        match self.put(key, &data) {
            Ok(None) => Ok(()),
            Ok(Some(doubt)) => read_back(self, key, Sent::Whole(&data), &doubt),
            Err(failure) => Err(settle(self, key, Sent::Whole(&data), Self::object_error("write", key, failure))),
        }
    }

    fn write_pieces(&self, key: &ObjectKey, pieces: &mut Pieces<'_>) -> Result<Pieced, StoreError> {
        self.write_in_pieces(key, pieces)
    }

    fn sync(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

impl RemoveStore for S3Store {
    fn remove(&self, key: &ObjectKey) -> Result<(), StoreError> {
        match self.delete(key).map_err(|failure| Self::object_error("remove", key, failure))? {
            None => Ok(()),
            Some(doubt) => is_gone(self, key, &doubt),
        }
    }
}
