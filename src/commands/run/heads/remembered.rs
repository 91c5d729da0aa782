//! What is remembered of heads, asked for before it is used: the head's commit, the directory at its root, and the way to
//! some files and their blocks, chosen at random.

use std::sync::{Mutex, PoisonError};

use crate::commands::common::failure::Failure;
use crate::content::{Commit, FsKind, FsView};
use crate::database::heads::LibraryRoots;
use crate::flow::budget::Halted;
use crate::flow::{Budget, pool};
use crate::object::{ObjectId, ObjectKey, ObjectKind};
use crate::reach::Stores;
use crate::store::{StoreError, first_room, read_in_room};
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
    /// The bytes that objects may take in memory.
    pub(super) budget: &'a Budget,
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
            let root = self.seen(ObjectKind::Commits, &key, |data| {
                let commit = Commit::parse(head, data).map_err(|damage| wrong(ObjectKind::Commits, &key, &damage))?;
                match commit.wrong_id {
                    Some(other) => Err(wrong(ObjectKind::Commits, &key, &format!("its bytes have the id {other}"))),
                    None => Ok(commit.object.root_id),
                }
            })?;
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
            let step = self.seen(ObjectKind::Fs, &key, |data| {
                let view = FsView::open(&next, data).map_err(|damage| wrong(ObjectKind::Fs, &key, &damage))?;
                match view.wrong_id {
                    Some(other) => Err(wrong(ObjectKind::Fs, &key, &format!("its bytes have the id {other}"))),
                    None => Ok(Step::of(&view)),
                }
            })?;
            match step {
                Step::Down(child) => next = child,
                Step::Blocks(ids) => return self.blocks(library, &ids),
                Step::End => return Ok(()),
            }
        }
        Ok(())
    }

    fn blocks(&self, library: &LibraryRoots, ids: &[ObjectId]) -> Result<(), Wrong> {
        for id in ids {
            let key = ObjectKey::new(library.store_id(), *id);
            let size = self.stores[ObjectKind::Blocks].size(&key);
            let size = size.map_err(|error| Wrong::of(ObjectKind::Blocks, &key, error))?;
            if size == 0 {
                return Err(wrong(ObjectKind::Blocks, &key, &"it is empty"));
            }
        }
        Ok(())
    }

    /// Reads an object within the budget, and calls `see` with its bytes.
    fn seen<T>(&self, kind: ObjectKind, key: &ObjectKey, see: impl Fn(&[u8]) -> Result<T, Wrong>) -> Result<T, Wrong> {
        self.budget.in_room(first_room(kind), |room| match read_in_room(&*self.stores[kind], kind, key, room) {
            Ok(data) => Ok(see(&data)?),
            Err(Halted::Short(bytes)) => Err(Halted::Short(bytes)),
            Err(Halted::Failed(error)) => Err(Halted::Failed(Wrong::of(kind, key, error))),
        })
    }
}

impl Wrong {
    /// What an error says of the object that was asked for.
    fn of(kind: ObjectKind, key: &ObjectKey, error: StoreError) -> Self {
        if error.kind().is_of_one_object() { wrong(kind, key, &error.cause()) } else { Self::Unknown(error) }
    }
}

/// Where a random way goes on.
enum Step {
    /// In this child.
    Down(ObjectId),
    /// With these blocks of the file at its end.
    Blocks(Vec<ObjectId>),
    /// Nowhere: the directory has no child that is not empty.
    End,
}

impl Step {
    /// A child or blocks chosen at random, each with the same chance.
    fn of(view: &FsView<'_>) -> Self {
        let mut chosen = Chosen::default();
        match view.kind {
            FsKind::Dir => {
                view.entries(|entry| {
                    if entry.id != ObjectId::EMPTY {
                        chosen.offer(entry.id, 1)
                    }
                });
                chosen.ids.first().map_or(Self::End, |id| Self::Down(*id))
            }
            FsKind::File { .. } => {
                view.blocks(|id| chosen.offer(id, BLOCKS));
                Self::Blocks(chosen.ids)
            }
        }
    }
}

/// Some of those that were offered, each with the same chance.
#[derive(Default)]
struct Chosen {
    ids: Vec<ObjectId>,
    offered: usize,
}

impl Chosen {
    /// Offers one more, of which at most `most` are kept.
    fn offer(&mut self, id: ObjectId, most: usize) {
        self.offered += 1;
        if self.ids.len() < most {
            self.ids.push(id);
        } else if let Some(place) = self.ids.get_mut(fastrand::usize(..self.offered)) {
            *place = id;
        }
    }
}

fn wrong(kind: ObjectKind, key: &ObjectKey, what: &dyn std::fmt::Display) -> Wrong {
    Wrong::Found(format!(
        "a library is remembered as whole, but its [{kind}] object {key} is not at the destination as it was ({what})"
    ))
}
