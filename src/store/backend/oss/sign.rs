//! Signatures: V1 by `aliyun-oss-client`, V4 by `reqsign-aliyun-oss`.
//!
//! Of `aliyun-oss-client` only the signer is used: its client opens new connections for each call,
//! takes neither a port nor http, and hides the status of errors. Alibaba gave up V1 for new
//! accounts and buckets, so V4, which that crate lacks, is signed by the other.

use aliyun_oss_client::types::CanonicalizedResource;
use http::header::{AUTHORIZATION, CONTENT_TYPE, DATE, HOST, HeaderMap, HeaderValue};
use reqsign_aliyun_oss::{Credential, RequestSigner, SigningVersion};
use reqsign_core::{Context, SignRequest};

use crate::conf::backend::{OssConf, OssSignature};
use crate::store::http::{Request, runtime};

/// Signs requests with one account's key.
pub(super) enum Signer {
    V1(Box<aliyun_oss_client::Client>),
    V4 { signer: RequestSigner, credential: Credential },
}

/// The resource of a V1 signature: bucket and name as they are, and those parameters of the query
/// that are part of it, of which a listing has one.
pub(super) fn resource(bucket: &str, name: &str, continuation_token: Option<&str>) -> String {
    match continuation_token {
        None => format!("/{bucket}/{name}"),
        Some(token) => format!("/{bucket}/{name}?continuation-token={token}"),
    }
}

impl Signer {
    pub(super) fn new(conf: &OssConf) -> Result<Self, String> {
        match conf.signature {
            OssSignature::V1 => {
                // Any will do, because the endpoint is no part of a V1 signature; the crate only wants to have one.
                let unused = "https://oss-cn-hangzhou.aliyuncs.com";
                aliyun_oss_client::Client::new(conf.key_id.as_str(), conf.key.expose(), unused)
                    .map(|client| Self::V1(Box::new(client)))
                    .map_err(|error| error.to_string())
            }
            OssSignature::V4 => {
                let region = conf.region.as_deref().ok_or("signature V4 needs the region: set `region`")?;
                Ok(Self::V4 {
                    signer: RequestSigner::new(&conf.bucket)
                        .with_region(region)
                        .with_signing_version(SigningVersion::V4),
                    credential: Credential {
                        access_key_id: conf.key_id.clone(),
                        access_key_secret: conf.key.expose().to_owned(),
                        ..Credential::default()
                    },
                })
            }
        }
    }

    /// Whether a Content-MD5 is signed along. The V1 signer leaves its line empty, so that the
    /// server would not accept one.
    pub(super) const fn signs_md5(&self) -> bool {
        matches!(self, Self::V4 { .. })
    }

    /// Adds what proves who asks. Headers added later are not covered by it.
    pub(super) fn sign(&self, request: &mut Request, resource: &str) -> Result<(), String> {
        match self {
            Self::V1(client) => sign_v1(client, request, resource),
            Self::V4 { signer, credential } => sign_v4(signer, credential, request),
        }
    }
}

fn sign_v1(client: &aliyun_oss_client::Client, request: &mut Request, resource: &str) -> Result<(), String> {
    let mut signed = HeaderMap::new();
    if let Some(content_type) = request.headers.get(CONTENT_TYPE) {
        signed.insert(CONTENT_TYPE, content_type.clone());
    }
    let made = client
        .authorization_header(&request.method, CanonicalizedResource::new(resource.to_owned()), signed)
        .map_err(|error| error.to_string())?;
    // Only these two, because they are the signature; the other headers that the signer adds mean nothing to OSS.
    for name in [DATE, AUTHORIZATION] {
        let value = made.get(&name).ok_or_else(|| format!("the signer made no {name}"))?;
        request.headers.insert(name, value.clone());
    }
    Ok(())
}

fn sign_v4(signer: &RequestSigner, credential: &Credential, request: &mut Request) -> Result<(), String> {
    let host = request.url.authority().map_or("", |authority| authority.as_str());
    // Signed along, because the signer writes an empty list of additional headers otherwise, which
    // the documentation does not have.
    request.headers.insert(HOST, HeaderValue::from_str(host).map_err(|error| error.to_string())?);
    let mut head = http::Request::new(());
    *head.method_mut() = request.method.clone();
    *head.uri_mut() = request.url.clone();
    *head.headers_mut() = request.headers.clone();
    let (mut parts, ()) = head.into_parts();
    runtime::block_on(signer.sign_request(&Context::new(), &mut parts, Some(credential), None))
        .map_err(|error| error.to_string())?
        .map_err(|error| error.to_string())?;
    request.headers = parts.headers;
    Ok(())
}
