//! Logging in to Swift: what is sent, which address is chosen from what comes back, and answers that are none.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use seaf_migrate::conf::Secret;
use seaf_migrate::conf::backend::{BackendConf, StoreConf, SwiftAuth, SwiftConf};
use seaf_migrate::object::{ObjectKey, ObjectKind};
use seaf_migrate::store::backend::swift::SwiftStore;
use seaf_migrate::store::http::HttpOptions;
use seaf_migrate::store::{ErrorKind, ReadStore, StoreError};
use serde_json::{Value, json};

use crate::support::http_stub::{Asked, Reply, Stub};

/// A server whose answer to a login the test decides, and whose every object is `data`.
struct Server {
    asked: Arc<Mutex<Vec<Asked>>>,
    stub: Stub,
}

impl Server {
    /// `{here}` in the body and the headers of `login` is the server's own address.
    fn start(login: Reply) -> Self {
        let asked: Arc<Mutex<Vec<Asked>>> = Arc::default();
        let seen = Arc::clone(&asked);
        let stub = Stub::start(move |request| {
            seen.lock().unwrap().push(request.clone());
            if !request.path.contains("/auth/") && !request.path.contains("/v2.0/") {
                return Reply::new(200).body("data");
            }
            let here = |text: &str| text.replace("{here}", &format!("http://{}", request.header("host").unwrap()));
            let mut reply = login.clone();
            reply.body = here(std::str::from_utf8(&reply.body).unwrap()).into_bytes();
            reply.headers.iter_mut().for_each(|(_, value)| *value = here(value));
            reply
        });
        Self { asked, stub }
    }

    fn conf(&self, auth: SwiftAuth) -> SwiftConf {
        conf(&self.stub, auth)
    }

    /// Reads an object, and says where it was asked for.
    fn read(&self, conf: &SwiftConf) -> Result<String, StoreError> {
        assert_eq!(read(conf)?, "data");
        let path = self.asked.lock().unwrap().last().unwrap().path.clone();
        Ok(path.strip_suffix(&format!("/c/{}", ObjectKey::MIN)).unwrap_or(&path).to_owned())
    }

    fn sent(&self) -> Asked {
        self.asked.lock().unwrap()[0].clone()
    }
}

fn conf(server: &Stub, auth: SwiftAuth) -> SwiftConf {
    SwiftConf {
        auth_host: server.host(),
        auth,
        user: "account:user".to_owned(),
        password: Secret::new("hunter2"),
        tenant: (auth != SwiftAuth::V1).then(|| "tenant".to_owned()),
        domain: "default".to_owned(),
        region: None,
        container: "c".to_owned(),
        https: false,
        ca_file: None,
    }
}

fn read(conf: &SwiftConf) -> Result<Bytes, StoreError> {
    let location = StoreConf::new(ObjectKind::Blocks, BackendConf::Swift(conf.clone())).location();
    SwiftStore::open(conf, location, HttpOptions::default())?.read(&ObjectKey::MIN)
}

/// The authority of [`Stub::start_tls`].
fn ca_file() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/tls/ca.pem")
}

/// A server without TLS, and the tokens that it was sent.
fn listener() -> (Stub, Arc<Mutex<Vec<String>>>) {
    let tokens: Arc<Mutex<Vec<String>>> = Arc::default();
    let seen = Arc::clone(&tokens);
    let stub = Stub::start(move |asked| {
        seen.lock().unwrap().extend(asked.header("x-auth-token").map(str::to_owned));
        Reply::new(200).body("data")
    });
    (stub, tokens)
}

fn v1(url: &str) -> Reply {
    Reply::new(200).header("X-Storage-Url", url).header("X-Auth-Token", "token")
}

fn v3(catalog: &Value) -> Reply {
    Reply::new(201).header("X-Subject-Token", "token").body(json!({"token": {"catalog": catalog}}).to_string())
}

fn v2(catalog: &Value) -> Reply {
    Reply::new(200).body(json!({"access": {"token": {"id": "token"}, "serviceCatalog": catalog}}).to_string())
}

fn error_of(auth: SwiftAuth, login: Reply) -> StoreError {
    let server = Server::start(login);
    let error = server.read(&server.conf(auth)).unwrap_err();
    assert_eq!(error.action(), "open", "{error}");
    assert!(!error.to_string().contains("hunter2"), "{error}");
    error
}

#[test]
fn slashes_at_the_end_of_the_account_s_address_are_not_doubled() {
    for url in ["{here}/v1/AUTH_x", "{here}/v1/AUTH_x/", "{here}/v1/AUTH_x//"] {
        let server = Server::start(v1(url));
        assert_eq!(server.read(&server.conf(SwiftAuth::V1)).unwrap(), "/v1/AUTH_x", "{url}");
    }
}

