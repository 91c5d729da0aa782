//! Which storage class each library is in, by the server's table `RepoStorageId`.
//!
//! A virtual library is stored with its origin, so it is in the class of that. A library without a row is in the default
//! class, whichever that is.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::object::LibraryId;

/// The storage classes of the libraries, as the tables say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LibraryClasses {
    /// The `storage_id` of each row, shared by the libraries that have the same.
    rows: BTreeMap<LibraryId, Arc<str>>,
    /// The origin of each virtual library.
    origins: BTreeMap<LibraryId, LibraryId>,
    /// The first library whose rows name two classes.
    contradicted: Option<LibraryId>,
}

impl LibraryClasses {
    /// The classes of `rows`, each a library and its `storage_id`, where the virtual libraries are those of `origins`, each
    /// with its origin.
    pub fn new(
        rows: impl IntoIterator<Item = (LibraryId, String)>,
        origins: impl IntoIterator<Item = (LibraryId, LibraryId)>,
    ) -> Self {
        let mut names: BTreeSet<Arc<str>> = BTreeSet::new();
        let mut shared = |name: String| {
            let name: Arc<str> = name.into();
            let known = names.get(&name).cloned();
            known.unwrap_or_else(|| {
                names.insert(Arc::clone(&name));
                name
            })
        };
        let (mut known, mut contradicted) = (BTreeMap::new(), None);
        for (library, name) in rows {
            let name = shared(name);
            if known.insert(library, Arc::clone(&name)).is_some_and(|earlier| earlier != name) {
                contradicted.get_or_insert(library);
            }
        }
        Self { rows: known, origins: origins.into_iter().collect(), contradicted }
    }

    /// A library whose rows name two classes, so that it is not known where it is; `None` when there is none.
    pub const fn contradicted(&self) -> Option<LibraryId> {
        self.contradicted
    }

    /// The class of a library; `None` where no row says it.
    pub fn of(&self, library: LibraryId) -> Option<&Arc<str>> {
        self.rows.get(self.origins.get(&library).unwrap_or(&library))
    }

    /// The rows as they are, in the order of the libraries.
    pub fn rows(&self) -> impl Iterator<Item = (LibraryId, &str)> {
        self.rows.iter().map(|(library, class)| (*library, &**class))
    }

    /// Every library of which a row says where it is, with its class: those with a row and the virtual ones of such an
    /// origin.
    pub fn placed(&self) -> impl Iterator<Item = (LibraryId, &Arc<str>)> {
        let named = self.rows.keys().filter(|library| !self.origins.contains_key(library)).chain(self.origins.keys());
        named.filter_map(|library| Some((*library, self.of(*library)?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_virtual_library_is_where_its_origin_is_whatever_its_own_row_says() {
        let [origin, branch, other, lone] = [1, 2, 3, 4].map(|n| LibraryId::from_bytes([n; 16]));
        let rows = [(origin, "cold"), (branch, "hot"), (other, "hot")].map(|(id, class)| (id, class.to_owned()));
        let classes = LibraryClasses::new(rows, [(branch, origin), (lone, LibraryId::from_bytes([9; 16]))]);
        let of = |library| classes.of(library).map(|class| &**class);
        assert_eq!([origin, branch, other, lone].map(of), [Some("cold"), Some("cold"), Some("hot"), None]);
        let placed: Vec<_> = classes.placed().map(|(library, class)| (library, &**class)).collect();
        assert_eq!(placed, [(origin, "cold"), (other, "hot"), (branch, "cold")]);
        assert_eq!((classes.rows().count(), classes.contradicted()), (3, None));
    }

    #[test]
    fn a_library_in_two_classes_is_named_and_one_with_the_same_row_twice_is_not() {
        let [one, other] = [1, 2].map(|n| LibraryId::from_bytes([n; 16]));
        let of = |rows: &[(LibraryId, &str)]| {
            LibraryClasses::new(rows.iter().map(|(id, class)| (*id, (*class).to_owned())), []).contradicted()
        };
        assert_eq!(of(&[(one, "hot"), (other, "cold"), (one, "hot")]), None);
        assert_eq!(of(&[(one, "hot"), (other, "cold"), (other, "hot")]), Some(other));
    }
}
