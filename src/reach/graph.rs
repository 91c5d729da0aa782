//! The directories of one snapshot as a graph, from its root to what is sought, and the ways through it.
//!
//! A tree can be written so that it has more paths than atoms: directories that each name the next one a thousand times.
//! So no path is made before it is known to lead somewhere. The graph has each object once; the ways to what is sought are
//! followed upwards, where each step leads on to the root, and counted without being followed.

use std::collections::HashMap;

use super::seen::Node;

/// A directory (or file) and what it names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Edge {
    parent: u32,
    child: u32,
    /// Under how many names.
    times: u32,
}

/// The fewest edges after which equal ones are merged.
const MERGE_MIN: usize = 1 << 16;

/// A graph to which edges are added.
#[derive(Debug)]
pub(super) struct Builder {
    index: HashMap<Node, u32>,
    nodes: Vec<Node>,
    edges: Vec<Edge>,
    /// Equal edges are merged when there are so many.
    merge_at: usize,
    max: usize,
    /// Whether there was something to add beyond the limit.
    pub(super) is_cut: bool,
}

impl Builder {
    /// A graph with the one node `root`, which takes at most `max` edges.
    pub(super) fn new(root: Node, max: usize) -> Self {
        let (index, nodes) = (HashMap::from([(root, 0)]), vec![root]);
        Self { index, nodes, edges: Vec::new(), merge_at: MERGE_MIN.min(max), max, is_cut: false }
    }

    /// Adds that `parent` names `child` once. Returns whether the child is new.
    pub(super) fn add(&mut self, parent: Node, child: Node) -> bool {
        let Some(&parent) = self.index.get(&parent) else { return false };
        if self.edges.len() >= self.merge_at {
            merge(&mut self.edges);
            // Nearly full counts as full, because merging after every few edges would take for ever.
            self.is_cut |= self.edges.len() > self.max / 4 * 3;
            self.merge_at = (2 * self.edges.len()).max(MERGE_MIN).min(self.max);
        }
        if self.is_cut {
            return false;
        }
        let next = u32::try_from(self.nodes.len()).unwrap_or(u32::MAX);
        let child_at = *self.index.entry(child).or_insert(next);
        let is_new = child_at == next;
        if is_new {
            self.nodes.push(child);
        }
        match self.edges.last_mut() {
            Some(last) if (last.parent, last.child) == (parent, child_at) => last.times = last.times.saturating_add(1),
            _ => self.edges.push(Edge { parent, child: child_at, times: 1 }),
        }
        is_new
    }

    /// The nodes that were added so far.
    pub(super) fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// The graph, numbered in the order of its nodes, so that it does not depend on the order in which they were read.
    pub(super) fn build(self) -> Graph {
        let Self { nodes, mut edges, .. } = self;
        let root = nodes[0];
        let mut order: Vec<u32> = (0..count_of(nodes.len())).collect();
        order.sort_unstable_by_key(|at| nodes[*at as usize]);
        let mut renumbered = vec![0; nodes.len()];
        for (new, old) in (0..).zip(&order) {
            renumbered[*old as usize] = new;
        }
        for edge in &mut edges {
            edge.parent = renumbered[edge.parent as usize];
            edge.child = renumbered[edge.child as usize];
        }
        merge(&mut edges);
        let nodes: Vec<Node> = order.into_iter().map(|old| nodes[old as usize]).collect();
        let root = nodes.binary_search(&root).map_or(0, count_of);
        Graph::of(nodes, edges, root)
    }
}

/// Makes one of equal edges, in the order of parents and children.
fn merge(edges: &mut Vec<Edge>) {
    edges.sort_unstable();
    edges.dedup_by(|next, kept| {
        let is_same = (next.parent, next.child) == (kept.parent, kept.child);
        if is_same {
            kept.times = kept.times.saturating_add(next.times);
        }
        is_same
    });
}