#[test]
fn the_first_version_sends_both_pairs_of_headers() {
    let server = Server::start(v1("{here}/v1"));
    server.read(&server.conf(SwiftAuth::V1)).unwrap();
    let sent = server.sent();
    assert_eq!((sent.method.as_str(), sent.path.as_str(), sent.body.len()), ("GET", "/auth/v1.0", 0));
    for (user, password) in [("x-storage-user", "x-storage-pass"), ("x-auth-user", "x-auth-key")] {
        assert_eq!((sent.header(user), sent.header(password)), (Some("account:user"), Some("hunter2")));
    }
}

#[test]
fn the_later_versions_send_what_keystone_takes_with_every_sign_whole() {
    for auth in [SwiftAuth::V2, SwiftAuth::V3] {
        let server = Server::start(Reply::new(401));
        let password = "p\"\\ä\n{}";
        let conf = SwiftConf { password: Secret::new(password), domain: "d".to_owned(), ..server.conf(auth) };
        server.read(&conf).unwrap_err();
        let sent = server.sent();
        assert_eq!((sent.method.as_str(), sent.header("content-type")), ("POST", Some("application/json")));
        let body: Value = serde_json::from_slice(&sent.body).unwrap();
        let expected = match auth {
            SwiftAuth::V2 => {
                json!({"auth": {"passwordCredentials": {"username": "account:user", "password": password}, "tenantName": "tenant"}})
            }
            _ => {
                let user = json!({"name": "account:user", "password": password, "domain": {"id": "d"}});
                json!({"auth": {
                    "identity": {"methods": ["password"], "password": {"user": user}},
                    "scope": {"project": {"name": "tenant", "domain": {"id": "d"}}},
                }})
            }
        };
        assert_eq!(body, expected);
    }
}

#[test]
fn what_headers_cannot_carry_is_told_by_its_option_and_not_sent() {
    let server = Server::start(v1("{here}/v1"));
    for (conf, option) in [
        (SwiftConf { password: Secret::new("hunter2\n"), ..server.conf(SwiftAuth::V1) }, "password"),
        (SwiftConf { user: "a\u{0}b".to_owned(), ..server.conf(SwiftAuth::V1) }, "user_name"),
    ] {
        let error = server.read(&conf).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::BadCredentials);
        assert!(error.to_string().contains(&format!("{option} holds characters that v1.0 cannot send")), "{error}");
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }
    assert!(server.asked.lock().unwrap().is_empty());
}

#[test]
fn of_a_catalog_the_public_address_of_the_region_counts() {
    let endpoint = |interface: &str, region: &str, path: &str| json!({"interface": interface, "region": region, "region_id": region, "url": format!("{{here}}/{path}")});
    let catalog = json!([
        {"type": "identity", "endpoints": [endpoint("public", "south", "keystone")]},
        {"type": "object-store", "endpoints": [
            endpoint("internal", "south", "internal"),
            endpoint("public", "north", "north"),
            endpoint("admin", "south", "admin"),
            endpoint("public", "south", "south"),
        ]},
        {"type": "object-store", "endpoints": [endpoint("public", "east", "east")]},
    ]);
    let server = Server::start(v3(&catalog));
    for (region, path) in
        [(None, "/north"), (Some("north"), "/north"), (Some("south"), "/south"), (Some("east"), "/east")]
    {
        let conf = SwiftConf { region: region.map(ToOwned::to_owned), ..server.conf(SwiftAuth::V3) };
        assert_eq!(server.read(&conf).unwrap(), path, "{region:?}");
    }
    let conf = SwiftConf { region: Some("South".to_owned()), ..server.conf(SwiftAuth::V3) };
    let error = server.read(&conf).unwrap_err().to_string();
    assert!(error.contains("no object store in region \"South\"; the catalog has north, south, east"), "{error}");
}

#[test]
fn the_id_of_a_region_wins_over_its_old_name() {
    let both = json!([{"type": "object-store", "endpoints": [
        {"interface": "public", "region": "b", "region_id": "a", "url": "{here}/first"},
        {"interface": "public", "region": "b", "url": "{here}/second"},
    ]}]);
    let server = Server::start(v3(&both));
    for (region, path) in [("a", "/first"), ("b", "/second")] {
        let conf = SwiftConf { region: Some(region.to_owned()), ..server.conf(SwiftAuth::V3) };
        assert_eq!(server.read(&conf).unwrap(), path, "{region}");
    }
}

