//! Signature version 2, Seafile's default: HMAC-SHA1 over the request line, the date, every
//! `x-amz-*` header and the resource.
//!
//! Source: "Signing and authenticating REST requests" of the Amazon S3 User Guide.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;

/// Query parameters that are part of the resource.
const SUB_RESOURCES: [&str; 25] = [
    "acl",
    "cors",
    "delete",
    "lifecycle",
    "location",
    "logging",
    "notification",
    "partNumber",
    "policy",
    "requestPayment",
    "response-cache-control",
    "response-content-disposition",
    "response-content-encoding",
    "response-content-language",
    "response-content-type",
    "response-expires",
    "restore",
    "tagging",
    "torrent",
    "uploadId",
    "uploads",
    "versionId",
    "versioning",
    "versions",
    "website",
];

/// The header Authorization; `virtual_host` is the bucket when it is in the host name, and `headers` are names in lower
/// case and values.
pub(super) fn authorization(
    (id, secret): (&str, &str),
    method: &str,
    uri: &http::Uri,
    virtual_host: Option<&str>,
    headers: &[(&str, &str)],
) -> String {
    format!("AWS {id}:{}", sign(secret, &string_to_sign(method, uri, virtual_host, headers)))
}

fn sign(secret: &str, text: &str) -> String {
    let mut mac = Hmac::<Sha1>::new_from_slice(secret.as_bytes()).expect("HMAC takes a key of any length");
    mac.update(text.as_bytes());
    BASE64_STANDARD.encode(mac.finalize().into_bytes())
}

/// What is signed; `headers` are names in lower case and values.
fn string_to_sign(method: &str, uri: &http::Uri, virtual_host: Option<&str>, headers: &[(&str, &str)]) -> String {
    let find = |wanted: &str| headers.iter().find(|(name, _)| *name == wanted).map(|(_, value)| *value);
    // Left empty then, because a date of its own among the x-amz headers stands in for the usual one.
    let date = if find("x-amz-date").is_some() { "" } else { find("date").unwrap_or_default() };
    let md5 = find("content-md5").unwrap_or_default();
    let content_type = find("content-type").unwrap_or_default();
    let mut text = format!("{method}\n{md5}\n{content_type}\n{date}\n");
    let mut amz: Vec<(&str, &str)> = headers.iter().copied().filter(|(name, _)| name.starts_with("x-amz-")).collect();
    amz.sort_by_key(|(name, _)| *name);
    for group in amz.chunk_by(|a, b| a.0 == b.0) {
        let values: Vec<&str> = group.iter().map(|(_, value)| value.trim()).collect();
        text.push_str(&format!("{}:{}\n", group[0].0, values.join(",")));
    }
    if let Some(bucket) = virtual_host {
        text.push('/');
        text.push_str(bucket);
    }
    text.push_str(uri.path());
    text.push_str(&sub_resources(uri.query().unwrap_or_default()));
    text
}

/// The parameters of the query that count, in order, their values decoded.
fn sub_resources(query: &str) -> String {
    let name = |parameter: &&str| parameter.split('=').next().unwrap_or_default().to_owned();
    let mut counted: Vec<&str> =
        query.split('&').filter(|parameter| SUB_RESOURCES.contains(&name(parameter).as_str())).collect();
    counted.sort_by_key(name);
    if counted.is_empty() {
        return String::new();
    }
    format!("?{}", percent_encoding::percent_decode_str(&counted.join("&")).decode_utf8_lossy())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";

    /// The worked examples of Amazon's documentation.
    #[test]
    fn amazons_examples() {
        let johnsmith = Some("johnsmith");
        let date = |date| vec![("date", date)];
        let upload = vec![
            ("date", "Tue, 27 Mar 2007 21:06:08 +0000"),
            ("x-amz-acl", "public-read"),
            ("content-type", "application/x-download"),
            ("content-md5", "4gJE4saaMU4BqNR0kLY+lw=="),
            ("x-amz-meta-reviewedby", "joe@johnsmith.net"),
            ("x-amz-meta-reviewedby", "jane@johnsmith.net"),
            ("x-amz-meta-filechecksum", "0x02661779"),
            ("x-amz-meta-checksumalgorithm", "crc32"),
            ("content-length", "5913339"),
        ];
        let put = vec![("content-type", "image/jpeg"), ("date", "Tue, 27 Mar 2007 21:15:45 +0000")];
        let french = "/dictionary/fran%C3%A7ais/pr%c3%a9f%c3%a8re";
        let examples = [
            (
                "GET",
                "/photos/puppy.jpg",
                johnsmith,
                date("Tue, 27 Mar 2007 19:36:42 +0000"),
                "bWq2s1WEIj+Ydj0vQ697zp+IXMU=",
            ),
            ("PUT", "/photos/puppy.jpg", johnsmith, put, "MyyxeRY7whkBe+bq8fHCL/2kKUg="),
            (
                "GET",
                "/?prefix=photos&max-keys=50&marker=puppy",
                johnsmith,
                date("Tue, 27 Mar 2007 19:42:41 +0000"),
                "htDYFYduRNen8P9ZfE/s9SuKy0U=",
            ),
            ("GET", "/?acl", johnsmith, date("Tue, 27 Mar 2007 19:44:46 +0000"), "c2WLPFtWHVgbEmeEG93a4cG37dM="),
            ("PUT", "/db-backup.dat.gz", Some("static.johnsmith.net"), upload, "ilyl83RwaSoYIEdixDQcA4OnAnc="),
            ("GET", "/", None, date("Wed, 28 Mar 2007 01:29:59 +0000"), "qGdzdERIC03wnaRNKh6OqZehG9s="),
            ("GET", french, None, date("Wed, 28 Mar 2007 01:49:49 +0000"), "DNEZGsoieTZ92F3bUfSPQcbGmlM="),
        ];
        for (method, path, bucket, headers, signature) in examples {
            let uri: http::Uri = format!("http://host{path}").parse().expect("a URI");
            let text = string_to_sign(method, &uri, bucket, &headers);
            assert_eq!(sign(SECRET, &text), signature, "{text}");
        }
    }

    #[test]
    fn sub_resources_are_ordered_and_decoded() {
        assert_eq!(sub_resources("uploads&x-id=1&partNumber=3&acl"), "?acl&partNumber=3&uploads");
        assert_eq!(sub_resources("response-content-type=a%2Fb&list-type=2"), "?response-content-type=a/b");
        assert_eq!(sub_resources("list-type=2&prefix=acl"), "");
    }

    #[test]
    fn a_date_among_the_amz_headers_stands_in() {
        let uri: http::Uri = "http://host/b/k".parse().expect("a URI");
        let headers = [("date", "ignored"), ("x-amz-date", "then")];
        assert_eq!(string_to_sign("DELETE", &uri, None, &headers), "DELETE\n\n\n\nx-amz-date:then\n/b/k");
    }
}
