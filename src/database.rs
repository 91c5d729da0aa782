//! The server's tables: SQLite, MySQL and MariaDB behind one small trait, read-only but for [`writing`].
//!
//! What is read is one moment of the database: a copy of an SQLite file that was proved to be one, or one snapshot of a
//! MySQL server. A database of which no such moment can be had is an error. The server at work is never made to wait.

use crate::conf::DatabaseConf;

mod address;
pub mod classes;
pub mod heads;
mod mysql;
mod password;
mod sqlite;
mod statement;
pub mod writing;

pub use address::parse;
pub use password::{Choice, PASSWORD_IN_URL, PASSWORD_VARIABLE, choose, password};

use mysql::Mysql;
use sqlite::{Sqlite, sqlite_error as sqlite_failed};

/// Why the database could not be read: which one, and what is wrong. No password is in it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("database {database}: {problem}")]
pub struct DatabaseError {
    /// The file, or `mysql://user@host:port/name`, or `mysql://user@FILE/name` with a socket's file.
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

    /// What messages call the database: its file, or its URL without a password.
    fn name(&self) -> String;

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
        DatabaseConf::Mysql(conf) => Box::new(Mysql::open(conf)?),
    })
}
