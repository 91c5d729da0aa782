//! What must be so, whatever happened.

use bytes::Bytes;

use super::{Name, Objects, Sides};
use crate::model::steps::Depth;

impl Sides {
    /// Whether bytes at the destination are those of an object that nothing but reading them could tell from the right
    /// ones, or that were so in the source.
    fn may_pass(&self, name: &Name, data: &Bytes, depth: Depth) -> bool {
        let is_one_of = |all: Option<&std::collections::BTreeSet<Bytes>>| all.is_some_and(|all| all.contains(data));
        self.truth.get(name) == Some(data)
            || is_one_of(self.damaged.get(name))
            || (depth == Depth::Sizes && is_one_of(self.flipped.get(name)))
    }

    /// After an end without a failure: every object of the source is at the destination.
    pub(super) fn assert_source_is_held(&self, depth: Depth) {
        let there = self.objects("target");
        for (name, here) in self.objects("data") {
            let data = there.get(&name).unwrap_or_else(|| panic!("{name:?} is not at the destination"));
            let is_good = *data == here || self.may_pass(&name, data, depth);
            assert!(is_good, "{name:?} has {} wrong bytes at the destination", data.len());
        }
    }

    /// After "safe to switch": every head is whole at the destination.
    pub(super) fn assert_heads_are_held(&self) {
        let there = self.objects("target");
        for library in 0..self.written.len() {
            for name in self.needed(library) {
                let data = there.get(&name).unwrap_or_else(|| panic!("{name:?} of a head is not at the destination"));
                assert!(self.may_pass(&name, data, Depth::Sizes), "{name:?} of a head is wrong at the destination");
            }
        }
    }

    /// Whatever the program did, an object that was right at the destination is there and right.
    pub(super) fn assert_nothing_right_became_wrong(&self, before: &Objects) {
        let there = self.objects("target");
        for (name, data) in before.iter().filter(|(name, data)| self.truth.get(name) == Some(*data)) {
            assert_eq!(there.get(name), Some(data), "{name:?} was right at the destination");
        }
    }

    /// What is gone from the source, or from its quarantine, is at the destination.
    pub(super) fn assert_removed_is_held(&self, here: &Objects, quarantine: &Objects, depth: Depth) {
        let (there, left, kept) = (self.objects("target"), self.objects("data"), self.quarantine());
        let gone_from_source = here.iter().filter(|(name, _)| !left.contains_key(name));
        let purged = quarantine.iter().filter(|(name, _)| !left.contains_key(name) && !kept.contains_key(name));
        for (name, data) in gone_from_source.chain(purged) {
            let held = there.get(name).unwrap_or_else(|| panic!("{name:?} was removed and the destination has none"));
            assert!(held == data || self.may_pass(name, held, depth), "{name:?} was removed and is wrong there");
        }
    }

    /// The destination has every object as the server wrote it.
    pub(super) fn assert_all_is_well(&self) {
        let there = self.objects("target");
        for (name, data) in &self.truth {
            assert_eq!(there.get(name), Some(data), "{name:?} is not at the destination as it was written");
        }
    }
}
