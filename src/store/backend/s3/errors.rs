//! From what the server says to a kind of failure and a text.
//!
//! Codes are those of the S3 API reference ("Error responses") and of Ceph RGW and MinIO where
//! they have their own.

use std::error::Error;
use std::time::Duration;

use aws_credential_types::provider::error::CredentialsError;
use serde::Deserialize;

use crate::conf::{OptionNames, S3Signature};
use crate::store::ErrorKind;
use crate::store::http::proxy::{LOGIN_ADVICE, Proxy};
use crate::store::http::{HttpError, NO_ADDRESS, Response, SIZE_ADVICE, not_followed, retry_after};
use crate::store::witness::foreign::first_words;

/// How the requests of a store are sent, for the advice in the texts of their errors.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) signature: S3Signature,
    pub(super) over_tls: bool,
    /// Whether a key of the user's own goes along, with which the server encrypts.
    pub(super) with_key: bool,
    /// The host, where the bucket is in front of it.
    pub(super) virtual_host: Option<String>,
    /// What the user calls the options.
    pub(super) names: OptionNames,
}

impl Asked {
    fn path_style_advice(&self) -> Option<String> {
        let host = self.virtual_host.as_ref()?;
        let path_style = self.names.of("path_style_request");
        Some(format!(
            "{host} is asked for, the bucket in front of the host: if the server wants it in the path, set {path_style} = true"
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
    /// The storage class that the server names for an object in an archive.
    pub(super) archive_class: Option<String>,
}

impl Failure {
    /// A failure on our side or on the way, without an answer of the server.
    pub(super) fn new(kind: ErrorKind, text: impl Into<String>) -> Self {
        Self { kind, text: text.into(), retry_after: None, status: None, archive_class: None }
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

    /// The same after a write or a listing: what those do not find is the bucket.
    pub(super) fn about_bucket(mut self) -> Self {
        if self.kind == ErrorKind::NotFound {
            self.kind = ErrorKind::ContainerMissing;
        }
        self
    }

    /// A request that got no whole answer.
    pub(super) fn unanswered(error: &HttpError, asked: &Asked) -> Self {
        let mut text = error.cause().to_owned();
        if let (true, Some(advice)) = (text.contains(NO_ADDRESS), asked.path_style_advice()) {
            text.push_str(&format!("; {advice}"));
        }
        Self::new(error.kind(), text)
    }

    /// A role whose service gives no keys.
    pub(super) fn of_role(error: &CredentialsError) -> Self {
        let kind = match error {
            CredentialsError::ProviderTimedOut(_) => ErrorKind::Timeout,
            CredentialsError::ProviderError(_) => ErrorKind::Unavailable,
            _ => ErrorKind::Setup,
        };
        let mut text = chain_text(error);
        if text.contains("IMDS session token") {
            text.push_str(
                "; a role of the machine needs version 2 of its metadata service, which answers in a container only where its \
                 hop limit is 2 or more",
            );
        }
        Self::new(kind, text)
    }

    /// What an answer that is no success says to a request that was sent as `asked` says.
    pub(super) fn answered(answer: &Response, asked: &Asked) -> Self {
        let (status, said) = (answer.status.as_u16(), Said::of(answer));
        let code = said.code.as_deref();
        let region = answer.header("x-amz-bucket-region").map(clean).or(said.region);
        let mut kind = classify(status, code, region.is_some());
        if kind == ErrorKind::NotFound && code.is_none() && !answer.body.is_empty() {
            // Not S3's way to say it: some other server's page. An object must not seem gone because of it.
            kind = ErrorKind::Protocol;
        }
        let mut text = format!("HTTP {status}");
        match (code, &said.message) {
            // Whoever answered is not S3, so its words are all there is to tell who it was.
            (None, _) => push(&mut text, ": ", Some(first_words(&answer.body)).filter(|words| !words.is_empty())),
            (Some(code), message) => {
                push(&mut text, " ", Some(code));
                push(&mut text, ": ", message.as_ref());
            }
        }
        let id = said.request_id.or_else(|| answer.header("x-amz-request-id").map(clean));
        push(&mut text, " (request ", id.map(|id| format!("{id})")));
        push(&mut text, "; ", advice(kind, status, code, region.as_deref(), asked));
        push(&mut text, "; the server names the endpoint ", said.endpoint);
        push(&mut text, "; ", asked.path_style_advice().filter(|_| kind == ErrorKind::ContainerMissing));
        let target = answer.header("location").filter(|_| (300..400).contains(&status));
        push(&mut text, "; ", target.map(|target| not_followed(target, asked.over_tls, asked.names)));
        if code.is_none() && !asked.over_tls && first_words(&answer.body).contains(WANTS_TLS) {
            push(&mut text, "; ", Some(format!("set {} = true", asked.names.of("use_https"))));
        }
        let retry_after = retry_after(&answer.headers);
        Self { kind, text, retry_after, status: Some(status), archive_class: said.storage_class }
    }
}

fn push(text: &mut String, before: &str, part: Option<impl AsRef<str>>) {
    if let Some(part) = part {
        text.push_str(before);
        text.push_str(part.as_ref());
    }
}

/// An error where there is a sign that the answer is not that of S3.
pub(super) fn own(sign: Option<String>) -> Result<(), Failure> {
    sign.map_or(Ok(()), |why| Err(Failure::new(ErrorKind::ForeignAnswer, why)))
}

/// The words of a refusal, `<Error>`.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Said {
    code: Option<String>,
    message: Option<String>,
    request_id: Option<String>,
    /// The region that is the right one.
    region: Option<String>,
    /// The endpoint that is the right one.
    endpoint: Option<String>,
    /// The class of an object that is in an archive.
    storage_class: Option<String>,
}

impl Said {
    fn of(answer: &Response) -> Self {
        let text = std::str::from_utf8(&answer.body).ok();
        let said: Self = text.and_then(|text| quick_xml::de::from_str(text).ok()).unwrap_or_default();
        let cleaned = |part: Option<String>| part.map(|text| clean(&text)).filter(|text| !text.is_empty());
        Self {
            code: cleaned(said.code),
            message: cleaned(said.message),
            request_id: cleaned(said.request_id),
            region: cleaned(said.region),
            endpoint: cleaned(said.endpoint),
            storage_class: cleaned(said.storage_class),
        }
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
        // The key of this object is disabled or deleted, or not for us; others may have another key.
        "KMS.ThrottlingException" => ErrorKind::Throttled,
        code if code.starts_with("KMS.") && (400..500).contains(&status) => ErrorKind::Denied,
        _ => by_status(status),
    }
}

/// What nginx answers on a port of TLS to whoever speaks without it, with status 400.
const WANTS_TLS: &str = "plain HTTP request was sent to HTTPS port";

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
fn advice(kind: ErrorKind, status: u16, code: Option<&str>, region: Option<&str>, asked: &Asked) -> Option<String> {
    let name = |option| asked.names.of(option);
    match (kind, code.unwrap_or_default()) {
        (ErrorKind::Setup, "RequestTimeTooSkewed") => {
            Some("this machine's clock is off by more than the server bears: set it (NTP)".to_owned())
        }
        (ErrorKind::Setup, _) if region.is_some() => {
            let (own, host) = (name("aws_region"), name("host"));
            region.map(|region| format!("the bucket is in region {region}: set {own} and {host} for it"))
        }
        (ErrorKind::Setup, _) if status == PROXY_WANTS_LOGIN => Some(LOGIN_ADVICE.to_owned()),
        (ErrorKind::Setup, _) if (300..400).contains(&status) => {
            Some(format!("the bucket is elsewhere: check {} and {}", name("host"), name("aws_region")))
        }
        (ErrorKind::BadCredentials, "SignatureDoesNotMatch") => {
            let [key, v4, path_style] = ["key", "use_v4_signature", "path_style_request"].map(name);
            Some(format!("check {key}, and that {v4} and {path_style} are as the server wants them"))
        }
        (ErrorKind::BadCredentials, "InvalidAccessKeyId") => Some(format!("check {}", name("key_id"))),
        (_, "InvalidArgument" | "InvalidRequest") if asked.with_key => Some(format!(
            "check {}: what is there may have been written with another key, or with none",
            name("sse_c_key")
        )),
        (_, "InvalidRequest") if asked.signature == S3Signature::V2 => {
            Some(format!("the server may not take V2 signatures: try {} = true", name("use_v4_signature")))
        }
        (ErrorKind::TooLarge, "") => Some(SIZE_ADVICE.to_owned()),
        _ => None,
    }
}

/// A text of the server on one line and not without end, so that it cannot upset a log.
fn clean(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(500).collect()
}

/// An error and what caused it, outermost first. What an `io::Error` carries is its cause.
fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_metadata_service_out_of_reach_of_a_container_is_told_with_the_limit_to_raise() {
        let error = CredentialsError::provider_error("failed to load IMDS session token");
        let failure = Failure::of_role(&error);
        assert!(failure.kind.is_transient() && failure.text.contains("hop limit"), "{}", failure.text);
        assert!(!Failure::of_role(&CredentialsError::provider_error("no role")).text.contains("hop limit"));
    }

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
            (400, Some("KMS.DisabledException"), ErrorKind::Denied),
            (400, Some("KMS.ThrottlingException"), ErrorKind::Throttled),
            (500, Some("KMS.InternalException"), ErrorKind::Unavailable),
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
