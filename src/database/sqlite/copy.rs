//! A private copy of an SQLite database that shows one moment of it.
//!
//! No lock is taken, because a server whose write meets one gives up at once and tells its user that it failed. So a
//! copy is made of files that may be written meanwhile, and brought up to date until that happened between two writes:
//! nobody was writing before it and after it, and the count of changes in the file stayed the same. How long that takes
//! is how long a server must leave the file alone: about as long as it takes to read it from the system's cache.

use std::fs::{File, OpenOptions, Permissions};
use std::io::{self, Seek};
use std::os::unix::fs::{FileExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::state::{Files, State, Writer};

/// How long to try for a moment in which nobody writes.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);
/// The copy's name in its folder.
pub(super) const NAME: &str = "seafile.db";

/// How many bytes are compared at a time.
const CHUNK: usize = 64 << 10;

/// Whether a try gave a copy of one moment.
enum Try {
    Proved,
    /// It was written while it was copied.
    Written,
    /// Somebody has locked it to write.
    Locked,
}

/// Copies the database, and a hot journal or a log that belongs to it, to a folder that only this user can enter. The
/// error says what is wrong and what to do.
pub(super) fn copy(path: &Path, patience: Duration) -> Result<TempDir, String> {
    let folder = tempfile::Builder::new()
        .prefix("seaf-migrate-db-")
        .permissions(Permissions::from_mode(0o700))
        .tempdir()
        .map_err(|error| not_made(&tempfile::env::temp_dir(), &error))?;
    let files = Files::of(path).map_err(|error| format!("cannot be read: {error}"))?;
    let copies = Files::named(folder.path().join(NAME));
    copy_file(&open(&files)?, &copies.database)?;
    let until = Instant::now() + patience;
    loop {
        let (tried, seen) = try_copy(&files, &copies)?;
        match tried {
            Try::Proved => return Ok(folder),
            _ if Instant::now() < until => await_next_pause(&files, &seen)?,
            Try::Locked => return Err("another process keeps it locked: try again later".to_owned()),
            Try::Written => {
                return Err("it is written all the time, so that no copy shows one moment of it: try again when the \
                            server has less to do"
                    .to_owned());
            }
        }
    }
}

fn open(files: &Files) -> Result<File, String> {
    let opened = File::open(&files.database);
    opened.map_err(|error| format!("cannot be read: {error}; run this as a user who may read it"))
}

/// Waits for the end of the next write, because that is when the longest time without one begins; not for long, because
/// there may be none.
fn await_next_pause(files: &Files, seen: &State) -> Result<(), String> {
    const STEP: Duration = Duration::from_micros(100);
    const STEPS: usize = 100;
    for _ in 0..STEPS {
        std::thread::sleep(STEP);
        let now = files.look(&open(files)?)?;
        if now.database != seen.database && now.writer != Writer::Writing {
            break;
        }
    }
    Ok(())
}

/// Brings the copy up to date. With it comes the state that was seen first.
fn try_copy(files: &Files, copies: &Files) -> Result<(Try, State), String> {
    let database = open(files)?;
    let before = files.look(&database)?;
    if before.writer == Writer::Writing {
        return Ok((Try::Locked, before));
    }
    // A journal that a writer has in use belongs to changes that are not in the file yet. One that nobody has in use
    // was left by a process that died: it holds what the file must be brought back to.
    let hot = before.journal.is_some() && before.writer == Writer::None;
    let is_steady = update(&database, &copies.database)?;
    let journal = copy_beside(&files.journal, &copies.journal, hot)?;
    let log = copy_beside(&files.log, &copies.log, before.log.is_some())?;
    let is_steady = match before.log {
        Some(_) => log.is_some(),
        None => is_steady && journal.map_or(Ok(true), |journal| update(&journal, &copies.journal))?,
    };
    let after = files.look(&open(files)?)?;
    let tried = if is_steady { judge(&before, &after, hot) } else { Try::Written };
    Ok((tried, before))
}

/// Whether what was copied between two looks shows one moment.
fn judge(before: &State, after: &State, journal_copied: bool) -> Try {
    if after.writer == Writer::Writing {
        return Try::Locked;
    }
    let is_proved = match (&before.log, &after.log) {
        // Every page that moved from the log to the file meanwhile is in the log, too, for as long as the log is not
        // begun anew; and what is appended after the copy is no part of it.
        (Some(before_log), Some(after_log)) => {
            before_log.is_same_log(after_log)
                && before.database.is_same_file(&after.database)
                && before.journal == after.journal
        }
        (None, None) => {
            let is_journal_known = if journal_copied {
                before.journal == after.journal && after.writer == Writer::None
            } else {
                after.journal.is_none() || after.writer == Writer::Reserved
            };
            before.database == after.database && is_journal_known
        }
        _ => false,
    };
    if is_proved { Try::Proved } else { Try::Written }
}

/// Copies a file that lies beside the database, if it is wanted; otherwise sees that no copy of an earlier try is left.
/// `None` when there is none, or it went meanwhile.
fn copy_beside(from: &Path, to: &Path, wanted: bool) -> Result<Option<File>, String> {
    if !wanted {
        return match std::fs::remove_file(to) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(not_made(to, &error)),
            _ => Ok(None),
        };
    }
    match File::open(from) {
        Ok(file) => copy_file(&file, to).map(|()| Some(file)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => copy_beside(from, to, false),
        Err(error) => Err(format!("{}, which belongs to it, cannot be read: {error}", from.display())),
    }
}

fn copy_file(mut from: &File, to: &Path) -> Result<(), String> {
    let open = || OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(to);
    let copied = open().and_then(|mut to| {
        from.rewind()?;
        io::copy(&mut from, &mut to)
    });
    copied.map(|_| ()).map_err(|error| not_made(to, &error))
}

fn not_made(at: &Path, error: &io::Error) -> String {
    format!("the copy of it that is read could not be made at {}: {error}; TMPDIR names another folder", at.display())
}

/// Makes a copy the same as its original, of which it is a copy already or nearly so. Whether what had changed was the
/// same when it was read again: times of files, and the count of changes, do not show a write that was taken back.
fn update(original: &File, copy: &Path) -> Result<bool, String> {
    let update = || {
        let copy = OpenOptions::new().read(true).write(true).open(copy)?;
        let (mut one, mut other) = (vec![0; CHUNK], vec![0; CHUNK]);
        let (mut at, mut changed) = (0, Vec::new());
        loop {
            let length = read_chunk(original, &mut one, at)?;
            if length == 0 {
                break;
            }
            if read_chunk(&copy, &mut other, at)? < length || one[..length] != other[..length] {
                copy.write_all_at(&one[..length], at)?;
                changed.push(at);
            }
            at += length as u64;
        }
        copy.set_len(at)?;
        for at in changed {
            let (length, copied) = (read_chunk(original, &mut one, at)?, read_chunk(&copy, &mut other, at)?);
            if one[..length] != other[..copied] {
                return Ok(false);
            }
        }
        Ok(true)
    };
    update().map_err(|error: io::Error| not_made(copy, &error))
}

/// Reads up to a whole chunk; less only at the file's end.
fn read_chunk(file: &File, chunk: &mut [u8], at: u64) -> io::Result<usize> {
    let mut length = 0;
    while length < chunk.len() {
        match file.read_at(&mut chunk[length..], at + length as u64) {
            Ok(0) => break,
            Ok(read) => length += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(length)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn only_this_user_can_enter_the_folder_of_a_copy() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.db");
        fs::write(&path, "whatever it holds").unwrap();
        let folder = copy(&path, Duration::ZERO).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(folder.path()), mode(&folder.path().join(NAME))), (0o700, 0o600));
        assert_eq!(fs::read(folder.path().join(NAME)).unwrap(), b"whatever it holds");
    }

    #[test]
    fn a_copy_is_brought_up_to_date_whatever_has_changed() {
        let dir = tempfile::tempdir().unwrap();
        let (original, copied) = (dir.path().join("original"), dir.path().join("copy"));
        let long = vec![7; 3 * CHUNK + 5];
        let other = [&long[..CHUNK + 9], &[8], &long[CHUNK + 10..]].concat();
        for (now, before) in [
            (&long[..], &long[..]),
            (&other, &long),
            (&long[..CHUNK], &long),
            (&long, &long[..CHUNK + 3]),
            (&long, &[][..]),
            (&[], &long),
        ] {
            fs::write(&original, now).unwrap();
            fs::write(&copied, before).unwrap();
            assert_eq!(update(&File::open(&original).unwrap(), &copied), Ok(true));
            assert!(fs::read(&copied).unwrap() == now, "{} bytes from {}", now.len(), before.len());
        }
    }
}
