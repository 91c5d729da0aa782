//! Opens the stores of storage classes as one store.

use std::sync::Arc;

use crate::conf::{ClassesConf, StoreConf};
use crate::store::layer::classes::{Absent, Classes, Leaf, Routes};
use crate::store::{ErrorKind, ReadStore, StoreError};

/// What `open` makes of the store of each class of `conf`, as one store.
///
/// # Errors
/// Those of `open`, and when nobody has said where the libraries are.
pub(super) fn open<S: ReadStore + ?Sized>(
    conf: &StoreConf,
    classes: &ClassesConf,
    open: impl Fn(&StoreConf) -> Result<Arc<S>, StoreError>,
) -> Result<Arc<Classes<S>>, StoreError> {
    let Some(routes) = Routes::of(classes) else {
        let cause = "it is not known which library is in which storage class; the server's database says it (--db)";
        return Err(StoreError::new(ErrorKind::Setup, "open", conf.location().to_string(), cause));
    };
    let leaf = |conf: StoreConf| {
        let class = conf.class.clone().unwrap_or_default();
        open(&conf).map(|store| Leaf { class, store })
    };
    let leaves = conf.leaves().into_iter().map(leaf).collect::<Result<_, _>>()?;
    Ok(Arc::new(Classes::new(conf.location(), leaves, routes)))
}

/// The same of stores that need not be there, of which `open` then makes none; `None` when none of them is.
///
/// # Errors
/// As [`open`].
pub(super) fn open_if_there<S: ReadStore + ?Sized>(
    conf: &StoreConf,
    classes: &ClassesConf,
    open_leaf: impl Fn(&StoreConf) -> Result<Option<Arc<S>>, StoreError>,
    absent: impl Fn(Absent) -> Arc<S>,
) -> Result<Option<Arc<Classes<S>>>, StoreError> {
    let opened: Vec<_> = conf.leaves().iter().map(&open_leaf).collect::<Result<_, _>>()?;
    if opened.iter().all(Option::is_none) {
        return Ok(None);
    }
    open(conf, classes, |leaf| {
        let at = conf.leaves().iter().position(|other| other == leaf);
        let store = at.and_then(|at| opened[at].clone());
        Ok(store.unwrap_or_else(|| absent(Absent::new(leaf.location()))))
    })
    .map(Some)
}
