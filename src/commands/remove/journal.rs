//! What was removed, on disk before it is: one line an object.
//!
//! `<time> <kind> <library>/<object> <bytes>`; a line that begins with `#` opens each run and says between which
//! stores. Lines are only ever added. A line without a removal is possible (the process was killed in between, or the
//! store refused), a removal without its line is not.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::Path;

use jiff::Timestamp;

use crate::object::{ObjectKind, PerKind};
use crate::store::Listed;
use crate::sys::private_file::{self, Access};

/// The journal of removals, open for adding to it.
#[derive(Debug)]
pub struct RemovalJournal {
    file: File,
}

impl RemovalJournal {
    /// Opens `path`, makes it where it is missing (mode 0600), and writes down that a run begins.
    ///
    /// # Errors
    /// When it cannot be written, or is not a private file: what is written elsewhere may be lost.
    pub fn open(path: &Path, about: &str) -> io::Result<Self> {
        let mut file = private_file::append(path)?;
        let mut line = String::new();
        if file.metadata()?.len() > 0 && last_byte(&mut file)? != b'\n' {
            // A kill cut the last line short; nothing of its batch was removed then.
            line.push('\n');
        }
        line += &format!("# {} seaf-migrate {} remove {about}\n", Timestamp::now(), env!("CARGO_PKG_VERSION"));
        file.write_all(line.as_bytes())?;
        file.sync_all()?;
        private_file::sync_folder_of(path)?;
        Ok(Self { file })
    }

    /// Writes down objects that are about to be removed; they are on the disk when this returns.
    ///
    /// # Errors
    /// When they may not be; then none of them may be removed.
    pub fn append(&mut self, kind: ObjectKind, objects: &[Listed]) -> io::Result<()> {
        let now = Timestamp::now();
        let mut lines = Vec::with_capacity(objects.len() * 128);
        for object in objects {
            writeln!(lines, "{now} {kind} {} {}", object.key, object.size.unwrap_or(0))?;
        }
        self.file.write_all(&lines)?;
        self.file.sync_data()
    }
}

/// Of which kinds the journal at `path` notes an object; of none when there is no journal. What an earlier removal
/// emptied lists nothing afterwards, and only the journal can tell that from a disk that is not mounted.
///
/// # Errors
/// When it is there and cannot be read.
pub fn kinds_noted(path: &Path) -> io::Result<PerKind<bool>> {
    let mut noted = PerKind::default();
    let file = match private_file::open(path, Access::Read) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(noted),
        Err(error) => return Err(error),
    };
    for line in BufReader::new(file).lines() {
        let line = line?;
        let mut words = line.split(' ').skip(1);
        let kind = words.next().and_then(|word| ObjectKind::ALL.into_iter().find(|kind| kind.as_str() == word));
        if let (Some(kind), false) = (kind, line.starts_with('#')) {
            noted[kind] = true;
        }
        if noted.values().all(|noted| *noted) {
            break;
        }
    }
    Ok(noted)
}

fn last_byte(file: &mut File) -> io::Result<u8> {
    let mut byte = [0];
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut byte)?;
    Ok(byte[0])
}
