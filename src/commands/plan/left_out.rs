//! What of the source the options leave out of a run, so that it shows what they save.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use crate::metrics::Counter;
use crate::object::{LibraryId, PerKind};
use crate::report::format;
use crate::store::Listed;

/// What is left out of one kind.
#[derive(Debug, Default)]
pub(super) struct LeftOut {
    /// How many objects.
    pub(super) objects: Counter,
    /// Their bytes, where the listing gives sizes.
    bytes: Counter,
    libraries: Mutex<BTreeSet<LibraryId>>,
}

impl LeftOut {
    /// Counts objects of one page that are left out.
    pub(super) fn count(&self, objects: &[Listed]) {
        if objects.is_empty() {
            return;
        }
        self.objects.add(objects.len() as u64);
        self.bytes.add(objects.iter().filter_map(|object| object.size).sum());
        let mut libraries = self.libraries.lock().unwrap_or_else(PoisonError::into_inner);
        libraries.extend(objects.iter().map(|object| object.key.library));
    }
}

/// A line that says what is left out; `None` when nothing is.
pub(super) fn line(kinds: &PerKind<LeftOut>) -> Option<String> {
    let objects: u64 = kinds.values().map(|kind| kind.objects.get()).sum();
    let bytes = kinds.values().map(|kind| kind.bytes.get()).sum();
    let mut libraries = BTreeSet::new();
    for kind in kinds.values() {
        libraries.extend(kind.libraries.lock().unwrap_or_else(PoisonError::into_inner).iter().copied());
    }
    let of = format::libraries(libraries.len() as u64);
    (objects > 0).then(|| {
        format!(
            "Left out by --library and --exclude-library: {} of {of}, {}.",
            format::plural(objects, "object"),
            format::bytes(bytes)
        )
    })
}
