//! Any bytes as the answer to a login to Swift: what comes of it can be sent as it is, goes where the configuration
//! allows, and an error is short, is on one line and shows no token.

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use seaf_migrate::conf::backend::{SwiftAuth, SwiftConf};
use seaf_migrate::conf::{OptionNames, Secret};
use seaf_migrate::store::http::Response;
use seaf_migrate::store::replay::swift_login;

/// The longest error, in characters.
const LONGEST_ERROR: usize = 2000;
/// The longest token that is sent back, in bytes.
const LONGEST_TOKEN: usize = 64 << 10;
/// A token in the seeds, which nothing else is like.
pub const TOKEN: &str = "gAAAAABtoken-of-a-login";

/// One run with the bytes of a fuzzer, or of a test: the version and the configuration, the status, and what is answered.
pub fn run(data: &[u8]) {
    let Some((&[setting, status], answered)) = data.split_first_chunk::<2>() else { return };
    let auth = [SwiftAuth::V1, SwiftAuth::V2, SwiftAuth::V3][usize::from(setting) % 3];
    let conf = conf(auth, setting & 0x80 != 0, (setting & 0x40 != 0).then(|| "RegionOne".to_owned()));
    // The headers are lines up to an empty one.
    let end = answered.windows(2).position(|pair| pair == b"\n\n");
    let (head, body) = end.map_or((&[][..], answered), |end| (&answered[..end], &answered[end + 2..]));
    let mut headers = HeaderMap::new();
    for line in head.split(|byte| *byte == b'\n') {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else { continue };
        let (name, value) = (HeaderName::from_bytes(&line[..colon]), HeaderValue::from_bytes(&line[colon + 1..]));
        if let (Ok(name), Ok(value)) = (name, value) {
            headers.insert(name, value);
        }
    }
    let status = [200, 201, 302, 401, 404, 503][usize::from(status) % 6];
    let status = StatusCode::from_u16(status).expect("a status");
    let answer = Response {
        status,
        headers,
        body: body.to_vec().into(),
        body_length: body.len() as u64,
        body_end_known: true,
        over_tls: false,
        names: OptionNames::Swift,
    };
    match swift_login(&conf, &answer) {
        Ok((token, url)) => {
            assert!(status.is_success() && !token.is_empty() && token.len() <= LONGEST_TOKEN);
            assert!(token.iter().all(|byte| byte.is_ascii_graphic() || *byte == b' '), "{token:?}");
            let scheme = url.split_once("://").map(|(scheme, _)| scheme.to_ascii_lowercase());
            assert!(matches!((scheme.as_deref(), conf.https), (Some("https"), _) | (Some("http"), false)), "{url}");
            assert!(!url.ends_with('/'));
        }
        Err(error) => {
            let text = error.to_string();
            assert!(text.chars().count() <= LONGEST_ERROR && !text.contains(char::is_control), "{text:?}");
            // A server that answers an error may say what it likes; what is not shown is what it gives as a token.
            assert!(!status.is_success() || is_given_elsewhere(&answer) || !text.contains(TOKEN), "{text:?}");
        }
    }
}

/// Whether the token stands in a place whose text errors show.
fn is_given_elsewhere(answer: &Response) -> bool {
    let holds = |bytes: &[u8]| bytes.windows(TOKEN.len()).filter(|part| *part == TOKEN.as_bytes()).count();
    let told = answer.headers.iter().map(|(_, value)| holds(value.as_bytes())).sum::<usize>() + holds(&answer.body);
    told > 1
        || answer.headers.get("x-storage-url").is_some_and(|url| holds(url.as_bytes()) > 0)
        || answer.body.contains(&b'\\')
}

fn conf(auth: SwiftAuth, https: bool, region: Option<String>) -> SwiftConf {
    SwiftConf {
        auth_host: "auth.example:5000".to_owned(),
        auth,
        user: "user".to_owned(),
        password: Secret::new("password"),
        tenant: None,
        domain: "default".to_owned(),
        region,
        container: "container".to_owned(),
        https,
        ca_file: None,
    }
}
