//! The walk of one library: each task reads one object and spawns tasks for the objects that it names.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use rayon::{Scope, ThreadPool};

use super::findings::{self, WalkDefects};
use super::result::{Counts, DefectKind, LibraryResult};
use super::seen::{Block, Blocks, Defects, Node, Seen, Snapshot};
use super::{Side, incremental, lock, paths};
use crate::content::{Commit, Damage, FsObject, IdCheck, check};
use crate::database::heads::LibraryRoots;
use crate::object::{LibraryId, ObjectId, ObjectKey, ObjectKind};
use crate::store::{ErrorKind, StoreError};

/// The number of a file's blocks that one task checks; further tasks check the others.
const BLOCKS_A_TASK: usize = 64;

/// What names a commit. It determines the defect when the commit is missing.
#[derive(Clone, Copy)]
enum Named {
    Head,
    ParentOf(ObjectId),
    BaseOf(LibraryId),
}

/// How a tree is to be walked.
#[derive(Clone, Copy)]
struct Tree {
    /// Whether its blocks are checked.
    blocks: bool,
    encrypted: bool,
    /// The directory at the same path in the known tree.
    whole: Option<ObjectId>,
}

/// A file and its blocks, whose sizes must add up to the file's length.
struct FileBlocks {
    id: ObjectId,
    size: u64,
    encrypted: bool,
    blocks: Vec<ObjectId>,
}

pub(super) struct Walk<'a> {
    pub(super) side: &'a Side<'a>,
    pub(super) roots: &'a LibraryRoots,
    /// The time before which parents are not followed; 0 follows none, a negative one all.
    truncate: i64,
    /// The root of the known tree.
    whole: Option<ObjectId>,
    commits: Seen,
    dirs: Seen,
    files: Seen,
    blocks: Blocks,
    bad: Defects,
    snapshots: Mutex<Vec<Snapshot>>,
    unsummed: Mutex<Vec<FileBlocks>>,
}

/// Walks the library; `None` when the walk did not reach its end.
pub(super) fn walk(side: &Side<'_>, pool: &ThreadPool, roots: &LibraryRoots) -> Option<LibraryResult> {
    let walk = Walk {
        side,
        roots,
        truncate: truncate_time(side, roots),
        whole: incremental::known_root(side, roots),
        commits: Seen::default(),
        dirs: Seen::default(),
        files: Seen::default(),
        blocks: Blocks::default(),
        bad: Defects::new(side.options.findings_max),
        snapshots: Mutex::default(),
        unsummed: Mutex::default(),
    };
    pool.scope(|scope| roots.heads.iter().for_each(|head| walk.commit(scope, *head, Named::Head)));
    // After the heads, because the blocks of a file are checked when a head has it, and not when only a base commit
    // does.
    pool.scope(|scope| {
        roots.base_commits.iter().for_each(|base| walk.commit(scope, base.commit, Named::BaseOf(base.library)));
    });
    walk.add_up();
    (!side.halt.is_on()).then(|| walk.finish(pool)).flatten()
}

/// The time at which history ends, computed as the server does (server/repo-mgr.c `get_repo_truncate_time`): history
/// ends at a positive time, 0 keeps only the head, and a negative number keeps all.
fn truncate_time(side: &Side<'_>, roots: &LibraryRoots) -> i64 {
    let days = roots.history_days.filter(|days| *days >= 0).or(side.options.keep_days).unwrap_or(-1);
    let since = roots.valid_since.unwrap_or(-1);
    match days {
        _ if !side.options.full_history => 0,
        1.. => since.max(side.options.now.saturating_sub(days.saturating_mul(86_400))),
        0 => 0,
        _ => since,
    }
}

impl<'a> Walk<'a> {
    /// Reads an object; `None` when the walk ends, or when the object cannot be read, which is recorded as a defect.
    fn read(&self, node: Node, missing: DefectKind) -> Option<Bytes> {
        if self.side.halt.is_on() {
            return None;
        }
        match self.side.stores[node.kind()].read(&self.key(node)) {
            Ok(data) => {
                self.side.counters.read_bytes.add(data.len() as u64);
                Some(data)
            }
            Err(error) => {
                self.note_error(node, error, missing);
                None
            }
        }
    }

