//! Which store a destination is, by what the store itself carries, and how often it was written.
//!
//! A place (a bucket's name, a folder's path) says nothing about what is there: a bucket can be emptied and made anew, a
//! disk not be mounted, an older backup be restored. So the first pass puts a control object into each of the
//! destination's stores, with a random id and a generation. Each pass begins a new generation and ends it with
//! another one, and every memory of a destination (a list, heads that were found whole, a checkpoint, a verification) is
//! bound to the generation at which it was true. A destination that has another id, another generation, or none is
//! not the one that is remembered.

use serde::{Deserialize, Serialize};

use crate::object::PerKind;
use crate::store::{ReadStore, StoreError, WriteStore, control};

/// The version of the control object.
const FORMAT: u32 = 1;

/// One store, at one time of its life. Two are the same only when nothing was written by a pass in between.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Incarnation {
    /// The version of these fields.
    format: u32,
    /// Made once, at random: 32 hexadecimal digits.
    store: String,
    /// Grows by one when a pass begins and when it ends.
    generation: u64,
    /// Made at random for each generation, so that two histories which parted are told apart at equal numbers.
    token: String,
}

impl Incarnation {
    /// A store that never was a destination before.
    pub fn first() -> Self {
        Self { format: FORMAT, store: random(), generation: 1, token: random() }
    }

    /// The same store, one generation later.
    #[must_use]
    pub fn next(&self) -> Self {
        Self { generation: self.generation + 1, token: random(), ..self.clone() }
    }

    /// Whether both are the same store, whatever their generations.
    pub fn is_same_store(&self, other: &Self) -> bool {
        self.store == other.store
    }

    /// How often a pass began or ended.
    pub const fn generation(&self) -> u64 {
        self.generation
    }

    /// What a store says of itself; `None` when no pass ever wrote to it.
    ///
    /// # Errors
    /// When the store does not answer, or its control object is of no use.
    pub fn read(store: &(impl ReadStore + ?Sized)) -> Result<Option<Self>, StoreError> {
        control::read(store, &control::INCARNATION)
    }

    /// Begins this generation: from now on the store says so.
    ///
    /// # Errors
    /// When the store does not take it.
    pub fn write(&self, store: &(impl WriteStore + ?Sized)) -> Result<(), StoreError> {
        control::write(store, &control::INCARNATION, self)
    }
}

/// The three stores of a destination; `None` where no pass ever wrote.
pub type Incarnations = PerKind<Option<Incarnation>>;

fn random() -> String {
    format!("{:032x}", fastrand::u128(..))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::ObjectKind;
    use crate::store::backend::memory::MemoryStore;

    #[test]
    fn a_store_keeps_its_id_and_grows_in_generations() {
        let store = MemoryStore::new(ObjectKind::Blocks, "a");
        assert_eq!(Incarnation::read(&store).unwrap(), None);
        let first = Incarnation::first();
        first.write(&store).unwrap();
        let second = Incarnation::read(&store).unwrap().unwrap().next();
        second.write(&store).unwrap();
        let read = Incarnation::read(&store).unwrap().unwrap();
        assert_eq!(read, second);
        assert!(read.is_same_store(&first) && read != first && read.generation() == 2);
        assert!(!read.is_same_store(&Incarnation::first()));
    }

    #[test]
    fn histories_that_parted_differ_at_the_same_generation() {
        let first = Incarnation::first();
        assert_ne!(first.next(), first.next());
    }
}
