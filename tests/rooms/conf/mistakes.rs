//! Wrong values of every option: the message names the line, the option and what would be right.

use super::support::*;

/// What is said when `option = value` stands in line 9 of an otherwise good section.
fn said(base: &str, option: &str, value: &str) -> String {
    let mut options: Vec<&str> = base.lines().filter(|line| !line.starts_with(&format!("{option} ="))).collect();
    options.resize(7, "");
    only_line(blocks_of(&format!("{}\n{option} = {value}", options.join("\n"))))
}

const S3: &str = "name = s3\nbucket = b\nkey_id = i\nkey = k\nhost = h";
const SWIFT: &str = "name = swift\nuser_name = u\npassword = p\ncontainer = c\nauth_host = h\ntenant = t";
const OSS: &str = "name = oss\nbucket = b\nkey_id = i\nkey = k\nendpoint = h";
const CEPH: &str = "name = ceph\nceph_config = /c\npool = p";

#[test]
fn a_name_of_a_bucket_container_or_pool_has_no_space_slash_or_quote() {
    for (base, option, what) in
        [(S3, "bucket", "bucket"), (OSS, "bucket", "bucket"), (SWIFT, "container", "container"), (CEPH, "pool", "pool")]
    {
        for wrong in ["a b", "a/b", "/a", "\"a\"", "a\\b", "a?b", "a\u{a0}b"] {
            let line = said(base, option, wrong);
            assert_says(
                &line,
                &[&format!("seafile.conf:9: [block_backend] {option}: "), "cannot be the name of a", what],
            );
        }
        assert_says(&said(base, option, "a # mine"), &["(a comment needs a line of its own)"]);
        assert_says(&said(base, option, ""), &["is empty; allowed: the name of the ", what]);
    }
}

#[test]
fn a_host_is_a_name_or_an_address_with_at_most_a_port() {
    for right in
        ["h", "h:1", "H.example.", "10.0.0.1:65535", "[::1]", "[fe80::1]:9000", "minio_1:9000", "xn--bcher-kva.example"]
    {
        assert_eq!(s3(&format!("host = {right}")).host.as_deref(), Some(right));
    }
    for (base, option) in [(S3, "host"), (SWIFT, "auth_host"), (OSS, "endpoint")] {
        for wrong in
            ["h:", "h:0", "h:65536", "h:http", ":80", "a b", "h/x", "::1", "[::1", "[::1]x", "[h]:1", "a..b", ".a"]
        {
            let line = said(base, option, wrong);
            assert_says(
                &line,
                &[&format!("seafile.conf:9: [block_backend] {option}: is not a host"), "host or host:port"],
            );
        }
        for url in ["https://h", "http://u:hunter2@h:1/x"] {
            let line = said(base, option, url);
            assert_says(&line, &["is a URL", "without http:// and without a path (use_https = true for https)"]);
            assert!(!line.contains("hunter2"), "{line}");
        }
    }
}

#[test]
fn a_region_is_one_word() {
    for (base, option) in [(S3, "aws_region"), (SWIFT, "region"), (OSS, "region")] {
        for wrong in ["eu west", "eu/west", "régión", "a#b"] {
            assert_says(
                &said(base, option, wrong),
                &[&format!("seafile.conf:9: [block_backend] {option}: "), "is not a name"],
            );
        }
    }
}

#[test]
fn every_switch_is_a_boolean_in_every_backend() {
    for (base, option) in [
        (S3, "use_https"),
        (S3, "use_v4_signature"),
        (S3, "path_style_request"),
        (SWIFT, "use_https"),
        (OSS, "use_https"),
    ] {
        for wrong in ["", "maybe", "yes; really", "tru"] {
            assert_says(
                &said(base, option, wrong),
                &[&format!("seafile.conf:9: [block_backend] {option}: "), "is not a boolean"],
            );
        }
    }
}

#[test]
fn an_empty_secret_is_not_taken_for_a_missing_option() {
    for (base, option) in [(S3, "key"), (S3, "key_id"), (SWIFT, "password"), (SWIFT, "user_name"), (OSS, "key")] {
        assert_says(&said(base, option, ""), &[&format!("seafile.conf:9: [block_backend] {option}: is empty")]);
    }
}

#[test]
fn paths_are_absolute() {
    for (base, option) in [("name = fs", "dir"), (CEPH, "ceph_config")] {
        for wrong in ["x", "./x", "~/x"] {
            assert_says(&said(base, option, wrong), &[option, wrong, "is not an absolute path"]);
        }
    }
    let with_https = format!("{S3}\nuse_https = true");
    assert_says(&said(&with_https, "ca_file", "ca.pem"), &["ca_file: \"ca.pem\" is not an absolute path"]);
}

#[test]
fn a_certificate_without_https_is_told_to_be_of_no_use() {
    for base in [S3, SWIFT, OSS] {
        let conf = format!("[block_backend]\n{base}\nca_file = /ca.pem\n");
        let warnings = parse(&conf).unwrap().warnings;
        assert_eq!(warnings.len(), 1, "{warnings:?}");
        assert_says(&warnings[0], &["[block_backend] ca_file: is not used without use_https = true"]);
        assert!(parse(&format!("{conf}use_https = 1\n")).unwrap().warnings.is_empty());
    }
}

