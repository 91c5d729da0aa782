//! A lock on a file of this machine, which one process at a time holds.
//!
//! It is an advisory lock of the kernel (`flock`), which lets go of it however the process ends: nothing is ever left
//! to be cleaned up. The file stays, with a line about whoever held it last, which is for messages only; or its holder
//! removes it, so that such files do not pile up. Then two could have it, one the removed file and one a new one of that
//! name. So a lock counts only when the path still names the file that is locked, and only who has the lock removes it.

use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use super::private_file::{self, Access};

/// The time between two tries to acquire a lock that is held.
const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// The longest note about a holder that is shown, in bytes.
const NOTE_MAX: u64 = 100;

/// A held lock; dropping it lets go.
#[derive(Debug)]
pub struct FileLock {
    file: File,
    path: PathBuf,
    is_passing: bool,
}

/// Why a lock was not acquired.
#[derive(Debug, thiserror::Error)]
pub enum FileLockError {
    /// Another process holds it.
    #[error("{holder} holds the lock {path}")]
    Held {
        /// Which process, as it wrote it: `process 1234, since …`.
        holder: String,
        /// The lock's file.
        path: PathBuf,
    },
    /// The file cannot be used.
    #[error("the lock file {path} cannot be used: {cause}")]
    Io {
        /// The lock's file.
        path: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
}

impl FileLock {
    /// Acquires the lock, without waiting.
    ///
    /// # Errors
    /// When another process holds it, or the file cannot be used.
    pub fn acquire(path: &Path) -> Result<Self, FileLockError> {
        let failed = |cause| FileLockError::Io { path: path.to_owned(), cause };
        let mut file = loop {
            let mut file = private_file::open_or_create(path).map_err(failed)?;
            match flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) if is_named(&file, path).map_err(failed)? => break file,
                // Its holder removed it between the two calls: what has the name now, if anything, is the lock.
                Ok(()) => {}
                Err(Errno::WOULDBLOCK) => {
                    return Err(FileLockError::Held { holder: read_note(&mut file), path: path.to_owned() });
                }
                Err(errno) => return Err(failed(errno.into())),
            }
        };
        let note = format!("process {}, since {}\n", std::process::id(), jiff::Zoned::now().strftime("%F %T"));
        file.set_len(0).and_then(|()| file.rewind()).and_then(|()| file.write_all(note.as_bytes())).map_err(failed)?;
        Ok(Self { file, path: path.to_owned(), is_passing: false })
    }

    /// The same lock; its file is removed when it is let go of.
    #[must_use]
    pub fn passing(mut self) -> Self {
        self.is_passing = true;
        self
    }

    /// Acquires the lock, and waits for another holder up to `patience`.
    ///
    /// # Errors
    /// When it is still held then, or the file cannot be used.
    pub fn acquire_within(path: &Path, patience: Duration) -> Result<Self, FileLockError> {
        let end = Instant::now() + patience;
        loop {
            match Self::acquire(path) {
                Err(FileLockError::Held { .. }) if Instant::now() < end => std::thread::sleep(LOOK_AGAIN),
                acquired => return acquired,
            }
        }
    }

    /// Which process holds the lock; `None` when none does, or it cannot be told. Nothing is acquired or written.
    pub fn holder(path: &Path) -> Option<String> {
        let mut file = private_file::open(path, Access::Read).ok()?;
        match flock(&file, FlockOperation::NonBlockingLockShared) {
            Err(Errno::WOULDBLOCK) => Some(read_note(&mut file)),
            // Let go of with the file, at once.
            _ => None,
        }
    }
}

impl Drop for FileLock {
    fn drop(&mut self) {
        // While the lock is held. A failure is passed over, because a file that stays does no harm.
        if self.is_passing && is_named(&self.file, &self.path).unwrap_or(false) {
            let _ = private_file::remove_if_there(&self.path);
        }
    }
}

/// Whether `path` is a name of this very file.
fn is_named(file: &File, path: &Path) -> io::Result<bool> {
    let opened = file.metadata()?;
    match std::fs::symlink_metadata(path) {
        Ok(named) => Ok((named.dev(), named.ino()) == (opened.dev(), opened.ino())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// What the holder wrote, as far as it is a line that this program writes.
fn read_note(file: &mut File) -> String {
    let mut note = String::new();
    // A failure is passed over, because the note is a courtesy; that the lock is held is what counts.
    let _ = file.rewind().and_then(|()| file.take(NOTE_MAX).read_to_string(&mut note));
    let note = note.trim();
    let is_ours = note.starts_with("process ") && note.chars().all(|c| c.is_ascii_graphic() || c == ' ');
    if is_ours { note.to_owned() } else { "another process".to_owned() }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn the_second_is_told_who_holds_it_and_gets_it_afterwards() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        let own = format!("process {}, since ", std::process::id());
        let held = FileLock::acquire(&path).unwrap();
        let refused = FileLock::acquire(&path).unwrap_err();
        assert!(matches!(&refused, FileLockError::Held { holder, .. } if holder.starts_with(&own)), "{refused}");
        assert!(FileLock::holder(&path).unwrap().starts_with(&own));
        drop(held);
        assert_eq!(FileLock::holder(&path), None);
        assert_eq!(FileLock::holder(&dir.path().join("none")), None);
        FileLock::acquire(&path).unwrap();
    }

    #[test]
    fn a_passing_lock_leaves_no_file_and_a_file_that_lost_its_name_is_no_lock() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        let first = FileLock::acquire(&path).unwrap().passing();
        // Somebody opened the file before its holder removes it, and locks it only afterwards.
        let early = private_file::open_or_create(&path).unwrap();
        drop(first);
        assert!(!path.exists());
        flock(&early, FlockOperation::NonBlockingLockExclusive).unwrap();
        assert!(!is_named(&early, &path).unwrap());
        let second = FileLock::acquire(&path).unwrap().passing();
        assert!(!is_named(&early, &path).unwrap());
        assert!(matches!(FileLock::acquire(&path), Err(FileLockError::Held { .. })));
        // A file that is another's is not removed.
        std::fs::remove_file(&path).unwrap();
        let third = FileLock::acquire(&path).unwrap();
        drop(second);
        assert!(matches!(FileLock::acquire(&path), Err(FileLockError::Held { .. })));
        drop(third);
        assert!(path.exists());
    }

    #[test]
    fn of_many_that_come_and_go_one_at_a_time_has_a_passing_lock() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        let (inside, entries) = (AtomicUsize::new(0), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    while entries.load(Ordering::Relaxed) < 400 {
                        match FileLock::acquire(&path).map(FileLock::passing) {
                            Ok(_held) => {
                                assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0);
                                std::thread::yield_now();
                                inside.fetch_sub(1, Ordering::SeqCst);
                                entries.fetch_add(1, Ordering::Relaxed);
                            }
                            Err(FileLockError::Held { .. }) => std::thread::yield_now(),
                            Err(error) => panic!("{error}"),
                        }
                    }
                });
            }
        });
        assert!(!path.exists());
    }

    #[test]
    fn a_note_of_something_else_is_not_shown() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        let _held = FileLock::acquire(&path).unwrap();
        for note in ["", "process \u{1b}[2J", "something else", &"process ".repeat(1000)] {
            std::fs::write(&path, note).unwrap();
            let told = FileLock::holder(&path).unwrap();
            assert!(told == "another process" || told.len() <= 100, "{told:?}");
            assert!(!told.contains('\u{1b}'));
        }
    }
}
