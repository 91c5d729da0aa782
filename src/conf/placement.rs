//! Which library is in which storage class, as the server's database said.

use std::collections::BTreeMap;
use std::sync::Arc;

use sha1::{Digest, Sha1};

use crate::object::LibraryId;

/// Which storage class of one side each library is in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Placement {
    /// The class of each library that is not in the default class.
    of: BTreeMap<LibraryId, Arc<str>>,
}

impl Placement {
    /// The placement in which each library of `of` is in that class, and all others are in the class `default`.
    pub fn new(of: impl IntoIterator<Item = (LibraryId, Arc<str>)>, default: &str) -> Self {
        // A library that a row puts into the default class is where it would be without the row.
        Self { of: of.into_iter().filter(|(_, class)| **class != *default).collect() }
    }

    /// The class of a library; `None` for the default class.
    pub fn class_of(&self, library: LibraryId) -> Option<&str> {
        self.of.get(&library).map(|class| &**class)
    }

    /// The libraries that are not in the default class, each with its class, in the order of their ids.
    pub fn elsewhere(&self) -> impl Iterator<Item = (LibraryId, &str)> {
        self.of.iter().map(|(library, class)| (*library, &**class))
    }

    /// A text that two placements have in common only when they are the same: 20 hexadecimal digits.
    pub fn digest(&self) -> String {
        let mut digest = Sha1::new();
        for (library, class) in self.elsewhere() {
            digest.update(library.to_string().as_bytes());
            digest.update([0]);
            digest.update(class.as_bytes());
            digest.update([0]);
        }
        digest.finalize().iter().take(10).map(|byte| format!("{byte:02x}")).collect()
    }
}
