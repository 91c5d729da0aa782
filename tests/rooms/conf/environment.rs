//! `.env` files and the environment of the process.

use seaf_migrate::conf::*;
use seaf_migrate::object::ObjectKind;

use super::support::*;

#[test]
fn a_dotenv_file_describes_a_side_with_https_by_default() {
    let side = parse_env(S3_ENV).unwrap();
    for (kind, bucket) in ObjectKind::ALL.into_iter().zip(["c", "f", "b"]) {
        let BackendConf::S3(s3) = &side.store(kind).backend else { panic!() };
        // As the manual has it: https and V4 unless the environment says otherwise.
        assert_eq!((s3.bucket.as_str(), s3.https, s3.signature), (bucket, true, S3Signature::V4));
        assert_eq!(s3.credentials, S3Credentials::Key { id: "id".into(), secret: Secret::new("a$b#c") });
    }
    let side =
        parse_env(&format!("{S3_ENV}S3_USE_HTTPS=false\nS3_USE_IAM_ROLE=true\nS3_USE_V4_SIGNATURE=False\n")).unwrap();
    let BackendConf::S3(s3) = &side.store(ObjectKind::Fs).backend else { panic!() };
    assert_eq!(
        (s3.https, &s3.credentials, s3.signature),
        (false, &S3Credentials::Role(S3Role::Default), S3Signature::V2)
    );
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
    let conf = "[database]\ntype = mysql\nhost = db\nuser = u\npassword = p%1\ndb_name = d\n";
    let mysql = |host: &str, password: &str, name: &str| {
        DatabaseConf::Mysql(MysqlConf {
            server: MysqlServer::Tcp { host: host.into(), port: 3306 },
            user: "u".into(),
            password: Secret::new(password),
            db_name: name.into(),
            tls: MysqlTls::default(),
        })
    };
    assert_eq!(parse(conf).unwrap().database, Some(mysql("db", "p%1", "d")));
    let env = [("SEAFILE_MYSQL_DB_HOST", "other"), ("SEAFILE_MYSQL_DB_PASSWORD", "q")];
    let side = parse_side(&side_text(conf), Role::Source, &env.into_iter().collect()).unwrap();
    assert_eq!(side.database, Some(mysql("other", "q", "d")));
    let env = "SEAF_SERVER_STORAGE_TYPE=disk\nSEAFILE_MYSQL_DB_HOST=h\nSEAFILE_MYSQL_DB_USER=u\nSEAFILE_MYSQL_DB_PASSWORD=p\n";
    assert_eq!(parse_env(env).unwrap().database, Some(mysql("h", "p", "seafile_db")));
}

fn fs_bucket(side: &SideConf) -> &str {
    let BackendConf::S3(s3) = &side.store(ObjectKind::Fs).backend else { panic!("{side:?}") };
    &s3.bucket
}

/// A side with a seafile.conf and a `.env` file beside it.
fn both_files(conf: &str, dotenv: &str) -> SideText {
    let dotenv = TextFile { name: ".env".into(), bytes: dotenv.into() };
    SideText { dotenv: Some(dotenv), ..side_text(conf) }
}

#[test]
fn the_process_wins_over_the_dotenv_file_and_that_over_seafile_conf() {
    let conf = all_kinds("name = s3\nbucket = conf\nkey_id = i\nkey = k\nhost = h");
    let quiet = Environment::default();
    let only_conf = parse_side(&both_files(&conf, "S3_FS_BUCKET=f\n"), Role::Source, &quiet).unwrap();
    assert_eq!(fs_bucket(&only_conf), "conf", "variables mean nothing until the storage type is set");
    let dotenv = parse_side(&both_files(&conf, S3_ENV), Role::Source, &quiet).unwrap();
    assert_eq!(fs_bucket(&dotenv), "f");
    assert_says(&dotenv.warnings[0], &[".env:1: SEAF_SERVER_STORAGE_TYPE: \"s3\" decides"]);
    let process = Environment::from_iter([("S3_FS_BUCKET", "process"), ("S3_HOST", "")]);
    let side = parse_side(&both_files(&conf, S3_ENV), Role::Source, &process).unwrap();
    assert_eq!(fs_bucket(&side), "process");
    assert_eq!(side.store(ObjectKind::Fs).location().to_string(), "s3:h:9000/process", "an empty one counts as unset");
    let new = parse_side(&both_files(&conf, S3_ENV), Role::Destination, &process).unwrap();
    assert_eq!(fs_bucket(&new), "f");
}