fn count_of(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

/// Positions `of[n]..of[n + 1]` belong to node `n`.
#[derive(Debug)]
struct Ranges(Vec<u32>);

impl Ranges {
    /// Those of a list in which the nodes come in order.
    fn of(nodes: usize, owners: impl Iterator<Item = u32>) -> Self {
        let mut ends = vec![0; nodes + 1];
        owners.for_each(|owner| ends[owner as usize + 1] += 1);
        for at in 1..ends.len() {
            ends[at] += ends[at - 1];
        }
        Self(ends)
    }

    fn start(&self, node: u32) -> u32 {
        self.0[node as usize]
    }

    fn end(&self, node: u32) -> u32 {
        self.0[node as usize + 1]
    }
}

/// A way from the root to a node: the names' places, the outermost first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Way {
    /// The edges that the way takes, without those in its middle where it is very long.
    pub(super) edges: Vec<u32>,
    /// The number of edges that are left out, and after how many.
    pub(super) left_out: (usize, usize),
}

/// How many edges of a way are kept at each of its ends.
const ENDS: usize = 40;

/// The finished graph.
#[derive(Debug)]
pub(super) struct Graph {
    nodes: Vec<Node>,
    /// In the order of parents and children.
    edges: Vec<Edge>,
    root: u32,
    /// The fewest directories above each node.
    depths: Vec<u32>,
    /// The numbers of paths to each node, saturating; without the edges that lead back.
    counts: Vec<u64>,
    /// The edges to each child, those from less deep parents first; without the edges that lead back.
    upwards: Vec<u32>,
    upward: Ranges,
    /// The nodes that are below themselves.
    loops: Vec<u32>,
}

impl Graph {
    fn of(nodes: Vec<Node>, edges: Vec<Edge>, root: u32) -> Self {
        let downward = Ranges::of(nodes.len(), edges.iter().map(|edge| edge.parent));
        let depths = depths(&edges, &downward, root);
        let Order { before, leads_back, loops } = order(&edges, &downward, root);
        let mut counts = vec![0u64; nodes.len()];
        counts[root as usize] = 1;
        for node in before {
            for at in downward.start(node)..downward.end(node) {
                let edge = edges[at as usize];
                if !leads_back[at as usize] {
                    // Of one block, a file that has it twice is one file.
                    let times = if matches!(nodes[edge.child as usize], Node::Block(_)) { 1 } else { edge.times };
                    let added = counts[node as usize].saturating_mul(u64::from(times));
                    let count = &mut counts[edge.child as usize];
                    *count = count.saturating_add(added);
                }
            }
        }
        let mut upwards: Vec<u32> = (0..count_of(edges.len())).filter(|at| !leads_back[*at as usize]).collect();
        upwards.sort_unstable_by_key(|at| {
            let Edge { parent, child, .. } = edges[*at as usize];
            (child, depths[parent as usize], parent)
        });
        let upward = Ranges::of(nodes.len(), upwards.iter().map(|at| edges[*at as usize].child));
        Self { nodes, edges, root, depths, counts, upwards, upward, loops }
    }

    /// The number of a node; `None` when it is not in the graph.
    pub(super) fn find(&self, node: Node) -> Option<u32> {
        self.nodes.binary_search(&node).ok().map(count_of)
    }

    /// The directories that are below themselves.
    pub(super) fn loops(&self) -> impl Iterator<Item = Node> {
        self.loops.iter().map(|at| self.nodes[*at as usize])
    }

    /// The first directory that has more than `most` directories above it; `None` when none has.
    pub(super) fn too_deep(&self, most: u32) -> Option<Node> {
        let is_first = |at: &usize| self.depths[*at] == most.saturating_add(1);
        let first = (0..self.nodes.len()).filter(is_first).map(|at| self.nodes[at]);
        first.filter(|node| matches!(node, Node::Dir(_))).min()
    }

    /// The number of paths to a node, without those that go round in a loop.
    pub(super) fn count(&self, node: u32) -> u64 {
        self.counts[node as usize]
    }

    /// The parent and the child of an edge.
    pub(super) fn edge(&self, at: u32) -> (Node, Node) {
        let Edge { parent, child, .. } = self.edges[at as usize];
        (self.nodes[parent as usize], self.nodes[child as usize])
    }

