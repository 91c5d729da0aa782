//! New connections: TLS, and an end to waiting. The way there is in `way`, the names in `resolve`.

use std::io;
use std::path::Path;
use std::sync::{Arc, LazyLock};
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder, MaybeHttpsStream};
use hyper_util::client::legacy::connect::HttpConnector;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use tower_service::Service;

use super::resolve::{BoxError, BoxFuture, Resolver};
use super::way::{Reached, Way};
use super::{ErrorKind, HttpError, HttpOptions};

/// Certificates of the system, read once, because each client wants them and the folder is large.
static SYSTEM_ROOTS: LazyLock<Vec<CertificateDer<'static>>> =
    LazyLock::new(|| rustls_native_certs::load_native_certs().certs);

/// Opens connections over http and https, each within the connect timeout.
#[derive(Clone)]
pub(super) struct Connector {
    https: HttpsConnector<Way>,
    timeout: Duration,
}

impl Connector {
    pub(super) fn new(options: &HttpOptions) -> Result<Self, HttpError> {
        let mut tcp = HttpConnector::new_with_resolver(Resolver::new());
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_keepalive(Some(Duration::from_secs(30)));
        let tls = tls_config(options.ca_file.as_deref())?;
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

fn tls_config(ca_file: Option<&Path>) -> Result<ClientConfig, HttpError> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(SYSTEM_ROOTS.iter().cloned());
    if let Some(path) = ca_file {
        add_file(&mut roots, path)
            .map_err(|why| HttpError::new(ErrorKind::Setup, format!("CA file {}: {why}", path.display())))?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| HttpError::new(ErrorKind::Setup, error.to_string()))?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

fn add_file(roots: &mut RootCertStore, path: &Path) -> Result<(), String> {
    let before = roots.len();
    for certificate in CertificateDer::pem_file_iter(path).map_err(|error| error.to_string())? {
        roots.add(certificate.map_err(|error| error.to_string())?).map_err(|error| error.to_string())?;
    }
    if roots.len() == before {
        return Err("holds no certificate (PEM, -----BEGIN CERTIFICATE-----)".to_owned());
    }
    Ok(())
}
