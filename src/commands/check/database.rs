//! Whether the server's database answers, as a row of the check.

use crate::commands::check::settings::CheckSettings;
use crate::commands::common::failure::Failure;
use crate::database::{self, DatabaseError, heads::Roots};
use crate::report::format;
use crate::report::table::Cell;

/// What became of the database.
#[derive(Debug)]
pub(super) enum DatabaseProbe {
    /// None is configured.
    NotConfigured,
    /// It answers, and is that of a Seafile server.
    Good {
        /// What messages call it.
        name: String,
        /// How many libraries it names.
        libraries: u64,
    },
    /// It does not answer, or is another one.
    Bad(DatabaseError),
}

impl DatabaseProbe {
    /// Asks it.
    pub(super) fn of(settings: &CheckSettings) -> Self {
        let Some(conf) = &settings.database else { return Self::NotConfigured };
        let asked = database::open(conf).and_then(|mut tables| {
            let roots = Roots::from_database(&mut *tables)?;
            Ok(Self::Good { name: tables.name(), libraries: roots.libraries.len() as u64 })
        });
        asked.unwrap_or_else(Self::Bad)
    }

    /// Its row below those of the stores: of what is tried of a store, it can be reached and read.
    pub(super) fn row(&self) -> Vec<Cell> {
        let mark = |good, word: &str| Cell::Mark { good, word: word.to_owned() };
        let (name, tried) = match self {
            Self::NotConfigured => ("none configured", [Cell::of("-"), Cell::of("-")]),
            Self::Good { name, .. } => (name.as_str(), [mark(true, "ok"), mark(true, "ok")]),
            Self::Bad(error) => (error.database.as_str(), [mark(false, "failed"), Cell::of("-")]),
        };
        let [reachable, read] = tried;
        let (kind, side) = (Cell::of("database"), Cell::of("old"));
        vec![kind, side, reachable, Cell::of("-"), read, Cell::of("-"), Cell::of(name)]
    }

    /// What is to be said of it below the table.
    pub(super) fn text(&self) -> String {
        match self {
            Self::NotConfigured => {
                "No database is configured, so a run cannot see whether every library is whole: name it with --db"
                    .to_owned()
            }
            Self::Good { libraries, .. } => format!("The database names {}", format::libraries(*libraries)),
            Self::Bad(error) => error.to_string(),
        }
    }

    /// Why a run would not begin; `None` when it would: without a check of the libraries where the conf alone names the
    /// database.
    pub(super) fn failure(self, is_named: bool) -> Option<Failure> {
        match self {
            Self::Bad(error) if is_named => Some(error.into()),
            Self::Bad(_) | Self::NotConfigured | Self::Good { .. } => None,
        }
    }
}
