//! The configuration files that the project ships are right.

use std::path::Path;

use seaf_migrate::conf::*;
use seaf_migrate::object::ObjectKind;

use super::support::*;

/// The options of each block of the example, which has them all.
const OPTIONS: [(&str, &[&str]); 8] = [
    ("fs", &["name", "dir"]),
    (
        "s3",
        &[
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
    ),
    ("ceph", &["name", "ceph_config", "pool", "ceph_client_id"]),
    (
        "swift",
        &[
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
    ),
    ("oss", &["name", "key_id", "key", "bucket", "endpoint", "region", "use_https", "signature_version", "ca_file"]),
    ("classes", &["enable_storage_classes", "storage_classes_file"]),
    ("encrypted", &["key_path"]),
    (
        "database",
        &[
            "type",
            "host",
            "port",
            "user",
            "password",
            "db_name",
            "connection_charset",
            "use_ssl",
            "skip_verify",
            "ca_path",
            "unix_socket",
        ],
    ),
];

/// The text with every `#option = value` made an option; explanations begin with `# `.
fn uncomment(block: &str) -> String {
    let bare = |line: &str| {
        let rest = line.strip_prefix('#').filter(|rest| !rest.is_empty() && !rest.starts_with([' ', '#']));
        rest.unwrap_or(line).to_owned() + "\n"
    };
    block.lines().map(bare).collect()
}

/// The file of storage classes in the document about them.
fn documented_classes() -> String {
    let document = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/classes.md");
    let document = std::fs::read_to_string(document).unwrap();
    let indented = document.lines().skip_while(|line| *line != "    [").take_while(|line| line.starts_with("    "));
    indented.collect::<Vec<_>>().join("\n")
}

#[test]
fn every_block_of_the_example_is_a_valid_configuration_with_every_option() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let example = std::fs::read_to_string(root.join("conf/seafile.conf.example")).unwrap();
    assert_eq!(parse(&example), parse(""), "as it is shipped, all of it is a comment");
    let blocks: Vec<&str> = example.split("\n#### ").skip(1).collect();
    assert_eq!(blocks.len(), OPTIONS.len());
    for (block, (name, options)) in blocks.into_iter().zip(OPTIONS) {
        assert!(block.starts_with(&format!("{name}: ")), "{block}");
        let text = uncomment(&format!("#### {block}"));
        let classes = Some(TextFile { name: "classes.json".into(), bytes: documented_classes().into() });
        let parsed = parse_side(&SideText { classes, ..side_text(&text) }, Role::Source, &Environment::default());
        let side = parsed.unwrap_or_else(|errors| panic!("{errors}\n{text}"));
        assert!(side.warnings.is_empty(), "{:?}", side.warnings);
        match name {
            "database" => assert!(matches!(side.database, Some(DatabaseConf::Mysql(_)))),
            "encrypted" => assert_eq!(side.store(ObjectKind::Blocks).location().backend.as_str(), "fs"),
            name => assert_eq!(side.store(ObjectKind::Blocks).location().backend.as_str(), name),
        }
        for option in options {
            assert!(text.lines().any(|line| line.starts_with(&format!("{option} = "))), "{name} without {option}");
        }
    }
}

#[test]
fn every_example_file_is_a_valid_configuration() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("conf/examples");
    let mut count = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let side =
            parse(&std::fs::read_to_string(&path).unwrap()).unwrap_or_else(|e| panic!("{}\n{e}", path.display()));
        assert!(side.warnings.is_empty(), "{}: {:?}", path.display(), side.warnings);
        let text = side_text(&std::fs::read_to_string(&path).unwrap());
        parse_side(&text, Role::Destination, &Environment::default()).unwrap();
        count += 1;
    }
    assert_eq!(count, 6);
}
