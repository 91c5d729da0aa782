//! The settings of the server's database: `[database]`, or the `SEAFILE_MYSQL_DB_*` variables, which take precedence.

use std::collections::BTreeMap;
use std::net::Ipv6Addr;
use std::path::{Path, PathBuf};

use super::finding::{Findings, Place};
use super::ini::{Section, Value};
use super::options::Options;
use super::{Secret, host};

/// The database of a Seafile server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DatabaseConf {
    /// A file of SQLite, which small servers use.
    Sqlite {
        /// The database file.
        path: PathBuf,
    },
    /// MySQL or MariaDB.
    Mysql {
        /// The host, without a port.
        host: String,
        /// The port.
        port: u16,
        /// The user.
        user: String,
        /// The password; empty when there is none.
        password: Secret,
        /// The database's name.
        db_name: String,
        /// `connection_charset`; `utf8` when it is not given.
        charset: String,
    },
}

/// The options of `[database]` and the variables that take precedence. The last option has no variable.
const VARIABLES: [(&str, &str); 6] = [
    ("host", "SEAFILE_MYSQL_DB_HOST"),
    ("port", "SEAFILE_MYSQL_DB_PORT"),
    ("user", "SEAFILE_MYSQL_DB_USER"),
    ("password", "SEAFILE_MYSQL_DB_PASSWORD"),
    ("db_name", "SEAFILE_MYSQL_DB_SEAFILE_DB_NAME"),
    ("connection_charset", "connection_charset"),
];

/// The database of a side; `None` when it names none, or one that this program cannot read.
pub(crate) fn read_database(
    section: Option<&Section>,
    variables: &BTreeMap<String, Value>,
    data_dir: Option<&Path>,
    findings: &mut Findings,
) -> Option<DatabaseConf> {
    if let Some(host) = variables.get("SEAFILE_MYSQL_DB_HOST").filter(|value| !value.text.is_empty()) {
        return read_variables(section, variables, &host.place, findings);
    }
    let section = section?;
    let mut options = Options::of_section("database", Some(section), &section.place, findings);
    // Case-insensitive, and SQLite when no type is given, as in the server.
    match options.text("type").map(|name| name.to_ascii_lowercase()).as_deref() {
        None | Some("sqlite") => sqlite(&mut options, data_dir),
        Some("mysql") if options.text("host").is_none() && options.text("unix_socket").is_some() => {
            let problem = "a database behind a socket is not read by this command: heads cannot be checked";
            options.warn("unix_socket", format!("{problem}; a host in its place would do"));
            None
        }
        Some("mysql") => read_mysql(&mut options, None),
        Some(other) => {
            let problem = format!("{other:?} is not read by this command, which knows mysql and sqlite");
            options.warn("type", format!("{problem}: heads cannot be checked"));
            None
        }
    }
}

fn sqlite(options: &mut Options<'_>, data_dir: Option<&Path>) -> Option<DatabaseConf> {
    if data_dir.is_none() {
        options.warn("type", "the seafile-data folder, which holds seafile.db, is not known: heads cannot be checked");
    }
    Some(DatabaseConf::Sqlite { path: data_dir?.join("seafile.db") })
}

/// Reads the variables, and the section for options without a variable.
fn read_variables(
    section: Option<&Section>,
    variables: &BTreeMap<String, Value>,
    place: &Place,
    findings: &mut Findings,
) -> Option<DatabaseConf> {
    let mut merged = variables.clone();
    for (option, variable) in VARIABLES {
        if merged.get(variable).is_none_or(|value| value.text.is_empty())
            && let Some(value) = section.and_then(|section| section.options.get(option))
        {
            merged.insert(variable.to_owned(), value.clone());
        }
    }
    let mut options = Options::of_variables(&merged, VARIABLES.to_vec(), place, findings);
    read_mysql(&mut options, Some("seafile_db"))
}

/// The host for a database client. An IPv6 address is returned without its brackets.
fn database_host(text: &str, options: &mut Options<'_>) -> Option<String> {
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    if bare.parse::<Ipv6Addr>().is_ok() { Some(bare.to_owned()) } else { options.host("host") }
}

fn read_mysql(options: &mut Options<'_>, default_name: Option<&str>) -> Option<DatabaseConf> {
    const HOST: &str = "the host of the database server";
    let host = options.required("host", HOST).and_then(|text| database_host(&text, options));
    if host.as_deref().and_then(host::split).is_some_and(|(_, port)| port.is_some()) {
        options.error("host", "holds a port", format!("{HOST}, and the port in an option of its own"));
    }
    let port = match options.text("port") {
        None => Some(3306),
        Some(text) => {
            let port = host::parse_port(&text);
            if port.is_none() {
                options.error("port", format!("{text:?} is not a port"), "1 to 65535, 3306 where it is absent");
            }
            port
        }
    };
    let user = options.required("user", "the user of the database");
    let db_name = options.text("db_name").or_else(|| default_name.map(ToOwned::to_owned));
    let db_name = db_name.or_else(|| options.required("db_name", "the name of the database such as seafile_db"));
    Some(DatabaseConf::Mysql {
        host: host?,
        port: port?,
        user: user?,
        password: Secret::new(options.text("password").unwrap_or_default()),
        db_name: db_name?,
        charset: options.text("connection_charset").unwrap_or_else(|| "utf8".to_owned()),
    })
}
