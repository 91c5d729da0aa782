//! The server's tables, read-only: SQLite, MySQL and MariaDB behind one small trait.

use std::fmt;
use std::net::Ipv6Addr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use mysql::prelude::Queryable;
use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, ErrorCode, OpenFlags};

use crate::conf::{DatabaseConf, Secret};

pub mod heads;

/// How long to wait for a writer to let go of an SQLite file.
const BUSY: Duration = Duration::from_secs(10);
/// How long a MySQL server may take to accept a connection.
const CONNECT: Duration = Duration::from_secs(10);
/// How long a MySQL server may take over one answer.
const ANSWER: Duration = Duration::from_secs(120);

/// Why the database could not be read: which one, and what is wrong. No password is in it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("database {database}: {problem}")]
pub struct DatabaseError {
    /// The file, or `mysql://user@host:port/name`.
    pub database: String,
    /// What is wrong, and what to do about it.
    pub problem: String,
}

/// A row as text; `None` is NULL.
pub type Row = Vec<Option<String>>;

/// Tables that can be read. All queries of one value see the same moment.
pub trait Tables {
    /// Whether there is such a table: old servers lack some.
    ///
    /// # Errors
    /// When the database does not answer.
    fn has(&mut self, table: &str) -> Result<bool, DatabaseError>;

    /// The rows of a `SELECT`.
    ///
    /// # Errors
    /// When the database does not answer, or refuses.
    fn rows(&mut self, select: &str) -> Result<Vec<Row>, DatabaseError>;
}

/// Opens the database for reading.
///
/// # Errors
/// When it is not there, cannot be reached, or refuses.
pub fn open(conf: &DatabaseConf) -> Result<Box<dyn Tables>, DatabaseError> {
    Ok(match conf {
        DatabaseConf::Sqlite { path } => Box::new(Sqlite::open(path)?),
        DatabaseConf::Mysql { .. } => Box::new(Mysql::open(conf)?),
    })
}

/// Understands what a user names a database by: `mysql://user:password@host:port/name`, `sqlite:FILE`, or the path of
/// an SQLite file. Special characters of user and password are percent-encoded; the port may be left out.
///
/// # Errors
/// When it is none of these.
pub fn parse(text: &str) -> Result<DatabaseConf, DatabaseError> {
    let Some(rest) = text.strip_prefix("mysql://").or_else(|| text.strip_prefix("mariadb://")) else {
        let file = text.strip_prefix("sqlite://").or_else(|| text.strip_prefix("sqlite:")).unwrap_or(text);
        if file.is_empty() || file.contains("://") {
            return Err(unusable("give mysql://user:password@host:port/name, or the path of an SQLite file"));
        }
        return Ok(DatabaseConf::Sqlite { path: PathBuf::from(file) });
    };
    // The host is what follows the last `@`, because a password may hold an unescaped `@` or `/`.
    let (login, place) = rest.rsplit_once('@').ok_or_else(|| unusable("no user: mysql://user:password@host/name"))?;
    let (user, password) = login.split_once(':').unwrap_or((login, ""));
    let (server, name) = place.split_once('/').ok_or_else(|| unusable("no database name after the host"))?;
    let name = name.split('?').next().unwrap_or_default();
    if user.is_empty() || server.is_empty() || name.is_empty() {
        return Err(unusable("user, host and database name must be given: mysql://user:password@host:port/name"));
    }
    let (host, port) = split_server(server)?;
    Ok(DatabaseConf::Mysql {
        host,
        port,
        user: decoded(user)?,
        password: Secret::new(decoded(password)?),
        db_name: decoded(name)?,
        charset: "utf8mb4".to_owned(),
    })
}

fn unusable(problem: &str) -> DatabaseError {
    // The text itself is not repeated, because it may hold a password.
    DatabaseError { database: "as given".to_owned(), problem: problem.to_owned() }
}

fn decoded(text: &str) -> Result<String, DatabaseError> {
    let text = percent_decode_str(text).decode_utf8();
    text.map(|text| text.into_owned()).map_err(|_| unusable("user, password and name must be UTF-8"))
}

/// `host`, `host:port`, `[v6]` or `[v6]:port`.
fn split_server(server: &str) -> Result<(String, u16), DatabaseError> {
    let (host, port) = match server.strip_prefix('[') {
        Some(rest) => {
            let (host, rest) =
                rest.split_once(']').filter(|(host, _)| host.parse::<Ipv6Addr>().is_ok()).unwrap_or_default();
            (host, Some(rest).filter(|rest| !rest.is_empty()).map(|rest| rest.strip_prefix(':').unwrap_or_default()))
        }
        None => server.split_once(':').map_or((server, None), |(host, port)| (host, Some(port))),
    };
    if host.is_empty() {
        return Err(unusable("the host is neither a name nor an address; an IPv6 address stands in brackets"));
    }
    // By its digits first, because the number's own reading takes a sign.
    let number = |port: &str| port.bytes().all(|byte| byte.is_ascii_digit()).then(|| port.parse().ok())?;
    let port = port.map_or(Some(3306), |port| number(port).filter(|port| *port > 0));
    Ok((host.to_owned(), port.ok_or_else(|| unusable("the port is not a number from 1 to 65535"))?))
}

struct Sqlite {
    path: PathBuf,
    connection: Connection,
}

/// What a path may not hold in SQLite's `file:` names.
const URI: &AsciiSet = &CONTROLS.add(b'%').add(b'?').add(b'#').add(b' ');

