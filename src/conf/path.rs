//! Resolves the paths of a configuration.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// Resolves symlinks and `..` in the part of `path` that exists, and appends the rest as it is written.
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
