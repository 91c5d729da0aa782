//! Finds the paths that the defects of a walk affect.
//!
//! The directories are read a second time, newest snapshot first, until each bad object is found, and make a
//! [`Graph`](super::graph::Graph). Of it, some ways to each bad object are given their names, which takes a third reading
//! of the directories on these ways. A directory that a newer snapshot has is not read again, because what it leads to was
//! found there.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use super::graph::{Builder, Graph, Way};
use super::reading;
use super::result::DefectKind;
use super::seen::{Node, Places, Snapshot};
use super::{Side, lock};
use crate::content::FsView;
use crate::database::heads::LibraryRoots;
use crate::flow::tasks;
use crate::object::{ObjectId, ObjectKey, ObjectKind};
use crate::store::{StoreError, first_room};

/// The most directories that may be above one: deeper than any user can have one, because paths end at 4,096 bytes.
pub(super) const DEPTH_MAX: u32 = 10_000;

/// What an edge of the graph takes in memory, in bytes, with the node that it leads to.
const EDGE: u64 = 128;
/// The edges that a graph may have in any case.
const EDGES_MIN: usize = 1 << 16;
/// The number of edges of one library that are followed upwards; in a moment.
const STEPS_MAX: u64 = 10_000_000;
/// The number of edges of one library that are kept as parts of ways.
const WAY_EDGES_MAX: usize = 500_000;
/// The most directories of a library that are named for being below themselves.
const LOOPS_MAX: usize = 20;
/// The most characters of a name that are shown; Seafile's names have at most 255 bytes.
const NAME_MAX: usize = 255;
/// How many children are added to the graph at once.
const BATCH: usize = 1024;

/// What is looked for.
pub(super) struct Sought<'a> {
    pub(super) bad: &'a HashMap<Node, DefectKind>,
    /// The files that have bad blocks.
    pub(super) suffering: &'a HashSet<ObjectId>,
    /// Whether there is a directory deeper than [`DEPTH_MAX`] to be looked for.
    pub(super) is_too_deep: bool,
}

/// What was found.
#[derive(Default)]
pub(super) struct Found {
    /// The paths of each bad directory, file and block.
    pub(super) places: HashMap<Node, Places>,
    /// The directories that make a tree one that nobody can use, and why.
    pub(super) shapes: Vec<(Node, DefectKind)>,
    /// Whether there were more directories than could be searched.
    pub(super) is_cut: bool,
}

struct Search<'a> {
    side: &'a Side<'a>,
    roots: &'a LibraryRoots,
    sought: &'a Sought<'a>,
    /// The directories of newer snapshots.
    done: HashSet<ObjectId>,
    found: Found,
    steps: u64,
}

/// Looks for the paths; `None` when the check ends early.
pub(super) fn locate(
    side: &Side<'_>,
    roots: &LibraryRoots,
    mut snapshots: Vec<Snapshot>,
    sought: &Sought<'_>,
) -> Option<Found> {
    snapshots.sort_by_key(|snapshot| (!snapshot.is_head, std::cmp::Reverse(snapshot.ctime), snapshot.commit));
    let all = sought.bad.keys().filter(|node| !matches!(node, Node::Commit(_))).count();
    let (done, found) = (HashSet::new(), Found::default());
    let mut search = Search { side, roots, sought, done, found, steps: STEPS_MAX };
    for snapshot in &snapshots {
        let is_deep_found = search.found.shapes.iter().any(|(_, what)| matches!(what, DefectKind::TooDeep { .. }));
        let is_placed = |node: &Node| search.found.places.contains_key(node);
        let placed = sought.bad.keys().filter(|node| is_placed(node)).count();
        if placed == all && (is_deep_found || !sought.is_too_deep) {
            break;
        }
        search.snapshot(snapshot)?;
    }
    Some(search.found)
}