#[test]
fn an_empty_storage_type_leaves_seafile_conf_in_charge() {
    let conf = all_kinds("name = fs\ndir = /from-conf");
    for dotenv in ["SEAF_SERVER_STORAGE_TYPE=\n", "SEAF_SERVER_STORAGE_TYPE=''\n", "SEAF_SERVER_STORAGE_TYPE= \n", ""] {
        let side = parse_side(&both_files(&conf, dotenv), Role::Source, &Environment::default()).unwrap();
        assert_eq!(side.store(ObjectKind::Fs).location().to_string(), "fs:/from-conf/storage/fs", "{dotenv:?}");
        assert!(side.warnings.is_empty(), "{:?}", side.warnings);
    }
}

#[test]
fn an_unknown_storage_type_is_told_with_the_ones_there_are() {
    for wrong in ["S3", "fs", "none"] {
        let line = only_line(parse_env(&format!("SEAF_SERVER_STORAGE_TYPE={wrong}\n")));
        assert_says(&line, &[".env:1: SEAF_SERVER_STORAGE_TYPE", wrong, "allowed: disk, s3, multiple, or empty"]);
    }
}

#[test]
fn values_are_quoted_and_commented_as_compose_takes_them() {
    let host = |written: &str| {
        let side = parse_env(&S3_ENV.replace("S3_HOST=h:9000", &format!("S3_HOST={written}"))).unwrap();
        let BackendConf::S3(s3) = &side.store(ObjectKind::Fs).backend else { panic!() };
        s3.host.clone().unwrap()
    };
    for (written, value) in [
        ("  h:1  ", "h:1"),
        ("h:1 # mine", "h:1"),
        ("h:1\t# mine", "h:1"),
        ("'h:1' # mine", "h:1"),
        ("\"h:1\"   ", "h:1"),
        ("\"\\h:1\"", "h:1"),
    ] {
        assert_eq!(host(written), value, "{written}");
    }
    let key = |written: &str| {
        let text = S3_ENV.replace("'a$b#c'", written);
        let BackendConf::S3(s3) = parse_env(&text).unwrap().store(ObjectKind::Commits).backend.clone() else {
            panic!()
        };
        let S3Credentials::Key { secret, .. } = s3.credentials else { panic!() };
        secret.expose().to_owned()
    };
    for (written, value) in [
        ("a#b", "a#b"),
        ("'a # b'", "a # b"),
        ("'a\\nb'", "a\\nb"),
        ("\"a # b\"", "a # b"),
        ("\"say \\\"x\\\"\"", "say \"x\""),
        ("\"\\$HOME\"", "$HOME"),
        ("a$1", "a$1"),
        ("a=b==", "a=b=="),
        ("'${X}'", "${X}"),
    ] {
        assert_eq!(key(written), value, "{written}");
    }
}

#[test]
fn a_value_that_compose_would_read_otherwise_is_refused_without_being_shown() {
    for written in ["'open", "\"open", "'a'b", "\"a\" b", "\"ends in \\\"", "$HOME", "a${B}", "a$$b", "\"$_x\""] {
        let line = only_line(parse_env(&S3_ENV.replace("'a$b#c'", written)));
        assert_says(
            &line,
            &[".env:6: S3_SECRET_KEY: holds a "].map(|start| match written.contains('$') {
                true => start,
                false => ".env:6: S3_SECRET_KEY: has a quote that does not close",
            }),
        );
        assert!(!line.contains(written), "{line}");
    }
}

