//! Where the server's tables are: the section, the variables that win over it, and what is said of mistakes.

use seaf_migrate::conf::*;

use super::support::*;

fn with_env(conf: &str, env: &[(&str, &str)]) -> Result<SideConf, ConfErrors> {
    parse_side(&side_text(conf), Role::Source, &env.iter().copied().collect())
}

const MYSQL: &str = "[database]\ntype = mysql\nhost = db\nuser = u\npassword = p\ndb_name = d\n";

/// Host, port, user and name of a database of MySQL.
fn mysql(side: &SideConf) -> (&str, u16, &str, &str) {
    match side.database.as_ref().expect("a database") {
        DatabaseConf::Mysql(MysqlConf { server: MysqlServer::Tcp { host, port }, user, db_name, .. }) => {
            (host, *port, user, db_name)
        }
        DatabaseConf::Mysql(conf) => panic!("{conf:?}"),
        DatabaseConf::Sqlite { path } => panic!("{}", path.display()),
    }
}

#[test]
fn a_section_without_a_type_is_sqlite_in_the_data_folder() {
    let expected = Some(DatabaseConf::Sqlite { path: "/data/seafile.db".into() });
    for conf in ["[database]\n", "[database]\ntype =\n", "[database]\ncreate_tables = true\n"] {
        let side = parse(conf).unwrap();
        assert_eq!((side.database, side.database_is_guessed), (expected.clone(), true), "{conf}");
    }
}

#[test]
fn sqlite_without_a_known_data_folder_is_no_database_and_is_told() {
    let stores = all_kinds("name = fs\ndir = /x");
    let text = SideText { data_dir: None, ..side_text(&format!("{stores}[database]\ntype = sqlite\n")) };
    let side = parse_side(&text, Role::Source, &Environment::default()).unwrap();
    assert_eq!(side.database, None);
    assert_says(&side.warnings[0], &["[database] type: ", "seafile.db, is not known: heads cannot be checked"]);
}

#[test]
fn the_type_is_taken_in_any_case_as_the_server_takes_it() {
    for name in ["mysql", "MySQL", "MYSQL"] {
        let side = parse(&MYSQL.replace("mysql", name)).unwrap();
        assert_eq!(mysql(&side), ("db", 3306, "u", "d"), "{name}");
        assert!(side.warnings.is_empty(), "{:?}", side.warnings);
    }
    let side = parse("[database]\ntype = SQLite\n").unwrap();
    assert!(matches!(side.database, Some(DatabaseConf::Sqlite { .. })) && !side.database_is_guessed);
}

#[test]
fn another_type_of_database_does_not_stop_a_copy() {
    let side = parse("[database]\ntype = pgsql\nhost = db\n").unwrap();
    assert_eq!(side.database, None);
    assert_eq!(side.warnings.len(), 1);
    assert_says(&side.warnings[0], &["seafile.conf:2: [database] type: \"pgsql\" is not read", "heads cannot"]);
}

#[test]
fn a_port_is_a_number_that_a_port_can_be() {
    for (text, port) in [("1", 1), ("3306", 3306), ("65535", 65535), ("03307", 3307)] {
        assert_eq!(mysql(&parse(&format!("{MYSQL}port = {text}\n")).unwrap()).1, port);
    }
    for wrong in ["0", "65536", "-1", "+1", "3306x", "3 306", "0x10", "99999999999999999999"] {
        let line = only_line(parse(&format!("{MYSQL}port = {wrong}\n")));
        assert_says(&line, &["seafile.conf:7: [database] port: ", wrong, "is not a port; allowed: 1 to 65535"]);
    }
}

#[test]
fn a_host_that_carries_its_port_or_is_a_url_is_told() {
    let with = |host: &str| only_line(parse(&MYSQL.replace("host = db", &format!("host = {host}"))));
    for host in ["db:3306", "[::1]:3306", "10.0.0.1:1"] {
        assert_says(&with(host), &["seafile.conf:3: [database] host: holds a port", "an option of its own"]);
    }
    assert_says(&with("mysql://u:hunter2@db"), &["[database] host: is a URL"]);
    assert!(!with("mysql://u:hunter2@db").contains("hunter2"));
}

#[test]
fn everything_that_a_database_lacks_is_told_at_once() {
    let text = lines(parse("[database]\ntype = mysql\nuser =\n")).join("\n");
    assert_says(
        &text,
        &[
            "seafile.conf:1: [database] host: is missing",
            "seafile.conf:3: [database] user: is empty",
            "seafile.conf:1: [database] db_name: is missing; allowed: the name of the database such as seafile_db",
        ],
    );
}

