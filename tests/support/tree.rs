//! A folder kept in memory, to be written as often as tests need it.

use std::fs;
use std::path::{Path, PathBuf};

use walkdir::WalkDir;

/// The files and folders below a folder.
pub struct Tree {
    folders: Vec<PathBuf>,
    files: Vec<(PathBuf, Vec<u8>)>,
}

impl Tree {
    /// Reads all below `dir`.
    pub fn read(dir: &Path) -> Self {
        let mut tree = Self { folders: Vec::new(), files: Vec::new() };
        for entry in WalkDir::new(dir) {
            let entry = entry.unwrap();
            let name = entry.path().strip_prefix(dir).unwrap().to_owned();
            match entry.file_type().is_dir() {
                true => tree.folders.push(name),
                false => tree.files.push((name, fs::read(entry.path()).unwrap())),
            }
        }
        tree
    }

    /// Writes it below `dir`, which is created.
    pub fn write(&self, dir: &Path) {
        for folder in &self.folders {
            fs::create_dir_all(dir.join(folder)).unwrap();
        }
        for (name, data) in &self.files {
            fs::write(dir.join(name), data).unwrap();
        }
    }
}
