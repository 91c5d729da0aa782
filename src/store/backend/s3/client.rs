//! The SDK's client, set up so that nothing is guessed: a fixed endpoint, our own timeouts and
//! retries, no checksums that old servers do not know, nothing read from the environment.

use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;

use aws_config::imds;
use aws_config::imds::credentials::ImdsCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_s3::Client;
use aws_sdk_s3::config::endpoint::{Endpoint, EndpointFuture, Params, ResolveEndpoint};
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::config::{
    BehaviorVersion, Builder, Credentials, IdentityCache, Region, RequestChecksumCalculation,
    ResponseChecksumValidation, SharedHttpClient, StalledStreamProtectionConfig,
};
use aws_smithy_http_client::Connector;
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use aws_smithy_runtime_api::client::dns::{DnsFuture, ResolveDns, ResolveDnsError};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

use super::S3Options;
use super::bounded::{Bounded, BoundedClient};
use super::errors::{Asked, chain_text};
use super::role::Role;
use super::sigv2::{AlwaysV2, SigV2};
use crate::conf::{S3Conf, S3Credentials, S3Signature};
use crate::store::http::no_address;
use crate::store::http::runtime::block_on;

/// Where a signature needs a region and the configuration has none.
const DEFAULT_REGION: &str = "us-east-1";

/// The client for the bucket of `conf`, and the role that gives its credentials where a role does; an error text says
/// what in `conf` makes none.
pub(super) fn build(conf: &S3Conf, options: &S3Options) -> Result<(Client, Option<Role>), String> {
    let timeouts = TimeoutConfig::builder().connect_timeout(options.connect_timeout).build();
    let config = Builder::new()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(region(conf)))
        .endpoint_resolver(FixedEndpoint::new(conf)?)
        .http_client(http_client(conf, options, conf.https, to_store(conf, options)?)?)
        .timeout_config(timeouts)
        .interceptor(Bounded)
        // None here, because repeating is the retry decorator's work: it knows the budget of the whole pass.
        .retry_config(RetryConfig::disabled())
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        // Only where required, because servers older than 2025 refuse the trailing checksums that are the SDK's
        // default.
        .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
        .response_checksum_validation(ResponseChecksumValidation::WhenRequired);
    let (config, role) = with_credentials(config, conf, options)?;
    Ok((Client::from_conf(with_signature(config, conf).build()), role))
}

fn region(conf: &S3Conf) -> String {
    conf.region.clone().unwrap_or_else(|| DEFAULT_REGION.to_owned())
}

fn with_signature(config: Builder, conf: &S3Conf) -> Builder {
    match conf.signature {
        S3Signature::V4 => config,
        S3Signature::V2 => {
            let virtual_host = is_virtual_host(conf).then(|| conf.bucket.clone());
            config.push_auth_scheme(SigV2::new(virtual_host)).auth_scheme_resolver(AlwaysV2)
        }
    }
}

type WithRole = (Builder, Option<Role>);

fn with_credentials(config: Builder, conf: &S3Conf, options: &S3Options) -> Result<WithRole, String> {
    match &conf.credentials {
        S3Credentials::Key { id, secret } => {
            let key = Credentials::new(id, secret.expose(), None, None, "seafile.conf");
            Ok((config.credentials_provider(key), None))
        }
        S3Credentials::IamRole => {
            // Made only here, so that environment, profile files and the machine's metadata service are not asked when
            // a key is given.
            let role = aws_config::defaults(BehaviorVersion::latest())
                .region(Region::new(region(conf)))
                .http_client(BoundedClient(http_client(conf, options, true, to_services(options)?)?));
            let provider = block_on(role.load()).credentials_provider().ok_or("no provider of credentials")?;
            Ok(with_role(config, provider))
        }
        S3Credentials::MachineRole { name, endpoint } => {
            let client = SharedHttpClient::new(BoundedClient(http_client(conf, options, true, to_services(options)?)?));
            let provider_config =
                ProviderConfig::without_region().with_http_client(client).with_region(Some(Region::new(region(conf))));
            let mut service = imds::Client::builder().configure(&provider_config);
            if let Some(endpoint) = endpoint {
                service = service.endpoint(endpoint).map_err(|error| format!("{endpoint}: {}", chain_text(&*error)))?;
            }
            let provider = ImdsCredentialsProvider::builder().configure(&provider_config).imds_client(service.build());
            let provider = match name {
                Some(name) => provider.profile(name),
                None => provider,
            };
            Ok(with_role(config, SharedCredentialsProvider::new(provider.build())))
        }
    }
}

fn with_role(config: Builder, service: SharedCredentialsProvider) -> WithRole {
    let role = Role::new(service);
    // Kept by the role alone, because the SDK would use what it keeps until it expires.
    let config = config.credentials_provider(role.clone()).identity_cache(IdentityCache::no_cache());
    (config, Some(role))
}

/// The one URL that every request of a store begins with.
///
/// The SDK's own resolver would work it out anew for each request, and knows nothing of virtual
/// hosts at endpoints other than Amazon's.
#[derive(Debug)]
struct FixedEndpoint(Endpoint);

impl FixedEndpoint {
    fn new(conf: &S3Conf) -> Result<Self, String> {
        let url = base_url(conf);
        match url.parse::<http::Uri>() {
            Ok(_) => Ok(Self(Endpoint::builder().url(url).build())),
            Err(error) => Err(format!("{url} is not an address ({error}): check host and bucket")),
        }
    }
}