#[test]
fn an_odd_service_beside_the_object_store_is_no_reason_to_fail() {
    let odd = [
        json!({"type": "compute"}),
        json!({"type": "image", "endpoints": null}),
        json!({"type": "network", "endpoints": [{"interface": "public", "url": null}]}),
        json!({"type": "volume", "endpoints": [{"publicURL": null}, {"id": "x"}]}),
        json!({"endpoints": [], "name": "nameless"}),
        json!({"type": "object-store", "endpoints": [{"interface": "public"}]}),
        json!({"type": "object-store"}),
    ];
    let good = json!({"type": "object-store", "endpoints": [
        {"interface": "public", "url": "{here}/good", "publicURL": "{here}/good"},
    ]});
    for odd in odd {
        let catalog = json!([odd, good]);
        for (auth, login) in [(SwiftAuth::V2, v2(&catalog)), (SwiftAuth::V3, v3(&catalog))] {
            let server = Server::start(login);
            assert_eq!(server.read(&server.conf(auth)).unwrap(), "/good", "{odd}");
        }
    }
}

#[test]
fn a_catalog_without_an_object_store_blames_tenant_and_region() {
    for catalog in [json!([]), json!([{"type": "identity", "endpoints": []}])] {
        for (auth, login) in [(SwiftAuth::V2, v2(&catalog)), (SwiftAuth::V3, v3(&catalog))] {
            let error = error_of(auth, login);
            assert_eq!(error.kind(), ErrorKind::Setup);
            assert!(error.to_string().contains("no object store for this tenant: check tenant and region"), "{error}");
        }
    }
}

#[test]
fn an_answer_that_is_no_login_is_told_without_being_shown() {
    let secret = "\"the-token-itself\"";
    for (auth, login) in [
        (SwiftAuth::V1, Reply::new(200)),
        (SwiftAuth::V1, Reply::new(200).header("X-Auth-Token", "the-token-itself")),
        (SwiftAuth::V1, Reply::new(200).header("X-Storage-Url", "{here}")),
        (SwiftAuth::V2, Reply::new(200).body(format!("{{\"access\": {{\"token\": {secret}}}}}"))),
        (SwiftAuth::V2, Reply::new(200).body("<html>Welcome</html>")),
        (
            SwiftAuth::V2,
            Reply::new(200).body(format!("{{\"access\": {{\"token\": {{\"id\": {secret}}}, \"serviceCatalog\": 5}}}}")),
        ),
        (SwiftAuth::V3, Reply::new(201).body("{\"token\": {}}")),
        (SwiftAuth::V3, Reply::new(201).header("X-Subject-Token", "the-token-itself").body("[]")),
    ] {
        let error = error_of(auth, login.clone());
        assert_eq!(error.kind(), ErrorKind::Protocol, "{login:?}: {error}");
        assert!(!error.to_string().contains("the-token-itself"), "{error}");
    }
}

#[test]
fn a_token_that_is_none_is_told_by_what_is_wrong_with_it_and_not_shown() {
    let catalog = json!([{"type": "object-store", "endpoints": [{"publicURL": "{here}"}]}]);
    for (token, said) in [
        (String::new(), "is empty"),
        ("gAAAA\r\nX-Evil: 1".to_owned(), "holds a byte 0x0d"),
        ("gAAAA\tx".to_owned(), "holds a byte 0x09"),
        ("gAAAA\0".to_owned(), "holds a byte 0x00"),
        ("gAAAAü".to_owned(), "holds a byte 0xc3"),
        ("gAAAA".repeat(100_000), "has 500000 bytes"),
    ] {
        let body = json!({"access": {"token": {"id": token}, "serviceCatalog": catalog}}).to_string();
        let error = error_of(SwiftAuth::V2, Reply::new(200).body(body));
        assert_eq!(error.kind(), ErrorKind::Protocol, "{error}");
        assert!(error.to_string().contains(said) && !error.to_string().contains("gAAAA"), "{error}");
    }
    // In a header, a token of a megabyte is no answer, and one that is no text is no token.
    for token in ["gAAAA".repeat(200_000), "gAAAAü".to_owned()] {
        let error =
            error_of(SwiftAuth::V1, Reply::new(200).header("X-Storage-Url", "{here}").header("X-Auth-Token", token));
        assert_eq!(error.kind(), ErrorKind::Protocol, "{error}");
        assert!(!error.to_string().contains("gAAAA"), "{error}");
    }
}

