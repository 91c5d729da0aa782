//! The typed settings of each backend, and the location that identifies a store.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use super::option_names::OptionNames;
use super::placement::Placement;
use super::role::Role;
use super::{CryptConf, Secret, host};
use crate::object::ObjectKind;

/// The storage backends of Seafile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Backend {
    /// A folder.
    Fs,
    /// Amazon S3 or a server that speaks its protocol.
    S3,
    /// Ceph RADOS.
    Ceph,
    /// OpenStack Swift.
    Swift,
    /// Alibaba Cloud OSS.
    Oss,
    /// Several of the others, one for each storage class. No section of seafile.conf names it.
    Classes,
}

impl Backend {
    /// Every backend that a seafile.conf can name, in the order of the documentation.
    pub const ALL: [Self; 5] = [Self::Fs, Self::S3, Self::Ceph, Self::Swift, Self::Oss];

    /// The name as in `name = …` of seafile.conf.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Fs => "fs",
            Self::S3 => "s3",
            Self::Ceph => "ceph",
            Self::Swift => "swift",
            Self::Oss => "oss",
            Self::Classes => "classes",
        }
    }
}

impl FromStr for Backend {
    type Err = UnknownBackend;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|backend| backend.as_str() == text).ok_or(UnknownBackend)
    }
}

/// The name is not one of Seafile's backends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not one of fs, s3, ceph, swift, oss")]
pub struct UnknownBackend;

impl fmt::Display for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The configuration of one store: its kind and its backend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreConf {
    /// The kind of the store's objects.
    pub kind: ObjectKind,
    /// The settings of its backend.
    pub backend: BackendConf,
    /// Whether the migration leaves the kind in this store: it is read on both sides, and never written.
    pub stays: bool,
    /// The side that it is of, in a migration; `None` where there is one side only.
    pub side: Option<Role>,
    /// Whether environment variables describe it, and not a seafile.conf.
    pub is_of_variables: bool,
    /// The key with which its objects are encrypted; `None` for plain ones.
    pub crypt: Option<CryptConf>,
    /// The storage class of which it is the store, or all that share it; `None` where there are no classes.
    pub class: Option<Arc<str>>,
}

/// The settings of a store's backend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BackendConf {
    /// A folder.
    Fs(FsConf),
    /// A bucket of S3.
    S3(S3Conf),
    /// A RADOS pool.
    Ceph(CephConf),
    /// A Swift container.
    Swift(SwiftConf),
    /// A bucket of OSS.
    Oss(OssConf),
    /// The stores of storage classes.
    Classes(ClassesConf),
}

/// A folder that holds `storage/<kind>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FsConf {
    /// The folder that holds `storage/`.
    pub dir: PathBuf,
}

/// How requests to S3 are signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum S3Signature {
    /// `Authorization: AWS <id>:<hmac-sha1>`, Seafile's default.
    V2,
    /// `AWS4-HMAC-SHA256`.
    V4,
}

/// The credentials with which requests to S3 are signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum S3Credentials {
    /// An access key from the configuration.
    Key {
        /// The access key id.
        id: String,
        /// The secret access key.
        secret: Secret,
    },
    /// A role, whose service gives the keys.
    Role(S3Role),
}

/// A role that gives keys for S3.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum S3Role {
    /// The role that the environment, a profile or the machine has (`S3_USE_IAM_ROLE`): the default credential chain.
    Default,
    /// A role that the machine's metadata service gives (`S3_IAM_ROLE_NAME`, `S3_IAM_ROLE_ENDPOINT`).
    Machine {
        /// Its name; `None` for the one that the service names.
        name: Option<String>,
        /// The URL of the service; `None` for the usual one.
        endpoint: Option<String>,
    },
}

/// A bucket of S3.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct S3Conf {
    /// The bucket.
    pub bucket: String,
    /// The credentials.
    pub credentials: S3Credentials,
    /// `host` or `host:port`; `None` stands for Amazon's endpoint of the region.
    pub host: Option<String>,
    /// `aws_region`.
    pub region: Option<String>,
    /// How requests are signed.
    pub signature: S3Signature,
    /// Whether https is used instead of http.
    pub https: bool,
    /// Whether URLs are `host/bucket/key` instead of `bucket.host/key`.
    pub path_style: bool,
    /// The 32-character key of server-side encryption with customer-provided keys (SSE-C).
    pub sse_c_key: Option<Secret>,
    /// `ca_file`: a PEM file of certificates to trust in addition to the system's.
    pub ca_file: Option<PathBuf>,
}

/// A RADOS pool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CephConf {
    /// The path of ceph.conf.
    pub config_file: PathBuf,
    /// The pool.
    pub pool: String,
    /// The client's name without `client.`; `None` stands for librados' default, `admin`.
    pub client_id: Option<String>,
}

/// How a Swift client logs in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SwiftAuth {
    /// `GET /auth/v1.0`.
    V1,
    /// Keystone `POST /v2.0/tokens`, Seafile's default.
    V2,
    /// Keystone `POST /v3/auth/tokens`.
    V3,
}

/// A Swift container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SwiftConf {
    /// `host:port` of the login service.
    pub auth_host: String,
    /// How to log in.
    pub auth: SwiftAuth,
    /// `user_name`.
    pub user: String,
    /// `password`.
    pub password: Secret,
    /// `tenant` (the project in v3); `None` only with v1.0.
    pub tenant: Option<String>,
    /// `domain`, for v3.
    pub domain: String,
    /// The region of the object store; `None` takes the first one.
    pub region: Option<String>,
    /// The container.
    pub container: String,
    /// Whether the login service is called over https.
    pub https: bool,
    /// `ca_file`: a PEM file of certificates to trust in addition to the system's.
    pub ca_file: Option<PathBuf>,
}

