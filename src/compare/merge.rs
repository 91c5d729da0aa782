//! Two listings side by side: what is settled by them alone, and what needs a look.

use std::iter::Peekable;

use super::{Object, Sample, Tally};
use crate::index::{Index, IndexEntry, Iter, ListError};
use crate::object::ObjectKey;
use crate::store::{Listed, SizeMatch};

/// How many objects a step settles at most, so that progress moves.
const STEP: u64 = 4096;

/// Some objects of one library, in the order of their keys: those that the listings settle, and after them at most one
/// that needs a look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// The last key, in the source or the destination.
    pub last: ObjectKey,
    /// What the listings settle.
    pub plain: Tally,
    /// What needs a look.
    pub object: Option<Object>,
}

/// Goes through both listings of one kind.
#[derive(Debug)]
pub struct Steps<'s> {
    from: Peekable<Iter<'s>>,
    to: Peekable<Iter<'s>>,
    sample: Sample,
}

impl<'s> Steps<'s> {
    /// The steps after `after`, or all of them. What `sample` takes is read.
    pub fn new(from: &'s Index, to: &'s Index, after: Option<ObjectKey>, sample: Sample) -> Self {
        let items = |set: &'s Index| match after {
            None => set.iter(),
            Some(after) => set.iter_after(after),
        };
        Self { from: items(from).peekable(), to: items(to).peekable(), sample }
    }

    fn key(&mut self) -> Option<ObjectKey> {
        // A listing that cannot be read comes before all keys, so that nothing is judged without it.
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

    fn step(&mut self, first: ObjectKey) -> Result<Step, ListError> {
        let mut step = Step { last: first, plain: Tally::default(), object: None };
        while let Some(key) = self.key() {
            if key.library != first.library || step.plain.objects + step.plain.extra >= STEP {
                break;
            }
            match self.take(key)? {
                None => step.plain.extra += 1,
                Some(object) if is_settled(&object) => {
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

/// Whether both listings say the same size and nobody wants the content.
fn is_settled(object: &Object) -> bool {
    !object.content && object.to.is_some_and(|held| SizeMatch::of(held.size, object.from) == SizeMatch::Same)
}

impl Iterator for Steps<'_> {
    type Item = Result<Step, ListError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.key().map(|first| self.step(first))
    }
}
