//! SQLite: the tables are read from a private copy of the file, never from the file itself.
//!
//! Opening the original would disturb the server: a reader's lock makes its writes fail, a hot journal would have to be
//! rolled back in it, and a write-ahead log wants a file beside it. All of that happens to the copy.

use std::path::{Path, PathBuf};

use rusqlite::types::ValueRef;
use rusqlite::{Connection, ErrorCode, OpenFlags};
use tempfile::TempDir;

use super::{DatabaseError, Row, Tables};

mod copy;
mod state;

/// A copy of a database, open for reading.
pub(super) struct Sqlite {
    /// The original, for messages.
    path: PathBuf,
    connection: Connection,
    /// Removed after the connection is closed, because fields are dropped in their order.
    _folder: TempDir,
}

impl Sqlite {
    /// Copies the file and opens the copy.
    pub(super) fn open(path: &Path) -> Result<Self, DatabaseError> {
        let failed = |problem| DatabaseError { database: path.display().to_string(), problem };
        if !path.is_file() {
            return Err(failed("there is no such file; give the server's seafile.db".to_owned()));
        }
        let folder = copy::copy(path, copy::PATIENCE).map_err(failed)?;
        let connection =
            Self::open_copy(&folder.path().join(copy::NAME)).map_err(|error| sqlite_error(path, &error))?;
        Ok(Self { path: path.to_owned(), connection, _folder: folder })
    }

    /// Opens the copy so that SQLite rolls back a hot journal and takes over a write-ahead log.
    fn open_copy(copy: &Path) -> rusqlite::Result<Connection> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(copy, flags)?;
        // Nobody needs the copy after a loss of power.
        connection.pragma_update(None, "synchronous", "off")?;
        connection.query_row("SELECT count(*) FROM sqlite_master", [], |_| Ok(()))?;
        Ok(connection)
    }

    fn select(&self, select: &str) -> rusqlite::Result<Vec<Row>> {
        let mut statement = self.connection.prepare(select)?;
        let columns = statement.column_count();
        let rows = statement.query_map([], |row| (0..columns).map(|at| row.get_ref(at).map(sqlite_text)).collect())?;
        rows.collect()
    }
}

fn sqlite_text(value: ValueRef<'_>) -> Option<String> {
    match value {
        ValueRef::Null => None,
        ValueRef::Integer(number) => Some(number.to_string()),
        ValueRef::Real(number) => Some(number.to_string()),
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
    }
}

pub(super) fn sqlite_error(path: &Path, error: &rusqlite::Error) -> DatabaseError {
    let advice = match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => "; give the server's seafile.db",
        Some(ErrorCode::DatabaseCorrupt) => "; the file is damaged: see what `PRAGMA integrity_check` of sqlite3 says",
        Some(ErrorCode::DiskFull) => "; the copy of it that is read had no room: TMPDIR names another folder",
        _ => "",
    };
    DatabaseError { database: path.display().to_string(), problem: format!("{error}{advice}") }
}

impl Tables for Sqlite {
    fn name(&self) -> String {
        self.path.display().to_string()
    }

    fn has(&mut self, table: &str) -> Result<bool, DatabaseError> {
        Ok(!self.rows(&format!("SELECT 1 FROM sqlite_master WHERE name = '{table}' COLLATE NOCASE"))?.is_empty())
    }

    fn rows(&mut self, select: &str) -> Result<Vec<Row>, DatabaseError> {
        self.select(select).map_err(|error| sqlite_error(&self.path, &error))
    }
}
