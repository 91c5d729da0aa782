//! Two readings of the tables compared, library by library.
//!
//! A server at work moves heads, and puts libraries into the trash and takes them away, while a pass runs. What a pass
//! finds wrong with such a library may be no damage but the change.

use std::collections::BTreeSet;

use super::{LibraryRoots, Roots};
use crate::object::{LibraryId, ObjectId};

/// Where a library stands in the tables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// In use, with its heads: one, or none when its row lacks it; any number when they were inferred.
    Live(Vec<ObjectId>),
    /// In the trash, from which it can be restored, with its heads.
    Trashed(Vec<ObjectId>),
    /// Deleted; the server removes its objects when it finds the time.
    Garbage,
    /// Not named anywhere.
    Absent,
}

/// A library that stood differently in an earlier reading.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LibraryChange {
    /// The library.
    pub library: LibraryId,
    /// Where it stood in the earlier reading.
    pub before: Standing,
    /// Where it stands in the later one.
    pub after: Standing,
}

impl Roots {
    /// What is known of one library; `None` for one that is only garbage, or not there.
    pub fn library(&self, id: LibraryId) -> Option<&LibraryRoots> {
        let at = self.libraries.binary_search_by_key(&id, |library| library.id).ok()?;
        self.libraries.get(at)
    }

    /// Where a library stands. One that is in use or in the trash is not garbage, whatever else names it.
    pub fn standing(&self, id: LibraryId) -> Standing {
        match self.library(id) {
            Some(library) if library.trashed => Standing::Trashed(library.heads.clone()),
            Some(library) => Standing::Live(library.heads.clone()),
            None if self.garbage.contains(&id) => Standing::Garbage,
            None => Standing::Absent,
        }
    }

    /// Every library that stands differently here than in an earlier reading, in the order of their ids.
    pub fn changes_since(&self, earlier: &Self) -> Vec<LibraryChange> {
        let named = |roots: &Self| -> BTreeSet<LibraryId> {
            roots.libraries.iter().map(|library| library.id).chain(roots.garbage.iter().copied()).collect()
        };
        let change =
            |library| LibraryChange { library, before: earlier.standing(library), after: self.standing(library) };
        let all = named(earlier).into_iter().chain(named(self)).collect::<BTreeSet<_>>();
        all.into_iter().map(change).filter(|change| change.before != change.after).collect()
    }
}
