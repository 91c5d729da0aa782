//! The incarnations of a destination: read, and revoked when something was found wrong there.

use crate::conf::SideConf;
use crate::history::{Incarnation, Incarnations};
use crate::object::{ObjectKind, PerKind};
use crate::store::StoreError;
use crate::store::open::{OpenOptions, open_destination, open_destination_to_read};

/// The incarnations that the stores of a destination have now. Nothing is written.
///
/// # Errors
/// When a store cannot be opened or read, or its control object cannot be parsed.
pub fn read(to: &SideConf, options: &OpenOptions) -> Result<Incarnations, StoreError> {
    let shown = PerKind::try_from_fn(|kind| match open_destination_to_read(to.store(kind), options)? {
        Some(store) => Incarnation::read(&*store),
        None => Ok::<_, StoreError>(None),
    })?;
    Ok(of_moving(to, shown))
}

/// The same, where a kind that stays has the incarnation of one that moves: it carries none itself, and what is proved
/// about the side holds as long as what was written to it is as it was.
pub fn of_moving(to: &SideConf, shown: Incarnations) -> Incarnations {
    let moving = ObjectKind::ALL.into_iter().find(|kind| to.moves(*kind));
    let stand_in = moving.and_then(|kind| shown[kind].clone());
    PerKind::from_fn(|kind| if to.moves(kind) { shown[kind].clone() } else { stand_in.clone() })
}

/// Begins a generation in each store of a destination that was found wrong, so that nothing that was recorded about it
/// before is relied on, on whatever machine. A store to which no pass ever wrote has nothing recorded about it.
///
/// # Errors
/// When a store cannot be read or written.
pub fn found_wrong(to: &SideConf, options: &OpenOptions) -> Result<(), StoreError> {
    let known = read(to, options)?;
    ObjectKind::ALL.into_iter().try_for_each(|kind| match &known[kind] {
        Some(incarnation) => incarnation.found_wrong().write(&*open_destination(to.store(kind), options)?),
        None => Ok(()),
    })
}
