//! One value for each kind of object.
//!
//! Only files on disk depend on the order of [`ObjectKind::ALL`]; in memory, a value is found by its kind.

use std::ops::{Index, IndexMut};

use serde::{Deserialize, Serialize};

use super::ObjectKind;

/// One value for each [`ObjectKind`], found by the kind. In JSON it is an array in the order of [`ObjectKind::ALL`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PerKind<T>([T; 3]);

impl<T> PerKind<T> {
    /// The values that `make` returns for each kind, called in the order of [`ObjectKind::ALL`].
    pub fn from_fn(make: impl FnMut(ObjectKind) -> T) -> Self {
        Self(ObjectKind::ALL.map(make))
    }

    /// The values that `make` returns for each kind, called in the order of [`ObjectKind::ALL`] until one call fails.
    ///
    /// # Errors
    /// The first error of `make`.
    pub fn try_from_fn<E>(mut make: impl FnMut(ObjectKind) -> Result<T, E>) -> Result<Self, E> {
        let [commits, fs, blocks] = ObjectKind::ALL;
        Ok(Self([make(commits)?, make(fs)?, make(blocks)?]))
    }

    /// The value of a kind; for constants, where `[kind]` is not possible.
    pub const fn get(&self, kind: ObjectKind) -> &T {
        &self.0[kind.index()]
    }

    /// Each kind and its value, in the order of [`ObjectKind::ALL`].
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (ObjectKind, &T)> + DoubleEndedIterator {
        ObjectKind::ALL.into_iter().zip(&self.0)
    }

    /// Each kind and a mutable reference to its value, in the order of [`ObjectKind::ALL`].
    pub fn iter_mut(&mut self) -> impl ExactSizeIterator<Item = (ObjectKind, &mut T)> + DoubleEndedIterator {
        ObjectKind::ALL.into_iter().zip(&mut self.0)
    }

    /// The values without their kinds, in the order of [`ObjectKind::ALL`].
    pub fn values(&self) -> std::slice::Iter<'_, T> {
        self.0.iter()
    }

    /// Applies `change` to each value.
    pub fn map<U>(self, change: impl FnMut(T) -> U) -> PerKind<U> {
        PerKind(self.0.map(change))
    }

    /// References to the values.
    pub fn each_ref(&self) -> PerKind<&T> {
        PerKind(self.0.each_ref())
    }
}

impl<T> PerKind<Option<T>> {
    /// The values; `None` unless every kind has one.
    pub fn all(self) -> Option<PerKind<T>> {
        match self.0 {
            [Some(commits), Some(fs), Some(blocks)] => Some(PerKind([commits, fs, blocks])),
            _ => None,
        }
    }
}

impl<T> Index<ObjectKind> for PerKind<T> {
    type Output = T;

    fn index(&self, kind: ObjectKind) -> &T {
        self.get(kind)
    }
}

impl<T> IndexMut<ObjectKind> for PerKind<T> {
    fn index_mut(&mut self, kind: ObjectKind) -> &mut T {
        &mut self.0[kind.index()]
    }
}

impl<T> IntoIterator for PerKind<T> {
    type Item = (ObjectKind, T);
    type IntoIter = std::iter::Zip<std::array::IntoIter<ObjectKind, 3>, std::array::IntoIter<T, 3>>;

    fn into_iter(self) -> Self::IntoIter {
        ObjectKind::ALL.into_iter().zip(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_found_by_its_kind() {
        let mut names = PerKind::from_fn(|kind| kind.to_string());
        for kind in ObjectKind::ALL {
            assert_eq!(names[kind], kind.as_str());
            assert_eq!(names.get(kind), kind.as_str());
        }
        names[ObjectKind::Fs] += "!";
        assert_eq!(names.values().collect::<Vec<_>>(), ["commits", "fs!", "blocks"]);
    }

    #[test]
    fn kinds_come_with_their_values_whichever_way_they_are_gone_through() {
        let mut lengths = PerKind::from_fn(|kind| kind.as_str().len());
        let expected = [(ObjectKind::Commits, 7), (ObjectKind::Fs, 2), (ObjectKind::Blocks, 6)];
        assert_eq!(lengths.iter().map(|(kind, n)| (kind, *n)).collect::<Vec<_>>(), expected);
        assert_eq!(lengths.into_iter().collect::<Vec<_>>(), expected);
        lengths.iter_mut().for_each(|(kind, n)| *n += usize::from(kind == ObjectKind::Blocks));
        assert_eq!(lengths.map(|n| n * 10), PerKind::from_fn(|kind| [70, 20, 70][kind.index()]));
    }

    #[test]
    fn the_first_failure_ends_the_making() {
        let mut asked = Vec::new();
        let made = PerKind::try_from_fn(|kind| {
            asked.push(kind);
            if kind == ObjectKind::Fs { Err("no fs") } else { Ok(kind) }
        });
        assert_eq!(made, Err("no fs"));
        assert_eq!(asked, [ObjectKind::Commits, ObjectKind::Fs]);
        assert_eq!(PerKind::try_from_fn(Ok::<_, ()>), Ok(PerKind::from_fn(|kind| kind)));
    }

    #[test]
    fn all_is_all_or_nothing() {
        let with = |lacking: Option<ObjectKind>| PerKind::from_fn(|kind| (lacking != Some(kind)).then_some(kind));
        assert_eq!(with(None).all(), Some(PerKind::from_fn(|kind| kind)));
        for kind in ObjectKind::ALL {
            assert_eq!(with(Some(kind)).all(), None);
        }
    }

    #[test]
    fn json_is_an_array_of_three() {
        let sizes = PerKind::from_fn(|kind| kind.index() + 1);
        let json = serde_json::to_string(&sizes).unwrap();
        assert_eq!(json, "[1,2,3]");
        assert_eq!(serde_json::from_str::<PerKind<usize>>(&json).unwrap(), sizes);
        for wrong in ["[1,2]", "[1,2,3,4]", "{}", "1"] {
            assert!(serde_json::from_str::<PerKind<usize>>(wrong).is_err(), "{wrong}");
        }
    }
}