impl Search<'_> {
    fn snapshot(&mut self, snapshot: &Snapshot) -> Option<()> {
        let graph = self.graph(snapshot)?;
        let shapes: Vec<(Node, DefectKind)> = self.shapes(&graph).collect();
        let is_new = |node: &Node| !self.found.places.contains_key(node);
        let mut targets: Vec<Node> = self.sought.bad.keys().copied().filter(is_new).collect();
        targets.extend(shapes.iter().map(|(node, _)| *node).filter(is_new));
        targets.sort_unstable();
        targets.dedup();
        let most = self.side.options.paths_max as u64;
        let mut ways: Vec<(Node, u32, Vec<Way>)> = Vec::new();
        let mut kept = 0;
        for target in targets {
            let Some(at) = graph.find(target) else { continue };
            let found = if kept < WAY_EDGES_MAX { graph.ways(at, most, &mut self.steps) } else { Vec::new() };
            kept += found.iter().map(|way| way.edges.len()).sum::<usize>();
            ways.push((target, at, found));
        }
        let names = self.names(&graph, ways.iter().flat_map(|(.., ways)| ways))?;
        for (target, at, ways) in ways {
            let mut places = Places { commit: (!snapshot.is_head).then_some(snapshot.commit), ..Places::default() };
            let paths = ways.iter().flat_map(|way| paths_of(target, way, &names));
            let is_room = |path: &String| take(&self.side.path_bytes, path.len() as u64);
            places.paths = paths.take(self.side.options.paths_max).take_while(is_room).collect();
            places.more = match graph.count(at) {
                u64::MAX => u64::MAX,
                count => count.saturating_sub(places.paths.len() as u64),
            };
            self.found.places.insert(target, places);
        }
        self.found.shapes.extend(shapes);
        Some(())
    }

    /// What is wrong with the tree as a whole, and was not found in a newer one.
    fn shapes<'g>(&'g self, graph: &'g Graph) -> impl Iterator<Item = (Node, DefectKind)> + 'g {
        let known = |kind: fn(&DefectKind) -> bool| self.found.shapes.iter().filter(|(_, what)| kind(what)).count();
        let room = LOOPS_MAX.saturating_sub(known(|what| matches!(what, DefectKind::Loops)));
        let loops = graph.loops().map(|node| (node, DefectKind::Loops)).take(room);
        let is_deep_found = known(|what| matches!(what, DefectKind::TooDeep { .. })) > 0;
        let deep = graph.too_deep(DEPTH_MAX).filter(|_| !is_deep_found);
        loops.chain(deep.map(|node| (node, DefectKind::TooDeep { most: DEPTH_MAX })))
    }

    /// The directories of a snapshot that no newer one has, and what they lead to; `None` when the check ends early.
    fn graph(&mut self, snapshot: &Snapshot) -> Option<Graph> {
        let root = Node::Dir(snapshot.root);
        let edges = usize::try_from(self.side.options.memory / EDGE).unwrap_or(usize::MAX).max(EDGES_MIN);
        let builder = Mutex::new(Builder::new(root, edges));
        if self.is_read(root) || self.sought.bad.contains_key(&root) {
            tasks::run(&self.side.seats, [root], |tasks, dir| {
                self.children(dir, |children| {
                    let mut builder = lock(&builder);
                    let new = children.drain(..).filter(|child| builder.add(dir, *child));
                    let new: Vec<Node> = new.filter(|child| matches!(child, Node::Dir(_))).collect();
                    drop(builder);
                    tasks.put(new);
                });
            });
        }
        if self.sought.bad.keys().any(|node| matches!(node, Node::Block(_))) {
            let is_suffering = |node: &Node| matches!(node, Node::File(id) if self.sought.suffering.contains(id));
            let files: Vec<Node> = lock(&builder).nodes().iter().copied().filter(is_suffering).collect();
            tasks::run(&self.side.seats, files, |_, file| {
                for block in self.bad_blocks(file) {
                    lock(&builder).add(file, block);
                }
            });
        }
        if self.side.halt.is_on() {
            return None;
        }
        let builder = builder.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        self.found.is_cut |= builder.is_cut;
        let dirs = builder.nodes().iter().filter(|node| matches!(node, Node::Dir(_)));
        self.done.extend(dirs.map(|node| node.id()));
        Some(builder.build())
    }

    /// Whether a directory is to be read.
    fn is_read(&self, node: Node) -> bool {
        node.id() != ObjectId::EMPTY && !self.done.contains(&node.id())
    }

    /// Passes on the children of a directory that are directories or lead to what is sought, some at a time.
    fn children(&self, dir: Node, mut pass_on: impl FnMut(&mut Vec<Node>)) {
        self.view(dir, |view| {
            let mut children = Vec::new();
            view.entries(|entry| {
                let child = Node::of_entry(entry);
                let is_kept = match child {
                    Node::Dir(_) => self.is_read(child),
                    _ => self.sought.bad.contains_key(&child) || self.sought.suffering.contains(&child.id()),
                };
                if is_kept {
                    children.push(child);
                }
                if children.len() == BATCH {
                    pass_on(&mut children);
                }
            });
            pass_on(&mut children);
        });
    }

    /// The bad blocks of a file, each once.
    fn bad_blocks(&self, file: Node) -> HashSet<Node> {
        let mut blocks = HashSet::new();
        self.view(file, |view| {
            view.blocks(|id| {
                let block = Node::Block(id);
                if self.sought.bad.contains_key(&block) {
                    blocks.insert(block);
                }
            });
        });
        blocks
    }

    /// The names of the edges on the ways, each with at most as many as paths are wanted; `None` when the check ends early.
    fn names<'w>(&self, graph: &Graph, ways: impl Iterator<Item = &'w Way>) -> Option<Names> {
        let mut wanted: BTreeMap<Node, BTreeMap<Node, u32>> = BTreeMap::new();
        for at in ways.flat_map(|way| &way.edges) {
            let (parent, child) = graph.edge(*at);
            if !matches!(child, Node::Block(_)) {
                wanted.entry(parent).or_default().insert(child, *at);
            }
        }
        let wanted: Vec<(Node, BTreeMap<Node, u32>)> = wanted.into_iter().collect();
        let left = AtomicU64::new(self.side.options.memory / 8);
        let named = tasks::map(&self.side.seats, &wanted, |(parent, children)| {
            let mut names: Names = HashMap::new();
            self.view(*parent, |view| {
                view.entries(|entry| {
                    if let Some(at) = children.get(&Node::of_entry(entry)) {
                        let names = names.entry(*at).or_default();
                        let name = shown(&entry.name);
                        if names.len() < self.side.options.paths_max && take(&left, name.len() as u64 + 32) {
                            names.push(name);
                        }
                    }
                });
            });
            names
        });
        (!self.side.halt.is_on()).then(|| named.into_iter().flatten().collect())
    }

    /// Calls `see` with an fs object, when it is needed and can be read.
    fn view(&self, node: Node, mut see: impl FnMut(&FsView<'_>)) {
        if self.side.halt.is_on() || node.id() == ObjectId::EMPTY {
            return;
        }
        let key = ObjectKey::new(self.roots.store_id(), node.id());
        let seen: Result<(), StoreError> = self.side.budget.in_room(first_room(ObjectKind::Fs), |room| {
            let data = reading::read(self.side, ObjectKind::Fs, &key, room)?;
            if let Ok(Some(view)) = FsView::open_while(&|| !self.side.halt.is_on(), &node.id(), &data) {
                see(&view);
            }
            Ok(())
        });
        match seen {
            Err(error) if !error.kind().is_of_one_object() => self.side.halt.fail(error),
            Ok(()) | Err(_) => {}
        }
    }
}

