//! The settings of the server's database: `[database]`, or the `SEAFILE_MYSQL_DB_*` variables, which take precedence.

use std::collections::BTreeMap;
use std::net::Ipv6Addr;
use std::path::{Path, PathBuf};

use super::finding::{ConfError, Findings};
use super::ini::{Section, Value};
use super::options::{Options, hint};
use super::variables::DATABASE;
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
    Mysql(MysqlConf),
}

/// A database of MySQL or MariaDB, and how to log in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MysqlConf {
    /// Where the server listens.
    pub server: MysqlServer,
    /// The account; empty for the name of the system's user who runs this program.
    pub user: String,
    /// The password; empty when there is none.
    pub password: Secret,
    /// The database's name.
    pub db_name: String,
    /// How the connection is kept private.
    pub tls: MysqlTls,
}

/// Where a server of MySQL or MariaDB listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MysqlServer {
    /// In the network.
    Tcp {
        /// A name or an address, without a port; an IPv6 address without brackets.
        host: String,
        /// The port.
        port: u16,
    },
    /// Behind a socket of this machine.
    Socket {
        /// The socket's file.
        path: PathBuf,
    },
}

/// How a connection over the network is kept private.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MysqlTls {
    /// Whether it is encrypted, and how the server proves who it is.
    pub mode: TlsMode,
    /// The only certificates (PEM) to trust; those of the system when none is given.
    pub ca: Option<PathBuf>,
}

/// Whether a connection is encrypted, and how the server proves who it is: MySQL's `ssl-mode`, without `PREFERRED`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TlsMode {
    /// Nothing is said: encrypted unless the server is this machine. The server proves who it is when a CA file is
    /// given; otherwise it is never told the password, only an answer worked out from it.
    #[default]
    Default,
    /// Not encrypted.
    Disabled,
    /// Encrypted; whoever answers is believed, and told the password if it asks for it.
    Required,
    /// Encrypted; the certificate must come from a trusted authority, whatever name is in it.
    VerifyCa,
    /// Encrypted; the certificate must come from a trusted authority and be made out to the host.
    VerifyIdentity,
}

/// What a side says of its database, and what is known beside it.
pub(crate) struct DatabaseText<'a> {
    /// `[database]`.
    pub(crate) section: Option<&'a Section>,
    /// The environment variables of the side.
    pub(crate) variables: &'a BTreeMap<String, Value>,
    /// The seafile-data folder.
    pub(crate) data_dir: Option<&'a Path>,
    /// Whether to look for the file of SQLite there.
    pub(crate) disk: bool,
}

/// The database of a side.
#[derive(Debug)]
pub(crate) struct FoundDatabase {
    /// `None` when the side names none, or one that this program cannot read.
    pub(crate) conf: Option<DatabaseConf>,
    /// Whether neither a type nor an address says that it is this one.
    pub(crate) is_guessed: bool,
}

impl FoundDatabase {
    const fn named(conf: Option<DatabaseConf>) -> Self {
        Self { conf, is_guessed: false }
    }

    fn guessed(conf: Option<DatabaseConf>) -> Self {
        Self { is_guessed: conf.is_some(), conf }
    }
}

