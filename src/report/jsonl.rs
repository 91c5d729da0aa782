//! A file of JSON lines that can be cut back to where it once was.
//!
//! A checkpoint keeps what was found so far in such files. They are written ahead of the checkpoint that says how long
//! they are, so whatever a kill left behind that mark is cut off when they are opened again.

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Seek, SeekFrom, Write};
use std::path::Path;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::metrics::findings::SHOWN;
use crate::sys::private_file;

/// How much of a file counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// Its length in bytes.
    pub bytes: u64,
    /// Its lines.
    pub lines: u64,
}

/// Items of one sort, a line of JSON each; the first few are in memory, too.
#[derive(Debug)]
pub struct JsonLog<T> {
    file: BufWriter<File>,
    mark: Position,
    is_synced: bool,
    first: Vec<T>,
}

impl<T: Serialize + DeserializeOwned + Clone> JsonLog<T> {
    /// Opens the file, or makes it, mode 0600, and cuts off what lies behind `mark`.
    ///
    /// # Errors
    /// When it cannot be opened, or holds less than `mark` says or anything else than such items.
    pub fn open(path: &Path, mark: Position) -> io::Result<Self> {
        let file = private_file::open_or_create(path)?;
        if file.metadata()?.len() < mark.bytes {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "it is shorter than it was"));
        }
        file.set_len(mark.bytes)?;
        let mut lines = Self { file: BufWriter::new(file), mark, is_synced: true, first: Vec::new() };
        let first: io::Result<Vec<T>> = lines.read()?.take(SHOWN).collect();
        lines.first = first?;
        lines.file.seek(SeekFrom::End(0))?;
        Ok(lines)
    }

    /// Adds one.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn push(&mut self, item: &T) -> io::Result<()> {
        let mut line = serde_json::to_vec(item)?;
        line.push(b'\n');
        self.file.write_all(&line)?;
        self.mark = Position { bytes: self.mark.bytes + line.len() as u64, lines: self.mark.lines + 1 };
        self.is_synced = false;
        if self.first.len() < SHOWN {
            self.first.push(item.clone());
        }
        Ok(())
    }

    /// Makes everything so far durable, and says how far that is.
    ///
    /// # Errors
    /// When it is not durable.
    pub fn sync(&mut self) -> io::Result<Position> {
        if !self.is_synced {
            self.file.flush()?;
            self.file.get_ref().sync_data()?;
            self.is_synced = true;
        }
        Ok(self.mark)
    }

    /// How many there are.
    pub const fn count(&self) -> u64 {
        self.mark.lines
    }

    /// The first few.
    pub fn first(&self) -> &[T] {
        &self.first
    }

    /// The first `most`, read back.
    ///
    /// # Errors
    /// When they cannot be read back.
    pub fn take(&mut self, most: usize) -> io::Result<Vec<T>> {
        let taken: io::Result<Vec<T>> = self.read()?.take(most).collect();
        self.file.seek(SeekFrom::End(0))?;
        taken
    }

    /// Hands every item to `take`, in the order in which they came.
    ///
    /// # Errors
    /// When they cannot be read back, every one of them, or `take` fails.
    pub fn each(&mut self, mut take: impl FnMut(T) -> io::Result<()>) -> io::Result<()> {
        let mut lines = 0;
        let handed = self.read()?.try_for_each(|item| {
            lines += 1;
            take(item?)
        });
        self.file.seek(SeekFrom::End(0))?;
        handed?;
        if lines == self.mark.lines { Ok(()) } else { Err(io::Error::other("part of what was found is lost")) }
    }

    fn read(&mut self) -> io::Result<impl Iterator<Item = io::Result<T>> + '_> {
        self.file.flush()?;
        self.file.rewind()?;
        let lines = BufReader::new(self.file.get_ref()).lines();
        Ok(lines.map(|line| serde_json::from_str(&line?).map_err(io::Error::from)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(lines: &mut JsonLog<u64>) -> Vec<u64> {
        let mut out = Vec::new();
        let keep = |item| {
            out.push(item);
            Ok(())
        };
        lines.each(keep).unwrap();
        out
    }

    #[test]
    fn what_came_after_the_mark_is_cut_off() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lines");
        let mut lines = JsonLog::open(&path, Position::default()).unwrap();
        (0..25).for_each(|n| lines.push(&n).unwrap());
        let mark = lines.sync().unwrap();
        (25..40).for_each(|n| lines.push(&n).unwrap());
        assert_eq!(all(&mut lines), (0..40).collect::<Vec<_>>());
        lines.push(&40).unwrap();
        drop(lines);

        let mut again: JsonLog<u64> = JsonLog::open(&path, mark).unwrap();
        assert_eq!((again.count(), again.first()), (25, &(0..10).collect::<Vec<_>>()[..]));
        assert_eq!(again.take(3).unwrap(), [0, 1, 2]);
        again.push(&99).unwrap();
        assert_eq!(again.take(1000).unwrap().len(), 26);
        assert_eq!(all(&mut again), (0..25).chain([99]).collect::<Vec<_>>());
    }

    #[test]
    fn a_file_that_lost_lines_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lines");
        let mut lines = JsonLog::open(&path, Position::default()).unwrap();
        lines.push(&12345).unwrap();
        let mark = lines.sync().unwrap();
        File::options().write(true).open(&path).unwrap().set_len(mark.bytes - 2).unwrap();
        assert_eq!(JsonLog::<u64>::open(&path, mark).unwrap_err().kind(), io::ErrorKind::InvalidData);
        std::fs::write(&path, "garbage\n").unwrap();
        assert!(JsonLog::<u64>::open(&path, Position { bytes: 8, lines: 1 }).is_err());
    }

    #[test]
    fn lines_that_are_lost_meanwhile_are_missed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lines");
        let mut lines = JsonLog::open(&path, Position::default()).unwrap();
        (0..3_u64).for_each(|n| lines.push(&n).unwrap());
        lines.sync().unwrap();
        File::options().write(true).open(&path).unwrap().set_len(4).unwrap();
        assert!(lines.each(|_| Ok(())).unwrap_err().to_string().contains("lost"));
    }

    #[test]
    fn only_its_owner_reads_it() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lines");
        drop(JsonLog::<u64>::open(&path, Position::default()).unwrap());
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
}
