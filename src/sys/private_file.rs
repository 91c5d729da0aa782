//! Files that belong to one user alone: lists, journals, locks, checkpoints, reports.
//!
//! The program often runs as root in folders that other accounts own. So a file is opened only when it is a regular
//! file of the user who runs, under one name: a link that somebody planted would have root write elsewhere, and a FIFO
//! would make it wait for ever. Mode 0600, because names of libraries and places of stores are nobody else's business.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, BufWriter, ErrorKind, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

use rustix::fs::OFlags;

/// Opens a private file to read and write, making it when it is not there; what it holds stays.
///
/// # Errors
/// When it cannot be opened, or is not a private file of the user who runs.
pub fn open_or_create(path: &Path) -> io::Result<File> {
    private(options().read(true).write(true).create(true).truncate(false), path)
}

/// Opens a private file to read it and to add to its end, making it when it is not there.
///
/// # Errors
/// As [`open_or_create`].
pub fn append(path: &Path) -> io::Result<File> {
    private(options().read(true).append(true).create(true), path)
}

/// Opens a file that may be made by it, and makes it private.
fn private(options: &OpenOptions, path: &Path) -> io::Result<File> {
    let file = options.open(path).map_err(|error| explain(error, path))?;
    require_private(&file, path)?;
    // A file that was there keeps its mode otherwise.
    if file.metadata()?.permissions().mode() & 0o777 != 0o600 {
        file.set_permissions(Permissions::from_mode(0o600))?;
    }
    Ok(file)
}

/// Opens a private file to read and write, made or emptied.
///
/// # Errors
/// As [`open_or_create`].
pub fn create(path: &Path) -> io::Result<File> {
    let file = open_or_create(path)?;
    // Not while it is opened, because what a link points at would be lost before it is looked at.
    file.set_len(0)?;
    Ok(file)
}

/// Opens a private file that must be there, to read, and to write if `write` says so.
///
/// # Errors
/// As [`open_or_create`]; [`ErrorKind::NotFound`] when it is not there.
pub fn open(path: &Path, access: Access) -> io::Result<File> {
    let file = options().read(true).write(access == Access::ReadWrite).open(path);
    let file = file.map_err(|error| explain(error, path))?;
    require_private(&file, path)?;
    Ok(file)
}

/// What a file is opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// To read only.
    Read,
    /// To read and write.
    ReadWrite,
}

/// Reads a private file whole; `None` when it is not there.
///
/// # Errors
/// As [`open`], and when it cannot be read.
pub fn read_if_there(path: &Path) -> io::Result<Option<Vec<u8>>> {
    let mut file = match open(path, Access::Read) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut bytes = Vec::new();
    io::Read::read_to_end(&mut file, &mut bytes)?;
    Ok(Some(bytes))
}

/// Puts what `fill` writes in the place of `path`, durably: whole or not at all, whenever the power goes.
///
/// # Errors
/// When it cannot be written; what was there is then unchanged.
pub fn replace(path: &Path, fill: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    // Under a random name and made 0600, so that nobody can plant it; it stays 0600 under its final name.
    let mut file = tempfile::NamedTempFile::new_in(parent_of(path))?;
    let mut out = BufWriter::new(file.as_file_mut());
    fill(&mut out)?;
    out.flush()?;
    drop(out);
    file.as_file().sync_all()?;
    file.persist(path).map_err(|failed| failed.error)?;
    sync_folder_of(path)
}

/// Deletes a file; one that is not there is deleted.
///
/// # Errors
/// When it is there and cannot be removed.
pub fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Makes the names in the folder of `path` durable.
///
/// # Errors
/// When the folder cannot be opened or synced.
pub fn sync_folder_of(path: &Path) -> io::Result<()> {
    File::open(parent_of(path))?.sync_all()
}

/// The folder that a file is in, as the path says it.
pub fn parent_of(path: &Path) -> &Path {
    path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    options.mode(0o600).custom_flags(i32::try_from(flags.bits()).expect("open flags fit an i32"));
    options
}

/// "Too many levels of symbolic links" is what the system says of one link that is not to be followed.
fn explain(error: io::Error, path: &Path) -> io::Error {
    if error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error()) {
        return refused(path, "is a symbolic link, which is not followed");
    }
    error
}

fn require_private(file: &File, path: &Path) -> io::Result<()> {
    let meta = file.metadata()?;
    let me = rustix::process::geteuid().as_raw();
    if !meta.is_file() {
        return Err(refused(path, "is not a regular file"));
    }
    if meta.uid() != me {
        return Err(refused(path, &format!("belongs to user {}, and this runs as user {me}", meta.uid())));
    }
    // None when the name was removed meanwhile.
    if meta.nlink() > 1 {
        return Err(refused(path, "has more than one name (hard links)"));
    }
    Ok(())
}

fn refused(path: &Path, why: &str) -> io::Error {
    io::Error::new(ErrorKind::PermissionDenied, format!("{} {why}; remove it, or name another file", path.display()))
}

/// The error of a file that has no name, with the folder that it is in: there the disk is full.
pub fn in_folder(dir: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("in the folder {}: {error}", dir.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_neither_followed_nor_emptied() {
        let dir = tempfile::tempdir().unwrap();
        let (target, soft, hard) = (dir.path().join("target"), dir.path().join("soft"), dir.path().join("hard"));
        fs::write(&target, "precious").unwrap();
        fs::set_permissions(&target, Permissions::from_mode(0o644)).unwrap();
        std::os::unix::fs::symlink(&target, &soft).unwrap();
        fs::hard_link(&target, &hard).unwrap();
        for path in [&soft, &hard] {
            let opened = [open(path, Access::Read), open(path, Access::ReadWrite)];
            for tried in [create(path), open_or_create(path), append(path)].into_iter().chain(opened) {
                assert_eq!(tried.unwrap_err().kind(), ErrorKind::PermissionDenied);
            }
        }
        assert_eq!(fs::read_to_string(&target).unwrap(), "precious");
        assert_eq!(fs::metadata(&target).unwrap().permissions().mode() & 0o777, 0o644);
    }

    #[test]
    fn a_fifo_and_a_folder_are_refused_at_once() {
        let dir = tempfile::tempdir().unwrap();
        let fifo = dir.path().join("fifo");
        rustix::fs::mknodat(rustix::fs::CWD, &fifo, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
        for tried in [open_or_create(&fifo), open(&fifo, Access::Read), create(dir.path())] {
            tried.unwrap_err();
        }
    }

    #[test]
    fn only_its_owner_reads_it_even_if_others_could_before() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        fs::write(&path, "old").unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o666)).unwrap();
        assert_eq!(read_if_there(&path).unwrap().unwrap(), b"old");
        create(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(read_if_there(&path).unwrap().unwrap(), b"");
        assert_eq!(read_if_there(&dir.path().join("none")).unwrap(), None);
    }

    #[test]
    fn what_is_added_comes_after_what_is_there() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        for text in ["one ", "two ", "three"] {
            append(&path).unwrap().write_all(text.as_bytes()).unwrap();
        }
        assert_eq!(fs::read_to_string(&path).unwrap(), "one two three");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_replacement_that_fails_leaves_what_was_there() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        replace(&path, |out| out.write_all(b"first")).unwrap();
        let failed = replace(&path, |out| out.write_all(b"half").and_then(|()| Err(io::Error::other("no"))));
        assert_eq!(failed.unwrap_err().to_string(), "no");
        assert_eq!(fs::read(&path).unwrap(), b"first");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }
}
