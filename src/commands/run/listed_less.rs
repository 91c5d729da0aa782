//! What earlier passes copied is a second witness of how many objects the source had.

use std::sync::atomic::Ordering;

use crate::conf::SideConf;
use crate::metrics::Counters;
use crate::object::ObjectKind;
use crate::report::{Console, format};

/// Warns once for each kind of which the destination held more than the source lists now. To be called of a full pass, when
/// it has listed the source: a retry lists nothing.
pub(super) fn warn_of_less(counters: &Counters, from: &SideConf, console: &Console) {
    for kind in ObjectKind::ALL {
        let numbers = counters.kind(kind);
        let more = numbers.held.get().saturating_sub(numbers.listed.get());
        if more > 0 && numbers.source_listed.load(Ordering::Relaxed) {
            console.warning(format_args!(
                "the destination held {} of [{kind}] more than {} lists now. Garbage collection on the old server does that; \
                 if there was none, the listing was not whole: see `verify`",
                format::plural(more, "object"),
                from.store(kind).location(),
            ));
        }
    }
}
