//! The suite over a real OpenStack Swift, with each way to log in, and over Ceph's Swift gateway.

use std::sync::Arc;

use http::Method;
use seaf_migrate::conf::Secret;
use seaf_migrate::conf::backend::{BackendConf, StoreConf, SwiftAuth, SwiftConf};
use seaf_migrate::object::ObjectKind;
use seaf_migrate::store::StoreError;
use seaf_migrate::store::backend::swift::SwiftStore;
use seaf_migrate::store::http::{HttpClient, HttpOptions, Request};

use super::harness::{FullStore, Harness};
use super::samples::LIBRARIES;
use crate::support::repeat::is_thorough;
use crate::support::skip::{Missing, variable};

/// The settings of an account, without a container.
fn keystone(server: &str, auth: SwiftAuth) -> Result<SwiftConf, Missing> {
    Ok(SwiftConf {
        tenant: Some(variable("SEAF_TEST_SWIFT_TENANT")?),
        domain: variable("SEAF_TEST_SWIFT_DOMAIN")?,
        region: Some(variable("SEAF_TEST_SWIFT_REGION")?),
        ..account(server, auth, "SEAF_TEST_SWIFT_USER", "SEAF_TEST_SWIFT_PASSWORD")?
    })
}

fn account(server: &str, auth: SwiftAuth, user: &str, password: &str) -> Result<SwiftConf, Missing> {
    Ok(SwiftConf {
        auth_host: variable(server)?.trim_start_matches("http://").to_owned(),
        auth,
        user: variable(user)?,
        password: Secret::new(variable(password)?),
        tenant: None,
        domain: "default".to_owned(),
        region: None,
        container: String::new(),
        https: false,
        ca_file: None,
    })
}

fn open(conf: &SwiftConf) -> Result<Arc<dyn FullStore>, StoreError> {
    Ok(Arc::new(store(conf)?))
}

fn store(conf: &SwiftConf) -> Result<SwiftStore, StoreError> {
    let backend = BackendConf::Swift(conf.clone());
    SwiftStore::open(conf, StoreConf::new(ObjectKind::Blocks, backend).location(), HttpOptions::default())
}

/// A login of the test's own, which makes containers and plants names.
struct Admin {
    client: HttpClient,
    token: String,
    url: String,
    conf: SwiftConf,
}

impl Admin {
    /// Logs in as `conf` says, with v3 where `conf` says v2.0: both reach the same account.
    fn new(conf: &SwiftConf) -> Self {
        let client = HttpClient::new(HttpOptions::default(), "test").unwrap();
        if conf.auth == SwiftAuth::V1 {
            let request = Request::new(Method::GET, &format!("http://{}/auth/v1.0", conf.auth_host)).unwrap();
            let answer = client
                .send(
                    &request
                        .header("x-auth-user", conf.user.parse().unwrap())
                        .header("x-auth-key", conf.password.expose().parse().unwrap()),
                )
                .unwrap();
            let header = |name| answer.header(name).unwrap().to_owned();
            let (token, url) = (header("x-auth-token"), header("x-storage-url"));
            return Self { client, token, url, conf: conf.clone() };
        }
        let domain = serde_json::json!({"id": conf.domain});
        let body = serde_json::json!({"auth": {
            "identity": {"methods": ["password"], "password": {"user":
                {"name": conf.user, "password": conf.password.expose(), "domain": domain}}},
            "scope": {"project": {"name": conf.tenant, "domain": domain}}}});
        let server = variable("SEAF_TEST_SWIFT_V3").unwrap();
        let request = Request::new(Method::POST, &format!("{server}/v3/auth/tokens"))
            .unwrap()
            .header("content-type", "application/json".parse().unwrap())
            .body(body.to_string().into());
        let answer = client.send(&request).unwrap();
        let catalog: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
        let services = catalog["token"]["catalog"].as_array().unwrap();
        let swift = services.iter().find(|service| service["type"] == "object-store").unwrap();
        let url = swift["endpoints"][0]["url"].as_str().unwrap().to_owned();
        Self { token: answer.header("x-subject-token").unwrap().to_owned(), client, url, conf: conf.clone() }
    }

    /// Puts an empty thing, container or object, at a path below the account.
    fn put(&self, path: &str) {
        let url = format!("{}/{path}", self.url.trim_end_matches('/'));
        let mut token = self.token.clone();
        let mut last = None;
        // On a busy machine the proxy sometimes refuses a token that Keystone has just given out, so a first 401 is no
        // result.
        for _ in 0..20 {
            let request = Request::new(Method::PUT, &url).unwrap().header("x-auth-token", token.parse().unwrap());
            let answer = self.client.send(&request).unwrap();
            if answer.status.is_success() {
                return;
            }
            last = Some(answer);
            std::thread::sleep(std::time::Duration::from_millis(250));
            token = Self::new(&self.conf).token;
        }
        panic!("{path}: {last:?}");
    }
}

