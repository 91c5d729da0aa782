//! From what the SDK and the server say to a kind of failure and a text.
//!
//! Codes are those of the S3 API reference ("Error responses") and of Ceph RGW and MinIO where
//! they have their own.

use std::error::Error;
use std::time::Duration;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ConnectorError, ProvideErrorMetadata, SdkError};
use aws_sdk_s3::operation::RequestId;
use http_body_util::LengthLimitError;

use crate::conf::S3Signature;
use crate::store::ErrorKind;
use crate::store::http::proxy::{LOGIN_ADVICE, Proxy, wants_login};
use crate::store::http::{NO_ADDRESS, SIZE_ADVICE, not_followed, wait_of};
use crate::store::witness::foreign::{Success, first_words};

/// How the requests of a store are sent, for the advice in the texts of their errors.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) signature: S3Signature,
    pub(super) over_tls: bool,
    /// The host, where the bucket is in front of it.
    pub(super) virtual_host: Option<String>,
}

impl Asked {
    fn path_style_advice(&self) -> Option<String> {
        let host = self.virtual_host.as_ref()?;
        Some(format!(
            "{host} is asked for, the bucket in front of the host: if the server wants it in the path, set path_style_request = true"
        ))
    }
}

/// What went wrong, before it is known to which object.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) kind: ErrorKind,
    pub(super) text: String,
    pub(super) retry_after: Option<Duration>,
    /// The server's HTTP status, where it answered.
    pub(super) status: Option<u16>,
}

impl Failure {
    /// A failure on our side or on the way, without an answer of the server.
    pub(super) fn new(kind: ErrorKind, text: impl Into<String>) -> Self {
        Self { kind, text: text.into(), retry_after: None, status: None }
    }

    /// No answer within `limit`.
    pub(super) fn timeout(limit: Duration) -> Self {
        Self::new(ErrorKind::Timeout, format!("no answer within {} s", limit.as_secs_f32().ceil()))
    }

    /// The same failure of a request that went through `proxy`, if any, which is told where no server answered.
    pub(super) fn through(mut self, proxy: Option<&Proxy>) -> Self {
        let answered = self.status.is_some_and(|status| status != PROXY_WANTS_LOGIN);
        let is_of_the_way = !answered && self.kind != ErrorKind::Interrupted;
        if let Some(proxy) = proxy.filter(|_| is_of_the_way) {
            self.text = format!("{}; {}", self.text, proxy.told());
        }
        self
    }

    /// An answer that is longer than any that makes sense.
    pub(super) fn too_long(kind: ErrorKind) -> Self {
        Self::new(kind, "the answer is larger than the bytes that are accepted of one of its sort")
    }

    /// The same after a write or a listing: what those do not find is the bucket.
    pub(super) fn about_bucket(mut self) -> Self {
        if self.kind == ErrorKind::NotFound {
            self.kind = ErrorKind::ContainerMissing;
        }
        self
    }

    /// What the SDK reports of a request that was sent as `asked` says.
    pub(super) fn from_sdk<E>(error: &SdkError<E, HttpResponse>, asked: &Asked) -> Self
    where
        E: ProvideErrorMetadata + Error + 'static,
    {
        if is_too_long(error) {
            // Its status alone proves nothing but trouble: not that an object is missing.
            let status = error.raw_response().map(|raw| raw.status().as_u16());
            let kind = status.map(by_status).filter(|kind| kind.is_transient());
            return Self { status, ..Self::too_long(kind.unwrap_or(ErrorKind::Protocol)) };
        }
        match error.raw_response() {
            Some(raw) if !raw.status().is_success() => Self::answered(error, raw, asked),
            // The SDK found the error in the body of an answer whose status is a success.
            Some(raw) if error.as_service_error().is_some() => Self {
                status: Some(raw.status().as_u16()),
                ..Self::new(ErrorKind::ForeignAnswer, success_of(raw).told("holds an error"))
            },
            _ => Self::unanswered(error, asked),
        }
    }

