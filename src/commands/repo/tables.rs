//! What of the server's tables a move reads and changes: which class a library is in, and whether it is read-only.

use std::collections::BTreeMap;

use crate::commands::common::failure::Failure;
use crate::conf::DatabaseConf;
use crate::database::heads::Roots;
use crate::database::writing::{Change, change, quoted};
use crate::database::{self, DatabaseError};
use crate::object::LibraryId;

/// The status of a library that nobody can write to.
pub const READ_ONLY: i64 = 1;

/// The tables of a server with storage classes.
#[derive(Clone, Copy, Debug)]
pub struct ClassTables<'a> {
    /// Where they are.
    pub database: &'a DatabaseConf,
}

impl ClassTables<'_> {
    /// Refuses the tables of a server that is too old to move libraries.
    ///
    /// # Errors
    /// [`Failure::Refused`] that names the table or column that is missing; and when the database does not answer.
    pub fn require(&self) -> Result<(), Failure> {
        let mut tables = database::open(self.database)?;
        let name = tables.name();
        let missing = |what: &str| {
            Failure::Refused(format!(
                "database {name}: there is no {what}, so this server has no storage classes that a library can be moved between (they came with \
                 Seafile 7.1, the status of libraries with 8.0); nothing was done"
            ))
        };
        for table in ["RepoStorageId", "RepoInfo"] {
            if !tables.has(table)? {
                return Err(missing(&format!("table {table}")));
            }
        }
        tables
            .rows("SELECT repo_id, storage_id FROM RepoStorageId LIMIT 1")
            .map_err(|_| missing("column storage_id in RepoStorageId"))?;
        tables
            .rows("SELECT repo_id, status FROM RepoInfo LIMIT 1")
            .map_err(|_| missing("column status in RepoInfo"))?;
        Ok(())
    }

    /// The libraries, their newest commits and their classes.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn roots(&self) -> Result<Roots, DatabaseError> {
        Roots::with_classes(self.database)
    }

    /// The statuses of some libraries; 0 for one that has none.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn statuses(&self, libraries: &[LibraryId]) -> Result<BTreeMap<LibraryId, i64>, DatabaseError> {
        let mut tables = database::open(self.database)?;
        let rows = tables.rows("SELECT repo_id, status FROM RepoInfo")?;
        let status = |row: Vec<Option<String>>| {
            let [library, status] = <[Option<String>; 2]>::try_from(row).ok()?;
            Some((
                LibraryId::parse(library?.trim_end().as_bytes())?,
                status.and_then(|status| status.parse().ok()).unwrap_or(0),
            ))
        };
        let known: BTreeMap<LibraryId, i64> = rows.into_iter().filter_map(status).collect();
        Ok(libraries.iter().map(|library| (*library, known.get(library).copied().unwrap_or(0))).collect())
    }

    /// Gives libraries these statuses.
    ///
    /// # Errors
    /// When the database does not answer, or refuses; then none has changed.
    pub fn set_statuses(&self, statuses: &BTreeMap<LibraryId, i64>) -> Result<(), DatabaseError> {
        change(self.database, &status_changes(statuses))
    }

    /// Puts libraries into a class and gives them these statuses, all of it in one transaction.
    ///
    /// # Errors
    /// When a library is in another class than `roots` says, and when the database does not answer, or refuses.
    pub fn switch(
        &self,
        libraries: &[LibraryId],
        roots: &Roots,
        class: &str,
        statuses: &BTreeMap<LibraryId, i64>,
    ) -> Result<(), DatabaseError> {
        let failed = |problem: String| DatabaseError { database: "tables".to_owned(), problem };
        let literal = |class: &str| {
            quoted(class).ok_or_else(|| failed(format!("the id of storage class {class:?} cannot be quoted")))
        };
        let rows: BTreeMap<LibraryId, &str> = roots.classes.rows().collect();
        let mut changes = Vec::new();
        let new = literal(class)?;
        for library in libraries {
            let sql = match rows.get(library) {
                Some(old) if *old == class => continue,
                Some(old) => {
                    format!(
                        "UPDATE RepoStorageId SET storage_id = {new} WHERE repo_id = '{library}' AND storage_id = {}",
                        literal(old)?
                    )
                }
                None => format!("INSERT INTO RepoStorageId (repo_id, storage_id) VALUES ('{library}', {new})"),
            };
            changes.push(Change { sql, rows: Some(1) });
        }
        changes.extend(status_changes(statuses));
        change(self.database, &changes)
    }
}

fn status_changes(statuses: &BTreeMap<LibraryId, i64>) -> Vec<Change> {
    let one = |(library, status): (&LibraryId, &i64)| {
        // MySQL counts rows that have the value already as unchanged.
        Change { sql: format!("UPDATE RepoInfo SET status = {status} WHERE repo_id = '{library}'"), rows: None }
    };
    statuses.iter().map(one).collect()
}
