//! The environment variables that describe a side, by the options of seafile.conf for which they stand.

use crate::object::ObjectKind;

/// The variable that decides whether the environment describes the stores.
pub(crate) const STORAGE_TYPE: &str = "SEAF_SERVER_STORAGE_TYPE";

/// The folder of the machine that a container has as `/shared`. Its `.env` names it; the server's data is in it.
pub(crate) const VOLUME: &str = "SEAFILE_VOLUME";

/// The options of the database and the variables that take precedence, each on its own. The options after `db_name` have
/// no variable.
pub(crate) const DATABASE: [(&str, &str); 9] = [
    ("host", "SEAFILE_MYSQL_DB_HOST"),
    ("port", "SEAFILE_MYSQL_DB_PORT"),
    ("user", "SEAFILE_MYSQL_DB_USER"),
    ("password", "SEAFILE_MYSQL_DB_PASSWORD"),
    ("db_name", "SEAFILE_MYSQL_DB_SEAFILE_DB_NAME"),
    ("use_ssl", "use_ssl"),
    ("skip_verify", "skip_verify"),
    ("ca_path", "ca_path"),
    ("ssl_ca", "ssl_ca"),
];

/// The options of S3 but the bucket, which each kind has a variable of its own for.
pub(crate) const S3: [(&str, &str); 9] = [
    ("key_id", "S3_KEY_ID"),
    ("key", "S3_SECRET_KEY"),
    ("host", "S3_HOST"),
    ("aws_region", "S3_AWS_REGION"),
    ("use_https", "S3_USE_HTTPS"),
    ("use_v4_signature", "S3_USE_V4_SIGNATURE"),
    ("path_style_request", "S3_PATH_STYLE_REQUEST"),
    ("sse_c_key", "S3_SSE_C_KEY"),
    // An option of this program only: a file of certificates to trust.
    ("ca_file", "S3_CA_FILE"),
];

/// The role of the machine, which is of both sides.
pub(crate) const IAM: [(&str, &str); 3] = [
    ("use_iam_role", "S3_USE_IAM_ROLE"),
    ("iam_role_name", "S3_IAM_ROLE_NAME"),
    ("iam_role_endpoint", "S3_IAM_ROLE_ENDPOINT"),
];

/// The variable that names the bucket of a kind.
pub(crate) const fn bucket_of(kind: ObjectKind) -> &'static str {
    match kind {
        ObjectKind::Commits => "S3_COMMIT_BUCKET",
        ObjectKind::Fs => "S3_FS_BUCKET",
        ObjectKind::Blocks => "S3_BLOCK_BUCKET",
    }
}

/// The options of the S3 store of a kind.
pub(crate) fn s3_of(kind: ObjectKind) -> Vec<(&'static str, &'static str)> {
    [("bucket", bucket_of(kind))].into_iter().chain(S3).collect()
}

/// Whether a variable is read; all others may have any value.
pub(crate) fn is_read(name: &str) -> bool {
    let listed = S3.iter().chain(&IAM).chain(&DATABASE).map(|(_, variable)| *variable);
    [STORAGE_TYPE, VOLUME].into_iter().chain(ObjectKind::ALL.map(bucket_of)).chain(listed).any(|read| read == name)
}