#[test]
fn of_a_variable_given_twice_the_last_one_counts_and_comments_do_not() {
    let text = format!("{S3_ENV}S3_FS_BUCKET=later\n# S3_FS_BUCKET=never\n  #S3_FS_BUCKET=never\nS3_FS_BUCKET\n");
    assert_eq!(fs_bucket(&parse_env(&text).unwrap()), "later");
}

#[test]
fn variables_of_other_programs_may_hold_anything() {
    let text = format!("TIME_ZONE=\"open\nCADDY=${{X}}\nS4_KEY='\n{S3_ENV}");
    assert_eq!(fs_bucket(&parse_env(&text).unwrap()), "f");
}

#[test]
fn a_dotenv_file_with_a_byte_order_mark_or_wrong_encoding_is_told() {
    let side = parse_env(&format!("\u{feff}{}", S3_ENV.replace('\n', "\r\n"))).unwrap();
    assert_eq!(fs_bucket(&side), "f");
    assert_says(&side.warnings[0], &[".env:1: starts with a byte order mark"]);
    let mut text = both_files("", "");
    text.dotenv.as_mut().unwrap().bytes = b"SEAF_SERVER_STORAGE_TYPE=disk\nS3_HOST=\xff\n".to_vec();
    let line = only_line(parse_side(&text, Role::Destination, &Environment::default()));
    assert_says(&line, &[".env:2: is not UTF-8"]);
}

#[test]
fn a_variable_of_the_process_that_is_no_text_is_an_error_and_a_folder_is_not() {
    use std::ffi::OsString;
    use std::os::unix::ffi::OsStringExt;
    let odd = || OsString::from_vec(b"/caf\xe9".to_vec());
    let of = |name: &str| {
        let env: Environment = [(OsString::from(name), odd())].into_iter().collect();
        parse_side(&side_text(""), Role::Source, &env)
    };
    assert_says(&only_line(of("S3_SECRET_KEY")), &["environment: S3_SECRET_KEY: is not UTF-8"]);
    assert!(of("SEAFILE_DATA_DIR").is_ok());
    assert!(of("LANG").is_ok());
}

#[test]
fn the_role_of_the_machine_needs_no_key_and_tells_of_one_that_is_unused() {
    let conf = all_kinds("name = s3\nbucket = b-{kind}\nhost = h");
    let env = Environment::from_iter([("S3_USE_IAM_ROLE", "true")]);
    let side = parse_side(&side_text(&conf), Role::Source, &env).unwrap();
    let BackendConf::S3(s3) = &side.store(ObjectKind::Fs).backend else { panic!() };
    assert_eq!(s3.credentials, S3Credentials::Role(S3Role::Default));
    assert!(side.warnings.is_empty(), "{:?}", side.warnings);
    let side = parse_env(&format!("{S3_ENV}S3_USE_IAM_ROLE=1\n")).unwrap();
    assert_eq!(side.warnings.len(), 1, "{:?}", side.warnings);
    assert_says(&side.warnings[0], &["S3_KEY_ID: is not used, because S3_USE_IAM_ROLE is true"]);
    let without = parse_side(&side_text(&conf), Role::Source, &Environment::default());
    assert_eq!(lines(without).len(), 6, "a key id and a key for each kind");
}

#[test]
fn a_storage_type_that_cannot_be_read_is_told_once() {
    for (conf, text) in [("", "SEAF_SERVER_STORAGE_TYPE='s3\n"), ("", "SEAF_SERVER_STORAGE_TYPE=$TYPE\n")] {
        let line = only_line(parse_side(&both_files(conf, text), Role::Source, &Environment::default()));
        assert_says(&line, &[".env:1: SEAF_SERVER_STORAGE_TYPE: h"]);
    }
    assert_says(&only_line(parse_env("SEAF_SERVER_STORAGE_TYPE='s3\n")), &["has a quote that does not close"]);
}

