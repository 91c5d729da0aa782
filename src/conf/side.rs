//! One side of a migration: the paths that the user names, its files, and its settings.

use std::path::PathBuf;

use zeroize::Zeroize;

use super::backend::StoreConf;
use super::database::DatabaseConf;
use super::finding::Place;
pub use super::role::Role;
use super::side_id::SideId;
use crate::object::{ObjectKind, PerKind};

/// The paths by which the user names a side.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SideSource {
    /// A seafile.conf, a `.env` file, or a folder that holds one or both.
    pub path: PathBuf,
    /// The seafile-data folder; `None` looks for it as the server does.
    pub data_dir: Option<PathBuf>,
}

/// A file that was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TextFile {
    /// Its name in messages.
    pub name: String,
    /// Its content.
    pub bytes: Vec<u8>,
}

impl Drop for TextFile {
    /// Overwrites the content, because keys are in it.
    fn drop(&mut self) {
        self.bytes.zeroize();
    }
}

/// The files of a side.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SideText {
    /// The side as the user named it.
    pub path: PathBuf,
    /// seafile.conf; `None` when there is none.
    pub conf: Option<TextFile>,
    /// The `.env` file beside it.
    pub dotenv: Option<TextFile>,
    /// The file of storage classes that seafile.conf names; `None` reads it from the disk, where that is accessed.
    pub classes: Option<TextFile>,
    /// The seafile-data folder, where it is known.
    pub data_dir: Option<PathBuf>,
}

/// What says where the stores of a side are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DescribedBy {
    /// A seafile.conf.
    Conf,
    /// Environment variables; the server does not look at its seafile.conf for that.
    Variables {
        /// The file and line of `SEAF_SERVER_STORAGE_TYPE`, or `environment`.
        place: String,
        /// Its value.
        storage_type: String,
    },
}

/// The settings of a side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SideConf {
    /// The side as the user named it.
    pub path: PathBuf,
    /// The store of each kind.
    pub stores: PerKind<StoreConf>,
    /// What says where they are.
    pub described_by: DescribedBy,
    /// The server's database; `None` when the side names none.
    pub database: Option<DatabaseConf>,
    /// Whether neither a type nor an address names that database: it is the file in the data folder, which may be a leftover.
    pub database_is_guessed: bool,
    /// The seafile-data folder, where it is known.
    pub data_dir: Option<PathBuf>,
    /// The days of history that libraries without a limit of their own keep (`keep_days` of `[history]`); all history
    /// when it is `None` or negative.
    pub keep_days: Option<i64>,
    /// The warnings, one line each.
    pub warnings: Vec<String>,
}

impl SideConf {
    /// The store of a kind.
    pub fn store(&self, kind: ObjectKind) -> &StoreConf {
        &self.stores[kind]
    }

    /// The kinds that a migration leaves where they are, in the order of the documentation.
    pub fn staying(&self) -> Vec<ObjectKind> {
        self.stores.values().filter(|store| store.stays).map(|store| store.kind).collect()
    }

    /// Whether a migration moves a kind.
    pub fn moves(&self, kind: ObjectKind) -> bool {
        !self.stores[kind].stays
    }

    /// The id of the side: the locations of its stores. Configurations of the same places have the same id.
    pub fn id(&self) -> SideId {
        SideId::from_fn(|kind| self.store(kind).location().to_string())
    }
}

/// A side, and the places in its files that describe its stores.
pub(crate) struct ReadSide {
    pub(crate) conf: SideConf,
    pub(crate) places: PerKind<Place>,
}

/// The section of seafile.conf that describes the store of a kind.
pub const fn section_of(kind: ObjectKind) -> &'static str {
    match kind {
        ObjectKind::Commits => "commit_object_backend",
        ObjectKind::Fs => "fs_object_backend",
        ObjectKind::Blocks => "block_backend",
    }
}
