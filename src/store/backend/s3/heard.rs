//! Keeps what the SDK does not hand out of an answer without a body of its own: the status, the headers and the text, by
//! which the service's own success is told from the page of a proxy.

use std::sync::{Arc, OnceLock};

use aws_sdk_s3::config::interceptors::AfterDeserializationInterceptorContextRef;
use aws_sdk_s3::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_s3::error::BoxError;
use aws_sdk_s3::types::ServerSideEncryption;

use super::errors::Failure;
use crate::store::ErrorKind;
use crate::store::witness::foreign::Success;

/// Goes with one request, and has its answer afterwards.
#[derive(Clone, Debug, Default)]
pub(super) struct Heard(Arc<OnceLock<Answer>>);

/// An answer, as far as it shows who gave it.
#[derive(Debug, Default)]
pub(super) struct Answer {
    status: u16,
    content_type: Option<String>,
    etag: Option<String>,
    body: Vec<u8>,
}

impl Heard {
    /// The answer of a request that ended well.
    pub(super) fn answer(&self) -> Result<&Answer, Failure> {
        self.0.get().ok_or_else(|| Failure::new(ErrorKind::ForeignAnswer, "the answer could not be looked at"))
    }
}

impl Answer {
    /// `encrypted`: the ETag is no MD5.
    pub(super) fn success(&self, encrypted: bool) -> Success<'_> {
        Success {
            status: self.status,
            content_type: self.content_type.as_deref(),
            etag: self.etag.as_deref(),
            encrypted,
            body: &self.body,
        }
    }
}

/// Whether the service encrypts with a key of its key service, so that the ETag is no MD5.
pub(super) fn by_key_service(encryption: Option<&ServerSideEncryption>) -> bool {
    matches!(encryption, Some(ServerSideEncryption::AwsKms | ServerSideEncryption::AwsKmsDsse))
}

/// An error where there is a sign that the answer is not that of S3.
pub(super) fn own(sign: Option<String>) -> Result<(), Failure> {
    sign.map_or(Ok(()), |why| Err(Failure::new(ErrorKind::ForeignAnswer, why)))
}

impl Intercept for Heard {
    fn name(&self) -> &'static str {
        "Heard"
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let (response, header) = (context.response(), |name| context.response().headers().get(name).map(str::to_owned));
        let answer = Answer {
            status: response.status().as_u16(),
            content_type: header("content-type"),
            etag: header("etag"),
            body: response.body().bytes().unwrap_or_default().to_vec(),
        };
        // Set once at most, because a request is sent once: repeating is not the SDK's work here.
        let _ = self.0.set(answer);
        Ok(())
    }
}
