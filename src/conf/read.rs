//! Makes typed backend settings from one `[…_backend]` section, or from the variables that stand for it.

use std::path::{Path, PathBuf};

use strsim::levenshtein;

use super::aliases::meant_option;
use super::backend::{
    Backend, BackendConf, CephConf, FsConf, OssConf, OssSignature, S3Conf, S3Credentials, S3Role, S3Signature,
    SwiftAuth, SwiftConf,
};
use super::find::volume_data;
use super::options::{Options, hint};
use super::side::Role;
use super::staying::Staying;
use super::{host, path};

/// The settings that affect a section and are given outside of it.
pub(crate) struct Context<'a> {
    /// Whether the side is the source or the destination.
    pub(crate) role: Role,
    /// The seafile-data folder; `None` when it is not known.
    pub(crate) data_dir: Option<&'a Path>,
    /// Whether paths are checked on disk; otherwise they are used as they are written.
    pub(crate) disk: bool,
    /// `S3_USE_IAM_ROLE`, which Seafile also applies to the stores of a seafile.conf.
    pub(crate) iam_role: Option<S3Role>,
    /// Whether a key of the store's own counts more than that role, which only the environment of this process speaks of.
    pub(crate) keys_first: bool,
    /// What decides which kinds stay; `None` for a side without another one.
    pub(crate) staying: Option<Staying<'a>>,
}

/// Options that earlier versions of Seafile had in these sections. They are ignored without a warning.
const LEGACY: [&str; 2] = ["memcached_options", "redis_options"];

pub(crate) const fn options_of(backend: Backend) -> &'static [&'static str] {
    match backend {
        Backend::Fs => &["name", "dir"],
        Backend::S3 => &[
            "name",
            "bucket",
            "key_id",
            "key",
            "host",
            "use_v4_signature",
            "aws_region",
            "use_https",
            "path_style_request",
            "sse_c_key",
            "ca_file",
        ],
        Backend::Ceph => &["name", "ceph_config", "pool", "ceph_client_id"],
        Backend::Swift => &[
            "name",
            "user_name",
            "password",
            "container",
            "auth_host",
            "auth_ver",
            "tenant",
            "region",
            "domain",
            "use_https",
            "ca_file",
        ],
        Backend::Oss => {
            &["name", "key_id", "key", "bucket", "endpoint", "region", "use_https", "signature_version", "ca_file"]
        }
        Backend::Classes => &[],
    }
}

/// Reads the settings of a section; `None` after adding an error when they are invalid.
pub(crate) fn read_section(options: &mut Options<'_>, context: &Context<'_>) -> Option<BackendConf> {
    let name = options.text("name").unwrap_or_else(|| "fs".to_owned());
    let Ok(backend) = name.parse::<Backend>() else {
        let problem = format!("{name:?} is not a backend{}", hint(&name));
        options.error("name", problem, Backend::ALL.map(Backend::as_str).join(", "));
        return None;
    };
    warn_of_unknown(options, backend);
    match backend {
        Backend::Fs => read_fs(options, context).map(BackendConf::Fs),
        Backend::S3 => read_s3(options, context, S3Defaults::FILE).map(BackendConf::S3),
        Backend::Ceph => read_ceph(options, context).map(BackendConf::Ceph),
        Backend::Swift => read_swift(options, context).map(BackendConf::Swift),
        Backend::Oss => read_oss(options, context).map(BackendConf::Oss),
        Backend::Classes => None,
    }
}

fn warn_of_unknown(options: &mut Options<'_>, backend: Backend) {
    let known = options_of(backend);
    for name in options.names() {
        if known.contains(&name.as_str()) || LEGACY.contains(&name.as_str()) {
            continue;
        }
        let of_other = Backend::ALL.into_iter().any(|other| options_of(other).contains(&name.as_str()));
        let nearest = known.iter().min_by_key(|option| levenshtein(option, &name));
        let near = nearest.copied().filter(|option| levenshtein(option, &name) <= 2);
        let problem = match meant_option(backend, &name).or_else(|| near.filter(|_| !of_other)) {
            Some(meant) => format!("is not known, did you mean {meant}? It is not used"),
            None if of_other => format!("is not an option of the {backend} backend; it is not used"),
            None => format!("is not known; the {backend} backend has {}", known.join(", ")),
        };
        options.warn(&name, problem);
    }
}

