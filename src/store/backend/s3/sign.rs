//! Signs a request in the version that the configuration names.

use http::header::{AUTHORIZATION, DATE, HeaderName, HeaderValue};
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimePrinter;

use super::address::{is_virtual_host, region};
use super::keys::Keys;
use super::payload::Payload;
use super::{sigv2, sigv4};
use crate::conf::{OptionNames, S3Conf, S3Signature};
use crate::store::http::Request;

/// Signs the requests of a store.
#[derive(Debug)]
pub(super) struct Signer {
    version: S3Signature,
    region: String,
    /// The bucket, where it is in the host name.
    virtual_host: Option<String>,
    names: OptionNames,
}

impl Signer {
    pub(super) fn new(conf: &S3Conf, names: OptionNames) -> Self {
        Self {
            version: conf.signature,
            region: region(conf).to_owned(),
            virtual_host: is_virtual_host(conf).then(|| conf.bucket.clone()),
            names,
        }
    }

    /// Adds what proves who asks, and when. Headers added later are not covered by it.
    ///
    /// # Errors
    /// A key or a token that fits into no header.
    pub(super) fn sign(&self, request: &mut Request, keys: &Keys, payload: Payload) -> Result<(), String> {
        if let Some(token) = &keys.token {
            self.add(request, HeaderName::from_static("x-amz-security-token"), token.expose())?;
        }
        let now = Timestamp::now();
        let authorization = match self.version {
            S3Signature::V2 => self.v2(request, keys, now)?,
            S3Signature::V4 => self.v4(request, keys, now, payload)?,
        };
        self.add(request, AUTHORIZATION, &authorization)
    }

    fn v2(&self, request: &mut Request, keys: &Keys, now: Timestamp) -> Result<String, String> {
        let date = DateTimePrinter::new().timestamp_to_rfc9110_string(&now).map_err(|error| error.to_string())?;
        self.add(request, DATE, &date)?;
        let (method, bucket) = (request.method.as_str(), self.virtual_host.as_deref());
        let key = (keys.id.as_str(), keys.secret.expose());
        Ok(sigv2::authorization(key, method, &request.url, bucket, &headers(request)?))
    }

    fn v4(&self, request: &mut Request, keys: &Keys, now: Timestamp, payload: Payload) -> Result<String, String> {
        let hashed;
        let payload = match payload {
            Payload::Fetched => "UNSIGNED-PAYLOAD",
            _ if request.body.is_empty() => sigv4::HASH_OF_NOTHING,
            Payload::Unsigned => "UNSIGNED-PAYLOAD",
            Payload::Hashed => {
                hashed = sigv4::hash(&request.body);
                &hashed
            }
        };
        let time = now.strftime("%Y%m%dT%H%M%SZ").to_string();
        self.add(request, HeaderName::from_static("x-amz-date"), &time)?;
        self.add(request, HeaderName::from_static("x-amz-content-sha256"), payload)?;
        let (method, path) = (request.method.as_str(), request.url.path());
        let query = request.url.query().unwrap_or_default();
        let mut headers = headers(request)?;
        headers.retain(|(name, _)| is_signed(name));
        headers.sort_unstable();
        let signed = sigv4::Signed { method, path, query, headers: &headers, payload };
        Ok(sigv4::authorization(keys, &self.region, &time, &signed))
    }

    fn add(&self, request: &mut Request, name: HeaderName, value: &str) -> Result<(), String> {
        let value = HeaderValue::from_str(value).map_err(|_| {
            let [id, region] = ["key_id", "aws_region"].map(|option| self.names.of(option));
            format!("the header {name} cannot hold what is in it: check {id} and {region}")
        })?;
        request.headers.insert(name, value);
        Ok(())
    }
}

/// Whether a V4 signature covers the header. Others may be changed on the way.
fn is_signed(name: &str) -> bool {
    name.starts_with("x-amz-") || matches!(name, "host" | "content-md5" | "content-type" | "range")
}

fn headers(request: &Request) -> Result<Vec<(&str, &str)>, String> {
    fn text<'a>((name, value): (&'a HeaderName, &'a HeaderValue)) -> Result<(&'a str, &'a str), String> {
        Ok((name.as_str(), value.to_str().map_err(|_| format!("the header {name} is not ASCII"))?))
    }
    request.headers.iter().map(text).collect()
}
