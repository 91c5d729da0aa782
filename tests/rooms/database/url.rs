//! What a user may name a database by, and that no mistake in it shows a password.

use proptest::prelude::*;
use seaf_migrate::conf::{DatabaseConf, MysqlConf, MysqlServer};
use seaf_migrate::database::{open, parse};

/// Host, port, user, password and name.
fn mysql(text: &str) -> (String, u16, String, String, String) {
    match parse(text).unwrap() {
        DatabaseConf::Mysql(MysqlConf { server: MysqlServer::Tcp { host, port }, user, password, db_name, .. }) => {
            (host, port, user, password.expose().to_owned(), db_name)
        }
        DatabaseConf::Mysql(conf) => panic!("{conf:?} for {text}"),
        DatabaseConf::Sqlite { path } => panic!("{} for {text}", path.display()),
    }
}

fn refused(text: &str) -> String {
    parse(text).map(|conf| panic!("{text} is {conf:?}")).unwrap_err().to_string()
}

#[test]
fn an_address_says_host_port_user_password_and_name() {
    let expected =
        |host: &str, port, password: &str| (host.to_owned(), port, "u".to_owned(), password.to_owned(), "d".to_owned());
    for (text, host, port, password) in [
        ("mysql://u:p@db/d", "db", 3306, "p"),
        ("mariadb://u:p@db/d", "db", 3306, "p"),
        ("mysql://u@db/d", "db", 3306, ""),
        ("mysql://u:@db/d", "db", 3306, ""),
        ("mysql://u:p@db:3307/d", "db", 3307, "p"),
        ("mysql://u:p@127.0.0.1:1/d", "127.0.0.1", 1, "p"),
        ("mysql://u:p@[::1]/d", "::1", 3306, "p"),
        ("mysql://u:p@[fe80::1]:3307/d", "fe80::1", 3307, "p"),
        ("mysql://u:p@db/d?charset=utf8", "db", 3306, "p"),
        // Passwords as people paste them, and as the rules want them.
        ("mysql://u:p:q@db/d", "db", 3306, "p:q"),
        ("mysql://u:p@q@db/d", "db", 3306, "p@q"),
        ("mysql://u:p/q@db/d", "db", 3306, "p/q"),
        ("mysql://u:p%40%2F%3A%25@db/d", "db", 3306, "p@/:%"),
        ("mysql://u:p%q@db/d", "db", 3306, "p%q"),
        ("mysql://u:%C3%A9@db/d", "db", 3306, "é"),
    ] {
        assert_eq!(mysql(text), expected(host, port, password), "{text}");
    }
}

#[test]
fn anything_without_a_scheme_is_a_file() {
    for (text, path) in [
        ("/data/seafile.db", "/data/seafile.db"),
        ("seafile.db", "seafile.db"),
        ("sqlite:/data/seafile.db", "/data/seafile.db"),
        ("sqlite:///data/seafile.db", "/data/seafile.db"),
        ("with blank?and#more.db", "with blank?and#more.db"),
        ("user@host/name", "user@host/name"),
    ] {
        assert_eq!(parse(text), Ok(DatabaseConf::Sqlite { path: path.into() }), "{text}");
    }
}

#[test]
fn what_is_no_address_is_refused_with_the_form_it_should_have() {
    for (text, says) in [
        ("", "give mysql://user@host:port/name"),
        ("sqlite:", "give mysql://"),
        ("postgres://u:p@db/d", "give mysql://"),
        ("mysql://db/d", "no user"),
        ("mysql://", "no user"),
        ("mysql://u:p@db", "no database name"),
        ("mysql://u:p@db/", "must be given"),
        ("mysql://u:p@db/?charset=utf8", "must be given"),
        ("mysql://:p@db/d", "must be given"),
        ("mysql://u:p@/d", "must be given"),
        ("mysql://u:%ff@db/d", "must be UTF-8"),
    ] {
        let error = refused(text);
        assert!(error.contains(says), "{text}: {error}");
    }
    for port in ["0", "65536", "-1", "+1", "x", "", "3306 ", "1:2"] {
        assert!(
            refused(&format!("mysql://u:p@db:{port}/d")).contains("the port is not a number from 1 to 65535"),
            "{port:?}"
        );
        assert!(refused(&format!("mysql://u:p@[::1]:{port}/d")).contains("port"), "{port:?}");
    }
    for host in ["[::1", "::1", "[::1]x", "[]", "[db]"] {
        refused(&format!("mysql://u:p@{host}/d"));
    }
}

#[test]
fn a_password_is_in_no_message_and_no_debug_output() {
    for text in
        ["mysql://u:hunter2@db", "mysql://u:hunter2@db:x/d", "postgres://u:hunter2@db/d", "mysql://u:hunter2%ff@db/d"]
    {
        assert!(!refused(text).contains("hunter2"), "{text}");
    }
    let conf = parse("mysql://u:hunter2@127.0.0.1:1/d").unwrap();
    assert!(!format!("{conf:?}").contains("hunter2"));
    let error = open(&conf).err().expect("nobody listens on port 1").to_string();
    assert!(error.contains("mysql://u@127.0.0.1:1/d") && !error.contains("hunter2"), "{error}");
}

#[test]
fn files_that_are_no_database_say_so() {
    let folder = tempfile::tempdir().unwrap();
    let of = |name: &str, content: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        let tables = open(&DatabaseConf::Sqlite { path: path.clone() });
        let error = tables.and_then(|mut tables| tables.rows("SELECT repo_id FROM Repo")).unwrap_err().to_string();
        assert!(error.contains(path.to_str().unwrap()), "{error}");
        error
    };
    assert!(
        of("text.db", &b"no database at all, and long enough to be looked at as one ".repeat(20))
            .contains("seafile.db")
    );
    assert!(of("empty.db", b"").contains("Repo"));
    assert!(of("with blank % and #.db", b"").contains("Repo"), "a name with signs is opened as it is");
    for path in [folder.path().to_owned(), folder.path().join("missing.db")] {
        let error = open(&DatabaseConf::Sqlite { path: path.clone() }).err().unwrap().to_string();
        assert!(error.contains("there is no such file"), "{error}");
        assert!(!folder.path().join("missing.db").exists(), "looking must not make one");
    }
}

proptest! {
    #[test]
    fn what_is_encoded_by_the_rules_comes_back(user in "[^\0]{1,12}", password in "[^\0]{0,12}", name in "[^\0]{1,12}", port in 1u16..) {
        let encode = |text: &str| percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string();
        let text = format!("mysql://{}:{}@db.example:{port}/{}", encode(&user), encode(&password), encode(&name));
        prop_assert_eq!(mysql(&text), ("db.example".to_owned(), port, user, password, name));
    }

    #[test]
    fn no_text_makes_it_panic_and_none_is_repeated(scheme in "(mysql://|sqlite:)?", rest in "[a-z0-9:@/?%\\[\\]]{9,30}") {
        if let Err(error) = parse(&format!("{scheme}{rest}")) {
            prop_assert!(!error.to_string().contains(&rest), "{} may hold a password: {}", rest, error);
        }
    }
}
