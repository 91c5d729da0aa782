//! Places that objects can be moved to and from: three folders, buckets, pools or containers of a test's own, which are
//! removed with the value.

use std::sync::LazyLock;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::{BehaviorVersion, Builder, Credentials, Region};
use http::Method;
use seaf_migrate::conf::Backend;
use seaf_migrate::object::ObjectKind;
use seaf_migrate::store::http::{HttpClient, HttpOptions, Request};

use super::ceph::{Pool, Shared};
use super::oss_server::{self, OssServer};
use super::pass;
use super::skip::{Missing, variable};

/// What the other client runs on: its connections go on while nobody waits.
static RUNTIME: LazyLock<tokio::runtime::Runtime> =
    LazyLock::new(|| tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap());

/// Runs what the other client does to its end.
pub fn block_on<F: Future>(future: F) -> F::Output {
    RUNTIME.block_on(future)
}

/// How a client speaks to a server: each test uses another mix, so that all are used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// S3 and OSS with V4 signatures, Swift's v3 login.
    New,
    /// S3 and OSS with V2 and V1 signatures, the bucket in the host, Swift's v2.0 login.
    Old,
    /// S3 with https, Swift with the login v1.0, otherwise as `New`.
    Other,
}

/// Three stores, one a kind.
#[allow(clippy::large_enum_variant, reason = "a test holds five of them")]
pub enum Place {
    Fs(tempfile::TempDir),
    S3(Buckets),
    Ceph([Pool; 3]),
    Swift(Containers),
    Oss(OssServer),
}

impl Place {
    /// Empty stores; `form` matters to Swift, where each login leads to an account of its own.
    pub fn new(backend: Backend, form: Form) -> Result<Self, Missing> {
        Ok(match backend {
            Backend::Fs => Self::Fs(tempfile::tempdir().unwrap()),
            Backend::S3 => Self::S3(Buckets::new()?),
            Backend::Ceph => Self::Ceph([Pool::new()?, Pool::new()?, Pool::new()?]),
            Backend::Swift => Self::Swift(Containers::new(Account::of(form)?)),
            Backend::Oss => {
                let server = OssServer::start();
                ObjectKind::ALL.iter().for_each(|kind| server.create_bucket(&format!("seaf-{kind}")));
                Self::Oss(server)
            }
            Backend::Classes => unreachable!("a place is one of each kind"),
        })
    }

    /// The lines of a section of seafile.conf.
    pub fn section(&self, kind: ObjectKind, form: Form) -> String {
        match self {
            Self::Fs(dir) => format!("name = fs\ndir = {}\n", dir.path().display()),
            Self::S3(buckets) => buckets.section(kind, form),
            Self::Ceph(pools) => {
                let conf = &pools[kind.index()].conf;
                format!("name = ceph\nceph_config = {}\npool = {}\n", conf.config_file.display(), conf.pool)
            }
            Self::Swift(containers) => containers.account.section(&containers.names[kind.index()], form),
            Self::Oss(server) => oss_section(server, kind, form),
        }
    }
}

fn oss_section(server: &OssServer, kind: ObjectKind, form: Form) -> String {
    let (id, secret, region, port) = (oss_server::KEY_ID, oss_server::SECRET, oss_server::REGION, server.port());
    let how = match form {
        Form::Old => format!("endpoint = oss.localhost:{port}\nsignature_version = v1\n"),
        Form::New | Form::Other => {
            format!("endpoint = 127.0.0.1:{port}\nregion = {region}\nsignature_version = v4\n")
        }
    };
    format!("name = oss\nbucket = seaf-{kind}\nkey_id = {id}\nkey = {secret}\n{how}")
}

/// Three buckets of Ceph's gateway.
pub struct Buckets {
    _cluster: Shared,
    client: Client,
    names: [String; 3],
}

impl Buckets {
    fn new() -> Result<Self, Missing> {
        let credentials =
            Credentials::new(variable("SEAF_TEST_RGW_KEY_ID")?, variable("SEAF_TEST_RGW_KEY")?, None, None, "test");
        let config = Builder::new()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .endpoint_url(variable("SEAF_TEST_RGW")?)
            .force_path_style(true)
            .credentials_provider(credentials)
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .build();
        let names = ObjectKind::ALL.map(|kind| format!("seaf-pairs-{kind}-{:08x}", fastrand::u32(..)));
        let buckets = Self { _cluster: Shared::new(), client: Client::from_conf(config), names };
        for name in &buckets.names {
            block_on(buckets.client.create_bucket().bucket(name).send()).unwrap();
        }
        Ok(buckets)
    }

    fn section(&self, kind: ObjectKind, form: Form) -> String {
        let get = |name| variable(name).unwrap();
        let (id, secret, bucket) = (get("SEAF_TEST_RGW_KEY_ID"), get("SEAF_TEST_RGW_KEY"), &self.names[kind.index()]);
        let host = get("SEAF_TEST_RGW").trim_start_matches("http://").to_owned();
        let (_, port) = host.rsplit_once(':').unwrap();
        let how = match form {
            Form::New => format!("host = {host}\nuse_v4_signature = true\npath_style_request = true\n"),
            Form::Old => format!("host = localhost:{port}\nuse_v4_signature = false\n"),
            Form::Other => {
                let (url, ca) = (get("SEAF_TEST_RGW_HTTPS"), get("SEAF_TEST_RGW_CA"));
                let host = url.trim_start_matches("https://");
                format!(
                    "host = {host}\nuse_https = true\nca_file = {ca}\nuse_v4_signature = true\npath_style_request = true\n"
                )
            }
        };
        format!("name = s3\nbucket = {bucket}\nkey_id = {id}\nkey = {secret}\n{how}")
    }
}

