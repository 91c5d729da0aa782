//! Turns the defects of a walk into findings, in a fixed order.

use std::collections::HashMap;

use super::paths::Found;
use super::result::{Counts, Defect, DefectKind, LibraryResult};
use super::seen::{Node, Places};
use crate::database::heads::LibraryRoots;
use crate::object::{ObjectId, ObjectKind};

/// The defects that a walk found.
pub(super) struct WalkDefects {
    pub(super) bad: HashMap<Node, DefectKind>,
    pub(super) found: Found,
    /// The number of further defective objects, which were not kept.
    pub(super) more: u64,
}

pub(super) fn of_library(roots: &LibraryRoots, counts: Counts, noted: WalkDefects) -> LibraryResult {
    let WalkDefects { bad, found: Found { mut places, mut shapes, is_cut }, more } = noted;
    let mut bad: Vec<_> = bad.into_iter().collect();
    bad.sort_by_key(|(node, _)| *node);
    let headless = roots.heads.is_empty().then(|| of_everything(None, DefectKind::NoHead));
    // A directory may be bad and of a bad shape at once, and has its paths in both findings then.
    let of_shapes: HashMap<Node, Places> =
        shapes.iter().filter_map(|(node, _)| Some((*node, places.get(node)?.clone()))).collect();
    let shape_places = |node: Node| of_shapes.get(&node).cloned().unwrap_or_default();
    let others = bad.into_iter().map(|(node, what)| match node {
        Node::Commit(id) if roots.heads.contains(&id) => of_everything(Some(id), what),
        _ => of_paths(node, what, places.remove(&node).unwrap_or_default()),
    });
    shapes.sort_by_key(|(node, _)| *node);
    let shapes = shapes.into_iter().map(|(node, what)| of_paths(node, what, shape_places(node)));
    let cut = is_cut.then(|| Defect {
        kind: ObjectKind::Fs,
        id: None,
        what: DefectKind::MorePaths,
        paths: Vec::new(),
        more_paths: 0,
        commit: None,
    });
    let findings = headless.into_iter().chain(others).chain(shapes).chain(cut).collect();
    let (id, name, trashed) = (roots.id, roots.name.clone(), roots.trashed);
    LibraryResult { id, store_id: roots.store_id(), name, trashed, counts, findings, more_findings: more }
}

fn of_paths(node: Node, what: DefectKind, places: Places) -> Defect {
    let Places { commit, mut paths, more } = places;
    paths.sort_unstable();
    Defect { kind: node.kind(), id: Some(node.id()), what, paths, more_paths: more, commit }
}

/// A finding that affects the whole library.
fn of_everything(id: Option<ObjectId>, what: DefectKind) -> Defect {
    let paths = vec!["/".to_owned()];
    Defect { kind: ObjectKind::Commits, id, what, paths, more_paths: 0, commit: None }
}
