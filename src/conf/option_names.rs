//! What the user calls the options of a store that is reached over HTTP, so that advice names them as they were written.

use super::variables;
use crate::object::ObjectKind;

/// How the options of a store are written: their names are those of its backend, or environment variables.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OptionNames {
    /// The options of S3 in a seafile.conf.
    #[default]
    S3,
    /// The variables that describe the S3 store of a kind (`S3_HOST`, `S3_USE_HTTPS`, `S3_FS_BUCKET`, …).
    S3Variables(ObjectKind),
    /// The options of Swift in a seafile.conf.
    Swift,
    /// The options of OSS in a seafile.conf.
    Oss,
}

impl OptionNames {
    /// The name that the user knows an option of S3 by, or what is the same in another backend: `host` is `auth_host` in
    /// Swift. An option that has no other name keeps its own.
    pub fn of(self, option: &'static str) -> &'static str {
        let other = match (self, option) {
            (Self::S3Variables(kind), _) => {
                let variables = variables::s3_of(kind).into_iter().chain(variables::IAM);
                variables.into_iter().find(|(name, _)| *name == option).map(|(_, variable)| variable)
            }
            (Self::Swift, "host") => Some("auth_host"),
            (Self::Swift | Self::Oss, "aws_region") => Some("region"),
            (Self::Oss, "host") => Some("endpoint"),
            _ => None,
        };
        other.unwrap_or(option)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_form_has_the_names_that_its_user_wrote() {
        let named = |names: OptionNames| ["host", "use_https", "aws_region", "ca_file"].map(|option| names.of(option));
        assert_eq!(named(OptionNames::S3), ["host", "use_https", "aws_region", "ca_file"]);
        let variables = OptionNames::S3Variables(ObjectKind::Fs);
        assert_eq!(variables.of("bucket"), "S3_FS_BUCKET");
        assert_eq!(named(variables), ["S3_HOST", "S3_USE_HTTPS", "S3_AWS_REGION", "S3_CA_FILE"]);
        assert_eq!(named(OptionNames::Swift), ["auth_host", "use_https", "region", "ca_file"]);
        assert_eq!(named(OptionNames::Oss), ["endpoint", "use_https", "region", "ca_file"]);
        let rest = ["key_id", "key", "use_v4_signature", "path_style_request", "sse_c_key", "iam_role_name"];
        let variables = rest.map(|option| variables.of(option));
        assert!(variables.iter().all(|name| name.starts_with("S3_")), "{variables:?}");
    }
}
