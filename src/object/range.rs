//! Ranges of keys: stores are listed, and indexes are split into shards, by ranges.

use std::fmt;

use super::{LibraryId, ObjectId, ObjectKey};

/// The keys from `first` to `last`, both included; never empty.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyRange {
    first: ObjectKey,
    last: ObjectKey,
}

impl KeyRange {
    /// Every possible key.
    pub const ALL: Self = Self { first: ObjectKey::MIN, last: ObjectKey::MAX };

    /// The keys from `first` to `last`; `None` when `last` comes before `first`.
    pub fn new(first: ObjectKey, last: ObjectKey) -> Option<Self> {
        (first <= last).then_some(Self { first, last })
    }

    /// Every key of one library.
    pub const fn library(library: LibraryId) -> Self {
        Self {
            first: ObjectKey::new(library, ObjectId::from_bytes([0; 20])),
            last: ObjectKey::new(library, ObjectId::from_bytes([255; 20])),
        }
    }

    /// The smallest key in the range.
    pub const fn first(&self) -> ObjectKey {
        self.first
    }

    /// The largest key in the range.
    pub const fn last(&self) -> ObjectKey {
        self.last
    }

    /// Whether `key` lies in the range.
    pub fn contains(&self, key: &ObjectKey) -> bool {
        self.first <= *key && *key <= self.last
    }

    /// The part of the range after `key`; `None` when it is empty.
    pub fn after(&self, key: ObjectKey) -> Option<Self> {
        Self::new(key.successor()?.max(self.first), self.last)
    }

    /// The part of the range before `key`; `None` when it is empty.
    pub fn before(&self, key: ObjectKey) -> Option<Self> {
        Self::new(self.first, key.predecessor()?.min(self.last))
    }

    /// The keys in both ranges; `None` when there are none.
    pub fn intersection(&self, other: &Self) -> Option<Self> {
        Self::new(self.first.max(other.first), self.last.min(other.last))
    }

    /// Whether `next` begins with the successor of this range's last key.
    pub fn is_followed_by(&self, next: &Self) -> bool {
        self.last.successor() == Some(next.first)
    }

    /// Cuts the range in two at the middle of its keys; `None` when it is a single key.
    pub fn halves(&self) -> Option<(Self, Self)> {
        let middle = midpoint(self.first, self.last);
        let lower = Self { first: self.first, last: middle };
        Some((lower, self.after(middle)?))
    }

    /// The longest common prefix of the texts `<library>/<object>` of all keys in the range.
    pub fn common_prefix(&self) -> String {
        let (first, last) = (self.first.text(), self.last.text());
        let shared = first.iter().zip(&last).take_while(|(a, b)| a == b).count();
        first[..shared].iter().map(|&byte| char::from(byte)).collect()
    }
}

/// The key half-way between two keys seen as 288-bit numbers, rounded down.
fn midpoint(low: ObjectKey, high: ObjectKey) -> ObjectKey {
    let (low, high) = (low.to_bytes(), high.to_bytes());
    let mut sum = [0u16; ObjectKey::LEN];
    let mut carry = 0;
    for at in (0..ObjectKey::LEN).rev() {
        let digit = u16::from(low[at]) + u16::from(high[at]) + carry;
        sum[at] = digit & 255;
        carry = digit >> 8;
    }
    let mut out = [0; ObjectKey::LEN];
    for (half, digit) in out.iter_mut().zip(sum) {
        let value = carry << 8 | digit;
        *half = u8::try_from(value >> 1).expect("half of a nine-bit number fits a byte");
        carry = value & 1;
    }
    ObjectKey::from_bytes(&out)
}

impl fmt::Display for KeyRange {
    /// The first key and the last one.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} to {}", self.first, self.last)
    }
}

impl fmt::Debug for KeyRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
