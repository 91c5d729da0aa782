//! Where the bucket of a configuration is asked for.

use std::net::IpAddr;

use http::header::HeaderValue;

use super::errors::Asked;
use crate::conf::{OptionNames, S3Conf};
use crate::store::http::host_header;

/// Where a signature needs a region and the configuration has none.
const DEFAULT_REGION: &str = "us-east-1";

/// The region that requests are signed for.
pub(super) fn region(conf: &S3Conf) -> &str {
    conf.region.as_deref().unwrap_or(DEFAULT_REGION)
}

/// `http://bucket.host` or `http://host/bucket`.
pub(in crate::store) fn base_url(conf: &S3Conf) -> String {
    let (scheme, host, bucket) = (if conf.https { "https" } else { "http" }, conf.endpoint_host(), &conf.bucket);
    if is_virtual_host(conf) { format!("{scheme}://{bucket}.{host}") } else { format!("{scheme}://{host}/{bucket}") }
}

/// The header Host of requests to `base`, a [`base_url`].
///
/// # Errors
/// Why `base` is no address.
pub(super) fn host_of(base: &str, names: OptionNames) -> Result<HeaderValue, String> {
    let bad = |why: String| {
        format!("{base} is not an address ({why}): check {} and {}", names.of("host"), names.of("bucket"))
    };
    let url: http::Uri = base.parse().map_err(|error: http::uri::InvalidUri| bad(error.to_string()))?;
    host_header(&url).ok_or_else(|| bad("it names no host".to_owned()))
}

/// How requests for the bucket of `conf` are sent.
pub(super) fn asked(conf: &S3Conf, names: OptionNames) -> Asked {
    let virtual_host = is_virtual_host(conf).then(|| format!("{}.{}", conf.bucket, conf.endpoint_host()));
    let with_key = conf.sse_c_key.is_some();
    Asked { signature: conf.signature, over_tls: conf.https, with_key, virtual_host, names }
}

/// Whether the bucket goes into the host name: when asked for, and possible. An address has no
/// names below it, and a certificate for `*.host` does not cover a bucket with a dot.
pub(super) fn is_virtual_host(conf: &S3Conf) -> bool {
    let host = conf.endpoint_host();
    let name = host.rsplit_once(':').map_or(host.as_str(), |(name, _)| name);
    let is_address = host.starts_with('[') || name.parse::<IpAddr>().is_ok();
    !(conf.path_style || is_address || conf.https && conf.bucket.contains('.'))
}
