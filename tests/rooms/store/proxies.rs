//! Stores behind proxies. Their host is `store.invalid`, which no machine knows (RFC 6761): whoever answers for it was
//! reached through the proxy.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use seaf_migrate::conf::Environment;
use seaf_migrate::conf::backend::{BackendConf, OssConf, S3Conf, S3Signature, StoreConf, SwiftConf};
use seaf_migrate::object::{ObjectKey, ObjectKind};
use seaf_migrate::store::http::proxy::Proxies;
use seaf_migrate::store::layer::retry::RetryPolicy;
use seaf_migrate::store::open::{OpenOptions, open_source};
use seaf_migrate::store::{ErrorKind, StoreError};
use seaf_migrate::sys::shutdown::Shutdown;

use crate::support::http_stub::{Asked, Reply, Stub};
use crate::support::proxy::Tunnels;
use crate::support::stub_conf;

/// What is at `store.invalid`, spoken to over each protocol.
pub(super) fn confs(https: bool) -> Vec<(&'static str, BackendConf)> {
    let host = "store.invalid";
    let ca_file = https.then(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/tls/proxied_ca.pem")));
    let s3 = |signature| BackendConf::S3(S3Conf { https, ca_file: ca_file.clone(), ..stub_conf::s3(host, signature) });
    let oss = OssConf { https, ca_file: ca_file.clone(), ..stub_conf::oss(host) };
    let swift = SwiftConf { https, ca_file: ca_file.clone(), ..stub_conf::swift(host) };
    vec![
        ("S3 V2", s3(S3Signature::V2)),
        ("S3 V4", s3(S3Signature::V4)),
        ("OSS", BackendConf::Oss(oss)),
        ("Swift", BackendConf::Swift(swift)),
    ]
}

fn proxies(variables: &[(&str, &str)]) -> Proxies {
    Proxies::of_environment(&variables.iter().copied().collect::<Environment>()).unwrap()
}

/// Reads an object of the store, tried once.
pub(super) fn read(conf: &BackendConf, proxies: &Proxies) -> Result<bytes::Bytes, StoreError> {
    let retry = RetryPolicy { attempts: 1, ..RetryPolicy::default() };
    let options = OpenOptions::new(1, Duration::from_secs(60), retry, &Shutdown::new()).through(proxies.clone());
    open_source(&StoreConf::new(ObjectKind::Blocks, conf.clone()), &options)?.read(&ObjectKey::MIN)
}

/// Answers as each store does, logins included.
fn answer(scheme: &str, asked: &Asked) -> Reply {
    match asked.path.ends_with("/auth/v1.0") {
        true => {
            let url = format!("{scheme}://store.invalid/v1/AUTH_x");
            Reply::new(200).header("X-Storage-Url", url).header("X-Auth-Token", "token")
        }
        false => Reply::new(200).header("Content-Type", "application/octet-stream").body("data"),
    }
}

#[test]
fn what_goes_without_tls_is_asked_of_the_proxy_by_its_whole_url_and_with_the_login() {
    for (name, conf) in confs(false) {
        let heard = Arc::new(Mutex::new(Vec::new()));
        let hears = Arc::clone(&heard);
        let proxy = Stub::start(move |asked| {
            hears.lock().unwrap().push((asked.path.clone(), asked.header("proxy-authorization").map(str::to_owned)));
            answer("http", asked)
        });
        let url = format!("http://me:pa%20ss@{}", proxy.host());
        assert_eq!(read(&conf, &proxies(&[("http_proxy", &url)])).unwrap(), "data", "{name}");
        let heard = heard.lock().unwrap();
        assert!(!heard.is_empty());
        for (path, login) in heard.iter() {
            assert!(path.starts_with("http://") && path.contains("store.invalid/"), "{name}: {path}");
            assert_eq!(login.as_deref(), Some("Basic bWU6cGEgc3M="), "{name}");
        }
    }
}

#[test]
fn what_goes_over_tls_goes_through_a_tunnel_and_the_store_never_hears_the_login() {
    for (name, conf) in confs(true) {
        let store = Stub::start_tls_as("proxied", |asked| match asked.header("proxy-authorization") {
            None => answer("https", asked),
            Some(_) => Reply::new(400).body("this is for the proxy"),
        });
        let tunnels = Tunnels::start(&store.host(), Some("Basic bWU6c2VjcmV0"));
        let url = format!("http://me:secret@{}", tunnels.host());
        assert_eq!(read(&conf, &proxies(&[("HTTPS_PROXY", &url)])).unwrap(), "data", "{name}");
        let asked = tunnels.asked();
        assert!(!asked.is_empty());
        for line in asked {
            assert!(line.starts_with("CONNECT ") && line.ends_with("store.invalid:443 HTTP/1.1"), "{name}: {line}");
        }
    }
}

#[test]
fn a_proxy_that_wants_a_login_is_a_matter_of_the_setup_that_says_where_to_write_it() {
    for (name, conf) in confs(true).into_iter().chain(confs(false)) {
        let tunnels = Tunnels::start("127.0.0.1:1", Some("Basic of-somebody"));
        let error = read(&conf, &proxies(&[("all_proxy", &tunnels.host())])).unwrap_err();
        let told = error.to_string();
        assert_eq!(error.kind(), ErrorKind::Setup, "{name}: {told}");
        assert!(
            told.contains("wants a name and a password") && told.contains("http://NAME:PASSWORD@"),
            "{name}: {told}"
        );
    }
}

#[test]
fn an_error_on_the_way_names_the_proxy_without_its_password() {
    for (name, conf) in confs(true).into_iter().chain(confs(false)) {
        let url = "http://me:hidden@127.0.0.1:1";
        let told = read(&conf, &proxies(&[("http_proxy", url), ("https_proxy", url)])).unwrap_err().to_string();
        assert!(
            told.contains("through the proxy http://127.0.0.1:1 (http") && told.contains("--no-proxy"),
            "{name}: {told}"
        );
        assert!(!told.contains("hidden"), "{name}: {told}");
    }
}

#[test]
fn exceptions_are_understood_as_curl_and_others_write_them() {
    let no = ".corp.example, *.other.example,minio:9000,10.0.0.0/8,2001:db8::1";
    let proxies = proxies(&[("http_proxy", "plain:3128"), ("https_proxy", "https://tls:3129/"), ("no_proxy", no)]);
    let cases = [
        ("http://store.example/x", Some("http://plain:3128 (http_proxy)")),
        ("https://store.example/x", Some("https://tls:3129 (https_proxy)")),
        ("https://s3.corp.example", None),
        ("https://corp.example.org", Some("https://tls:3129 (https_proxy)")),
        ("https://bucket.s3.other.example", None),
        ("http://minio:9000/bucket", None),
        ("http://bucket.minio:9000/", None),
        ("http://minio:9001/bucket", Some("http://plain:3128 (http_proxy)")),
        ("http://notminio:9000/", Some("http://plain:3128 (http_proxy)")),
        ("http://10.1.2.3:7480", None),
        ("http://11.1.2.3:7480", Some("http://plain:3128 (http_proxy)")),
        ("http://[2001:db8::1]:9000", None),
        ("http://[2001:db8::2]:9000", Some("http://plain:3128 (http_proxy)")),
        ("http://localhost:9000", None),
        ("http://bucket.localhost:9000", None),
        ("http://127.0.0.1", None),
        ("https://[::1]:9000", None),
        ("http://169.254.169.254/latest", None),
    ];
    for (url, expected) in cases {
        let way = proxies.of(&url.parse().unwrap()).map(|proxy| proxy.to_string());
        assert_eq!(way.as_deref(), expected, "{url}");
    }
}

#[test]
fn a_star_excepts_every_host_whether_a_name_or_an_address() {
    for no in ["*", " * ", "minio:9000,*", "10.0.0.0/8, *"] {
        let proxies =
            proxies(&[("http_proxy", "http://plain:3128"), ("https_proxy", "http://tls:3129"), ("no_proxy", no)]);
        for url in [
            "http://store.example",
            "http://10.1.2.3:9000",
            "https://192.0.2.7",
            "http://[2001:db8::1]:9000",
            "https://[2001:db8::1]",
        ] {
            assert!(proxies.of(&url.parse().unwrap()).is_none(), "{url} with no_proxy={no}");
        }
    }
}

#[test]
fn an_empty_variable_is_none_and_one_in_lower_case_comes_first() {
    let url = "http://store.example".parse().unwrap();
    assert!(proxies(&[("http_proxy", ""), ("https_proxy", "http://x:1")]).of(&url).is_none());
    let way = proxies(&[("HTTP_PROXY", "http://upper:1"), ("http_proxy", "http://lower:1")]).of(&url).unwrap();
    assert_eq!(way.to_string(), "http://lower:1 (http_proxy)");
    assert!(proxies(&[("http_proxy", "http://x:1"), ("no_proxy", "*")]).of(&url).is_none());
}

#[test]
fn a_proxy_that_cannot_be_used_is_refused_without_showing_its_password() {
    for bad in ["socks5://me:hidden@x:1080", "http://", "http://me:hidden@a b", "ftp://x"] {
        let environment: Environment = [("all_proxy", bad)].into_iter().collect();
        let (variable, what) = Proxies::of_environment(&environment).unwrap_err();
        assert_eq!(variable, "all_proxy");
        assert!(what.contains("--no-proxy") && !what.contains("hidden"), "{bad}: {what}");
    }
}