#[test]
fn a_tenant_that_the_login_does_not_take_and_a_region_that_contradicts_are_told() {
    let warnings = parse(&format!("[block_backend]\n{SWIFT}\nauth_ver = v1.0\n")).unwrap().warnings;
    assert_says(&warnings.join("\n"), &["[block_backend] tenant: is not used with auth_ver = v1.0"]);
    let base = OSS.replace("endpoint = h", "endpoint = oss-cn-beijing.aliyuncs.com");
    let side = parse(&format!("[block_backend]\n{base}\nregion = hangzhou\n")).unwrap();
    assert_says(&side.warnings.join("\n"), &["region: is not the region of the endpoint; cn-beijing is used"]);
    let same = parse(&format!("[block_backend]\n{base}\nregion = beijing\n")).unwrap();
    assert!(same.warnings.is_empty(), "{:?}", same.warnings);
}

#[test]
fn an_endpoint_tells_its_region_in_each_of_alibaba_s_spellings() {
    for (endpoint, region) in [
        ("oss-cn-hangzhou.aliyuncs.com", Some("cn-hangzhou")),
        ("OSS-CN-Hangzhou.aliyuncs.com:80", Some("cn-hangzhou")),
        ("oss-cn-hangzhou-internal.aliyuncs.com", Some("cn-hangzhou")),
        ("vpc100-oss-cn-hangzhou.aliyuncs.com", Some("cn-hangzhou")),
        ("cn-hangzhou.oss.aliyuncs.com", Some("cn-hangzhou")),
        ("cn-hangzhou-internal.oss.aliyuncs.com", Some("cn-hangzhou")),
        ("oss-us-east-1.aliyuncs.com", Some("us-east-1")),
        ("oss-accelerate-overseas.aliyuncs.com", None),
        ("oss-cn-hangzhou.example.com", None),
        ("cdn.example.com", None),
    ] {
        assert_eq!(oss(&format!("endpoint = {endpoint}")).region.as_deref(), region, "{endpoint}");
    }
}

#[test]
fn a_short_region_is_chinese_and_a_whole_one_stays() {
    for (given, host) in [
        ("hangzhou", "oss-cn-hangzhou-internal.aliyuncs.com"),
        ("ap-southeast-1", "oss-ap-southeast-1-internal.aliyuncs.com"),
        ("me-central-1", "oss-me-central-1-internal.aliyuncs.com"),
        ("eu-central-1", "oss-eu-central-1-internal.aliyuncs.com"),
        ("north-2-gov-1", "oss-cn-north-2-gov-1-internal.aliyuncs.com"),
    ] {
        assert_eq!(oss(&format!("region = {given}")).endpoint, host);
    }
}

#[test]
fn a_version_of_signature_or_login_that_is_none_is_told() {
    assert_says(&said(OSS, "signature_version", "V4"), &["\"V4\" is not a version; allowed: v1, v4"]);
    assert_says(&said(SWIFT, "auth_ver", "2"), &["\"2\" is not a version of the login"]);
}

#[test]
fn amazon_is_reached_by_region_alone() {
    for (options, endpoint) in [
        ("aws_region = eu-west-1", "s3.eu-west-1.amazonaws.com"),
        ("aws_region = cn-north-1", "s3.cn-north-1.amazonaws.com.cn"),
        ("aws_region = eu-west-1\nhost = minio:9000", "minio:9000"),
        ("", "s3.us-east-1.amazonaws.com"),
    ] {
        assert_eq!(s3(options).endpoint_host(), endpoint);
    }
}

#[test]
fn an_option_that_other_programs_call_otherwise_is_told_with_seafile_s_name() {
    let wants = |base: &str, wrong: &str, right: &str| {
        let side = parse(&format!("[block_backend]\n{base}\n{wrong} = x\n")).unwrap();
        assert_eq!(side.warnings.len(), 1, "{:?}", side.warnings);
        assert_says(&side.warnings[0], &[&format!("[block_backend] {wrong}: is not known, did you mean {right}?")]);
    };
    for (wrong, right) in [
        ("port", "host = HOST:PORT"),
        ("path_style", "path_style_request"),
        ("access_key", "key_id"),
        ("secret_key", "key"),
        ("endpoint", "host"),
        ("region", "aws_region"),
    ] {
        wants(S3, wrong, right);
    }
    for (wrong, right) in
        [("project", "tenant"), ("user", "user_name"), ("auth_url", "auth_host"), ("port", "auth_host = HOST:PORT")]
    {
        wants(SWIFT, wrong, right);
    }
    for (wrong, right) in [("access_key", "key_id"), ("host", "endpoint")] {
        wants(OSS, wrong, right);
    }
    wants(CEPH, "pool_name", "pool");
    wants("name = fs\ndir = /x", "path", "dir");
}

#[test]
fn a_value_in_quotes_is_told_that_they_are_part_of_it() {
    for (base, option, value) in [
        (S3, "name", "\"s3\""),
        (S3, "bucket", "'b'"),
        (S3, "host", "\"h:1\""),
        (S3, "aws_region", "\"eu\""),
        (S3, "use_https", "\"true\""),
        (CEPH, "ceph_config", "\"/c\""),
        ("name = fs", "dir", "'/x'"),
    ] {
        assert_says(&said(base, option, value), &["(the quotes are part of the value: leave them out)"]);
    }
    let side = parse("[database]\ntype = \"mysql\"\n").unwrap();
    assert_says(&side.warnings[0], &["[database] type: ", "the quotes are part of the value"]);
}
