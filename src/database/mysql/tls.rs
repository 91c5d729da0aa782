//! What keeps a connection to a database private, and how its server proves who it is.

use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_cert_signed_by_trust_anchor;
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature};
use rustls::server::ParsedCertificate;
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, RootCertStore, SignatureScheme, StreamOwned};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

use super::packet::{Fault, Stream};
use crate::conf::{MysqlTls, TlsMode};

/// How the server proves who it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Proof {
    /// Not at all.
    None,
    /// By a certificate of a trusted authority.
    Authority,
    /// By such a certificate that is made out to the host.
    Identity,
}

/// What is to be done with a connection over the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Privacy {
    /// The proof that is asked for; `None` for no encryption.
    pub(super) encryption: Option<Proof>,
    /// Whether the server may be told the password itself, not only an answer worked out from it.
    pub(super) tell_password: bool,
}

impl Privacy {
    /// What a socket of this machine gives: nobody else hears, and its file belongs to the server.
    pub(super) const SOCKET: Self = Self { encryption: None, tell_password: true };

    /// What the settings ask for.
    pub(super) fn of(tls: &MysqlTls, is_loopback: bool) -> Self {
        let (encryption, tell_password) = match tls.mode {
            TlsMode::Disabled => (None, false),
            TlsMode::Default if is_loopback => (None, false),
            TlsMode::Default if tls.ca.is_some() => (Some(Proof::Identity), true),
            TlsMode::Default => (Some(Proof::None), false),
            TlsMode::Required => (Some(Proof::None), true),
            TlsMode::VerifyCa => (Some(Proof::Authority), true),
            TlsMode::VerifyIdentity => (Some(Proof::Identity), true),
        };
        Self { encryption, tell_password }
    }
}

/// Encrypts a connection; the handshake is done when this returns.
pub(super) fn encrypt(mut tcp: TcpStream, host: &str, proof: Proof, ca: Option<&Path>) -> Result<Stream, Fault> {
    let refused = |what: &str, error: &dyn std::fmt::Display| Fault::Refused(format!("{what}: {error}"));
    let name =
        ServerName::try_from(host.to_owned()).map_err(|error| refused("the host cannot be encrypted to", &error))?;
    let config = config(proof, ca)?;
    let mut tls =
        ClientConnection::new(Arc::new(config), name).map_err(|error| refused("no encrypted connection", &error))?;
    while tls.is_handshaking() {
        tls.complete_io(&mut tcp).map_err(|error| refused("no encrypted connection", &error))?;
    }
    Ok(Stream::Tls(Box::new(StreamOwned::new(tls, tcp))))
}

fn config(proof: Proof, ca: Option<&Path>) -> Result<ClientConfig, Fault> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let algorithms = provider.signature_verification_algorithms;
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| Fault::Refused(error.to_string()))?;
    let trust = match proof {
        Proof::Identity => return Ok(builder.with_root_certificates(roots(ca)?).with_no_client_auth()),
        Proof::Authority => Some(roots(ca)?),
        Proof::None => None,
    };
    let verifier = Arc::new(Verifier { trust, algorithms });
    Ok(builder.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth())
}

/// The certificates of the file and no others, or those of the system.
fn roots(ca: Option<&Path>) -> Result<RootCertStore, Fault> {
    let mut roots = RootCertStore::empty();
    let Some(path) = ca else {
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        return Ok(roots);
    };
    let refused = |why: &dyn std::fmt::Display| Fault::Refused(format!("CA file {}: {why}", path.display()));
    for certificate in CertificateDer::pem_file_iter(path).map_err(|error| refused(&error))? {
        let certificate = certificate.map_err(|error| refused(&error))?;
        roots.add(certificate).map_err(|error| refused(&error))?;
    }
    if roots.is_empty() {
        return Err(refused(&"holds no certificate (PEM, -----BEGIN CERTIFICATE-----)"));
    }
    Ok(roots)
}

/// Looks at who signed the certificate, whatever name is in it; without authorities to trust it looks at nothing.
#[derive(Debug)]
struct Verifier {
    trust: Option<RootCertStore>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if let Some(trust) = &self.trust {
            let certificate = ParsedCertificate::try_from(certificate)?;
            verify_server_cert_signed_by_trust_anchor(&certificate, trust, intermediates, now, self.algorithms.all)?;
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        // Nothing is proved by the signature of somebody unknown, and certificates that old servers make for themselves
        // cannot even be read.
        match self.trust {
            Some(_) => verify_tls12_signature(message, certificate, signed, &self.algorithms),
            None => Ok(HandshakeSignatureValid::assertion()),
        }
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        match self.trust {
            Some(_) => verify_tls13_signature(message, certificate, signed, &self.algorithms),
            None => Ok(HandshakeSignatureValid::assertion()),
        }
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_talked_to_in_clear_unless_it_is_said() {
        let of = |mode, ca: Option<&str>, is_loopback| {
            Privacy::of(&MysqlTls { mode, ca: ca.map(Into::into) }, is_loopback).encryption
        };
        assert_eq!(of(TlsMode::Default, None, false), Some(Proof::None));
        assert_eq!(of(TlsMode::Default, Some("ca.pem"), false), Some(Proof::Identity));
        assert_eq!(of(TlsMode::Default, None, true), None);
        for is_loopback in [false, true] {
            assert_eq!(of(TlsMode::Disabled, None, is_loopback), None);
            assert_eq!(of(TlsMode::Required, None, is_loopback), Some(Proof::None));
            assert_eq!(of(TlsMode::VerifyCa, None, is_loopback), Some(Proof::Authority));
            assert_eq!(of(TlsMode::VerifyIdentity, None, is_loopback), Some(Proof::Identity));
        }
    }

    #[test]
    fn the_password_is_told_to_nobody_unproved_unless_it_is_said() {
        for mode in [TlsMode::Default, TlsMode::Disabled] {
            for is_loopback in [false, true] {
                assert!(!Privacy::of(&MysqlTls { mode, ca: None }, is_loopback).tell_password, "{mode:?}");
            }
        }
        for mode in [TlsMode::Required, TlsMode::VerifyCa, TlsMode::VerifyIdentity] {
            assert!(Privacy::of(&MysqlTls { mode, ca: None }, false).tell_password, "{mode:?}");
        }
    }
}
