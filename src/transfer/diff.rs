//! What the source has and the destination lacks.

use crate::index::Index;
use crate::store::{Listed, SizeMatch};

pub use crate::transfer::spool::Spool;

/// The objects of a page that must be copied.
///
/// | destination holds it | sizes | copied |
/// |---|---|---|
/// | no | | yes |
/// | yes | one of them is unknown | no |
/// | yes | destination's is not smaller | no |
/// | yes | destination's is smaller: what a crash leaves | yes |
pub fn missing_from(known: &Index, page: &[Listed]) -> Vec<Listed> {
    // A cursor, because pages mostly ascend, and it finds the next key faster than a look-up from the root.
    let mut cursor = known.cursor();
    let is_missing = |object: &&Listed| match cursor.find(&object.key) {
        None => true,
        Some(held) => SizeMatch::of(held.size, object.size) == SizeMatch::Shorter,
    };
    page.iter().filter(is_missing).copied().collect()
}
