//! What OSS says when it refuses: `<Error>` with Code, Message, RequestId and EC.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::StatusCode;
use serde::Deserialize;

use crate::store::http::{Response, kind_of_status};
use crate::store::witness::foreign::first_words;
use crate::store::{ErrorKind, StoreError};

/// The words of a refusal; empty where there are none.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(super) struct Said {
    code: String,
    message: String,
    request_id: String,
    #[serde(rename = "EC")]
    ec: String,
    /// Which endpoint the bucket is at, when it is another one.
    endpoint: String,
}

impl Said {
    /// What the body says or, where a HEAD allows no body, the header `x-oss-err`.
    pub(super) fn of(response: &Response) -> Self {
        let in_header = || STANDARD.decode(response.header("x-oss-err")?).ok();
        let xml = if response.body.is_empty() { in_header().unwrap_or_default() } else { response.body.to_vec() };
        let mut said: Self =
            std::str::from_utf8(&xml).ok().and_then(|text| quick_xml::de::from_str(text).ok()).unwrap_or_default();
        if said.request_id.is_empty() {
            said.request_id = response.header("x-oss-request-id").unwrap_or_default().to_owned();
        }
        if said.ec.is_empty() {
            said.ec = response.header("x-oss-ec").unwrap_or_default().to_owned();
        }
        said
    }

    /// Whether the answer does not name its error.
    pub(super) const fn is_silent(&self) -> bool {
        self.code.is_empty()
    }

    pub(super) fn kind(&self, response: &Response) -> ErrorKind {
        match self.code.as_str() {
            "NoSuchKey" => ErrorKind::NotFound,
            "NoSuchBucket" => ErrorKind::ContainerMissing,
            "InvalidAccessKeyId" | "SignatureDoesNotMatch" | "InvalidSecurityToken" | "SecurityTokenExpired" => {
                ErrorKind::BadCredentials
            }
            "InvalidObjectState" => ErrorKind::Archived,
            "RequestTimeTooSkewed" => ErrorKind::Setup,
            "RequestTimeout" => ErrorKind::Timeout,
            "EntityTooLarge" => ErrorKind::TooLarge,
            // Worth another try, because what arrived is not what was sent.
            "InvalidDigest" | "BadDigest" => ErrorKind::Altered,
            _ if response.status == StatusCode::SERVICE_UNAVAILABLE => ErrorKind::Throttled,
            _ => kind_of_status(response.status, &response.headers),
        }
    }

    pub(super) fn error(&self, response: &Response, action: &'static str, subject: impl Into<String>) -> StoreError {
        let kind = self.kind(response);
        let error = if self.is_silent() {
            // Whoever answers so may not be OSS, so its words are all there is to tell who it was.
            let id = (!self.request_id.is_empty()).then(|| format!("RequestId {}", self.request_id));
            let words = Some(first_words(&response.body)).filter(|words| !words.is_empty());
            response.error_of(kind, action, subject, id.into_iter().chain(words).collect::<Vec<_>>().join(": "))
        } else {
            response.error_of(kind, action, subject, self.words())
        };
        match advice(kind) {
            _ if kind == ErrorKind::Archived => error.in_archive(response.header("x-oss-storage-class")),
            Some(advice) => error.because(advice),
            None => error,
        }
    }

    fn words(&self) -> String {
        let mut words = format!("{}: {} (RequestId {}", self.code, self.message, self.request_id);
        if !self.ec.is_empty() {
            words = format!("{words}, EC {}", self.ec);
        }
        words.push(')');
        if !self.endpoint.is_empty() {
            words = format!("{words}; the bucket's endpoint is {}", self.endpoint);
        }
        words
    }
}

/// What to do about errors of this kind.
const fn advice(kind: ErrorKind) -> Option<&'static str> {
    match kind {
        ErrorKind::ContainerMissing => Some("create the bucket, or correct `bucket` in seafile.conf"),
        ErrorKind::BadCredentials => Some("check `key_id` and `key`"),
        ErrorKind::Setup => Some("set this machine's clock"),
        _ => None,
    }
}