impl Drop for Buckets {
    fn drop(&mut self) {
        pass::empty(|kind| self.section(kind, Form::New));
        for name in &self.names {
            let _ = block_on(self.client.delete_bucket().bucket(name).send());
        }
    }
}

/// Who logs in to Swift, and where.
#[derive(Clone)]
pub struct Account {
    server: Server,
}

#[derive(Clone)]
enum Server {
    V1 { host: String, user: String },
    Keystone,
}

impl Account {
    fn of(form: Form) -> Result<Self, Missing> {
        let server = match form {
            Form::Other => {
                Server::V1 { host: variable("SEAF_TEST_SWIFT_V1")?, user: variable("SEAF_TEST_SWIFT_V1_USER")? }
            }
            Form::New | Form::Old => variable("SEAF_TEST_SWIFT_V3").map(|_| Server::Keystone)?,
        };
        Ok(Self { server })
    }

    /// The account whose tokens live for three seconds.
    pub fn short() -> Result<Self, Missing> {
        let (host, user) = (variable("SEAF_TEST_SWIFT_V1_SHORT")?, variable("SEAF_TEST_SWIFT_V1_SHORT_USER")?);
        Ok(Self { server: Server::V1 { host, user } })
    }

    fn section(&self, container: &str, form: Form) -> String {
        let get = |name| variable(name).unwrap();
        let bare = |url: &str| url.trim_start_matches("http://").to_owned();
        let how = match &self.server {
            Server::V1 { host, user } => {
                format!("auth_ver = v1.0\nauth_host = {}\nuser_name = {user}\n", bare(host))
            }
            Server::Keystone => {
                let (version, server) = match form {
                    Form::Old => ("v2.0", "SEAF_TEST_SWIFT_V2"),
                    Form::New | Form::Other => ("v3", "SEAF_TEST_SWIFT_V3"),
                };
                let (user, tenant) = (get("SEAF_TEST_SWIFT_USER"), get("SEAF_TEST_SWIFT_TENANT"));
                let (host, region) = (bare(&get(server)), get("SEAF_TEST_SWIFT_REGION"));
                format!(
                    "auth_ver = {version}\nauth_host = {host}\nuser_name = {user}\ntenant = {tenant}\nregion = {region}\n"
                )
            }
        };
        format!("name = swift\ncontainer = {container}\npassword = {}\n{how}", get("SEAF_TEST_SWIFT_PASSWORD"))
    }

    /// A token and the account's address.
    fn login(&self, client: &HttpClient) -> (String, String) {
        let password = variable("SEAF_TEST_SWIFT_PASSWORD").unwrap();
        if let Server::V1 { host, user } = &self.server {
            let request = Request::new(Method::GET, &format!("{host}/auth/v1.0")).unwrap();
            let request = request.header("x-auth-user", user.parse().unwrap());
            let answer = client.send(&request.header("x-auth-key", password.parse().unwrap())).unwrap();
            let header = |name| answer.header(name).unwrap().to_owned();
            return (header("x-auth-token"), header("x-storage-url"));
        }
        let domain = serde_json::json!({"id": variable("SEAF_TEST_SWIFT_DOMAIN").unwrap()});
        let (user, tenant) = (variable("SEAF_TEST_SWIFT_USER").unwrap(), variable("SEAF_TEST_SWIFT_TENANT").unwrap());
        let body = serde_json::json!({"auth": {
            "identity": {"methods": ["password"],
                "password": {"user": {"name": user, "password": password, "domain": domain}}},
            "scope": {"project": {"name": tenant, "domain": domain}}}});
        let url = format!("{}/v3/auth/tokens", variable("SEAF_TEST_SWIFT_V3").unwrap());
        let request = Request::new(Method::POST, &url).unwrap();
        let request = request.header("content-type", "application/json".parse().unwrap());
        let answer = client.send(&request.body(body.to_string().into())).unwrap();
        let catalog: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
        let services = catalog["token"]["catalog"].as_array().unwrap();
        let swift = services.iter().find(|service| service["type"] == "object-store").unwrap();
        let url = swift["endpoints"][0]["url"].as_str().unwrap().to_owned();
        (answer.header("x-subject-token").unwrap().to_owned(), url)
    }
}

/// Three containers of Swift.
pub struct Containers {
    account: Account,
    client: HttpClient,
    names: [String; 3],
}

impl Containers {
    pub fn new(account: Account) -> Self {
        let names = ObjectKind::ALL.map(|kind| format!("seaf-pairs-{kind}-{:08x}", fastrand::u32(..)));
        let containers = Self { account, client: HttpClient::new(HttpOptions::default(), "test").unwrap(), names };
        containers.each(&Method::PUT);
        containers
    }

    fn each(&self, method: &Method) {
        let mut login = self.account.login(&self.client);
        let mut ask = |name: &str| {
            let (token, url) = &login;
            let request = Request::new(method.clone(), &format!("{}/{name}", url.trim_end_matches('/'))).unwrap();
            let answer = self.client.send(&request.header("x-auth-token", token.parse().unwrap())).unwrap();
            if answer.status == http::StatusCode::UNAUTHORIZED {
                login = self.account.login(&self.client);
            }
            answer
        };
        for name in &self.names {
            // Asked again, because a token of three seconds may end between two requests of a busy machine.
            let answer = (0..10).map(|_| ask(name)).find(|answer| answer.status != http::StatusCode::UNAUTHORIZED);
            let answer = answer.expect("one of ten tokens outlives a request");
            assert!(answer.status.is_success() || std::thread::panicking(), "{method} {name}: {answer:?}");
        }
    }
}

impl Drop for Containers {
    fn drop(&mut self) {
        pass::empty(|kind| self.account.section(&self.names[kind.index()], Form::New));
        self.each(&Method::DELETE);
    }
}
