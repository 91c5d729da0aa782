//! What is known of a library that is being moved between storage classes, kept in a file of the state folder until it has arrived: a process that
//! was killed left the library as the file says, and the next one goes on from there.

use std::collections::BTreeMap;
use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::history::StateDir;
use crate::object::LibraryId;
use crate::sys::file_lock::{FileLock, FileLockError};
use crate::sys::private_file;

/// The version of the file's fields.
const VERSION: u32 = 1;

/// How far a move has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// Objects are copied and read back while the library is in use.
    Live,
    /// The library is, or is about to be, read-only for the last pass.
    ReadOnly,
    /// The rows of the database are about to change, or have.
    Switching,
}

impl Step {
    /// What the step means for the library's users.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Live => "being copied, in use",
            Self::ReadOnly => "read-only for its last pass",
            Self::Switching => "read-only, its class being changed",
        }
    }
}

/// A library on its way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MoveState {
    version: u32,
    /// The library.
    pub library: LibraryId,
    /// The class that it leaves.
    pub origin: String,
    /// The class that it goes to.
    pub destination: String,
    /// How far it has come.
    pub step: Step,
    /// The status of the library and of its virtual ones before they became read-only; empty until then.
    pub statuses: BTreeMap<LibraryId, i64>,
    /// When the move began.
    pub began: Timestamp,
}

impl MoveState {
    /// A move that begins now.
    pub fn new(library: LibraryId, origin: &str, destination: &str) -> Self {
        Self {
            version: VERSION,
            library,
            origin: origin.to_owned(),
            destination: destination.to_owned(),
            step: Step::Live,
            statuses: BTreeMap::new(),
            began: Timestamp::now(),
        }
    }
}

/// The folder of the files, one for each library on its way.
#[derive(Clone, Debug)]
pub struct MoveStates {
    folder: PathBuf,
}

impl MoveStates {
    /// Those of a state folder.
    pub fn of(state: &StateDir) -> Self {
        Self { folder: state.folder("moves") }
    }

    /// The file of a library.
    pub fn path(&self, library: LibraryId) -> PathBuf {
        self.folder.join(format!("{library}.json"))
    }

    /// Where a verification of a library keeps how far it is.
    pub fn checkpoint(&self, library: LibraryId) -> PathBuf {
        self.folder.join(format!("{library}.verification"))
    }

    /// Keeps other processes away from the move of a library.
    ///
    /// # Errors
    /// When another process has it, or the folder cannot be used.
    pub fn lock(&self, library: LibraryId) -> Result<FileLock, FileLockError> {
        let path = self.folder.join(format!("{library}.lock"));
        let made = DirBuilder::new().recursive(true).mode(0o700).create(&self.folder);
        made.map_err(|cause| FileLockError::Io { path: path.clone(), cause })?;
        FileLock::acquire(&path).map(FileLock::passing)
    }

    /// What is known of a library; `None` when it is not on its way.
    ///
    /// # Errors
    /// When the file cannot be read or understood.
    pub fn load(&self, library: LibraryId) -> io::Result<Option<MoveState>> {
        let Some(text) = private_file::read_if_there(&self.path(library))? else { return Ok(None) };
        let state: MoveState = serde_json::from_slice(&text)?;
        match state.version == VERSION && state.library == library {
            true => Ok(Some(state)),
            false => Err(io::Error::other("it is of another version or of another library")),
        }
    }

    /// Every library that is on its way, in the order of their ids.
    ///
    /// # Errors
    /// When the folder or a file cannot be read.
    pub fn all(&self) -> io::Result<Vec<MoveState>> {
        let entries = match std::fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let mut states = Vec::new();
        for entry in entries {
            let name = entry?.file_name();
            let library = name.to_str().and_then(|name| name.strip_suffix(".json")).and_then(|name| name.parse().ok());
            if let Some(library) = library {
                states.extend(self.load(library)?);
            }
        }
        states.sort_by_key(|state| state.library);
        Ok(states)
    }

    /// Keeps what is known, as a whole and safe from a loss of power.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn save(&self, state: &MoveState) -> io::Result<()> {
        private_file::replace(&self.path(state.library), |out| Ok(serde_json::to_writer_pretty(out, state)?))
    }

    /// Forgets a library that has arrived.
    ///
    /// # Errors
    /// When the file cannot be removed.
    pub fn forget(&self, library: LibraryId) -> io::Result<()> {
        match std::fs::remove_file(self.path(library)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_of_a_move_comes_back_and_goes_when_it_is_over() {
        let dir = tempfile::tempdir().unwrap();
        let states = MoveStates::of(&StateDir::new(dir.path().to_owned()));
        let library = LibraryId::from_bytes([5; 16]);
        assert_eq!((states.load(library).unwrap(), states.all().unwrap()), (None, Vec::new()));
        let lock = states.lock(library).unwrap();
        assert!(states.lock(library).is_err(), "one process moves it");
        let mut state = MoveState::new(library, "hot", "cold");
        state.statuses.insert(library, 0);
        state.step = Step::ReadOnly;
        states.save(&state).unwrap();
        assert_eq!(states.load(library).unwrap(), Some(state.clone()));
        assert_eq!(states.all().unwrap(), [state]);
        states.forget(library).unwrap();
        states.forget(library).unwrap();
        assert_eq!(states.load(library).unwrap(), None);
        drop(lock);
        states.lock(library).unwrap();
    }
}