#[test]
fn an_answer_to_a_login_is_told_in_part_however_long_it_is() {
    let address = |url: String, region: String| json!([{"type": "object-store", "endpoints": [{"publicURL": url, "region": region}]}]);
    let (megabyte, short) = ("x".repeat(1 << 19), || "north".to_owned());
    let long_url = v2(&address(format!("http://{megabyte}/"), short()));
    let long_path = v2(&address(format!("{{here}}/{megabyte}"), short()));
    let no_text = v2(&address("http://\u{9b}2J\u{202e}/".to_owned(), short()));
    for login in [long_url, long_path, no_text] {
        let error = error_of(SwiftAuth::V2, login).to_string();
        assert!(error.contains("not a usable URL") && error.len() < 1000, "{error}");
        assert!(!error.contains(['\u{9b}', '\u{202e}']), "{error:?}");
    }
    let server = Server::start(v2(&address("{here}".to_owned(), megabyte)));
    let conf = SwiftConf { region: Some("south".to_owned()), ..server.conf(SwiftAuth::V2) };
    let error = server.read(&conf).unwrap_err().to_string();
    assert!(error.contains("the catalog has xxx") && error.len() < 1000, "{error}");
    // Nor is more than a megabyte read.
    let error = error_of(SwiftAuth::V2, Reply::new(200).body(vec![b' '; 2 << 20]));
    assert_eq!(error.kind(), ErrorKind::TooLarge, "{error}");
}

#[test]
fn refusals_of_a_login_have_their_kinds() {
    for (status, kind, says) in [
        (401, ErrorKind::BadCredentials, "user_name and password are not accepted"),
        (403, ErrorKind::Denied, "403"),
        (404, ErrorKind::Setup, "check auth_host and auth_ver"),
        (405, ErrorKind::Setup, "check auth_host and auth_ver"),
        (300, ErrorKind::Protocol, "300"),
        (429, ErrorKind::Throttled, "429"),
        (500, ErrorKind::Unavailable, "500"),
        (502, ErrorKind::Unavailable, "502"),
    ] {
        for auth in [SwiftAuth::V1, SwiftAuth::V2, SwiftAuth::V3] {
            let error = error_of(auth, Reply::new(status));
            assert_eq!(error.kind(), kind, "{error}");
            assert!(error.to_string().contains(says), "{error}");
        }
    }
}

#[test]
fn a_login_host_with_a_slash_at_its_end_is_the_same() {
    let server = Server::start(v1("{here}/v1"));
    let conf = SwiftConf { auth_host: format!("{}/", server.stub.host()), ..server.conf(SwiftAuth::V1) };
    server.read(&conf).unwrap();
    assert_eq!(server.sent().path, "/auth/v1.0");
}

#[test]
fn a_token_got_over_tls_is_never_sent_without_it() {
    let (plain, tokens) = listener();
    for scheme in ["http", "HTTP"] {
        for auth in [SwiftAuth::V1, SwiftAuth::V2, SwiftAuth::V3] {
            let url = format!("{scheme}://{}/v1/AUTH_x", plain.host());
            let endpoint = json!([{"type": "object-store", "endpoints": [
                {"interface": "public", "url": url, "publicURL": url},
            ]}]);
            let login = match auth {
                SwiftAuth::V1 => v1(&url),
                SwiftAuth::V2 => v2(&endpoint),
                SwiftAuth::V3 => v3(&endpoint),
            };
            let secure = Stub::start_tls(move |_| login.clone());
            let conf = SwiftConf { https: true, ca_file: Some(ca_file()), ..conf(&secure, auth) };
            let error = read(&conf).unwrap_err();
            assert_eq!((error.kind(), error.action()), (ErrorKind::Setup, "open"), "{error}");
            assert!(error.to_string().contains(&url) && error.to_string().contains("use_https"), "{error}");
        }
    }
    assert_eq!((plain.connections(), tokens.lock().unwrap().len()), (0, 0));
}

#[test]
fn a_storage_url_that_is_none_is_told_at_the_login() {
    for url in ["ftp://127.0.0.1/v1", "/v1/AUTH_x", "http://", "x y"] {
        let error = error_of(SwiftAuth::V1, v1(url));
        assert_eq!(error.kind(), ErrorKind::Setup, "{error}");
        assert!(error.to_string().contains(url), "{error}");
    }
}

#[test]
fn an_account_that_cannot_be_reached_is_told_with_the_address_that_the_login_named() {
    let elsewhere = "http://127.0.0.1:1/v1/AUTH_x";
    let server = Server::start(v1(elsewhere));
    let error = server.read(&server.conf(SwiftAuth::V1)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Connection);
    assert!(error.to_string().contains(&format!("asked at {elsewhere}, which the login named")), "{error}");
}
