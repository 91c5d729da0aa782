//! OpenStack Swift: the objects of a kind are in one container, named `<library>/<object>`.
//!
//! One login serves every thread; when its token expires, one thread renews it ([`session`]). A
//! listing is stateless: each page begins at a marker worked out from the keys that are left.

use std::fmt;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Method, StatusCode};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::conf::OptionNames;
use crate::conf::backend::{Location, SwiftConf};
use crate::object::ObjectKey;
use crate::store::http::pieces::{Given, Parts, given, is_beyond};
use crate::store::http::{HttpClient, HttpError, HttpOptions, Request, Response, at_most};
use crate::store::listing::Answer;
use crate::store::witness::foreign::{no_listing, own};
use crate::store::witness::{Md5Sum, Sent, is_gone};
use crate::store::{
    ErrorKind, Page, Part, Piece, Pieced, Pieces, ReadStore, Reading, RemoveStore, StoreError, WriteStore,
};

pub(in crate::store) mod listing;
pub(in crate::store) mod login;
mod session;
mod writing;

use session::{Account, Session};

/// What stays as it is in a path or query (RFC 3986, unreserved).
const ESCAPED: AsciiSet = NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

fn escape(text: &str) -> String {
    utf8_percent_encode(text, &ESCAPED).to_string()
}

/// How often one request may be refused for its token before the credentials are blamed. More than
/// once, because v1.0 hands out the token it has, which may be about to expire.
const TOKENS_TRIED: usize = 3;

/// A container of Swift.
pub struct SwiftStore {
    location: Location,
    container: String,
    client: HttpClient,
    account: Account,
    parts: Parts,
}

impl fmt::Debug for SwiftStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SwiftStore({})", self.location)
    }
}

impl SwiftStore {
    /// The container that `conf` names. Nothing is asked of the server yet: the first call logs in.
    ///
    /// `conf.ca_file` is trusted beside what `options` says.
    ///
    /// # Errors
    /// [`ErrorKind::Setup`] when the CA file is no good or the system gives no event queue.
    pub fn open(conf: &SwiftConf, location: Location, options: HttpOptions) -> Result<Self, StoreError> {
        let ca_file = conf.ca_file.clone().or(options.ca_file);
        let client = HttpClient::new(
            HttpOptions { ca_file, https_only: conf.https, names: OptionNames::Swift, ..options },
            &location.to_string(),
        )?;
        Ok(Self {
            location,
            container: escape(&conf.container),
            client,
            account: Account::new(conf.clone()),
            parts: Parts::default(),
        })
    }

    /// Where the account of `conf` logs in; the storage is at the address that the answer names.
    pub(in crate::store) fn url(conf: &SwiftConf) -> String {
        login::url(conf)
    }

    /// Sends a request with the token at hand, with a renewed one when Swift no longer knows it.
    fn call(
        &self,
        action: &'static str,
        subject: &str,
        request: impl Fn(&Session) -> Result<Request, StoreError>,
    ) -> Result<Response, StoreError> {
        let status = |answer: &Response| Some(answer.status);
        self.call_by(action, subject, request, |request| self.client.send(request), status)
    }

    /// As [`Self::call`], the request sent by `send`.
    fn call_by<T>(
        &self,
        action: &'static str,
        subject: &str,
        request: impl Fn(&Session) -> Result<Request, StoreError>,
        mut send: impl FnMut(&Request) -> Result<T, HttpError>,
        status: impl Fn(&T) -> Option<StatusCode>,
    ) -> Result<T, StoreError> {
        let mut session = self.account.session(&self.client)?;
        for _ in 0..TOKENS_TRIED {
            let request = request(&session)?.header("x-auth-token", session.token.clone());
            let outcome =
                send(&request).map_err(|error| error.into_store(action, subject).because(asked_at(&session)))?;
            if status(&outcome) != Some(StatusCode::UNAUTHORIZED) {
                return Ok(outcome);
            }
            session = self.account.newer_than(session.generation, &self.client)?;
        }
        let cause = "Swift refuses the tokens that its login has just given";
        Err(StoreError::new(ErrorKind::BadCredentials, action, subject, cause))
    }

