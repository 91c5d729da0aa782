//! Two sizes of one object side by side: the one comparison that decides what is copied, believed and removed.
//!
//! A store tells the bytes that it keeps, which are more than the object's own where it keeps them encrypted. So each store has a
//! form of sizes ([`SizeForm`]), and sizes of two stores are compared in the form that both can be brought to.

use std::cmp::Ordering;
use std::ops::RangeInclusive;

/// The length of a cipher's block in bytes.
const BLOCK: u64 = 16;

/// What the sizes that a store tells are of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SizeForm {
    /// The object's own bytes.
    #[default]
    Exact,
    /// The object's bytes filled up to whole blocks of 16 bytes, by 1 to 16 bytes, as an encrypted store keeps them.
    Padded,
}

impl SizeForm {
    /// The size that a store of this form tells of an object of `bytes` bytes.
    pub const fn of(self, bytes: u64) -> u64 {
        match self {
            Self::Exact => bytes,
            Self::Padded => (bytes / BLOCK).saturating_add(1).saturating_mul(BLOCK),
        }
    }

    /// How many bytes `count` objects can have together of which a store of this form tells `total`.
    pub const fn bytes_of(self, total: u64, count: u64) -> RangeInclusive<u64> {
        match self {
            Self::Exact => total..=total,
            Self::Padded => total.saturating_sub(count.saturating_mul(BLOCK))..=total.saturating_sub(count),
        }
    }
}

/// The forms of two sizes that are compared: what is held, mostly at the destination, and what is expected, mostly by the source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SizeForms {
    /// The form of the size that is held.
    pub held: SizeForm,
    /// The form of the size that is expected.
    pub expected: SizeForm,
}

impl SizeForms {
    /// Compares sizes in bytes. `None` is a size that nobody told, as RADOS tells none in its listings.
    ///
    /// | held | expected | |
    /// |---|---|---|
    /// | unknown | unknown | `Unknown` |
    /// | unknown | 5 | `Unknown` |
    /// | 5 | unknown | `Unknown` |
    /// | 5 | 5 | `Same` |
    /// | 4 | 5 | `Shorter` |
    /// | 6 | 5 | `Longer` |
    /// | padded 16 | 0 to 15 | `Same` |
    /// | padded 16 | 16 | `Shorter` |
    /// | 0 to 15 | padded 16 | `Same` |
    /// | 16 | padded 16 | `Longer` |
    /// | padded 16 | padded 16 | `Same` |
    ///
    /// What an unknown size means is for the caller to say: whoever copies takes it for the same, whoever removes asks
    /// the store first.
    pub fn compare(self, held: Option<u64>, expected: Option<u64>) -> SizeMatch {
        let (Some(held), Some(expected)) = (held, expected) else { return SizeMatch::Unknown };
        let (held, expected) = match (self.held, self.expected) {
            (SizeForm::Exact, SizeForm::Padded) => (SizeForm::Padded.of(held), expected),
            (SizeForm::Padded, SizeForm::Exact) => (held, SizeForm::Padded.of(expected)),
            _ => (held, expected),
        };
        match held.cmp(&expected) {
            Ordering::Less => SizeMatch::Shorter,
            Ordering::Equal => SizeMatch::Same,
            Ordering::Greater => SizeMatch::Longer,
        }
    }
}

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
            for form in [SizeForm::Exact, SizeForm::Padded] {
                let forms = SizeForms { held: form, expected: form };
                assert_eq!(forms.compare(held, expected), result, "{forms:?} {held:?} {expected:?}");
            }
        }
    }

    #[test]
    fn a_padded_size_is_that_of_sixteen_lengths_and_no_other() {
        let (of_both, turned) = (
            SizeForms { held: SizeForm::Padded, expected: SizeForm::Exact },
            SizeForms { held: SizeForm::Exact, expected: SizeForm::Padded },
        );
        for bytes in 0..100u64 {
            let padded = SizeForm::Padded.of(bytes);
            assert!(
                padded > bytes && padded - bytes <= 16 && padded.is_multiple_of(16),
                "{bytes} are kept as {padded}"
            );
            assert!(SizeForm::Padded.bytes_of(padded, 1).contains(&bytes));
            for other in 0..200u64 {
                let same = SizeForm::Padded.of(other) == padded;
                assert_eq!(of_both.compare(Some(padded), Some(other)) == SizeMatch::Same, same, "{padded} {other}");
                assert_eq!(turned.compare(Some(other), Some(padded)) == SizeMatch::Same, same, "{other} {padded}");
            }
        }
        assert_eq!(of_both.compare(Some(16), Some(16)), SizeMatch::Shorter);
        assert_eq!(turned.compare(Some(16), Some(16)), SizeMatch::Longer);
        assert_eq!(of_both.compare(None, Some(16)), SizeMatch::Unknown);
    }

    #[test]
    fn no_size_is_too_large_to_compare() {
        assert!(SizeForm::Padded.of(u64::MAX) > u64::MAX - 16);
        assert_eq!(SizeForm::Padded.bytes_of(0, u64::MAX), 0..=0);
    }
}
