//! The HTTP client that the S3, Swift and OSS backends share.
//!
//! It blocks: a caller's thread sends one request and gets the whole answer. Connections are kept for the next one. Every
//! wait has an end ([`HttpOptions`]), every answer a size limit,
//! and a body that ends before its announced length is an error, never a short answer. Redirects
//! are not followed, because a request signed for one host must not be carried to another: the
//! error says where the server pointed to. Where TLS is configured, nothing is ever sent without it, whatever URL a
//! server names.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::header::{
    CACHE_CONTROL, CONTENT_LENGTH, HeaderMap, HeaderValue, PROXY_AUTHORIZATION, TRANSFER_ENCODING, USER_AGENT,
};
use http::uri::Scheme;
use http::{Method, Uri};

use super::{BLOCK_MAX, ErrorKind, StoreError};
use crate::conf::OptionNames;
use crate::sys::terminal::beginning;

mod answer;
mod body;
mod connect;
mod event_loop;
mod failure;
mod feed;
pub(in crate::store) mod pieces;
pub mod proxy;
mod resolve;
pub mod runtime;
mod trust;
mod way;
mod wire;

pub use answer::{Response, kind_of_status, retry_after};
pub(super) use answer::{SIZE_ADVICE, not_followed};

use body::{Content, Deadline, Limit, Upload, receive};
use connect::Connector;
use event_loop::Host;
use failure::Failure;
use proxy::{Proxies, Proxy};
pub(super) use resolve::NO_ADDRESS;
use wire::Wire;

/// How long to wait for what, and whom to trust.
#[derive(Clone, Debug)]
pub struct HttpOptions {
    /// For a connection, the TLS handshake included.
    pub connect_timeout: Duration,
    /// For the first byte of an answer, once the request is sent.
    pub answer_timeout: Duration,
    /// For the next bytes while a body is being sent or received.
    pub stall_timeout: Duration,
    /// How long a connection is kept while nobody uses it.
    pub idle_timeout: Duration,
    /// Certificates (PEM) to trust beside those of the system.
    pub ca_file: Option<PathBuf>,
    /// Whether requests go over TLS only: one with an `http://` URL is refused before anything is sent.
    pub https_only: bool,
    /// The proxies to go through.
    pub proxies: Proxies,
    /// What the user calls the options that errors advise to look at.
    pub names: OptionNames,
}

impl Default for HttpOptions {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(10),
            answer_timeout: Duration::from_secs(60),
            stall_timeout: Duration::from_secs(30),
            // Shorter than what common servers and load balancers allow, so that it is us who close.
            idle_timeout: Duration::from_secs(20),
            ca_file: None,
            https_only: false,
            proxies: Proxies::default(),
            names: OptionNames::default(),
        }
    }
}

/// One request, its body in memory.
#[derive(Clone)]
pub struct Request {
    /// GET, HEAD, PUT, POST or DELETE.
    pub method: Method,
    /// The absolute URL.
    pub url: Uri,
    /// Headers beside Host, Content-Length and User-Agent, which the client sets.
    pub headers: HeaderMap,
    /// The body; empty for none.
    pub body: Bytes,
    /// The largest body of an answer to accept, in bytes.
    pub answer_limit: u64,
    /// Whether the request can be sent twice with the same outcome.
    pub repeatable: bool,
    /// Whether of a success only the length of its body is wanted.
    pub measures: bool,
}

impl Request {
    /// The limit of answers that are not objects: the longest names that a bucket can have make pages of some 4 MiB.
    pub const TEXT_LIMIT: u64 = 16 << 20;
    /// The limit of an answer that says that something failed; what it says is a few hundred bytes.
    pub const ERROR_LIMIT: u64 = 1 << 20;
    /// The limit of an object: that of the largest that is read.
    pub const OBJECT_LIMIT: u64 = BLOCK_MAX;

    /// A request without headers and body, its answer limited to [`Request::TEXT_LIMIT`], and
    /// repeatable if its method is idempotent (RFC 9110, 9.2.2).
    ///
    /// # Errors
    /// [`ErrorKind::Setup`] when `url` is not an absolute http or https URL.
    pub fn new(method: Method, url: &str) -> Result<Self, HttpError> {
        let shown = beginning(url, LONGEST_URL);
        let bad = |why: &str| HttpError::new(ErrorKind::Setup, format!("{shown:?} is not a usable URL: {why}"));
        let url: Uri = url.parse().map_err(|error: http::uri::InvalidUri| bad(&error.to_string()))?;
        match url.scheme_str() {
            Some("http" | "https") if url.host().is_some_and(|host| !host.is_empty()) => {}
            _ => return Err(bad("it must begin with http:// or https:// and a host")),
        }
        Ok(Self {
            repeatable: method.is_idempotent(),
            method,
            url,
            headers: HeaderMap::new(),
            body: Bytes::new(),
            answer_limit: Self::TEXT_LIMIT,
            measures: false,
        })
    }

