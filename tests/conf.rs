//! What an admin meets when a configuration is read: the settings, and everything that is wrong, at once.
#![allow(clippy::unwrap_used, missing_docs)]

use std::path::{Path, PathBuf};

use proptest::prelude::*;
use seaf_migrate::conf::{
    Backend, BackendConf, ConfErrors, DatabaseConf, Environment, OssConf, OssSignature, Role, S3Conf, S3Credentials,
    S3Signature, Secret, SideConf, SideSource, SideText, StoreConf, SwiftAuth, SwiftConf, TextFile, load_pair,
    load_side, parse_side,
};
use seaf_migrate::object::ObjectKind;

const SECTIONS: [&str; 3] = ["commit_object_backend", "fs_object_backend", "block_backend"];

fn side_text(conf: &str) -> SideText {
    let file = TextFile { name: "seafile.conf".into(), bytes: conf.into() };
    SideText { path: "seafile.conf".into(), conf: Some(file), dotenv: None, data_dir: Some("/data".into()) }
}

fn parse(conf: &str) -> Result<SideConf, ConfErrors> {
    parse_side(&side_text(conf), Role::Source, &Environment::default())
}

fn parse_env(dotenv: &str) -> Result<SideConf, ConfErrors> {
    let file = TextFile { name: ".env".into(), bytes: dotenv.into() };
    let text = SideText { path: ".env".into(), conf: None, dotenv: Some(file), data_dir: Some("/data".into()) };
    parse_side(&text, Role::Destination, &Environment::default())
}

/// The same options in all three sections, `{kind}` replaced in each.
fn all_kinds(options: &str) -> String {
    let section =
        |(section, kind): (&str, ObjectKind)| format!("[{section}]\n{}\n", options.replace("{kind}", kind.as_str()));
    SECTIONS.into_iter().zip(ObjectKind::ALL).map(section).collect()
}

fn blocks_of(options: &str) -> Result<BackendConf, ConfErrors> {
    parse(&format!("[block_backend]\n{options}\n")).map(|side| side.store(ObjectKind::Blocks).backend.clone())
}

fn s3(options: &str) -> S3Conf {
    let base = "name = s3\nbucket = b\nkey_id = id\nkey = secret\n";
    match blocks_of(&format!("{base}{options}")).unwrap() {
        BackendConf::S3(s3) => s3,
        other => panic!("{other:?}"),
    }
}

fn oss(options: &str) -> OssConf {
    match blocks_of(&format!("name = oss\nbucket = b\nkey_id = id\nkey = secret\n{options}")).unwrap() {
        BackendConf::Oss(oss) => oss,
        other => panic!("{other:?}"),
    }
}

fn swift(options: &str) -> SwiftConf {
    let base = "name = swift\nuser_name = u\npassword = p\ncontainer = c\nauth_host = h:5000\n";
    match blocks_of(&format!("{base}{options}")).unwrap() {
        BackendConf::Swift(swift) => swift,
        other => panic!("{other:?}"),
    }
}

fn lines(errors: Result<impl std::fmt::Debug, ConfErrors>) -> Vec<String> {
    errors.unwrap_err().to_string().lines().map(ToOwned::to_owned).collect()
}

fn only_line(errors: Result<impl std::fmt::Debug, ConfErrors>) -> String {
    let lines = lines(errors);
    assert_eq!(lines.len(), 1, "{lines:#?}");
    lines.into_iter().next().unwrap()
}

#[track_caller]
fn assert_says(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{part:?} is not in {text:?}");
    }
}

// ---- what configparser does

#[test]
fn an_empty_file_means_folders_in_the_data_folder() {
    let side = parse("").unwrap();
    for kind in ObjectKind::ALL {
        let store = side.store(kind);
        assert_eq!(store.kind, kind);
        assert_eq!(store.location().to_string(), format!("fs:/data/storage/{kind}"));
    }
    assert_eq!(side.database, None);
    assert!(side.warnings.is_empty());
}

