//! A folder store to break, and the disks and users that break it.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use seaf_migrate::conf::backend::Location;
use seaf_migrate::conf::{Backend, FsConf};
use seaf_migrate::object::{KeyRange, ObjectKey, ObjectKind};
use seaf_migrate::store::backend::fs::FsStore;
use seaf_migrate::store::{Listed, Part, ReadStore, StoreError};

pub const LIBRARY: &str = "3f8a9c1e-7b42-4d0e-9a55-0c1d2e3f4a5b";
pub const ID: &str = "ab34567890123456789012345678901234567890";

/// A folder that holds, or will hold, a store of blocks.
pub struct Place(pub PathBuf);

impl Place {
    pub fn in_folder(folder: &Path) -> Self {
        Self(folder.to_owned())
    }

    fn conf(&self) -> (FsConf, Location) {
        let place = format!("{}/storage/blocks", self.0.display());
        (FsConf { dir: self.0.clone() }, Location { backend: Backend::Fs, kind: ObjectKind::Blocks, place })
    }

    pub fn source(&self) -> Result<FsStore, StoreError> {
        let (conf, location) = self.conf();
        FsStore::source(&conf, ObjectKind::Blocks, location)
    }

    pub fn destination(&self) -> Result<FsStore, StoreError> {
        let (conf, location) = self.conf();
        FsStore::destination(&conf, ObjectKind::Blocks, location)
    }

    pub fn root(&self) -> PathBuf {
        self.0.join("storage/blocks")
    }

    pub fn library(&self) -> PathBuf {
        self.root().join(LIBRARY)
    }

    pub fn file(&self, id: &str) -> PathBuf {
        self.library().join(&id[..2]).join(&id[2..])
    }

    /// Every path below the store that is not a folder.
    pub fn files(&self) -> BTreeSet<PathBuf> {
        let all = walkdir::WalkDir::new(self.root()).into_iter().map(Result::unwrap);
        all.filter(|entry| !entry.file_type().is_dir()).map(walkdir::DirEntry::into_path).collect()
    }
}

pub fn key(id: &str) -> ObjectKey {
    format!("{LIBRARY}/{id}").parse().unwrap()
}

pub fn numbered(number: u32) -> ObjectKey {
    key(&format!("{:02x}{number:038x}", number % 256))
}

pub fn list(store: &FsStore) -> Result<Vec<Listed>, StoreError> {
    let (mut found, mut next) = (Vec::new(), Some(Part::new(KeyRange::ALL)));
    while let Some(part) = next {
        let page = store.list(&part)?;
        found.extend(page.objects);
        next = page.rest;
    }
    Ok(found)
}

/// A small file system in memory, unmounted when dropped.
pub struct Tmpfs(pub tempfile::TempDir);

impl Tmpfs {
    /// `None`, after saying so, where this user may not mount.
    pub fn mount(options: &str) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(folder.path()).output();
        let why = match mounted {
            Ok(output) if output.status.success() => return Some(Self(folder)),
            Ok(output) => String::from_utf8_lossy(&output.stderr).trim().to_owned(),
            Err(error) => error.to_string(),
        };
        let required = std::env::var_os("SEAF_MIGRATE_REQUIRE_ALL").is_some_and(|value| value == "1");
        assert!(!required, "SKIPPED tmpfs: {why}, but SEAF_MIGRATE_REQUIRE_ALL=1");
        println!("SKIPPED tmpfs: {why}");
        None
    }

    pub fn remount(&self, options: &str) {
        let options = format!("remount,{options}");
        assert!(Command::new("mount").args(["-o", &options]).arg(self.0.path()).status().unwrap().success());
    }
}

impl Drop for Tmpfs {
    fn drop(&mut self) {
        // Lazily, because a failing test may still hold a file of it open.
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

pub fn ignored_in(store: &FsStore, range: KeyRange) -> u64 {
    let (mut ignored, mut next) = (0, Some(Part::new(range)));
    while let Some(part) = next {
        let page = store.list(&part).unwrap();
        ignored += page.ignored;
        next = page.rest;
    }
    ignored
}

/// Runs one test of the same program as a user whom permissions bind, since they do not bind root.
pub fn again_as_nobody(test: &str) {
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    // A copy, because nobody may not be able to reach the build folder.
    let program = folder.path().join("tests");
    fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
    let output = Command::new(program).args(["--exact", test]).uid(65534).gid(65534).current_dir("/").output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}
