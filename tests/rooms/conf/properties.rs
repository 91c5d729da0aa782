//! Any valid configuration gives its own values back, and nothing makes the reader panic.

use proptest::prelude::*;
use seaf_migrate::conf::*;
use seaf_migrate::object::ObjectKind;

use super::support::*;

fn name() -> impl Strategy<Value = String> {
    "[a-z0-9][a-z0-9.-]{0,20}"
}

/// Any text that a line of an INI file can carry as a value: no spaces at its ends, no control characters.
fn secret() -> impl Strategy<Value = String> {
    "[!-~é]([ -~é]{0,30}[!-~é])?"
}

fn boolean() -> impl Strategy<Value = (String, bool)> {
    let spellings = [
        ("true", true),
        ("YES", true),
        ("On", true),
        ("1", true),
        ("False", false),
        ("no", false),
        ("off", false),
        ("0", false),
    ];
    proptest::sample::select(spellings.to_vec()).prop_map(|(text, value)| (text.to_owned(), value))
}

fn host() -> impl Strategy<Value = String> {
    ("[a-z][a-z0-9-]{0,10}(\\.[a-z]{2,5}){0,2}", proptest::option::of(1u16..)).prop_map(|(host, port)| match port {
        Some(port) => format!("{host}:{port}"),
        None => host,
    })
}

prop_compose! {
    fn s3_conf()(
        bucket in name(), id in secret(), key in secret(), host in host(), region in proptest::option::of("[a-z]{2}-[a-z]{4}-[1-9]"),
        v4 in boolean(), https in boolean(), path in boolean(),
    ) -> (String, BackendConf) {
        let region_line = region.as_ref().map_or(String::new(), |region| format!("aws_region = {region}\n"));
        let text = format!(
            "name = s3\nbucket = {bucket}\nkey_id = {id}\nkey = {key}\nhost = {host}\n{region_line}use_v4_signature = {}\n\
             use_https = {}\npath_style_request = {}\n", v4.0, https.0, path.0);
        let conf = S3Conf {
            bucket, credentials: S3Credentials::Key { id, secret: Secret::new(key) }, host: Some(host),
            region: region.or_else(|| v4.1.then(|| "us-east-1".to_owned())),
            signature: if v4.1 { S3Signature::V4 } else { S3Signature::V2 },
            https: https.1, path_style: path.1, sse_c_key: None, ca_file: None,
        };
        (text, BackendConf::S3(conf))
    }
}

prop_compose! {
    fn swift_conf()(
        user in secret(), password in secret(), tenant in secret(), domain in secret(), container in name(), auth_host in host(),
        version in 0usize..3, region in proptest::option::of(name()), https in boolean(),
    ) -> (String, BackendConf) {
        let auth = [SwiftAuth::V1, SwiftAuth::V2, SwiftAuth::V3][version];
        let tenant = (auth != SwiftAuth::V1).then_some(tenant);
        let tenant_line = tenant.as_ref().map_or(String::new(), |tenant| format!("tenant : {tenant}\n"));
        let region_line = region.as_ref().map_or(String::new(), |region| format!("region={region}\n"));
        let text = format!(
            "name = swift\nuser_name = {user}\npassword = {password}\n{tenant_line}domain = {domain}\ncontainer = {container}\n\
             auth_host = {auth_host}\nauth_ver = {}\n{region_line}use_https = {}\n", ["v1.0", "v2.0", "v3"][version], https.0);
        let conf = SwiftConf {
            auth_host, auth, user, password: Secret::new(password), tenant, domain, region, container, https: https.1, ca_file: None,
        };
        (text, BackendConf::Swift(conf))
    }
}

proptest! {
    #[test]
    fn any_valid_configuration_gives_its_own_values_back(
        stores in proptest::collection::vec(prop_oneof![s3_conf(), swift_conf()], 3), order in Just([2, 0, 1]),
    ) {
        let section = |index: usize| format!("[{}]\n# {index}\n{}\n", SECTIONS[index], stores[index].0);
        let text: String = order.into_iter().map(section).collect();
        let side = parse(&text).map_err(|errors| TestCaseError::fail(format!("{errors}\n{text}")))?;
        for kind in ObjectKind::ALL {
            let expected = StoreConf::new(kind, stores[kind.index()].1.clone());
            prop_assert_eq!(side.store(kind), &expected);
            prop_assert_eq!(side.store(kind).location(), expected.location());
        }
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        never_panics(&bytes);
    }

    #[test]
    fn arbitrary_configuration_like_text_never_panics(
        parts in proptest::collection::vec(proptest::sample::select(vec![
            "[block_backend]", "[database]", "[storage]", "[", "]", "name", "dir", "key", "host", "=", ":", " = ", "s3", "ceph", "oss",
            "swift", "\n", "\n", "\r", "\t ", "\\", "\"", "'", "#", ";", "é", "\u{2028}", "\u{85}", "\u{0}", "[::1]:1", "$", "${",
        ]), 0..40),
    ) {
        never_panics(parts.concat().as_bytes());
    }
}

fn never_panics(bytes: &[u8]) {
    let file = Some(TextFile { name: "f".into(), bytes: bytes.to_vec() });
    for (conf, dotenv) in [(file.clone(), None), (None, file)] {
        let text = SideText { path: "f".into(), conf, dotenv, ..SideText::default() };
        if let Err(errors) = parse_side(&text, Role::Destination, &Environment::default()) {
            assert!(!errors.errors.is_empty());
        }
    }
}
