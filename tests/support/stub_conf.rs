//! The configurations of stores at a server that a test makes up: bucket `bucket`, path style, no TLS.

use seaf_migrate::conf::Secret;
use seaf_migrate::conf::backend::{
    BackendConf, Location, OssConf, OssSignature, S3Conf, S3Credentials, S3Signature, StoreConf, SwiftAuth, SwiftConf,
};
use seaf_migrate::object::ObjectKind;

/// A bucket of S3 at `host`.
pub fn s3(host: &str, signature: S3Signature) -> S3Conf {
    S3Conf {
        bucket: "bucket".to_owned(),
        credentials: S3Credentials::Key { id: "id".to_owned(), secret: Secret::new("secret") },
        host: Some(host.to_owned()),
        region: None,
        signature,
        https: false,
        path_style: true,
        sse_c_key: None,
        ca_file: None,
    }
}

/// A bucket of OSS at `host`.
pub fn oss(host: &str) -> OssConf {
    OssConf {
        bucket: "bucket".to_owned(),
        key_id: "id".to_owned(),
        key: Secret::new("key"),
        endpoint: host.to_owned(),
        region: None,
        signature: OssSignature::V1,
        https: false,
        ca_file: None,
    }
}

/// A container of Swift whose login service is at `host`.
pub fn swift(host: &str) -> SwiftConf {
    SwiftConf {
        auth_host: host.to_owned(),
        auth: SwiftAuth::V1,
        user: "account:user".to_owned(),
        password: Secret::new("password"),
        tenant: None,
        domain: "default".to_owned(),
        region: None,
        container: "container".to_owned(),
        https: false,
        ca_file: None,
    }
}

/// Where the store of the blocks with this configuration is.
pub fn location(backend: BackendConf) -> Location {
    StoreConf::new(ObjectKind::Blocks, backend).location()
}
