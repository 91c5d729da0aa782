//! The walk of one library: each step reads one object and leads to steps for the objects that it names.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use super::files::{FileLength, Files, SmallFile};
use super::findings::{self, WalkDefects};
use super::incremental::{self, KnownDir};
use super::noted::Noted;
use super::paths::{self, Found, Sought};
use super::reading;
use super::result::{Counts, DefectKind, LibraryResult};
use super::seen::{Defects, Node, Seen, Snapshot};
use super::{Side, lock};
use crate::content::{Commit, Damage, FsKind, FsView};
use crate::database::heads::LibraryRoots;
use crate::flow::budget::{Halted, Room};
use crate::flow::tasks::{self, Tasks};
use crate::object::{LibraryId, ObjectId, ObjectKind};
use crate::store::StoreError;

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
    /// How many directories are above it.
    depth: u32,
    /// The directory at the same path in the known tree.
    whole: Option<ObjectId>,
}

/// Something to be read. As many may wait as the library has objects, so it is kept small.
enum Step {
    Commit(ObjectId, Named),
    Fs(Node, Tree),
    Blocks(Box<[ObjectId]>),
}

struct Walk<'a> {
    noted: Noted<'a>,
    /// The time before which parents are not followed; 0 follows none, a negative one all.
    truncate: i64,
    /// The root of the known tree.
    whole: Option<ObjectId>,
    commits: Seen,
    dirs: Seen,
    seen_files: Seen,
    files: Files,
    snapshots: Mutex<Vec<Snapshot>>,
    /// Whether a directory was met deeper than any user can have one.
    is_too_deep: AtomicBool,
}