/// Reads the settings of a folder: `dir`, or the seafile-data folder when `dir` is absent.
pub(crate) fn read_fs(options: &mut Options<'_>, context: &Context<'_>) -> Option<FsConf> {
    const ALLOWED: &str = "the absolute path of the folder that holds storage/";
    let given = options.has("dir");
    let dir = match context.data_dir {
        _ if given => options.path("dir", ALLOWED)?,
        Some(data_dir) => data_dir.to_owned(),
        None => {
            let problem = "there is no dir, and the seafile-data folder that stands for it is not known";
            options.file_error(problem, "dir, or --data-dir with the seafile-data folder");
            return None;
        }
    };
    if !context.disk {
        return Some(FsConf { dir });
    }
    let dir = path::resolve(&dir);
    let (needed, allowed) = match context.role {
        Role::Source => (dir.join("storage"), "the folder that holds storage/ with commits, fs and blocks in it"),
        Role::Destination => (dir.clone(), "a folder that exists; storage/ is made in it"),
    };
    let volume = volume_data(&dir);
    if let (Role::Destination, true, Some(inner)) = (context.role, given, &volume) {
        let problem = format!("is the volume of a server in Docker, whose own store is in {}", inner.display());
        options.warn("dir", problem);
    }
    let allowed = match &volume {
        Some(inner) => format!("{allowed}: {}", inner.display()),
        None => allowed.to_owned(),
    };
    let problem = match std::fs::metadata(&needed) {
        Ok(found) if found.is_dir() => return Some(FsConf { dir }),
        Ok(_) => format!("{} is not a folder", needed.display()),
        Err(error) => format!("{}: {error}", needed.display()),
    };
    if given {
        options.error("dir", problem, allowed);
    } else {
        options.file_error(problem, format!("dir or --data-dir with {allowed}"));
    }
    None
}

/// What Seafile takes where an S3 store does not say it; the file and the environment differ.
#[derive(Clone, Copy)]
pub(crate) struct S3Defaults {
    /// `use_https`.
    pub(crate) https: bool,
    /// `use_v4_signature`.
    pub(crate) v4: bool,
}

impl S3Defaults {
    /// Those of a seafile.conf.
    pub(crate) const FILE: Self = Self { https: false, v4: false };
    /// Those of environment variables.
    pub(crate) const ENVIRONMENT: Self = Self { https: true, v4: true };
}

/// Reads the settings of an S3 bucket. Without host and region it is Amazon's in us-east-1.
pub(crate) fn read_s3(options: &mut Options<'_>, context: &Context<'_>, defaults: S3Defaults) -> Option<S3Conf> {
    let bucket = options.container("bucket", "bucket");
    let credentials = s3_credentials(options, context);
    let has_host = options.text("host").is_some();
    let host = options.host("host");
    let region = options.word("aws_region");
    let v4 = options.boolean("use_v4_signature", defaults.v4);
    let https = options.boolean("use_https", defaults.https);
    let path_style = options.boolean("path_style_request", false);
    let sse_c_key = match options.text("sse_c_key") {
        Some(_) => Some(s3_sse_c_key(options, v4, https)?),
        None => None,
    };
    let ca_file = read_ca_file(options, context, https);
    if has_host && host.is_none() {
        return None;
    }
    Some(S3Conf {
        bucket: bucket?,
        credentials: credentials?,
        region: region.or_else(|| (v4 || host.is_none()).then(|| "us-east-1".to_owned())),
        host,
        signature: if v4 { S3Signature::V4 } else { S3Signature::V2 },
        https,
        path_style,
        sse_c_key,
        ca_file,
    })
}

