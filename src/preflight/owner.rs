//! Folders that belong to somebody else: what is written there is the writer's, and only the writer's to read.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::conf::{BackendConf, SideConf};
use crate::preflight::PROBE;
use crate::store::backend::fs::FsStore;

/// A line for each folder of the destination that belongs to another user than the one who runs.
pub(super) fn warnings(to: &SideConf) -> Vec<String> {
    let me = rustix::process::geteuid().as_raw();
    let mut found = Vec::new();
    for conf in to.stores.values() {
        let BackendConf::Fs(folder) = &conf.backend else { continue };
        let [storage, root, ..] = FsStore::folders_of(folder, conf.kind, &PROBE);
        let innermost =
            [root.as_path(), storage.as_path(), folder.dir.as_path()].into_iter().find(|path| path.is_dir());
        let Some((path, meta)) = innermost.and_then(|path| Some((path, fs::metadata(path).ok()?))) else { continue };
        if meta.uid() != me {
            found.push(warning(path, &name_of(meta.uid()), &name_of(me)));
        }
    }
    found.dedup();
    found
}

fn warning(folder: &Path, owner: &str, me: &str) -> String {
    let folder = folder.display();
    format!(
        "{folder} belongs to {owner}, but this runs as {me}: what it writes will belong to {me}, for nobody else to \
         read (mode 0600), so a server that runs as {owner} could not read it. Run this as {owner}, or when it is \
         done: chown -R {owner}: {folder}"
    )
}

/// The user's name, or the number where the machine's own list of users has none.
fn name_of(user: u32) -> String {
    let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let number = user.to_string();
    let line = users.lines().find(|line| line.split(':').nth(2) == Some(&number));
    line.and_then(|line| line.split(':').next()).map_or(number, str::to_owned)
}