#[test]
fn a_server_may_have_no_password() {
    let side = parse(&MYSQL.replace("password = p\n", "")).unwrap();
    let Some(DatabaseConf::Mysql(MysqlConf { password, .. })) = side.database else { panic!() };
    assert_eq!(password.expose(), "");
}

#[test]
fn variables_win_and_the_section_fills_what_they_leave_out() {
    let conf = format!("{MYSQL}port = 3307\n");
    let side = with_env(&conf, &[("SEAFILE_MYSQL_DB_HOST", "other")]).unwrap();
    assert_eq!(mysql(&side), ("other", 3307, "u", "d"));
    let all = [
        ("SEAFILE_MYSQL_DB_HOST", "h"),
        ("SEAFILE_MYSQL_DB_PORT", "1"),
        ("SEAFILE_MYSQL_DB_USER", "v"),
        ("SEAFILE_MYSQL_DB_SEAFILE_DB_NAME", "n"),
    ];
    assert_eq!(mysql(&with_env(&conf, &all).unwrap()), ("h", 1, "v", "n"));
    let without_host = with_env(&conf, &all[1..]).unwrap();
    assert_eq!(mysql(&without_host), ("db", 1, "v", "n"), "each counts on its own");
    for (n, expected) in
        [("other", 3307, "u", "d"), ("db", 1, "u", "d"), ("db", 3307, "v", "d"), ("db", 3307, "u", "n")]
            .into_iter()
            .enumerate()
    {
        let one = [[("SEAFILE_MYSQL_DB_HOST", "other")], [all[1]], [all[2]], [all[3]]][n];
        assert_eq!(mysql(&with_env(&conf, &one).unwrap()), expected, "{one:?}");
    }
    let empty = with_env(&conf, &[("SEAFILE_MYSQL_DB_HOST", "h"), ("SEAFILE_MYSQL_DB_USER", "")]).unwrap();
    assert_eq!(mysql(&empty), ("h", 3307, "u", "d"));
}

#[test]
fn what_is_wrong_with_a_variable_names_the_variable() {
    let text = lines(with_env("", &[("SEAFILE_MYSQL_DB_HOST", "h"), ("SEAFILE_MYSQL_DB_PORT", "x")])).join("\n");
    assert_says(
        &text,
        &["environment: SEAFILE_MYSQL_DB_PORT: \"x\" is not a port", "environment: SEAFILE_MYSQL_DB_USER: is missing"],
    );
}

#[test]
fn a_value_from_the_section_keeps_its_line_when_variables_are_in_charge() {
    let conf = format!("{MYSQL}port = none\n");
    let line = only_line(with_env(&conf, &[("SEAFILE_MYSQL_DB_HOST", "h")]));
    assert_says(&line, &["seafile.conf:7: [database] port: \"none\" is not a port"]);
}

#[test]
fn variables_of_the_process_do_not_describe_the_new_side() {
    let env = [("SEAFILE_MYSQL_DB_HOST", "h"), ("SEAFILE_MYSQL_DB_USER", "u")];
    let side = parse_side(&side_text(""), Role::Destination, &env.into_iter().collect()).unwrap();
    assert_eq!(side.database, None);
}

#[test]
fn an_ipv6_address_is_a_host_with_brackets_and_without() {
    for written in ["::1", "[::1]"] {
        let side = parse(&MYSQL.replace("host = db", &format!("host = {written}"))).unwrap();
        assert_eq!(mysql(&side), ("::1", 3306, "u", "d"), "{written}");
    }
}