impl Sqlite {
    fn open(path: &Path) -> Result<Self, DatabaseError> {
        if !path.is_file() {
            let problem = "there is no such file; give the server's seafile.db".to_owned();
            return Err(DatabaseError { database: path.display().to_string(), problem });
        }
        match Self::open_as(path, "mode=ro") {
            // A file in write-ahead mode wants a file beside it. Where that cannot be made and nothing is waiting in a
            // log, the file alone is the whole truth.
            Err(rusqlite::Error::SqliteFailure(failure, _))
                if matches!(failure.code, ErrorCode::CannotOpen | ErrorCode::ReadOnly) && !has_log(path) =>
            {
                Self::open_as(path, "mode=ro&immutable=1")
            }
            opened => opened,
        }
        .map_err(|error| sqlite_error(path, &error))
    }

    fn open_as(path: &Path, mode: &str) -> rusqlite::Result<Self> {
        let name = utf8_percent_encode(&path.to_string_lossy(), URI).to_string();
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(format!("file:{name}?{mode}"), flags)?;
        connection.busy_timeout(BUSY)?;
        // One transaction, so that all tables are seen at one moment; reading starts it.
        connection.execute_batch("BEGIN")?;
        connection.query_row("SELECT count(*) FROM sqlite_master", [], |_| Ok(()))?;
        Ok(Self { path: path.to_owned(), connection })
    }

    fn select(&self, select: &str) -> rusqlite::Result<Vec<Row>> {
        let mut statement = self.connection.prepare(select)?;
        let columns = statement.column_count();
        let rows = statement.query_map([], |row| (0..columns).map(|at| row.get_ref(at).map(sqlite_text)).collect())?;
        rows.collect()
    }
}

fn has_log(path: &Path) -> bool {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    std::fs::metadata(log).is_ok_and(|file| file.len() > 0)
}

fn sqlite_text(value: ValueRef<'_>) -> Option<String> {
    match value {
        ValueRef::Null => None,
        ValueRef::Integer(number) => Some(number.to_string()),
        ValueRef::Real(number) => Some(number.to_string()),
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
    }
}

fn sqlite_error(path: &Path, error: &rusqlite::Error) -> DatabaseError {
    let advice = match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => "; another process keeps it locked: try again",
        Some(ErrorCode::NotADatabase) => "; give the server's seafile.db",
        Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly) => "; copy it, with its -wal file, where it can be written",
        _ => "",
    };
    DatabaseError { database: path.display().to_string(), problem: format!("{error}{advice}") }
}

impl Tables for Sqlite {
    fn has(&mut self, table: &str) -> Result<bool, DatabaseError> {
        Ok(!self.rows(&format!("SELECT 1 FROM sqlite_master WHERE name = '{table}' COLLATE NOCASE"))?.is_empty())
    }

    fn rows(&mut self, select: &str) -> Result<Vec<Row>, DatabaseError> {
        self.select(select).map_err(|error| sqlite_error(&self.path, &error))
    }
}

struct Mysql {
    label: String,
    connection: mysql::Conn,
}

impl Mysql {
    fn open(conf: &DatabaseConf) -> Result<Self, DatabaseError> {
        let DatabaseConf::Mysql { host, port, user, password, db_name, .. } = conf else {
            unreachable!("only a MySQL database is opened as one")
        };
        let label = format!("mysql://{user}@{host}:{port}/{db_name}");
        let options = mysql::OptsBuilder::new()
            .ip_or_hostname(Some(host))
            .tcp_port(*port)
            .user(Some(user))
            .pass(Some(password.expose()))
            .db_name(Some(db_name))
            // Otherwise a connection to this machine would go on over a socket file that may not be ours to open.
            .prefer_socket(false)
            .tcp_connect_timeout(Some(CONNECT))
            .read_timeout(Some(ANSWER))
            .write_timeout(Some(ANSWER));
        let opened = mysql::Conn::new(options).and_then(|mut connection| {
            connection.query_drop("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY")?;
            Ok(connection)
        });
        match opened {
            Ok(connection) => Ok(Self { label, connection }),
            Err(error) => Err(mysql_error(&label, &error)),
        }
    }
}

fn mysql_error(label: &str, error: &dyn fmt::Display) -> DatabaseError {
    DatabaseError { database: label.to_owned(), problem: error.to_string() }
}

fn mysql_text(value: &mysql::Value) -> Option<String> {
    match value {
        mysql::Value::NULL => None,
        mysql::Value::Bytes(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
        mysql::Value::Int(number) => Some(number.to_string()),
        mysql::Value::UInt(number) => Some(number.to_string()),
        other => Some(other.as_sql(true)),
    }
}

impl Tables for Mysql {
    fn has(&mut self, table: &str) -> Result<bool, DatabaseError> {
        let within = "SELECT 1 FROM information_schema.tables WHERE table_schema = DATABASE()";
        Ok(!self.rows(&format!("{within} AND table_name = '{table}'"))?.is_empty())
    }

    fn rows(&mut self, select: &str) -> Result<Vec<Row>, DatabaseError> {
        let rows: Vec<mysql::Row> = self.connection.query(select).map_err(|error| mysql_error(&self.label, &error))?;
        Ok(rows.iter().map(|row| (0..row.len()).map(|at| mysql_text(&row[at])).collect()).collect())
    }
}
