//! The listing of several stores of which one has no order: one after the other.

use std::sync::Arc;

use super::Classes;
use crate::object::KeyRange;
use crate::store::control::is_control;
use crate::store::{Page, Part, ReadStore, StoreError};

/// Where a listing of stores one by one is.
struct Place {
    /// The position of the store.
    leaf: usize,
    /// What is to be listed of it.
    part: Part,
    /// Whether the stores after it are to be listed, too.
    and_others: bool,
}

impl<S: ReadStore + ?Sized> Classes<S> {
    /// The parts of each of the stores.
    pub(super) fn parts_one_by_one(&self, within: &KeyRange) -> Result<Vec<Part>, StoreError> {
        let mut parts = Vec::new();
        for (leaf, store) in self.stores().enumerate() {
            let of_leaf = store.parts(within)?.into_iter();
            parts.extend(of_leaf.map(|part| at(*within, Place { leaf, part, and_others: false })));
        }
        Ok(parts)
    }

    /// The first page of `part`.
    pub(super) fn list_one_by_one(&self, part: &Part) -> Result<Page, StoreError> {
        let range = part.range;
        let first = Place { leaf: 0, part: Part::new(range), and_others: true };
        let place = part.memo.as_ref().and_then(|memo| memo.downcast_ref::<Place>()).unwrap_or(&first);
        let leaf = place.leaf;
        let mut page = self.leaves[leaf].store.list(&place.part)?;
        page.objects = self.at_home(leaf, page.objects, &mut page.ignored);
        // An own object of this program is in every one of the stores.
        page.objects.retain(|object| range.contains(&object.key) && (leaf == 0 || !is_control(&object.key)));
        let next = leaf + 1;
        page.rest = match page.rest {
            Some(part) => Some(at(range, Place { leaf, part, and_others: place.and_others })),
            None if place.and_others && next < self.leaves.len() => {
                Some(at(range, Place { leaf: next, part: Part::new(range), and_others: true }))
            }
            None => None,
        };
        Ok(page)
    }
}

/// A part of the whole: an unordered store covers with each what was asked for.
fn at(range: KeyRange, place: Place) -> Part {
    Part { range, memo: Some(Arc::new(place)) }
}