/// The beginning of the `.env` of a server in Docker as its manual has it, and what the rest of it may hold.
const MANUAL_ENV: &str = "COMPOSE_FILE='seafile-server.yml,caddy.yml'\nCOMPOSE_PATH_SEPARATOR=','\n\n\
    SEAFILE_IMAGE=seafileltd/seafile-pro-mc:13.0-latest\nBASIC_STORAGE_PATH=/opt\n\
    SEAFILE_VOLUME=$BASIC_STORAGE_PATH/seafile-data\nSEAFILE_MYSQL_VOLUME=${BASIC_STORAGE_PATH}/seafile-mysql/db\n\
    SEAFILE_SERVER_HOSTNAME=seafile.$DOMAIN\nJWT_PRIVATE_KEY=a$b$$c${\nINIT_SEAFILE_ADMIN_PASSWORD=\"p$4$x\"\n\
    SEAFILE_MYSQL_DB_HOST=db\nSEAFILE_MYSQL_DB_USER=seafile\nSEAFILE_MYSQL_DB_PASSWORD=PASSWORD\n\
    SEAFILE_MYSQL_DB_CCNET_DB_NAME=$CCNET\nSEAFILE_MYSQL_DB_SEAFILE_DB_NAME=seafile_db\n";

#[test]
fn the_manual_s_own_file_is_read_whatever_its_other_variables_hold() {
    let side = parse_env(&format!("{MANUAL_ENV}SEAF_SERVER_STORAGE_TYPE=disk\n")).unwrap();
    assert!(side.warnings.is_empty(), "{:?}", side.warnings);
    assert!(matches!(side.database, Some(DatabaseConf::Mysql(_))));
    let s3 = S3_ENV.replace("S3_HOST=h:9000", "S3_HOST=");
    let side = parse_env(&format!("{MANUAL_ENV}{s3}")).unwrap();
    let BackendConf::S3(s3) = &side.store(ObjectKind::Fs).backend else { panic!() };
    assert_eq!(s3.endpoint_host(), "s3.us-east-1.amazonaws.com");
}

#[test]
fn a_dollar_stands_for_what_the_file_gives_a_variable_above_the_line() {
    let bucket = |above: &str, written: &str| {
        let text = format!("{above}{}", S3_ENV.replace("S3_FS_BUCKET=f", &format!("S3_FS_BUCKET={written}")));
        parse_env(&text).map(|side| fs_bucket(&side).to_owned())
    };
    for (written, value) in [
        ("$A-fs", "a-fs"),
        ("${A}fs", "afs"),
        ("\"${A}.fs\" # both", "a.fs"),
        ("${B:-x}", "x"),
        ("${EMPTY:-x}", "x"),
        ("${A:-x}", "a"),
        ("y${EMPTY-x}", "y"),
        ("$C", "aa"),
    ] {
        assert_eq!(bucket("A=a\nEMPTY=\nC=$A${A}\n", written).unwrap(), value, "{written}");
    }
    for (above, written) in [("", "$S3_BLOCK_BUCKET"), ("A='open\n", "$A"), ("A=a\n", "${A:+b}"), ("A=a\n", "${A:-$A}")]
    {
        assert_says(&only_line(bucket(above, written)), &["S3_FS_BUCKET: holds a $ that"]);
    }
}

