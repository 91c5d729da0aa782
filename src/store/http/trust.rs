//! Which certificates of servers are trusted: those of the system's authorities, and those of `ca_file`.
//!
//! Beside the usual rules, a certificate that is in `ca_file` itself is trusted for the names that are in it although it
//! is an authority's (`CA:TRUE`): so are those that people make for a server of their own, and OpenSSL takes them.

use std::path::Path;
use std::sync::{Arc, LazyLock};

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_name;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use rustls_pki_types::pem::PemObject;

use super::{ErrorKind, HttpError};
use crate::conf::OptionNames;

/// Certificates of the system, read once, because each client wants them and the folder is large.
static SYSTEM_ROOTS: LazyLock<Vec<CertificateDer<'static>>> =
    LazyLock::new(|| rustls_native_certs::load_native_certs().certs);

/// How TLS is spoken with servers. `is_needed`: nothing is sent without it.
///
/// # Errors
/// [`ErrorKind::Setup`] when the CA file cannot be read or holds no certificate, and when TLS is needed and nobody is
/// trusted.
pub(super) fn tls_config(
    ca_file: Option<&Path>,
    is_needed: bool,
    names: OptionNames,
) -> Result<ClientConfig, HttpError> {
    let setup = |why: String| HttpError::new(ErrorKind::Setup, why);
    let (mut roots, option) = (RootCertStore::empty(), names.of("ca_file"));
    roots.add_parsable_certificates(SYSTEM_ROOTS.iter().cloned());
    let own = match ca_file {
        Some(path) => certificates(path).map_err(|why| setup(format!("{option} {}: {why}", path.display())))?,
        None => Vec::new(),
    };
    for (certificate, path) in own.iter().zip(ca_file.iter().cycle()) {
        let unusable = |error: Error| setup(format!("{option} {}: {error}", path.display()));
        roots.add(certificate.clone()).map_err(unusable)?;
    }
    if is_needed && roots.is_empty() {
        return Err(setup(format!("https needs certificates to trust: install ca-certificates, or set {option}")));
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| setup(error.to_string()))?;
    if own.is_empty() {
        return Ok(config.with_root_certificates(roots).with_no_client_auth());
    }
    let trust = Trust::new(roots, own, provider).map_err(setup)?;
    Ok(config.dangerous().with_custom_certificate_verifier(Arc::new(trust)).with_no_client_auth())
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let mut found = Vec::new();
    for certificate in CertificateDer::pem_file_iter(path).map_err(|error| error.to_string())? {
        found.push(certificate.map_err(|error| error.to_string())?);
    }
    if found.is_empty() {
        return Err("holds no certificate (PEM, -----BEGIN CERTIFICATE-----)".to_owned());
    }
    Ok(found)
}

/// The usual rules, and the exception for certificates of `ca_file`.
#[derive(Debug)]
struct Trust {
    usual: Arc<WebPkiServerVerifier>,
    own: Vec<CertificateDer<'static>>,
}

impl Trust {
    fn new(
        roots: RootCertStore,
        own: Vec<CertificateDer<'static>>,
        provider: Arc<CryptoProvider>,
    ) -> Result<Self, String> {
        let usual = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build();
        Ok(Self { usual: usual.map_err(|error| error.to_string())?, own })
    }
}

impl ServerCertVerifier for Trust {
    fn verify_server_cert(
        &self,
        shown: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        match self.usual.verify_server_cert(shown, intermediates, name, ocsp_response, now) {
            // That it is valid today was found before this error; whose it is, is for us to see.
            Err(error) if is_of_an_authority(&error) && self.own.contains(shown) => {
                verify_server_name(&ParsedCertificate::try_from(shown)?, name)?;
                Ok(ServerCertVerified::assertion())
            }
            outcome => outcome,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        shown: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.usual.verify_tls12_signature(message, shown, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        shown: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.usual.verify_tls13_signature(message, shown, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.usual.supported_verify_schemes()
    }
}

/// Whether a certificate was refused because it is that of an authority.
pub(super) fn is_of_an_authority(error: &Error) -> bool {
    match error {
        // By its name, because rustls has no kind of its own for it.
        Error::InvalidCertificate(CertificateError::Other(cause)) => cause.to_string().contains("CaUsedAsEndEntity"),
        _ => false,
    }
}
