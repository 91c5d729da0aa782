//! A limit on the size of every answer: the SDK reads whatever comes, and a server that does not stop sending would fill
//! the memory.

use aws_sdk_s3::config::interceptors::BeforeDeserializationInterceptorContextMut;
use aws_sdk_s3::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_s3::error::BoxError;
use aws_sdk_s3::primitives::SdkBody;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse, Metadata};
use http_body_util::Limited;

use crate::store::http::Request;

/// Bounds the answers to all requests of a client.
#[derive(Debug)]
pub(super) struct Bounded;

impl Intercept for Bounded {
    fn name(&self) -> &'static str {
        "Bounded"
    }

    fn modify_before_deserialization(
        &self,
        context: &mut BeforeDeserializationInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let is_object = config.load::<Metadata>().is_some_and(|operation| operation.name() == "GetObject");
        let response = context.response_mut();
        let limit = match (response.status().is_success(), is_object) {
            (false, _) => Request::ERROR_LIMIT,
            (true, false) => Request::TEXT_LIMIT,
            (true, true) => Request::OBJECT_LIMIT,
        };
        bound(response, limit);
        Ok(())
    }
}

/// A client of another service that the SDK asks by itself, its answers bounded.
#[derive(Debug)]
pub(super) struct BoundedClient(pub(super) SharedHttpClient);

impl HttpClient for BoundedClient {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(BoundedConnector(self.0.http_connector(settings, components)))
    }
}

#[derive(Debug)]
struct BoundedConnector(SharedHttpConnector);

impl HttpConnector for BoundedConnector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let answering = self.0.call(request);
        HttpConnectorFuture::new(async move {
            let mut response = answering.await?;
            bound(&mut response, Request::ERROR_LIMIT);
            Ok(response)
        })
    }
}

/// Makes the body of an answer an error once it is longer than `limit` bytes.
fn bound(response: &mut HttpResponse, limit: u64) {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let body = std::mem::replace(response.body_mut(), SdkBody::taken());
    *response.body_mut() = SdkBody::from_body_1_x(Limited::new(body, limit));
}
