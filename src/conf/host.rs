//! Parses the host names of configurations, and normalises them for comparison.

use std::net::Ipv6Addr;

/// Splits `host[:port]`, in which an IPv6 address is in brackets; `None` when the text is not of this form.
pub(crate) fn split(text: &str) -> Option<(&str, Option<u16>)> {
    let (host, port) = match text.rfind(']') {
        Some(end) => (&text[..=end], text[end + 1..].strip_prefix(':')),
        None => text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port))),
    };
    if host.len() + port.map_or(0, |port| port.len() + 1) != text.len() || !is_host(host) {
        return None;
    }
    match port {
        None => Some((host, None)),
        Some(port) => Some((host, Some(parse_port(port)?))),
    }
}

/// Parses a port of decimal digits, 1 to 65535.
pub(crate) fn parse_port(text: &str) -> Option<u16> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|&port| digits && port > 0)
}

fn is_host(host: &str) -> bool {
    if host.starts_with('[') {
        return bracketed_address(host).is_some();
    }
    let name = host.strip_suffix('.').unwrap_or(host);
    !name.is_empty() && name.split('.').all(|label| !label.is_empty() && label.bytes().all(is_label_byte))
}

/// Parses the IPv6 address in `[…]`.
fn bracketed_address(host: &str) -> Option<Ipv6Addr> {
    host.strip_prefix('[')?.strip_suffix(']')?.parse().ok()
}

// The underscore is accepted, because names in container networks have it, though the standards do not allow it.
fn is_label_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'
}

/// The normalised host: in lower case, an IPv6 address in its short form, without a final dot and without the scheme's
/// default port.
pub(crate) fn normal(text: &str, https: bool) -> String {
    let Some((host, port)) = split(text) else { return text.to_ascii_lowercase() };
    let host = match bracketed_address(host) {
        Some(address) => format!("[{address}]"),
        None => host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase(),
    };
    match port {
        Some(port) if port != if https { 443 } else { 80 } => format!("{host}:{port}"),
        _ => host,
    }
}

/// The namespace of the bucket names of an S3 or OSS host. All endpoints of one partition of Amazon, and all endpoints
/// of Alibaba, share a namespace, because a bucket name is unique there in all regions.
pub(crate) fn bucket_namespace(text: &str, https: bool) -> String {
    let host = normal(text, https);
    let name = host.split(':').next().unwrap_or(&host);
    if name == "amazonaws.com.cn" || name.ends_with(".amazonaws.com.cn") {
        "s3.amazonaws.com.cn".to_owned()
    } else if name.ends_with(".amazonaws.com") && name.contains("us-gov-") {
        "s3.us-gov.amazonaws.com".to_owned()
    } else if name.ends_with(".amazonaws.com") {
        "s3.amazonaws.com".to_owned()
    } else if name.ends_with(".aliyuncs.com") {
        "aliyuncs.com".to_owned()
    } else {
        host
    }
}

/// The region of an Alibaba endpoint such as `oss-cn-hangzhou-internal.aliyuncs.com`; `None` when it names none.
pub(crate) fn oss_region(endpoint: &str) -> Option<String> {
    let host = split(endpoint)?.0.to_ascii_lowercase();
    let name = host.strip_suffix(".aliyuncs.com")?;
    let region = match name.strip_suffix(".oss") {
        Some(region) => region,
        None => name.strip_prefix("vpc100-").unwrap_or(name).strip_prefix("oss-")?,
    };
    let region = region.strip_suffix("-internal").unwrap_or(region);
    // `oss-accelerate` and `oss-accelerate-overseas` are excluded, because they do not name a region.
    (!region.contains('.') && !region.starts_with("accelerate")).then(|| region.to_owned())
}
