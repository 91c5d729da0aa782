//! One run per destination at a time, of the runs of this user on this machine that call it by the same name. The
//! [lease](crate::lease) is for all others; this lock is asked first, because it costs no request.
//!
//! The lock is a [`FileLock`] on a small file named after the destination, which goes with the lock. The file is in a folder that nobody else can
//! write to: in one of everybody's, others could plant files that are waited for, believed or shown.

use std::fs::{self, DirBuilder, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
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
    /// There is no folder to keep lock files in.
    #[error("there is no folder for the lock file: {cause}")]
    Folder {
        /// Why not.
        cause: io::Error,
    },
    /// The lock file cannot be used.
    #[error("the lock file {path} cannot be used: {cause}")]
    Io {
        /// The lock file.
        path: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
}

impl DestinationLock {
    /// Takes the lock of one destination, without waiting. `location` is its name, as messages show it: the same name
    /// is the same lock.
    ///
    /// # Errors
    /// When another run holds it, or the lock file cannot be used.
    pub fn take(location: &str) -> Result<Self, LockError> {
        let failed = |cause| LockError::Folder { cause };
        Self::take_file(&file_of(location).map_err(failed)?, location)
    }

    /// Who holds the lock of a destination; `None` when nobody does, or it cannot be told. Nothing is taken or written.
    pub fn holder(location: &str) -> Option<String> {
        Self::holder_of_file(&file_of(location).ok()?, location)
    }

    fn holder_of_file(path: &Path, location: &str) -> Option<String> {
        FileLock::holder(path).map(|holder| format!("{location}: {holder}"))
    }

    fn take_file(path: &Path, location: &str) -> Result<Self, LockError> {
        match FileLock::acquire(path) {
            Ok(file) => Ok(Self { _file: file.passing() }),
            Err(FileLockError::Held { holder, .. }) => Err(LockError::Held { location: location.to_owned(), holder }),
            Err(FileLockError::Io { path, cause }) => Err(LockError::Io { path, cause }),
        }
    }
}

/// The file of the lock of a destination, which is there as long as a run has it.
///
/// # Errors
/// When there is no folder for it.
pub fn file_of(location: &str) -> io::Result<PathBuf> {
    Ok(lock_dir()?.join(format!("{}.lock", name_of(location))))
}

/// A digest of the location: short, and fit for a file name whatever the location holds.
fn name_of(location: &str) -> String {
    let digest = Sha1::digest(location.as_bytes());
    digest.iter().take(10).map(|byte| format!("{byte:02x}")).collect()
}

/// The folder of the lock files, made where it is missing: for root `/run/seaf-migrate`; else, or where that cannot be made,
/// `seaf-migrate` in the folder that `XDG_RUNTIME_DIR` names, and without one a folder of the user's in the temporary one.
fn lock_dir() -> io::Result<PathBuf> {
    let me = rustix::process::geteuid();
    let runtime = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from).filter(|dir| dir.is_absolute());
    let system = me.is_root().then(|| PathBuf::from("/run/seaf-migrate"));
    for dir in system.into_iter().chain(runtime.map(|dir| dir.join("seaf-migrate"))) {
        match own_folder(&dir) {
            Ok(()) => return Ok(dir),
            Err(error) if cannot_be_made(&error) => {}
            Err(error) => return Err(error),
        }
    }
    let dir = tempfile::env::temp_dir().join(format!("seaf-migrate-{}", me.as_raw()));
    own_folder(&dir).map(|()| dir)
}

/// Whether there is no such place on this machine, or not for this user.
fn cannot_be_made(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem)
}

/// Makes a folder of this user's that nobody else can write to, unless it is there.
fn own_folder(dir: &Path) -> io::Result<()> {
    match DirBuilder::new().mode(0o700).create(dir) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    let (found, me) = (fs::symlink_metadata(dir)?, rustix::process::geteuid().as_raw());
    let refused = |what: String| {
        let what = format!("{} {what}; remove it, or name another folder with XDG_RUNTIME_DIR", dir.display());
        Err(io::Error::other(what))
    };
    if !found.is_dir() {
        return refused("is not a folder".to_owned());
    }
    if found.uid() != me {
        return refused(format!("belongs to user {}, and this runs as user {me}", found.uid()));
    }
    if found.permissions().mode() & 0o077 != 0 {
        fs::set_permissions(dir, Permissions::from_mode(0o700))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_others_could_have_planted_is_refused_and_one_of_ours_is_closed_to_them() {
        let outer = tempfile::tempdir().unwrap();
        let (new, link, file) = (outer.path().join("new"), outer.path().join("link"), outer.path().join("file"));
        let mode = |dir: &Path| fs::metadata(dir).unwrap().permissions().mode() & 0o777;
        own_folder(&new).unwrap();
        assert_eq!(mode(&new), 0o700);
        fs::set_permissions(&new, Permissions::from_mode(0o777)).unwrap();
        own_folder(&new).unwrap();
        assert_eq!(mode(&new), 0o700);
        std::os::unix::fs::symlink(&new, &link).unwrap();
        fs::write(&file, "").unwrap();
        for planted in [&link, &file] {
            let refused = own_folder(planted).unwrap_err();
            assert!(refused.to_string().contains("is not a folder") && !cannot_be_made(&refused), "{refused}");
        }
        assert!(cannot_be_made(&own_folder(&outer.path().join("no/such")).unwrap_err()));
        if rustix::process::geteuid().is_root() {
            let theirs = outer.path().join("theirs");
            fs::create_dir(&theirs).unwrap();
            std::os::unix::fs::chown(&theirs, Some(65534), None).unwrap();
            assert!(own_folder(&theirs).unwrap_err().to_string().contains("belongs to user 65534"));
        }
    }

    #[test]
    fn what_stands_in_the_place_of_a_lock_file_is_neither_waited_for_nor_believed_nor_emptied() {
        let dir = tempfile::tempdir().unwrap();
        let (fifo, link, other) = (dir.path().join("fifo"), dir.path().join("link"), dir.path().join("other"));
        rustix::fs::mknodat(rustix::fs::CWD, &fifo, rustix::fs::FileType::Fifo, 0o644.into(), 0).unwrap();
        fs::write(&other, "precious").unwrap();
        std::os::unix::fs::symlink(&other, &link).unwrap();
        for planted in [&fifo, &link] {
            let refused = DestinationLock::take_file(planted, "s3:host/bucket").unwrap_err();
            assert!(matches!(refused, LockError::Io { .. }), "{refused}");
            assert_eq!(DestinationLock::holder_of_file(planted, "s3:host/bucket"), None);
        }
        assert_eq!(fs::read_to_string(&other).unwrap(), "precious");
    }

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
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
        assert_eq!(DestinationLock::holder_of_file(&path, location), None);
        assert_eq!(DestinationLock::holder_of_file(&dir.path().join("none"), location), None);
        DestinationLock::take_file(&path, location).unwrap();
    }
}
