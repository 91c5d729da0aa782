//! Calls to the stores of all kinds at once: they are different servers, or one that answers many.

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
    let call = &call;
    let mut answers = std::thread::scope(|scope| {
        let asked: Vec<_> = stores.iter().map(|(kind, store)| scope.spawn(move || call(kind, store))).collect();
        let joined =
            asked.into_iter().map(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        joined.collect::<Vec<_>>().into_iter()
    });
    PerKind::try_from_fn(|_| answers.next().expect("each kind was asked"))
}
