//! How much room the file system has that a folder is on.

use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// The file system of a folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileSystem {
    /// What the kernel calls it, so that two folders of one are told.
    pub device: u64,
    /// The bytes that are free for this user.
    pub free: u64,
}

/// The file system that `dir` is on, or would be once it is made.
///
/// # Errors
/// When neither it nor any folder above it can be looked at.
pub fn file_system(dir: &Path) -> io::Result<FileSystem> {
    let there = dir.ancestors().find(|dir| dir.exists()).unwrap_or_else(|| Path::new("."));
    let found = rustix::fs::statvfs(there)?;
    Ok(FileSystem { device: there.metadata()?.dev(), free: found.f_bavail.saturating_mul(found.f_frsize) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_is_not_there_yet_is_on_the_file_system_of_the_one_above() {
        let dir = tempfile::tempdir().unwrap();
        let (there, to_come) = (file_system(dir.path()).unwrap(), file_system(&dir.path().join("a/b")).unwrap());
        assert_eq!(there.device, to_come.device);
        assert!(there.free > 0);
    }
}