#[test]
fn advice_names_the_variables_where_the_user_wrote_variables() {
    for (wrong, says) in [
        ("S3_HOST=https://h", "S3_USE_HTTPS = true for https"),
        (
            "S3_HOST=h\nS3_USE_HTTPS=0\nS3_SSE_C_KEY=0123456789abcdef0123456789abcdef",
            "S3_USE_V4_SIGNATURE = true and S3_USE_HTTPS = true",
        ),
    ] {
        let line = only_line(parse_env(&S3_ENV.replace("S3_HOST=h:9000", wrong)));
        assert_says(&line, &[says]);
    }
    let side = parse_env(&format!("{S3_ENV}S3_USE_HTTPS=0\nS3_CA_FILE=/ca.pem\n")).unwrap();
    assert_says(&side.warnings[0], &["S3_CA_FILE: is not used without S3_USE_HTTPS = true"]);
}

#[test]
fn a_variable_that_is_called_otherwise_elsewhere_is_told_with_its_right_name() {
    for (wrong, right) in [
        ("S3_ENDPOINT", "S3_HOST"),
        ("S3_REGION", "S3_AWS_REGION"),
        ("S3_ACCESS_KEY", "S3_KEY_ID"),
        ("S3_KEY", "S3_SECRET_KEY"),
        ("S3_PATH_STYLE", "S3_PATH_STYLE_REQUEST"),
        ("S3_BLOCKS_BUCKET", "S3_BLOCK_BUCKET"),
        ("S3_PORT", "S3_HOST = HOST:PORT"),
    ] {
        let side = parse_env(&format!("{S3_ENV}{wrong}=x\n")).unwrap();
        assert_eq!(side.warnings.len(), 1, "{:?}", side.warnings);
        assert_says(&side.warnings[0], &[&format!("{wrong}: is not known, did you mean {right}?")]);
    }
    let others = "S3_SS_BUCKET=s\nS3_MD_BUCKET=m\nS3_SOMETHING_ELSE=1\n";
    assert!(parse_env(&format!("{S3_ENV}{others}")).unwrap().warnings.is_empty());
}

#[test]
fn the_role_of_the_machine_is_of_both_sides_and_a_key_of_the_new_side_counts_more() {
    let conf = side_text(&all_kinds("name = s3\nbucket = b-{kind}\nhost = h"));
    let credentials = |text: &SideText, role: Role, env: &[(&str, &str)]| {
        let side = parse_side(text, role, &env.iter().copied().collect()).unwrap();
        let BackendConf::S3(s3) = side.store(ObjectKind::Fs).backend.clone() else { panic!() };
        s3.credentials
    };
    let role = ("S3_USE_IAM_ROLE", "true");
    let named = [role, ("S3_IAM_ROLE_NAME", "seafile"), ("S3_IAM_ROLE_ENDPOINT", "http://10.0.0.1/latest/meta-data")];
    for side in [Role::Source, Role::Destination] {
        assert_eq!(credentials(&conf, side, &[role]), S3Credentials::Role(S3Role::Default));
        assert_eq!(
            credentials(&conf, side, &named),
            S3Credentials::Role(S3Role::Machine {
                name: Some("seafile".into()),
                endpoint: Some("http://10.0.0.1".into())
            })
        );
        let env = [role, ("S3_IAM_ROLE_ENDPOINT", "10.0.0.1")];
        let line = only_line(parse_side(&conf, side, &env.into_iter().collect()));
        assert_says(&line, &["environment: S3_IAM_ROLE_ENDPOINT: is not a URL"]);
    }
    let with_keys = side_text(&all_kinds("name = s3\nbucket = b-{kind}\nhost = h\nkey_id = i\nkey = k"));
    assert!(matches!(credentials(&with_keys, Role::Destination, &[role]), S3Credentials::Key { .. }));
    assert_eq!(credentials(&with_keys, Role::Source, &[role]), S3Credentials::Role(S3Role::Default));
    // What the new side's own file says counts whatever else it says.
    let own =
        both_files(&all_kinds("name = s3\nbucket = b-{kind}\nhost = h\nkey_id = i\nkey = k"), "S3_USE_IAM_ROLE=true\n");
    assert_eq!(credentials(&own, Role::Destination, &[]), S3Credentials::Role(S3Role::Default));
}