fn s3_credentials(options: &mut Options<'_>, context: &Context<'_>) -> Option<S3Credentials> {
    let has_keys = options.text("key_id").is_some() && options.text("key").is_some();
    if let Some(role) = context.iam_role.as_ref().filter(|_| !(context.keys_first && has_keys)) {
        if options.has("key_id") || options.has("key") {
            options.warn("key_id", "is not used, because S3_USE_IAM_ROLE is true");
        }
        return Some(S3Credentials::Role(role.clone()));
    }
    let id = options.required("key_id", "the access key id");
    let secret = options.secret("key", "the secret access key");
    Some(S3Credentials::Key { id: id?, secret: secret? })
}

/// The role of the machine, where `S3_USE_IAM_ROLE` is true: of the options `use_iam_role`, `iam_role_name` and
/// `iam_role_endpoint`.
pub(crate) fn read_iam_role(options: &mut Options<'_>) -> Option<S3Role> {
    if !options.boolean("use_iam_role", false) {
        return None;
    }
    const SERVICE: &str = "the URL of the metadata service such as http://169.254.169.254";
    let name = options.text("iam_role_name");
    let given = options.text("iam_role_endpoint");
    // What is asked below it is known, so a whole address of the credentials is cut there.
    let endpoint = given.map(|url| url.split("/latest/").next().unwrap_or_default().trim_end_matches('/').to_owned());
    if endpoint.as_deref().is_some_and(|url| !url.starts_with("http://") && !url.starts_with("https://")) {
        options.error("iam_role_endpoint", "is not a URL", SERVICE);
    }
    Some(match (name, endpoint) {
        (None, None) => S3Role::Default,
        (name, endpoint) => S3Role::Machine { name, endpoint },
    })
}

fn s3_sse_c_key(options: &mut Options<'_>, v4: bool, https: bool) -> Option<super::Secret> {
    let key = options.secret("sse_c_key", "a key of 32 characters")?;
    let length = key.expose().len();
    if length != 32 {
        options.error("sse_c_key", format!("is {length} bytes long"), "a key of 32 characters (ASCII)");
    }
    if !v4 || !https {
        let problem = "encryption with a key of your own needs V4 signatures and https";
        let (v4, https) = (options.shown("use_v4_signature"), options.shown("use_https"));
        options.error("sse_c_key", problem, format!("{v4} = true and {https} = true beside it"));
    }
    Some(key)
}

fn read_ceph(options: &mut Options<'_>, context: &Context<'_>) -> Option<CephConf> {
    let config_file = options.path("ceph_config", "the absolute path of ceph.conf");
    let pool = options.container("pool", "pool");
    let client_id = options.text("ceph_client_id");
    if client_id.as_deref().is_some_and(|id| id.starts_with("client.")) {
        options.error("ceph_client_id", "starts with client.", "the name without client.");
    }
    let config_file = config_file?;
    if context.disk {
        options.readable("ceph_config", &config_file);
    }
    let config_file = if context.disk { path::resolve(&config_file) } else { config_file };
    Some(CephConf { config_file, pool: pool?, client_id })
}

fn read_swift(options: &mut Options<'_>, context: &Context<'_>) -> Option<SwiftConf> {
    let user = options.required("user_name", "the user to log in as");
    let password = options.secret("password", "the password of that user");
    let container = options.container("container", "container");
    const AUTH_HOST: &str = "host:port of the login service";
    let auth_host = options.required("auth_host", AUTH_HOST).and_then(|_| options.host("auth_host"));
    let auth = swift_auth(options);
    let tenant = if auth == Some(SwiftAuth::V1) {
        if options.has("tenant") {
            options.warn("tenant", "is not used with auth_ver = v1.0");
        }
        Some(None)
    } else {
        options.required("tenant", "the tenant (project); only auth_ver = v1.0 goes without").map(Some)
    };
    let region = options.word("region");
    let https = options.boolean("use_https", false);
    let ca_file = read_ca_file(options, context, https);
    Some(SwiftConf {
        auth_host: auth_host?,
        auth: auth?,
        user: user?,
        password: password?,
        tenant: tenant?,
        domain: options.text("domain").unwrap_or_else(|| "default".to_owned()),
        region,
        container: container?,
        https,
        ca_file,
    })
}

