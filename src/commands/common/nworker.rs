//! The number of workers as users write it.

use std::fmt;
use std::str::FromStr;

use crate::flow::pool::Workers;

/// A number, or `auto` for as many as get the most done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Nworker {
    /// So many, or so many to begin with.
    pub count: usize,
    /// The most that there may be; `None` where the number is fixed.
    pub up_to: Option<usize>,
}

/// The most that can be asked for.
const MOST: usize = 4096;

/// With how many `auto` begins, and how many it may come to.
const BEGIN: usize = 64;
const GROW_TO: usize = 512;

/// Why a text is no number of workers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it is auto, or a whole number from 1 to {MOST}")]
pub struct ParseNworkerError;

impl Nworker {
    /// As many as get the most done.
    pub const AUTO: Self = Self { count: BEGIN, up_to: Some(GROW_TO) };

    /// The most that there may be.
    pub fn most(&self) -> usize {
        self.up_to.unwrap_or(self.count)
    }

    /// Workers in this number.
    pub fn workers(&self) -> Workers {
        self.up_to.map_or_else(|| self.count.into(), |most| Workers::growing(self.count, most))
    }

    /// The same on a machine that holds no more than `possible`.
    #[must_use]
    pub fn at_most(self, possible: usize) -> Self {
        Self { count: self.count.min(possible), up_to: self.up_to.map(|most| most.min(possible)) }
    }
}

impl FromStr for Nworker {
    type Err = ParseNworkerError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "auto" {
            return Ok(Self::AUTO);
        }
        let count = text.parse().ok().filter(|count| (1..=MOST).contains(count));
        count.map(|count| Self { count, up_to: None }).ok_or(ParseNworkerError)
    }
}

impl fmt::Display for Nworker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.up_to {
            Some(_) => f.write_str("auto"),
            None => write!(f, "{}", self.count),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_obeyed_and_auto_fits_the_machine() {
        assert_eq!("7".parse(), Ok(Nworker { count: 7, up_to: None }));
        assert_eq!("auto".parse(), Ok(Nworker::AUTO));
        for wrong in ["", "0", "4097", "-1", "many", "AUTO", "1.5"] {
            assert_eq!(wrong.parse::<Nworker>(), Err(ParseNworkerError), "{wrong}");
        }
        assert_eq!(Nworker::AUTO.at_most(100), Nworker { count: 64, up_to: Some(100) });
        assert_eq!(Nworker::AUTO.at_most(20), Nworker { count: 20, up_to: Some(20) });
        let asked_for = Nworker { count: 500, up_to: None };
        assert_eq!(asked_for.at_most(20), Nworker { count: 20, up_to: None });
        assert_eq!((Nworker::AUTO.workers().count(), Nworker::AUTO.workers().most()), (64, 512));
        assert_eq!((asked_for.workers().count(), asked_for.workers().most()), (500, 500));
    }
}