#[test]
fn comments_colons_case_and_spaces_are_read_as_configparser_does() {
    let conf = "; a comment\r\n\r\n[block_backend] ; trailing text\r\n  # indented comment\r\nNAME : s3\r\nBucket=b#1;x\r\n\
                key_id = id\r\nkey = a%b\\\r\nhost = h\r\nUse_Https = YES\r\n[fileserver]\r\nweb_token = 3\r\n  continued\r\n";
    let problem = only_line(parse(conf));
    assert_says(&problem, &["seafile.conf:6: [block_backend] bucket", "b#1;x"]);
    let side = parse(&conf.replace("b#1;x", "b")).unwrap();
    let BackendConf::S3(s3) = &side.store(ObjectKind::Blocks).backend else { panic!() };
    assert!(s3.https);
    assert_eq!(s3.credentials, S3Credentials::Key { id: "id".into(), secret: Secret::new("a%b\\") });
    assert_eq!(s3.host.as_deref(), Some("h"));
}

#[test]
fn every_spelling_of_a_boolean_is_taken_and_nothing_else() {
    for (text, value) in [("true", true), ("Yes", true), ("ON", true), ("1", true), ("FALSE", false), ("no", false)] {
        assert_eq!(s3(&format!("host = h\nuse_https = {text}")).https, value, "{text}");
    }
    for text in ["", "2", "ture", "true # yes"] {
        let options = format!("name = s3\nbucket = b\nkey_id = id\nkey = secret\nhost = h\nuse_https = {text}");
        let line = only_line(blocks_of(&options));
        assert_says(
            &line,
            &["seafile.conf:7: [block_backend] use_https: ", "is not a boolean", "; allowed: true, false"],
        );
    }
}

#[test]
fn what_configparser_refuses_is_named_with_its_line() {
    for (conf, expected) in [
        ("name = fs\n", "seafile.conf:1: name: stands before the first section"),
        ("[a]\n\nrubbish\n", "seafile.conf:3: is neither a section, an option nor a comment"),
        ("[a]\n= x\n", "seafile.conf:2: is neither"),
        ("[]\n", "seafile.conf:1: is neither"),
        ("[block_backend] # [new]\n", "seafile.conf:1: is neither"),
        ("[block_backend\n", "seafile.conf:1: is neither"),
        (
            "[block_backend]\nname = fs\nNAME = fs\n",
            "seafile.conf:3: [block_backend] name: is given twice, first in line 2",
        ),
        ("[block_backend]\n[b]\n[block_backend]\n", "seafile.conf:3: [block_backend]: is there twice, first in line 1"),
        ("[ block_backend ]\n", "seafile.conf:1: [ block_backend ]: has spaces inside the brackets"),
        ("[block_backend]\nname = fs\n dir = /x\n", "seafile.conf:3: [block_backend] name: the line is indented"),
        ("[a]\nb = 1\n  [block_backend]\n", "seafile.conf:3: [block_backend]: is indented"),
    ] {
        assert_says(&only_line(parse(conf)), &[expected]);
    }
    let mut text = side_text("");
    text.conf.as_mut().unwrap().bytes = b"[a]\nb = \xff\n".to_vec();
    assert_says(
        &only_line(parse_side(&text, Role::Source, &Environment::default())),
        &["seafile.conf:2: is not UTF-8"],
    );
}

#[test]
fn a_file_named_by_mistake_does_not_bury_the_terminal() {
    let text = lines(parse(&"x\n".repeat(200_000)));
    assert_eq!(text.len(), 101);
    assert_eq!(text[100], "and 199900 errors more");
}

#[test]
fn what_only_concerns_other_sections_is_no_error() {
    let side = parse("\u{feff}[a]\nb = 1\nb = 2\n  more\n[a]\n").unwrap();
    assert_eq!(side.warnings.len(), 2, "{:?}", side.warnings);
    assert_says(&side.warnings[0], &["seafile.conf:1: starts with a byte order mark"]);
    assert_says(&side.warnings[1], &["seafile.conf:5: [a]: is there twice"]);
}

#[test]
fn an_indented_block_of_options_below_a_header_is_fine() {
    let side = parse("[block_backend]\n  name = fs\n  dir = /x\n").unwrap();
    assert_eq!(side.store(ObjectKind::Blocks).location().to_string(), "fs:/x/storage/blocks");
}

