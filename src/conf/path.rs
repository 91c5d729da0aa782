//! Paths of the configuration, resolved as far as the disk knows them.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// `path` with symlinks and `..` resolved in the part that exists; what does not exist yet follows as written.
pub(crate) fn resolve(path: &Path) -> PathBuf {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let mut missing: Vec<OsString> = Vec::new();
    let mut base = absolute.as_path();
    loop {
        if let Ok(resolved) = base.canonicalize() {
            return missing.iter().rev().fold(resolved, descend);
        }
        let Some(parent) = base.parent() else { return absolute.clone() };
        missing.push(base.file_name().unwrap_or_else(|| "..".as_ref()).to_owned());
        base = parent;
    }
}

fn descend(mut path: PathBuf, name: &OsString) -> PathBuf {
    if name == ".." {
        path.pop();
    } else {
        path.push(name);
    }
    path
}