/// Walks the library; `None` when the walk did not reach its end.
pub(super) fn walk(side: &Side<'_>, roots: &LibraryRoots) -> Option<LibraryResult> {
    let walk = Walk {
        noted: Noted { side, roots, bad: Defects::new(side.options.findings_max) },
        truncate: truncate_time(side, roots),
        whole: incremental::known_root(side, roots),
        commits: Seen::default(),
        dirs: Seen::default(),
        seen_files: Seen::default(),
        files: Files::default(),
        snapshots: Mutex::default(),
        is_too_deep: AtomicBool::new(false),
    };
    walk.follow(roots.heads.iter().map(|head| (*head, Named::Head)));
    // After the heads, because the blocks of a file are checked when a head has it, and not when only a base commit
    // does.
    walk.follow(roots.base_commits.iter().map(|base| (base.commit, Named::BaseOf(base.library))));
    walk.files.add_up(&walk.noted);
    (!side.halt.is_on()).then(|| walk.finish()).flatten()
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

impl Named {
    const fn missing(self) -> DefectKind {
        match self {
            Self::Head => DefectKind::HeadMissing,
            Self::ParentOf(child) => DefectKind::ParentMissing { child },
            Self::BaseOf(library) => DefectKind::BaseMissing { library },
        }
    }
}

impl Walk<'_> {
    /// Reads everything that the commits lead to and that was not read before.
    fn follow(&self, commits: impl Iterator<Item = (ObjectId, Named)>) {
        let first = commits.filter(|(id, _)| self.commits.claim(*id)).map(|(id, named)| Step::Commit(id, named));
        tasks::run(&self.noted.side.seats, first, |steps, step| {
            // Once the walk is to end, what waits is only taken away.
            if !self.noted.side.halt.is_on() {
                self.step(steps, step);
            }
        });
    }

    fn step(&self, steps: &Tasks<'_, Step>, step: Step) {
        match step {
            Step::Commit(id, named) => {
                self.noted.in_room(Node::Commit(id), named.missing(), |room| self.visit_commit(steps, id, named, room));
            }
            Step::Fs(node, tree) => {
                let visited =
                    self.noted.in_room(node, DefectKind::Missing, |room| self.visit_fs(steps, node, tree, room));
                // Only now, because whoever holds memory must not ask for more, and reading blocks does.
                if let Some(Some(file)) = visited {
                    self.files.small_file(&self.noted, &file);
                }
            }
            Step::Blocks(ids) => self.files.large_file(&self.noted, &ids),
        }
    }

    fn visit_commit(
        &self,
        steps: &Tasks<'_, Step>,
        id: ObjectId,
        named: Named,
        room: &mut Room<'_>,
    ) -> Result<(), Halted<StoreError>> {
        let data = reading::read(self.noted.side, ObjectKind::Commits, &self.noted.key(Node::Commit(id)), room)?;
        self.noted.side.counters.commits.add(1);
        let parsed = match Commit::parse(&id, &data) {
            Ok(parsed) => parsed,
            Err(damage) => {
                self.noted.note(Node::Commit(id), DefectKind::Damaged(damage));
                return Ok(());
            }
        };
        if let Some(found) = parsed.wrong_id {
            self.noted.note(Node::Commit(id), DefectKind::Damaged(Damage::WrongId { found }));
        }
        let commit = parsed.object;
        if commit.repo_id != self.noted.roots.id {
            self.noted.note(Node::Commit(id), DefectKind::WrongLibrary { found: commit.repo_id });
        }
        let is_head = matches!(named, Named::Head);
        lock(&self.snapshots).push(Snapshot { commit: id, root: commit.root_id, ctime: commit.ctime, is_head });
        let blocks = !matches!(named, Named::BaseOf(_));
        if blocks && self.follows_parents(&commit, is_head) {
            let parents = commit.parents().filter(|parent| self.commits.claim(*parent));
            steps.put(parents.map(|parent| Step::Commit(parent, Named::ParentOf(id))));
        }
        let whole = self.whole.filter(|_| blocks);
        let root = Node::Dir(commit.root_id);
        if whole != Some(commit.root_id) && self.is_new(root) {
            steps.put([Step::Fs(root, Tree { blocks, encrypted: commit.encrypted, depth: 0, whole })]);
        }
        Ok(())
    }

    /// The first commit older than the limit is still kept, so that what its child deleted can be restored.
    fn follows_parents(&self, commit: &Commit, is_head: bool) -> bool {
        match self.truncate {
            0 => false,
            1.. => is_head || commit.ctime >= self.truncate,
            _ => true,
        }
    }

    /// Whether the object is there to be read and nobody reads it yet.
    fn is_new(&self, node: Node) -> bool {
        let seen = if matches!(node, Node::Dir(_)) { &self.dirs } else { &self.seen_files };
        node.id() != ObjectId::EMPTY && seen.claim(node.id())
    }

    /// Reads a directory or file, and leads on to what it names. Returns a file whose blocks are to be checked at once.
    fn visit_fs(
        &self,
        steps: &Tasks<'_, Step>,
        node: Node,
        tree: Tree,
        room: &mut Room<'_>,
    ) -> Result<Option<SmallFile>, Halted<StoreError>> {
        // All that takes room comes first, because it begins again where the room is too small.
        let known = incremental::known_dir(self.noted.side, self.noted.roots, tree.whole, room)?;
        let data = reading::read(self.noted.side, ObjectKind::Fs, &self.noted.key(node), room)?;
        self.noted.side.counters.fs_objects.add(1);
        let is_wanted = || !self.noted.side.halt.is_on();
        let view = match FsView::open_while(&is_wanted, &node.id(), &data) {
            Ok(Some(view)) => view,
            Ok(None) => return Ok(None),
            Err(damage) => {
                self.noted.note(node, DefectKind::Damaged(damage));
                return Ok(None);
            }
        };
        if let Some(found) = view.wrong_id {
            // The walk goes on below it, because the server does not check ids and users see what the object names.
            self.noted.note(node, DefectKind::Damaged(Damage::WrongId { found }));
        }
        match (node, view.kind) {
            (Node::Dir(_), FsKind::Dir) => self.children(steps, &view, &known, tree),
            (Node::File(_), FsKind::File { .. }) if !tree.blocks => {}
            (Node::File(id), FsKind::File { size }) => {
                let has_its_id = view.wrong_id.is_none();
                let file = FileLength { id, length: size, encrypted: tree.encrypted, has_its_id };
                return Ok(self.files.blocks_of(&view, file, |blocks| steps.put([Step::Blocks(blocks)])));
            }
            (Node::Dir(_), _) => self.noted.note(node, DefectKind::WrongKind { expected: "directory", found: "file" }),
            (_, _) => self.noted.note(node, DefectKind::WrongKind { expected: "file", found: "directory" }),
        }
        Ok(None)
    }

    fn children(&self, steps: &Tasks<'_, Step>, view: &FsView<'_>, known: &KnownDir, tree: Tree) {
        let depth = tree.depth.saturating_add(1);
        if depth > paths::DEPTH_MAX {
            self.is_too_deep.store(true, Ordering::Relaxed);
        }
        view.entries(|entry| {
            let child = Node::of_entry(entry);
            if !known.has(entry) && self.is_new(child) {
                steps.put([Step::Fs(child, Tree { whole: known.dir(entry), depth, ..tree })]);
            }
        });
    }

    fn finish(self) -> Option<LibraryResult> {
        let Self { noted: Noted { side, roots, bad }, commits, dirs, seen_files, files, snapshots, .. } = self;
        let (bad, more) = bad.into_found();
        let snapshots = snapshots.into_inner().unwrap_or_else(PoisonError::into_inner);
        let counts = Counts {
            commits: commits.count(),
            dirs: dirs.count(),
            files: seen_files.count(),
            blocks: files.block_count(),
        };
        // No longer needed, and as large as the library.
        drop((commits, dirs, seen_files));
        let (suffering, is_too_deep) = (&files.into_suffering(), self.is_too_deep.into_inner());
        let found = match bad.is_empty() && !is_too_deep {
            true => Found::default(),
            false => paths::locate(side, roots, snapshots, &Sought { bad: &bad, suffering, is_too_deep })?,
        };
        side.counters.findings.add(found.shapes.len() as u64);
        Some(findings::of_library(roots, counts, WalkDefects { bad, found, more }))
    }
}
