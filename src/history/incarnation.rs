//! The incarnation of a store: a random id and a generation number, kept in the store itself.
//!
//! A place (a bucket's name, a folder's path) does not identify the objects there: a bucket can be deleted and created
//! again, a disk may not be mounted, an older backup may be restored. So the first pass writes a control object with a
//! random id and a generation to each of the destination's stores. Each pass begins a new generation when it starts and
//! another one when it ends, and a verification that finds anything wrong begins one, too. Everything that is recorded about a destination (a list, verified heads, a checkpoint, a
//! verification) belongs to the generation at which it was recorded. It is not used for a destination with another id,
//! another generation, or no incarnation.

use serde::{Deserialize, Serialize};

use crate::object::PerKind;
use crate::store::control::{self, Lasting};
use crate::store::{ReadStore, StoreError, WriteStore};

/// The version of the control object.
const FORMAT: u32 = 1;

/// The id and generation of a store. Two are equal only when no pass wrote to the store between their readings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Incarnation {
    /// The version of these fields.
    format: u32,
    /// Made once, at random: 32 hexadecimal digits.
    store: String,
    /// The number of times that a pass began or ended. It grows by one each time.
    generation: u64,
    /// Made at random for each generation, so that two copies of a store with separate histories differ at equal
    /// generations.
    token: String,
    /// How the newest pass ended: its exit code; `None` while it runs, when it was killed, and before the first pass.
    last_pass: Option<u8>,
}

impl Incarnation {
    /// The first incarnation of a store that was never a destination.
    pub fn first() -> Self {
        Self { format: FORMAT, store: random(), generation: 1, token: random(), last_pass: None }
    }

    /// The generation that a pass begins when it starts.
    #[must_use]
    pub fn pass_begun(&self) -> Self {
        Self { last_pass: None, ..self.later() }
    }

    /// The generation that a pass begins when it has ended with `exit_code`.
    #[must_use]
    pub fn pass_ended(&self, exit_code: u8) -> Self {
        Self { last_pass: Some(exit_code), ..self.later() }
    }

    /// The generation that a verification begins when it has found anything wrong: what was recorded before it about
    /// this store is not to be relied on.
    #[must_use]
    pub fn found_wrong(&self) -> Self {
        self.later()
    }

    fn later(&self) -> Self {
        Self { generation: self.generation + 1, token: random(), ..self.clone() }
    }

    /// The exit code of the newest pass; `None` while it runs, when it was killed, and before the first pass.
    pub const fn last_pass(&self) -> Option<u8> {
        self.last_pass
    }

    /// Whether both are the same store, whatever their generations.
    pub fn is_same_store(&self, other: &Self) -> bool {
        self.store == other.store
    }

    /// The generation: how often a pass began or ended.
    pub const fn generation(&self) -> u64 {
        self.generation
    }

    /// Reads the incarnation of a store; `None` when no pass ever wrote to it.
    ///
    /// # Errors
    /// When the store does not answer, or its control object cannot be parsed.
    pub fn read(store: &(impl ReadStore + ?Sized)) -> Result<Option<Self>, StoreError> {
        control::read(store, &control::INCARNATION)
    }

    /// Writes this incarnation to the store, which begins its generation.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub fn write(&self, store: &(impl WriteStore + ?Sized)) -> Result<(), StoreError> {
        control::write(store, &control::INCARNATION, self, Lasting::Durable)
    }
}

/// The incarnations of a destination's three stores; `None` for a store to which no pass ever wrote.
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
        let second = Incarnation::read(&store).unwrap().unwrap().pass_begun();
        second.write(&store).unwrap();
        let read = Incarnation::read(&store).unwrap().unwrap();
        assert_eq!(read, second);
        assert!(read.is_same_store(&first) && read != first && read.generation() == 2);
        assert!(!read.is_same_store(&Incarnation::first()));
    }

    #[test]
    fn histories_that_parted_differ_at_the_same_generation() {
        let first = Incarnation::first();
        assert_ne!(first.pass_begun(), first.pass_begun());
    }

    #[test]
    fn how_the_newest_pass_ended_is_known_until_the_next_one_begins() {
        let ended = Incarnation::first().pass_begun().pass_ended(1);
        assert_eq!((ended.last_pass(), ended.found_wrong().last_pass()), (Some(1), Some(1)));
        assert_eq!(ended.pass_begun().last_pass(), None);
        assert!(ended.found_wrong() != ended && ended.found_wrong().is_same_store(&ended));
    }
}
