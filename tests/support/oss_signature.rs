//! The signatures of OSS, computed as Alibaba's documentation says and by nothing else.

use std::sync::atomic::Ordering;
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use percent_encoding::utf8_percent_encode;
use sha1::Sha1;
use sha2::{Digest, Sha256};

use super::http_stub::Asked;
use super::oss_server::{ESCAPED, KEY_ID, REGION, Refusal, SECRET, State, refusal};

/// How far clocks may be apart, in seconds.
const SKEW: i64 = 15 * 60;

/// The parameters that are part of a V1 signature, of those that the stand-in could meet.
const SUBRESOURCES: [&str; 10] = [
    "acl",
    "append",
    "continuation-token",
    "delete",
    "location",
    "objectMeta",
    "security-token",
    "tagging",
    "uploads",
    "versionId",
];

/// Whether the request may be answered.
pub(super) fn check(state: &State, asked: &Asked, bucket: &str, name: &str) -> Result<(), Refusal> {
    let authorization = asked.header("authorization").unwrap_or_default();
    if let Some(credential) = authorization.strip_prefix("OSS4-HMAC-SHA256 ") {
        return check_v4(state, asked, bucket, name, credential);
    }
    let Some((id, signature)) = authorization.strip_prefix("OSS ").and_then(|rest| rest.split_once(':')) else {
        return Err(denied("You have no right to access this object because of bucket acl."));
    };
    if state.only_v4.load(Ordering::Acquire) {
        return Err(refusal(400, "InvalidArgument", "aliyun v1 signature is not allowed", "0002-00000226"));
    }
    known(id)?;
    let date = asked.header("x-oss-date").or(asked.header("date")).unwrap_or_default();
    let when = jiff::fmt::rfc2822::parse(date).map_err(|_| denied("OSS authentication requires a valid Date."))?;
    in_time(state, when.timestamp().as_second())?;
    let made = STANDARD.encode(mac::<Hmac<Sha1>>(SECRET.as_bytes(), v1_text(asked, bucket, name, date).as_bytes()));
    if made == signature { Ok(()) } else { Err(mismatch()) }
}

fn v1_text(asked: &Asked, bucket: &str, name: &str, date: &str) -> String {
    let header = |name| asked.header(name).unwrap_or_default();
    let mut ours: Vec<_> = asked.headers.iter().filter(|(name, _)| name.starts_with("x-oss-")).collect();
    ours.sort();
    let ours: String = ours.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
    let mut params: Vec<_> =
        asked.params().into_iter().filter(|(name, _)| SUBRESOURCES.contains(&name.as_str())).collect();
    params.sort();
    let params: Vec<_> = params
        .iter()
        .map(|(name, value)| if value.is_empty() { name.clone() } else { format!("{name}={value}") })
        .collect();
    let question = if params.is_empty() { "" } else { "?" };
    format!(
        "{}\n{}\n{}\n{date}\n{ours}/{bucket}/{name}{question}{}",
        asked.method,
        header("content-md5"),
        header("content-type"),
        params.join("&")
    )
}

