//! The three ways to log in: v1.0 by headers, v2.0 and v3 at Keystone.
//!
//! v1.0: GET `/auth/v1.0` with X-Storage-User and X-Storage-Pass. v2.0: POST `/v2.0/tokens`. v3: POST
//! `/v3/auth/tokens`, the domain by its id, as Seafile does. Keystone's answer has a catalog, of
//! which the public address of the object store counts.

use http::header::{CONTENT_TYPE, HeaderValue, InvalidHeaderValue};
use http::uri::Scheme;
use http::{Method, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::conf::OptionNames;
use crate::conf::backend::{SwiftAuth, SwiftConf};
use crate::store::http::{HttpClient, Request, Response, unsafe_url};
use crate::store::{ErrorKind, StoreError};
use crate::sys::terminal::beginning;

/// Where to log in; errors of a login are about this address.
pub(super) fn url(conf: &SwiftConf) -> String {
    let scheme = if conf.https { "https" } else { "http" };
    let path = match conf.auth {
        SwiftAuth::V1 => "auth/v1.0",
        SwiftAuth::V2 => "v2.0/tokens",
        SwiftAuth::V3 => "v3/auth/tokens",
    };
    format!("{scheme}://{}/{path}", conf.auth_host.trim_end_matches('/'))
}

/// The largest answer to a login to accept, in bytes; a catalog of a hundred services and regions has some 50,000.
const ANSWER_LIMIT: u64 = 1 << 20;

/// Logs in. Returns the token and the address of the account, without a slash at its end.
pub(super) fn log_in(conf: &SwiftConf, client: &HttpClient) -> Result<(HeaderValue, String), StoreError> {
    let url = url(conf);
    let failed = |(kind, why): Lack| StoreError::new(kind, "open", &url, why);
    let request = request(conf, &url).map_err(failed)?;
    let request = request.answer_limit(ANSWER_LIMIT);
    let answer = client.send(&request).map_err(|error| error.into_store("open", &url))?;
    read(conf, &answer)
}

/// What the answer to a login gives: the token, and the address of the account without a slash at its end.
pub(in crate::store) fn read(conf: &SwiftConf, answer: &Response) -> Result<(HeaderValue, String), StoreError> {
    let url = url(conf);
    let failed = |(kind, why): Lack| StoreError::new(kind, "open", &url, why);
    if !answer.status.is_success() {
        return Err(refusal(answer, &url));
    }
    let (token, storage_url) = match conf.auth {
        SwiftAuth::V1 => from_v1(answer),
        SwiftAuth::V2 => from_v2(answer, conf.region.as_deref()),
        SwiftAuth::V3 => from_v3(answer, conf.region.as_deref()),
    }
    .map_err(failed)?;
    let token = usable(&token).map_err(failed)?;
    let storage_url = storage_url.trim_end_matches('/').to_owned();
    is_safe(&storage_url, conf.https).map_err(failed)?;
    Ok((token, storage_url))
}

/// The longest token to accept, in bytes: those of Keystone that hold a whole catalog have some ten thousand.
const LONGEST_TOKEN: usize = 64 << 10;

/// The token as it is sent with every request. It is shown by no error.
fn usable(token: &str) -> Result<HeaderValue, Lack> {
    let no_token = |why: String| Err((ErrorKind::Protocol, format!("the token that the login gives {why}")));
    match token.bytes().find(|byte| !matches!(byte, b' '..=b'~')) {
        _ if token.is_empty() => no_token("is empty".to_owned()),
        _ if token.len() > LONGEST_TOKEN => {
            no_token(format!("has {} bytes, and at most {LONGEST_TOKEN} are accepted", token.len()))
        }
        Some(byte) => no_token(format!("holds a byte {byte:#04x}, which no token has")),
        None => secret_header(token).or_else(|error| no_token(format!("cannot be sent: {error}"))),
    }
}

/// Refuses an address of the account that the token must not be sent to: over TLS only where the login went over TLS.
fn is_safe(storage_url: &str, https: bool) -> Result<(), Lack> {
    let url = new_request(Method::HEAD, storage_url)?.url;
    if https && url.scheme() != Some(&Scheme::HTTPS) {
        return Err((
            ErrorKind::Setup,
            format!("the login names a storage URL without TLS: {}", unsafe_url(storage_url, OptionNames::Swift)),
        ));
    }
    Ok(())
}

/// What an answer or the configuration lacks, and of which kind that error is.
type Lack = (ErrorKind, String);

fn request(conf: &SwiftConf, url: &str) -> Result<Request, Lack> {
    let body = match conf.auth {
        SwiftAuth::V1 => return v1_request(conf, url),
        SwiftAuth::V2 => v2_body(conf),
        SwiftAuth::V3 => v3_body(conf),
    };
    Ok(new_request(Method::POST, url)?
        .header(CONTENT_TYPE.as_str(), HeaderValue::from_static("application/json"))
        .body(body.to_string().into())
        .repeatable())
}

fn new_request(method: Method, url: &str) -> Result<Request, Lack> {
    Request::new(method, url).map_err(|error| (error.kind(), error.cause().to_owned()))
}

fn v1_request(conf: &SwiftConf, url: &str) -> Result<Request, Lack> {
    let header = |option: &str, value: &str| {
        let lack = |_| (ErrorKind::BadCredentials, format!("{option} holds characters that v1.0 cannot send"));
        secret_header(value).map_err(lack)
    };
    let (user, password) = (header("user_name", &conf.user)?, header("password", conf.password.expose())?);
    // Both pairs, because Ceph's gateway knows only the second pair of names, and Seafile sends only the first.
    Ok(new_request(Method::GET, url)?
        .header("x-storage-user", user.clone())
        .header("x-storage-pass", password.clone())
        .header("x-auth-user", user)
        .header("x-auth-key", password))
}

fn secret_header(value: &str) -> Result<HeaderValue, InvalidHeaderValue> {
    let mut header = HeaderValue::from_str(value)?;
    header.set_sensitive(true);
    Ok(header)
}

fn v2_body(conf: &SwiftConf) -> Value {
    json!({"auth": {
        "passwordCredentials": {"username": conf.user, "password": conf.password.expose()},
        "tenantName": conf.tenant,
    }})
}

fn v3_body(conf: &SwiftConf) -> Value {
    let domain = json!({"id": conf.domain});
    let user = json!({"name": conf.user, "password": conf.password.expose(), "domain": domain});
    json!({"auth": {
        "identity": {"methods": ["password"], "password": {"user": user}},
        "scope": {"project": {"name": conf.tenant, "domain": domain}},
    }})
}

fn refusal(answer: &Response, url: &str) -> StoreError {
    match answer.status {
        StatusCode::UNAUTHORIZED => answer.error_of(
            ErrorKind::BadCredentials,
            "open",
            url,
            "user_name and password are not accepted (with tenant and domain, where those are given)",
        ),
        StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => {
            answer.error_of(ErrorKind::Setup, "open", url, "nobody logs in there: check auth_host and auth_ver")
        }
        _ => answer.error("open", url),
    }
}

/// The text of a header that the answer must have.
fn header_of(answer: &Response, name: &str) -> Result<String, String> {
    match (answer.header(name), answer.headers.contains_key(name)) {
        (Some(text), _) => Ok(text.to_owned()),
        (None, true) => Err(format!("the answer's {name} is not ASCII")),
        (None, false) => Err(format!("the answer has no {name}")),
    }
}

fn from_v1(answer: &Response) -> Result<(String, String), Lack> {
    let header = |name: &str| header_of(answer, name).map_err(|why| (ErrorKind::Protocol, why));
    Ok((header("X-Auth-Token")?, header("X-Storage-Url")?))
}

#[derive(Deserialize)]
struct V2Answer {
    access: V2Access,
}

#[derive(Deserialize)]
struct V2Access {
    token: V2Token,
    #[serde(rename = "serviceCatalog", default)]
    catalog: Vec<Service<V2Endpoint>>,
}

#[derive(Deserialize)]
struct V2Token {
    id: String,
}

#[derive(Deserialize)]
struct V2Endpoint {
    region: Option<String>,
    #[serde(rename = "publicURL")]
    public_url: Option<String>,
}

#[derive(Deserialize)]
struct V3Answer {
    token: V3Token,
}

#[derive(Deserialize)]
struct V3Token {
    #[serde(default)]
    catalog: Vec<Service<V3Endpoint>>,
}

// Nothing is a must in an endpoint, because one of another service with something missing is no reason to fail.
#[derive(Deserialize)]
struct V3Endpoint {
    interface: Option<String>,
    region: Option<String>,
    region_id: Option<String>,
    url: Option<String>,
}

#[derive(Deserialize)]
struct Service<E> {
    #[serde(rename = "type")]
    kind: Option<String>,
    endpoints: Option<Vec<E>>,
}

/// How much of the names of regions is shown, in characters.
const LONGEST_REGIONS: usize = 500;

/// A public address, and the region it is in.
type PublicAddress = (Option<String>, String);

fn from_v2(answer: &Response, region: Option<&str>) -> Result<(String, String), Lack> {
    let access = parse::<V2Answer>(answer)?.access;
    let addresses = object_stores(access.catalog).filter_map(|endpoint| Some((endpoint.region, endpoint.public_url?)));
    Ok((access.token.id, choose(addresses.collect(), region)?))
}

fn from_v3(answer: &Response, region: Option<&str>) -> Result<(String, String), Lack> {
    let token = header_of(answer, "X-Subject-Token").map_err(|why| (ErrorKind::Protocol, why))?;
    let addresses = object_stores(parse::<V3Answer>(answer)?.token.catalog)
        .filter(|endpoint| endpoint.interface.as_deref() == Some("public"))
        .filter_map(|endpoint| Some((endpoint.region_id.or(endpoint.region), endpoint.url?)));
    Ok((token, choose(addresses.collect(), region)?))
}

fn parse<'a, T: Deserialize<'a>>(answer: &'a Response) -> Result<T, Lack> {
    // The parser's error is not shown, because it could hold a piece of the answer, and the answer holds a token.
    serde_json::from_slice(&answer.body)
        .map_err(|error| (ErrorKind::Protocol, format!("the answer is not Keystone's (line {})", error.line())))
}

fn object_stores<E>(catalog: Vec<Service<E>>) -> impl Iterator<Item = E> {
    let services = catalog.into_iter().filter(|service| service.kind.as_deref() == Some("object-store"));
    services.flat_map(|service| service.endpoints.unwrap_or_default())
}

fn choose(addresses: Vec<PublicAddress>, region: Option<&str>) -> Result<String, Lack> {
    let regions: Vec<_> = addresses.iter().filter_map(|(region, _)| region.clone()).collect();
    let wanted = |held: &Option<String>| region.is_none() || held.as_deref() == region;
    addresses.into_iter().find(|(held, _)| wanted(held)).map(|(_, url)| url).ok_or_else(|| match region {
        Some(region) if !regions.is_empty() => {
            let regions = regions.join(", ");
            let regions = beginning(&regions, LONGEST_REGIONS);
            (ErrorKind::Setup, format!("no object store in region {region:?}; the catalog has {regions}"))
        }
        _ => (ErrorKind::Setup, "the catalog has no object store for this tenant: check tenant and region".to_owned()),
    })
}
