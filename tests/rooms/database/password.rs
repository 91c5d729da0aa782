//! A password need not stand on the command line.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use seaf_migrate::conf::{DatabaseConf, Secret};
use seaf_migrate::database::{PASSWORD_IN_URL, choose, parse, password};

/// The password of the database that is chosen, and whether there is a warning.
fn chosen(named: Option<&str>, configured: Option<&str>, password: Option<&str>) -> (String, bool) {
    let configured = configured.map(|text| parse(text).unwrap());
    let choice = choose(named, configured.as_ref(), password.map(Secret::new)).unwrap();
    assert!(choice.warning.is_none_or(|warning| warning == PASSWORD_IN_URL));
    match choice.database.unwrap() {
        DatabaseConf::Mysql(conf) => (conf.password.expose().to_owned(), choice.warning.is_some()),
        DatabaseConf::Sqlite { path } => (path.display().to_string(), choice.warning.is_some()),
    }
}

#[test]
fn a_password_of_its_own_wins_and_one_in_the_url_works_with_a_warning() {
    let expected = |text: &str, warned: bool| (text.to_owned(), warned);
    let (bare, full, configured) = ("mysql://u@h/d", "mysql://u:url@h/d", "mysql://u:conf@h/d");
    assert_eq!(chosen(Some(bare), None, Some("own")), expected("own", false));
    assert_eq!(chosen(Some(bare), Some(configured), None), expected("", false));
    assert_eq!(chosen(Some(full), None, None), expected("url", true));
    assert_eq!(chosen(Some(full), Some(configured), Some("own")), expected("own", true));
    assert_eq!(chosen(None, Some(configured), None), expected("conf", false));
    assert_eq!(chosen(None, Some(configured), Some("own")), expected("own", false));
    assert_eq!(chosen(Some("/data/seafile.db"), None, Some("own")), expected("/data/seafile.db", false));
    assert_eq!(choose(None, None, Some(Secret::new("own"))).unwrap().database, None);
    assert!(choose(Some("mysql://h"), None, None).is_err());
}

#[test]
fn a_file_holds_one_line_and_wins_over_the_variable() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("password");
    let of = |content: &[u8]| {
        std::fs::write(&file, content).unwrap();
        password(Some(&file), Some(OsStr::new("from the variable"))).map(|found| found.unwrap().expose().to_owned())
    };
    for (content, expected) in
        [(&b"s3cret\n"[..], "s3cret"), (b"s3cret", "s3cret"), (b"s3cret\r\n", "s3cret"), (b" a b \n", " a b ")]
    {
        assert_eq!(of(content).unwrap(), expected);
    }
    for (content, says) in [
        (&b""[..], "is empty"),
        (b"\n", "is empty"),
        (b"s3cret\nmore\n", "more than one line"),
        (b"s3cret\xff", "not UTF-8"),
        (&[b'x'; 5000], "longer"),
    ] {
        let error = of(content).unwrap_err();
        assert!(error.contains(says) && error.contains("password") && !error.contains("s3cret"), "{error}");
    }
    let missing = password(Some(&dir.path().join("none")), None).unwrap_err();
    assert!(missing.contains("none: No such file"), "{missing}");
}

#[test]
fn a_variable_that_is_empty_is_none() {
    let of = |value: Option<&[u8]>| password(None, value.map(OsStr::from_bytes));
    assert_eq!(of(None), Ok(None));
    assert_eq!(of(Some(b"")), Ok(None));
    assert_eq!(of(Some(b"s3cret")), Ok(Some(Secret::new("s3cret"))));
    assert!(!of(Some(b"s3cret\xff")).unwrap_err().contains("s3cret"));
}