/// Socket, user and password of a database of MySQL.
fn behind_a_socket(side: &SideConf) -> (&str, &str, &str) {
    match side.database.as_ref().expect("a database") {
        DatabaseConf::Mysql(MysqlConf { server: MysqlServer::Socket { path }, user, password, .. }) => {
            (path.to_str().unwrap(), user, password.expose())
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_socket_is_taken_before_a_host_and_needs_no_user_as_the_server_has_it() {
    let socket = "unix_socket = /run/mysqld/mysqld.sock\n";
    let side = parse(&format!("[database]\ntype = mysql\n{socket}db_name = d\n")).unwrap();
    assert_eq!(behind_a_socket(&side), ("/run/mysqld/mysqld.sock", "", ""));
    assert!(side.warnings.is_empty(), "{:?}", side.warnings);
    let side = parse(&format!("{MYSQL}{socket}")).unwrap();
    assert_eq!(behind_a_socket(&side), ("/run/mysqld/mysqld.sock", "u", "p"));
    let line = only_line(parse(&format!("{MYSQL}unix_socket = mysqld.sock\n")));
    assert_says(&line, &["seafile.conf:7: [database] unix_socket: ", "is not an absolute path"]);
}

#[test]
fn encryption_is_asked_for_as_the_server_is_asked() {
    let tls = |lines: &str, env: &[(&str, &str)]| match with_env(&format!("{MYSQL}{lines}"), env).unwrap().database {
        Some(DatabaseConf::Mysql(MysqlConf { tls, .. })) => tls,
        other => panic!("{other:?}"),
    };
    let expected = |mode: TlsMode, ca: Option<&str>| MysqlTls { mode, ca: ca.map(Into::into) };
    for (lines, mode, ca) in [
        ("", TlsMode::Default, None),
        ("use_ssl = false\n", TlsMode::Disabled, None),
        ("use_ssl = true\n", TlsMode::VerifyIdentity, None),
        ("use_ssl = true\nca_path = /etc/ca.pem\n", TlsMode::VerifyIdentity, Some("/etc/ca.pem")),
        ("use_ssl = true\nssl_ca = /etc/ca.pem\n", TlsMode::VerifyIdentity, Some("/etc/ca.pem")),
        ("use_ssl = true\nskip_verify = true\n", TlsMode::Required, None),
        ("ca_path = /etc/ca.pem\n", TlsMode::Default, Some("/etc/ca.pem")),
    ] {
        assert_eq!(tls(lines, &[]), expected(mode, ca), "{lines}");
        // Where variables name the server, the section still says how to talk to it.
        assert_eq!(tls(lines, &[("SEAFILE_MYSQL_DB_HOST", "other")]), expected(mode, ca), "{lines}");
    }
    let line = only_line(parse(&format!("{MYSQL}use_ssl = maybe\n")));
    assert_says(&line, &["seafile.conf:7: [database] use_ssl: ", "is not a boolean"]);
    let line = only_line(parse(&format!("{MYSQL}use_ssl = true\nca_path = ca.pem\n")));
    assert_says(&line, &["seafile.conf:8: [database] ca_path: ", "is not an absolute path"]);
}

#[test]
fn a_section_that_says_where_mysql_is_needs_no_type_as_in_the_newer_servers() {
    let conf = "[database]\nhost = db\nuser = u\npassword = p\n";
    assert_eq!(mysql(&parse(conf).unwrap()), ("db", 3306, "u", "seafile_db"));
    let side = with_env("[database]\nuser = u\n", &[("SEAFILE_MYSQL_DB_HOST", "h")]).unwrap();
    assert_eq!(mysql(&side), ("h", 3306, "u", "seafile_db"));
    // A type that is written down counts whatever stands beside it.
    let side = parse(&format!("{conf}type = sqlite\n")).unwrap();
    assert!(matches!(side.database, Some(DatabaseConf::Sqlite { .. })));
}

#[test]
fn the_user_of_a_database_that_is_nowhere_is_told_and_stops_nothing() {
    let side = with_env("", &[("SEAFILE_MYSQL_DB_USER", "u")]).unwrap();
    assert_eq!(side.database, None);
    assert_says(&side.warnings[0], &["SEAFILE_MYSQL_DB_HOST: is not set", "heads cannot be checked"]);
}

#[test]
fn without_a_section_the_file_of_sqlite_in_the_data_folder_is_the_database() {
    let dir = tempfile::tempdir().unwrap();
    let (conf, data) = (dir.path().join("conf"), dir.path().join("seafile-data"));
    std::fs::create_dir_all(data.join("storage")).unwrap();
    std::fs::create_dir(&conf).unwrap();
    std::fs::write(conf.join("seafile.conf"), "[fileserver]\nport = 8082\n").unwrap();
    let load = || {
        let source = SideSource { path: conf.clone(), data_dir: None };
        load_side(&source, Role::Source, &Environment::default()).unwrap()
    };
    assert_eq!((load().database, load().warnings), (None, vec![]), "there is no such file");
    std::fs::write(data.join("seafile.db"), "").unwrap();
    let side = load();
    let expected = data.canonicalize().unwrap().join("seafile.db");
    assert_eq!(side.database, Some(DatabaseConf::Sqlite { path: expected }));
    assert!(side.database_is_guessed, "nothing names it");
    assert!(side.warnings.is_empty(), "{:?}", side.warnings);
}
