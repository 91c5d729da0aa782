//! The counts of a comparison, for one kind or for one library and kind.

use std::iter::Sum;

use serde::{Deserialize, Serialize};

use super::{Comparison, Examined, Fault};

/// The counts of compared objects and of their results; also a row of the report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// Objects of the source that were compared, whatever the result.
    pub objects: u64,
    /// The sum of their sizes in bytes, as far as the source's listing gives sizes.
    pub bytes: u64,
    /// Objects whose content was read at the destination and hashed.
    pub read: u64,
    /// The bytes that were read.
    pub read_bytes: u64,
    /// Objects that the destination does not hold.
    pub missing: u64,
    /// Objects that have fewer bytes at the destination than in the source.
    pub shorter: u64,
    /// Objects that have more bytes at the destination than in the source.
    pub longer: u64,
    /// Objects whose bytes differ from the source's, and that do not have their id or are commits.
    pub damaged: u64,
    /// Objects that a store cannot read.
    pub unreadable: u64,
    /// Objects of the source's listing that neither side holds any more.
    pub vanished: u64,
    /// Objects of which one answer of a store was wrong and another one good.
    pub wrong_once: u64,
    /// Objects whose bytes in the source do not have their id; the destination has the same, or the right ones.
    pub source_damaged: u64,
    /// Objects that only the destination has.
    pub extra: u64,
}

impl Tally {
    /// Adds the counts of another tally.
    pub fn add(&mut self, other: &Self) {
        let numbers = other.numbers();
        for (mine, number) in self.numbers_mut().into_iter().zip(numbers) {
            *mine += number;
        }
    }

    /// Counts the result of an object with this size in bytes. An unchecked object is not counted.
    pub fn count(&mut self, size: Option<u64>, examined: &Examined) {
        let counted = match &examined.outcome {
            Comparison::Unchecked(_) => return,
            Comparison::Good => None,
            Comparison::Vanished => Some(&mut self.vanished),
            Comparison::SourceDamage(_) => Some(&mut self.source_damaged),
            Comparison::Finding(fault, _) => Some(self.fault_mut(*fault)),
            Comparison::Archived { .. } => Some(self.fault_mut(Fault::Unreadable)),
        };
        if let Some(number) = counted {
            *number += 1;
        }
        self.wrong_once += u64::from(!examined.wrong_once.is_empty());
        self.objects += 1;
        self.bytes += size.unwrap_or(0);
        self.read += u64::from(examined.read.is_some());
        self.read_bytes += examined.read.unwrap_or(0);
    }

    /// The number of objects with a fault.
    pub fn findings(&self) -> u64 {
        Fault::ALL.into_iter().map(|fault| self.fault(fault)).sum()
    }

    /// The number of objects with this fault.
    pub const fn fault(&self, fault: Fault) -> u64 {
        match fault {
            Fault::Missing => self.missing,
            Fault::Shorter => self.shorter,
            Fault::Longer => self.longer,
            Fault::Damaged => self.damaged,
            Fault::Unreadable => self.unreadable,
        }
    }

    const fn fault_mut(&mut self, fault: Fault) -> &mut u64 {
        match fault {
            Fault::Missing => &mut self.missing,
            Fault::Shorter => &mut self.shorter,
            Fault::Longer => &mut self.longer,
            Fault::Damaged => &mut self.damaged,
            Fault::Unreadable => &mut self.unreadable,
        }
    }

    const fn numbers(&self) -> [u64; 13] {
        let Self { objects, bytes, read, read_bytes, missing, shorter, .. } = *self;
        let Self { longer, damaged, unreadable, vanished, wrong_once, source_damaged, extra, .. } = *self;
        [
            objects,
            bytes,
            read,
            read_bytes,
            missing,
            shorter,
            longer,
            damaged,
            unreadable,
            vanished,
            wrong_once,
            source_damaged,
            extra,
        ]
    }

    const fn numbers_mut(&mut self) -> [&mut u64; 13] {
        let Self {
            objects,
            bytes,
            read,
            read_bytes,
            missing,
            shorter,
            longer,
            damaged,
            unreadable,
            vanished,
            wrong_once,
            source_damaged,
            extra,
        } = self;
        [
            objects,
            bytes,
            read,
            read_bytes,
            missing,
            shorter,
            longer,
            damaged,
            unreadable,
            vanished,
            wrong_once,
            source_damaged,
            extra,
        ]
    }
}

impl<'t> Sum<&'t Self> for Tally {
    fn sum<I: Iterator<Item = &'t Self>>(tallies: I) -> Self {
        let mut sum = Self::default();
        tallies.for_each(|tally| sum.add(tally));
        sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_is_added() {
        let json = |tally: &Tally| serde_json::to_value(tally).unwrap();
        let names: Vec<String> = json(&Tally::default()).as_object().unwrap().keys().cloned().collect();
        assert_eq!(names.len(), 13);
        for (at, name) in names.iter().enumerate() {
            let mut one = json(&Tally::default());
            one[name] = (at as u64 + 1).into();
            let mut sum = Tally::default();
            (0..3).for_each(|_| sum.add(&serde_json::from_value(one.clone()).unwrap()));
            one[name] = (3 * (at as u64 + 1)).into();
            assert_eq!(json(&sum), one);
        }
    }

    #[test]
    fn an_object_that_could_not_be_checked_is_not_settled() {
        use crate::store::{ErrorKind, StoreError};
        let mut tally = Tally::default();
        let error = StoreError::new(ErrorKind::Timeout, "read", "x", "no answer");
        tally.count(Some(5), &Examined { outcome: Comparison::Unchecked(error), read: None, wrong_once: Vec::new() });
        assert_eq!(tally, Tally::default());
        for fault in Fault::ALL {
            tally.count(
                Some(5),
                &Examined { outcome: Comparison::Finding(fault, String::new()), read: Some(5), wrong_once: Vec::new() },
            );
            assert_eq!(tally.fault(fault), 1, "{}", fault.as_str());
        }
        tally.count(None, &Examined { outcome: Comparison::Vanished, read: None, wrong_once: Vec::new() });
        assert_eq!((tally.objects, tally.findings(), tally.bytes, tally.read), (6, 5, 25, 5));
    }
}