fn swift_auth(options: &mut Options<'_>) -> Option<SwiftAuth> {
    match options.text("auth_ver").as_deref() {
        Some("v1.0") => Some(SwiftAuth::V1),
        None | Some("v2.0") => Some(SwiftAuth::V2),
        Some("v3" | "v3.0") => Some(SwiftAuth::V3),
        Some(other) => {
            options.error("auth_ver", format!("{other:?} is not a version of the login"), "v1.0, v2.0, v3 or v3.0");
            None
        }
    }
}

fn read_oss(options: &mut Options<'_>, context: &Context<'_>) -> Option<OssConf> {
    let bucket = options.container("bucket", "bucket");
    let key_id = options.required("key_id", "the access key id");
    let key = options.secret("key", "the access key secret");
    let place = oss_endpoint(options);
    let https = options.boolean("use_https", false);
    let ca_file = read_ca_file(options, context, https);
    let (endpoint, region) = place?;
    let signature = oss_signature(options, region.as_deref())?;
    Some(OssConf { bucket: bucket?, key_id: key_id?, key: key?, endpoint, region, signature, https, ca_file })
}

/// The endpoint, and the region such as `cn-hangzhou` when it is known.
fn oss_endpoint(options: &mut Options<'_>) -> Option<(String, Option<String>)> {
    let has_endpoint = options.text("endpoint").is_some();
    let endpoint = options.host("endpoint");
    let has_region = options.text("region").is_some();
    let region = options.word("region").map(|region| full_oss_region(&region));
    if !has_endpoint && !has_region {
        let allowed = "the host of the endpoint such as oss-cn-hangzhou.aliyuncs.com, or region";
        options.error("endpoint", "is missing, and so is region", allowed);
        return None;
    }
    if !has_endpoint {
        let region = region?;
        return Some((format!("oss-{region}-internal.aliyuncs.com"), Some(region)));
    }
    let endpoint = endpoint?;
    let told = host::oss_region(&endpoint);
    if let (Some(told), Some(region)) = (&told, &region)
        && told != region
    {
        options.warn("region", format!("is not the region of the endpoint; {told} is used"));
    }
    Some((endpoint, told.or(region)))
}

/// The full name of a region. Seafile takes `hangzhou` for `cn-hangzhou`; regions outside of China have only full
/// names.
fn full_oss_region(region: &str) -> String {
    if region.contains('-')
        && ["cn-", "us-", "eu-", "ap-", "me-", "na-", "rg-"].iter().any(|area| region.starts_with(area))
    {
        region.to_owned()
    } else {
        format!("cn-{region}")
    }
}

/// Reads `signature_version`, an option of this program only: Seafile signs with V1, which new buckets refuse.
fn oss_signature(options: &mut Options<'_>, region: Option<&str>) -> Option<OssSignature> {
    match (options.text("signature_version").as_deref(), region) {
        (Some("v1"), _) | (None, None) => Some(OssSignature::V1),
        (Some("v4") | None, Some(_)) => Some(OssSignature::V4),
        (Some("v4"), None) => {
            let problem = "V4 needs the region, and the endpoint does not contain it";
            options.error("signature_version", problem, "v1, or v4 with region = cn-hangzhou or the like beside it");
            None
        }
        (Some(other), _) => {
            options.error("signature_version", format!("{other:?} is not a version"), "v1, v4");
            None
        }
    }
}

/// Reads `ca_file`, an option of this program only: certificates to trust in addition to the system's.
fn read_ca_file(options: &mut Options<'_>, context: &Context<'_>, https: bool) -> Option<PathBuf> {
    const ALLOWED: &str = "the absolute path of a PEM file";
    options.text("ca_file")?;
    let path = options.path("ca_file", ALLOWED)?;
    if !https {
        let https = options.shown("use_https");
        options.warn("ca_file", format!("is not used without {https} = true"));
    }
    if context.disk {
        let pem = options.readable("ca_file", &path)?;
        const BEGIN: &[u8] = b"-----BEGIN CERTIFICATE-----";
        if !pem.windows(BEGIN.len()).any(|window| window == BEGIN) {
            options.error("ca_file", format!("{} holds no certificate", path.display()), "certificates in PEM form");
        }
    }
    Some(path)
}
