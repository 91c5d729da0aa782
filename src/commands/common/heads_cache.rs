//! Which head of each library was found whole at the destination, kept for the next pass as `PATH.heads` beside the
//! list files.
//!
//! It is a memory like theirs and goes with them: it is forgotten whenever any of them is given up and the destination
//! listed again, because it was as right as they were. A file that cannot be read or understood, or is about another
//! destination, is as good as none: a library is then walked in full.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::conf::SideId;
use crate::object::{LibraryId, ObjectId};

/// The version of the file's fields.
const VERSION: u32 = 1;

/// The heads that were found whole, by library.
pub type WholeHeads = BTreeMap<LibraryId, ObjectId>;

/// The file, and what it is about.
#[derive(Clone, Debug)]
pub struct Memory {
    path: PathBuf,
    /// The places of the destination's stores.
    to: SideId,
}

#[derive(Serialize, Deserialize)]
struct Document {
    version: u32,
    to: SideId,
    heads: WholeHeads,
}

fn path_of(prefix: &Path) -> PathBuf {
    let mut path = prefix.as_os_str().to_owned();
    path.push(".heads");
    path.into()
}

/// Forgets what was kept beside the list files `prefix`.
///
/// # Errors
/// When the file is there and cannot be removed.
pub fn forget(prefix: &Path) -> io::Result<()> {
    match fs::remove_file(path_of(prefix)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

impl Memory {
    /// The memory beside the list files `prefix`, about the destination whose stores are at `to`.
    pub fn new(prefix: &Path, to: SideId) -> Self {
        Self { path: path_of(prefix), to }
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What is remembered of this destination; nothing when there is no file that can be understood.
    pub fn load(&self) -> WholeHeads {
        let read = fs::read(&self.path).ok().and_then(|text| serde_json::from_slice::<Document>(&text).ok());
        let fits = read.filter(|document| document.version == VERSION && document.to == self.to);
        fits.map(|document| document.heads).unwrap_or_default()
    }

    /// Keeps `heads` in place of what was remembered.
    ///
    /// # Errors
    /// When the file cannot be written; what was there then stands.
    pub fn save(&self, heads: &WholeHeads) -> io::Result<()> {
        let document = Document { version: VERSION, to: self.to.clone(), heads: heads.clone() };
        let dir = self.path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
        // Made 0600, and stays so under its final name.
        let mut file = tempfile::NamedTempFile::new_in(dir)?;
        file.write_all(&serde_json::to_vec_pretty(&document)?)?;
        file.as_file().sync_all()?;
        file.persist(&self.path).map(drop).map_err(|failed| failed.error)
    }
}