    fn answered<E>(error: &SdkError<E, HttpResponse>, raw: &HttpResponse, asked: &Asked) -> Self
    where
        E: ProvideErrorMetadata + Error + 'static,
    {
        let status = raw.status().as_u16();
        let meta = error.as_service_error().map(ProvideErrorMetadata::meta);
        // A HEAD has no body, so the SDK makes up the code "NotFound" from the status.
        let code = meta.and_then(|meta| meta.code()).map(clean);
        let mut text = format!("HTTP {status}");
        for part in [code.clone(), meta.and_then(|meta| meta.message()).map(clean)].into_iter().flatten() {
            text.push_str(if text.ends_with(char::is_numeric) { " " } else { ": " });
            text.push_str(&part);
        }
        if code.is_none() {
            // Whoever answered is not S3, so its words are all there is to tell who it was.
            let words = first_words(raw.body().bytes().unwrap_or_default());
            text.push_str(if words.is_empty() { "" } else { ": " });
            text.push_str(&words);
        }
        if let Some(id) = error.request_id() {
            text.push_str(&format!(" (request {})", clean(id)));
        }
        let region = right_region(raw);
        let mut kind = classify(status, code.as_deref(), region.is_some());
        if kind == ErrorKind::NotFound && code.is_none() && raw.body().bytes().is_some_and(|body| !body.is_empty()) {
            // Not S3's way to say it: some other server's page. An object must not seem gone because of it.
            kind = ErrorKind::Protocol;
        }
        if let Some(advice) = advice(kind, status, code.as_deref(), region.as_deref(), asked.signature) {
            text.push_str("; ");
            text.push_str(&advice);
        }
        if let Some(endpoint) = element(raw, "Endpoint") {
            text.push_str(&format!("; the server names the endpoint {endpoint}"));
        }
        if let (ErrorKind::ContainerMissing, Some(advice)) = (kind, asked.path_style_advice()) {
            text.push_str(&format!("; {advice}"));
        }
        if let Some(target) = raw.headers().get("location").filter(|_| (300..400).contains(&status)) {
            text.push_str("; ");
            text.push_str(&not_followed(target, asked.over_tls));
        }
        let retry_after = raw.headers().get("retry-after").and_then(wait_of);
        Self { kind, text, retry_after, status: Some(status) }
    }

    fn unanswered<E: Error + 'static>(error: &SdkError<E, HttpResponse>, asked: &Asked) -> Self {
        // Skipped, because the SDK's own layers only say that something below them failed.
        let inner = chain(error).skip(1).find(|cause| !cause.is::<ConnectorError>()).unwrap_or(error);
        let kind = kind_without_answer(error, inner);
        let mut text = chain_text(inner);
        let http = chain(inner).any(is_not_http).then_some("check host, port and use_https");
        let login = wants_login(inner).then_some(LOGIN_ADVICE);
        if let Some(advice) = chain(inner).find_map(tls_advice).or(http).or(login) {
            text.push_str("; ");
            text.push_str(advice);
        }
        if let (true, Some(advice)) = (text.contains(NO_ADDRESS), asked.path_style_advice()) {
            text.push_str(&format!("; {advice}"));
        }
        Self::new(kind, text)
    }
}

/// What of an answer without a body of its own shows who gave it.
fn success_of(raw: &HttpResponse) -> Success<'_> {
    Success {
        status: raw.status().as_u16(),
        content_type: raw.headers().get("content-type"),
        etag: raw.headers().get("etag"),
        encrypted: false,
        body: raw.body().bytes().unwrap_or_default(),
    }
}

