//! The services that give the keys of a role: asked by Amazon's own library over the HTTP client of this program.
//!
//! The library knows the order in which a machine's role is looked for, and the languages of the services that give it.
//! Its requests go the way of all others, so that timeouts, limits, certificates and proxies are the same for both.

use std::io;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use aws_config::imds;
use aws_config::imds::credentials::ImdsCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_config::{BehaviorVersion, Region};
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_runtime_api::client::http::{
    HttpClient as AwsHttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use bytes::Bytes;

use super::address::region;
use super::errors::{Failure, chain_text};
use super::keys::Keys;
use super::role::Role;
use crate::conf::{S3Conf, S3Credentials, S3Role};
use crate::store::ErrorKind;
use crate::store::http::runtime::block_on;
use crate::store::http::{HttpClient, HttpError, HttpOptions, Request};

/// Where a store has its keys from.
#[derive(Debug)]
pub(super) enum Credentials {
    /// The configuration.
    Fixed(Arc<Keys>),
    /// A role, which all stores of the process that have it share: its service is asked once for all of them.
    Role(Arc<Role>),
}

impl Credentials {
    /// The keys to sign with now.
    ///
    /// # Errors
    /// That the role's service gives none.
    pub(super) fn keys(&self) -> Result<Arc<Keys>, Failure> {
        match self {
            Self::Fixed(keys) => Ok(Arc::clone(keys)),
            Self::Role(role) => role.keys(),
        }
    }
}

/// The roles that stores have now: how each is named, the region that its keys are derived for, and the role.
static ROLES: Mutex<Vec<(S3Role, String, Weak<Role>)>> = Mutex::new(Vec::new());

/// Where the store of `conf` has its keys from.
///
/// # Errors
/// What in `conf` names no service.
pub(super) fn credentials(conf: &S3Conf, options: &HttpOptions, store: &str) -> Result<Credentials, String> {
    let named = match &conf.credentials {
        S3Credentials::Key { id, secret } => {
            return Ok(Credentials::Fixed(Arc::new(Keys::new(id, secret.clone(), None))));
        }
        S3Credentials::Role(named) => named,
    };
    let mut roles = ROLES.lock().unwrap_or_else(PoisonError::into_inner);
    roles.retain(|(_, _, role)| role.strong_count() > 0);
    let same = roles.iter().find(|(other, of, _)| other == named && of == region(conf));
    if let Some(role) = same.and_then(|(_, _, role)| role.upgrade()) {
        return Ok(Credentials::Role(role));
    }
    let role = Arc::new(Role::new(service(named, region(conf), options, store)?));
    roles.push((named.clone(), region(conf).to_owned(), Arc::downgrade(&role)));
    Ok(Credentials::Role(role))
}

/// The service that gives the keys of a role for `region`.
fn service(
    role: &S3Role,
    region: &str,
    options: &HttpOptions,
    store: &str,
) -> Result<SharedCredentialsProvider, String> {
    let region = || Region::new(region.to_owned());
    match role {
        S3Role::Default => {
            // Made only here, so that environment, profile files and the machine's metadata service are not asked when
            // a key is given.
            let client = Services::client(options, store)?;
            let role = aws_config::defaults(BehaviorVersion::latest()).region(region()).http_client(client);
            let loaded = block_on(role.load()).map_err(|error| error.to_string())?;
            loaded.credentials_provider().ok_or_else(|| "no provider of credentials".to_owned())
        }
        S3Role::Machine { name, endpoint } => {
            let client = Services::client(options, store)?;
            let conf = ProviderConfig::without_region().with_http_client(client).with_region(Some(region()));
            let mut service = imds::Client::builder().configure(&conf);
            if let Some(endpoint) = endpoint {
                service = service.endpoint(endpoint).map_err(|error| format!("{endpoint}: {}", chain_text(&*error)))?;
            }
            let provider = ImdsCredentialsProvider::builder().configure(&conf).imds_client(service.build());
            let provider = match name {
                Some(name) => provider.profile(name),
                None => provider,
            };
            Ok(SharedCredentialsProvider::new(provider.build()))
        }
    }
}

/// Our HTTP client in the form that the library asks for.
#[derive(Clone)]
struct Services(Arc<HttpClient>);

impl Services {
    fn client(options: &HttpOptions, store: &str) -> Result<SharedHttpClient, String> {
        // Without those for http, because what is not https is on this machine or given by it.
        let options =
            HttpOptions { https_only: false, proxies: options.proxies.clone().of_https_only(), ..options.clone() };
        let client = HttpClient::new(options, store).map_err(|error| error.to_string())?;
        Ok(SharedHttpClient::new(Self(Arc::new(client))))
    }
}

impl std::fmt::Debug for Services {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Services")
    }
}

impl AwsHttpClient for Services {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Services {
    fn call(&self, asked: HttpRequest) -> HttpConnectorFuture {
        let client = Arc::clone(&self.0);
        HttpConnectorFuture::new(async move {
            let request = request_of(asked).map_err(failed)?;
            let answer = client.answer(&request).await.map_err(failed)?;
            let mut response = http::Response::new(answer.body.into());
            *response.status_mut() = answer.status;
            *response.headers_mut() = answer.headers;
            HttpResponse::try_from(response).map_err(|error| ConnectorError::other(error.into(), None))
        })
    }
}

fn request_of(asked: HttpRequest) -> Result<Request, HttpError> {
    let unusable = |why: String| HttpError::new(ErrorKind::Setup, why);
    let asked = asked.try_into_http1x().map_err(|error| unusable(error.to_string()))?;
    let (parts, body) = asked.into_parts();
    let body =
        body.bytes().map(Bytes::copy_from_slice).ok_or_else(|| unusable("its body is not in memory".to_owned()))?;
    let mut request = Request::new(parts.method, &parts.uri.to_string())?.answer_limit(Request::ERROR_LIMIT).body(body);
    request.headers = parts.headers;
    Ok(request)
}

fn failed(error: HttpError) -> ConnectorError {
    let cause = error.cause().to_owned();
    match error.kind() {
        ErrorKind::Timeout => ConnectorError::timeout(cause.into()),
        ErrorKind::Connection => ConnectorError::io(io::Error::other(cause).into()),
        _ => ConnectorError::user(cause.into()),
    }
}
