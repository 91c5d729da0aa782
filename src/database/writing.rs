//! Changes of the server's tables: those of one call in one transaction, all or none.
//!
//! The one place of this program that writes to the database. SQLite's file itself is opened for it, not a copy.

use std::time::Duration;

use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use super::mysql::Mysql;
use super::statement::require_rows;
pub use super::statement::{Change, quoted};
use super::{DatabaseError, sqlite_failed};
use crate::conf::DatabaseConf;

/// How long another process may hold SQLite's lock.
const PATIENCE: Duration = Duration::from_secs(20);

/// Makes all changes in one transaction.
///
/// # Errors
/// When the database does not answer, refuses, or a statement changes another number of rows than it must. Then nothing is changed; where
/// the answer to the last word of the transaction is lost, it is not known whether all is.
pub fn change(conf: &DatabaseConf, changes: &[Change]) -> Result<(), DatabaseError> {
    match conf {
        DatabaseConf::Mysql(mysql) => Mysql::open_to_write(mysql)?.change(changes),
        DatabaseConf::Sqlite { path } => {
            let failed = |problem: String| DatabaseError { database: path.display().to_string(), problem };
            let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
            let of_sqlite = |error: rusqlite::Error| sqlite_failed(path, &error);
            let mut connection = Connection::open_with_flags(path, flags).map_err(of_sqlite)?;
            connection.busy_timeout(PATIENCE).map_err(of_sqlite)?;
            let transaction =
                connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(of_sqlite)?;
            for Change { sql, rows } in changes {
                let changed = transaction.execute(sql, []).map_err(of_sqlite)? as u64;
                require_rows(*rows, changed).map_err(failed)?;
            }
            transaction.commit().map_err(of_sqlite)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_that_changes_another_number_of_rows_undoes_those_before_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("seafile.db");
        let connection = Connection::open(&path).unwrap();
        connection.execute_batch("CREATE TABLE a (n INTEGER); INSERT INTO a VALUES (1), (1);").unwrap();
        let conf = DatabaseConf::Sqlite { path };
        let one = |sql: &str, rows| Change { sql: sql.to_owned(), rows };
        let error =
            change(&conf, &[one("UPDATE a SET n = 2", Some(2)), one("UPDATE a SET n = 3", Some(1))]).unwrap_err();
        assert!(error.to_string().contains("2 rows would have changed where 1 must"), "{error}");
        let sum = || connection.query_row("SELECT sum(n) FROM a", [], |row| row.get::<_, i64>(0)).unwrap();
        assert_eq!(sum(), 2);
        change(&conf, &[one("UPDATE a SET n = 2", Some(2)), one("UPDATE a SET n = 2", None)]).unwrap();
        assert_eq!(sum(), 4);
    }
}