    /// A call on the object `key`.
    fn on_object(
        &self,
        action: &'static str,
        key: &ObjectKey,
        method: &Method,
        fill: impl Fn(Request) -> Request,
    ) -> Result<Response, StoreError> {
        self.call(action, &key.to_string(), |session| self.request(action, key, method, session).map(&fill))
    }

    fn request(
        &self,
        action: &'static str,
        key: &ObjectKey,
        method: &Method,
        session: &Session,
    ) -> Result<Request, StoreError> {
        let url = format!("{}/{}/{key}", session.storage_url, self.container);
        Request::new(method.clone(), &url).map_err(|error| error.into_store(action, key.to_string()))
    }

    fn get(&self, key: &ObjectKey, most: u64, fill: impl Fn(Request) -> Request) -> Result<Bytes, StoreError> {
        let limited = |get: Request| fill(get.answer_limit(most));
        let response = self.on_object("read", key, &Method::GET, limited)?;
        match response.status {
            StatusCode::OK => {
                own("read", key, response.success(false).not_the_object())?;
                response.whole_body().map_err(|error| error.into_store("read", key.to_string()))
            }
            _ => Err(self.refused(&response, "read", key)),
        }
    }

    /// A part of the object.
    fn piece(&self, key: &ObjectKey, at: u64, reading: Reading) -> Result<Option<Piece>, StoreError> {
        let fill = |get: Request| {
            let get = get.piece_from(at);
            if reading == Reading::Anew { get.past_caches() } else { get }
        };
        let get = || {
            let response = self.on_object("read", key, &Method::GET, fill)?;
            match response.status {
                status if is_beyond(Some(status.as_u16())) => Ok(Given::Beyond),
                status if status.is_success() => {
                    given(response, at).map_err(|error| error.into_store("read", key.to_string()))
                }
                _ => Err(self.refused(&response, "read", key)),
            }
        };
        self.parts.piece(get, StoreError::kind)
    }

    /// A call on the container; `query` begins with its question mark, if there is one, and is that of a listing.
    fn on_container(&self, action: &'static str, method: &Method, query: &str) -> Result<Response, StoreError> {
        let subject = self.location.to_string();
        self.call(action, &subject, |session| {
            let url = format!("{}/{}{query}", session.storage_url, self.container);
            let request = Request::new(method.clone(), &url).map_err(|error| error.into_store(action, &subject))?;
            Ok(if query.is_empty() { request } else { request.answer_limit(listing::ANSWER_LIMIT) })
        })
    }

    /// What the answer to a call on an object, not a success, stands for.
    fn refused(&self, response: &Response, action: &'static str, key: &ObjectKey) -> StoreError {
        match response.status {
            StatusCode::NOT_FOUND => self.missing(response, action, key),
            StatusCode::UNPROCESSABLE_ENTITY => response.error_of(
                ErrorKind::Altered,
                action,
                key.to_string(),
                "the object arrived with another MD5 than it was sent with",
            ),
            StatusCode::PAYLOAD_TOO_LARGE if says_quota(response) => {
                response.error_of(ErrorKind::NoSpace, action, key.to_string(), "the quota is used up")
            }
            _ => response.error(action, key.to_string()).of_one_object(),
        }
    }

    /// Swift answers alike for a missing object and a missing container; the container tells them apart.
    fn missing(&self, response: &Response, action: &'static str, key: &ObjectKey) -> StoreError {
        match self.on_container(action, &Method::HEAD, "") {
            Ok(answer) if answer.status == StatusCode::NOT_FOUND => self.container_missing(&answer, action),
            Ok(answer) if answer.status.is_success() => {
                response.error_of(ErrorKind::NotFound, action, key.to_string(), "no such object")
            }
            Ok(answer) => answer.error(action, self.location.to_string()),
            Err(error) => error,
        }
    }

