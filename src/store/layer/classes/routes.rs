//! Which of several stores has the objects of a library.

use std::collections::HashMap;

use crate::conf::ClassesConf;
use crate::object::LibraryId;

/// The position of each library's store.
#[derive(Clone, Debug)]
pub struct Routes {
    /// The libraries that are elsewhere than at `default`.
    of: HashMap<LibraryId, usize>,
    default: usize,
}

impl Routes {
    /// The routes on which each library of `of` is in the store at that position, and all others in the one at `default`.
    pub fn new(of: impl IntoIterator<Item = (LibraryId, usize)>, default: usize) -> Self {
        Self { of: of.into_iter().filter(|(_, leaf)| *leaf != default).collect(), default }
    }

    /// The routes of storage classes among their [`leaves`](crate::conf::StoreConf::leaves); `None` where the libraries were
    /// not placed yet, or one of them in a class that is not there.
    pub fn of(conf: &ClassesConf) -> Option<Self> {
        let leaves = conf.leaf_of_class();
        let of = conf.placement.as_ref()?.elsewhere().map(|(library, class)| Some((library, *leaves.get(class)?)));
        Some(Self::new(of.collect::<Option<Vec<_>>>()?, *leaves.get(conf.default_id())?))
    }

    /// The position of the store of a library.
    pub(super) fn leaf_of(&self, library: LibraryId) -> usize {
        self.of.get(&library).copied().unwrap_or(self.default)
    }

    /// The highest position that any library has.
    pub(super) fn most(&self) -> usize {
        self.of.values().copied().max().unwrap_or(0).max(self.default)
    }
}
