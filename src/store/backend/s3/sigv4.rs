//! Signature version 4: HMAC-SHA256 over the request line, the headers that matter and what stands for the body, with a
//! key that is derived for a day, a region and the service.
//!
//! Source: "Authenticating requests: using the Authorization header" of the Amazon S3 API reference. Our own, because it
//! is made for every object, and the key of the day is kept, from which it takes four hashes less.

use std::fmt::Write;

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

use super::keys::Keys;
use crate::object::encode_hex;

/// The SHA-256 of nothing, in hexadecimal.
pub(super) const HASH_OF_NOTHING: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// What is signed of a request beside its keys.
pub(super) struct Signed<'a> {
    pub(super) method: &'a str,
    /// The path, encoded as it is sent.
    pub(super) path: &'a str,
    /// The query as it is sent: its parameters in order, everything but letters, digits and `-._~` encoded.
    pub(super) query: &'a str,
    /// Names in lower case and values, in the order of their names; `host` and every `x-amz-*` header among them.
    pub(super) headers: &'a [(&'a str, &'a str)],
    /// What the header `x-amz-content-sha256` says.
    pub(super) payload: &'a str,
}

/// The header Authorization of a request at `time`, `YYYYMMDDTHHMMSSZ`.
pub(super) fn authorization(keys: &Keys, region: &str, time: &str, signed: &Signed<'_>) -> String {
    let day = &time[..8];
    let scope = format!("{day}/{region}/s3/aws4_request");
    let mut names = String::with_capacity(128);
    for (name, _) in signed.headers {
        names.push_str(if names.is_empty() { "" } else { ";" });
        names.push_str(name);
    }
    let request = Sha256::digest(canonical(signed, &names).as_bytes());
    let text = format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{}", hex(&request.into()));
    let mut day_bytes = [0; 8];
    day_bytes.copy_from_slice(day.as_bytes());
    let key = keys.of_day(day_bytes, || key_of_day(keys.secret.expose(), day, region));
    let signature = hex(&hmac(&*key, text.as_bytes()));
    format!("AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders={names}, Signature={signature}", keys.id)
}

/// The canonical request.
fn canonical(signed: &Signed<'_>, names: &str) -> String {
    let mut text = String::with_capacity(512);
    let Signed { method, path, query, headers, payload } = signed;
    // Writing to a string never fails.
    let _ = write!(text, "{method}\n{path}\n{query}\n");
    for (name, value) in *headers {
        let _ = writeln!(text, "{name}:{}", value.trim());
    }
    let _ = write!(text, "\n{names}\n{payload}");
    text
}

fn key_of_day(secret: &str, day: &str, region: &str) -> [u8; 32] {
    let start = zeroize::Zeroizing::new(format!("AWS4{secret}"));
    let day = hmac(start.as_bytes(), day.as_bytes());
    let region = hmac(&day, region.as_bytes());
    hmac(&hmac(&region, b"s3"), b"aws4_request")
}

fn hmac(key: &[u8], text: &[u8]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length");
    mac.update(text);
    mac.finalize().into_bytes().into()
}

/// The SHA-256 of `data` in hexadecimal.
pub(super) fn hash(data: &[u8]) -> String {
    hex(&Sha256::digest(data).into())
}

fn hex(bytes: &[u8; 32]) -> String {
    let mut digits = [0; 64];
    encode_hex(bytes, &mut digits);
    digits.map(char::from).iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conf::Secret;

    /// The worked examples of Amazon's documentation whose headers are those that are signed here.
    #[test]
    fn amazons_examples() {
        let keys = Keys::new("AKIAIOSFODNN7EXAMPLE", Secret::new("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"), None);
        let (host, time) = (("host", "examplebucket.s3.amazonaws.com"), ("x-amz-date", "20130524T000000Z"));
        let payload = ("x-amz-content-sha256", HASH_OF_NOTHING);
        let with_range = [host, ("range", "bytes=0-9"), payload, time];
        let plain = [host, payload, time];
        let cases = [
            ("/test.txt", "", &with_range[..], "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"),
            ("/", "lifecycle=", &plain, "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"),
            ("/", "max-keys=2&prefix=J", &plain, "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"),
        ];
        for (path, query, headers, signature) in cases {
            let signed = Signed { method: "GET", path, query, headers, payload: HASH_OF_NOTHING };
            let header = authorization(&keys, "us-east-1", time.1, &signed);
            let start = "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, SignedHeaders=host;";
            assert!(header.starts_with(start) && header.ends_with(&format!("Signature={signature}")), "{header}");
        }
        assert_eq!(hash(b""), HASH_OF_NOTHING);
    }

    #[test]
    fn another_day_has_another_key() {
        let keys = Keys::new("id", Secret::new("secret"), None);
        let signed = Signed { method: "GET", path: "/", query: "", headers: &[], payload: HASH_OF_NOTHING };
        let at = |keys: &Keys, time| authorization(keys, "us-east-1", time, &signed);
        let (first, second) = (at(&keys, "20130524T235959Z"), at(&keys, "20130525T000000Z"));
        let fresh = Keys::new("id", Secret::new("secret"), None);
        assert_eq!(at(&fresh, "20130525T000000Z"), second);
        assert_eq!(at(&keys, "20130524T235959Z"), first);
    }
}
