//! Which head of each library was found whole at the destination, kept for the next pass as `PATH.heads` beside the
//! list files.
//!
//! The file is removed whenever a list file is discarded and the destination listed again, because what it says rests on
//! the list files. A file that cannot be read or parsed, or that is about another destination, is ignored: every library
//! is then walked in full.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::conf::SideId;
use crate::object::{LibraryId, ObjectId};
use crate::sys::private_file;

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
    private_file::remove_if_there(&path_of(prefix))
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
        let text = private_file::read_if_there(&self.path).ok().flatten();
        let read = text.and_then(|text| serde_json::from_slice::<Document>(&text).ok());
        let fits = read.filter(|document| document.version == VERSION && document.to == self.to);
        fits.map(|document| document.heads).unwrap_or_default()
    }

    /// Keeps `heads` in place of what was remembered.
    ///
    /// # Errors
    /// When the file cannot be written; what was there then stands.
    pub fn save(&self, heads: &WholeHeads) -> io::Result<()> {
        let document = Document { version: VERSION, to: self.to.clone(), heads: heads.clone() };
        private_file::replace(&self.path, |out| Ok(serde_json::to_writer_pretty(out, &document)?))
    }
}
