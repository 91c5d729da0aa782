//! An S3 server inside the test process. Each bucket is a folder, signatures are checked, and faults can be ordered.
//!
//! It is `s3s` with the file store of `s3s-fs` on a free port of 127.0.0.1, with two changes: a missing bucket is
//! answered with `NoSuchBucket`, and a listing reads only the folders whose names it returns. Requests pass a layer first
//! that fails them as [`Faults`] says.
//!
//! Neither `tokio` nor anything else asynchronous is needed by the caller; the server has threads of
//! its own and ends with the value.
//!
//! ```ignore
//! let server = S3Server::start(dir.path(), "access", "secret");
//! std::fs::create_dir(dir.path().join("blocks"))?;         // a bucket
//! let store = S3Store::open(&server.conf("blocks"), …)?;
//! server.faults().fail(20, 500);                           // every fifth request answers 500
//! assert_eq!(server.faults().count("PUT"), 17);
//! ```
#![allow(dead_code, clippy::unwrap_used, missing_docs, unreachable_pub, unused_imports)]

#[path = "s3_server/buckets.rs"]
mod buckets;
#[path = "s3_server/faults.rs"]
mod faults;
#[path = "s3_server/front.rs"]
mod front;
#[path = "s3_server/tls.rs"]
mod tls;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use s3s::auth::{S3Auth, SecretKey};
use s3s::service::S3ServiceBuilder;
use s3s::{S3Result, s3_error};
use seaf_migrate::conf::{S3Conf, S3Credentials, S3Signature, Secret};
use tokio::runtime::Runtime;

pub use self::faults::{Faults, ListDialect, WrongGet, WrongList};

/// A running server; it ends when this is dropped.
pub struct S3Server {
    address: SocketAddr,
    https: bool,
    key: Arc<Mutex<Key>>,
    faults: Arc<Faults>,
    runtime: Option<Runtime>,
}

/// The one access key id that the server knows, and its secret.
#[derive(Clone)]
struct Key {
    access: String,
    secret: String,
    forgotten: bool,
}

impl S3Server {
    /// Serves the folders below `dir` as buckets to clients that sign with `access` and `secret`, with signature version 4 or
    /// 2. The bucket may be in the path, or in the host name before `localhost`.
    pub fn start(dir: &Path, access: &str, secret: &str) -> Self {
        Self::serve(dir, access, secret, false)
    }

    /// The same over https, with a certificate for `localhost`, `seafile-blocks.localhost` and 127.0.0.1 whose
    /// authority is [`S3Server::ca_file`].
    pub fn start_https(dir: &Path, access: &str, secret: &str) -> Self {
        Self::serve(dir, access, secret, true)
    }

    fn serve(dir: &Path, access: &str, secret: &str, https: bool) -> Self {
        let faults = Arc::new(Faults::default());
        let key = Arc::new(Mutex::new(Key { access: access.to_owned(), secret: secret.to_owned(), forgotten: false }));
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        let mut builder = S3ServiceBuilder::new(buckets::Buckets::new(dir, Arc::clone(&faults)));
        builder.set_auth(OneKey(Arc::clone(&key)));
        let hosts = [address.to_string(), format!("localhost:{}", address.port())];
        builder.set_host(s3s::host::MultiDomain::new(hosts).unwrap());
        let tls = https.then(tls::acceptor);
        runtime.spawn(front::accept(listener, tls, builder.build(), Arc::clone(&faults)));
        Self { address, https, key, faults, runtime: Some(runtime) }
    }

    /// The authority behind [`S3Server::start_https`], a PEM file.
    pub fn ca_file() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/s3_server/ca.pem")
    }

    /// From now on only this key is known.
    pub fn set_key(&self, access: &str, secret: &str) {
        *self.key.lock().unwrap() = Key { access: access.to_owned(), secret: secret.to_owned(), forgotten: false };
    }

    /// Whether the key is refused as one that nobody has.
    pub fn forget_key(&self, forgotten: bool) {
        self.key.lock().unwrap().forgotten = forgotten;
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// `host:port`, as the `host` option of seafile.conf takes it.
    pub fn endpoint(&self) -> String {
        self.address.to_string()
    }

    /// The faults of later requests, and counts of the requests so far.
    pub fn faults(&self) -> &Faults {
        &self.faults
    }

    /// The settings that reach `bucket` with the right key and signature version 4.
    pub fn conf(&self, bucket: &str) -> S3Conf {
        let Key { access, secret, .. } = self.key.lock().unwrap().clone();
        S3Conf {
            bucket: bucket.to_owned(),
            credentials: S3Credentials::Key { id: access, secret: Secret::new(secret) },
            host: Some(self.endpoint()),
            region: None,
            signature: S3Signature::V4,
            https: self.https,
            path_style: true,
            sse_c_key: None,
            ca_file: self.https.then(Self::ca_file),
        }
    }
}

impl Drop for S3Server {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // Its threads are waited for, because glibc may crash a process that lets go of a thread which is just ending.
            runtime.shutdown_timeout(Duration::from_secs(60));
        }
    }
}

/// Accepts one key id; every other gets Amazon's error code for an unknown one.
struct OneKey(Arc<Mutex<Key>>);

#[async_trait::async_trait]
impl S3Auth for OneKey {
    async fn get_secret_key(&self, access: &str) -> S3Result<SecretKey> {
        let key = self.0.lock().unwrap().clone();
        if access == key.access && !key.forgotten {
            return Ok(SecretKey::from(key.secret));
        }
        Err(s3_error!(InvalidAccessKeyId, "The AWS Access Key Id you provided does not exist in our records."))
    }
}
