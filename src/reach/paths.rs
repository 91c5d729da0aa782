//! Which paths suffer from what a walk found.
//!
//! The trees are read a second time, newest snapshot first, until each bad object was met. A directory that an earlier
//! snapshot already had is not read again, because what is below it was met there.

use std::collections::{HashMap, HashSet};

use rayon::prelude::*;

use super::Side;
use super::result::DefectKind;
use super::seen::{Node, Places, Snapshot};
use crate::content::FsObject;
use crate::database::heads::LibraryRoots;
use crate::object::{ObjectId, ObjectKey, ObjectKind};
use crate::store::ErrorKind;

/// How often one snapshot's directories and files are looked at again at another path. A store made for it can hold
/// more paths than there is time, by directories that name the same one twice, forty levels deep. Beyond this the count of
/// paths is a lower bound.
const REPEATS_MAX: usize = 200_000;
/// How many paths are looked at between two looks at the wish to stop; enough to keep every thread busy.
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
    /// Whether files must be read, because blocks are bad.
    blocks: bool,
    /// What was met in newer snapshots.
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
        let (mut here, mut hits, mut repeats) = (HashSet::new(), HashMap::new(), 0);
        while !stack.is_empty() {
            if self.side.halt.is_on() {
                return None;
            }
            let mut batch = stack.split_off(stack.len().saturating_sub(BATCH));
            batch.retain(|spot| {
                let first = here.insert(spot.node);
                repeats += usize::from(!first);
                first || repeats <= REPEATS_MAX
            });
            let expanded: Vec<_> = batch.par_iter().map(|spot| self.expand(spot)).collect();
            for (spot, (met, children)) in batch.iter().zip(expanded) {
                met.into_iter().for_each(|node| self.record(&mut hits, snapshot, node, &spot.path));
                stack.extend(children);
            }
        }
        self.done.extend(here);
        self.places.extend(hits);
        Some(())
    }

    /// Keeps the path for a bad object that no newer snapshot has.
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

    /// The bad objects met at a path, and what is to be looked at below it.
    fn expand(&self, spot: &TreePosition) -> (Vec<Node>, Vec<TreePosition>) {
        let mut met: Vec<Node> = self.bad.contains_key(&spot.node).then_some(spot.node).into_iter().collect();
        match (spot.node, self.read(spot.node)) {
            (Node::Dir(_), Some(FsObject::Dir { entries })) => {
                let spots = entries.into_iter().map(|entry| match entry.is_dir() {
                    true => TreePosition { node: Node::Dir(entry.id), path: format!("{}{}/", spot.path, entry.name) },
                    false => TreePosition { node: Node::File(entry.id), path: format!("{}{}", spot.path, entry.name) },
                });
                (met, spots.filter(|spot| self.is_worth_a_look(spot.node)).collect())
            }
            (Node::File(_), Some(FsObject::File { block_ids, .. })) => {
                let blocks: HashSet<Node> = block_ids.into_iter().map(Node::Block).collect();
                met.extend(blocks.into_iter().filter(|block| self.bad.contains_key(block)));
                (met, Vec::new())
            }
            _ => (met, Vec::new()),
        }
    }

    fn is_worth_a_look(&self, node: Node) -> bool {
        let may_hold_more = self.blocks || matches!(node, Node::Dir(_));
        node.id() != ObjectId::EMPTY && !self.done.contains(&node) && (may_hold_more || self.bad.contains_key(&node))
    }

    /// The object, unless it is not needed, or one of those that cannot be read.
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
