//! The defects of a library as they are found, and reading its objects within the budget.

use super::Side;
use super::result::DefectKind;
use super::seen::{Defects, Node};
use crate::database::heads::LibraryRoots;
use crate::flow::CircuitBreaker;
use crate::flow::budget::{Halted, Room};
use crate::object::{ObjectId, ObjectKey, ObjectKind};
use crate::store::{ErrorKind, StoreError, first_room};

/// A library, and what was found wrong with it.
pub(super) struct Noted<'a> {
    pub(super) side: &'a Side<'a>,
    pub(super) roots: &'a LibraryRoots,
    pub(super) bad: Defects,
}

impl Noted<'_> {
    /// Does what reads an object within the budget. That it cannot be read is recorded as a defect, and gives `None`.
    pub(super) fn in_room<T>(
        &self,
        node: Node,
        missing: DefectKind,
        visit: impl FnMut(&mut Room<'_>) -> Result<T, Halted<StoreError>>,
    ) -> Option<T> {
        match self.side.budget.in_room(first_room(node.kind()), visit) {
            Ok(value) => Some(value),
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

    /// Records an error of one object as its defect; any other one ends the walk.
    pub(super) fn note_error(&self, node: Node, error: StoreError, missing: DefectKind) {
        match error.kind() {
            ErrorKind::NotFound => self.note(node, missing),
            kind if kind.may_be_outage() && self.side.breakers[node.kind()].failure() => {
                let many = CircuitBreaker::LIMIT;
                let why = format!("{many} objects in a row failed like this, so the store is taken for gone");
                self.side.halt.fail(error.because(why));
            }
            kind if kind.is_of_one_object() => self.note(node, DefectKind::Unreadable(error.cause().to_owned())),
            _ => self.side.halt.fail(error),
        }
    }

    pub(super) fn note(&self, node: Node, what: DefectKind) {
        if self.bad.add(node, what) {
            self.side.counters.findings.add(1);
        }
    }

    /// The stored size of a block; `None`, and a defect, when it is not there.
    pub(super) fn block_size(&self, id: ObjectId) -> Option<u64> {
        match self.side.stores[ObjectKind::Blocks].size(&self.key(Node::Block(id))) {
            Ok(size) => {
                self.side.breakers[ObjectKind::Blocks].success();
                Some(size)
            }
            Err(error) => {
                self.note_error(Node::Block(id), error, DefectKind::Missing);
                None
            }
        }
    }
}
