//! The graph of folders and files, and the ways through it.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::object::ObjectId;

fn dir(id: u8) -> Node {
    Node::Dir(ObjectId::from_bytes([id; 20]))
}

fn graph(edges: &[(u8, u8)]) -> Graph {
    let mut builder = Builder::new(dir(1), 1000);
    for (parent, child) in edges {
        builder.add(dir(*parent), dir(*child));
    }
    builder.build()
}

#[test]
fn ways_are_counted_and_each_is_another_one() {
    let graph = graph(&[(1, 2), (1, 3), (2, 4), (3, 4), (3, 4), (4, 5)]);
    let to = graph.find(dir(5)).unwrap();
    assert_eq!(graph.count(to), 3, "one by 2, two by 3");
    let ways = graph.ways(to, u64::MAX, &mut 1000);
    assert_eq!(ways.len(), 2);
    for way in &ways {
        let nodes: Vec<Node> = way.edges.iter().map(|at| graph.edge(*at).1).collect();
        assert_eq!((nodes.len(), nodes[2]), (3, dir(5)));
    }
    assert_ne!(ways[0], ways[1]);
    assert_eq!(graph.ways(to, 1, &mut 1000).len(), 1, "no more than were asked for");
    assert!(graph.ways(to, u64::MAX, &mut 2).is_empty(), "no further than was allowed");
}

#[test]
fn what_is_below_itself_is_named_and_the_ways_do_not_go_round() {
    let graph = graph(&[(1, 2), (2, 3), (3, 2), (3, 4), (4, 4)]);
    assert_eq!(graph.loops().collect::<Vec<_>>(), [dir(2), dir(4)]);
    let to = graph.find(dir(4)).unwrap();
    assert_eq!((graph.count(to), graph.ways(to, u64::MAX, &mut 1000).len()), (1, 1));
}

#[test]
fn a_thousand_names_on_each_of_many_levels_are_counted_as_far_as_numbers_go() {
    let edges: Vec<(u8, u8)> = (1..40).flat_map(|level| [(level, level + 1); 1000]).collect();
    let graph = graph(&edges);
    assert_eq!(graph.count(graph.find(dir(3)).unwrap()), 1_000_000);
    let to = graph.find(dir(40)).unwrap();
    assert_eq!((graph.count(to), graph.ways(to, 20, &mut 1000).len()), (u64::MAX, 1));
}

#[test]
fn the_middle_of_a_very_long_way_is_left_out() {
    let edges: Vec<(u8, u8)> = (1..200).map(|at| (at, at + 1)).collect();
    let graph = graph(&edges);
    let way = &graph.ways(graph.find(dir(200)).unwrap(), 1, &mut 1000)[0];
    assert_eq!((way.edges.len(), way.left_out), (2 * ENDS, (199 - 2 * ENDS, ENDS)));
    assert_eq!(graph.edge(way.edges[0]).0, dir(1));
    assert_eq!(graph.edge(*way.edges.last().unwrap()).1, dir(200));
    assert_eq!((graph.too_deep(198), graph.too_deep(199)), (Some(dir(200)), None));
}

#[test]
fn a_graph_takes_no_more_edges_than_it_may() {
    let mut builder = Builder::new(dir(1), 20);
    for _ in 2..100 {
        builder.add(dir(1), dir(2));
    }
    assert!(!builder.is_cut, "the same edge takes no more than one");
    for child in 2..100 {
        builder.add(dir(1), dir(child));
    }
    assert!(builder.is_cut && builder.edges.len() == 20);
}
