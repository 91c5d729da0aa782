//! Two sizes of one object side by side: the one comparison that decides what is copied, believed and removed.

use std::cmp::Ordering;

/// How the size of an object at one place stands to the size that is expected there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SizeMatch {
    /// Both sizes are known, and equal.
    Same,
    /// One of them, or both, is not known.
    Unknown,
    /// Fewer bytes are held than expected: what a crash in the middle of a write leaves.
    Shorter,
    /// More bytes are held than expected.
    Longer,
}

impl SizeMatch {
    /// Compares sizes in bytes: what is `held`, mostly at the destination, with what is `expected`, mostly by the
    /// source. `None` is a size that nobody told, as RADOS tells none in its listings.
    ///
    /// | held | expected | |
    /// |---|---|---|
    /// | unknown | unknown | `Unknown` |
    /// | unknown | 5 | `Unknown` |
    /// | 5 | unknown | `Unknown` |
    /// | 5 | 5 | `Same` |
    /// | 4 | 5 | `Shorter` |
    /// | 6 | 5 | `Longer` |
    ///
    /// What an unknown size means is for the caller to say: whoever copies takes it for the same, whoever removes asks
    /// the store first.
    pub fn of(held: Option<u64>, expected: Option<u64>) -> Self {
        let (Some(held), Some(expected)) = (held, expected) else { return Self::Unknown };
        match held.cmp(&expected) {
            Ordering::Less => Self::Shorter,
            Ordering::Equal => Self::Same,
            Ordering::Greater => Self::Longer,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_of_the_table_is_so() {
        let table = [
            (None, None, SizeMatch::Unknown),
            (None, Some(5), SizeMatch::Unknown),
            (Some(5), None, SizeMatch::Unknown),
            (Some(5), Some(5), SizeMatch::Same),
            (Some(4), Some(5), SizeMatch::Shorter),
            (Some(6), Some(5), SizeMatch::Longer),
            (Some(0), Some(0), SizeMatch::Same),
            (Some(0), None, SizeMatch::Unknown),
        ];
        for (held, expected, result) in table {
            assert_eq!(SizeMatch::of(held, expected), result, "{held:?} {expected:?}");
        }
    }
}