/// The names of edges.
type Names = HashMap<u32, Vec<String>>;

/// The paths that a way has by its names; none when one of its names could not be read again.
fn paths_of<'a>(target: Node, way: &'a Way, names: &'a Names) -> impl Iterator<Item = String> + 'a {
    let is_block = matches!(target, Node::Block(_));
    // The last edge to a block leads from its file and has no name.
    let named = &way.edges[..way.edges.len() - usize::from(is_block && !way.edges.is_empty())];
    let choices: Option<Vec<&[String]>> = named.iter().map(|at| names.get(at).map(Vec::as_slice)).collect();
    let choices = choices.unwrap_or_else(|| vec![&[]]);
    let count = choices.iter().fold(1usize, |count, names| count.saturating_mul(names.len()));
    (0..count).map(move |number| {
        let (mut path, mut rest) = (String::new(), number);
        for (at, names) in choices.iter().enumerate() {
            if way.left_out.0 > 0 && way.left_out.1 == at {
                path += &format!("/[{} directories]", way.left_out.0);
            }
            path += "/";
            path += &names[rest % names.len()];
            rest /= names.len();
        }
        if matches!(target, Node::Dir(_)) || path.is_empty() {
            path += "/";
        }
        path
    })
}

/// A name as far as it is shown.
fn shown(name: &str) -> String {
    match name.char_indices().nth(NAME_MAX) {
        Some((end, _)) => format!("{}…", &name[..end]),
        None => name.to_owned(),
    }
}

/// Takes bytes of what is left; `false` when there are not so many.
fn take(left: &AtomicU64, bytes: u64) -> bool {
    left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(bytes)).is_ok()
}
