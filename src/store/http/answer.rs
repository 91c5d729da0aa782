//! An answer, and what one means that is not a success.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http::StatusCode;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, ETAG, HeaderMap, LOCATION, RETRY_AFTER};
use jiff::fmt::rfc2822::DateTimeParser;

use super::proxy::LOGIN_ADVICE;
use super::{ErrorKind, HttpError, LONGEST_URL, StoreError};
use crate::conf::OptionNames;
use crate::store::witness::foreign::{Success, first_words};
use crate::sys::terminal::beginning;

/// A whole answer, whatever its status.
#[derive(Debug)]
pub struct Response {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body; of one that was only measured nothing, or its beginning.
    pub body: Bytes,
    /// The length of the whole body in bytes.
    pub body_length: u64,
    /// Whether the server marked the body's end. If not, a body that broke off looks like a whole one.
    pub body_end_known: bool,
    /// Whether it came over TLS.
    pub over_tls: bool,
    /// What the user calls the options that errors advise to look at.
    pub names: OptionNames,
}

impl Response {
    /// The text of a header; `None` when it is missing or not ASCII.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The body, if it is sure to be all of it.
    ///
    /// # Errors
    /// [`ErrorKind::Protocol`] when the server did not say where the body ends.
    pub fn whole_body(self) -> Result<Bytes, HttpError> {
        if self.body_end_known {
            Ok(self.body)
        } else {
            Err(HttpError::new(ErrorKind::Protocol, "the server did not say how long the object is"))
        }
    }

    /// What the answer says about its body's length; for the answer to a HEAD that of the object.
    pub fn content_length(&self) -> Option<u64> {
        self.header(CONTENT_LENGTH.as_str())?.trim().parse().ok()
    }
}

/// What a status means where the backend knows nothing better.
///
/// 404 is [`ErrorKind::NotFound`]; whether the object or the container is missing is for the backend
/// to find out. 498 is how Swift's rate limiter says 429.
pub fn kind_of_status(status: StatusCode, headers: &HeaderMap) -> ErrorKind {
    match status.as_u16() {
        401 => ErrorKind::BadCredentials,
        403 => ErrorKind::Denied,
        404 | 410 => ErrorKind::NotFound,
        // From a proxy on the way, whatever the service.
        407 => ErrorKind::Setup,
        408 => ErrorKind::Timeout,
        413 => ErrorKind::TooLarge,
        429 | 498 => ErrorKind::Throttled,
        503 if headers.contains_key(RETRY_AFTER) => ErrorKind::Throttled,
        507 => ErrorKind::NoSpace,
        501 | 505 => ErrorKind::Protocol,
        500..=599 => ErrorKind::Unavailable,
        100..=399 => ErrorKind::Protocol,
        _ => ErrorKind::Other,
    }
}

/// How long `Retry-After` asks to wait: seconds, or a date (RFC 9110, 10.2.3). A date that is over
/// asks for no wait at all.
pub fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = DateTimeParser::new().relaxed_weekday(true).parse_timestamp(text).ok()?.as_second();
    let date = UNIX_EPOCH + Duration::from_secs(u64::try_from(date).ok()?);
    Some(date.duration_since(SystemTime::now()).unwrap_or_default())
}

/// What to do about a 413, which object stores give for gigabytes only.
pub(in crate::store) const SIZE_ADVICE: &str =
    "where a proxy is in front of the store, raise its limit of uploads (nginx: client_max_body_size)";

/// What an error says of a redirect to `target`.
/// `over_tls`: that was how it was asked.
pub(in crate::store) fn not_followed(target: &str, over_tls: bool, names: OptionNames) -> String {
    let shown = beginning(target, LONGEST_URL);
    let advice = match !over_tls && target.starts_with("https://") {
        true => {
            let https = names.of("use_https");
            format!("it wants to be asked over TLS: set {https} = true, and the port if it is another one")
        }
        false => "configure that address if it is the right one".to_owned(),
    };
    format!("the server points to {shown}, which is not followed: {advice}")
}

impl Response {
    /// The answer, known to have the status of a success, as the evidence of who gave it. `encrypted`: the service says
    /// that the ETag is no MD5.
    pub(in crate::store) fn success(&self, encrypted: bool) -> Success<'_> {
        Success {
            status: self.status.as_u16(),
            content_type: self.header(CONTENT_TYPE.as_str()),
            etag: self.header(ETAG.as_str()),
            encrypted,
            body: &self.body,
        }
    }

    /// The error that this answer is, of the kind that its status says.
    pub fn error(&self, action: &'static str, subject: impl Into<String>) -> StoreError {
        self.error_of(kind_of_status(self.status, &self.headers), action, subject, first_words(&self.body))
    }

    /// The error that this answer is, when the backend knows the kind and what was `said`.
    pub fn error_of(
        &self,
        kind: ErrorKind,
        action: &'static str,
        subject: impl Into<String>,
        said: impl AsRef<str>,
    ) -> StoreError {
        let mut cause = format!("HTTP {}", self.status);
        if !said.as_ref().is_empty() {
            cause = format!("{cause}: {}", said.as_ref());
        }
        let error = StoreError::new(kind, action, subject, cause).with_retry_after(retry_after(&self.headers));
        let error = match self.status {
            StatusCode::PROXY_AUTHENTICATION_REQUIRED => error.because(LOGIN_ADVICE),
            StatusCode::PAYLOAD_TOO_LARGE => error.because(SIZE_ADVICE),
            _ => error,
        };
        match self.headers.get(LOCATION).filter(|_| self.status.is_redirection()) {
            Some(target) => {
                error.because(not_followed(&String::from_utf8_lossy(target.as_bytes()), self.over_tls, self.names))
            }
            None => error,
        }
    }
}