/// An empty container of its own for each case and run, with a name that needs to be escaped.
fn harness_of(mut conf: SwiftConf, case: &str, biggest: usize) -> Harness {
    let admin = Admin::new(&conf);
    let escaped = format!("{case}-{}-%C3%A9%20%26%3F", fastrand::u64(..));
    conf.container = escaped.replace("%C3%A9%20%26%3F", "é &?");
    admin.put(&escaped);
    let absent = SwiftConf { container: format!("{} absent", conf.container), ..conf.clone() };
    let wrong = SwiftConf { password: Secret::new("not the password"), ..conf.clone() };
    Harness::new(store(&conf).unwrap())
        .biggest_listing(biggest)
        .without_container(move || open(&absent))
        .with_wrong_credentials(move || open(&wrong))
        .planting(move || {
            let strangers = [
                "0stranger".to_owned(),
                "readme.txt".to_owned(),
                format!("{}/{}.tmp", LIBRARIES[1], "0".repeat(40)),
                format!("{}/{}", LIBRARIES[1], "A".repeat(40)),
                format!("{}/short", LIBRARIES[2]),
                format!("{}/%E6%97%A5%E6%9C%AC", LIBRARIES[3]),
            ];
            strangers.iter().for_each(|name| admin.put(&format!("{escaped}/{name}")));
            strangers.len() as u64
        })
}

mod v1 {
    use super::*;

    fn harness(case: &str) -> Result<Harness, Missing> {
        let conf = account("SEAF_TEST_SWIFT_V1", SwiftAuth::V1, "SEAF_TEST_SWIFT_V1_USER", "SEAF_TEST_SWIFT_PASSWORD")?;
        // More than one page of 10,000 names in a thorough run only: so many take Swift a minute.
        Ok(harness_of(conf, case, if is_thorough() { 10_001 } else { 1_001 }))
    }

    conformance!("swift, login v1.0", harness);
}

/// v2.0 differs from v3 in its login alone, and the server is too slow to be asked everything twice.
mod v2 {
    use super::*;
    use crate::{harness, listings, objects, refusals};

    fn harness(case: &str) -> Result<Harness, Missing> {
        Ok(harness_of(keystone("SEAF_TEST_SWIFT_V2", SwiftAuth::V2)?, case, 100))
    }

    #[test]
    fn what_needs_a_login() {
        for (name, case) in [
            ("comes_back_as_it_went", objects::comes_back_as_it_went as fn(&Harness)),
            ("foreign_names_are_counted", listings::foreign_names_are_counted),
            ("missing_container", refusals::missing_container),
            ("wrong_credentials", refusals::wrong_credentials),
        ] {
            harness::run("swift, login v2.0", name, harness, case);
        }
    }
}

/// Tokens of this server live for three seconds.
mod expiry {
    use std::time::{Duration, Instant};

    use seaf_migrate::object::KeyRange;

    use super::*;
    use crate::harness;
    use crate::samples::{assert_lists, content, keys};

    fn harness(case: &str) -> Result<Harness, Missing> {
        let (user, password) = ("SEAF_TEST_SWIFT_V1_SHORT_USER", "SEAF_TEST_SWIFT_PASSWORD");
        Ok(harness_of(account("SEAF_TEST_SWIFT_V1_SHORT", SwiftAuth::V1, user, password)?, case, 100))
    }

    /// Eight workers write and read for as long as three tokens live.
    fn loses_nothing(harness: &Harness) {
        let (keys, store, began) = (keys(80), &harness.store, Instant::now());
        std::thread::scope(|scope| {
            for mine in keys.chunks(10) {
                scope.spawn(move || {
                    while began.elapsed() < Duration::from_secs(10) {
                        for key in mine {
                            store.write(key, content(key)).unwrap();
                            assert_eq!(store.read(key).unwrap(), content(key));
                        }
                    }
                });
            }
        });
        assert_lists(store, KeyRange::ALL, &keys);
    }

    #[test]
    fn tokens_that_expire_lose_nothing() {
        harness::run("swift, tokens of three seconds", "tokens_that_expire_lose_nothing", harness, loses_nothing);
    }
}

mod v3 {
    use super::*;

    fn harness(case: &str) -> Result<Harness, Missing> {
        Ok(harness_of(keystone("SEAF_TEST_SWIFT_V3", SwiftAuth::V3)?, case, 100))
    }

    conformance!("swift, login v3", harness);
}

mod gateway {
    use super::*;

    fn harness(case: &str) -> Result<Harness, Missing> {
        let (user, password) = ("SEAF_TEST_RGW_SWIFT_USER", "SEAF_TEST_RGW_SWIFT_PASSWORD");
        Ok(harness_of(
            account("SEAF_TEST_RGW", SwiftAuth::V1, user, password)?,
            case,
            if is_thorough() { 25_000 } else { 10_001 },
        ))
    }

    conformance!("swift, ceph gateway", harness);
}
