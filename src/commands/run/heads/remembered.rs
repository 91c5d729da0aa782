//! What is remembered of heads, asked for before it is used: the head's commit, the directory at its root, and the way to
//! some files and their blocks, chosen at random.

use std::sync::{Mutex, PoisonError};

use crate::commands::common::failure::Failure;
use crate::content::{Commit, Dirent, FsObject};
use crate::database::heads::LibraryRoots;
use crate::flow::pool;
use crate::object::{ObjectId, ObjectKey, ObjectKind};
use crate::reach::Stores;
use crate::store::{ErrorKind, StoreError};
use crate::sys::shutdown::Shutdown;

/// How many files of a library are looked for.
const FILES: usize = 2;
/// How many blocks of a file are looked for.
const BLOCKS: usize = 2;
/// How deep the way to a file is followed.
const DEPTH: usize = 32;

/// The destination, to be asked about libraries that are remembered as whole.
#[derive(Clone, Copy, Debug)]
pub(super) struct Remembered<'a> {
    pub(super) stores: &'a Stores,
    /// How many libraries are asked for at once.
    pub(super) workers: usize,
    pub(super) shutdown: &'a Shutdown,
}

/// Why a library is not as it is remembered, or that not known.
enum Wrong {
    /// It is not: what is wrong with which object.
    Found(String),
    /// A store does not answer.
    Unknown(StoreError),
}

impl Remembered<'_> {
    /// Asks for each library, of which each has one head. What is wrong with one of them, in words; `None` when nothing is.
    ///
    /// # Errors
    /// When a store does not answer, or it was interrupted.
    pub(super) fn ask(&self, libraries: &[&LibraryRoots]) -> Result<Option<String>, Failure> {
        let first: Mutex<Option<Wrong>> = Mutex::new(None);
        let is_over = || self.shutdown.requested() || first.lock().unwrap_or_else(PoisonError::into_inner).is_some();
        let ask = |library: &LibraryRoots| {
            if is_over() {
                return;
            }
            if let Err(wrong) = self.library(library) {
                first.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(wrong);
            }
        };
        let all = |queue: pool::Queue<_>| {
            for library in libraries {
                if is_over() || !queue.put(*library) {
                    break;
                }
            }
        };
        pool::run(self.workers, self.workers * 4, all, ask)
            .map_err(|error| Failure::local("start a worker thread", &error))?;
        if self.shutdown.requested() {
            return Err(Failure::cut_short("asking for the heads that are remembered"));
        }
        match first.into_inner().unwrap_or_else(PoisonError::into_inner) {
            None => Ok(None),
            Some(Wrong::Found(what)) => Ok(Some(what)),
            Some(Wrong::Unknown(error)) => Err(error.into()),
        }
    }

    fn library(&self, library: &LibraryRoots) -> Result<(), Wrong> {
        for head in &library.heads {
            let key = ObjectKey::new(library.id, *head);
            let data = self.asked(ObjectKind::Commits, &key, |stores| stores[ObjectKind::Commits].read(&key))?;
            let commit = Commit::parse(head, &data).map_err(|damage| wrong(ObjectKind::Commits, &key, &damage))?;
            if let Some(other) = commit.wrong_id {
                return Err(wrong(ObjectKind::Commits, &key, &format!("its bytes have the id {other}")));
            }
            let root = commit.object.root_id;
            for _ in 0..FILES {
                self.file(library, root)?;
            }
        }
        Ok(())
    }

    /// Follows a random way from a directory to a file.
    fn file(&self, library: &LibraryRoots, root: ObjectId) -> Result<(), Wrong> {
        let mut next = root;
        for _ in 0..DEPTH {
            if next == ObjectId::EMPTY {
                return Ok(());
            }
            let key = ObjectKey::new(library.store_id(), next);
            let data = self.asked(ObjectKind::Fs, &key, |stores| stores[ObjectKind::Fs].read(&key))?;
            let parsed = FsObject::parse(&next, &data).map_err(|damage| wrong(ObjectKind::Fs, &key, &damage))?;
            if let Some(other) = parsed.wrong_id {
                return Err(wrong(ObjectKind::Fs, &key, &format!("its bytes have the id {other}")));
            }
            match parsed.object {
                FsObject::File { block_ids, .. } => return self.blocks(library, &block_ids),
                FsObject::Dir { entries } => match random_child(&entries) {
                    Some(child) => next = child,
                    None => return Ok(()),
                },
            }
        }
        Ok(())
    }

    fn blocks(&self, library: &LibraryRoots, block_ids: &[ObjectId]) -> Result<(), Wrong> {
        for _ in 0..BLOCKS.min(block_ids.len()) {
            let key = ObjectKey::new(library.store_id(), block_ids[fastrand::usize(..block_ids.len())]);
            let size = self.asked(ObjectKind::Blocks, &key, |stores| stores[ObjectKind::Blocks].size(&key))?;
            if size == 0 {
                return Err(wrong(ObjectKind::Blocks, &key, &"it is empty"));
            }
        }
        Ok(())
    }

    fn asked<T>(
        &self,
        kind: ObjectKind,
        key: &ObjectKey,
        call: impl FnOnce(&Stores) -> Result<T, StoreError>,
    ) -> Result<T, Wrong> {
        call(self.stores).map_err(|error| match error.kind() {
            ErrorKind::NotFound | ErrorKind::Unreadable | ErrorKind::ObjectDenied | ErrorKind::Archived => {
                wrong(kind, key, &error.cause())
            }
            _ => Wrong::Unknown(error),
        })
    }
}

/// A child that is not empty, each with the same chance.
fn random_child(entries: &[Dirent]) -> Option<ObjectId> {
    let ids: Vec<ObjectId> = entries.iter().map(|entry| entry.id).filter(|id| *id != ObjectId::EMPTY).collect();
    (!ids.is_empty()).then(|| ids[fastrand::usize(..ids.len())])
}

fn wrong(kind: ObjectKind, key: &ObjectKey, what: &dyn std::fmt::Display) -> Wrong {
    Wrong::Found(format!(
        "a library is remembered as whole, but its [{kind}] object {key} is not at the destination as it was ({what})"
    ))
}