fn check_v4(state: &State, asked: &Asked, bucket: &str, name: &str, fields: &str) -> Result<(), Refusal> {
    let field = |wanted: &str| {
        let mut pairs = fields.split(',').filter_map(|pair| pair.trim().split_once('='));
        pairs.find(|(name, _)| *name == wanted).map(|(_, value)| value)
    };
    let malformed = |what: &str| refusal(400, "InvalidArgument", &format!("Authorization: {what}"), "0002-00000223");
    let credential: Vec<_> = field("Credential").unwrap_or_default().split('/').collect();
    let [id, date, region, "oss", "aliyun_v4_request"] = credential[..] else { return Err(malformed("Credential")) };
    known(id)?;
    let time = asked.header("x-oss-date").ok_or_else(|| malformed("x-oss-date is missing"))?;
    let when = jiff::civil::DateTime::strptime("%Y%m%dT%H%M%SZ", time).map_err(|_| malformed("x-oss-date"))?;
    in_time(state, when.to_zoned(jiff::tz::TimeZone::UTC).unwrap().timestamp().as_second())?;
    if region != REGION || !time.starts_with(date) {
        return Err(malformed("the scope is not this region's and this day's"));
    }
    let additional: Vec<_> = match field("AdditionalHeaders") {
        None => Vec::new(),
        Some("") => return Err(malformed("AdditionalHeaders is empty")),
        Some(list) => list.split(';').collect(),
    };
    let request = v4_request(asked, bucket, name, &additional).ok_or_else(|| malformed("AdditionalHeaders"))?;
    let text = format!(
        "OSS4-HMAC-SHA256\n{time}\n{date}/{region}/oss/aliyun_v4_request\n{}",
        hex(&Sha256::digest(request.as_bytes()))
    );
    let sign = |key: &[u8], text: &str| mac::<Hmac<Sha256>>(key, text.as_bytes());
    let mut key = format!("aliyun_v4{SECRET}").into_bytes();
    for part in [date, region, "oss", "aliyun_v4_request"] {
        key = sign(&key, part);
    }
    if Some(hex(&sign(&key, &text)).as_str()) == field("Signature") { Ok(()) } else { Err(mismatch()) }
}

/// The canonical request; `None` when an additional header was not sent.
fn v4_request(asked: &Asked, bucket: &str, name: &str, additional: &[&str]) -> Option<String> {
    let encode = |text: &str| utf8_percent_encode(text, &ESCAPED).to_string();
    let path = format!("/{bucket}/{name}").split('/').map(encode).collect::<Vec<_>>().join("/");
    let mut params: Vec<_> = asked.params().iter().map(|(name, value)| (encode(name), encode(value))).collect();
    params.sort();
    let params: Vec<_> = params
        .iter()
        .map(|(name, value)| if value.is_empty() { name.clone() } else { format!("{name}={value}") })
        .collect();
    additional.iter().all(|name| asked.header(name).is_some()).then_some(())?;
    let signed = |name: &str| {
        name.starts_with("x-oss-") || ["content-type", "content-md5"].contains(&name) || additional.contains(&name)
    };
    let mut headers: Vec<_> = asked.headers.iter().filter(|(name, _)| signed(name)).collect();
    headers.sort();
    let headers: String = headers.iter().map(|(name, value)| format!("{name}:{}\n", value.trim())).collect();
    let payload = asked.header("x-oss-content-sha256")?;
    let (method, params, additional) = (&asked.method, params.join("&"), additional.join(";"));
    Some(format!("{method}\n{path}\n{params}\n{headers}\n{additional}\n{payload}"))
}

fn known(id: &str) -> Result<(), Refusal> {
    let message = "The OSS Access Key Id you provided does not exist in our records.";
    if id == KEY_ID { Ok(()) } else { Err(refusal(403, "InvalidAccessKeyId", message, "0002-00000902")) }
}

fn in_time(state: &State, when: i64) -> Result<(), Refusal> {
    let now =
        SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() + state.clock_ahead.load(Ordering::Acquire);
    let message = "The difference between the request time and the current time is too large.";
    let apart = (i64::try_from(now).unwrap() - when).abs();
    if apart <= SKEW { Ok(()) } else { Err(refusal(403, "RequestTimeTooSkewed", message, "0002-00000504")) }
}

fn denied(message: &str) -> Refusal {
    refusal(403, "AccessDenied", message, "0003-00000001")
}

fn mismatch() -> Refusal {
    let message = "The request signature we calculated does not match the signature you provided. \
                   Check your key and signing method.";
    refusal(403, "SignatureDoesNotMatch", message, "0002-00000040")
}

fn mac<M: Mac + KeyInit>(key: &[u8], text: &[u8]) -> Vec<u8> {
    let mut mac = <M as KeyInit>::new_from_slice(key).unwrap();
    mac.update(text);
    mac.finalize().into_bytes().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
