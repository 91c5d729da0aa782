//! Compares two listings: counts the objects that they settle, and returns the objects to compare in the stores.

use std::iter::Peekable;

use super::{Object, Sample, Tally};
use crate::index::{Index, IndexEntry, Iter, ListError};
use crate::object::ObjectKey;
use crate::store::{Listed, SizeForms, SizeMatch};

/// The most objects that a step settles. It is bounded so that the progress shown moves.
const STEP: u64 = 4096;

/// Objects of one library, in the order of their keys: those that the listings settle, followed by at most one
/// that has to be compared in the stores.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// The last key of the step, in the source or the destination.
    pub last: ObjectKey,
    /// The counts of the objects that the listings settle.
    pub plain: Tally,
    /// The object to compare in the stores.
    pub object: Option<Object>,
}

/// Iterates over both listings of one kind.
#[derive(Debug)]
pub struct Steps<'s> {
    from: Peekable<Iter<'s>>,
    to: Peekable<Iter<'s>>,
    sample: Sample,
    sizes: SizeForms,
}

impl<'s> Steps<'s> {
    /// The steps after the key `after`, or all steps. The content of the objects in `sample` is to be read. `sizes` are the forms of the
    /// sizes in `to`, which are held, and in `from`, which are expected.
    pub fn new(from: &'s Index, to: &'s Index, after: Option<ObjectKey>, sample: Sample, sizes: SizeForms) -> Self {
        let items = |set: &'s Index| match after {
            None => set.iter(),
            Some(after) => set.iter_after(after),
        };
        Self { from: items(from).peekable(), to: items(to).peekable(), sample, sizes }
    }

    fn key(&mut self) -> Option<ObjectKey> {
        // An unreadable listing sorts before all keys, so that its error is returned first.
        let key = |item: Option<&Result<Listed, ListError>>| match item {
            Some(Ok(listed)) => Some(listed.key),
            Some(Err(_)) => Some(ObjectKey::MIN),
            None => None,
        };
        let (from, to) = (key(self.from.peek()), key(self.to.peek()));
        from.into_iter().chain(to).min()
    }

    /// The object of the source with this key; `None` when only the destination has it.
    fn take(&mut self, key: ObjectKey) -> Result<Option<Object>, ListError> {
        let is_next = |item: &Result<Listed, ListError>| item.as_ref().map_or(true, |listed| listed.key == key);
        let to = self.to.next_if(is_next).transpose()?.map(|listed| IndexEntry { size: listed.size });
        let from = self.from.next_if(is_next).transpose()?;
        Ok(from.map(|from| Object { key, from: from.size, to, content: self.sample.takes(&key) }))
    }

    /// Whether both listings give the same size and the content is not to be read.
    fn is_settled(&self, object: &Object) -> bool {
        let is_same = |size| self.sizes.compare(size, object.from) == SizeMatch::Same;
        !object.content && object.to.is_some_and(|held| is_same(held.size))
    }

    fn step(&mut self, first: ObjectKey) -> Result<Step, ListError> {
        let mut step = Step { last: first, plain: Tally::default(), object: None };
        while let Some(key) = self.key() {
            if key.library != first.library || step.plain.objects + step.plain.extra >= STEP {
                break;
            }
            match self.take(key)? {
                None => step.plain.extra += 1,
                Some(object) if self.is_settled(&object) => {
                    step.plain.objects += 1;
                    step.plain.bytes += object.from.unwrap_or(0);
                }
                Some(object) => step.object = Some(object),
            }
            step.last = key;
            if step.object.is_some() {
                break;
            }
        }
        Ok(step)
    }
}

impl Iterator for Steps<'_> {
    type Item = Result<Step, ListError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.key().map(|first| self.step(first))
    }
}
