//! The listing of several ordered stores as one: a page is what all of them have up to the smallest key that each has
//! settled.
//!
//! What a store listed beyond that key is kept in the memory of the part that is still to be listed, so that it is not
//! listed again. A part without that memory is listed anew, so the memory changes no result.

use std::sync::Arc;

use super::Classes;
use crate::object::{KeyRange, ObjectKey};
use crate::store::{ErrorKind, Ignored, Listed, NameSort, Page, Part, ReadStore, StoreError};

/// How far each store is ahead of the listing of all.
struct Ahead {
    /// The keys of which this says everything.
    covers: KeyRange,
    /// In the order of the stores.
    leaves: Vec<LeafAhead>,
}

/// How far one store is.
#[derive(Clone)]
struct LeafAhead {
    /// What it listed and nobody was given yet: objects of its own libraries, in ascending order.
    listed: Vec<Listed>,
    /// What is to be listed of it, which begins after what was; `None` when it is listed to the end.
    next: Option<Part>,
}

impl LeafAhead {
    /// A store of which nothing was listed yet.
    const fn new(range: KeyRange) -> Self {
        Self { listed: Vec::new(), next: Some(Part::new(range)) }
    }

    /// What of this is in `range`.
    fn within(&self, range: &KeyRange) -> Self {
        let from = self.listed.partition_point(|object| object.key < range.first());
        let to = self.listed.partition_point(|object| object.key <= range.last());
        let rest = |part: &Part| part.range.intersection(range).map(|rest| part.with_range(rest));
        Self { listed: self.listed[from..to].to_vec(), next: self.next.as_ref().and_then(rest) }
    }

    /// The last key that is settled; `None` when all are. Something must be.
    fn settled(&self) -> Option<ObjectKey> {
        self.next.as_ref().and_then(|next| next.range.first().predecessor())
    }

    /// Takes out what is listed up to `last`.
    fn take_up_to(&mut self, last: ObjectKey) -> Vec<Listed> {
        let rest = self.listed.split_off(self.listed.partition_point(|object| object.key <= last));
        std::mem::replace(&mut self.listed, rest)
    }
}

impl<S: ReadStore + ?Sized> Classes<S> {
    /// The first page of `part`.
    pub(super) fn list_merged(&self, part: &Part) -> Result<Page, StoreError> {
        let range = part.range;
        let mut leaves = self.ahead_of(part);
        let mut ignored = Ignored::default();
        for (position, leaf) in leaves.iter_mut().enumerate() {
            // Only of a store of which nothing is settled, because the others are ahead already.
            if let Some(next) = leaf.next.take_if(|next| next.range.first() == range.first()) {
                let page = self.leaves[position].store.list(&next)?;
                leaf.next = self.checked_rest(position, &next, page.rest)?;
                ignored.merge(page.ignored);
                leaf.listed = self.at_home(position, page.objects, &mut ignored);
            }
        }
        let settled = leaves.iter().filter_map(LeafAhead::settled).min();
        let last = settled.unwrap_or(range.last());
        let mut objects: Vec<Listed> = leaves.iter_mut().flat_map(|leaf| leaf.take_up_to(last)).collect();
        // The pieces are in order each, which this sort is fast with.
        objects.sort_by_key(|object| object.key);
        // An own object of this program is in every one of the stores.
        objects.dedup_by_key(|object| object.key);
        let rest = settled.and_then(|settled| range.after(settled));
        let rest = rest.map(|covers| Part { range: covers, memo: Some(Arc::new(Ahead { covers, leaves })) });
        Ok(Page { objects, ignored, rest })
    }

    /// How far the stores are in a part, by its memory where it has one of it.
    fn ahead_of(&self, part: &Part) -> Vec<LeafAhead> {
        let range = &part.range;
        let ahead = part.memo.as_ref().and_then(|memo| memo.downcast_ref::<Ahead>());
        match ahead.filter(|ahead| ahead.covers.intersection(range) == Some(*range)) {
            Some(ahead) => ahead.leaves.iter().map(|leaf| leaf.within(range)).collect(),
            None => self.leaves.iter().map(|_| LeafAhead::new(*range)).collect(),
        }
    }

    /// What is still to be listed of a store, when it says so of the end of what was asked for.
    fn checked_rest(&self, position: usize, asked: &Part, rest: Option<Part>) -> Result<Option<Part>, StoreError> {
        let Some(rest) = rest else { return Ok(None) };
        if rest.range.first() > asked.range.first() && rest.range.last() == asked.range.last() {
            return Ok(Some(rest));
        }
        let store = self.leaves[position].store.location().to_string();
        let cause = format!("the listing of {} went on at {}", asked.range, rest.range);
        Err(StoreError::new(ErrorKind::Protocol, "list", store, cause))
    }

    /// Those of the objects that a store lists whose libraries are in its class; the others are counted.
    pub(super) fn at_home(&self, position: usize, objects: Vec<Listed>, ignored: &mut Ignored) -> Vec<Listed> {
        let mut objects = objects;
        objects.retain(|object| {
            let is_at_home = self.is_at_home(position, &object.key);
            if !is_at_home {
                let name = format!("{} in class {}", object.key, self.leaves[position].class);
                ignored.add(NameSort::OtherClass, name.as_bytes());
            }
            is_at_home
        });
        objects
    }
}
