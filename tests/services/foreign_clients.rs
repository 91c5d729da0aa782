//! Amazon's and OpenStack's own clients for Python against the real servers: they read what we wrote, and we read what
//! they wrote. (Ceph's `rados` does so in tests/conformance/ceph.rs, Alibaba's SDK in tests/services/oss_sdk.rs.)
//!
//! Needs python3 with venv, PyPI once, and the servers of scripts/services.sh; otherwise SKIPPED, which
//! `SEAF_MIGRATE_REQUIRE_ALL=1` forbids.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use bytes::Bytes;
use seaf_migrate::conf::backend::{BackendConf, StoreConf, SwiftAuth, SwiftConf};
use seaf_migrate::conf::{S3Conf, S3Credentials, S3Signature, Secret};
use seaf_migrate::object::{KeyRange, ObjectKey, ObjectKind};
use seaf_migrate::store::layer::retry::RetryPolicy;
use seaf_migrate::store::open::{OpenOptions, open_destination};
use seaf_migrate::store::{Part, WriteStore};
use seaf_migrate::sys::shutdown::Shutdown;
use sha1::{Digest, Sha1};

use crate::support::ceph::Shared;
use crate::support::python;
use crate::support::skip::{Missing, skip, variable};

const PACKAGES: [&str; 3] = ["boto3==1.44.5", "python-swiftclient==4.11.0", "python-keystoneclient==6.0.0"];

fn python() -> Result<PathBuf, Missing> {
    static PYTHON: OnceLock<Result<PathBuf, Missing>> = OnceLock::new();
    let imports = "import boto3, swiftclient, keystoneclient";
    PYTHON.get_or_init(|| python::with_packages("foreign-clients", imports, &PACKAGES)).clone()
}

fn keys(from: usize) -> Vec<ObjectKey> {
    let id = |n: usize| format!("3f8a9c1e-7b42-4d0e-9a55-0c1d2e3f4a5b/{:040x}", n * 7919);
    (from..from + 25).map(|n| id(n).parse().unwrap()).collect()
}

/// 0 to 9,180 bytes, every byte value among them.
fn content(key: &ObjectKey) -> Bytes {
    key.to_bytes().repeat(usize::from(key.id.as_bytes()[19])).into()
}

fn open(backend: BackendConf) -> std::sync::Arc<dyn WriteStore> {
    let conf = StoreConf::new(ObjectKind::Blocks, backend);
    let options = OpenOptions::new(1, std::time::Duration::from_secs(60), RetryPolicy::default(), &Shutdown::new());
    open_destination(&conf, &options).unwrap()
}

/// We write and the client reads, then the client writes and we read. `client` calls the script with an action, its
/// connection and further arguments.
fn exchange(store: &dyn WriteStore, client: &dyn Fn(&[&str]) -> String) {
    let (ours, theirs) = (keys(1), keys(100));
    ours.iter().for_each(|key| store.write(key, content(key)).unwrap());
    let sha1 = |data: &[u8]| Sha1::digest(data).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let expected: String = ours.iter().map(|key| format!("{key} {}\n", sha1(&content(key)))).collect();
    assert_eq!(client(&["read"]), expected);

    let names: Vec<String> = theirs.iter().map(ToString::to_string).collect();
    client(&[vec!["write"], names.iter().map(String::as_str).collect()].concat());
    let page = store.list(&Part::new(KeyRange::ALL)).unwrap();
    assert!(page.objects.iter().map(|listed| listed.key).eq(ours.into_iter().chain(theirs.clone())));
    for key in theirs {
        let data = store.read(&key).unwrap();
        assert_eq!(data, [b"\x00\xffanother client wrote ", key.to_string().as_bytes()].concat());
        assert_eq!(store.size(&key).unwrap(), data.len() as u64);
    }
}