    /// The same request with one more header.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    /// The same request with this body.
    #[must_use]
    pub fn body(mut self, body: Bytes) -> Self {
        self.body = body;
        self
    }

    /// The same request with another limit of the answer's size, in bytes.
    #[must_use]
    pub const fn answer_limit(mut self, bytes: u64) -> Self {
        self.answer_limit = bytes;
        self
    }

    /// The same request, of whose success only the length of the body is wanted: a large one takes no memory, and is not
    /// read at all where the server says its length.
    #[must_use]
    pub const fn measuring(mut self) -> Self {
        self.measures = true;
        self
    }

    /// The same request, not to be answered from a cache on the way (RFC 9111, 5.2.1.4).
    #[must_use]
    pub fn past_caches(self) -> Self {
        self.header(CACHE_CONTROL.as_str(), HeaderValue::from_static("no-cache"))
    }

    /// The same request, known to be repeatable though its method is not idempotent.
    #[must_use]
    pub const fn repeatable(mut self) -> Self {
        self.repeatable = true;
        self
    }

    fn to_http(&self, content: Content, deadline: &Deadline, options: &HttpOptions) -> http::Request<Upload> {
        let length = content.left();
        let upload = Upload::new(content, deadline.clone(), options);
        let mut request = http::Request::new(upload);
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = self.url.clone();
        *request.headers_mut() = self.headers.clone();
        let headers = request.headers_mut();
        headers.insert(USER_AGENT, HeaderValue::from_static(concat!("seaf-migrate/", env!("CARGO_PKG_VERSION"))));
        if matches!(self.method, Method::PUT | Method::POST) {
            // Said even when it is 0, because servers refuse an upload of unknown length.
            headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
        }
        if let Some(proxy) = options.proxies.of(&self.url).filter(|_| self.url.scheme() == Some(&Scheme::HTTP)) {
            // Only here, because a tunnel's proxy is told when it is built, and nothing in it is for the proxy.
            proxy.login().map(|login| headers.insert(PROXY_AUTHORIZATION, login.clone()));
        }
        request
    }
}

/// Why a request got no whole answer, or none that can be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpError {
    kind: ErrorKind,
    cause: String,
}

impl HttpError {
    /// An error of this kind.
    pub fn new(kind: ErrorKind, cause: impl Into<String>) -> Self {
        Self { kind, cause: cause.into() }
    }

    /// What kind of failure it was.
    pub const fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// What happened, in words.
    pub fn cause(&self) -> &str {
        &self.cause
    }

    /// The same failure, of a request that went through `proxy`.
    fn through(mut self, proxy: &Proxy) -> Self {
        self.cause = format!("{}; {}", self.cause, proxy.told());
        self
    }

    /// The same failure, said of a store: what was being done to what.
    pub fn into_store(self, action: &'static str, subject: impl Into<String>) -> StoreError {
        StoreError::new(self.kind, action, subject, self.cause)
    }
}

/// A client; shared by any number of threads. Its connections are on the event loops of those that call it.
pub struct HttpClient {
    /// By this its connections are known.
    id: u64,
    connector: Connector,
    options: HttpOptions,
}

/// The number of the next client.
static NEXT: AtomicU64 = AtomicU64::new(0);

impl HttpClient {
    /// A client without a connection yet.
    ///
    /// # Errors
    /// [`ErrorKind::Setup`] when the CA file cannot be read or holds no certificate, or when the
    /// system gives no event queue. `store` names the store in that error.
    pub fn new(options: HttpOptions, store: &str) -> Result<Self, StoreError> {
        runtime::start(store)?;
        let connector = Connector::new(&options).map_err(|error| error.into_store("open", store))?;
        Ok(Self { id: NEXT.fetch_add(1, Ordering::Relaxed), connector, options })
    }

    /// Sends `request` and waits for the whole answer, whatever its status.
    ///
    /// A request that may be repeated is sent once more over a new connection when one ended before the first
    /// byte of an answer: a server may close a kept one at the very moment we use it again.
    ///
    /// # Errors
    /// [`ErrorKind::Connection`], [`ErrorKind::Timeout`], [`ErrorKind::Protocol`];
    /// [`ErrorKind::TooLarge`] for an answer above the limit; [`ErrorKind::Setup`] for a certificate
    /// that nobody here trusts, and for a URL without TLS where only TLS is allowed.
    pub fn send(&self, request: &Request) -> Result<Response, HttpError> {
        runtime::block_on_request(self.answer(request))?
    }

