//! What a check found wrong, before it is called damage: a library that changed meanwhile may be as it should be.

use std::collections::BTreeSet;

use super::result::{HeadsResult, Moved, NAMED};
use crate::database::heads::{LibraryChange, LibraryRoots, Roots, Standing};
use crate::object::LibraryId;
use crate::reach::LibraryResult;

/// How many findings of a library are kept.
const FINDINGS: usize = 20;
/// Of how many libraries findings are kept; more than are named, because some may turn out to have changed meanwhile.
const WITH_FINDINGS: usize = 4 * NAMED;

/// What is wrong with a library, the worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Wrong {
    /// An object is missing or wrong at the destination, and not in the same way in the source.
    AtDestination,
    /// An object is missing in the source as well.
    MissingInSource,
    /// An object has the same wrong bytes on both sides.
    DamagedInSource,
}

/// A library with something wrong.
#[derive(Clone, Debug)]
struct BrokenLibrary {
    wrong: Wrong,
    origin: Option<LibraryId>,
    result: LibraryResult,
}

/// What a check found.
#[derive(Clone, Debug)]
pub struct HeadsFound {
    libraries: u64,
    unchanged: u64,
    /// Those of which everything that the head needs is at the destination.
    pub whole: u64,
    broken: Vec<BrokenLibrary>,
}

impl HeadsFound {
    /// Of so many libraries, these have not changed since they were found whole; nothing is known of the others yet.
    pub(super) const fn new(libraries: u64, unchanged: u64) -> Self {
        Self { libraries, unchanged, whole: unchanged, broken: Vec::new() }
    }

    /// Adds a library with something wrong.
    pub(super) fn add(&mut self, wrong: Wrong, roots: &LibraryRoots, result: LibraryResult) {
        let findings = if self.broken.len() < WITH_FINDINGS { FINDINGS } else { 0 };
        self.broken.push(BrokenLibrary { wrong, origin: roots.origin, result: result.cut(findings) });
    }

    /// What is wrong for good. `now` is a reading of the database after the check: a library that stands otherwise than
    /// in `before`, which the check went by, has changed meanwhile, and what its old head needed may have been removed
    /// by right. Where the database did not answer again, what was found stands.
    pub fn judged(self, before: &Roots, now: Result<&Roots, String>, accepted: &BTreeSet<LibraryId>) -> HeadsResult {
        let Self { libraries, unchanged, whole, broken } = self;
        let mut result = HeadsResult { libraries, unchanged, whole, ..HeadsResult::default() };
        for BrokenLibrary { wrong, origin, result: library } in broken {
            let to = match (&now, wrong) {
                (Ok(now), _) if has_changed(library.id, origin, before, now) => &mut result.changed_meanwhile,
                (_, Wrong::AtDestination) => &mut result.not_whole,
                (_, Wrong::MissingInSource) if accepted.contains(&library.id) => &mut result.accepted,
                (_, Wrong::MissingInSource) => &mut result.missing_in_source,
                (_, Wrong::DamagedInSource) => &mut result.damaged_in_source,
            };
            to.add(library);
        }
        result.moved = match now {
            Ok(now) => moved_between(before, now),
            Err(why) => Moved::Unknown { why },
        };
        result
    }
}

/// Whether a library, or the one that holds its objects, stands otherwise now. An origin whose head moved still has what
/// its virtual libraries need; one that is deleted has not.
fn has_changed(library: LibraryId, origin: Option<LibraryId>, before: &Roots, now: &Roots) -> bool {
    let is_gone = |origin: LibraryId| {
        let stands = now.standing(origin);
        matches!(stands, Standing::Garbage | Standing::Absent) && stands != before.standing(origin)
    };
    before.standing(library) != now.standing(library) || origin.is_some_and(is_gone)
}

/// Which libraries came, went, or have another head.
fn moved_between(before: &Roots, now: &Roots) -> Moved {
    let is_used = |standing: &Standing| matches!(standing, Standing::Live(_) | Standing::Trashed(_));
    // What was deleted before and is removed now concerns nobody.
    let concerns = |change: &LibraryChange| is_used(&change.before) || is_used(&change.after);
    let changes = now.changes_since(before).into_iter().filter(concerns);
    let mut libraries: Vec<LibraryId> = changes.map(|change| change.library).collect();
    let count = libraries.len() as u64;
    libraries.truncate(NAMED);
    Moved::Known { count, libraries }
}
