//! The options of each backend: what they default to, and what is said of wrong ones.

use seaf_migrate::conf::*;

use super::support::*;

#[test]
fn s3_has_the_defaults_of_the_server() {
    let conf = s3("host = 192.168.1.1:8080");
    assert_eq!(conf.signature, S3Signature::V2);
    assert_eq!((conf.https, conf.path_style, conf.region, conf.sse_c_key), (false, false, None, None));
    assert_eq!(conf.host.as_deref(), Some("192.168.1.1:8080"));
    let conf = s3("host = h\nuse_v4_signature = true\npath_style_request = true");
    assert_eq!((conf.signature, conf.path_style, conf.region.as_deref()), (S3Signature::V4, true, Some("us-east-1")));
}

#[test]
fn a_customer_key_needs_32_characters_v4_and_https() {
    let with = "host = h\nuse_v4_signature = 1\nuse_https = 1\nsse_c_key = 12345678901234567890123456789012";
    assert!(s3(with).sse_c_key.is_some());
    for (wrong, says) in
        [("12\n", "2 bytes"), ("12345678901234567890123456789012\nuse_https = 0", "needs V4 signatures and https")]
    {
        let base = "name = s3\nbucket = b\nkey_id = i\nkey = k\nhost = h\nuse_v4_signature = 1\n";
        let https = if wrong.contains("use_https") { "" } else { "use_https = 1\n" };
        let line = only_line(blocks_of(&format!("{base}{https}sse_c_key = {wrong}")));
        assert_says(&line, &["[block_backend] sse_c_key: ", says]);
        assert!(!line.contains("12345678901234567890"), "{line}");
    }
}

#[test]
fn oss_tells_endpoint_region_and_signature_from_what_is_given() {
    let internal = "oss-cn-hangzhou-internal.aliyuncs.com";
    for (options, endpoint, region, signature) in [
        ("region = hangzhou", internal, Some("cn-hangzhou"), OssSignature::V4),
        ("region = cn-hangzhou", internal, Some("cn-hangzhou"), OssSignature::V4),
        ("region = us-west-1", "oss-us-west-1-internal.aliyuncs.com", Some("us-west-1"), OssSignature::V4),
        ("region = hangzhou\nsignature_version = v1", internal, Some("cn-hangzhou"), OssSignature::V1),
        ("endpoint = oss-cn-beijing.aliyuncs.com", "oss-cn-beijing.aliyuncs.com", Some("cn-beijing"), OssSignature::V4),
        ("endpoint = oss-accelerate.aliyuncs.com", "oss-accelerate.aliyuncs.com", None, OssSignature::V1),
        ("endpoint = 127.0.0.1:81", "127.0.0.1:81", None, OssSignature::V1),
        (
            "endpoint = 127.0.0.1:81\nregion = cn-x\nsignature_version = v4",
            "127.0.0.1:81",
            Some("cn-x"),
            OssSignature::V4,
        ),
    ] {
        let conf = oss(options);
        let found = (conf.endpoint.as_str(), conf.region.as_deref(), conf.signature);
        assert_eq!(found, (endpoint, region, signature), "{options}");
    }
    let base = "name = oss\nbucket = b\nkey_id = i\nkey = k\n";
    assert_says(
        &only_line(blocks_of(&format!("{base}endpoint = h\nsignature_version = v4"))),
        &["V4 needs the region"],
    );
    assert_says(
        &only_line(blocks_of(base)),
        &["seafile.conf:1: [block_backend] endpoint: is missing, and so is region"],
    );
}

#[test]
fn swift_logs_in_with_each_version() {
    let conf = swift("auth_ver = v1.0");
    assert_eq!((conf.auth, conf.tenant), (SwiftAuth::V1, None));
    let conf = swift("tenant = t");
    assert_eq!((conf.auth, conf.tenant.as_deref(), conf.domain.as_str()), (SwiftAuth::V2, Some("t"), "default"));
    for version in ["v3", "v3.0"] {
        let conf = swift(&format!("tenant = t\nauth_ver = {version}\ndomain = d\nregion = r\nuse_https = on"));
        assert_eq!(
            (conf.auth, conf.domain.as_str(), conf.region.as_deref(), conf.https),
            (SwiftAuth::V3, "d", Some("r"), true)
        );
    }
    let base = "name = swift\nuser_name = u\npassword = p\ncontainer = c\nauth_host = h\n";
    assert_says(&only_line(blocks_of(base)), &["tenant: is missing"]);
    assert_says(
        &only_line(blocks_of(&format!("{base}tenant = t\nauth_ver = v9"))),
        &["\"v9\"", "v1.0, v2.0, v3 or v3.0"],
    );
}