/// Finds the database of a side.
pub(crate) fn read_database(text: &DatabaseText<'_>, findings: &mut Findings) -> FoundDatabase {
    let given = |name: &str| text.variables.get(name).filter(|value| value.refused || !value.text.is_empty());
    let host = given("SEAFILE_MYSQL_DB_HOST");
    let Some(section) = text.section else {
        return match (host, given("SEAFILE_MYSQL_DB_USER")) {
            (Some(host), _) => {
                let mut options = Options::of_variables(text.variables, DATABASE.to_vec(), &host.place, findings);
                FoundDatabase::named(read_mysql(&mut options, Some(SEAFILE_DB)))
            }
            (None, Some(user)) => {
                let problem = "is not set, though the user of a database is: heads cannot be checked";
                findings.warn(&ConfError::new(&user.place, problem).option("SEAFILE_MYSQL_DB_HOST"));
                FoundDatabase::named(None)
            }
            (None, None) => FoundDatabase::guessed(sqlite_in_data_folder(text)),
        };
    };
    let is_overridden = DATABASE.iter().any(|(_, name)| given(name).is_some());
    let options = Options::of_section("database", Some(section), &section.place, findings);
    let mut options = options.overridden(text.variables, DATABASE);
    let name = options.text("type").map(|name| name.to_ascii_lowercase());
    // As in the server: names in any case, variables before the type, and without either what says where MySQL is.
    let says_where = ["host", "user", "unix_socket"].iter().any(|option| options.text(option).is_some());
    // The variables that name another one may be set where this program does not see them.
    if name.is_none() && host.is_none() && !says_where {
        return FoundDatabase::guessed(sqlite(&mut options, text.data_dir));
    }
    FoundDatabase::named(match name.as_deref() {
        Some("mysql") => read_mysql(&mut options, is_overridden.then_some(SEAFILE_DB)),
        _ if host.is_some() => read_mysql(&mut options, Some(SEAFILE_DB)),
        None => read_mysql(&mut options, Some(SEAFILE_DB)),
        Some("sqlite") => sqlite(&mut options, text.data_dir),
        Some(other) => {
            let problem = format!("{other:?} is not read by this command, which knows mysql and sqlite{}", hint(other));
            options.warn("type", format!("{problem}: heads cannot be checked"));
            None
        }
    })
}

/// The database's name where nothing names it, as in the server.
const SEAFILE_DB: &str = "seafile_db";

/// The file that a server without `[database]` uses, where there is one. Nothing names it, so it may be a leftover.
fn sqlite_in_data_folder(text: &DatabaseText<'_>) -> Option<DatabaseConf> {
    let path = text.data_dir?.join("seafile.db");
    (text.disk && path.is_file()).then_some(DatabaseConf::Sqlite { path })
}

fn sqlite(options: &mut Options<'_>, data_dir: Option<&Path>) -> Option<DatabaseConf> {
    if data_dir.is_none() {
        options.warn("type", "the seafile-data folder, which holds seafile.db, is not known: heads cannot be checked");
    }
    Some(DatabaseConf::Sqlite { path: data_dir?.join("seafile.db") })
}

/// The host for a database client. An IPv6 address is returned without its brackets.
fn database_host(text: &str, options: &mut Options<'_>) -> Option<String> {
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    if bare.parse::<Ipv6Addr>().is_ok() { Some(bare.to_owned()) } else { options.host("host") }
}

fn read_mysql(options: &mut Options<'_>, default_name: Option<&str>) -> Option<DatabaseConf> {
    // The server takes a socket before a host, and the system's user where it has a socket and no user.
    let (server, user) = match options.text("unix_socket") {
        Some(_) => {
            let path = options.path("unix_socket", "the absolute path of the database server's socket");
            (path.map(|path| MysqlServer::Socket { path }), Some(options.text("user").unwrap_or_default()))
        }
        None => (read_server(options), options.required("user", "the user of the database")),
    };
    let db_name = options.text("db_name").or_else(|| default_name.map(ToOwned::to_owned));
    let db_name = db_name.or_else(|| options.required("db_name", "the name of the database such as seafile_db"));
    let tls = read_tls(options);
    Some(DatabaseConf::Mysql(MysqlConf {
        server: server?,
        user: user?,
        password: Secret::new(options.text("password").unwrap_or_default()),
        db_name: db_name?,
        tls,
    }))
}

fn read_server(options: &mut Options<'_>) -> Option<MysqlServer> {
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
    Some(MysqlServer::Tcp { host: host?, port: port? })
}

/// `use_ssl`, `skip_verify` and `ca_path` as the server takes them, and `ssl_ca` for `ca_path`.
fn read_tls(options: &mut Options<'_>) -> MysqlTls {
    const CA: &str = "the absolute path of a file with certificates (PEM)";
    let option = ["ca_path", "ssl_ca"].into_iter().find(|option| options.text(option).is_some());
    let ca = option.and_then(|option| options.path(option, CA));
    let said = options.text("use_ssl").is_some();
    let mode = match (options.boolean("use_ssl", false), options.boolean("skip_verify", false)) {
        (false, _) if said => TlsMode::Disabled,
        (false, _) => TlsMode::Default,
        (true, true) => TlsMode::Required,
        (true, false) => TlsMode::VerifyIdentity,
    };
    MysqlTls { mode, ca }
}