fn kind_without_answer<E>(error: &SdkError<E, HttpResponse>, inner: &(dyn Error + 'static)) -> ErrorKind {
    if let Some(role) = chain(inner).find_map(|cause| cause.downcast_ref()) {
        return match role {
            CredentialsError::ProviderTimedOut(_) => ErrorKind::Timeout,
            CredentialsError::ProviderError(_) => ErrorKind::Unavailable,
            _ => ErrorKind::Setup,
        };
    }
    match error {
        SdkError::TimeoutError(_) => ErrorKind::Timeout,
        SdkError::DispatchFailure(failure) if failure.is_timeout() => ErrorKind::Timeout,
        SdkError::ConstructionFailure(_) => ErrorKind::Setup,
        SdkError::DispatchFailure(failure) if failure.is_user() => ErrorKind::Setup,
        _ if wants_login(inner) => ErrorKind::Setup,
        _ if chain(inner).any(is_not_http) => ErrorKind::Protocol,
        _ if chain(inner).any(|cause| tls_advice(cause).is_some()) => ErrorKind::Setup,
        SdkError::DispatchFailure(_) => ErrorKind::Connection,
        _ if chain(inner).any(is_transport) => ErrorKind::Connection,
        _ => ErrorKind::Protocol,
    }
}

/// The kind that a status and code stand for. `elsewhere`: the answer names another region.
fn classify(status: u16, code: Option<&str>, elsewhere: bool) -> ErrorKind {
    match code.unwrap_or_default() {
        "NoSuchKey" | "NotFound" => ErrorKind::NotFound,
        "NoSuchBucket" => ErrorKind::ContainerMissing,
        "SignatureDoesNotMatch" | "InvalidAccessKeyId" | "InvalidToken" | "ExpiredToken" | "InvalidSecurity" => {
            ErrorKind::BadCredentials
        }
        "PermanentRedirect" | "TemporaryRedirect" | "IllegalLocationConstraintException" | "RequestTimeTooSkewed" => {
            ErrorKind::Setup
        }
        "AuthorizationHeaderMalformed" if elsewhere => ErrorKind::Setup,
        "InvalidBucketName" => ErrorKind::Setup,
        "SlowDown" | "TooManyRequests" | "RequestLimitExceeded" | "Throttling" => ErrorKind::Throttled,
        "RequestTimeout" => ErrorKind::Timeout,
        "BadDigest" | "InvalidDigest" | "XAmzContentSHA256Mismatch" => ErrorKind::Altered,
        "IncompleteBody" => ErrorKind::Connection,
        "OperationAborted" | "ConditionalRequestConflict" => ErrorKind::Unavailable,
        "InvalidObjectState" => ErrorKind::Archived,
        "EntityTooLarge" => ErrorKind::TooLarge,
        "QuotaExceeded" | "XMinioStorageFull" => ErrorKind::NoSpace,
        _ => by_status(status),
    }
}

/// How a proxy says that it serves nobody who does not log in.
const PROXY_WANTS_LOGIN: u16 = 407;

fn by_status(status: u16) -> ErrorKind {
    match status {
        301 | 302 | 307 | 308 | PROXY_WANTS_LOGIN => ErrorKind::Setup,
        401 | 403 => ErrorKind::Denied,
        404 => ErrorKind::NotFound,
        408 => ErrorKind::Timeout,
        413 => ErrorKind::TooLarge,
        429 | 503 => ErrorKind::Throttled,
        507 => ErrorKind::NoSpace,
        501 => ErrorKind::Other,
        500.. => ErrorKind::Unavailable,
        _ => ErrorKind::Other,
    }
}

/// What the admin can do about it, where that is known.
fn advice(
    kind: ErrorKind,
    status: u16,
    code: Option<&str>,
    region: Option<&str>,
    signature: S3Signature,
) -> Option<String> {
    match (kind, code.unwrap_or_default()) {
        (ErrorKind::Setup, "RequestTimeTooSkewed") => {
            Some("this machine's clock is off by more than the server bears: set it (NTP)".to_owned())
        }
        (ErrorKind::Setup, _) if region.is_some() => {
            region.map(|region| format!("the bucket is in region {region}: set aws_region and host for it"))
        }
        (ErrorKind::Setup, _) if status == PROXY_WANTS_LOGIN => Some(LOGIN_ADVICE.to_owned()),
        (ErrorKind::Setup, _) if (300..400).contains(&status) => {
            Some("the bucket is elsewhere: check host and aws_region".to_owned())
        }
        (ErrorKind::BadCredentials, "SignatureDoesNotMatch") => {
            Some("check key, and that use_v4_signature and path_style_request are as the server wants them".to_owned())
        }
        (ErrorKind::BadCredentials, "InvalidAccessKeyId") => Some("check key_id".to_owned()),
        (_, "InvalidRequest") if signature == S3Signature::V2 => {
            Some("the server may not take V2 signatures: try use_v4_signature = true".to_owned())
        }
        (ErrorKind::TooLarge, "") => Some(SIZE_ADVICE.to_owned()),
        _ => None,
    }
}

/// The region that the server says is right: a header, or an element of the error.
fn right_region(raw: &HttpResponse) -> Option<String> {
    if let Some(region) = raw.headers().get("x-amz-bucket-region") {
        return Some(clean(region));
    }
    element(raw, "Region")
}

/// The text of an element of the error; `None` when there is none, or nothing in it.
fn element(raw: &HttpResponse, name: &str) -> Option<String> {
    let body = std::str::from_utf8(raw.body().bytes()?).ok()?;
    let (_, rest) = body.split_once(&format!("<{name}>"))?;
    rest.split_once(&format!("</{name}>")).map(|(text, _)| clean(text)).filter(|text| !text.is_empty())
}

/// A text of the server on one line and not without end, so that it cannot upset a log.
fn clean(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(500).collect()
}

/// An error and what caused it, outermost first. What an `io::Error` carries is its cause.
pub(super) fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| match error.downcast_ref::<std::io::Error>() {
        Some(io) => io.get_ref().map(|inner| inner as &(dyn Error + 'static)),
        None => error.source(),
    })
}

/// The messages of the chain, each once.
pub(super) fn chain_text(error: &(dyn Error + 'static)) -> String {
    let mut text = String::new();
    for part in chain(error).map(|cause| clean(&cause.to_string())) {
        if !text.contains(&part) {
            text.push_str(if text.is_empty() { "" } else { ": " });
            text.push_str(&part);
        }
    }
    text
}

/// Whether an error says that an answer is longer than its limit.
pub(super) fn is_too_long(error: &(dyn Error + 'static)) -> bool {
    chain(error).any(|cause| cause.is::<LengthLimitError>())
}

fn is_transport(error: &(dyn Error + 'static)) -> bool {
    error.is::<std::io::Error>() || error.is::<hyper::Error>()
}

/// What to do where the two ends cannot agree, however often they try.
fn tls_advice(error: &(dyn Error + 'static)) -> Option<&'static str> {
    use rustls::CertificateError::{Other, UnknownIssuer};
    use rustls::Error::{InvalidCertificate, InvalidMessage, PeerIncompatible};
    match error.downcast_ref()? {
        InvalidCertificate(UnknownIssuer) => Some("name the file with the certificate of its authority in ca_file"),
        InvalidCertificate(Other(cause)) if cause.to_string().contains("CaUsedAsEndEntity") => {
            Some("the server shows an authority's certificate (CA:TRUE) as its own: give it one that is not (CA:FALSE)")
        }
        InvalidCertificate(_) => Some("check host, and the server's certificate"),
        InvalidMessage(_) => Some("the server does not speak TLS there: check the port, or set use_https = false"),
        PeerIncompatible(_) => Some("the server's TLS is too old: it needs version 1.2 or 1.3"),
        _ => None,
    }
}

fn is_not_http(error: &(dyn Error + 'static)) -> bool {
    error.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_parse)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_win_over_statuses() {
        let cases = [
            (404, Some("NoSuchBucket"), ErrorKind::ContainerMissing),
            (404, Some("NoSuchKey"), ErrorKind::NotFound),
            (404, None, ErrorKind::NotFound),
            (403, Some("SignatureDoesNotMatch"), ErrorKind::BadCredentials),
            (403, Some("AccessDenied"), ErrorKind::Denied),
            (403, Some("RequestTimeTooSkewed"), ErrorKind::Setup),
            (403, Some("InvalidObjectState"), ErrorKind::Archived),
            (403, Some("QuotaExceeded"), ErrorKind::NoSpace),
            (400, Some("RequestTimeout"), ErrorKind::Timeout),
            (400, Some("EntityTooLarge"), ErrorKind::TooLarge),
            (503, Some("SlowDown"), ErrorKind::Throttled),
            (429, None, ErrorKind::Throttled),
            (500, Some("InternalError"), ErrorKind::Unavailable),
            (502, None, ErrorKind::Unavailable),
            (501, Some("NotImplemented"), ErrorKind::Other),
            (301, None, ErrorKind::Setup),
        ];
        for (status, code, kind) in cases {
            assert_eq!(classify(status, code, false), kind, "{status} {code:?}");
        }
    }
}