    /// One answer of a listing.
    fn names(&self, query: &str) -> Result<Answer, StoreError> {
        let response = self.on_container("list", &Method::GET, query)?;
        match response.status {
            StatusCode::OK => listing::parse(&response.body).map_err(|why| {
                let why = no_listing(200, &why, &response.body);
                StoreError::new(ErrorKind::ForeignAnswer, "list", self.location.to_string(), why)
            }),
            // Only with the count that Swift gives of every container: 204 is also what other servers say to anything.
            StatusCode::NO_CONTENT if response.header("x-container-object-count").is_some() => Ok(Answer::default()),
            StatusCode::NO_CONTENT => {
                let why = "HTTP 204 without X-Container-Object-Count, which Swift gives for every container";
                Err(StoreError::new(ErrorKind::ForeignAnswer, "list", self.location.to_string(), why))
            }
            StatusCode::NOT_FOUND => Err(self.container_missing(&response, "list")),
            _ => Err(response.error("list", self.location.to_string())),
        }
    }

    fn container_missing(&self, response: &Response, action: &'static str) -> StoreError {
        let said = "no such container: create it, or correct `container` in seafile.conf";
        let error = response.error_of(ErrorKind::ContainerMissing, action, self.location.to_string(), said);
        match self.account.session(&self.client) {
            // It may be that which is wrong: a proxy on the way to the login, which does not know the whole path.
            Ok(session) => error.because(asked_at(&session)),
            Err(_) => error,
        }
    }
}

/// Which address was asked, that nobody configured.
fn asked_at(session: &Session) -> String {
    format!("asked at {}, which the login named", session.storage_url)
}

/// Whether a 413 is about the account's or container's quota and not about this object's size.
fn says_quota(response: &Response) -> bool {
    String::from_utf8_lossy(&response.body).to_ascii_lowercase().contains("quota")
}

impl ReadStore for SwiftStore {
    fn location(&self) -> &Location {
        &self.location
    }

    fn list(&self, part: &Part) -> Result<Page, StoreError> {
        crate::store::listing::page(&part.range, |start| self.names(&listing::query(&part.range, start)))
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
        let response = self.on_object("size", key, &Method::HEAD, |head| head)?;
        if !response.status.is_success() {
            return Err(self.refused(&response, "size", key));
        }
        own("size", key, response.success(false).not_about_the_object())?;
        response.content_length().ok_or_else(|| {
            StoreError::object(ErrorKind::Protocol, "size", key, "the answer does not say how long the object is")
        })
    }
}

impl WriteStore for SwiftStore {
    /// The MD5 goes along, so that Swift refuses what was damaged on the way.
    fn write(&self, key: &ObjectKey, data: Bytes) -> Result<(), StoreError> {
        let md5 = Md5Sum::of(&data);
        let etag = HeaderValue::from_str(&md5.hex()).expect("hex digits make a header");
        let response = self.on_object("write", key, &Method::PUT, |put| {
            put.header("etag", etag.clone())
                .header(CONTENT_TYPE.as_str(), HeaderValue::from_static("application/octet-stream"))
                .body(data.clone())
        })?;
        self.judge(key, &response, &md5, Sent::Whole(&data))
    }

    fn write_pieces(&self, key: &ObjectKey, pieces: &mut Pieces<'_>) -> Result<Pieced, StoreError> {
        self.write_in_pieces(key, pieces)
    }

    /// Nothing to wait for: Swift answers a write once most of the copies are on disk.
    fn sync(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

impl RemoveStore for SwiftStore {
    fn remove(&self, key: &ObjectKey) -> Result<(), StoreError> {
        let response = self.on_object("remove", key, &Method::DELETE, |delete| delete)?;
        if response.status == StatusCode::NO_CONTENT {
            return Ok(());
        }
        if response.status.is_success() {
            own("remove", key, response.success(false).page())?;
            return is_gone(self, key, &format!("HTTP {}", response.status));
        }
        match self.refused(&response, "remove", key) {
            error if error.kind() == ErrorKind::NotFound => Ok(()),
            error => Err(error),
        }
    }
}
