//! The names that other programs have for the options of a backend.

use super::backend::Backend;
use super::ini::Value;
use super::variables;
use std::collections::BTreeMap;

use strsim::levenshtein;

/// Options of Seafile's, and what else they are called.
type Names = &'static [(&'static str, &'static [&'static str])];

const KEYS: (&str, &[&str]) =
    ("key_id", &["access_key", "access_key_id", "accesskey", "aws_access_key_id", "keyid", "access_id", "user"]);
const SECRETS: (&str, &[&str]) = (
    "key",
    &["secret_key", "secret", "secret_access_key", "secretkey", "aws_secret_access_key", "access_secret", "password"],
);
const BUCKET: (&str, &[&str]) = ("bucket", &["bucket_name"]);
const HTTPS: (&str, &[&str]) = ("use_https", &["https", "ssl", "use_ssl", "secure", "tls", "use_tls"]);
const CERTIFICATES: (&str, &[&str]) = ("ca_file", &["ca", "ca_cert", "ca_path", "ca_bundle"]);

const fn names_of(backend: Backend) -> Names {
    match backend {
        Backend::Fs => &[("dir", &["path", "directory", "folder", "root", "data_dir"])],
        Backend::S3 => &[
            KEYS,
            SECRETS,
            BUCKET,
            HTTPS,
            CERTIFICATES,
            ("host", &["endpoint", "endpoint_url", "server", "url", "address"]),
            ("host = HOST:PORT", &["port"]),
            ("aws_region", &["region", "region_name", "location"]),
            ("path_style_request", &["path_style", "force_path_style", "path_style_access", "use_path_style"]),
            ("use_v4_signature", &["v4_signature", "signature_version", "use_v4", "sig_v4"]),
        ],
        Backend::Ceph => &[
            ("ceph_config", &["config", "conf", "ceph_conf", "config_file"]),
            ("pool", &["pool_name"]),
            ("ceph_client_id", &["client_id", "client", "client_name", "user", "id"]),
        ],
        Backend::Swift => &[
            ("tenant", &["project", "project_name", "tenant_name", "project_id", "account"]),
            ("user_name", &["user", "username"]),
            ("password", &["key", "secret", "api_key"]),
            ("container", &["container_name"]),
            ("auth_host", &["host", "auth_url", "endpoint", "auth_server"]),
            ("auth_host = HOST:PORT", &["port"]),
            ("auth_ver", &["auth_version", "version"]),
            ("region", &["region_name", "aws_region"]),
            ("domain", &["domain_name", "user_domain", "user_domain_name", "project_domain_name"]),
            HTTPS,
            CERTIFICATES,
        ],
        Backend::Oss => &[
            KEYS,
            SECRETS,
            BUCKET,
            HTTPS,
            CERTIFICATES,
            ("endpoint", &["host", "endpoint_url", "server", "url"]),
            ("endpoint = HOST:PORT", &["port"]),
            ("region", &["aws_region", "region_name", "location"]),
        ],
        Backend::Classes => &[],
    }
}

/// The option that another program calls `name`.
pub(crate) fn meant_option(backend: Backend, name: &str) -> Option<&'static str> {
    names_of(backend).iter().find(|(_, others)| others.contains(&name)).map(|(option, _)| *option)
}

/// Variables of Seafile's other servers, which look like ours and are none of them.
const OF_OTHER_SERVERS: [&str; 2] = ["S3_SS_BUCKET", "S3_MD_BUCKET"];

/// The variables that describe no S3 store and were meant to: each with the right one.
pub(crate) fn misspelt_variables(given: &BTreeMap<String, Value>) -> Vec<(&str, &Value, String)> {
    let meant = |name: &str| {
        let option = name.strip_prefix("S3_").filter(|_| !variables::is_read(name))?.to_lowercase();
        if OF_OTHER_SERVERS.contains(&name) {
            return None;
        }
        let known = || variables::S3.iter().chain(&variables::IAM);
        let meant = meant_option(Backend::S3, &option).unwrap_or(&option);
        let (meant, rest) = meant.split_once(' ').unwrap_or((meant, ""));
        if let Some((_, variable)) = known().find(|(option, _)| *option == meant) {
            return Some(format!("{variable} {rest}").trim_end().to_owned());
        }
        let buckets = crate::object::ObjectKind::ALL.map(variables::bucket_of);
        let near = known().map(|(_, variable)| *variable).chain(buckets);
        near.min_by_key(|variable| levenshtein(variable, name))
            .filter(|variable| levenshtein(variable, name) <= 2)
            .map(str::to_owned)
    };
    given.iter().filter_map(|(name, value)| Some((name.as_str(), value, meant(name)?))).collect()
}
