//! What a user names a database by: a URL, or the path of an SQLite file.

use std::net::Ipv6Addr;
use std::path::PathBuf;

use percent_encoding::percent_decode_str;

use super::DatabaseError;
use crate::conf::{DatabaseConf, MysqlConf, MysqlServer, MysqlTls, Secret, TlsMode};

/// Understands what a user names a database by: `mysql://user:password@host:port/name`, `sqlite:FILE`, or the path of
/// an SQLite file. Special characters of user and password are percent-encoded; the port may be left out.
///
/// Behind `?` a MySQL URL takes `ssl-mode=DISABLED|REQUIRED|VERIFY_CA|VERIFY_IDENTITY`, `ssl-ca=FILE` and
/// `socket=FILE`, in place of which host and port may be left out; other options are those of other programs, and
/// passed over.
///
/// # Errors
/// When it is none of these.
pub fn parse(text: &str) -> Result<DatabaseConf, DatabaseError> {
    let Some(rest) = text.strip_prefix("mysql://").or_else(|| text.strip_prefix("mariadb://")) else {
        let file = text.strip_prefix("sqlite://").or_else(|| text.strip_prefix("sqlite:")).unwrap_or(text);
        if file.is_empty() || file.contains("://") {
            return Err(unusable("give mysql://user@host:port/name, or the path of an SQLite file"));
        }
        return Ok(DatabaseConf::Sqlite { path: PathBuf::from(file) });
    };
    // The host is what follows the last `@`, because a password may hold an unescaped `@` or `/`.
    let (login, place) = rest.rsplit_once('@').ok_or_else(|| unusable("no user: mysql://user@host/name"))?;
    let (user, password) = login.split_once(':').unwrap_or((login, ""));
    let (server, name) = place.split_once('/').ok_or_else(|| unusable("no database name after the host"))?;
    let (name, query) = name.split_once('?').unwrap_or((name, ""));
    let Query { tls, socket } = parse_query(query)?;
    if user.is_empty() || server.is_empty() && socket.is_none() || name.is_empty() {
        return Err(unusable("user, host and database name must be given: mysql://user@host:port/name"));
    }
    let server = match socket {
        Some(path) => MysqlServer::Socket { path },
        None => split_server(server)?,
    };
    let (user, password, db_name) = (decoded(user)?, Secret::new(decoded(password)?), decoded(name)?);
    Ok(DatabaseConf::Mysql(MysqlConf { server, user, password, db_name, tls }))
}

/// What follows the `?` of a URL.
#[derive(Default)]
struct Query {
    tls: MysqlTls,
    socket: Option<PathBuf>,
}

fn parse_query(text: &str) -> Result<Query, DatabaseError> {
    let mut query = Query::default();
    for option in text.split('&') {
        let (name, value) = option.split_once('=').unwrap_or((option, ""));
        let value = decoded(value)?;
        match name.to_ascii_lowercase().replace('_', "-").as_str() {
            "ssl-mode" => query.tls.mode = parse_mode(&value)?,
            "ssl-ca" if !value.is_empty() => query.tls.ca = Some(PathBuf::from(value)),
            "socket" if !value.is_empty() => query.socket = Some(PathBuf::from(value)),
            // Not passed over, because who writes one wants the connection to be safe in some way.
            name if name.starts_with("ssl") || name.starts_with("tls") || name == "socket" => {
                return Err(unusable("behind the ? there may be ssl-mode=MODE, ssl-ca=FILE and socket=FILE"));
            }
            _ => {}
        }
    }
    if query.tls.ca.is_some() && query.tls.mode == TlsMode::Default {
        // As the clients of MySQL take it.
        query.tls.mode = TlsMode::VerifyCa;
    }
    Ok(query)
}

fn parse_mode(text: &str) -> Result<TlsMode, DatabaseError> {
    Ok(match text.to_ascii_uppercase().as_str() {
        "DISABLED" => TlsMode::Disabled,
        "REQUIRED" => TlsMode::Required,
        "VERIFY_CA" => TlsMode::VerifyCa,
        "VERIFY_IDENTITY" => TlsMode::VerifyIdentity,
        _ => return Err(unusable("ssl-mode is none of DISABLED, REQUIRED, VERIFY_CA and VERIFY_IDENTITY")),
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
fn split_server(server: &str) -> Result<MysqlServer, DatabaseError> {
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
    let port = port.ok_or_else(|| unusable("the port is not a number from 1 to 65535"))?;
    Ok(MysqlServer::Tcp { host: host.to_owned(), port })
}
