//! One run per destination at a time.
//!
//! The lock is a [`FileLock`] on a small file of this machine, named after the destination.

use std::path::{Path, PathBuf};

use sha1::{Digest, Sha1};

use super::file_lock::{FileLock, FileLockError};

/// A held lock; dropping it lets go.
#[derive(Debug)]
pub struct DestinationLock {
    _file: FileLock,
}

/// Why the lock was not taken.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Somebody has it.
    #[error(
        "another run is writing to {location}: {holder}. Wait for it to end, or stop it; two runs at once would only get in each other's way"
    )]
    Held {
        /// The destination.
        location: String,
        /// Who holds it, as the holder wrote it.
        holder: String,
    },
    /// The lock file cannot be used.
    #[error("the lock file {path} cannot be used: {cause}")]
    Io {
        /// The lock file.
        path: PathBuf,
        /// What the system said.
        cause: std::io::Error,
    },
}

impl DestinationLock {
    /// Takes the lock of one destination, without waiting. `location` is its name, as messages show it: the same name
    /// is the same lock.
    ///
    /// # Errors
    /// When another run holds it, or the lock file cannot be used.
    pub fn take(location: &str) -> Result<Self, LockError> {
        Self::take_file(&path_of(location), location)
    }

    /// Who holds the lock of a destination; `None` when nobody does, or it cannot be told. Nothing is taken or written.
    pub fn holder(location: &str) -> Option<String> {
        Self::holder_of_file(&path_of(location), location)
    }

    fn holder_of_file(path: &Path, location: &str) -> Option<String> {
        FileLock::holder(path).map(|holder| format!("{location}: {holder}"))
    }

    fn take_file(path: &Path, location: &str) -> Result<Self, LockError> {
        match FileLock::acquire(path) {
            Ok(file) => Ok(Self { _file: file }),
            Err(FileLockError::Held { holder, .. }) => Err(LockError::Held { location: location.to_owned(), holder }),
            Err(FileLockError::Io { path, cause }) => Err(LockError::Io { path, cause }),
        }
    }
}

fn path_of(location: &str) -> PathBuf {
    lock_dir().join(format!("seaf-migrate-{}.lock", name_of(location)))
}

/// A digest of the location: short, and fit for a file name whatever the location holds.
fn name_of(location: &str) -> String {
    let digest = Sha1::digest(location.as_bytes());
    digest.iter().take(10).map(|byte| format!("{byte:02x}")).collect()
}

/// Where lock files live: the system's folder for them, or the temporary one where there is none.
fn lock_dir() -> PathBuf {
    let system = Path::new("/run/lock");
    if rustix::fs::access(system, rustix::fs::Access::WRITE_OK).is_ok() {
        system.to_owned()
    } else {
        tempfile::env::temp_dir()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_taker_is_told_who_has_it_and_gets_it_afterwards() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        let location = "s3:host/bucket";
        let held = DestinationLock::take_file(&path, location).unwrap();
        let refused = DestinationLock::take_file(&path, location).unwrap_err().to_string();
        assert!(refused.contains("s3:host/bucket"), "{refused}");
        assert!(refused.contains(&format!("process {}", std::process::id())), "{refused}");
        let holder = DestinationLock::holder_of_file(&path, location).unwrap();
        assert!(holder.contains(&format!("process {}", std::process::id())), "{holder}");
        drop(held);
        assert_eq!(DestinationLock::holder_of_file(&path, location), None);
        assert_eq!(DestinationLock::holder_of_file(&dir.path().join("none"), location), None);
        DestinationLock::take_file(&path, location).unwrap();
    }
}