    pub(super) fn key(&self, node: Node) -> ObjectKey {
        let library = if node.kind() == ObjectKind::Commits { self.roots.id } else { self.roots.store_id() };
        ObjectKey::new(library, node.id())
    }

    fn note_error(&self, node: Node, error: StoreError, missing: DefectKind) {
        match error.kind() {
            ErrorKind::NotFound => self.note(node, missing),
            ErrorKind::Unreadable => self.note(node, DefectKind::Unreadable(error.cause().to_owned())),
            _ => self.side.halt.fail(error),
        }
    }

    fn note(&self, node: Node, what: DefectKind) {
        if self.bad.add(node, what) {
            self.side.counters.findings.add(1);
        }
    }

    fn commit<'s>(&'s self, scope: &Scope<'s>, id: ObjectId, named: Named) {
        if !self.commits.claim(id) {
            return;
        }
        scope.spawn(move |scope| self.visit_commit(scope, id, named));
    }

    fn visit_commit<'s>(&'s self, scope: &Scope<'s>, id: ObjectId, named: Named) {
        let missing = match named {
            Named::Head => DefectKind::HeadMissing,
            Named::ParentOf(child) => DefectKind::ParentMissing { child },
            Named::BaseOf(library) => DefectKind::BaseMissing { library },
        };
        let Some(data) = self.read(Node::Commit(id), missing) else { return };
        self.side.counters.commits.add(1);
        let parsed = match Commit::parse(&id, &data) {
            Ok(parsed) => parsed,
            Err(damage) => return self.note(Node::Commit(id), DefectKind::Damaged(damage)),
        };
        if let Some(found) = parsed.wrong_id {
            self.note(Node::Commit(id), DefectKind::Damaged(Damage::WrongId { found }));
        }
        let commit = parsed.object;
        if commit.repo_id != self.roots.id {
            self.note(Node::Commit(id), DefectKind::WrongLibrary { found: commit.repo_id });
        }
        let is_head = matches!(named, Named::Head);
        lock(&self.snapshots).push(Snapshot { commit: id, root: commit.root_id, ctime: commit.ctime, is_head });
        let blocks = !matches!(named, Named::BaseOf(_));
        let whole = self.whole.filter(|_| blocks);
        if whole != Some(commit.root_id) {
            self.fs(scope, Node::Dir(commit.root_id), Tree { blocks, encrypted: commit.encrypted, whole });
        }
        if blocks && self.follows_parents(&commit, is_head) {
            commit.parents().for_each(|parent| self.commit(scope, parent, Named::ParentOf(id)));
        }
    }

    /// The first commit older than the limit is still kept, so that what its child deleted can be restored.
    fn follows_parents(&self, commit: &Commit, is_head: bool) -> bool {
        match self.truncate {
            0 => false,
            1.. => is_head || commit.ctime >= self.truncate,
            _ => true,
        }
    }

    fn fs<'s>(&'s self, scope: &Scope<'s>, node: Node, tree: Tree) {
        let seen = if matches!(node, Node::Dir(_)) { &self.dirs } else { &self.files };
        if node.id() != ObjectId::EMPTY && seen.claim(node.id()) {
            scope.spawn(move |scope| self.visit_fs(scope, node, tree));
        }
    }

    fn visit_fs<'s>(&'s self, scope: &Scope<'s>, node: Node, tree: Tree) {
        let Some(data) = self.read(node, DefectKind::Missing) else { return };
        self.side.counters.fs_objects.add(1);
        let parsed = match FsObject::parse(&node.id(), &data) {
            Ok(parsed) => parsed,
            Err(damage) => return self.note(node, DefectKind::Damaged(damage)),
        };
        if let Some(found) = parsed.wrong_id {
            // The walk goes on below it, because the server does not check ids and users see what the object names.
            self.note(node, DefectKind::Damaged(Damage::WrongId { found }));
        }
        match (node, parsed.object) {
            (Node::Dir(_), FsObject::Dir { entries }) => {
                let known = incremental::known_dir(self.side, self.roots, tree.whole);
                for entry in entries.iter().filter(|entry| !known.has(entry)) {
                    let child = if entry.is_dir() { Node::Dir(entry.id) } else { Node::File(entry.id) };
                    self.fs(scope, child, Tree { whole: known.dir(entry), ..tree });
                }
            }
            (Node::File(_), FsObject::File { .. }) if !tree.blocks => {}
            (Node::File(file), FsObject::File { block_ids, size }) => {
                self.file(scope, FileBlocks { id: file, size, encrypted: tree.encrypted, blocks: block_ids });
            }
            (Node::Dir(_), _) => self.note(node, DefectKind::WrongKind { expected: "directory", found: "file" }),
            (_, _) => self.note(node, DefectKind::WrongKind { expected: "file", found: "directory" }),
        }
    }

    fn file<'s>(&'s self, scope: &Scope<'s>, file: FileBlocks) {
        let (first, others) = file.blocks.split_at(file.blocks.len().min(BLOCKS_A_TASK));
        for chunk in others.chunks(BLOCKS_A_TASK) {
            let chunk = chunk.to_vec();
            scope.spawn(move |_| chunk.iter().for_each(|id| self.block(*id)));
        }
        first.iter().for_each(|id| self.block(*id));
        if self.is_added_up(&file).is_none() {
            lock(&self.unsummed).push(file);
        }
    }

    fn block(&self, id: ObjectId) {
        if self.side.halt.is_on() || !self.blocks.claim(id) {
            return;
        }
        self.side.counters.blocks.add(1);
        let node = Node::Block(id);
        let length = if self.side.options.content { self.block_content(id) } else { self.block_size(id) };
        if length == Some(0) {
            self.note(node, DefectKind::Damaged(Damage::Empty));
        }
        self.blocks.set(id, length.filter(|length| *length > 0).map_or(Block::Bad, Block::Size));
    }

    fn block_size(&self, id: ObjectId) -> Option<u64> {
        match self.side.stores[ObjectKind::Blocks].size(&self.key(Node::Block(id))) {
            Ok(size) => Some(size),
            Err(error) => {
                self.note_error(Node::Block(id), error, DefectKind::Missing);
                None
            }
        }
    }

    fn block_content(&self, id: ObjectId) -> Option<u64> {
        let data = self.read(Node::Block(id), DefectKind::Missing)?;
        match check(ObjectKind::Blocks, &id, &data) {
            IdCheck::Good => Some(data.len() as u64),
            IdCheck::Damaged(damage) => {
                self.note(Node::Block(id), DefectKind::Damaged(damage));
                None
            }
        }
    }

    /// Adds up the blocks of the files that waited for the block sizes of other tasks.
    fn add_up(&self) {
        for file in std::mem::take(&mut *lock(&self.unsummed)) {
            self.is_added_up(&file);
        }
    }

    /// Compares the length of a file with the sum of its blocks' sizes; `None` while a size is unknown.
    fn is_added_up(&self, file: &FileBlocks) -> Option<()> {
        let mut total = 0u64;
        for id in &file.blocks {
            match self.blocks.get(id) {
                Block::Asked => return None,
                Block::Size(size) => total = total.saturating_add(size),
                Block::Bad => return Some(()),
            }
        }
        // A range, because each block is encrypted separately and padded by 1 to 16 bytes.
        let count = file.blocks.len() as u64;
        let padding = if file.encrypted { count..=16 * count } else { 0..=0 };
        if !total.checked_sub(file.size).is_some_and(|extra| padding.contains(&extra)) {
            self.note(Node::File(file.id), DefectKind::WrongSize { expected: file.size, found: total });
        }
        Some(())
    }

    fn finish(self, pool: &ThreadPool) -> Option<LibraryResult> {
        let Self { side, roots, commits, dirs, files, blocks, bad, snapshots, .. } = self;
        let (bad, more) = bad.into_found();
        let snapshots = snapshots.into_inner().unwrap_or_else(PoisonError::into_inner);
        let places = match bad.is_empty() {
            true => HashMap::new(),
            false => pool.install(|| paths::locate(side, roots, snapshots, &bad))?,
        };
        let (commits, dirs, files, blocks) = (commits.count(), dirs.count(), files.count(), blocks.count());
        Some(findings::of_library(roots, Counts { commits, dirs, files, blocks }, WalkDefects { bad, places, more }))
    }
}