// ---- backends

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
fn what_is_not_handled_yet_is_refused() {
    assert_says(
        &only_line(parse("[store_crypt]\nkey_path = /k\n")),
        &["[store_crypt]: encrypted stores are not handled"],
    );
    let classes = "[storage]\nenable_storage_classes = True\nstorage_classes_file = /c.json\n";
    assert_says(
        &only_line(parse(classes)),
        &["seafile.conf:2: [storage] enable_storage_classes: storage classes are not"],
    );
    assert_says(
        &only_line(parse_env("SEAF_SERVER_STORAGE_TYPE=multiple\n")),
        &[".env:1: SEAF_SERVER_STORAGE_TYPE: storage"],
    );
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
        ("s3", &["bucket", "host", "key", "key_id"] as &[&str]),
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

// ---- environment

const S3_ENV: &str = "SEAF_SERVER_STORAGE_TYPE=s3\nS3_COMMIT_BUCKET=c\nS3_FS_BUCKET=f\nS3_BLOCK_BUCKET=\"b\"\n\
                      S3_KEY_ID=id # the id\nexport S3_SECRET_KEY='a$b#c'\nS3_HOST=h:9000\nS3_AWS_REGION=\n";

#[test]
fn a_dotenv_file_describes_a_side_with_https_by_default() {
    let side = parse_env(S3_ENV).unwrap();
    for (kind, bucket) in ObjectKind::ALL.into_iter().zip(["c", "f", "b"]) {
        let BackendConf::S3(s3) = &side.store(kind).backend else { panic!() };
        assert_eq!((s3.bucket.as_str(), s3.https, s3.signature), (bucket, true, S3Signature::V2));
        assert_eq!(s3.credentials, S3Credentials::Key { id: "id".into(), secret: Secret::new("a$b#c") });
    }
    let side =
        parse_env(&format!("{S3_ENV}S3_USE_HTTPS=false\nS3_USE_IAM_ROLE=true\nS3_USE_V4_SIGNATURE=True\n")).unwrap();
    let BackendConf::S3(s3) = &side.store(ObjectKind::Fs).backend else { panic!() };
    assert_eq!((s3.https, &s3.credentials, s3.signature), (false, &S3Credentials::IamRole, S3Signature::V4));
}

#[test]
fn errors_of_a_dotenv_file_name_its_variables() {
    let text = lines(parse_env(&S3_ENV.replace("S3_FS_BUCKET=f\n", "S3_USE_HTTPS=maybe\n"))).join("\n");
    assert_says(&text, &[".env:1: S3_FS_BUCKET: is missing", ".env:3: S3_USE_HTTPS: \"maybe\" is not a boolean"]);
    let text = only_line(parse_env("SEAF_SERVER_STORAGE_TYPE=disk\nSEAFILE_MYSQL_DB_PASSWORD=${ROOT_PASSWORD}\n"));
    assert_says(&text, &[".env:2: SEAFILE_MYSQL_DB_PASSWORD: holds a $"]);
    assert_says(&only_line(parse_env("S3_KEY_ID=x\n")), &[".env: SEAF_SERVER_STORAGE_TYPE: is not set"]);
}

#[test]
fn the_process_environment_describes_the_old_side_only() {
    let env = Environment::from_iter([("SEAF_SERVER_STORAGE_TYPE", "disk")]);
    let conf = side_text(&all_kinds("name = s3\nbucket = {kind}\nkey_id = i\nkey = k\nhost = h"));
    let old = parse_side(&conf, Role::Source, &env).unwrap();
    assert_eq!(old.store(ObjectKind::Fs).location().backend, Backend::Fs);
    assert_says(&old.warnings[0], &["environment: SEAF_SERVER_STORAGE_TYPE: \"disk\" decides"]);
    let new = parse_side(&conf, Role::Destination, &env).unwrap();
    assert_eq!(new.store(ObjectKind::Fs).location().backend, Backend::S3);
}

#[test]
fn the_database_is_found_in_the_file_and_in_the_environment() {
    let side = parse("[database]\ntype = sqlite\n").unwrap();
    assert_eq!(side.database, Some(DatabaseConf::Sqlite { path: "/data/seafile.db".into() }));
    let conf =
        "[database]\ntype = mysql\nhost = db\nuser = u\npassword = p%1\ndb_name = d\nconnection_charset = utf8mb4\n";
    let mysql = |host: &str, password: &str, name: &str, charset: &str| DatabaseConf::Mysql {
        host: host.into(),
        port: 3306,
        user: "u".into(),
        password: Secret::new(password),
        db_name: name.into(),
        charset: charset.into(),
    };
    assert_eq!(parse(conf).unwrap().database, Some(mysql("db", "p%1", "d", "utf8mb4")));
    let env = [("SEAFILE_MYSQL_DB_HOST", "other"), ("SEAFILE_MYSQL_DB_PASSWORD", "q")];
    let side = parse_side(&side_text(conf), Role::Source, &env.into_iter().collect()).unwrap();
    assert_eq!(side.database, Some(mysql("other", "q", "d", "utf8mb4")));
    let env = "SEAF_SERVER_STORAGE_TYPE=disk\nSEAFILE_MYSQL_DB_HOST=h\nSEAFILE_MYSQL_DB_USER=u\nSEAFILE_MYSQL_DB_PASSWORD=p\n";
    assert_eq!(parse_env(env).unwrap().database, Some(mysql("h", "p", "seafile_db", "utf8")));
}

// ---- two sides on a disk

struct World {
    folder: tempfile::TempDir,
}

impl World {
    /// An old server with its objects in seafile-data, and an empty folder to move to.
    fn new() -> Self {
        let world = Self { folder: tempfile::tempdir().unwrap() };
        for folder in ["conf", "new", "elsewhere", "seafile-data/storage/blocks"] {
            std::fs::create_dir_all(world.path(folder)).unwrap();
        }
        world.write("conf/seafile.conf", "[fileserver]\nport = 8082\n");
        world
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    fn new_conf(&self, conf: &str) -> &Self {
        self.write("new/seafile.conf", &conf.replace("{top}", self.folder.path().to_str().unwrap()));
        self
    }

    fn load(&self) -> Result<(SideConf, SideConf), ConfErrors> {
        self.load_with(&Environment::default())
    }

    fn load_with(&self, env: &Environment) -> Result<(SideConf, SideConf), ConfErrors> {
        load_pair(&source(&self.path("conf/seafile.conf")), &source(&self.path("new")), env)
    }
}

fn source(path: &Path) -> SideSource {
    SideSource { path: path.to_owned(), data_dir: None }
}

#[test]
fn the_old_script_s_layout_is_found_without_any_option() {
    let world = World::new();
    let (old, new) = world.new_conf(&all_kinds("name = fs\ndir = {top}/elsewhere")).load().unwrap();
    let top = world.folder.path().canonicalize().unwrap();
    assert_eq!(old.data_dir, Some(top.join("seafile-data")));
    assert_eq!(
        old.store(ObjectKind::Blocks).location().place,
        format!("{}/seafile-data/storage/blocks", top.display())
    );
    assert_eq!(new.store(ObjectKind::Blocks).location().place, format!("{}/elsewhere/storage/blocks", top.display()));
    assert!(old.warnings.is_empty() && new.warnings.is_empty());
}

#[test]
fn the_data_folder_of_the_environment_comes_before_the_one_beside_conf() {
    let world = World::new();
    std::fs::create_dir_all(world.path("big/storage")).unwrap();
    let env = Environment::from_iter([("SEAFILE_DATA_DIR", world.path("big")), ("SEAFILE_CONF_DIR", world.path("x"))]);
    let (old, _) = world.new_conf(&all_kinds("name = fs\ndir = {top}/elsewhere")).load_with(&env).unwrap();
    assert!(old.store(ObjectKind::Fs).location().place.ends_with("/big/storage/fs"));
}

#[test]
fn a_new_side_that_is_the_old_one_is_refused_for_each_kind() {
    let world = World::new();
    let text = lines(world.new_conf("").load());
    assert_eq!(text.len(), 3, "{text:#?}");
    assert_says(&text[0], &["new/seafile.conf: [commit_object_backend]: is the same store as on the old side (fs:"]);
    std::os::unix::fs::symlink("seafile-data", world.path("link")).unwrap();
    for dir in ["{top}/link", "{top}/new/../seafile-data/.", "{top}/seafile-data/storage/../"] {
        assert_eq!(lines(world.new_conf(&all_kinds(&format!("dir = {dir}"))).load()).len(), 3, "{dir}");
    }
}

#[test]
fn a_kind_s_folder_that_is_a_link_into_the_old_store_is_refused() {
    let world = World::new();
    std::fs::create_dir(world.path("elsewhere/storage")).unwrap();
    std::os::unix::fs::symlink(world.path("seafile-data/storage/blocks"), world.path("elsewhere/storage/blocks"))
        .unwrap();
    let line = only_line(world.new_conf(&all_kinds("dir = {top}/elsewhere")).load());
    assert_says(&line, &["[block_backend]: is the same store"]);
}

#[test]
fn folders_inside_each_other_are_refused() {
    let world = World::new();
    std::fs::create_dir(world.path("seafile-data/storage/inner")).unwrap();
    let text = lines(world.new_conf("[block_backend]\ndir = {top}/seafile-data/storage/inner\n").load()).join("\n");
    assert_says(&text, &["[block_backend]: one is inside the other"]);
}

#[test]
fn folders_and_files_that_are_not_there_are_found() {
    let world = World::new();
    std::fs::remove_dir_all(world.path("seafile-data/storage")).unwrap();
    world.write("not-pem", "x");
    let text = lines(
        world
            .new_conf(
                "[commit_object_backend]\ndir = {top}/nowhere\n[fs_object_backend]\ndir = relative\n[block_backend]\nname = s3\n\
                 bucket = b\nkey_id = i\nkey = k\nhost = h\nuse_https = 1\nca_file = {top}/not-pem\n",
            )
            .load(),
    )
    .join("\n");
    assert_says(&text, &["conf/seafile.conf: ", "seafile-data/storage: No such file", "--data-dir"]);
    assert_says(&text, &["new/seafile.conf:2: [commit_object_backend] dir: ", "/nowhere: No such file"]);
    assert_says(&text, &["new/seafile.conf:4: [fs_object_backend] dir: \"relative\" is not an absolute path"]);
    assert_says(&text, &["new/seafile.conf:12: [block_backend] ca_file: ", "not-pem holds no certificate"]);
    let line = only_line(load_side(&source(&world.path("none")), Role::Source, &Environment::default()));
    assert_says(&line, &["none: cannot be read: No such file"]);
    let line = only_line(load_side(&source(&world.path("elsewhere")), Role::Source, &Environment::default()));
    assert_says(&line, &["elsewhere: holds no seafile.conf"]);
    let env = Environment::from_iter([("SEAF_SERVER_STORAGE_TYPE", "s3")]);
    let text = lines(load_side(&source(&world.path("elsewhere")), Role::Source, &env)).join("\n");
    assert_says(&text, &["environment: S3_BLOCK_BUCKET: is missing"]);
}

#[test]
fn a_dotenv_file_beside_the_new_conf_describes_the_new_side() {
    let world = World::new();
    world.write("new/.env", S3_ENV);
    for path in ["new", "new/.env"] {
        let env = Environment::default();
        let pair = load_pair(&source(&world.path("conf")), &source(&world.path(path)), &env).unwrap();
        assert_eq!(pair.0.store(ObjectKind::Fs).location().backend, Backend::Fs);
        assert_eq!(pair.1.store(ObjectKind::Fs).location().to_string(), "s3:h:9000/f");
    }
}

/// The lines that two sides with these options for every kind give.
fn both(old: &str, new: &str) -> Vec<String> {
    let world = World::new();
    for name in ["ceph-1.conf", "ceph-2.conf", "ceph-3.conf"] {
        let fsid = if name == "ceph-3.conf" { "b" } else { "a" };
        world.write(name, &format!("[global]\n fsid = {fsid}\n"));
    }
    let top = world.folder.path().to_str().unwrap();
    world.write("conf/seafile.conf", &all_kinds(old).replace("{top}", top));
    match world.new_conf(&all_kinds(new)).load() {
        Ok(_) => Vec::new(),
        Err(errors) => errors.to_string().lines().map(ToOwned::to_owned).collect(),
    }
}

#[test]
fn one_place_in_two_spellings_is_refused() {
    const S3: &str = "name = s3\nbucket = b-{kind}\nkey_id = i\nkey = k\n";
    const OSS: &str = "name = oss\nbucket = b-{kind}\nkey_id = i\nkey = k\n";
    const SWIFT: &str = "name = swift\ncontainer = c-{kind}\nuser_name = u\npassword = p\ntenant = t\n";
    const CEPH: &str = "name = ceph\npool = p-{kind}\n";
    for (base_old, old, base_new, new, same) in [
        (S3, "host = h", S3, "host = H:80\npath_style_request = true", true),
        (S3, "host = h", S3, "host = h.\nuse_https = on\nuse_v4_signature = on", true),
        (S3, "host = h:443\nuse_https = on", S3, "host = h:9000\nuse_https = on", false),
        (S3, "host = h1", S3, "host = h2", false),
        (S3, "aws_region = us-east-1", S3, "host = s3.amazonaws.com", true),
        (S3, "aws_region = eu-west-1", S3, "host = s3-eu-west-1.amazonaws.com:443\nuse_https = 1", true),
        (S3, "aws_region = eu-west-1", S3, "host = s3.cn-north-1.amazonaws.com.cn", false),
        (OSS, "region = hangzhou", OSS, "endpoint = oss-cn-hangzhou.aliyuncs.com", true),
        (OSS, "region = hangzhou", S3, "host = s3.oss-cn-hangzhou.aliyuncs.com", true),
        (OSS, "endpoint = h:1", OSS, "endpoint = h:2", false),
        (SWIFT, "auth_host = h:80\nauth_ver = v3", SWIFT, "auth_host = H\nregion = r", true),
        (SWIFT, "auth_host = h\nregion = q", SWIFT, "auth_host = h\nregion = r", false),
        (SWIFT, "auth_host = h\nauth_ver = v3", SWIFT, "auth_host = h\nauth_ver = v3\ndomain = d", false),
        (CEPH, "ceph_config = {top}/ceph-1.conf", CEPH, "ceph_config = {top}/conf/../ceph-1.conf", true),
        (CEPH, "ceph_config = {top}/ceph-1.conf", CEPH, "ceph_config = {top}/ceph-2.conf", true),
        (CEPH, "ceph_config = {top}/ceph-1.conf", CEPH, "ceph_config = {top}/ceph-3.conf", false),
    ] {
        let lines = both(&format!("{base_old}{old}"), &format!("{base_new}{new}"));
        assert_eq!(lines.len(), if same { 3 } else { 0 }, "{base_old}{old}\n-> {base_new}{new}\n{lines:#?}");
        assert!(lines.iter().all(|line| line.contains("is the same store as on the old side")), "{lines:#?}");
    }
}

#[test]
fn kinds_in_one_bucket_are_refused_as_a_destination_and_told_of_a_source() {
    let conf = all_kinds("name = s3\nbucket = one\nkey_id = i\nkey = k\nhost = h");
    let old = parse_side(&side_text(&conf), Role::Source, &Environment::default()).unwrap();
    assert_eq!(old.warnings.len(), 2, "{:?}", old.warnings);
    let new = lines(parse_side(&side_text(&conf), Role::Destination, &Environment::default()));
    assert_eq!(new.len(), 2, "{new:#?}");
    assert_says(&new[0], &["[fs_object_backend]: commits and fs are both in s3:h/one"]);
    let old = "name = s3\nbucket = {kind}\nkey_id = i\nkey = k\nhost = h";
    let crossed = World::new();
    crossed.write("conf/seafile.conf", &all_kinds(old));
    let crossing = all_kinds(old).replace("bucket = fs", "bucket = z").replace("bucket = commits", "bucket = fs");
    let text = lines(crossed.new_conf(&crossing).load()).join("\n");
    assert_says(
        &text,
        &["[commit_object_backend]: is where the old side has its fs (s3:h/fs)", "[block_backend]: is the same"],
    );
}

// ---- what the project ships

/// The options of each block of the example, which has them all.
const OPTIONS: [(&str, &[&str]); 6] = [
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
    ("database", &["type", "host", "port", "user", "password", "db_name", "connection_charset"]),
];

/// The text with every `#option = value` made an option; explanations begin with `# `.
fn uncomment(block: &str) -> String {
    let bare = |line: &str| {
        let rest = line.strip_prefix('#').filter(|rest| !rest.is_empty() && !rest.starts_with([' ', '#']));
        rest.unwrap_or(line).to_owned() + "\n"
    };
    block.lines().map(bare).collect()
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
        let side = parse(&text).unwrap_or_else(|errors| panic!("{errors}\n{text}"));
        assert!(side.warnings.is_empty(), "{:?}", side.warnings);
        match name {
            "database" => assert!(matches!(side.database, Some(DatabaseConf::Mysql { .. }))),
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

// ---- properties

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
            let expected = StoreConf { kind, backend: stores[kind.index()].1.clone() };
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
        let text = SideText { path: "f".into(), conf, dotenv, data_dir: None };
        if let Err(errors) = parse_side(&text, Role::Destination, &Environment::default()) {
            assert!(!errors.errors.is_empty());
        }
    }
}
