//! MySQL and MariaDB: as much of a client as reads a few tables.
//!
//! A client of our own, because none that was looked at can be made to keep the password from a server that has not
//! proved who it is, and because a library that panics over what a server sends would end the whole program.

use std::net::{TcpStream, ToSocketAddrs};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use super::statement::{Change, require_rows};
use super::{DatabaseError, Row, Tables};
use crate::conf::{MysqlConf, MysqlServer};

mod login;
mod packet;
mod tls;

use packet::{Fault, Fields, Packets, Stream};
use tls::Privacy;

/// How long a server may take to accept a connection, and over each step of the login.
const CONNECT: Duration = Duration::from_secs(10);
/// How long a server may take over one answer.
const ANSWER: Duration = Duration::from_secs(120);

const COM_QUIT: u8 = 1;
const COM_QUERY: u8 = 3;
/// The server's number for "no such table".
const NO_SUCH_TABLE: u16 = 1146;
/// How many columns an answer may have; we ask for three at most.
const COLUMNS: u64 = 16;
/// How many bytes an answer may have: some hundred for each of ten million libraries.
const LONGEST_ANSWER: usize = 2 << 30;

/// A connection that is within one transaction.
pub(super) struct Mysql {
    name: String,
    packets: Packets,
}

impl Mysql {
    /// Connects, logs in, and begins the transaction whose one snapshot everything is read from.
    pub(super) fn open(conf: &MysqlConf) -> Result<Self, DatabaseError> {
        // At any other level the server takes no snapshot, and each table would be read at a moment of its own.
        let begin = [
            "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ",
            "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY",
        ];
        Self::open_with(conf, &begin)
    }

    /// Connects, logs in, and begins a transaction that changes rows.
    pub(super) fn open_to_write(conf: &MysqlConf) -> Result<Self, DatabaseError> {
        Self::open_with(conf, &["START TRANSACTION"])
    }

    /// Makes all changes, and ends the transaction.
    ///
    /// # Errors
    /// As `writing::change`.
    pub(super) fn change(mut self, changes: &[Change]) -> Result<(), DatabaseError> {
        for Change { sql, rows } in changes {
            let changed = self.execute(sql).map_err(|fault| self.error(&fault))?;
            // The connection ends without a COMMIT, which undoes what came before.
            require_rows(*rows, changed).map_err(|problem| DatabaseError { database: self.name.clone(), problem })?;
        }
        self.execute("COMMIT").map(drop).map_err(|fault| self.error(&fault))
    }

    fn open_with(conf: &MysqlConf, begin: &[&str]) -> Result<Self, DatabaseError> {
        let user = if conf.user.is_empty() { system_user() } else { conf.user.clone() };
        let name = match &conf.server {
            MysqlServer::Tcp { host, port } if host.contains(':') => format!("[{host}]:{port}"),
            MysqlServer::Tcp { host, port } => format!("{host}:{port}"),
            MysqlServer::Socket { path } => path.display().to_string(),
        };
        let name = format!("mysql://{user}@{name}/{}", conf.db_name);
        let opened = connect(conf).and_then(|(packets, privacy)| {
            let packets = login::login(packets, conf, &user, privacy)?;
            packets.set_patience(ANSWER)?;
            let mut opened = Self { name: name.clone(), packets };
            begin.iter().try_for_each(|statement| opened.execute(statement).map(drop))?;
            Ok(opened)
        });
        opened.map_err(|fault| DatabaseError { database: name, problem: fault.to_string() })
    }

    /// Runs a statement that has no rows. Returns how many it changed.
    fn execute(&mut self, sql: &str) -> Result<u64, Fault> {
        self.packets.command(COM_QUERY, sql)?;
        let answer = self.packets.read()?;
        let changed = answer.strip_prefix(&[0]).and_then(|rest| Fields(rest).counted_number());
        changed.ok_or(Fault::Protocol("its answer to a statement is none"))
    }

