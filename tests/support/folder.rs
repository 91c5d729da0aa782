//! A folder store for tests that break it, small file systems to mount, and a thread that runs as another user.

use std::collections::BTreeSet;
use std::ffi::CString;
use std::path::{Path, PathBuf};

use rustix::mount::{self, MountFlags, UnmountFlags};
use rustix::process::{Gid, Uid};
use rustix::thread;
use seaf_migrate::conf::backend::Location;
use seaf_migrate::conf::{Backend, FsConf};
use seaf_migrate::object::{KeyRange, ObjectKey, ObjectKind};
use seaf_migrate::store::backend::fs::FsStore;
use seaf_migrate::store::{Listed, Part, ReadStore, StoreError};

use super::skip::skip;

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

    pub fn destination_to_read(&self) -> FsStore {
        let (conf, location) = self.conf();
        FsStore::destination_to_read(&conf, ObjectKind::Blocks, location).unwrap()
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

/// The name of the temporary file that a thread whose `fastrand` has this seed draws first for the object [`ID`].
pub fn first_temporary(seed: u64) -> String {
    format!("{ID}.seafmig.{:016x}", fastrand::Rng::with_seed(seed).u64(..))
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
pub struct Tmpfs(pub PathBuf);

impl Tmpfs {
    /// Mounts it on a folder, with options like `size=1m`. `None`, after saying so, where this user may not mount.
    pub fn mount(at: &Path, options: &str) -> Option<Self> {
        let options = CString::new(options).unwrap();
        match mount::mount("tmpfs", at, "tmpfs", MountFlags::empty(), options.as_c_str()) {
            Ok(()) => Some(Self(at.to_owned())),
            Err(error) => {
                skip("tmpfs", format!("mounting a small file system: {error}"));
                None
            }
        }
    }

    /// Changes `size=` or `nr_inodes=`.
    pub fn resize(&self, options: &str) {
        mount::mount_remount(&self.0, MountFlags::empty(), options).unwrap();
    }

    pub fn make_read_only(&self) {
        mount::mount_remount(&self.0, MountFlags::RDONLY, "").unwrap();
    }

    pub fn make_writable(&self) {
        mount::mount_remount(&self.0, MountFlags::empty(), "").unwrap();
    }
}

impl Drop for Tmpfs {
    fn drop(&mut self) {
        // Lazily, because a failing test may still hold a file of it open.
        let _ = mount::unmount(&self.0, UnmountFlags::DETACH);
    }
}

pub fn ignored_in(store: &FsStore, range: KeyRange) -> u64 {
    let (mut ignored, mut next) = (0, Some(Part::new(range)));
    while let Some(part) = next {
        let page = store.list(&part).unwrap();
        ignored += page.ignored.total();
        next = page.rest;
    }
    ignored
}

/// Does the work as a user whom permissions bind, since they do not bind root. The kernel keeps the user of each thread.
pub fn as_nobody(work: impl FnOnce() + Send) {
    let (user, group) = (Uid::from_raw(65534), Gid::from_raw(65534));
    let work = || {
        if rustix::process::geteuid().is_root() {
            thread::set_thread_groups(&[]).unwrap();
            thread::set_thread_res_gid(group, group, group).unwrap();
            thread::set_thread_res_uid(user, user, user).unwrap();
        }
        work();
    };
    std::thread::scope(|scope| scope.spawn(work).join()).unwrap_or_else(|panic| std::panic::resume_unwind(panic));
}