#[test]
fn ceph_takes_its_conf_pool_and_client() {
    let BackendConf::Ceph(conf) =
        blocks_of("name = ceph\nceph_config = /etc/ceph/ceph.conf\npool = p\nceph_client_id = seafile").unwrap()
    else {
        panic!()
    };
    assert_eq!((conf.pool.as_str(), conf.client_id.as_deref()), ("p", Some("seafile")));
    let line = only_line(blocks_of("name = ceph\nceph_config = /c\npool = p\nceph_client_id = client.x"));
    assert_says(&line, &["seafile.conf:5: [block_backend] ceph_client_id: ", "allowed: the name without client."]);
}

#[test]
fn unknown_names_are_told_with_what_they_may_have_meant() {
    let line = only_line(blocks_of("name = S3"));
    assert_says(
        &line,
        &["seafile.conf:2: [block_backend] name: \"S3\" is not a backend; allowed: fs, s3, ceph, swift, oss"],
    );
    let side = parse(
        "[block_backend]\nname = s3\nbucket = b\nkey_id = i\nkey = k\nhost = h\nuse_htps = true\nfrob = 1\n\
                      pool = x\nmemcached_options = --SERVER=localhost\n",
    )
    .unwrap();
    let warnings = side.warnings.join("\n");
    assert_eq!(side.warnings.len(), 3, "{warnings}");
    assert_says(&warnings, &["seafile.conf:7: [block_backend] use_htps: is not known, did you mean use_https?"]);
    assert_says(&warnings, &["frob: is not known; the s3 backend has", "pool: is not an option of the s3 backend"]);
}

#[test]
fn all_errors_come_at_once_and_no_secret_is_in_them() {
    let conf = "[commit_object_backend]\nname = s3\nkey_id = id\nkey = hunter2\nhost = https://id:hunter2@h/x\n\
                [fs_object_backend]\nname = nfs\n[block_backend]\nname = swift\npassword = hunter2\nhunter2\n\
                [database]\ntype = mysql\nhost = db\nport = 99999\nuser = u\npassword = hunter2\ndb_name = d\n";
    let errors = parse(conf).unwrap_err();
    let text = errors.to_string();
    for part in [
        "seafile.conf:1: [commit_object_backend] bucket: is missing; allowed: the name of the bucket",
        "seafile.conf:5: [commit_object_backend] host: is a URL",
        "seafile.conf:7: [fs_object_backend] name: \"nfs\" is not a backend",
        "seafile.conf:8: [block_backend] user_name: is missing",
        "seafile.conf:8: [block_backend] auth_host: is missing",
        "seafile.conf:11: is neither",
        "seafile.conf:15: [database] port: \"99999\" is not a port",
    ] {
        assert_says(&text, &[part]);
    }
    assert!(!format!("{text}{errors:?}").contains("hunter2"), "{text}");
    let debug =
        format!("{:?}", parse(&all_kinds("name = s3\nbucket = {kind}\nkey_id = i\nkey = hunter2\nhost = h")).unwrap());
    assert!(!debug.contains("hunter2"), "{debug}");
}

#[test]
fn a_section_with_nothing_but_a_name_tells_everything_that_it_lacks() {
    for (backend, missing) in [
        ("s3", &["bucket", "key", "key_id"] as &[&str]),
        ("ceph", &["ceph_config", "pool"]),
        ("swift", &["auth_host", "container", "password", "tenant", "user_name"]),
        ("oss", &["bucket", "endpoint", "key", "key_id"]),
    ] {
        let errors = blocks_of(&format!("name = {backend}")).unwrap_err().errors;
        let mut options: Vec<_> = errors.iter().map(|error| error.option.as_deref().unwrap()).collect();
        options.sort_unstable();
        assert_eq!(options, missing);
    }
}

#[test]
fn a_key_that_may_mean_something_else_is_told_of_without_being_shown() {
    for key in ["\"hunter2\"", "hunter2 # mine", "hunter%%2"] {
        let conf = format!("[block_backend]\nname = s3\nbucket = b\nhost = h\nkey_id = i\nkey = {key}\n");
        let warnings = parse(&conf).unwrap().warnings;
        assert_eq!(warnings.len(), 1, "{warnings:?}");
        assert_says(&warnings[0], &["seafile.conf:6: [block_backend] key: "]);
        assert!(!warnings[0].contains("hunter"), "{warnings:?}");
    }
}
