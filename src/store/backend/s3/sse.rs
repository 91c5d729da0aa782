//! Server-side encryption with a key of the customer's (SSE-C): the server keeps the key for no
//! longer than a request, so every request about an object brings it.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http::header::HeaderValue;
use md5::{Digest, Md5};

use crate::conf::{OptionNames, Secret};
use crate::store::http::Request;

/// The header values that carry the key.
#[derive(Debug)]
pub(super) struct SseKey {
    /// The key in base64; it is shown as `Sensitive`.
    key: HeaderValue,
    /// The MD5 of the key in base64, by which the server sees that it came over whole.
    md5: HeaderValue,
}

impl SseKey {
    /// The 32 characters of `sse_c_key` as a 256-bit key.
    pub(super) fn new(key: &Secret, names: OptionNames) -> Result<Self, String> {
        let bytes = key.expose().as_bytes();
        if bytes.len() != 32 {
            return Err(format!("{} has {} bytes, it must have 32", names.of("sse_c_key"), bytes.len()));
        }
        let header = |text: String| HeaderValue::from_str(&text).map_err(|error| error.to_string());
        let mut key = header(BASE64_STANDARD.encode(bytes))?;
        key.set_sensitive(true);
        Ok(Self { key, md5: header(BASE64_STANDARD.encode(Md5::digest(bytes)))? })
    }

    /// The request with the key's three headers.
    pub(super) fn with(&self, request: Request) -> Request {
        request
            .header("x-amz-server-side-encryption-customer-algorithm", HeaderValue::from_static("AES256"))
            .header("x-amz-server-side-encryption-customer-key", self.key.clone())
            .header("x-amz-server-side-encryption-customer-key-md5", self.md5.clone())
    }
}
