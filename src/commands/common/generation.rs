//! The generation of a destination while a pass works on it; see [`crate::history::incarnation`].
//!
//! A pass reads the incarnations of the destination's stores before it believes or lists anything, begins a generation
//! before it writes the first object, and another one when it ends. The list files move along ([`ListState`]).

use std::path::Path;
use std::sync::Arc;

use super::list_state::{self, ListState};
use crate::commands::common::failure::Failure;
use crate::conf::SideConf;
use crate::history::{Incarnation, Incarnations};
use crate::object::PerKind;
use crate::report::Console;
use crate::store::{ErrorKind, ReadStore, StoreError, WriteStore, at_once};

/// The incarnations of the destination's stores, `None` for one to which no pass ever wrote.
///
/// # Errors
/// When a store does not answer, or its control object cannot be understood.
pub fn incarnations<S>(stores: &PerKind<Arc<S>>) -> Result<Incarnations, StoreError>
where
    S: ReadStore + ?Sized,
{
    at_once(stores, |_, store| Incarnation::read(&**store))
}

/// The generation of a destination, held by the one pass that has the lease.
#[derive(Debug)]
pub struct Generation {
    stores: PerKind<Arc<dyn WriteStore>>,
    /// The side that they are.
    to: SideConf,
    now: PerKind<Incarnation>,
    /// Says of the list files what they are of; `None` when none are kept.
    lists: Option<ListState>,
}

/// How the incarnations that the stores show differ from those that a pass knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Change {
    /// They do not.
    None,
    /// The stores are the same ones, and somebody began a generation.
    Generation,
    /// A store is another one, or has no incarnation any more.
    Store,
}

impl Generation {
    /// Reads what the stores are and forgets the list files that are of another state. Stores without an incarnation get
    /// their first one.
    ///
    /// # Errors
    /// When a store does not answer, or a list file belongs to another destination or cannot be removed or written.
    pub fn read(
        stores: &PerKind<Arc<dyn WriteStore>>,
        to: &SideConf,
        prefix: Option<&Path>,
        console: &Console,
    ) -> Result<Self, Failure> {
        let shown = incarnations(stores)?;
        if let Some(prefix) = prefix {
            list_state::forget_lists_of_other_states(prefix, to, &shown, console)?;
        }
        let now = PerKind::from_fn(|kind| shown[kind].clone().unwrap_or_else(Incarnation::first));
        let lists = prefix.map(ListState::beside);
        // Only after the lists of other states are gone, because from here on every list counts as one of this state.
        lists.as_ref().map_or(Ok(()), |lists| lists.bind(to, &now, None))?;
        at_once(stores, |kind, store| shown[kind].as_ref().map_or_else(|| now[kind].write(&**store), |_| Ok(())))?;
        Ok(Self { stores: stores.clone(), to: to.clone(), now, lists })
    }

    /// Begins the generation in which the pass writes. The lease must be confirmed.
    ///
    /// # Errors
    /// When the stores are in another state than they were when they were read, or cannot be written.
    pub fn begin(&mut self) -> Result<(), Failure> {
        let shown = incarnations(&self.stores)?;
        if self.change(&shown) != Change::None {
            return Err(Failure::Locked(
                "another process changed the state of the destination while this run read what it holds, so nothing was \
                 copied; run again"
                    .to_owned(),
            ));
        }
        self.move_to(self.now.clone().map(|now| now.pass_begun()))
    }

    /// Begins the generation that says how the pass ended. The lease must be held still.
    ///
    /// # Errors
    /// When a store was replaced or emptied while the pass ran, or cannot be written.
    pub fn end(&mut self, exit_code: u8, console: &Console) -> Result<(), Failure> {
        let shown = incarnations(&self.stores)?;
        match self.change(&shown) {
            Change::None => self.move_to(self.now.clone().map(|now| now.pass_ended(exit_code))),
            Change::Generation => {
                console.warning(
                    "another process changed the state of the destination while this run wrote, as a \
                     verification does that finds anything wrong; the next run lists the destination again",
                );
                let ended =
                    |kind| shown[kind].as_ref().map_or_else(Incarnation::first, |shown| shown.pass_ended(exit_code));
                self.write(&PerKind::from_fn(ended))
            }
            Change::Store => Err(self.replaced(&shown)),
        }
    }

    fn change(&self, shown: &Incarnations) -> Change {
        let of_store = |(kind, now): (_, &Incarnation)| match &shown[kind] {
            Some(shown) if shown == now => Change::None,
            Some(shown) if shown.is_same_store(now) => Change::Generation,
            _ => Change::Store,
        };
        let changes: Vec<Change> = self.now.iter().map(of_store).collect();
        let worst = [Change::Store, Change::Generation].into_iter().find(|change| changes.contains(change));
        worst.unwrap_or(Change::None)
    }

    /// The failure of a pass at whose end a store is another one.
    fn replaced(&self, shown: &Incarnations) -> Failure {
        let is_same = |kind| shown[kind].as_ref().is_some_and(|shown| shown.is_same_store(&self.now[kind]));
        let places: Vec<String> = (self.stores.iter())
            .filter(|(kind, _)| !is_same(*kind))
            .map(|(_, store)| store.location().to_string())
            .collect();
        let cause = "it was emptied, replaced or unmounted while this run wrote, so what was copied may be gone; see what \
                     happened to it, and run again";
        StoreError::new(ErrorKind::Other, "read", places.join(", "), cause).into()
    }

    fn move_to(&mut self, next: PerKind<Incarnation>) -> Result<(), Failure> {
        if let Some(lists) = &self.lists {
            lists.bind(&self.to, &self.now, Some(&next))?;
        }
        self.write(&next)?;
        // No list is good for the old generation any more, because objects follow that it does not have.
        self.lists.as_ref().map_or(Ok(()), |lists| lists.bind(&self.to, &next, None))?;
        self.now = next;
        Ok(())
    }

    fn write(&self, next: &PerKind<Incarnation>) -> Result<(), Failure> {
        at_once(&self.stores, |kind, store| next[kind].write(&**store))?;
        Ok(())
    }
}
