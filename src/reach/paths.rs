//! Finds the paths that the defects of a walk affect.
//!
//! The trees are read a second time, newest snapshot first, until each bad object is found. A directory that a newer
//! snapshot has is not read again, because its content was searched there.

use std::collections::{HashMap, HashSet};

use rayon::prelude::*;

use super::Side;
use super::result::DefectKind;
use super::seen::{Node, Places, Snapshot};
use crate::content::FsObject;
use crate::database::heads::LibraryRoots;
use crate::object::{ObjectId, ObjectKey, ObjectKind};
use crate::store::ErrorKind;

/// The most directories and files of one snapshot that are visited again at another path. Crafted directories that each
/// name the next one twice, forty levels deep, make more paths than can be visited. Above this limit the count of
/// paths is a lower bound.
const REPEATS_MAX: usize = 200_000;
/// The number of paths that are visited between two checks for cancellation; enough to keep every thread busy.
const BATCH: usize = 1024;

/// An object at a path.
struct TreePosition {
    node: Node,
    path: String,
}

struct Search<'a> {
    side: &'a Side<'a>,
    roots: &'a LibraryRoots,
    bad: &'a HashMap<Node, DefectKind>,
    /// Whether files must be read, because there are bad blocks.
    blocks: bool,
    /// The objects that were visited in newer snapshots.
    done: HashSet<Node>,
    places: HashMap<Node, Places>,
}

/// The paths of each bad directory, file and block; `None` when the check ends early.
pub(super) fn locate(
    side: &Side<'_>,
    roots: &LibraryRoots,
    mut snapshots: Vec<Snapshot>,
    bad: &HashMap<Node, DefectKind>,
) -> Option<HashMap<Node, Places>> {
    snapshots.sort_by_key(|snapshot| (!snapshot.is_head, std::cmp::Reverse(snapshot.ctime), snapshot.commit));
    let blocks = bad.keys().any(|node| matches!(node, Node::Block(_)));
    let sought = bad.keys().filter(|node| !matches!(node, Node::Commit(_))).count();
    let mut search = Search { side, roots, bad, blocks, done: HashSet::new(), places: HashMap::new() };
    for snapshot in &snapshots {
        if search.places.len() == sought {
            break;
        }
        search.snapshot(snapshot)?;
    }
    Some(search.places)
}

impl Search<'_> {
    fn snapshot(&mut self, snapshot: &Snapshot) -> Option<()> {
        let mut stack = vec![TreePosition { node: Node::Dir(snapshot.root), path: "/".to_owned() }];
        let (mut visited, mut hits, mut repeats) = (HashSet::new(), HashMap::new(), 0);
        while !stack.is_empty() {
            if self.side.halt.is_on() {
                return None;
            }
            let mut batch = stack.split_off(stack.len().saturating_sub(BATCH));
            batch.retain(|position| {
                let first = visited.insert(position.node);
                repeats += usize::from(!first);
                first || repeats <= REPEATS_MAX
            });
            let expanded: Vec<_> = batch.par_iter().map(|position| self.expand(position)).collect();
            for (position, (found, children)) in batch.iter().zip(expanded) {
                found.into_iter().for_each(|node| self.record(&mut hits, snapshot, node, &position.path));
                stack.extend(children);
            }
        }
        self.done.extend(visited);
        self.places.extend(hits);
        Some(())
    }

    /// Records a path of a bad object, unless a newer snapshot has the object.
    fn record(&self, hits: &mut HashMap<Node, Places>, snapshot: &Snapshot, node: Node, path: &str) {
        if self.places.contains_key(&node) {
            return;
        }
        let places = hits.entry(node).or_default();
        places.commit = (!snapshot.is_head).then_some(snapshot.commit);
        if places.paths.len() < self.side.options.paths_max {
            places.paths.push(path.to_owned());
        } else {
            places.more += 1;
        }
    }

    /// The bad objects at a path, and the positions below it to visit.
    fn expand(&self, position: &TreePosition) -> (Vec<Node>, Vec<TreePosition>) {
        let mut found: Vec<Node> = self.bad.contains_key(&position.node).then_some(position.node).into_iter().collect();
        match (position.node, self.read(position.node)) {
            (Node::Dir(_), Some(FsObject::Dir { entries })) => {
                let positions = entries.into_iter().map(|entry| match entry.is_dir() {
                    true => {
                        TreePosition { node: Node::Dir(entry.id), path: format!("{}{}/", position.path, entry.name) }
                    }
                    false => {
                        TreePosition { node: Node::File(entry.id), path: format!("{}{}", position.path, entry.name) }
                    }
                });
                (found, positions.filter(|position| self.must_be_visited(position.node)).collect())
            }
            (Node::File(_), Some(FsObject::File { block_ids, .. })) => {
                let blocks: HashSet<Node> = block_ids.into_iter().map(Node::Block).collect();
                found.extend(blocks.into_iter().filter(|block| self.bad.contains_key(block)));
                (found, Vec::new())
            }
            _ => (found, Vec::new()),
        }
    }

    fn must_be_visited(&self, node: Node) -> bool {
        let may_hold_more = self.blocks || matches!(node, Node::Dir(_));
        node.id() != ObjectId::EMPTY && !self.done.contains(&node) && (may_hold_more || self.bad.contains_key(&node))
    }

    /// Reads an fs object; `None` when it is not needed or cannot be read.
    fn read(&self, node: Node) -> Option<FsObject> {
        if node.id() == ObjectId::EMPTY || (matches!(node, Node::File(_)) && !self.blocks) {
            return None;
        }
        let key = ObjectKey::new(self.roots.store_id(), node.id());
        match self.side.stores[ObjectKind::Fs].read(&key) {
            Ok(data) => FsObject::parse(&node.id(), &data).ok().map(|parsed| parsed.object),
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Unreadable) => None,
            Err(error) => {
                self.side.halt.fail(error);
                None
            }
        }
    }
}
