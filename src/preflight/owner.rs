//! Folders that belong to somebody else: what is written there is the writer's, and only the writer's to read.

use std::collections::BTreeSet;
use std::fmt;
use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::conf::{BackendConf, SideConf};
use crate::object::{LibraryId, ObjectKind};
use crate::preflight::{PROBE, leaves};
use crate::store::backend::fs::FsStore;
use crate::store::control;

/// How many libraries of a kind are looked at, how many shards of a library, and how many objects of a shard.
const LIBRARIES: usize = 32;
const SHARDS: usize = 4;
const OBJECTS: usize = 2;

/// Something at the destination that belongs to somebody else than the server that is to read it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ForeignOwner {
    /// The file or folder.
    pub path: PathBuf,
    /// Whose it is: a user's name, or number.
    pub owner: String,
    /// Whose it should be.
    pub expected: String,
    /// The command that mends it and everything beside it.
    pub mend: String,
}

impl fmt::Display for ForeignOwner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, owner, expected, mend } = self;
        write!(
            f,
            "{} belongs to {owner}, and so may others: a server that runs as {expected} cannot work with what is {owner}'s \
             alone. Type: {mend}",
            path.display()
        )
    }
}

/// What is found at the destination to belong to somebody else than the user of the old side's folders, else than that of
/// the destination's: one for each folder of the configuration. Some objects are looked at, first those of `changed`
/// libraries. Root needs no rights, so a server that runs as root has no such folder.
pub fn of_results(from: &SideConf, to: &SideConf, changed: &BTreeSet<LibraryId>) -> Vec<ForeignOwner> {
    let mut found: Vec<ForeignOwner> = Vec::new();
    for conf in leaves(to).iter().filter(|conf| !conf.stays) {
        let BackendConf::Fs(folder) = &conf.backend else { continue };
        let [storage, root, ..] = FsStore::folders_of(folder, conf.kind, &PROBE);
        if found.iter().any(|found| found.path.starts_with(&storage)) {
            continue;
        }
        let owners = [source_folder(from, conf.kind), Some(folder.dir.clone())].into_iter().flatten();
        let owners = owners.filter_map(|path| fs::metadata(path).ok()).filter(|owner| owner.uid() != 0);
        let Some((expected, (path, foreign))) =
            owners.into_iter().find_map(|owner| Some((owner.clone(), first_foreign(&root, owner.uid(), changed)?)))
        else {
            continue;
        };
        found.push(ForeignOwner {
            path,
            owner: name_of(foreign.uid()),
            expected: name_of(expected.uid()),
            mend: format!("chown -R {}:{} {}", expected.uid(), expected.gid(), shell_word(&storage)),
        });
    }
    found
}

/// A path as a shell takes it for one word.
fn shell_word(path: &Path) -> String {
    let text = path.display().to_string();
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-+,:@%".contains(c);
    if text.chars().all(is_plain) { text } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

/// The folder of a kind at the old side, where that is on a filesystem; the first one that a storage class has.
fn source_folder(from: &SideConf, kind: ObjectKind) -> Option<PathBuf> {
    from.store(kind).leaves().iter().find_map(|leaf| {
        let BackendConf::Fs(folder) = &leaf.backend else { return None };
        let [_, root, ..] = FsStore::folders_of(folder, kind, &PROBE);
        Some(root)
    })
}

/// The first of some files and folders at and below `root` that does not belong to the user `expected`.
fn first_foreign(root: &Path, expected: u32, changed: &BTreeSet<LibraryId>) -> Option<(PathBuf, Metadata)> {
    let foreign = |path: PathBuf| {
        // The link itself, because chown would change that, too.
        let meta = fs::symlink_metadata(&path).ok()?;
        (meta.uid() != expected).then_some((path, meta))
    };
    let changed = changed.iter().take(LIBRARIES).map(|library| root.join(library.to_string()));
    // Our own objects are nothing that a server reads.
    let own = root.join(control::LIBRARY.to_string());
    let libraries = changed.chain(some_of(root, LIBRARIES)).filter(|library| *library != own);
    let below = libraries.flat_map(|library| {
        let shards = some_of(&library, SHARDS).into_iter();
        let below = shards.flat_map(|shard| [vec![shard.clone()], some_of(&shard, OBJECTS)].concat());
        std::iter::once(library).chain(below.collect::<Vec<_>>())
    });
    std::iter::once(root.to_owned()).chain(below).find_map(foreign)
}

/// Up to `most` of the names in a folder, from all over it.
fn some_of(folder: &Path, most: usize) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    paths.sort_unstable();
    let step = paths.len().div_ceil(most).max(1);
    paths.into_iter().step_by(step).collect()
}

/// A line for each folder of the destination that belongs to another user than the one who runs.
pub(super) fn warnings(to: &SideConf) -> Vec<String> {
    let me = rustix::process::geteuid().as_raw();
    let mut found = Vec::new();
    for conf in leaves(to).iter().filter(|conf| !conf.stays) {
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
