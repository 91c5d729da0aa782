//! Server-side encryption with a key of the customer's (SSE-C): the server keeps the key for no
//! longer than a request, so every request about an object brings it.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use md5::{Digest, Md5};

use crate::conf::Secret;

/// The header values that carry the key.
#[derive(Debug)]
pub(super) struct SseKey {
    /// The key in base64.
    pub(super) key: Secret,
    /// The MD5 of the key in base64, by which the server sees that it came over whole.
    pub(super) md5: String,
}

impl SseKey {
    /// The 32 characters of `sse_c_key` as a 256-bit key.
    pub(super) fn new(key: &Secret) -> Result<Self, String> {
        let bytes = key.expose().as_bytes();
        if bytes.len() != 32 {
            return Err(format!("sse_c_key has {} bytes, it must have 32", bytes.len()));
        }
        let md5 = BASE64_STANDARD.encode(Md5::digest(bytes));
        Ok(Self { key: Secret::new(BASE64_STANDARD.encode(bytes)), md5 })
    }
}

/// The request with the key's three headers, where there is a key.
macro_rules! with_key {
    ($request:expr, $key:expr) => {
        match &$key {
            None => $request,
            Some(key) => $request
                .sse_customer_algorithm("AES256")
                .sse_customer_key(key.key.expose())
                .sse_customer_key_md5(&key.md5),
        }
    };
}
pub(super) use with_key;