/// How requests to OSS are signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OssSignature {
    /// `OSS <id>:<hmac-sha1>`.
    V1,
    /// `OSS4-HMAC-SHA256`, needs the region.
    V4,
}

/// A bucket of OSS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OssConf {
    /// The bucket.
    pub bucket: String,
    /// The access key id.
    pub key_id: String,
    /// The access key secret.
    pub key: Secret,
    /// The endpoint's `host` or `host:port`, derived from `region` when only that is given.
    pub endpoint: String,
    /// The region, such as `cn-hangzhou`; `None` when it is not known.
    pub region: Option<String>,
    /// How requests are signed.
    pub signature: OssSignature,
    /// Whether https is used instead of http.
    pub https: bool,
    /// `ca_file`: a PEM file of certificates to trust in addition to the system's.
    pub ca_file: Option<PathBuf>,
}

/// The stores that one kind has in storage classes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClassesConf {
    /// The classes, in the order of the file; exactly one is the default.
    pub classes: Vec<ClassConf>,
    /// Where the libraries are; `None` until the database was asked.
    pub placement: Option<Arc<Placement>>,
}

/// The store that one kind has in one storage class.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClassConf {
    /// Its `storage_id`, by which the database names it.
    pub id: String,
    /// Whether it has the libraries of which the database says nothing.
    pub is_default: bool,
    /// The settings of its backend; never those of classes.
    pub backend: BackendConf,
}

impl StoreConf {
    /// A store that takes part in a migration.
    pub const fn new(kind: ObjectKind, backend: BackendConf) -> Self {
        Self { kind, backend, stays: false, side: None, is_of_variables: false, crypt: None, class: None }
    }

    /// What messages call the store: its side, where there are two, its kind and its class, such as `old blocks` or
    /// `blocks of class cold`.
    pub fn title(&self) -> String {
        let side = self.side.map_or_else(String::new, |side| format!("{side} "));
        let class = self.class.as_ref().map_or_else(String::new, |class| format!(" of class {class}"));
        format!("{side}{}{class}", self.kind)
    }

    /// What the user calls the options of the store.
    pub const fn option_names(&self) -> OptionNames {
        match &self.backend {
            BackendConf::S3(_) if self.is_of_variables => OptionNames::S3Variables(self.kind),
            BackendConf::Swift(_) => OptionNames::Swift,
            BackendConf::Oss(_) => OptionNames::Oss,
            BackendConf::S3(_) | BackendConf::Fs(_) | BackendConf::Ceph(_) | BackendConf::Classes(_) => OptionNames::S3,
        }
    }

    /// The location of this store. Two configurations have equal locations when, judged by their names, they reach the
    /// same objects. It holds no secret, and neither disk nor network is accessed.
    pub fn location(&self) -> Location {
        let (backend, place) = self.backend.place(self.kind);
        Location { backend, kind: self.kind, place }
    }
}

impl BackendConf {
    /// Backend and place of the store of a kind.
    fn place(&self, kind: ObjectKind) -> (Backend, String) {
        match self {
            Self::Fs(fs) => (Backend::Fs, format!("{}/storage/{kind}", fs.dir.display())),
            Self::S3(s3) => {
                let namespace = host::bucket_namespace(&s3.endpoint_host(), s3.https);
                (Backend::S3, format!("{namespace}/{}", s3.bucket))
            }
            Self::Ceph(ceph) => (Backend::Ceph, format!("{}/{}", ceph.config_file.display(), ceph.pool)),
            Self::Swift(swift) => (Backend::Swift, swift.place()),
            Self::Oss(oss) => {
                (Backend::Oss, format!("{}/{}", host::bucket_namespace(&oss.endpoint, oss.https), oss.bucket))
            }
            Self::Classes(classes) => {
                let of_class = |class: &Self| {
                    let (backend, place) = class.place(kind);
                    format!("{backend}:{place}")
                };
                (Backend::Classes, classes.place(of_class))
            }
        }
    }
}

impl S3Conf {
    /// The host of the endpoint, without the bucket.
    pub fn endpoint_host(&self) -> String {
        match (&self.host, &self.region) {
            (Some(host), _) => host.clone(),
            (None, Some(region)) if region.starts_with("cn-") => format!("s3.{region}.amazonaws.com.cn"),
            (None, Some(region)) => format!("s3.{region}.amazonaws.com"),
            (None, None) => "s3.amazonaws.com".to_owned(),
        }
    }
}

impl SwiftConf {
    /// Login host, region if given, domain if not the default, account and container.
    fn place(&self) -> String {
        let mut parts = vec![host::normal(&self.auth_host, self.https)];
        parts.extend(self.region.iter().map(|region| format!("region {region}")));
        if self.auth == SwiftAuth::V3 && self.domain != "default" {
            parts.push(format!("domain {}", self.domain));
        }
        // With v1.0 a user is `account:user`. Only the account counts, because all its users see the same containers.
        let account = self.user.split_once(':').map_or(self.user.as_str(), |(account, _)| account);
        parts.push(self.tenant.clone().unwrap_or_else(|| account.to_owned()));
        parts.push(self.container.clone());
        parts.join("/")
    }
}

/// Identifies a store. Messages show it, and an index belongs to the location of its destination.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Location {
    /// The backend.
    pub backend: Backend,
    /// The kind of object.
    pub kind: ObjectKind,
    /// The folder; endpoint and bucket; ceph.conf and pool; login host, account and container; or those of each class.
    pub place: String,
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.backend, self.place)
    }
}
