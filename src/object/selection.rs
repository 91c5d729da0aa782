//! Which libraries a command is about: all, some, or all but some.

use std::collections::BTreeSet;

use serde::Serialize;

use super::{KeyRange, LibraryId, ObjectKey};

/// The libraries that a command is about. As JSON it is `null`, `{"only": [...]}` or `{"without": [...]}`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Selection {
    /// Every library.
    #[default]
    All,
    /// These alone.
    Only(BTreeSet<LibraryId>),
    /// All but these.
    Without(BTreeSet<LibraryId>),
}

impl Selection {
    /// Whether every library is meant.
    pub const fn is_all(&self) -> bool {
        matches!(self, Self::All)
    }

    /// Whether a library is meant.
    pub fn has(&self, library: LibraryId) -> bool {
        match self {
            Self::All => true,
            Self::Only(libraries) => libraries.contains(&library),
            Self::Without(libraries) => !libraries.contains(&library),
        }
    }

    /// The key ranges that hold every object of the libraries and no other one, ascending.
    pub fn ranges(&self) -> Vec<KeyRange> {
        match self {
            Self::All => vec![KeyRange::ALL],
            Self::Only(libraries) => libraries.iter().copied().map(KeyRange::library).collect(),
            Self::Without(libraries) => {
                let (mut ranges, mut rest) = (Vec::new(), Some(KeyRange::ALL));
                for library in libraries {
                    let (Some(open), hole) = (rest, KeyRange::library(*library)) else { break };
                    ranges.extend(open.before(hole.first()));
                    rest = open.after(hole.last());
                }
                ranges.extend(rest);
                ranges
            }
        }
    }

    /// The libraries that alone are meant, ascending; none when all or all but some are.
    pub fn only(&self) -> Vec<LibraryId> {
        match self {
            Self::Only(libraries) => libraries.iter().copied().collect(),
            Self::All | Self::Without(_) => Vec::new(),
        }
    }

    /// Whether an object is of such a library.
    pub fn contains(&self, key: &ObjectKey) -> bool {
        self.has(key.library)
    }
}

impl Serialize for Selection {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::All => serializer.serialize_none(),
            Self::Only(libraries) => serializer.collect_map([("only", libraries)]),
            Self::Without(libraries) => serializer.collect_map([("without", libraries)]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::ObjectId;

    fn libraries(numbers: &[u8]) -> BTreeSet<LibraryId> {
        numbers.iter().map(|number| LibraryId::from_bytes([*number; 16])).collect()
    }

    #[test]
    fn ranges_hold_the_libraries_that_are_meant_and_no_other() {
        for selection in [
            Selection::All,
            Selection::Only(libraries(&[0, 3, 255])),
            Selection::Only(libraries(&[])),
            Selection::Without(libraries(&[0, 3, 4])),
            Selection::Without(libraries(&[7, 255])),
        ] {
            let ranges = selection.ranges();
            assert!(ranges.is_sorted_by(|one, next| one.last() < next.first()), "{ranges:?}");
            for number in 0..=255u8 {
                for id in [[0; 20], [9; 20], [255; 20]] {
                    let key = ObjectKey::new(LibraryId::from_bytes([number; 16]), ObjectId::from_bytes(id));
                    let hit = ranges.iter().filter(|range| range.contains(&key)).count();
                    assert_eq!(hit, usize::from(selection.contains(&key)), "{number} in {selection:?}");
                }
            }
        }
    }

    #[test]
    fn a_report_says_which_libraries_were_meant() {
        let json = |selection| serde_json::to_string(&selection).unwrap();
        assert_eq!(json(Selection::All), "null");
        let only = json(Selection::Only(libraries(&[1])));
        assert_eq!(only, r#"{"only":["01010101-0101-0101-0101-010101010101"]}"#);
        assert!(json(Selection::Without(libraries(&[1]))).starts_with(r#"{"without":["#));
    }
}