    /// Ways from the root to a node that have together at least `most` names, or all of them. Ends early when it has gone
    /// `steps` edges, which counts down.
    pub(super) fn ways(&self, to: u32, most: u64, steps: &mut u64) -> Vec<Way> {
        let (mut ways, mut named) = (Vec::new(), 0u64);
        // A node on the way up, and the next of its edges to try.
        let mut stack = vec![(to, self.upward.start(to))];
        while let Some((node, next)) = stack.last_mut() {
            if *node == self.root {
                let taken = stack.iter().rev().skip(1).map(|(_, next)| self.upwards[*next as usize - 1]);
                named = named.saturating_add(
                    taken
                        .clone()
                        .fold(1, |product: u64, at| product.saturating_mul(u64::from(self.edges[at as usize].times))),
                );
                *steps = steps.saturating_sub(stack.len() as u64);
                ways.push(Way::of(taken));
                stack.pop();
                if named >= most {
                    break;
                }
            } else if *next == self.upward.end(*node) {
                stack.pop();
            } else {
                let parent = self.edges[self.upwards[*next as usize] as usize].parent;
                *next += 1;
                if *steps == 0 {
                    break;
                }
                *steps -= 1;
                stack.push((parent, self.upward.start(parent)));
            }
        }
        ways
    }
}

impl Way {
    fn of(edges: impl ExactSizeIterator<Item = u32> + Clone) -> Self {
        let length = edges.len();
        let Some(out) = length.checked_sub(2 * ENDS).filter(|out| *out > 0) else {
            return Self { edges: edges.collect(), left_out: (0, 0) };
        };
        let ends = edges.clone().take(ENDS).chain(edges.skip(ENDS + out)).collect();
        Self { edges: ends, left_out: (out, ENDS) }
    }
}

/// The fewest edges from the root to each node.
fn depths(edges: &[Edge], downward: &Ranges, root: u32) -> Vec<u32> {
    let mut depths = vec![u32::MAX; downward.0.len() - 1];
    depths[root as usize] = 0;
    let mut queue = std::collections::VecDeque::from([root]);
    while let Some(node) = queue.pop_front() {
        let below = depths[node as usize] + 1;
        for at in downward.start(node)..downward.end(node) {
            let child = edges[at as usize].child;
            if depths[child as usize] == u32::MAX {
                depths[child as usize] = below;
                queue.push_back(child);
            }
        }
    }
    depths
}

/// An order of the nodes in which every parent comes before its children.
struct Order {
    before: Vec<u32>,
    /// The edges that lead back to a node above, without which there is such an order.
    leads_back: Vec<bool>,
    /// The nodes that they lead to.
    loops: Vec<u32>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Visit {
    Never,
    Now,
    Over,
}

/// Depth first, on a stack of its own, because a tree may be deeper than a thread's stack.
fn order(edges: &[Edge], downward: &Ranges, root: u32) -> Order {
    let nodes = downward.0.len() - 1;
    let (mut visits, mut leads_back) = (vec![Visit::Never; nodes], vec![false; edges.len()]);
    let (mut before, mut loops) = (Vec::with_capacity(nodes), Vec::new());
    let mut stack = vec![(root, downward.start(root))];
    visits[root as usize] = Visit::Now;
    while let Some((node, next)) = stack.last_mut() {
        if *next == downward.end(*node) {
            visits[*node as usize] = Visit::Over;
            before.push(*node);
            stack.pop();
            continue;
        }
        let at = *next as usize;
        *next += 1;
        let child = edges[at].child;
        match visits[child as usize] {
            Visit::Never => {
                visits[child as usize] = Visit::Now;
                stack.push((child, downward.start(child)));
            }
            Visit::Now => {
                leads_back[at] = true;
                loops.push(child);
            }
            Visit::Over => {}
        }
    }
    before.reverse();
    loops.sort_unstable();
    loops.dedup();
    Order { before, leads_back, loops }
}

#[cfg(test)]
mod tests;
