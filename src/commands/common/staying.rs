//! The kinds that a migration leaves where they are: listed, so that they are known to be there, and never copied.

use std::sync::atomic::Ordering;

use crate::commands::common::failure::Failure;
use crate::commands::common::other_layout;
use crate::listing::{Stream, WalkError, walk};
use crate::metrics::Counters;
use crate::object::{KeyRange, ObjectKind};
use crate::report::{Console, format};
use crate::store::{Listed, ReadStore};
use crate::sys::shutdown::Shutdown;

/// Lists these ranges of a kind that stays, and counts what is there as there.
///
/// # Errors
/// When it cannot be listed to its end, or holds objects in the layout of another backend.
pub fn count(
    kind: ObjectKind,
    store: &dyn ReadStore,
    ranges: &[KeyRange],
    listers: usize,
    counters: &Counters,
    console: &Console,
    shutdown: &Shutdown,
) -> Result<(), Failure> {
    console.log(format_args!("Start to list [{kind}] object, which stays where it is"));
    let open = || Count { kind, counters };
    match walk(store, ranges, listers, shutdown, open) {
        Ok(walked) => {
            other_layout::require_none("the source", store.location(), &walked.ignored)?;
            counters.count_ignored(kind, walked.ignored);
            let numbers = counters.kind(kind);
            numbers.held.add(numbers.listed.get());
            numbers.source_listed.store(true, Ordering::Relaxed);
            console.log(format_args!("[{kind}] {} objects stay where they are", format::count(numbers.listed.get())));
            Ok(())
        }
        Err(WalkError::Store(error)) => Err(error.into()),
        Err(WalkError::Interrupted) => Err(Failure::cut_short("listing what stays")),
        Err(WalkError::Stream(never)) => match never {},
    }
}

/// Counts pages of which nothing is to be copied; nothing can go wrong.
struct Count<'a> {
    kind: ObjectKind,
    counters: &'a Counters,
}

impl Stream for Count<'_> {
    type Error = std::convert::Infallible;

    fn page(&mut self, _covered: KeyRange, objects: Vec<Listed>) -> Result<(), Self::Error> {
        self.counters.count_listed(self.kind, &objects, &[]);
        Ok(())
    }

    fn end(self) -> Result<(), Self::Error> {
        Ok(())
    }
}
