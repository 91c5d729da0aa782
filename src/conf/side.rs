//! One side of a migration: what the user names, and what it turns out to be.

use std::path::PathBuf;

use super::backend::StoreConf;
use super::database::DatabaseConf;
use super::finding::Place;
use super::side_id::SideId;
use crate::object::{ObjectKind, PerKind};

/// Which way objects go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The old side, or any that is only read. The process environment describes it, as it does the running server.
    Source,
    /// The new side.
    Destination,
}

/// What the user names as a side.
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
    /// What is in it.
    pub bytes: Vec<u8>,
}

/// The files of a side.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SideText {
    /// The side as the user named it.
    pub path: PathBuf,
    /// seafile.conf.
    pub conf: Option<TextFile>,
    /// The `.env` file beside it.
    pub dotenv: Option<TextFile>,
    /// The seafile-data folder, where it is known.
    pub data_dir: Option<PathBuf>,
}

/// The settings of a side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SideConf {
    /// The side as the user named it.
    pub path: PathBuf,
    /// The store of each kind.
    pub stores: PerKind<StoreConf>,
    /// The server's tables, where the side names them.
    pub database: Option<DatabaseConf>,
    /// The seafile-data folder, where it is known.
    pub data_dir: Option<PathBuf>,
    /// How many days of history libraries keep that have no limit of their own (`keep_days` of `[history]`); all when
    /// there is none, or a negative one.
    pub keep_days: Option<i64>,
    /// What is odd but no error, a line each.
    pub warnings: Vec<String>,
}

impl SideConf {
    /// The store of a kind.
    pub fn store(&self, kind: ObjectKind) -> &StoreConf {
        &self.stores[kind]
    }

    /// Where the objects of each kind are. The same places are the same side, however they are configured.
    pub fn id(&self) -> SideId {
        SideId::from_fn(|kind| self.store(kind).location().to_string())
    }
}

/// A side with the places that its stores are described at.
pub(crate) struct ReadSide {
    pub(crate) conf: SideConf,
    /// Whether seafile.conf describes the stores, not the environment.
    pub(crate) from_file: bool,
    pub(crate) places: PerKind<Place>,
}

/// The section of a kind.
pub(crate) const fn section_of(kind: ObjectKind) -> &'static str {
    match kind {
        ObjectKind::Commits => "commit_object_backend",
        ObjectKind::Fs => "fs_object_backend",
        ObjectKind::Blocks => "block_backend",
    }
}

/// The variable that says whether the environment describes the stores.
pub(crate) const STORAGE_TYPE: &str = "SEAF_SERVER_STORAGE_TYPE";