    /// The same without blocking, and without giving up when the process is asked to end: for whoever is driven by
    /// [`runtime::block_on_request`] already.
    ///
    /// # Errors
    /// As [`Self::send`].
    pub(super) async fn answer(&self, request: &Request) -> Result<Response, HttpError> {
        self.refuse_unsafe(request)?;
        let host = Host::of(&request.url);
        // Only for one that can be repeated, because what became of a connection meanwhile shows when it is used.
        let kept = request.repeatable.then(|| event_loop::kept(self.id, &host)).flatten();
        let content = || Content::Whole(request.body.clone());
        let answer = match self.attempt(kept, &host, request, content()).await {
            Err(failure) if failure.unanswered && request.repeatable => {
                self.attempt(None, &host, request, content()).await
            }
            outcome => outcome,
        };
        answer.map_err(|failure| self.told(failure, request))
    }

    fn refuse_unsafe(&self, request: &Request) -> Result<(), HttpError> {
        if self.options.https_only && request.url.scheme() != Some(&Scheme::HTTPS) {
            return Err(HttpError::new(ErrorKind::Setup, unsafe_url(&request.url.to_string(), self.options.names)));
        }
        Ok(())
    }

    /// The failure of a request, with what to do about it and the way that it went.
    fn told(&self, failure: Failure, request: &Request) -> HttpError {
        let error = failure.advised(self.options.names);
        match self.options.proxies.of(&request.url) {
            Some(proxy) => error.through(&proxy),
            None => error,
        }
    }

    async fn attempt(
        &self,
        wire: Option<Wire>,
        host: &Host,
        request: &Request,
        content: Content,
    ) -> Result<Response, Failure> {
        let deadline = Deadline::after(self.options.connect_timeout + self.options.answer_timeout);
        let sending = async {
            let mut wire = match wire {
                Some(wire) => wire,
                None => Wire::open(&self.connector, &request.url).await?,
            };
            let answer = wire.send(request.to_http(content, &deadline, &self.options)).await?;
            Ok((wire, answer))
        };
        let (mut wire, answer) = deadline.bound(sending).await.ok_or_else(Failure::no_answer)??;
        let (parts, body) = answer.into_parts();
        let told = hyper::body::Body::size_hint(&body).exact();
        let body_end_known =
            request.method == Method::HEAD || told.is_some() || parts.headers.contains_key(TRANSFER_ENCODING);
        let limit = Limit::of(parts.status, request.answer_limit);
        let measures = request.measures && parts.status.is_success();
        let received = wire.driving(receive(body, limit, self.options.stall_timeout, measures)).await?;
        if wire.is_open() && received.is_read {
            event_loop::keep(self.id, host.clone(), wire, self.options.idle_timeout);
        }
        Ok(Response {
            status: parts.status,
            headers: parts.headers,
            body: received.body,
            body_length: received.length,
            body_end_known,
            over_tls: request.url.scheme() == Some(&Scheme::HTTPS),
            names: self.options.names,
        })
    }
}

impl Drop for HttpClient {
    fn drop(&mut self) {
        event_loop::forget(self.id);
    }
}

/// The header Host of requests to `url`: without the port that is the scheme's own, as clients write it. `None` where it
/// names no host.
pub(super) fn host_header(url: &Uri) -> Option<HeaderValue> {
    let (host, port) = (url.host().filter(|host| !host.is_empty())?, url.port_u16());
    let usual = if url.scheme() == Some(&Scheme::HTTPS) { 443 } else { 80 };
    let text = match port.filter(|port| *port != usual) {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    };
    HeaderValue::from_str(&text).ok()
}

/// How much of a URL that a server names is shown, in characters.
const LONGEST_URL: usize = 300;

/// Why nothing is sent to a URL without TLS, and what to do.
pub(in crate::store) fn unsafe_url(url: &str, names: OptionNames) -> String {
    let https = names.of("use_https");
    let url = beginning(url, LONGEST_URL);
    format!(
        "nothing was sent to {url}: it is not https, and the configuration says {https} = true; have the service name \
         an https:// address, or set {https} = false if everybody on the way may see the requests"
    )
}

/// What `get` gives when it is told to accept at most `most` bytes of an object; `None` when the object has more.
///
/// # Errors
/// Those of `get`, and that an object has more than any may have.
pub fn at_most(most: u64, get: impl FnOnce(u64) -> Result<Bytes, StoreError>) -> Result<Option<Bytes>, StoreError> {
    match get(most.min(Request::OBJECT_LIMIT)) {
        Err(error) if error.kind() == ErrorKind::TooLarge && most < Request::OBJECT_LIMIT => Ok(None),
        read => read.map(Some),
    }
}
