//! Imports and exports the text lists of the script that this program replaces: one `library/object` per line.

use std::fmt;
use std::fs::{self, File, Permissions};
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::build::SetBuilder;
use super::error::ListError;
use super::format::Header;
use super::paths::{ListLock, ListPaths};
use super::set::Index;
use crate::conf::backend::Location;
use crate::object::ObjectKey;
use crate::store::Listed;

/// The length of a line in bytes: a name of 77 characters and a line feed.
const LINE: u64 = 78;
/// The most bytes of a line that are read; the rest of a longer line is skipped.
const LINE_MAX: u64 = 4096;
/// The number of bytes at the beginning that decide whether a file is a text list.
const LOOKED_AT: usize = 64 << 10;
/// The most invalid lines that a report names.
const NAMED_MAX: usize = 20;

/// The result of importing a text list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImportReport {
    /// The number of its lines, blank lines included.
    pub lines: u64,
    /// The number of lines that are neither blank nor the name of an object in the list's scope. They are left out.
    pub invalid: u64,
    /// The line numbers of the first of them, counted from 1.
    pub first_invalid: Vec<u64>,
    /// The path at which the text list is kept; `None` when it was not moved.
    pub backup: Option<PathBuf>,
}

impl fmt::Display for ImportReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} lines", self.lines)?;
        if self.invalid > 0 {
            let first: Vec<_> = self.first_invalid.iter().map(ToString::to_string).collect();
            write!(
                f,
                ", {} of them left out, because they are not names of its objects (the first: {})",
                self.invalid,
                first.join(", ")
            )?;
        }
        self.backup.as_ref().map_or(Ok(()), |backup| write!(f, "; the text is kept as {}", backup.display()))
    }
}

/// The approximate number of lines of a text list; 0 when the file is empty, `None` when it is not a text list.
pub(super) fn estimate(path: &Path, file: &File) -> Result<Option<u64>, ListError> {
    let length = file.metadata().map_err(ListError::io("read", path))?.len();
    let mut start = vec![0; LOOKED_AT.min(usize::try_from(length).unwrap_or(LOOKED_AT))];
    file.read_exact_at(&mut start, 0).map_err(ListError::io("read", path))?;
    let mut lines = start.split(|&byte| byte == b'\n').map(<[u8]>::trim_ascii);
    Ok(match (start.trim_ascii().is_empty(), lines.any(|line| ObjectKey::parse(line).is_some())) {
        (true, _) => Some(0),
        (false, true) => Some((length / LINE).max(1)),
        (false, false) => None,
    })
}

/// Converts the text list at the path of a list to a list. The text is kept beside it, and the list
/// is marked as imported, because the destination was not checked against it.
///
/// # Errors
/// When the text cannot be read or the list cannot be written; the text then keeps its path.
pub fn import(lock: &ListLock, location: &Location) -> Result<(Index, ImportReport), ListError> {
    let base = lock.paths().base();
    let backup = keep(base, &lock.paths().text_backup())?;
    // As private as the list that comes in its place.
    fs::set_permissions(&backup, Permissions::from_mode(0o600)).map_err(ListError::io("close to others", &backup))?;
    let (set, report) = import_into(base, lock.paths(), location)?;
    Ok((set, ImportReport { backup: Some(backup), ..report }))
}

/// Converts the text list `text` to the list of `paths`.
pub fn import_into(text: &Path, paths: &ListPaths, location: &Location) -> Result<(Index, ImportReport), ListError> {
    let header = Header { imported: true, ..Header::new(location, paths.library()) };
    let range = header.range();
    let builder = SetBuilder::create(paths, paths.building(), header)?;
    let input = builder.unsorted();
    let file = File::open(text).map_err(ListError::io("open", text))?;
    let (mut lines, mut report) = (Lines::new(file), ImportReport::default());
    while let Some(line) = lines.next().map_err(ListError::io("read", text))? {
        report.lines += 1;
        match ObjectKey::parse(line) {
            Some(key) if range.contains(&key) => input.push(&[Listed { key, size: None }])?,
            None if line.is_empty() => {}
            _ => report.note_invalid(),
        }
    }
    input.finish()?;
    Ok((builder.finish()?, report))
}

impl ImportReport {
    fn note_invalid(&mut self) {
        self.invalid += 1;
        if self.first_invalid.len() < NAMED_MAX {
            self.first_invalid.push(self.lines);
        }
    }
}

/// Keeps the file under a second name, which no earlier text list has.
fn keep(base: &Path, backup: &Path) -> Result<PathBuf, ListError> {
    for number in 0u32.. {
        let mut name = backup.as_os_str().to_owned();
        if number > 0 {
            name.push(format!(".{number}"));
        }
        let name = PathBuf::from(name);
        match fs::hard_link(base, &name) {
            Ok(()) => return Ok(name),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                if same_file(base, &name) {
                    return Ok(name);
                }
            }
            // Copied, because some file systems have no hard links.
            Err(_) => return fs::copy(base, &name).map(|_| name).map_err(ListError::io("copy", base)),
        }
    }
    Ok(backup.to_owned())
}

fn same_file(a: &Path, b: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    matches!((fs::metadata(a), fs::metadata(b)), (Ok(a), Ok(b)) if (a.dev(), a.ino()) == (b.dev(), b.ino()))
}

/// The lines of a file without surrounding white space.
struct Lines {
    from: BufReader<File>,
    line: Vec<u8>,
}

impl Lines {
    fn new(file: File) -> Self {
        Self { from: BufReader::with_capacity(1 << 20, file), line: Vec::new() }
    }

    fn next(&mut self) -> io::Result<Option<&[u8]>> {
        self.line.clear();
        if self.from.by_ref().take(LINE_MAX).read_until(b'\n', &mut self.line)? == 0 {
            return Ok(None);
        }
        if self.line.len() as u64 == LINE_MAX && self.line.last() != Some(&b'\n') {
            self.from.skip_until(b'\n')?;
        }
        Ok(Some(self.line.trim_ascii()))
    }
}

/// Writes an index to `out` as a text list of the old script. `name` is the file's name in error messages. Returns the
/// number of lines.
///
/// # Errors
/// When `out` cannot be written, or the list is damaged.
pub fn export(set: &Index, out: impl Write, name: &Path) -> Result<u64, ListError> {
    let wrote = ListError::io("write", name);
    let mut out = BufWriter::with_capacity(1 << 20, out);
    let mut lines = 0;
    for object in set.iter() {
        let mut line = [b'\n'; LINE as usize];
        line[..77].copy_from_slice(&object?.key.text());
        if let Err(error) = out.write_all(&line) {
            return Err(wrote(error));
        }
        lines += 1;
    }
    out.flush().map_err(wrote)?;
    Ok(lines)
}
