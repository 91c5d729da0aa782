//! Calls to the stores of all kinds at once: they are different servers, or one that answers many.

use crate::flow::tasks::{self, Seats};
use crate::object::{ObjectKind, PerKind};

/// Calls `call` for every kind at the same time, and returns when all have answered.
///
/// # Errors
/// The first error in the order of the kinds.
pub fn at_once<S, T, E>(
    stores: &PerKind<S>,
    call: impl Fn(ObjectKind, &S) -> Result<T, E> + Sync,
) -> Result<PerKind<T>, E>
where
    S: Sync,
    T: Send,
    E: Send,
{
    let asked: Vec<(ObjectKind, &S)> = stores.iter().collect();
    let mut answers = each_at_once(&asked, |(kind, store)| call(*kind, store))?.into_iter();
    Ok(PerKind::from_fn(|_| answers.next().expect("each kind was asked")))
}

/// Calls `call` for every one of several stores at the same time, and returns when all have answered.
///
/// # Errors
/// The first error in the order of the stores.
pub fn each_at_once<S, T, E>(stores: &[S], call: impl Fn(&S) -> Result<T, E> + Sync) -> Result<Vec<T>, E>
where
    S: Sync,
    T: Send,
    E: Send,
{
    tasks::map(&Seats::new(stores.len().saturating_sub(1)), stores, call).into_iter().collect()
}