impl ResolveEndpoint for FixedEndpoint {
    fn resolve_endpoint<'a>(&'a self, _: &'a Params) -> EndpointFuture<'a> {
        EndpointFuture::ready(Ok(self.0.clone()))
    }
}

/// `http://bucket.host` or `http://host/bucket`.
pub(in crate::store) fn base_url(conf: &S3Conf) -> String {
    let (scheme, host, bucket) = (if conf.https { "https" } else { "http" }, conf.endpoint_host(), &conf.bucket);
    if is_virtual_host(conf) { format!("{scheme}://{bucket}.{host}") } else { format!("{scheme}://{host}/{bucket}") }
}

/// How requests for the bucket of `conf` are sent.
pub(super) fn asked(conf: &S3Conf) -> Asked {
    let virtual_host = is_virtual_host(conf).then(|| format!("{}.{}", conf.bucket, conf.endpoint_host()));
    Asked { signature: conf.signature, over_tls: conf.https, virtual_host }
}

/// Whether the bucket goes into the host name: when asked for, and possible. An address has no
/// names below it, and a certificate for `*.host` does not cover a bucket with a dot.
fn is_virtual_host(conf: &S3Conf) -> bool {
    let host = conf.endpoint_host();
    let name = host.rsplit_once(':').map_or(host.as_str(), |(name, _)| name);
    let is_address = host.starts_with('[') || name.parse::<IpAddr>().is_ok();
    !(conf.path_style || is_address || conf.https && conf.bucket.contains('.'))
}

/// The proxy for requests to the bucket.
fn to_store(conf: &S3Conf, options: &S3Options) -> Result<ProxyConfig, String> {
    let proxy = base_url(conf).parse().ok().and_then(|url| options.proxies.url_of(&url).cloned());
    let proxy = proxy.map(|proxy| ProxyConfig::all(proxy.expose()).map_err(|error| error.to_string()));
    Ok(proxy.transpose()?.unwrap_or_else(ProxyConfig::disabled))
}

/// The proxy for requests to services that give credentials: for the public ones, which are https. Those of this machine
/// answer nobody else.
fn to_services(options: &S3Options) -> Result<ProxyConfig, String> {
    let Some((proxy, except)) = options.proxies.for_https() else { return Ok(ProxyConfig::disabled()) };
    ProxyConfig::https(proxy.expose()).map(|proxy| proxy.no_proxy(except)).map_err(|error| error.to_string())
}

/// What sends the requests. Certificates are read only where they are needed, and for a proxy that may show one.
fn http_client(
    conf: &S3Conf,
    options: &S3Options,
    https: bool,
    proxy: ProxyConfig,
) -> Result<SharedHttpClient, String> {
    let https = https || !proxy.is_disabled();
    let trust = if https { trusted(conf.ca_file.as_deref())? } else { TrustStore::empty() };
    let context = TlsContext::builder().with_trust_store(trust).build().map_err(|error| error.to_string())?;
    Ok(aws_smithy_http_client::Builder::new().pool_max_idle_per_host(options.connections).build_with_connector_fn(
        move |settings, components| {
            let mut connector = Connector::builder();
            connector.set_connector_settings(settings.cloned());
            connector.set_sleep_impl(components.and_then(RuntimeComponents::sleep_impl));
            connector
                .proxy_config(proxy.clone())
                .tls_provider(Provider::rustls(CryptoMode::Ring))
                .tls_context(context.clone())
                .build_with_resolver(Resolver)
        },
    ))
}

/// The system's resolver, with `*.localhost` at home (RFC 6761): many systems do not know that,
/// and a bucket of a server on this machine is such a name.
#[derive(Clone, Debug)]
struct Resolver;

impl ResolveDns for Resolver {
    fn resolve_dns<'a>(&'a self, name: &'a str) -> DnsFuture<'a> {
        if name.ends_with(".localhost") {
            return DnsFuture::ready(Ok(vec![IpAddr::V4(Ipv4Addr::LOCALHOST)]));
        }
        DnsFuture::new(async move {
            let found = tokio::net::lookup_host((name, 0)).await;
            let found = found.map_err(|error| ResolveDnsError::new(no_address(name, &error)))?;
            Ok(found.map(|address| address.ip()).collect())
        })
    }
}

/// The system's certificates and those of `ca_file`.
fn trusted(ca_file: Option<&Path>) -> Result<TrustStore, String> {
    let has_roots = !rustls_native_certs::load_native_certs().certs.is_empty();
    let mut trust = TrustStore::empty().with_native_roots(has_roots);
    match ca_file {
        Some(path) => {
            trust.add_pem_certificate(read_certificates(path)?);
        }
        None if has_roots => {}
        None => return Err("https needs certificates to trust: install ca-certificates, or set ca_file".to_owned()),
    }
    Ok(trust)
}

/// The content of a PEM file in which every certificate can be used; the SDK panics on others.
fn read_certificates(path: &Path) -> Result<Vec<u8>, String> {
    let fault = |cause: String| format!("ca_file {}: {cause}", path.display());
    let pem = std::fs::read(path).map_err(|error| fault(error.to_string()))?;
    let mut roots = rustls::RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        let certificate = certificate.map_err(|error| fault(format!("not PEM: {error}")))?;
        roots.add(certificate).map_err(|error| fault(error.to_string()))?;
    }
    if roots.is_empty() { Err(fault("no certificate in it".to_owned())) } else { Ok(pem) }
}
