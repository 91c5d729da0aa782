//! Configurations in short form, and what is said about them.

use seaf_migrate::conf::*;
use seaf_migrate::object::ObjectKind;

pub const SECTIONS: [&str; 3] = ["commit_object_backend", "fs_object_backend", "block_backend"];

/// A `.env` file of a server on S3, with every way to spell a value.
pub const S3_ENV: &str = "SEAF_SERVER_STORAGE_TYPE=s3\nS3_COMMIT_BUCKET=c\nS3_FS_BUCKET=f\nS3_BLOCK_BUCKET=\"b\"\n\
                      S3_KEY_ID=id # the id\nexport S3_SECRET_KEY='a$b#c'\nS3_HOST=h:9000\nS3_AWS_REGION=\n";

pub fn side_text(conf: &str) -> SideText {
    let file = TextFile { name: "seafile.conf".into(), bytes: conf.into() };
    SideText { path: "seafile.conf".into(), conf: Some(file), data_dir: Some("/data".into()), ..SideText::default() }
}

pub fn parse(conf: &str) -> Result<SideConf, ConfErrors> {
    parse_side(&side_text(conf), Role::Source, &Environment::default())
}

pub fn parse_env(dotenv: &str) -> Result<SideConf, ConfErrors> {
    let file = TextFile { name: ".env".into(), bytes: dotenv.into() };
    let text =
        SideText { path: ".env".into(), dotenv: Some(file), data_dir: Some("/data".into()), ..SideText::default() };
    parse_side(&text, Role::Destination, &Environment::default())
}

/// The same options in all three sections, `{kind}` replaced in each.
pub fn all_kinds(options: &str) -> String {
    let section =
        |(section, kind): (&str, ObjectKind)| format!("[{section}]\n{}\n", options.replace("{kind}", kind.as_str()));
    SECTIONS.into_iter().zip(ObjectKind::ALL).map(section).collect()
}

pub fn blocks_of(options: &str) -> Result<BackendConf, ConfErrors> {
    parse(&format!("[block_backend]\n{options}\n")).map(|side| side.store(ObjectKind::Blocks).backend.clone())
}

pub fn s3(options: &str) -> S3Conf {
    let base = "name = s3\nbucket = b\nkey_id = id\nkey = secret\n";
    match blocks_of(&format!("{base}{options}")).unwrap() {
        BackendConf::S3(s3) => s3,
        other => panic!("{other:?}"),
    }
}

pub fn oss(options: &str) -> OssConf {
    match blocks_of(&format!("name = oss\nbucket = b\nkey_id = id\nkey = secret\n{options}")).unwrap() {
        BackendConf::Oss(oss) => oss,
        other => panic!("{other:?}"),
    }
}

pub fn swift(options: &str) -> SwiftConf {
    let base = "name = swift\nuser_name = u\npassword = p\ncontainer = c\nauth_host = h:5000\n";
    match blocks_of(&format!("{base}{options}")).unwrap() {
        BackendConf::Swift(swift) => swift,
        other => panic!("{other:?}"),
    }
}

pub fn lines(errors: Result<impl std::fmt::Debug, ConfErrors>) -> Vec<String> {
    errors.unwrap_err().to_string().lines().map(ToOwned::to_owned).collect()
}

pub fn only_line(errors: Result<impl std::fmt::Debug, ConfErrors>) -> String {
    let lines = lines(errors);
    assert_eq!(lines.len(), 1, "{lines:#?}");
    lines.into_iter().next().unwrap()
}

#[track_caller]
pub fn assert_says(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{part:?} is not in {text:?}");
    }
}