/// The script with a client's connection: a JSON text, so that the secrets are in no list of arguments.
fn script(python: &Path, connection: &serde_json::Value, arguments: &[&str]) -> String {
    let mut command = Command::new(python);
    command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/foreign_clients.py")).args(arguments);
    command.env("CONNECTION", connection.to_string()).env("PYTHONDONTWRITEBYTECODE", "1");
    python::run(&mut command).unwrap()
}

/// Makes the bucket or container, exchanges objects, removes it.
fn with_container(python: &Path, connection: &serde_json::Value, backend: impl Fn() -> BackendConf) {
    let client = |arguments: &[&str]| script(python, connection, arguments);
    client(&["create"]);
    let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| exchange(&*open(backend()), &client)));
    client(&["remove"]);
    result.unwrap();
}

/// `signature` is ours. Theirs is V4: what their V2 signs of a bucket in the path is not what Ceph expects there.
fn s3(signature: S3Signature) -> Result<(), Missing> {
    let python = python()?;
    let (url, id, key) =
        (variable("SEAF_TEST_RGW")?, variable("SEAF_TEST_RGW_KEY_ID")?, variable("SEAF_TEST_RGW_KEY")?);
    let _cluster = Shared::new();
    let bucket = format!("seaf-foreign-{:08x}", fastrand::u32(..));
    let connection = serde_json::json!({
        "client": "s3", "url": url, "id": id, "key": key, "container": bucket});
    with_container(&python, &connection, || {
        BackendConf::S3(S3Conf {
            bucket: bucket.clone(),
            credentials: S3Credentials::Key { id: id.clone(), secret: Secret::new(key.clone()) },
            host: Some(url.trim_start_matches("http://").to_owned()),
            region: Some("us-east-1".to_owned()),
            signature,
            https: false,
            path_style: true,
            sse_c_key: None,
            ca_file: None,
        })
    });
    Ok(())
}

#[test]
fn boto3_and_we_read_what_the_other_wrote() {
    for (signature, what) in [(S3Signature::V4, "boto3, we sign V4"), (S3Signature::V2, "boto3, we sign V2")] {
        if let Err(Missing(why)) = s3(signature) {
            skip(what, why);
        }
    }
}

fn swift(auth: SwiftAuth) -> Result<(), Missing> {
    let python = python()?;
    let (version, server, user) = match auth {
        SwiftAuth::V1 => ("1", "SEAF_TEST_SWIFT_V1", "SEAF_TEST_SWIFT_V1_USER"),
        _ => ("3", "SEAF_TEST_SWIFT_V3", "SEAF_TEST_SWIFT_USER"),
    };
    let (url, user, password) = (variable(server)?, variable(user)?, variable("SEAF_TEST_SWIFT_PASSWORD")?);
    let (tenant, domain) = (variable("SEAF_TEST_SWIFT_TENANT")?, variable("SEAF_TEST_SWIFT_DOMAIN")?);
    let container = format!("seaf-foreign-{:08x}", fastrand::u32(..));
    let login = if auth == SwiftAuth::V1 { format!("{url}/auth/v1.0") } else { format!("{url}/v3") };
    let connection = serde_json::json!({
        "client": "swift", "url": login, "version": version, "user": user, "password": password,
        "tenant": tenant, "domain": domain, "container": container});
    with_container(&python, &connection, || {
        BackendConf::Swift(SwiftConf {
            auth_host: url.trim_start_matches("http://").to_owned(),
            auth,
            user: user.clone(),
            password: Secret::new(password.clone()),
            tenant: (auth != SwiftAuth::V1).then(|| tenant.clone()),
            domain: domain.clone(),
            region: None,
            container: container.clone(),
            https: false,
            ca_file: None,
        })
    });
    Ok(())
}

#[test]
fn swiftclient_and_we_read_what_the_other_wrote() {
    for (auth, what) in [(SwiftAuth::V1, "swiftclient, login v1.0"), (SwiftAuth::V3, "swiftclient, login v3")] {
        if let Err(Missing(why)) = swift(auth) {
            skip(what, why);
        }
    }
}
