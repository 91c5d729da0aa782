//! New connections: TLS, and an end to waiting. The way there is in `way`, the names in `resolve`, who is trusted in `trust`.

use std::io;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder, MaybeHttpsStream};
use hyper_util::client::legacy::connect::HttpConnector;
use tower_service::Service;

use super::resolve::{BoxError, BoxFuture, Resolver};
use super::trust::tls_config;
use super::way::{Reached, Way};
use super::{HttpError, HttpOptions};

/// Opens connections over http and https, each within the connect timeout.
#[derive(Clone)]
pub(super) struct Connector {
    https: HttpsConnector<Way>,
    timeout: Duration,
}

impl Connector {
    pub(super) fn new(options: &HttpOptions) -> Result<Self, HttpError> {
        let mut tcp = HttpConnector::new_with_resolver(Resolver);
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_keepalive(Some(Duration::from_secs(30)));
        let tls = tls_config(options.ca_file.as_deref(), options.https_only, options.names)?;
        let way = Way::new(tcp, tls.clone(), options.proxies.clone());
        let https =
            HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1().wrap_connector(way);
        Ok(Self { https, timeout: options.connect_timeout })
    }
}

impl Service<Uri> for Connector {
    type Response = MaybeHttpsStream<Reached>;
    type Error = BoxError;
    type Future = BoxFuture<Self::Response, BoxError>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.https.poll_ready(context)
    }

    fn call(&mut self, target: Uri) -> Self::Future {
        let (connecting, timeout) = (self.https.call(target), self.timeout);
        Box::pin(async move {
            tokio::time::timeout(timeout, connecting).await.unwrap_or_else(|_| {
                let text = format!("no connection within {} s", timeout.as_secs_f32());
                Err(io::Error::new(io::ErrorKind::TimedOut, text).into())
            })
        })
    }
}