    /// The rows of a `SELECT`.
    fn query(&mut self, sql: &str) -> Result<Vec<Row>, Fault> {
        self.packets.command(COM_QUERY, sql)?;
        let first = self.packets.read()?;
        let mut fields = Fields(&first);
        // 0xfb, which is no number, asks for a file of ours; 0 is the answer to what has no rows.
        let columns = fields.counted_number().filter(|count| (1..=COLUMNS).contains(count) && fields.0.is_empty());
        let columns = columns.ok_or(Fault::Protocol("its answer to a query is none"))?;
        for _ in 0..columns {
            self.packets.read()?;
        }
        if !is_end(&self.packets.read()?) {
            return Err(Fault::Protocol("its answer has more columns than it says"));
        }
        let (mut rows, mut length) = (Vec::new(), 0);
        loop {
            let packet = self.packets.read()?;
            if is_end(&packet) {
                return Ok(rows);
            }
            length += packet.len();
            if length > LONGEST_ANSWER {
                return Err(Fault::Protocol("its answer is longer than 2 GiB"));
            }
            rows.push(parse_row(&packet, columns).ok_or(Fault::Protocol("a row is not as its columns say"))?);
        }
    }

    fn error(&self, fault: &Fault) -> DatabaseError {
        DatabaseError { database: self.name.clone(), problem: fault.to_string() }
    }
}

/// Whether the packet ends the columns or the rows; a row that begins with the same byte is longer.
fn is_end(packet: &[u8]) -> bool {
    packet[0] == 0xfe && packet.len() < 9
}

fn parse_row(packet: &[u8], columns: u64) -> Option<Row> {
    let mut fields = Fields(packet);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let row = (0..columns).map(|_| Some(fields.cell()?.map(text))).collect::<Option<Row>>()?;
    fields.0.is_empty().then_some(row)
}

fn connect(conf: &MysqlConf) -> Result<(Packets, Privacy), Fault> {
    let refused = |error: std::io::Error| Fault::Refused(format!("no connection: {error}"));
    let (stream, privacy) = match &conf.server {
        MysqlServer::Socket { path } => (Stream::Socket(UnixStream::connect(path).map_err(refused)?), Privacy::SOCKET),
        MysqlServer::Tcp { host, port } => {
            let tcp = connect_tcp(host, *port).map_err(refused)?;
            let privacy = Privacy::of(&conf.tls, tcp.peer_addr().map_err(refused)?.ip().is_loopback());
            (Stream::Tcp(tcp), privacy)
        }
    };
    Ok((Packets::new(stream, CONNECT)?, privacy))
}

/// Tries the addresses of the host one after the other.
fn connect_tcp(host: &str, port: u16) -> std::io::Result<TcpStream> {
    let mut failure = std::io::Error::other("the host has no address");
    let addresses = (host, port).to_socket_addrs().map_err(|error| not_resolved(host, &error))?;
    for address in addresses {
        match TcpStream::connect_timeout(&address, CONNECT) {
            Ok(tcp) => {
                tcp.set_nodelay(true)?;
                return Ok(tcp);
            }
            Err(error) => failure = error,
        }
    }
    Err(failure)
}

/// Says of a name without a dot, as containers have them, what else it may be than wrong.
fn not_resolved(host: &str, error: &std::io::Error) -> std::io::Error {
    let hint = match host.contains('.') {
        true => "",
        false => {
            ". If it is the name of a container, run this inside of the containers' network, or name the database as this \
             machine reaches it: --db mysql://user@127.0.0.1:3306/seafile_db"
        }
    };
    std::io::Error::new(error.kind(), format!("{host} is not found: {error}{hint}"))
}

/// The name of the user who runs this; empty when the system has none for him.
fn system_user() -> String {
    let id = rustix::process::geteuid().as_raw().to_string();
    let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let fields = |line: &str| {
        let mut fields = line.split(':');
        Some((fields.next()?.to_owned(), fields.nth(1)?.to_owned()))
    };
    users.lines().filter_map(fields).find(|(_, user)| *user == id).map(|(name, _)| name).unwrap_or_default()
}

impl Drop for Mysql {
    fn drop(&mut self) {
        // A courtesy, without which the server notes a connection that broke off.
        let _ = self.packets.command(COM_QUIT, "");
    }
}

impl Tables for Mysql {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn has(&mut self, table: &str) -> Result<bool, DatabaseError> {
        // Not out of the list of tables, because it leaves out what the account may not read.
        match self.query(&format!("SELECT 1 FROM {table} LIMIT 0")) {
            Ok(_) => Ok(true),
            Err(Fault::Server { code: NO_SUCH_TABLE, .. }) => Ok(false),
            Err(fault) => Err(self.error(&fault)),
        }
    }

    fn rows(&mut self, select: &str) -> Result<Vec<Row>, DatabaseError> {
        self.query(select).map_err(|fault| self.error(&fault))
    }
}
