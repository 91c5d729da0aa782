//! Reads the answers of listings in the SDK's place.
//!
//! The SDK takes what there is of an XML document for the answer, so that a listing that broke off would look like one
//! that ended; and it spends most of a listing's processor time. An answer that is an error is left to it.

use std::fmt;
use std::sync::{Arc, OnceLock};

use aws_sdk_s3::config::interceptors::BeforeDeserializationInterceptorContextMut;
use aws_sdk_s3::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_s3::error::BoxError;
use aws_smithy_runtime_api::client::interceptors::context::{Error, Output};
use aws_smithy_runtime_api::client::orchestrator::{HttpResponse, OrchestratorError};
use aws_smithy_runtime_api::client::ser_de::{DeserializeResponse, SharedResponseDeserializer};

use super::errors::Failure;
use crate::store::ErrorKind;
use crate::store::listing::xml::{self, BucketListing, UrlEncoding};
use crate::store::witness::foreign::no_listing;

/// Goes with one request, and has its answer afterwards.
pub(super) struct Reading<O> {
    answer: Arc<OnceLock<Result<BucketListing, String>>>,
    /// What the SDK gets to see: an output of the request's type that says nothing.
    nothing: fn() -> O,
}

impl<O> Reading<O> {
    pub(super) fn new(nothing: fn() -> O) -> Self {
        Self { answer: Arc::default(), nothing }
    }

    /// What the answer says, once the request has ended well.
    pub(super) fn answer(&self) -> Result<BucketListing, Failure> {
        let answer = self.answer.get().cloned().unwrap_or_else(|| Err("the answer has no body".to_owned()));
        answer.map_err(|cause| Failure::new(ErrorKind::ForeignAnswer, cause))
    }
}

impl<O> Clone for Reading<O> {
    fn clone(&self) -> Self {
        Self { answer: self.answer.clone(), nothing: self.nothing }
    }
}

impl<O> fmt::Debug for Reading<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Reading")
    }
}

impl<O: fmt::Debug + Send + Sync + 'static> Intercept for Reading<O> {
    fn name(&self) -> &'static str {
        "Reading"
    }

    fn modify_before_deserialization(
        &self,
        context: &mut BeforeDeserializationInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if context.response().status().is_success() {
            config.interceptor_state().store_put(SharedResponseDeserializer::new(self.clone()));
        }
        Ok(())
    }
}

impl<O: fmt::Debug + Send + Sync + 'static> DeserializeResponse for Reading<O> {
    fn deserialize_nonstreaming_with_config(
        &self,
        response: &HttpResponse,
        _: &ConfigBag,
    ) -> Result<Output, OrchestratorError<Error>> {
        let body = response.body().bytes().unwrap_or_default();
        let answer = xml::parse(body, UrlEncoding::Form);
        let answer = answer.map_err(|why| no_listing(response.status().as_u16(), &why, body));
        // Set once at most, because a request is sent once: repeating is not the SDK's work here.
        let _ = self.answer.set(answer);
        Ok(Output::erase((self.nothing)()))
    }
}
